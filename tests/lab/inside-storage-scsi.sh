#!/bin/sh
# What tests/lab/storage-scsi.sh runs inside the lab VM.  Forks cost 25 ms here: few of them.
. "$(dirname "$0")/../lib.sh"
require root

iqn=iqn.2024-01.test.domfs:disks
adm() { tgtadm --lld iscsi "$@"; }
until_there() {	# COMMAND...: bounded
	tries=0
	until "$@" > /dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		sleep 0.2
	done
}

# --- a target with an account, on loopback ---

modprobe -a fuse iscsi_tcp
mkdir -p /run/tgt /run/lock/iscsi /etc/iscsi
rm -rf /etc/iscsi/nodes /etc/iscsi/ifaces
truncate -s 64M /dev/shm/lun1
truncate -s 8M /dev/shm/lun2
tgtd --iscsi portal=127.0.0.1:3260
until_there adm --mode sys --op show
adm --op new --mode target --tid 1 -T $iqn
adm --op new --mode logicalunit --tid 1 --lun 1 -b /dev/shm/lun1
adm --op bind --mode target --tid 1 -I ALL
adm --op new --mode account --user joe --password 'right horse 1'
adm --op bind --mode account --tid 1 --user joe
echo InitiatorName=iqn.2024-01.test.domfs:machine > /etc/iscsi/initiatorname.iscsi
iscsid
sessions() { ls /sys/class/iscsi_session 2>/dev/null | wc -l; }

mount_domfs
like "$(cat "$M/host/storage/iscsi")" '^usable'
like "$(cat "$M/host/storage/scsi")" '^usable'
like "$(cat "$M/host/storage/mpath")" 'not usable: .*modprobe dm-multipath' 'host/storage/mpath says what is missing'
echo 'iscsi 127.0.0.1' > "$M/host/storage_discover"
like "$(cat "$M/host/storage_discover")" "<device path=.$iqn./>" 'the server says which targets it has'
is "$(find /etc/iscsi -path '*/nodes/*' -o -path '*/send_targets/*')" '' 'and nothing remembers that it was asked'
secret=$M/secrets/5d46eb36-bb7c-4a91-a10e-6c8b5a0a3b11
mkdir "$secret"
echo "<secret><uuid>${secret##*/}</uuid><usage type='iscsi'><target>joe</target></usage></secret>" > "$secret/xml"
printf wrong > "$secret/value"
pool=$M/pools/san
mkdir "$pool"
cat > "$TMP/san.xml" <<XML
<pool type='iscsi'>
  <name>san</name>
  <source>
    <host name='127.0.0.1'/>
    <device path='$iqn'/>
    <initiator><iqn name='iqn.2024-01.test.domfs:pool'/></initiator>
    <auth type='chap' username='joe'><secret usage='joe'/></auth>
  </source>
  <target><path>/dev/disk/by-path</path></target>
</pool>
XML
cp "$TMP/san.xml" "$pool/xml"

refused EACCES sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" 'authorization failure: check source/auth and the value of its secret' 'a wrong password says so'
is "$(sessions)" 0 'and leaves no session'
is "$(find /etc/iscsi/nodes /etc/iscsi/ifaces -type f 2>/dev/null)" '' 'nor a record'

printf 'right horse 1' > "$secret/value"
# who runs with which arguments, while it logs in
( while :; do cat /proc/[0-9]*/cmdline || :; done > "$TMP/cmdlines" 2>/dev/null ) &
watcher=$!
echo start > "$pool/state"
kill $watcher
ok 'logged in' grep -q '^LOGGED_IN' /sys/class/iscsi_session/session*/state
is "$(cat /sys/class/iscsi_session/session*/initiatorname)" iqn.2024-01.test.domfs:pool 'as the initiator of the definition'
unlike "$(tr '\0' ' ' < "$TMP/cmdlines")" 'right horse' 'the password was in no command line'
is "$(find /etc/iscsi/nodes -type f -perm /077)" '' 'its record is for root alone'

is "$(ls "$pool/volumes")" unit:0:0:1 'the LUN is there, the controller is not'
lun=$pool/volumes/unit:0:0:1
is "$(cat "$lun/capacity")" 67108864
is "$(cat "$lun/path")" "/dev/disk/by-path/ip-127.0.0.1:3260-iscsi-$iqn-lun-1"
read -r path < "$lun/path"
is "$(cat "$lun/key")" "$(/lib/udev/scsi_id --page=0x83 --whitelisted --device="$path")" 'its key is what udev calls it'
is "$(cat "$pool/capacity")" 67108864

dd if=/dev/urandom of="$TMP/in" bs=1M count=64 2>/dev/null
ok 'upload' dd if="$TMP/in" of="$lun/image" bs=1M conv=notrunc
ok 'download' cp "$lun/image" "$TMP/out"
ok 'gives the same bytes' cmp "$TMP/in" "$TMP/out"
ok 'which the target has' cmp "$TMP/in" /dev/shm/lun1
rm -f "$TMP/in" "$TMP/out"

