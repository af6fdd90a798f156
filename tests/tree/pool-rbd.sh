#!/bin/sh
# A pool of type rbd against a Ceph cluster of its own: images are made, written, read, grown, copied, wiped, removed; a dead cluster hangs nothing.
# timeout: 300
# over: no, is about the servers of others
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../far-pool.sh"
require ceph-mon 'apt-get install ceph-mon'
require ceph-osd 'apt-get install ceph-osd'
require ceph 'apt-get install ceph-common'
require root 'its daemons lock memory'

C=$TMP/ceph
# shellcheck disable=SC2317
release() {
	status=$?
	"$top/tests/ceph.sh" stop "$C" || :
	( exit "$status" )
	_cleanup
}
trap release EXIT
# An image that the end of domfs leaves open, as its cluster is dead by then, has a list with tags in its pointers: to LeakSanitizer it is lost.
echo 'leak:librbd' > "$TMP/leaks"
LSAN_OPTIONS=suppressions=$TMP/leaks:print_suppressions=0
export LSAN_OPTIONS
"$top/tests/ceph.sh" start "$C"
CEPH_CONF=$C/ceph.conf
export CEPH_CONF
hosts=$(cat "$C/hosts")

mount_domfs
like "$(head -n1 "$M/host/storage/rbd")" '^(usable|being looked at|not usable: this domfs was built without librbd.*)$'
far_usable rbd

pool=$M/pools/ceph
v=$pool/volumes
secret=$M/secrets/5d46eb36-bb7c-4a91-a10e-6c8b5a0a3b11
mkdir "$secret" "$pool"
echo ceph > "$secret/type"
echo client.admin > "$secret/usage"

# ---- the definition ----

echo rbd > "$pool/type"
refused EINVAL sh -c "echo 'rbd' > $pool/source"
echo "admin@$hosts,[::1]:3300/rbd" > "$pool/source"
is "$(cat "$pool/source")" "admin@$hosts,[::1]:3300/rbd" 'source is user, monitors and pool'
pool_xml() {	# POOL [OPTION VALUE]
	cat <<XML
<pool type='rbd' xmlns:rbd='http://libvirt.org/schemas/storagepool/rbd/1.0'>
  <name>ceph</name>
  <source>
    <name>$1</name>
    <host name='${hosts%:*}' port='${hosts#*:}'/>
    <auth type='ceph' username='admin'><secret usage='client.admin'/></auth>
  </source>
  ${2:+<rbd:config_opts><rbd:option name='$2' value='$3'/></rbd:config_opts>}
</pool>
XML
}
define() { pool_xml "$@" > "$TMP/pool.xml" && cp "$TMP/pool.xml" "$pool/xml"; }
refused ENOTSUP define rbd log_file "$TMP/evil"
refused ENOTSUP define rbd plugin_dir "$TMP"
define rbd rbd_default_features no-such-feature
refused ENOENT sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" 'has no value yet' 'a secret without a value says so'
cp "$C/key" "$secret/value"
refused EINVAL sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" 'base64 -d' 'the spelling of a key is no key'
base64 -d "$C/key" > "$secret/value"
refused EINVAL sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" "rbd_default_features" 'an option that Ceph does not take is named'
define none
refused ENOENT sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" "the Ceph pool 'none'" 'a pool that is not there is named'
define rbd/none
refused ENOENT sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" "the namespace 'none'" 'so is a namespace'
define rbd rbd_default_order 22
head -c 28 /dev/zero > "$secret/value"
refused EINVAL sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" 'no key of Ceph' 'what is no key is not sent'
# at a port that is neither 3300 nor 6789 the library tries two protocols, one of which has no answer
define rbd client_mount_timeout 3
ceph-authtool --gen-print-key | base64 -d > "$secret/value"
refused ETIMEDOUT sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" 'or none takes the key' 'a wrong key is refused'
define rbd rbd_default_order 22
base64 -d "$C/key" > "$secret/value"

rbd create --size 8M rbd/theirs
echo start > "$pool/state"
is "$(cat "$pool/state")" active
is "$(ls "$v")" theirs 'what is there is listed'
is "$(cat "$v/theirs/capacity") $(cat "$v/theirs/type") $(cat "$v/theirs/path") $(cat "$v/theirs/format")" '8388608 network rbd/theirs raw'
like "$(cat "$pool/capacity")" '^[0-9]+$'

# ---- made, grown, renamed, removed ----

mkdir "$v/a"
echo 64M > "$v/a/capacity"
is "$(rbd info rbd/a | sed -n 's/^.size //p; s/.*\tsize //p')" '64 MiB in 16 objects' 'writing capacity makes an image'
is "$(cat "$v/a/allocation")" 0 'which takes nothing yet'
refused EINVAL sh -c "echo 1M > $v/a/capacity"
echo 96M > "$v/a/capacity"
is "$(cat "$v/a/capacity")" 100663296 'it grows'
mv "$v/a" "$v/b"
is "$(ls "$v" | tr '\n' ' ')" 'b theirs ' 'and has another name'
rbd create --size 1M rbd/new
ok 'what others make is seen' sh -c "ls $v | grep -qx new"
rbd rm --no-progress rbd/new
ok 'what others remove is gone' sh -c "! ls $v | grep -qx new"
mkdir "$v/q"
echo qcow2 > "$v/q/format" 2>/dev/null || :
refused EINVAL sh -c "echo qcow2 > $v/q/format; echo 1M > $v/q/capacity"
rmdir "$v/q"
mkdir "$v/full"
echo full > "$v/full/preallocation"
echo 16M > "$v/full/capacity"
is "$(cat "$v/full/allocation")" 16777216 'preallocation takes the room'
rmdir "$v/full"
refused EINVAL sh -c "mkdir $v/x@y && echo 1M > $v/x@y/capacity"
rmdir "$v/x@y"

