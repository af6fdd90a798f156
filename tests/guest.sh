#!/bin/sh
# tests/guest.sh OUTDIR [MODULE...] - makes the guest that the tests (and contrib/try) boot:
#
#   OUTDIR/vmlinuz   Debian's cloud kernel, the newest one installed
#   OUTDIR/initrd    busybox, the modules below with what they depend on, and an init
#
# tests/guest.sh --cmdline prints the kernel command line that goes with it.
# GUEST_KERNEL=VERSION takes another kernel: the generic one has AHCI, USB and PCI network cards,
# which the cloud one lacks.  Nothing is built again while kernel, modules and this file are the same.
#
# What the guest says on its serial console, one line each (numbers are bytes):
#   guest: disk vda 1048576     a disk is there, or has another size     guest: disk vda gone
#   guest: nic eth0 52:54:...   a network card is there                  guest: nic eth0 gone
#   guest: cpus 2               so many are online; new ones are brought online
#   guest: memory 123456789     MemTotal; told again when a balloon has moved it
#   guest: up                   from here on the power button and the shell answer
#   guest: power button         and it powers off
# On that console runs a shell, without echo and prompt, so that what is read there is answers only.
# Its commands besides busybox's: poweroff, reboot, crash.
#
# Words on the kernel command line:
#   guest.deaf   the power button is noticed and ignored
#   guest.calm   nothing is watched after `up`: an idle guest then costs the host no processor time
set -eu

cmdline='console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on'

# Unknown names are passed over: each kernel has some of them built in, and lacks others.
modules='button evdev virtio_pci virtio_mmio virtio_blk virtio_scsi sd_mod sr_mod ata_piix ahci
	virtio_net virtio_balloon virtio_rng virtio_console virtio_input virtio_mem
	pvpanic_mmio pvpanic_pci qemu_fw_cfg
	xhci_pci ehci_pci uhci_hcd usb_storage uas e1000 e1000e 8139cp i6300esb'

die() { echo "guest.sh: $*" >&2; exit 1; }

if [ "${1:-}" = --cmdline ]; then
	echo "$cmdline"
	exit
fi
[ $# -gt 0 ] || die 'usage: tests/guest.sh OUTDIR [MODULE...] | --cmdline'
out=$1
shift
modules="$modules $*"

version=${GUEST_KERNEL:-}
if [ -z "$version" ]; then
	version=$(printf '%s\n' /boot/vmlinuz-*-cloud-* | sort -V | tail -n 1)
	version=${version#/boot/vmlinuz-}
fi
if [ -z "$version" ] || [ ! -r "/boot/vmlinuz-$version" ]; then
	die 'no cloud kernel in /boot: apt-get install linux-image-cloud-amd64'
fi
busybox=$(command -v busybox) || die 'no busybox: apt-get install busybox-static'

stamp="$version $modules $(cksum < "$0")"
if [ -r "$out/stamp" ] && [ "$(cat "$out/stamp")" = "$stamp" ] && [ -s "$out/initrd" ]; then
	exit 0
fi

mkdir -p "$out"
work=$(mktemp -d "$out/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
root=$work/root
mkdir -p "$root/bin" "$root/modules" "$root/dev" "$root/proc" "$root/sys" "$root/etc" \
	"$root/run" "$root/tmp" "$root/root"
cp "$busybox" "$root/bin/busybox"
"$root/bin/busybox" true 2>/dev/null || die "$busybox does not run"

# In the order in which they must be loaded.  modprobe --show-depends also prints "builtin NAME".
# shellcheck disable=SC2086
modprobe -S "$version" --show-depends -q -a $modules 2>/dev/null |
	awk '$1 == "insmod" && !seen[$2]++ { print $2 }' > "$work/list" || :
[ -s "$work/list" ] || die "no modules found for $version: is /lib/modules/$version there?"
while read -r file; do
	name=${file##*/}
	case $file in
	*.xz)	name=${name%.xz};  xz -dc "$file" > "$root/modules/$name" ;;
	*.zst)	name=${name%.zst}; zstd -qdc "$file" > "$root/modules/$name" ;;
	*)	cp "$file" "$root/modules/" ;;
	esac
	echo "$name"
done < "$work/list" > "$root/modules/list"

cat > "$root/init" <<'INIT'
#!/bin/busybox sh
# The first process of the test guest.  Few forks: under TCG each costs milliseconds.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root TERM=dumb ENV=/etc/shell
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir /dev/pts
mount -t devpts devpts /dev/pts

# An unused device's module may refuse to load: that is no news.
while read -r m; do
	echo "/modules/$m"
done < /modules/list | xargs -n 1 insmod 2>/dev/null
for n in /sys/class/net/*; do
	ip link set "${n##*/}" up 2>/dev/null
done

