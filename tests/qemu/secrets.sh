#!/bin/sh
# Encrypted disks: the passphrase reaches QEMU without being in a command line, an environment or a log.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
require guest
require qemu-img
mount_domfs
[ -d "$M/secrets" ] || skip_all 'this domfs has no secrets'
d=$M/domains/web
dir=$TMP/images
uuid=11111111-2222-3333-4444-555555555555
word=sesame-open-up

mkdir "$dir" "$d"
printf %s "$word" > "$TMP/word"
# where the kernel counts a thread's time in ticks, qemu-img now and then measures none at all and gives up
luks() {
	_n=0
	until qemu-img create -q --object "secret,id=s,file=$TMP/word" "$@" 2> "$TMP/said"; do
		_n=$((_n + 1))
		if [ $_n -ge 50 ] || ! grep -q 'accurate CPU usage' "$TMP/said"; then
			cat "$TMP/said"
			exit 1
		fi
	done
}
luks -f qcow2 -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=100 "$dir/safe.qcow2" 8M
luks -f luks -o key-secret=s,iter-time=100 "$dir/safe.luks" 4M
qemu-img create -q -f qcow2 -u -b safe.qcow2 -F qcow2 "$dir/top.qcow2" 8M
chmod 666 "$dir"/*
mkdir "$M/secrets/$uuid"
echo "<secret ephemeral='no' private='no'><uuid>$uuid</uuid><usage type='volume'><volume>$dir/safe.qcow2</volume></usage></secret>" \
	> "$M/secrets/$uuid/xml"

key="<encryption format='luks'><secret type='passphrase' uuid='$uuid'/></encryption>"
disk() {	# TARGET FORMAT FILE [MORE]
	echo "<disk type='file'><driver name='qemu' type='$2'/><source file='$dir/$3'>$key</source>${4:-}<target dev='$1'/></disk>"
}
hidden() {	# FILES...: none of them has the value, as it is or in base64
	for f in "$@"; do
		unlike "$(tr '\0' '\n' < "$f")" "$word|$(printf %s "$word" | base64)" "not in ${f#"$TMP"/}"
	done
}

guest_xml web "$(disk vda qcow2 safe.qcow2) $(disk vdb raw safe.luks)" > "$TMP/web.xml"
cp "$TMP/web.xml" "$d/xml"
refused ENOENT sh -c "echo start > $d/state"
like "$(cat "$d/error")" "disk 'vda': encryption: .*$uuid" 'a secret without a value is named'
printf %s "$word" > "$M/secrets/$uuid/value"
ok 'it starts' sh -c "echo start > $d/state"
ok 'and boots' wait_console web '^guest: up' 60
like "$(cat "$d/console.log")" 'disk vda 8388608' 'the qcow2 image is open'
like "$(cat "$d/console.log")" 'disk vdb 4194304' 'and the raw one'
type_console web 'echo guest-was-here | dd of=/dev/vda bs=512 conv=sync,fsync 2>/dev/null; dd if=/dev/vda bs=14 count=1 2>/dev/null; echo'
ok 'the guest writes and reads' wait_console web '^guest-was-here' 20
is "$(grep -c guest-was-here "$dir/safe.qcow2")" 0 'its image has it encrypted'
pid=$(cat "$d/pid")
hidden "$d/command" "$d/log" "$d/xml" "$d/config/xml" "/proc/$pid/cmdline" "/proc/$pid/environ" "$TMP/domfs.log" "$M/errors" "$M/events"
like "$(cat "$d/command")" '"qom-type":"secret"' 'the command has the object'
is "$(grep -rlE "$word|$(printf %s "$word" | base64)" "$TMP/run" | wc -l)" 0 'nor in the run directory'

echo destroy > "$d/state"
guest_xml web "$(disk vda qcow2 safe.qcow2)" > "$TMP/web.xml"
cp "$TMP/web.xml" "$d/xml"
mark_console web
echo start > "$d/state"
ok 'up again' wait_console web '^guest: up' 60
mark_console web
mkdir "$d/disks/vdb"
disk vdb raw safe.luks > "$TMP/vdb.xml"
ok 'an encrypted disk is plugged' cp "$TMP/vdb.xml" "$d/disks/vdb/xml"
ok 'the guest sees it' wait_console web '^guest: disk vdb 4194304' 30
pid=$(cat "$d/pid")
hidden "$d/command" "$d/log" "$d/xml" "/proc/$pid/cmdline" "$TMP/domfs.log" "$M/errors" "$M/events"
ok 'and unplugged' timeout 60 sh -c "echo detach > $d/disks/vdb/state"
mark_console web
mkdir "$d/disks/vdb"
ok 'and plugged again: nothing of it was left' cp "$TMP/vdb.xml" "$d/disks/vdb/xml"
ok 'seen' wait_console web '^guest: disk vdb 4194304' 30
kill_domfs
remount_domfs
timeout 10 cat "$d/wait/running" > /dev/null
ok 'unplugged after a crash of domfs' timeout 60 sh -c "echo detach > $d/disks/vdb/state"
echo destroy > "$d/state"

# a layer that is encrypted: its secret stands with it
layer="<backingStore type='file'><format type='qcow2'/><source file='$dir/safe.qcow2'>$key</source><backingStore/></backingStore>"
guest_xml web "<disk type='file'><driver name='qemu' type='qcow2'/><source file='$dir/top.qcow2'/>$layer<target dev='vda'/></disk>" \
	> "$TMP/web.xml"
cp "$TMP/web.xml" "$d/xml"
mark_console web
ok 'an encrypted layer' sh -c "echo start > $d/state"
ok 'boots' wait_console web '^guest: up' 60
type_console web 'dd if=/dev/vda bs=14 count=1 2>/dev/null; echo'
ok 'and reads through' wait_console web '^guest-was-here' 20
echo destroy > "$d/state"

printf wrong > "$M/secrets/$uuid/value"
refused EREMOTEIO sh -c "echo start > $d/state"
like "$(cat "$d/error")" 'nvalid password' 'a wrong passphrase is told in words'
printf %s "$word" > "$M/secrets/$uuid/value"
chown -R 1234 "$d" 2> /dev/null || :
if [ "$(id -u)" = 0 ]; then
	refused EACCES sh -c "echo start > $d/state"
	like "$(cat "$d/error")" "$uuid" "who may not read the secret gets no guest that does"
fi
done_testing
