#!/bin/sh
# A pool of type gluster against a server of its own: volumes are made, written, read, grown, copied, wiped, removed; a dead server hangs nothing.
# timeout: 180
# over: no, is about the servers of others
# glusterd has its files at fixed places and refuses 127.0.0.1: it lives in name spaces of its own, and ends with them.
if [ -z "${IN_NAMESPACES:-}" ] && unshare -m --propagation slave -n -p -f --mount-proc true 2>/dev/null; then
	IN_NAMESPACES=1 exec unshare -m --propagation slave -n -p -f --mount-proc --kill-child sh "$0" "$@"
fi
# Our copies of what other tests have mounted would keep their devices busy.
if [ -n "${IN_NAMESPACES:-}" ]; then
	awk '$2 ~ "/domfs[.]" { print $2 }' /proc/self/mounts | tac | while read -r m; do umount -l "$m" 2>/dev/null || :; done
fi
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../far-pool.sh"
require root 'its server wants trusted extended attributes'
[ -n "${IN_NAMESPACES:-}" ] || skip_all 'no name spaces can be made here'
require glusterd 'apt-get install glusterfs-server'
require gluster 'apt-get install glusterfs-cli'

addr=192.0.2.1
ip link set lo up
ip addr add $addr/32 dev lo
for d in /run /var/lib/glusterd /var/log/glusterfs; do
	mount -t tmpfs none $d
done
mkdir -p /run/gluster /run/brick
brick=/run/brick
glusterd > "$TMP/glusterd.log" 2>&1 || skip_all "glusterd does not run here: $(tail -n1 /var/log/glusterfs/glusterd.log)"
wait_for 20 gluster --mode=script volume list > /dev/null 2>&1
{
	gluster --mode=script volume create vol1 $addr:$brick force
	gluster --mode=script volume start vol1
} > "$TMP/gluster.log" 2>&1 || skip_all "no volume can be had: $(cat "$TMP/gluster.log")"
server() { pgrep -x glusterfsd; }

# The sanitizer has xdr_* of its own, which call libtirpc's only where that was there before.
asan=$(ldd "$DOMFS" | sed -n 's/.*=> \(.*libasan[^ ]*\) .*/\1/p')
if [ -n "$asan" ]; then
	printf '#!/bin/sh\nLD_PRELOAD="%s libtirpc.so.3" exec "%s" "$@"\n' "$asan" "$DOMFS" > "$TMP/domfs"
	chmod 755 "$TMP/domfs"
	DOMFS=$TMP/domfs
	# what a thread of GlusterFS has of OpenSSL while its connection is there, also at the process's end
	echo 'leak:libcrypto.so' > "$TMP/leaks"
	LSAN_OPTIONS=suppressions=$TMP/leaks:print_suppressions=0
	export LSAN_OPTIONS
fi

mount_domfs
far_usable gluster
is "$(head -n1 "$M/host/storage/gluster")" usable

pool=$M/pools/g
v=$pool/volumes
state() { echo "$1" > "$pool/state"; }
mkdir "$pool"
echo gluster > "$pool/type"

# ---- the definition ----

refused EINVAL sh -c "echo $addr > $pool/source"
refused EINVAL sh -c "echo $addr/vol1/../etc > $pool/source"
echo "$addr:24007/vol1/sub/" > "$pool/source"
is "$(cat "$pool/source")" "$addr:24007/vol1/sub" 'source is server, volume and directory'
is "$(xmllint --xpath 'concat(//host/@name, //host/@port, //source/name, //dir/@path)' "$pool/xml")" "${addr}24007vol1/sub"
refused ENOENT sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" "'/sub' of the GlusterFS volume vol1: there is none" 'a directory that is not there is named'
echo "$addr/none" > "$pool/source"
refused ENOENT sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" "no volume 'none'" 'so is a volume'
echo "$addr:9/vol1" > "$pool/source"
ok 'a port without a server is a failure' sh -c "! timeout 60 sh -c 'echo start > $pool/state'"
like "$(cat "$pool/error")" "server '$addr' \(port 9\)" 'and is named'
echo "$addr/vol1" > "$pool/source"
state start
is "$(cat "$pool/state")" active
like "$(cat "$pool/capacity")" '^[1-9][0-9]+$'

# ---- made, grown, renamed, removed ----

