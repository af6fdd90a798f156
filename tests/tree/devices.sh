#!/bin/sh
# Devices by mkdir, a value and rmdir: staged, plugged, detached; of the next start only; and one whose plugging fails.
# timeout: 60
. "$(dirname "$0")/../lib.sh"
mount_domfs

d=$M/domains/a
mkdir "$d"
test_xml a > "$d/xml"
echo start > "$d/state"
put() { sh -c 'printf "%s\n" "$1" > "$2"' sh "$1" "$2"; }

# a disk
ok 'mkdir disks/vdb' mkdir "$d/disks/vdb"
is "$(cat "$d/disks/vdb/state")" staged 'it is staged'
unlike "$(cat "$d/xml" "$d/config/xml")" vdb 'and in no document'
ok 'a property can be set' put qcow2 "$d/disks/vdb/format"
is "$(cat "$d/disks/vdb/format")" qcow2
ok 'writing source plugs it' put "$TMP/b.qcow2" "$d/disks/vdb/source"
is "$(cat "$d/disks/vdb/state")" attached
is "$(cat "$d/disks/vdb/source")" "$TMP/b.qcow2"
is "$(cat "$d/disks/vdb/bus") $(cat "$d/disks/vdb/format") $(cat "$d/disks/vdb/type")" 'virtio qcow2 file' 'bus, format and type'
like "$(cat "$d/xml")" vdb 'it is in the live document'
like "$(cat "$d/config/xml")" vdb 'and in the definition'
is "$(cat "$d/config/disks/vdb/source")" "$TMP/b.qcow2"
is "$(cat "$d/pending")" '' 'nothing is pending'
like "$(cat "$M/events")" ' domain a .*vdb' 'an event tells of it'
refused EEXIST mkdir "$d/disks/vdb"
ok 'echo detach' put detach "$d/disks/vdb/state"
is "$(ls "$d/disks")" '' 'it is gone'
unlike "$(cat "$d/xml")" vdb 'from the live document'
unlike "$(cat "$d/config/xml")" vdb 'and from the definition'
mkdir "$d/disks/vdc"
put "$TMP/c.raw" "$d/disks/vdc/source"
ok 'rmdir begins the same' rmdir "$d/disks/vdc"
unlike "$(ls "$d/disks" "$d/config/disks")" vdc 'it is gone from both'
mkdir "$d/disks/vdd"
ok 'rmdir of one that is staged' rmdir "$d/disks/vdd"
is "$(ls "$d/disks")" ''
refused EINVAL mkdir "$d/disks/no such"

# a network interface
ok 'mkdir nics/n0' mkdir "$d/nics/n0"
is "$(cat "$d/nics/n0/state")" staged
ok 'network plugs it' put default "$d/nics/n0/network"
is "$(cat "$d/nics/n0/state") $(cat "$d/nics/n0/network") $(cat "$d/nics/n0/type")" 'attached default network'
like "$(cat "$d/nics/n0/mac")" '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' 'it has a hardware address'
is "$(cat "$d/config/nics/n0/mac")" "$(cat "$d/nics/n0/mac")" 'the same in the definition'
ok 'link' put down "$d/nics/n0/link"
is "$(cat "$d/nics/n0/link")" down

# any other
ok 'mkdir devices/rng1' mkdir "$d/devices/rng1"
ok 'its xml plugs it' put "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>" "$d/devices/rng1/xml"
is "$(cat "$d/devices/rng1/state")" attached
like "$(cat "$d/config/xml")" '<rng' 'it is in the definition'
ok 'rmdir unplugs it' rmdir "$d/devices/rng1"
unlike "$(cat "$d/config/xml" "$d/xml")" '<rng' 'from both documents'
mkdir "$d/devices/bad"
refused EINVAL put "<disk type='file'><target dev='vdz'/></disk>" "$d/devices/bad/xml"
is "$(cat "$d/devices/bad/state")" staged 'it stays staged'
rmdir "$d/devices/bad"

# the next start only
ok 'mkdir config/disks/vde' mkdir "$d/config/disks/vde"
put "$TMP/e.raw" "$d/config/disks/vde/source"
unlike "$(cat "$d/xml")" vde 'it is not in the live document'
like "$(cat "$d/config/xml")" vde 'but in the definition'
is "$(cat "$d/config/disks/vde/state")" config
like "$(cat "$d/pending")" 'vde' 'pending says so'
put 'a title' "$d/config/title"
like "$(cat "$d/pending")" '^title' 'and what else differs'
put destroy "$d/state"
is "$(cat "$d/pending")" '' 'nothing is pending when it is off'
put start "$d/state"
is "$(cat "$d/disks/vde/state")" attached 'the next start has it'
is "$(cat "$d/title")" 'a title'
ok 'rmdir config/disks/vde' rmdir "$d/config/disks/vde"
is "$(cat "$d/disks/vde/state")" live 'the running guest keeps it'
like "$(cat "$d/pending")" 'vde'
put detach "$d/disks/vde/state"
is "$(cat "$d/pending")" ''

# what fails
script 'fail attach@a ENOSPC no slot is free'
live=$(cat "$d/xml") config=$(cat "$d/config/xml")
mkdir "$d/disks/vdf"
refused ENOSPC put "$TMP/f.raw" "$d/disks/vdf/source"
like "$(cat "$d/disks/vdf/error")" 'no slot is free' 'its error says why'
like "$(tail -n 1 "$M/errors")" ' domains/a/disks/vdf/source ENOSPC .*no slot is free$' 'errors, too'
is "$(cat "$d/disks/vdf/state")" staged 'it is staged still'
is "$(cat "$d/xml")" "$live" 'nothing is left in the live document'
is "$(cat "$d/config/xml")" "$config" 'nor in the definition'
script
ok 'it can be tried again' put "$TMP/f.raw" "$d/disks/vdf/source"
is "$(cat "$d/disks/vdf/state")" attached
script 'fail detach@a EBUSY the guest does not let go'
refused EBUSY put detach "$d/disks/vdf/state"
is "$(cat "$d/disks/vdf/state")" attached 'a failed detach leaves it attached'
like "$(cat "$d/disks/vdf/error")" 'the guest does not let go'
refused EBUSY rmdir "$d/disks/vdf"
like "$(cat "$d/config/xml")" vdf 'and defined'
script
refused EINVAL put attach "$d/disks/vdf/state"
ok 'rmdir' rmdir "$d/disks/vdf"

# off
put destroy "$d/state"
mkdir "$d/disks/vdg"
ok 'of one that is off' put "$TMP/g.raw" "$d/disks/vdg/source"
is "$(cat "$d/disks/vdg/state")" attached 'a disk is attached'
like "$(cat "$d/config/xml")" vdg 'in the definition'
remount_domfs
is "$(cat "$d/disks/vdg/source")" "$TMP/g.raw" 'also after a remount'
is "$(cat "$d/nics/n0/link")" down
done_testing
