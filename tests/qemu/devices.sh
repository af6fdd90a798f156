#!/bin/sh
# The devices that ordinary definitions use: QEMU takes every one, and the screen can be seen.
# timeout: 180
. "$(dirname "$0")/../lib.sh"
require guest
mount_domfs
for f in a b c d e f; do truncate -s 1M "$TMP/$f.img"; done
chmod 666 "$TMP"/*.img
all="
<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='$TMP/a.img'/><target dev='sda' bus='sata'/><readonly/></disk>
<disk type='file'><driver name='qemu' type='raw' cache='none' discard='unmap'/><source file='$TMP/b.img'/><target dev='vda' bus='virtio'/><serial>S1</serial></disk>
<disk type='file'><driver name='qemu' type='raw'/><source file='$TMP/c.img'/><target dev='sdb' bus='scsi'/></disk>
<disk type='file'><driver name='qemu' type='raw'/><source file='$TMP/d.img'/><target dev='sdc' bus='usb'/></disk>
<controller type='scsi' index='0' model='virtio-scsi'/>
<controller type='usb' index='0' model='qemu-xhci'/>
<interface type='user'><model type='virtio'/></interface>
<interface type='user'><model type='e1000e'/></interface>
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<input type='tablet' bus='usb'/>
<graphics type='vnc'><listen type='socket'/></graphics>
<video><model type='virtio'/></video>
<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
<watchdog model='i6300esb' action='reset'/>
<sound model='ich9'/>
<memballoon model='virtio'/>
<panic model='isa'/>
<serial type='file'><source path='$TMP/serial.log'/></serial>
<serial type='unix'><source mode='bind' path='$TMP/serial.sock'/></serial>"
start_guest q35 "$all"
d=$M/domains/q35
pass 'a q35 machine with all of them boots'
ok 'the screen' cp "$d/screenshot.png" "$TMP/s.png"
is "$(dd if="$TMP/s.png" bs=1 skip=1 count=3 2>/dev/null)" PNG 'is a PNG picture'
ok 'it is what ls said' [ "$(stat -c %s "$TMP/s.png")" -gt 100 ]
like "$(cat "$d/disks/vda/serial")" '^S1$' 'disk attributes'
is "$(ls "$d/nics" | wc -l)" 2 'two NICs'
like "$(cat "$d/nics/net0/mac")" '^52:54:00:' 'with MAC addresses'
mac=$(cat "$d/nics/net0/mac")
ok 'a CD is ejected' sh -c ": ; echo > $d/disks/sda/source"
ok 'and another put in' sh -c "echo $TMP/e.img > $d/disks/sda/source"
is "$(cat "$d/disks/sda/source")" "$TMP/e.img"
ok 'the serial port in a socket answers' [ -S "$TMP/serial.sock" ]
cp "$d/xml" "$TMP/first.xml"
echo destroy > "$d/state"
echo start > "$d/state"
is "$(cat "$d/nics/net0/mac")" "$mac" 'MACs stay over a restart'
is "$(grep -o '<address[^>]*>' "$TMP/first.xml")" "$(grep -o '<address[^>]*>' "$d/xml")" 'addresses too'
echo destroy > "$d/state"

GUEST_MACHINE=pc start_guest i440fx "<disk type='file'><driver name='qemu' type='raw'/><source file='$TMP/f.img'/><target dev='hda' bus='ide'/></disk>
<interface type='user'><model type='rtl8139'/></interface><video><model type='cirrus'/></video><graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'/>"
pass 'an i440fx machine boots'
like "$(cat "$M/domains/i440fx/xml")" "port=.59[0-9]{2}." 'a free VNC port was chosen and shown'
echo destroy > "$M/domains/i440fx/state"
mkdir "$M/domains/micro"
GUEST_MACHINE=microvm guest_xml micro | sed "s|<features><acpi/></features>||; s|pty'/>|pty'/><controller type='usb' model='none'/><memballoon model='none'/>|" > "$TMP/micro.xml"
if cp "$TMP/micro.xml" "$M/domains/micro/xml" && echo start > "$M/domains/micro/state"; then
	ok 'a microvm boots' wait_console micro '^guest: up' 60
else
	fail 'a microvm starts' "$(cat "$M/domains/micro/error")"
fi
done_testing
