#!/bin/sh
# disks/TARGET/volume shows and sets which volume a disk is; volumes/VOL/users shows the other end.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
mount_domfs
d=$M/domains/web
v=$M/pools/images/volumes
dir=$TMP/images

mkdir "$dir" "$M/pools/images"
echo dir > "$M/pools/images/type"
echo "$dir" > "$M/pools/images/target"
truncate -s 1M "$dir/root" "$dir/other" "$dir/a b"
mkdir "$d"
test_xml web "<disk type='file' device='disk'><source file='$dir/root'/><target dev='vda' bus='virtio'/></disk>
	<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>" > "$TMP/web.xml"
cp "$TMP/web.xml" "$d/xml"

ok 'an inactive pool has no volumes: no link' sh -c "! readlink $d/disks/vda/volume"
echo start > "$M/pools/images/state"
is "$(ls "$v" | tr '\n' ' ')" 'a b other root ' 'the pool has its files'
is "$(readlink "$d/disks/vda/volume")" ../../../../pools/images/volumes/root 'a path in a pool is its volume'
is "$(readlink "$d/config/disks/vda/volume")" ../../../../../pools/images/volumes/root 'below config, too'
is "$(cat "$d/disks/vda/volume/path")" "$dir/root" 'the link leads there'
is "$(cat "$d/config/disks/vda/volume/path")" "$dir/root" 'from both places'
like "$(ls "$d/disks/vda")" '^volume$' 'it is listed'
unlike "$(ls "$d/disks/sda")" '^volume$' 'an empty drive has none'
is "$(readlink "$v/root/users/web")" ../../../../../domains/web 'the volume knows its user'
is "$(cat "$v/root/users/web/state")" shutoff 'the link leads there'
is "$(ls "$v/other/users")" '' 'another has none'

refused EEXIST ln -sT ../../../../pools/images/volumes/other "$d/disks/vda/volume"
ok 'ln -sfn sets it' ln -sfn ../../../../pools/images/volumes/other "$d/disks/vda/volume"
is "$(readlink "$d/disks/vda/volume")" ../../../../pools/images/volumes/other 'so it is'
is "$(cat "$d/disks/vda/source")" images/other 'source says POOL/VOLUME'
like "$(cat "$d/config/xml")" "type=.volume." 'it is a volume in the definition'
like "$(cat "$d/config/xml")" "pool=.images. volume=.other." 'of that pool'
is "$(ls "$v/root/users") $(ls "$v/other/users")" ' web' 'the users follow'
is "$(ls "$d/disks/vda" | grep -c '^Cu')" 0 'no temporary link is left'
is "$(ls -a "$d/disks/vda" | sort | uniq -d)" '' 'nothing is listed twice'

ok 'source takes POOL/VOLUME' sh -c "echo images/root > $d/disks/vda/source"
is "$(readlink "$d/disks/vda/volume")" ../../../../pools/images/volumes/root
ok 'and the target of such a link' sh -c "echo ../../../../pools/images/volumes/other > $d/disks/vda/source"
is "$(cat "$d/disks/vda/source")" images/other
ok 'and a path again' sh -c "echo $dir/root > $d/disks/vda/source"
like "$(cat "$d/config/xml")" "type=.file." 'then it is a file'
ok 'an absolute link' ln -sfn "$M/pools/images/volumes/a b" "$d/disks/vda/volume"
is "$(cat "$d/disks/vda/source")" 'images/a b' 'with a blank in its name'

for target in /etc/passwd ../../../../pools/images ../../other pools/images/volumes/; do
	refused EINVAL ln -sfn "$target" "$d/disks/vda/volume"
done
like "$(cat "$d/disks/vda/error")" 'pools/POOL/volumes/VOLUME' 'the reason says what would work'
refused ENOENT ln -sfn ../../../../pools/images/volumes/nothing "$d/disks/vda/volume"
like "$(cat "$d/disks/vda/error")" "'images' has no volume 'nothing'" 'the reason names it'
refused EINVAL ln -sfn ../../../../pools/none/volumes/root "$d/disks/vda/volume"
refused EINVAL sh -c "echo none/root > $d/disks/vda/source"
like "$(cat "$d/disks/vda/error")" "there is no pool 'none'" 'and what is missing'
refused EPERM ln -s x "$d/disks/vda/stray"
refused EPERM ln -s x "$d/stray"
is "$(cat "$d/disks/vda/source")" 'images/a b' 'nothing of that changed it'

mkdir "$d/disks/vdb"
ok 'a link attaches a new disk' ln -s ../../../../pools/images/volumes/other "$d/disks/vdb/volume"
is "$(cat "$d/disks/vdb/source")" images/other
unlike "$(cat "$d/disks/vdb/state")" staged 'as writing source does'
ok 'a medium' ln -s ../../../../pools/images/volumes/root "$d/disks/sda/volume"
is "$(cat "$d/disks/sda/source")" images/root
ok 'rm takes it out' rm "$d/disks/sda/volume"
is "$(cat "$d/disks/sda/source")" '' 'the drive is empty'
refused EINVAL rm "$d/disks/vdb/volume"
like "$(cat "$d/disks/vdb/error")" 'detach' 'a disk needs an image'
rm -rf "$d" 2>/dev/null || :
is "$(cat "$d/disks/vdb/source")" images/other 'rm -rf takes nothing'

if [ -n "${DOMFS_OVER:-}" ]; then
	skip 'other users' 'one connection is one user'
	ln -sfn '../../../../pools/images/volumes/a b' "$d/disks/vda/volume"
elif [ "$(id -u)" = 0 ]; then
	chmod 600 "$dir/root" "$dir/other"
	chmod 777 "$d/disks/vda"; chmod 666 "$d/disks/vda/source"
	refused EACCES as_user 1234 ln -sfn ../../../../pools/images/volumes/root "$d/disks/vda/volume"
	like "$(cat "$d/disks/vda/error")" "'$dir/root'" 'who is not the owner gives what he himself may read'
	refused EACCES as_user 1234 sh -c "echo images/root > $d/disks/vda/source"
	chmod 644 "$dir/root"
	ok 'then he may' as_user 1234 ln -sfn ../../../../pools/images/volumes/root "$d/disks/vda/volume"
	ln -sfn '../../../../pools/images/volumes/a b' "$d/disks/vda/volume"
fi
echo start > "$d/state"
is "$(ls "$v/other/users")" web 'a running guest is a user'
echo "$dir/root" > "$d/config/disks/vdb/source"
is "$(readlink "$d/disks/vdb/volume") $(readlink "$d/config/disks/vdb/volume")" \
	'../../../../pools/images/volumes/other ../../../../../pools/images/volumes/root' 'now and next may differ'
is "$(ls "$v/other/users") $(ls "$v/root/users")" 'web web' 'both are used'
kill_domfs
remount_domfs
wait_for 20 grep -qx active "${v%/volumes}/state"
is "$(ls "$v/other/users") $(ls "$v/root/users")" 'web web' 'after a crash as before'
echo destroy > "$d/state"
mv "$d" "$M/domains/db"
d=$M/domains/db
is "$(ls "$v/other/users") $(ls "$v/root/users")" ' db' 'only the next start counts'
mv "$v/root" "$v/new"
ok 'a path that is gone is no volume' sh -c "! readlink $d/config/disks/vdb/volume"
echo stop > "$M/pools/images/state"
is "$(readlink "$d/disks/vda/volume")" '../../../../pools/images/volumes/a b' 'a volume stays one when its pool stops'
done_testing
