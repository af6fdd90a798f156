#!/bin/sh
# Disks, vCPUs and memory change in the running guest, and in its definition.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
require guest
require qemu-img
mount_domfs
d=$M/domains/web

truncate -s 8M "$TMP/raw.img"
qemu-img create -q -f qcow2 "$TMP/data.qcow2" 16M
qemu-img create -q -f qcow2 -b data.qcow2 -F qcow2 "$TMP/top.qcow2"
chmod 666 "$TMP"/*.img "$TMP"/*.qcow2
GUEST_CPUS=1 GUEST_CPUS_MAX=4 GUEST_MEMORY=256 start_guest web
echo suspend > "$d/state"; echo resume > "$d/state"

mkdir "$d/disks/vdb"
is "$(cat "$d/disks/vdb/bus")" virtio 'the name vdb suggests virtio'
like "$(cat "$d/disks/vdb/state")" staged 'a new disk is staged'
ok 'writing source plugs it' sh -c "echo $TMP/data.qcow2 > $d/disks/vdb/source"
ok 'the guest sees it' wait_console web '^guest: disk vd[ab] 16777216' 30
is "$(cat "$d/disks/vdb/format")" qcow2 'its format came from the name'
is "$(cat "$d/disks/vdb/source")" "$TMP/data.qcow2"
like "$(cat "$d/config/xml")" 'data.qcow2' 'it is in the definition'
like "$(cat "$d/disks/vdb/stats")" '^read_bytes [0-9]+$' 'its counters'
type_console web 'dd if=/dev/vda of=/dev/null bs=64k count=4 2>/dev/null; echo read=done'
wait_console web '^read=done' 20
like "$(cat "$d/disks/vdb/stats")" '^read_bytes [1-9][0-9]*$' 'count'
mark_console web
ok 'detach returns when the guest has let go' timeout 60 sh -c "echo detach > $d/disks/vdb/state"
ok 'the guest saw it go' wait_console web '^guest: disk vd. gone' 20
ok 'the directory is gone' sh -c "! ls $d/disks/vdb 2>/dev/null"
unlike "$(cat "$d/config/xml" "$d/xml")" 'data.qcow2' 'from both definitions'
pid=$(cat "$d/pid")
is "$(ls -l "/proc/$pid/fd" 2>/dev/null | grep -c data.qcow2)" 0 'QEMU has closed it'

mark_console web
mkdir "$d/disks/vdc"
ok 'a chain with a backing file' sh -c "echo $TMP/top.qcow2 > $d/disks/vdc/source"
ok 'is seen' wait_console web '^guest: disk vd. 16777216' 30
like "$(cat "$d/xml")" '<backingStore' 'its chain stands in the live document'
rmdir "$d/disks/vdc"
ok 'rmdir begins the unplug' wait_for 30 sh -c "! ls $d/disks/vdc 2>/dev/null"
mkdir "$d/disks/vdd"
refused ENOENT sh -c "echo $TMP/nothing.img > $d/disks/vdd/source"
like "$(cat "$d/disks/vdd/error")" "nothing.img" 'the reason names the file'
is "$(cat "$d/disks/vdd/state")" staged 'it stays staged'
rmdir "$d/disks/vdd"

mark_console web
echo 4 > "$d/cpus"
ok 'four vCPUs are plugged' wait_console web '^guest: cpus 4' 30
is "$(cat "$d/cpus") $(ls "$d/vcpus" | wc -l)" '4 4' 'and shown'
refused ERANGE sh -c "echo 5 > $d/cpus"
like "$(cat "$d/error")" 'cpus_max' 'the reason names the maximum'
mark_console web
ok 'and unplugged again' timeout 60 sh -c "echo 2 > $d/cpus"
ok 'the guest says so' wait_console web '^guest: cpus 2' 30
like "$(cat "$d/config/xml")" "current=.2." 'the definition has it'

mark_console web
echo 160M > "$d/memory"
ok 'the balloon takes memory' wait_console web '^guest: memory 1[0-9]{8}$' 30
is "$(cat "$d/memory")" 167772160
refused ERANGE sh -c "echo 1G > $d/memory"
like "$(cat "$d/error")" 'memory_max' 'the reason names the maximum'
ok 'and gives it back' sh -c "echo 256M > $d/memory"
done_testing
