#!/bin/sh
# A pool of type iscsi-direct against a real target: LUNs are listed, read, written and wiped without any help of the kernel; CHAP by a secret.
# timeout: 120
# over: no, is about the servers of others
. "$(dirname "$0")/../lib.sh"
require tgtd 'apt-get install tgt'
require tgtadm
require root 'tgtd locks its memory'

# A target of our own: its port, its control socket.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
TGT_IPC_SOCKET=$TMP/tgt
export TGT_IPC_SOCKET
tgt=
# shellcheck disable=SC2317
release() {
	status=$?
	set +e
	[ -z "$tgt" ] || kill -KILL "$tgt" 2>/dev/null	# it ignores SIGTERM while it has targets
	( exit "$status" )
	_cleanup
}
trap release EXIT

iqn=iqn.2024-01.test.domfs:disks
adm() { tgtadm --lld iscsi "$@"; }
start_target() {
	tgtd --foreground --iscsi "portal=127.0.0.1:$port" > "$TMP/tgt.log" 2>&1 &
	tgt=$!
	tries=0
	until adm --mode sys --op show > /dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { cat "$TMP/tgt.log"; exit 1; }
		sleep 0.1
	done
	adm --op new --mode target --tid 1 -T $iqn
	adm --op new --mode logicalunit --tid 1 --lun 1 -b "$TMP/lun1"
	adm --op new --mode logicalunit --tid 1 --lun 7 -b "$TMP/lun7" --bstype rdwr
	adm --op update --mode logicalunit --tid 1 --lun 1 --params thin_provisioning=1
	adm --op bind --mode target --tid 1 -I ALL
	adm --op new --mode account --user joe --password 'right horse 1'
	adm --op bind --mode account --tid 1 --user joe
}

dd if=/dev/urandom of="$TMP/lun1" bs=1M count=8 2>/dev/null
truncate -s 3M "$TMP/lun7"
start_target

