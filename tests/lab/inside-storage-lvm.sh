#!/bin/sh
# What tests/lab/storage-lvm.sh runs inside the lab VM.  Forks cost 25 ms here, and each program of LVM 250 ms.
. "$(dirname "$0")/../lib.sh"
require root

modprobe -a fuse dm_mod ext4
mount_domfs
P=$M/pools/vms
V=$P/volumes
MIB=1048576

error_of() { cat "$1/error" 2>/dev/null; }
value() { read -r _value < "$1" && echo "$_value"; }
state_is() { is "$(value "$P/state")" "$1" "${2:-the pool is $1}"; }
new() { mkdir "$V/$1" && echo "$2" > "$V/$1/capacity"; }		# NAME CAPACITY
lines() { grep -c . || :; }

# rmdir answers before LVM has: what it says comes in error.
stays() {	# NAME REGEX
	rmdir "$V/$1" 2> /dev/null || :
	ok "$1 stays: $2" wait_for 20 grep -qE -e "$2" "$V/$1/error"
	ok "and is there" test -b "/dev/vg0/$1"
}

# --- definition and build ---

mkdir "$P"
echo logical > "$P/type"
echo 'vg0 /dev/vda' > "$P/source"
is "$(value "$P/source")" vg0 'source is the volume group'
is "$(value "$P/target")" /dev/vg0 'the target follows from it'
like "$(cat "$P/xml")" "<device path=.?/dev/vda" 'its devices are in xml'
refused ENOENT sh -c "echo start > '$P/state'"
like "$(error_of "$P")" 'Volume group "vg0" not found' 'a group that is not there is named'

mkfs.ext4 -q -F /dev/vda
refused EEXIST sh -c "echo build > '$P/state'"
like "$(error_of "$P")" "/dev/vda.*ext4" 'what is on the device is named'
ok 'build overwrite' sh -c "echo build overwrite > '$P/state'"
state_is inactive
is "$(vgs --noheadings -o vg_name,pv_name | tr -s ' ')" ' vg0 /dev/vda ' 'the group is there'
refused EEXIST sh -c "echo build overwrite > '$P/state'"
like "$(error_of "$P")" "volume group 'vg0' already" 'a group is never built twice'
echo start > "$P/state"
state_is active

is "$(value "$P/available")" "$(vgs --noheadings --units b --nosuffix -o vg_free vg0 | tr -d ' ')" 'available is what is free'
ok 'df tells how large it is' df "$P"

# --- volumes ---

ok 'a linear volume' new a 100M
is "$(lvs --noheadings --units m --nosuffix -o lv_size,segtype vg0/a | tr -s ' ')" ' 100.00 linear'
is "$(value "$V/a/path")" /dev/vg0/a
is "$(value "$V/a/capacity") $(value "$V/a/allocation")" "$((100 * MIB)) $((100 * MIB))"
is "$(value "$V/a/key")" "$(lvs --noheadings -o lv_uuid vg0/a | tr -d ' ')" 'its key is the uuid of the LV'
like "$(cat "$V/a/xml")" "extent start=.0. end=.$((100 * MIB))." 'xml says where it lies'
is "$(value "$V/a/format")" raw
is "$(value "$V/a/type")" block

echo 200M > "$V/a/capacity"
is "$(blockdev --getsize64 /dev/vg0/a)" $((200 * MIB)) 'it grows'
refused EINVAL sh -c "echo 100M > '$V/a/capacity'"

refused EEXIST mkdir "$V/a"
lvcreate -qq -y -n byhand -L 4M vg0 > /dev/null
ok 'a lvcreate by hand is seen by itself' wait_for 5 test -d "$V/byhand"
lvremove -qq -f vg0/byhand > /dev/null
ok 'so is a lvremove' wait_for 5 test ! -d "$V/byhand"

# names
for name in snapshot1 x_mlog; do
	mkdir "$V/$name"
	refused EINVAL sh -c "echo 10M > '$V/$name/capacity'"
	rmdir "$V/$name"
done
like "$(tail -n 1 "$M/errors")" '"_mlog"' 'a name that is not for LVs is refused with the reason'

