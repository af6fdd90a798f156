#!/bin/sh
# Backing chains: each layer is opened by itself, in the format that is recorded, and nothing else is.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
require root 'a guest whose QEMU is another user'
require guest
require qemu-img
require qemu-io
mount_domfs
d=$M/domains/web
dir=$TMP/images

mkdir "$dir" "$dir/sub" "$d"
# five layers: qcow2, qcow2, vmdk, qcow2, raw; names are relative to the layer that has them
truncate -s 8M "$dir/sub/base.img"
printf 'bottom of the chain' | dd of="$dir/sub/base.img" conv=notrunc 2> /dev/null
img() { qemu-img create -q "$@"; }
img -f qcow2 -F raw -b base.img "$dir/sub/l4.qcow2"
qemu-img convert -O vmdk "$dir/sub/l4.qcow2" "$dir/sub/flat.vmdk"
(cd "$dir/sub" && img -f qcow2 -F vmdk -b flat.vmdk l3.qcow2)
(cd "$dir" && img -f qcow2 -F qcow2 -b sub/l3.qcow2 l2.qcow2 && img -f qcow2 -F qcow2 -b l2.qcow2 l1.qcow2 &&
	img -f qcow2 -F qcow2 -b l1.qcow2 top.qcow2)
chmod 600 "$dir"/*.* "$dir"/sub/*	# only root's: the guest's own user could open none
define() {	# DISK
	guest_xml web "$1" > "$TMP/web.xml"
	cp "$TMP/web.xml" "$d/xml"
}
qcow2() {	# FILE [MORE]
	echo "<disk type='file'><driver name='qemu' type='qcow2'/><source file='$1'/>${2:-}<target dev='vda'/></disk>"
}
wrong() {	# FILE ERRNO WORDS: the start fails
	define "$(qcow2 "$1")"
	refused "$2" sh -c "echo start > $d/state"
	like "$(cat "$d/error")" "$3" "$3"
}

define "$(qcow2 "$dir/top.qcow2")"
ok 'a chain of five layers starts' sh -c "echo start > $d/state"
ok 'up' wait_console web '^guest: up' 60
is "$(grep -o '<backingStore type' "$d/xml" | wc -l)" 4 'its layers stand in the live document'
command=$(cat "$d/command")
is "$(echo "$command" | grep -c -- '-blockdev')" 10 'two nodes for each layer'
is "$(echo "$command" | grep -c '"read-only":true')" 8 'all but the top are read-only'
like "$command" '"driver":"vmdk"' 'the third is vmdk'
pid=$(cat "$d/pid")
isnt "$(stat -c %u "/proc/$pid")" 0 'QEMU is not root'
is "$(ls -l "/proc/$pid/fd" | grep -o "$dir/.*" | sort -u | sed "s|$dir/||" | tr '\n' ' ')" \
	'l1.qcow2 l2.qcow2 sub/flat.vmdk sub/l3.qcow2 top.qcow2 ' 'it has exactly the chain'
type_console web 'dd if=/dev/vda bs=19 count=1 2>/dev/null; echo'
ok 'the guest reads through all of them' wait_console web 'bottom of the chain' 20
is "$(stat -c %a "$dir/sub/flat.vmdk")" 600 'no rights were changed'
echo destroy > "$d/state"

define "$(qcow2 "$dir/top.qcow2" "<backingStore type='file'><format type='qcow2'/><source file='$dir/l1.qcow2'/></backingStore>")"
ok 'a definition may say the first of them' sh -c "echo start > $d/state"
is "$(grep -o '<backingStore type' "$d/xml" | wc -l)" 4 'the rest is followed'
echo destroy > "$d/state"
define "$(qcow2 "$dir/top.qcow2" "<backingStore/>")"
ok 'or that there are none' sh -c "echo start > $d/state"
is "$(ls -l "/proc/$(cat "$d/pid")/fd" | grep -c "$dir/")" 2 'then none is opened'
echo destroy > "$d/state"

# qemu-img makes none without a format any more: the extension that has it becomes an unknown one
(cd "$dir" && img -f qcow2 -u -F raw -b sub/base.img unsaid.qcow2 8M)
at=$(grep -aboF "$(printf '\342\171\052\312')" "$dir/unsaid.qcow2" | head -n 1 | cut -d: -f1)
printf none | dd of="$dir/unsaid.qcow2" bs=1 seek="$at" conv=notrunc 2> /dev/null
wrong "$dir/unsaid.qcow2" EINVAL 'does not record its format: run qemu-img rebase -u -F'
(cd "$dir" && img -f qcow2 loop1.qcow2 8M && img -f qcow2 -F qcow2 -b loop1.qcow2 loop2.qcow2 &&
	qemu-img rebase -u -F qcow2 -b loop2.qcow2 loop1.qcow2)
wrong "$dir/loop1.qcow2" ELOOP 'form a loop'
wrong "$dir/sub/base.img" EINVAL 'it is no qcow2 image'
(cd "$dir" && img -f qcow2 -u -F qcow2 -b gone.qcow2 orphan.qcow2 8M)
wrong "$dir/orphan.qcow2" ENOENT 'gone.qcow2'
(cd "$dir" && img -f qcow2 -u -F raw -b /etc/shadow thief.qcow2 8M)
chmod 666 "$dir/thief.qcow2"
chown -R 1234 "$d"
wrong "$dir/thief.qcow2" EACCES '/etc/shadow.*(uid|user|mode)'
chmod 700 "$dir/sub"
chmod 666 "$dir"/*.qcow2
wrong "$dir/top.qcow2" EACCES "'$dir/sub'"
chown -R 0 "$d"
qemu-img convert -O vmdk -o subformat=monolithicFlat "$dir/sub/base.img" "$dir/flat2.vmdk"
(cd "$dir" && img -f qcow2 -F vmdk -b flat2.vmdk on-flat.qcow2)
wrong "$dir/on-flat.qcow2" EINVAL 'several files'
last=sub/base.img format=raw
i=0
while [ $i -lt 205 ]; do
	img -f qcow2 -u -F $format -b "$last" "$dir/deep$i.qcow2" 8M
	last=deep$i.qcow2 format=qcow2 i=$((i + 1))
done
wrong "$dir/$last" ELOOP 'more than 200 layers'
qemu-img create -q -f qed -F raw -b "$dir/sub/base.img" "$dir/on-raw.qed"
define "<disk type='file'><driver name='qemu' type='qed'/><source file='$dir/on-raw.qed'/><target dev='vda'/></disk>"
ok 'qed on raw' sh -c "echo start > $d/state"
is "$(grep -o '<backingStore type' "$d/xml" | wc -l)" 1 'is followed'
done_testing