mount_domfs
! grep -q 'built without' "$M/host/storage/iscsi-direct" || skip_all 'needs a build with libiscsi-dev'
pool=$M/pools/san
secret=$M/secrets/5d46eb36-bb7c-4a91-a10e-6c8b5a0a3b11
mkdir "$secret"
cat > "$secret/xml" <<XML
<secret ephemeral='no' private='yes'>
  <uuid>${secret##*/}</uuid>
  <usage type='iscsi'><target>san-joe</target></usage>
</secret>
XML
printf 'wrong' > "$secret/value"

mkdir "$pool"
pool_xml() {	# HOST PORT TARGET
	cat <<XML
<pool type='iscsi-direct'>
  <name>san</name>
  <source>
    <host name='$1' port='$2'/>
    <device path='$3'/>
    <initiator><iqn name='iqn.2024-01.test.domfs:me'/></initiator>
    <auth type='chap' username='joe'><secret usage='san-joe'/></auth>
  </source>
</pool>
XML
}
define() { pool_xml "$@" > "$TMP/pool.xml" && cp "$TMP/pool.xml" "$pool/xml"; }

like "$(cat "$M/host/storage/iscsi-direct")" '^usable' 'host/storage says that it is usable'
echo "iscsi-direct <source><host name='127.0.0.1' port='$port'/><initiator><iqn name='iqn.2024-01.test.domfs:me'/></initiator></source>" \
	> "$M/host/storage_discover"
like "$(cat "$M/host/storage_discover")" "<device path=.$iqn./>" 'the server says which targets it has'
refused ECONNREFUSED sh -c "echo 'iscsi-direct <source><host name=\"127.0.0.1\" port=\"1\"/><initiator><iqn name=\"iqn.x:y\"/></initiator></source>' > $M/host/storage_discover"

define 127.0.0.1 "$port" $iqn
is "$(cat "$pool/source")" "127.0.0.1:$port/$iqn iqn.2024-01.test.domfs:me" 'source is portal, target and initiator'

refused EACCES sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" 'check source/auth and the value of its secret' 'a wrong password says so'
unlike "$(cat "$pool/error")" wrong 'but not what it is'
printf 'right horse 1' > "$secret/value"

define 127.0.0.1 "$port" $iqn.not
refused ECONNREFUSED sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" "$iqn.not" 'a target that is not there is named'
define 127.0.0.1 1 $iqn
refused ECONNREFUSED sh -c "echo start > $pool/state"
like "$(cat "$pool/error")" '127.0.0.1:1' 'a server that is not there is named'
define 127.0.0.1 "$port" $iqn

echo start > "$pool/state"
is "$(cat "$pool/state")" active
is "$(ls "$pool/volumes" | sort | tr '\n' ' ')" 'unit:0:0:1 unit:0:0:7 ' 'the disks are there, the controller is not'
lun=$pool/volumes/unit:0:0:1
is "$(cat "$lun/capacity")" 8388608
is "$(cat "$pool/volumes/unit:0:0:7/capacity")" 3145728
is "$(cat "$pool/capacity")" 11534336 'the capacity of the pool is their sum'
is "$(cat "$lun/type")" network
is "$(cat "$lun/path")" "ip-127.0.0.1:$port-iscsi-$iqn-lun-1"

ok 'download' cp "$lun/image" "$TMP/out"
ok 'gives its bytes' cmp "$TMP/out" "$TMP/lun1"
dd if=/dev/urandom of="$TMP/in" bs=1M count=8 2>/dev/null
ok 'upload' sh -c "cat $TMP/in > $lun/image"
ok 'arrives' cmp "$TMP/in" "$TMP/lun1"

# any offset, any length: what is beside it stays
printf 'hello' | dd of="$lun/image" bs=1 seek=1023 conv=notrunc 2>/dev/null
printf 'hello' | dd of="$TMP/in" bs=1 seek=1023 conv=notrunc 2>/dev/null
ok 'a few bytes over the edge of a block' cmp "$TMP/in" "$TMP/lun1"
is "$(dd if="$lun/image" bs=1 skip=1021 count=9 2>/dev/null | od -An -c | tr -d ' \n')" \
	"$(dd if="$TMP/in" bs=1 skip=1021 count=9 2>/dev/null | od -An -c | tr -d ' \n')" 'read back'
refused ENOSPC sh -c "dd if=/dev/zero of=$lun/image bs=1M seek=8 count=1 conv=notrunc"

refused ENOTSUP sh -c "echo gutmann > $lun/wipe"
echo random > "$lun/wipe"
ok 'random wipe' sh -c "! cmp -s $TMP/in $TMP/lun1"
echo zero > "$lun/wipe"
ok 'zero wipe' cmp -n 8388608 "$TMP/lun1" /dev/zero

refused ENOTSUP mkdir "$pool/volumes/unit:0:0:9"
refused ENOTSUP rmdir "$lun"

# a session that the server ended is made anew, below an image that is open
exec 3< "$lun/image"
kill -KILL "$tgt"
wait "$tgt" 2>/dev/null || :
printf 'after the restart' | dd of="$TMP/lun1" conv=notrunc 2>/dev/null
start_target
is "$(head -c 17 <&3)" 'after the restart' 'an open image outlives a restart of the server'
exec 3<&-

# a LUN that is new is there at the next look
truncate -s 1M "$TMP/lun9"
adm --op new --mode logicalunit --tid 1 --lun 9 -b "$TMP/lun9"
ok 'a new LUN is seen' sh -c "ls $pool/volumes | grep -qx unit:0:0:9"

# a server that is stopped hangs nothing else
kill -STOP "$tgt"
ok 'the tree goes on while the server hangs' timeout 2 ls "$M/pools" "$M/domains"
refused ETIMEDOUT cat "$pool/capacity"
kill -CONT "$tgt"
is "$(cat "$pool/capacity")" 12582912 'and so does the pool when the server is back'

kill_domfs
remount_domfs
tries=0
until [ "$(cat "$pool/state")" = active ] || [ $tries -gt 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
is "$(cat "$pool/state")" active 'it is active again after a crash'
echo stop > "$pool/state"
is "$(cat "$pool/state")" inactive
unlike "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ')" 'right horse' 'no command line has the password'
kill -KILL "$tgt"
wait "$tgt" 2>/dev/null || :
tgt=
done_testing