# too big
mkdir "$V/huge"
refused ENOSPC sh -c "echo 10G > '$V/huge/capacity'"
like "$(tail -n 1 "$M/errors")" "10737418240 bytes are wanted.*vg0.*has [0-9]+ free" 'how much is free is said'
rmdir "$V/huge"

ok 'rename' mv "$V/a" "$V/hy-phen"
is "$(ls "$V")" hy-phen
is "$(value "$V/hy-phen/path")" /dev/vg0/hy-phen
ok 'the device of the new name' test -b /dev/vg0/hy-phen
mv "$V/hy-phen" "$V/a"

# --- in use ---

mkfs.ext4 -q /dev/vg0/a
mkdir "$TMP/mounted"
mount /dev/vg0/a "$TMP/mounted"
stays a "vg0/a' is open"
refused EBUSY sh -c "echo zero > '$V/a/wipe'"
refused EBUSY sh -c "echo stop > '$P/state'"
like "$(error_of "$P")" "vg0/a' is open" 'stop names the open LV'
state_is active
umount "$TMP/mounted"

# --- copies, wipes ---

printf 'the first bytes' | dd of=/dev/vg0/a conv=notrunc status=none
ok 'clone' sh -c "echo b > '$V/a/clone'"
is "$(head -c 15 /dev/vg0/b)" 'the first bytes' 'the copy has the bytes'
is "$(value "$V/b/capacity")" $((200 * MIB))
ok 'wipe' sh -c "echo zero > '$V/b/wipe'"
is "$(head -c 4096 /dev/vg0/b | tr -d '\0' | wc -c)" 0 'a wiped volume is zero'
ok 'trim' sh -c "echo trim > '$V/b/wipe'"
new c 4M
if command -v scrub > /dev/null; then
	ok 'a wipe by scrub' sh -c "echo nnsa > '$V/c/wipe'"
else
	refused ENOTSUP sh -c "echo nnsa > '$V/c/wipe'"
fi
rmdir "$V/b" "$V/c"
ok 'a removed volume is gone' wait_for 10 test ! -e /dev/vg0/b

# --- several at once ---

pids=
for i in 1 2 3 4 5 6 7 8; do
	(new "many$i" 4M) &
	pids="$pids $!"
done
# shellcheck disable=SC2086
wait $pids
is "$(lvs --noheadings -o lv_name vg0 | grep -c many)" 8 'eight at once are made'
is "$(ls "$V" | grep -c many)" 8
pids=
for i in 1 2 3 4 5 6 7 8; do
	rmdir "$V/many$i" &
	pids="$pids $!"
done
# shellcheck disable=SC2086
wait $pids
ok 'and removed' wait_for 30 sh -c "! ls /dev/vg0 | grep -q many"

# --- snapshots ---

mkdir "$V/snap"
ln -s ../a "$V/snap/backing"
echo 16M > "$V/snap/allocation"
ok 'a snapshot of an LV' sh -c "echo 200M > '$V/snap/capacity'"
is "$(lvs --noheadings --units m --nosuffix -o lv_size,origin vg0/snap | tr -s ' ')" ' 16.00 a '
is "$(value "$V/snap/capacity") $(value "$V/snap/allocation")" "$((200 * MIB)) $((16 * MIB))"
like "$(cat "$V/snap/xml")" '<path>/dev/vg0/a</path>' 'its origin is its backing'
is "$(head -c 15 /dev/vg0/snap)" 'the first bytes'
stays a "backing|snapshot of it"
refused ENOTSUP sh -c "echo 300M > '$V/snap/capacity'"
rmdir "$V/snap"
wait_for 10 test ! -d "$V/snap"

# --- sparse, without a thin pool ---

mkdir "$V/sparse"
echo 20M > "$V/sparse/allocation"
echo 2G > "$V/sparse/capacity"
is "$(blockdev --getsize64 /dev/vg0/sparse)" $((2048 * MIB)) 'a sparse LV is larger than the group'
is "$(value "$V/sparse/capacity") $(value "$V/sparse/allocation")" "$((2048 * MIB)) $((20 * MIB))"
rmdir "$V/sparse"
wait_for 10 test ! -d "$V/sparse"

