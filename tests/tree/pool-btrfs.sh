#!/bin/sh
# On btrfs a volume of format dir is a subvolume: made, copied at once, renamed, and removed with all that is in it.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require root 'mounts'
require losetup
require mkfs.btrfs
losetup -f > /dev/null 2>&1 || skip_all 'needs loop devices'
grep -qw btrfs /proc/filesystems || modprobe btrfs 2> /dev/null || skip_all 'needs btrfs in the kernel'

# shellcheck disable=SC2317
release() {
	status=$?
	set +e
	umount -l "$TMP/home" "$dir/moved/mount" "$dir" 2> /dev/null
	( exit "$status" )
	_cleanup
}
trap release EXIT

dir=$TMP/images
p=$M/pools/images
v=$p/volumes
mkdir "$dir" "$TMP/home"
truncate -s 128M "$TMP/disk"
mkfs.btrfs -q "$TMP/disk" > /dev/null
mount -o loop "$TMP/disk" "$dir"
loop=$(awk -v at="$dir" '$2 == at { print $1 }' /proc/mounts)
is_subvolume() { [ "$(stat -f -c %T "$1") $(stat -c %i "$1")" = 'btrfs 256' ]; }
why() { cat "$v/$1/error"; }

mount_domfs
mkdir "$p"
echo dir > "$p/type"
echo "$dir" > "$p/target"
echo start > "$p/state"

make() { mkdir "$v/$1" && echo dir > "$v/$1/format" && echo 0 > "$v/$1/capacity"; }
ok 'a directory as a volume' make web
ok 'is a subvolume' is_subvolume "$dir/web"
is "$(stat -c '%a %u' "$dir/web")" '700 0' 'of its owner only'
is "$(cat "$v/web/type") $(cat "$v/web/format")" 'dir dir' 'shown as a directory'
like "$(cat "$v/web/xml")" "<volume type='dir'>" 'and as libvirt calls it'
refused EEXIST mkdir "$v/web"
ok 'root may give it to others' sh -c "mkdir $v/given && cat > $v/given/xml" <<-XML
	<volume><name>given</name><capacity>0</capacity><target><format type='dir'/>
	<permissions><mode>0750</mode><owner>1234</owner><group>4321</group></permissions></target></volume>
	XML
is "$(stat -c '%a %u %g' "$dir/given")" '750 1234 4321' 'with the mode that was asked for'
ok 'an empty one goes' rmdir "$v/given"
ok 'from the disk' test ! -e "$dir/given"
mkdir "$dir/plain"
ok 'a plain directory is a volume' test -d "$v/plain"

# ---- clone ----

echo first > "$dir/web/page"
mkdir "$dir/web/sub"
head -c 40M /dev/urandom > "$dir/web/sub/big"
sync -f "$dir"
before=$(df --output=used -k "$dir" | tail -n 1)
ok 'a clone' sh -c "echo copy > $v/web/clone"
ok 'is a subvolume' is_subvolume "$dir/copy"
ok 'with all that was in it' cmp "$dir/web/sub/big" "$dir/copy/sub/big"
sync -f "$dir"
after=$(df --output=used -k "$dir" | tail -n 1)
ok 'which is not there twice' test $((after - before)) -lt 10240
echo second > "$dir/copy/page"
is "$(cat "$dir/web/page") $(cat "$dir/copy/page")" 'first second' 'what is written into one is not in the other'
is "$(cat "$v/copy/state") $(cat "$v/copy/type") $(cat "$v/copy/format")" 'ready dir dir'
refused EEXIST sh -c "echo copy > $v/web/clone"
refused ENOTSUP sh -c "echo copy2 > $v/plain/clone"
like "$(why plain)" 'no btrfs subvolume.*cp -a' 'a plain directory is not cloned, and it is said what would do'
ln -s web "$dir/link"
refused ENOTDIR sh -c "echo copy2 > $v/link/clone"
like "$(why link)" 'symbolic link' 'nor is what a link leads to'
rm "$dir/link"
mkdir "$M/pools/more" "$TMP/more"
echo dir > "$M/pools/more/type"
echo "$TMP/more" > "$M/pools/more/target"
echo start > "$M/pools/more/state"
refused ENOTSUP sh -c "echo more/web > $v/web/clone"
ok 'no empty directory is made instead' test ! -e "$TMP/more/web"
mkdir "$v/raw" && echo raw > "$v/raw/format" && echo 1M > "$v/raw/capacity"
refused ENOTSUP sh -c "echo 'copy2 dir' > $v/raw/clone"
ok 'of neither' test ! -e "$dir/copy2"

# ---- rename, remove ----

ok 'rename' mv "$v/copy" "$v/moved"
ok 'it is the same subvolume' is_subvolume "$dir/moved"
is "$(cat "$dir/moved/page")" second
mkdir "$dir/moved/mount"
mount -t tmpfs none "$dir/moved/mount"
refused EBUSY rmdir "$v/moved"
like "$(why moved)" "umount '$dir/moved/mount' first" 'what is mounted in it keeps it'
umount "$dir/moved/mount"
mount -t btrfs -o subvol=moved "$loop" "$TMP/home"
refused EBUSY rmdir "$v/moved"
like "$(why moved)" "umount '$TMP/home' first" 'and so does that it is mounted elsewhere'
is "$(cat "$TMP/home/page")" second 'it is whole'
umount "$TMP/home"
ok 'remove' rmdir "$v/moved"
ok 'with all that was in it' test ! -e "$dir/moved"
: > "$dir/plain/file"
refused ENOTEMPTY rmdir "$v/plain"
like "$(why plain)" 'empty it first' 'what is no subvolume is to be empty'

# ---- what others made, and one in another ----

mkdir "$M/pools/inner"
echo dir > "$M/pools/inner/type"
echo "$dir/web/sub" > "$M/pools/inner/target"
echo start > "$M/pools/inner/state"
v=$M/pools/inner/volumes
ok 'one in another' make nested
ok 'is a subvolume' is_subvolume "$dir/web/sub/nested"
v=$p/volumes
refused ENOTEMPTY rmdir "$v/web"
like "$(why web)" 'other btrfs subvolumes in it: remove those first' 'the outer one stays'
is "$(cat "$dir/web/page") $(cat "$v/web/state")" 'first ready' 'as it was'
refused ENOTSUP sh -c "echo copy > $v/web/clone"
like "$(why web)" 'would be empty in a snapshot' 'a copy without what is in it is not made'
ok 'no half of it' test ! -e "$dir/copy"
ok 'the inner one goes' rmdir "$M/pools/inner/volumes/nested"
echo stop > "$M/pools/inner/state"
ok 'and then the outer one' rmdir "$v/web"
ok 'with all that was in it' test ! -e "$dir/web"
if command -v btrfs > /dev/null; then
	btrfs -q subvolume create "$dir/theirs" > /dev/null
	echo kept > "$dir/theirs/file"
	btrfs subvolume snapshot -r "$dir/theirs" "$dir/frozen" > /dev/null
	is "$(cat "$v/theirs/type") $(cat "$v/frozen/type")" 'dir dir' 'what others made is shown'
	ok 'a snapshot that is read-only is cloned' sh -c "echo thawed > $v/frozen/clone"
	ok 'and the copy can be written' sh -c "echo new > $dir/thawed/file"
	ok 'removed' rmdir "$v/theirs" "$v/frozen" "$v/thawed"
	is "$(ls "$dir" | tr '\n' ' ')" 'plain raw ' 'nothing of them is left'
else
	skip 'what others made' 'needs btrfs'
fi
echo stop > "$p/state"
done_testing