say() { echo "guest: $*" > /dev/console; }
word() {	# is WORD on the kernel command line?
	local line
	read -r line < /proc/cmdline
	case " $line " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

# Opened here, before anything says that the guest is up: a press from then on is kept for us.
# The event devices of input devices appear a moment after their driver.
button=
for n in /sys/class/input/event*; do
	[ -r "$n/device/name" ] && read -r name < "$n/device/name" || continue
	[ "$name" = 'Power Button' ] && button=/dev/input/${n##*/}
done
press() {
	# one struct input_event, 24 bytes (head would read ahead)
	while dd bs=24 count=1 <&8 > /dev/null 2>&1; do
		say 'power button'
		if word guest.deaf; then	# the rest of the press: sync, release, sync
			dd bs=24 count=3 <&8 > /dev/null 2>&1
			continue
		fi
		poweroff -f
	done
}
if [ -n "$button" ]; then
	exec 8< "$button"
	press &
	exec 8<&-
else
	say 'no power button'
fi

online() {	# how many processors /sys/devices/system/cpu/online names: "0-2,5" is 4
	local list range IFS=,
	cpus=0
	read -r list < /sys/devices/system/cpu/online
	for range in $list; do
		cpus=$((cpus + ${range#*-} - ${range%-*} + 1))
	done
}

# Keeps DISKS ("vda=1048576 ...") and NICS ("eth0=MAC ...") as they are, and tells the differences.
devices() {
	local now path name size had
	now=
	for path in /sys/block/[vsh][dr]*; do
		[ -r "$path/size" ] && read -r size < "$path/size" || continue
		now="$now ${path##*/}=$((size * 512))"
	done
	differ disk "$disks" "$now"
	disks=$now
	now=
	for path in /sys/class/net/e*; do
		[ -r "$path/address" ] && read -r size < "$path/address" || continue
		now="$now ${path##*/}=$size"
	done
	differ nic "$nics" "$now"
	nics=$now
}
differ() {	# KIND WAS IS
	local one
	[ "$2" = "$3" ] && return
	for one in $2; do
		case " $3 " in
		*" ${one%%=*}="*) ;;
		*) say "$1 ${one%%=*} gone" ;;
		esac
	done
	for one in $3; do
		case " $2 " in
		*" $one "*) ;;
		*) say "$1 ${one%%=*} ${one#*=}" ;;
		esac
	done
}

processors() {
	local path state
	for path in /sys/devices/system/cpu/cpu[0-9]*/online; do
		[ -r "$path" ] && read -r state < "$path" || continue
		[ "$state" = 0 ] && echo 1 > "$path" 2>/dev/null
	done
	for path in /sys/devices/system/memory/memory*/state; do
		[ -r "$path" ] && read -r state < "$path" || continue
		[ "$state" = offline ] && echo online_movable > "$path" 2>/dev/null
	done
	online
	[ "$cpus" = "$told_cpus" ] || say "cpus $cpus"
	told_cpus=$cpus
}

memory() {	# a balloon moves in steps: told when it stood still between two looks
	local key kib
	read -r key kib key < /proc/meminfo
	[ "$kib" != "$told_memory" ] && [ "$kib" = "$seen_memory" ] && {
		say "memory $((kib * 1024))"
		told_memory=$kib
	}
	seen_memory=$kib
}

watch() {
	while :; do
		# a sleep that forks nothing: nobody ever writes to this pipe
		read -r -t 0.2 line <&9
		devices
		processors
		memory
	done
}

disks='' nics='' told_cpus='' told_memory='' seen_memory=''
read -r key seen_memory key < /proc/meminfo
devices
processors
memory
mkfifo /run/never
exec 9<> /run/never
word guest.calm || watch < /dev/null &
exec 9<&-
say up

# Raw lines in, answers out.  The shell comes back when it is left.
stty -F /dev/console -echo 2>/dev/null
while :; do
	setsid cttyhack sh /etc/shell run
	sleep 0.1
done
INIT

cat > "$root/etc/shell" <<'SHELL'
# Read by every shell of the guest ($ENV); with "run", it is the shell on the console.
# Busybox's own poweroff and reboot ask an init that is not there.
poweroff() { busybox poweroff -f; }
reboot() { busybox reboot -f; }
crash() { echo c > /proc/sysrq-trigger; }
if [ "${1:-}" = run ]; then
	shift
	cd /root
	stty -echo
	while read -r line; do
		eval "$line"
	done
fi
SHELL
chmod 755 "$root/init"

(cd "$root" && find . -print | sort | cpio --quiet -o -H newc -R 0:0 | gzip -6) > "$work/initrd"
cp "/boot/vmlinuz-$version" "$work/vmlinuz"
chmod 644 "$work/initrd" "$work/vmlinuz"
# The stamp goes first and comes last: whoever sees it sees the files it speaks of.
rm -f "$out/stamp"
mv -f "$work/vmlinuz" "$out/vmlinuz"
mv -f "$work/initrd" "$out/initrd"
printf '%s\n' "$stamp" > "$work/stamp"
mv -f "$work/stamp" "$out/stamp"