adm --op new --mode logicalunit --tid 1 --lun 2 -b /dev/shm/lun2
echo refresh > "$pool/state"
is "$(ls "$pool/volumes" | tr '\n' ' ')" 'unit:0:0:1 unit:0:0:2 ' 'refresh sees a new LUN'

kill_domfs
remount_domfs
ok 'active again after a crash' until_there grep -q '^active' "$pool/state"
echo stop > "$pool/state"
is "$(sessions)" 0 'a session of our own is logged out at stop'
is "$(find /etc/iscsi/nodes /etc/iscsi/ifaces -type f 2>/dev/null)" '' 'and its records are gone'

# --- a session of somebody else ---

adm --op unbind --mode account --tid 1 --user joe
iscsiadm -m discovery -t sendtargets -p 127.0.0.1 > /dev/null
iscsiadm -m node -T $iqn -p 127.0.0.1 --login > /dev/null
sed -e '/<initiator>/d' -e '/<auth/d' "$TMP/san.xml" > "$TMP/own.xml"
cp "$TMP/own.xml" "$pool/xml"
echo start > "$pool/state"
ok 'what is logged in is taken over' test -d "$lun"
is "$(sessions)" 1
echo stop > "$pool/state"
is "$(sessions)" 1 'and left at stop'
iscsiadm -m node -u > /dev/null
iscsiadm -m node -o delete
is "$(sessions)" 0
rmdir "$pool"

# --- a SCSI host ---

modprobe scsi_debug dev_size_mb=16 num_tgts=1
udevadm settle
set -- $(grep -l scsi_debug /sys/class/scsi_host/host*/proc_name)
first=${1%/proc_name}
host=${first##*/}
hba=$M/pools/hba
mkdir "$hba"
echo "<pool type='scsi'><name>hba</name><source><adapter type='scsi_host' name='$host'/></source>
<target><path>/dev/disk/by-path</path></target></pool>" > "$hba/xml"
is "$(cat "$hba/source")" "$host"
if echo start > "$hba/state" 2>/dev/null; then
	pass 'by-path knows these disks'
else
	like "$(cat "$hba/error")" 'none of the 1 disks' 'a directory without links to the disks is an error that says so'
fi
echo stop > "$hba/state"
echo "<pool type='scsi'><name>hba</name><source><adapter type='scsi_host' name='$host'/></source>
<target><path>/dev/disk/by-id</path></target></pool>" > "$hba/xml"
echo start > "$hba/state"
is "$(ls "$hba/volumes")" unit:0:0:0 'the disk of the host'
disk=$hba/volumes/unit:0:0:0
is "$(cat "$disk/capacity")" 16777216
read -r path < "$disk/path"
like "$path" '^/dev/disk/by-id/'
is "$(cat "$disk/key")" "$(/lib/udev/scsi_id --page=0x83 --whitelisted --device="$path")"
printf 'domfs was here' | dd of="$disk/image" conv=notrunc 2>/dev/null
is "$(head -c 14 "$path")" 'domfs was here' 'written through the pool, read from the disk'
echo zero > "$disk/wipe"
ok 'wiped' sh -c "blockdev --flushbufs $path; cmp -n 16777216 $path /dev/zero"
refused ENOTSUP mkdir "$hba/volumes/unit:0:0:5"
refused ENOTSUP rmdir "$disk"
echo 1 > /sys/bus/scsi/devices/"${host#host}":0:0:0/delete
udevadm settle
ok 'a disk that was removed is gone' sh -c "! ls $hba/volumes | grep -q unit"
echo refresh > "$hba/state"
is "$(ls "$hba/volumes")" unit:0:0:0 'a scan finds it again'
echo stop > "$hba/state"

# --- two hosts that lead to one disk ---

modprobe -r scsi_debug
modprobe scsi_debug dev_size_mb=16 add_host=2 vpd_use_hostno=0 num_tgts=1
modprobe dm_multipath
udevadm settle
echo 'defaults {
user_friendly_names no
find_multipaths no
}
blacklist_exceptions {
property "(SCSI_IDENT_|ID_WWN)"
}' > /etc/multipath.conf
mkdir -p /run/multipath
rm -f /etc/multipath/bindings /etc/multipath/wwids
multipathd
until_there sh -c 'multipath -ll | grep -q status'
mp=$M/pools/mp
mkdir "$mp"
echo "<pool type='mpath'><name>mp</name><target><path>/dev/mapper</path></target></pool>" > "$mp/xml"
echo start > "$mp/state"
map=$(multipath -l -v1)
is "$(ls "$mp/volumes")" "$map" 'the multipath device'
is "$(cat "$mp/volumes/$map/path")" "/dev/mapper/$map"
is "$(cat "$mp/volumes/$map/capacity")" 16777216
is "$(cat "$mp/volumes/$map/key")" "$map" 'its key is the name of the disk in the world'
is "$(cat "$mp/capacity")" 16777216
echo stop > "$mp/state"
ok 'stop leaves it there' test -e "/dev/mapper/$map"
done_testing