mkdir "$v/a"
echo off > "$v/a/preallocation"
echo 64M > "$v/a/capacity"
is "$(stat -c '%s %b' "$brick/a")" '67108864 0' 'writing capacity makes a file'
is "$(cat "$v/a/allocation") $(cat "$v/a/type") $(cat "$v/a/format") $(cat "$v/a/path")" "0 network raw gluster://$addr/vol1/a"
is "$(xmllint --xpath 'string(/volume/key)' "$v/a/xml")" vol1/a
refused EINVAL sh -c "echo 1M > $v/a/capacity"
echo 96M > "$v/a/capacity"
is "$(stat -c %s "$brick/a")" 100663296 'it grows'
mv "$v/a" "$v/b"
is "$(ls "$v") $(ls "$brick")" 'b b' 'and has another name'
mkdir "$v/full"
echo full > "$v/full/preallocation"
echo 16M > "$v/full/capacity"
is "$(cat "$v/full/allocation")" 16777216 'preallocation takes the room'
refused EEXIST mv -T "$v/full" "$v/b"
rmdir "$v/full"
mkdir "$v/falloc"
echo falloc > "$v/falloc/preallocation"
echo 16M > "$v/falloc/capacity"
is "$(stat -c %b "$brick/falloc")" 32768 'so does falloc'
echo 32M > "$v/falloc/capacity"
is "$(stat -c %b "$brick/falloc")" 65536 'and what has its room has it after it has grown'
rmdir "$v/falloc"
mkdir "$v/odd 5%?#"
echo 1M > "$v/odd 5%?#/capacity"
is "$(stat -c %s "$brick/odd 5%?#")" 1048576 'a name is a name'
rmdir "$v/odd 5%?#"
ok 'what is removed is gone' test ! -e "$brick/odd 5%?#"
mkdir "$v/d"
echo dir > "$v/d/format"
echo 0 > "$v/d/capacity"
is "$(stat -c %F "$brick/d") $(cat "$v/d/type")" 'directory netdir' 'a directory is a volume, too'
rmdir "$v/d"
ln -s /etc/passwd "$brick/link"
unlike "$(ls "$v")" link 'a symbolic link is none'

# ---- bytes ----

far_upload "$brick/up"
far_patch 'a few bytes in the middle'
dd if=/dev/urandom of="$TMP/small" bs=1M count=3 2>/dev/null
cp "$TMP/small" "$v/b/image"
ok 'an image takes the place of another' cmp "$TMP/small" "$brick/b"

far_broken_off "ls -A $brick" 'b up'
ok 'what was half is removed' wait_for 20 sh -c "! ls -A $brick | grep -q '^\\.domfs-upload-'"

remount_domfs
ok 'and after an end with the pool active, which is a good one' wait_for 20 far_active

# ---- copied, wiped ----

far_copy "$brick/up" "$brick/copy" b
rmdir "$v/copy"

# ---- other formats, by qemu-img over the network ----

if ls /usr/lib/*/qemu/block-gluster.so > /dev/null 2>&1; then
	mkdir "$v/q"
	echo qcow2 > "$v/q/format"
	ok 'qcow2' sh -c "echo 40M > $v/q/capacity"
	is "$(qemu-img info -f qcow2 --output=json "$brick/q" | grep virtual-size | tr -dc 0-9)" 41943040 'is made'
	ok 'and grown' sh -c "echo 80M > $v/q/capacity"
	is "$(cat "$v/q/capacity") $(cat "$v/q/format")" '83886080 qcow2'
	rmdir "$v/q"
else
	skip 'qcow2' 'needs qemu-block-extra'
fi

# ---- a guest's disk ----

test_xml web "<disk type='volume' device='disk'><driver name='qemu' type='raw'/><source pool='g' volume='up'/><target dev='vda' bus='virtio'/></disk>" > "$TMP/web.xml"
mkdir "$M/domains/web"
cp "$TMP/web.xml" "$M/domains/web/xml"
ok 'a volume knows its domain' test -L "$v/up/users/web"
test_xml net "<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='gluster' name='vol1/b'><host name='$addr'/></source><target dev='vda' bus='virtio'/></disk>" > "$TMP/net.xml"
mkdir "$M/domains/net"
cp "$TMP/net.xml" "$M/domains/net/xml"
cat "$v/b/capacity" > "$TMP/looked"
ok 'also where the domain does not name the pool' test -L "$v/b/users/net"
rmdir "$M/domains/web" "$M/domains/net"

# ---- a dead server hangs nothing else ----

far_hang b "$(server)"
far_stop "$brick/up"
is "$(ls "$brick")" 'b
link' 'stop leaves the files'
done_testing