# --- thin ---

lvcreate -qq -y -T -n tp -L 100M vg0 > /dev/null 2>&1
mkdir "$V/thin"
echo 0 > "$V/thin/allocation"
ok 'a thin volume where there is a thin pool' sh -c "echo 1G > '$V/thin/capacity'"
is "$(lvs --noheadings -o segtype,pool_lv vg0/thin | tr -s ' ')" ' thin tp '
ok 'only they are listed' wait_for 10 sh -c "! ls '$V' | grep -q many"
is "$(ls "$V" | tr '\n' ' ')" 'a thin ' 'the thin pool itself is no volume'
dd if=/dev/urandom of=/dev/vg0/thin bs=1M count=8 conv=fsync status=none
like "$(value "$V/thin/allocation")" '^[89][0-9]{6}$' 'its allocation is what was written'
ok 'a clone of it' sh -c "echo thin2 > '$V/thin/clone'"
ok 'with the same bytes' cmp -n $((8 * MIB)) /dev/vg0/thin /dev/vg0/thin2
is "$(lvs --noheadings -o segtype vg0/thin2 | tr -d ' ')" thin
unlike "$(cat "$V/thin2/xml")" '<backingStore>' 'which is a volume of its own'
ok 'that outlives the first' rmdir "$V/thin"
wait_for 10 test ! -d "$V/thin"
ok 'and still has them' test -b /dev/vg0/thin2
mkdir "$V/over"
ln -s ../thin2 "$V/over/backing"
ok 'a thin snapshot, larger than what it is of' sh -c "echo 2G > '$V/over/capacity'"
is "$(lvs --noheadings --units g --nosuffix -o segtype,origin,lv_size vg0/over | tr -s ' ')" ' thin thin2 2.00'
like "$(cat "$V/over/xml")" '<path>/dev/vg0/thin2</path>'

# --- images ---

mkdir "$V/q"
echo qcow2 > "$V/q/format"
ok 'qcow2 on an LV' sh -c "echo 64M > '$V/q/capacity'"
like "$(qemu-img info /dev/vg0/q)" 'file format: qcow2'
is "$(value "$V/q/format") $(value "$V/q/capacity")" "qcow2 $((64 * MIB))" 'format and capacity are the image'\''s'
ok 'it grows' sh -c "echo 128M > '$V/q/capacity'"
like "$(qemu-img info /dev/vg0/q)" 'virtual size: 128 MiB'
new up 16M
head -c $((16 * MIB)) /dev/urandom > "$TMP/random"
ok 'an image goes in' dd if="$TMP/random" of="$V/up/image" bs=1M conv=notrunc status=none
ok 'and out' cmp "$TMP/random" "$V/up/image"
ok 'and is on the device' cmp "$TMP/random" /dev/vg0/up
printf QFI\\373 | dd of=/dev/vg0/up conv=notrunc status=none
is "$(value "$V/up/format")" raw 'what a guest writes does not change its format'

# --- found, adopted ---

echo refresh > "$P/state"
echo stop > "$P/state"
state_is inactive
ok 'its LVs are not active' test ! -e /dev/vg0/a
vgchange -qq -ay vg0 > /dev/null
echo start > "$P/state"
state_is active
is "$(value "$V/q/format")" qcow2 'the format is remembered'
echo stop > "$P/state"
state_is inactive
ok 'a group that was active before is left active' test -b /dev/vg0/a
vgchange -qq -an vg0 > /dev/null
echo start > "$P/state"
kill_domfs
remount_domfs
ok 'after a crash it is found again' wait_for 20 grep -qx active "$P/state"
ok 'with its volumes' test -d "$V/a"
echo stop > "$P/state"

# --- delete ---

ok 'delete' sh -c "echo delete > '$P/state'"
is "$(vgs --noheadings | lines) $(pvs --noheadings | lines)" '0 0' 'nothing is left of the group'
rmdir "$P"
done_testing
