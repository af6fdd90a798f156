#!/bin/sh
# A pool of type fs: a file system is made on a device, mounted while the pool is active, and what others mounted stays mounted.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require root 'mounts'
require losetup
require mkfs.ext4
require wipefs
losetup -f > /dev/null 2>&1 || skip_all 'needs loop devices'
grep -qw ext4 /proc/filesystems || skip_all 'needs ext4 in the kernel'

truncate -s 64M "$TMP/disk"
loop=$(losetup --show -f "$TMP/disk")
# shellcheck disable=SC2317
release() {
	status=$?
	set +e
	fsfreeze -u "$TMP/target" 2>/dev/null
	umount -l "$TMP/target" "$TMP/own" 2>/dev/null
	[ -z "$loop" ] || losetup -d "$loop" 2>/dev/null
	( exit "$status" )
	_cleanup
}
trap release EXIT

detach() {
	losetup -d "$loop"
	loop=		# from now on it may be somebody else's
}

mkdir "$TMP/own"
pool=$M/pools/data
pool_xml() {	# FORMAT [TARGET] [OPTIONS]
	cat <<-XML
	<pool type='fs' xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'>
	  <name>data</name>
	  <source><device path='$loop'/><format type='$1'/></source>
	  <target><path>${2:-$TMP/target}</path></target>
	  ${3:-}
	</pool>
	XML
}
define() { pool_xml "$@" > "$TMP/data.xml" && cp "$TMP/data.xml" "$pool/xml"; }
mounted() { grep -cF " $1 " /proc/self/mountinfo || :; }

mount_domfs
mkdir "$pool"
define auto
is "$(cat "$pool/source")" "$loop" 'source is the device'
refused EINVAL sh -c "echo build > $pool/state"
like "$(cat "$pool/error")" 'echo ext4 > source_format' 'auto cannot be built on a blank device, and says what would do'
refused EIO sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" "mount.*$loop" 'a blank device cannot be mounted'
is "$(cat "$pool/state")" inactive

for type in ext4 xfs btrfs vfat; do
	if ! command -v "mkfs.$type" > /dev/null || ! grep -qw "$type" /proc/filesystems; then
		skip "$type" "needs mkfs.$type and the kernel's $type"
		continue
	fi
	case $type in	# the smallest that they can be
	xfs) size=320M ;;
	btrfs) size=128M ;;
	*) size=64M ;;
	esac
	detach
	rm -f "$TMP/disk"
	truncate -s "$size" "$TMP/disk"
	loop=$(losetup --show -f "$TMP/disk")
	define "$type"
	ok "$type: build" sh -c "echo build > $pool/state"
	ok "$type: start" sh -c "echo start > $pool/state"
	is "$(cat "$pool/state")" active
	like "$(grep -F " $TMP/target " /proc/self/mountinfo)" "nosuid,nodev,noexec.* - $type $loop " \
		"$type is mounted, and nothing in it is run or opened as a device"
	mkdir "$pool/volumes/v"
	echo raw > "$pool/volumes/v/format"
	ok "$type: a volume is made" sh -c "echo 1M > $pool/volumes/v/capacity"
	is "$(stat -c %s "$TMP/target/v")" 1048576
	isnt "$(cat "$pool/capacity")" 0
	ok "$type: stop" sh -c "echo stop > $pool/state"
	is "$(mounted "$TMP/target")" 0 "$type: it is not mounted any more"
done

# What is there is not destroyed unasked.
define ext4
[ "$(blkid -p -s TYPE -o value "$loop")" = ext4 ] || ok 'ext4 again' sh -c "echo 'build overwrite' > $pool/state"
ok 'start' sh -c "echo start > $pool/state"
echo kept > "$TMP/target/kept"
refused EBUSY sh -c "echo build > $pool/state"
if command -v fsfreeze > /dev/null; then
	mkdir "$pool/volumes/slow"
	echo raw > "$pool/volumes/slow/format"
	echo 1M > "$pool/volumes/slow/capacity"
	fsfreeze -f "$TMP/target"
	ok 'rmdir returns although the file is not gone yet' rmdir "$pool/volumes/slow"
	is "$(cat "$pool/volumes/slow/state")" removing
	{ sleep 1; fsfreeze -u "$TMP/target"; } &
	_thaw=$!
	ok 'stop waits for it' sh -c "echo stop > $pool/state"
	wait $_thaw
	ok 'start' sh -c "echo start > $pool/state"
	ok 'it is gone' test ! -e "$TMP/target/slow"
else
	skip 'a removal that takes long' 'needs fsfreeze'
fi
ok 'stop' sh -c "echo stop > $pool/state"
refused EEXIST sh -c "echo build > $pool/state"
like "$(cat "$pool/error")" "holds ext4" 'and it is said what is there'
mount "$loop" "$TMP/own"
refused EBUSY sh -c "echo 'build overwrite' > $pool/state"
is "$(cat "$TMP/own/kept")" kept 'a mounted device is not overwritten either'
umount "$TMP/own"

# In use: EBUSY says by whom.
echo start > "$pool/state"
sleep 600 < "$TMP/target/kept" &
user=$!
wait_for 10 sh -c "readlink /proc/$user/fd/0 | grep -q kept"
refused EBUSY sh -c "echo stop > $pool/state"
like "$(cat "$pool/error")" "in use by sleep \($user\)" 'the user of a busy mount is named'
is "$(cat "$pool/state")" active
kill "$user"
wait "$user" 2>/dev/null || :
ok 'then it stops' sh -c "echo stop > $pool/state"

# Somebody else's mount is taken as it is, and left as it is.
mount "$loop" "$TMP/target"
ok 'a mount by hand is adopted' sh -c "echo start > $pool/state"
is "$(mounted "$TMP/target")" 1 'it is not mounted twice'
is "$(ls "$pool/volumes" | grep -c '^kept$')" 1 'its files are volumes'
ok 'stop' sh -c "echo stop > $pool/state"
is "$(mounted "$TMP/target")" 1 'and it is still mounted afterwards'
umount "$TMP/target"

# Ours again after a crash: stop unmounts it.
echo start > "$pool/state"
kill_domfs
remount_domfs
wait_for 20 grep -qx active "$pool/state"
is "$(cat "$pool/state")" active 'after a crash it is active again'
ok 'stop' sh -c "echo stop > $pool/state"
is "$(mounted "$TMP/target")" 0 'what domfs mounted before the crash it unmounts'

# Something else on the target.
mount -t tmpfs other "$TMP/target"
refused EBUSY sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" "something else mounted on it: 'other' \(tmpfs\)" 'it is named'
umount "$TMP/target"

define ext4 "$TMP/target" "<fs:mount_opts><fs:option name='ro'/></fs:mount_opts>"
echo start > "$pool/state"
like "$(grep -F " $TMP/target " /proc/self/mountinfo)" ' ro,' 'mount options are passed on'
echo stop > "$pool/state"
define ext4 "$TMP/target" "<fs:mount_opts><fs:option name='no_such_option'/></fs:mount_opts>"
refused EIO sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" 'mount: .*(bad option|wrong fs type)' "mount's own words are told"

define ext4
ok 'delete' sh -c "echo delete > $pool/state"
ok 'removes the directory of the mount' test ! -e "$TMP/target"
detach
loop=$TMP/none
define ext4
loop=
refused ENOENT sh -c "echo start > $pool/state"
is "$(cat "$pool/state")" inactive
done_testing
