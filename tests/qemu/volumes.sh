#!/bin/sh
# Real guests with volumes as disks: started, plugged, claimed while they run, and free again after.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
require guest
require qemu-img
mount_domfs
d=$M/domains/web
v=$M/pools/images/volumes
dir=$TMP/images

mkdir "$dir" "$M/pools/images"
echo dir > "$M/pools/images/type"
echo "$dir" > "$M/pools/images/target"
truncate -s 8M "$dir/root"
truncate -s 4M "$dir/data"
truncate -s 2M "$dir/cd"
qemu-img create -q -f qcow2 "$dir/top.qcow2" 16M
chmod 666 "$dir"/*
volume_disk() {	# TARGET VOLUME [MORE]
	echo "<disk type='volume' device='disk'>${3:-}<source pool='images' volume='$2'/><target dev='$1'/></disk>"
}
define() {	# DEVICES
	guest_xml web "$1" > "$TMP/web.xml"
	cp "$TMP/web.xml" "$d/xml"
}
busy() {	# COMMAND...: it is refused, naming the guest
	refused EBUSY "$@"
	like "$(tail -n 1 "$M/errors")" "'web'" 'the guest is named'
}

mkdir "$d"
define "$(volume_disk vda root) $(volume_disk vdb top.qcow2) <disk device='cdrom'><target dev='sda' bus='sata'/></disk>"
refused EBUSY sh -c "echo start > $d/state"
like "$(cat "$d/error")" "the pool 'images' is inactive" 'a stopped pool is the reason'
like "$(cat "$d/error")" "echo start > pools/images/state" 'and what would work is said'
is "$(cat "$d/state")" shutoff
echo start > "$M/pools/images/state"
ok 'it starts when the pool is active' sh -c "echo start > $d/state"
ok 'the guest sees both disks' wait_console web '^guest: up' 60
like "$(cat "$d/console.log")" 'disk vda 8388608' 'the raw one'
like "$(cat "$d/console.log")" 'disk vdb 16777216' 'and the qcow2 one, as the pool knows its format'
like "$(cat "$d/xml")" "<source pool=.images. volume=.root." 'its document says the volume'
unlike "$(cat "$d/xml")" "$dir/root" 'and not the path'
is "$(cat "$d/pending")" '' 'that is no difference to the next start'
is "$(readlink "$d/disks/vda/volume")" ../../../../pools/images/volumes/root

busy sh -c "head -c 512 /dev/zero > $v/root/image"
busy mv "$v/root" "$v/new"
busy rmdir "$v/root"
is "$(ls "$v/root/users") $(ls "$v/data/users")" 'web ' 'users names it'
is "$(stat -c %s "$dir/root")" 8388608 'nothing was changed'

ln "$dir/root" "$dir/second"
busy rmdir "$v/second"		# the same image by another name

mkdir "$d/disks/vdc"
ok 'a link plugs a volume' ln -s ../../../../pools/images/volumes/data "$d/disks/vdc/volume"
ok 'the guest sees it' wait_console web '^guest: disk vdc 4194304' 30
busy rmdir "$v/data"
ok 'a medium' ln -s ../../../../pools/images/volumes/cd "$d/disks/sda/volume"
like "$(cat "$d/disks/sda/xml")" 'volume=.cd.' 'is in the drive'
busy mv "$v/cd" "$v/dc"
ok 'and taken out' rm "$d/disks/sda/volume"
ok 'is free' mv "$v/cd" "$v/dc"

kill_domfs
remount_domfs
busy rmdir "$v/data"
timeout 10 cat "$d/wait/running" > /dev/null
busy mv "$v/root" "$v/new"
is "$(ls "$v/data/users")" web 'users names it after a crash of domfs'
mv "$dir/data" "$dir/moved"
ok 'a file renamed by others stays claimed' wait_for 5 test -d "$v/moved"
busy rmdir "$v/moved"
mv "$dir/moved" "$dir/data"
ok 'a volume is unplugged' timeout 60 sh -c "echo detach > $d/disks/vdc/state"
ok 'and free' wait_for 5 rmdir "$v/data"
pid=$(cat "$d/pid")
is "$(ls -l "/proc/$pid/fd" | grep -c "$dir/data")" 0 'QEMU has closed it'

echo destroy > "$d/state"
ok 'after the end all is free' mv "$v/root" "$v/new"
ok 'again' mv "$v/new" "$v/root"
ok 'writable' sh -c "head -c 512 /dev/zero | dd of=$v/root/image conv=notrunc 2> /dev/null"
is "$(ls "$v/root/users")" web 'the definition still names it'

ok 'a volume that is not there' rmdir "$v/second"
define "$(volume_disk vda second)"
refused ENOENT sh -c "echo start > $d/state"
like "$(cat "$d/error")" "disk 'vda': the pool 'images' has no volume 'second'" 'is named'
define "<disk type='volume'><source pool='none' volume='x'/><target dev='vda'/></disk>"
refused ENOENT sh -c "echo start > $d/state"
like "$(cat "$d/error")" "there is no pool 'none'" 'so is a pool'
for hack in "<source pool='images' volume='root' granted='1'/>" "<source file='/dev/null' granted='1'/>"; do
	guest_xml web "<disk type='volume'>$hack<target dev='vda'/></disk>" > "$TMP/hack.xml"
	refused EINVAL cp "$TMP/hack.xml" "$d/xml"
done
done_testing