# ---- bytes ----

far_upload "$v/up/image"
rbd export --no-progress rbd/up "$TMP/out2"
ok 'Ceph has it so' cmp "$TMP/in" "$TMP/out2"
rm "$TMP/out2"
far_patch 'a few bytes over the edge of an object'
refused ENOSPC sh -c "dd if=/dev/zero of=$v/b/image bs=1M seek=96 count=1 conv=notrunc"
dd if=/dev/urandom of="$TMP/small" bs=1M count=3 2>/dev/null
cp "$TMP/small" "$v/b/image"
cp "$TMP/in" "$v/b/image"
ok 'an image in place of another may be larger' cmp "$TMP/in" "$v/b/image"
cp "$TMP/small" "$v/b/image"
is "$(cat "$v/b/capacity")" 200000001 'and the volume stays as large under a smaller one'
truncate -s 200000001 "$TMP/small"
ok 'which leaves nothing of the old one' cmp "$TMP/small" "$v/b/image"
grep -c ENXIO "$M/errors" > "$TMP/count" || :
is "$(cat "$TMP/count")" 0 'to ask for holes is no failure'

far_broken_off 'rbd ls rbd' 'b theirs up'

# ---- copied, wiped ----

far_copy "$v/up/image" "$v/copy/image" theirs

# ---- snapshots ----

rbd snap create --no-progress rbd/up@one
rbd snap protect rbd/up@one
refused EBUSY rmdir "$v/up"
like "$(cat "$v/up/error")" 'snapshots one: ' 'the snapshots that are in the way are named'
refused EBUSY sh -c "echo zero > $v/up/wipe"
mkdir "$v/child"
cat > "$TMP/child.xml" <<XML
<volume><name>child</name><capacity>300000000</capacity>
<target><format type='raw'/></target>
<backingStore><path>rbd/up@one</path><format type='raw'/></backingStore></volume>
XML
cp "$TMP/child.xml" "$v/child/xml"
is "$(xmllint --xpath 'string(/volume/backingStore/path)' "$v/child/xml")" rbd/up@one 'an image is built on a snapshot'
is "$(cat "$v/child/capacity") $(cat "$v/child/allocation")" '300000000 0' 'it may be larger, and takes nothing yet'
ok 'and shows what that holds' cmp -n 200000001 "$v/up/image" "$v/child/image"
rmdir "$v/child"
rbd snap unprotect rbd/up@one
rbd snap rm --no-progress rbd/up@one

# ---- encrypted ----

key=$M/secrets/5d46eb36-bb7c-4a91-a10e-6c8b5a0a3b12
mkdir "$key"
echo volume > "$key/type"
echo rbd/luks > "$key/usage"
echo sesame > "$key/value"
mkdir "$v/luks"
cat > "$TMP/luks.xml" <<XML
<volume><name>luks</name><capacity unit='M'>24</capacity><target><format type='raw'/>
<encryption format='luks'><secret type='passphrase' usage='rbd/luks'/></encryption></target></volume>
XML
sed -i "s/usage='rbd.luks'/uuid='${key##*/}'/" "$TMP/luks.xml"
cp "$TMP/luks.xml" "$v/luks/xml"
is "$(cat "$v/luks/capacity")" 25165824 'the capacity of an encrypted volume is what its guest sees'
is "$(head -c 4 "$v/luks/image")" LUKS 'its image has a header'
dd if="$TMP/in" of="$v/luks/data" bs=1M count=24 conv=notrunc 2>/dev/null
ok 'its data is plain' cmp -n 25165824 "$TMP/in" "$v/luks/data"
echo 32M > "$v/luks/capacity"
is "$(cat "$v/luks/capacity")" 33554432
is "$(stat -c %s "$v/luks/data")" 33554432
echo wrong > "$key/value"
refused EACCES cat "$v/luks/data"
rmdir "$v/luks"

# ---- a guest's disk ----

test_xml web "<disk type='volume' device='disk'><driver name='qemu' type='raw'/><source pool='ceph' volume='up'/><target dev='vda' bus='virtio'/></disk>" > "$TMP/web.xml"
mkdir "$M/domains/web"
cp "$TMP/web.xml" "$M/domains/web/xml"
ok 'a volume knows its domain' test -L "$v/up/users/web"

# ---- a dead cluster hangs nothing else ----

far_hang theirs "$(cat "$C/osd.0.pid")" "$(cat "$C/mon.a.pid")"
far_stop "$v/up"
is "$(rbd ls rbd | grep -v '^\.domfs-upload-' | tr '\n' ' ')" 'b copy theirs ' 'stop leaves the images'
unlike "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ')" "$(cat "$C/key")" 'no command line has the key'
grep -rlF "$(cat "$C/key")" "$DOMFS_RUN_DIR" "$DOMFS_STATE_DIR" > "$TMP/has" 2>/dev/null || :
is "$(grep -v secret-values "$TMP/has")" '' 'no file but the secret has it'
"$top/tests/ceph.sh" stop "$C"
done_testing
