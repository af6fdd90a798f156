#!/bin/sh
# What tests/lab/inside-p9.sh runs besides the tree's tests: users, rights, whole trees, what the kernel itself refuses.  DOMFS_OVER=v9fs...
# shellcheck disable=SC2016
. "$(dirname "$0")/../lib.sh"
require root
mount_domfs

d=$M/domains/web
mkdir "$d"
test_xml web "<disk type='file'><source file='/nowhere/a.img'/><target dev='vda'/></disk>" > "$TMP/web.xml"
cp "$TMP/web.xml" "$d/xml"
like "$(grep -F " $M " /proc/self/mountinfo)" ' - 9p ' 'it is the kernel that mounts it'
is "$(stat -f -c %t "$M")" 65735546 'tail -f polls this kind of file system'

# --- whole trees ---

find "$M" -printf '%P %y %m %l\n' | sort > "$TMP/names"
tar cf "$TMP/tar" -C "$M" . 2> "$TMP/said" || fail 'tar' "$(cat "$TMP/said")"
is "$(tar tf "$TMP/tar" | wc -l)" "$(wc -l < "$TMP/names")" 'tar has every name that find has'
grep '^domains/web/disks/vda/source ' "$TMP/names" > "$TMP/one"
is "$(cat "$TMP/one")" 'domains/web/disks/vda/source f 644 '
is "$(readlink "$M/by-uuid/$(cat "$d/uuid")")" ../domains/web

# --- bytes ---

mkdir "$TMP/images" "$M/pools/images"
echo "$TMP/images" > "$M/pools/images/target"
echo start > "$M/pools/images/state"
/usr/bin/head -c 3000000 /dev/urandom > "$TMP/bytes"
v=$M/pools/images/volumes/root
mkdir "$v"
echo raw > "$v/format"
echo 3000000 > "$v/capacity"
ok 'an image is written' cp "$TMP/bytes" "$v/image"
ok 'and stored' cmp "$TMP/bytes" "$TMP/images/root"
is "$(stat -c %s "$v/image")" 3000000
ok 'and read' cmp "$TMP/bytes" "$v/image"
ok 'a part of it is written' dd "if=$TMP/bytes" "of=$v/image" bs=1000 seek=1000 count=1 conv=notrunc status=none
ok 'and stored there' cmp -n 1000 "$TMP/bytes" "$TMP/images/root" 0 1000000
ok 'the volume is removed' rmdir "$v"

# --- removing ---

# Nothing says which process asks: after a refusal all of this mount are kept from rmdir for a minute.
rm -rf "$d" 2> "$TMP/said" || :
is "$(cat "$d/state")" shutoff 'rm -r changes nothing'
refused ENOTEMPTY rmdir "$d"

# --- users ---

chmod 600 "$d/title"
refused EACCES as_user 33 cat "$d/title"
is "$(as_user 33 cat "$d/state")" shutoff 'another user reads what he may'
refused EACCES as_user 33 sh -c 'echo start > "$0"' "$d/state"
chmod 666 "$d/title"
ok 'and writes what he may' as_user 33 sh -c 'echo his > "$0"' "$d/title"
is "$(cat "$d/title")" his
refused EPERM as_user 33 chmod 600 "$d/title"
refused EACCES as_user 33 mkdir "$M/domains/his"
chown 33 "$d/title"
is "$(stat -c %u "$d/title")" 33 'root gives files away'
ok 'and who has got one changes its mode' as_user 33 chmod 600 "$d/title"
refused EACCES as_user 34 cat "$d/title"

# --- the kernel asks for the ACLs, and decides by them itself ---

umount "$M"
DOMFS_V9FS_ACCESS=client,posixacl
_v9fs
is "$(as_user 33 cat "$d/title")" his 'access=client,posixacl: who may, may'
refused EACCES as_user 34 cat "$d/title"
ok 'an ACL is set' setfacl -m u:34:r "$d/title"
like "$(getfacl -cnp "$d/title")" '^user:34:r--' 'and shown'
is "$(as_user 34 cat "$d/title")" his 'and holds'
refused EACCES as_user 35 cat "$d/title"
done_testing
