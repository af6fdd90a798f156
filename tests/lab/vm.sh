#!/bin/bash
# tests/lab/vm.sh [options] [--] COMMAND [ARGUMENT...] - runs COMMAND in a small virtual machine.
#
# For what the kernel of a container or a CI machine cannot do: KVM, cgroup v2, LVM, VLANs, NFS, ...
# The machine runs Debian's generic kernel under TCG.  It sees this machine's whole file system
# read-only, with a RAM overlay on top: what is installed and built here is there, and what
# COMMAND writes is gone afterwards.  COMMAND runs as root in the same directory, with the DOMFS*
# variables; its output comes out here as it is written, and its exit status is ours.
# 124: it took too long; 125: the machine died.
#
#   -c CORES  (1)        -m MIB  (1024)       -t SECONDS  (300)
#   -p CPU    (Nehalem)  the processor; with qemu64,+svm,+npt KVM works inside
#   -d SIZE              a spare disk: vda, vdb, ... (may be repeated)
#   -w DIR               DIR is shared writable (may be repeated); no sockets or FIFOs in it
#   -M NODES             NUMA nodes
#   -I                   an IOMMU, and a spare e1000e and NVMe below it to pass through
#   -l FILE              keep the kernel's console log
#
# Forks are dear inside (25 ms each): COMMAND should be one program rather than a chatty script.
set -eu

cores=1 mem=1024 limit=300 cpu=Nehalem nodes=1 iommu='' log=''
disks=() shares=()
usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }
die() { echo "lab: $*" >&2; exit 125; }

while getopts c:m:t:p:d:w:M:Il: opt; do
	case $opt in
	c) cores=$OPTARG ;;
	m) mem=$OPTARG ;;
	t) limit=$OPTARG ;;
	p) cpu=$OPTARG ;;
	d) disks+=("$OPTARG") ;;
	w) shares+=("$(realpath "$OPTARG")") ;;
	M) nodes=$OPTARG ;;
	I) iommu=yes ;;
	l) log=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage

top=$(cd "$(dirname "$0")/../.." && pwd)
kernel=$(printf '%s\n' /boot/vmlinuz-*-amd64 | grep -v -e -cloud- -e -rt- | sort -V | tail -n 1)
[ -r "$kernel" ] || die 'no generic kernel in /boot: apt-get install linux-image-amd64'
version=${kernel#/boot/vmlinuz-}
work=$(mktemp -d "${TMPDIR:-/tmp}/lab.XXXXXX")
log=${log:-$work/console}
qemu_pid=
# shellcheck disable=SC2317
finish() {
	# to timeout, which passes it on
	[ -z "$qemu_pid" ] || kill "$qemu_pid" 2>/dev/null || :
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' INT TERM HUP

# --- the initramfs: finds the root, lays the overlay on it, and hands over.  Kept per kernel. ---

stage1() {
	cat <<'INIT'
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r m; do insmod "/modules/$m"; done < /modules/list
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose root /lower
mount -t tmpfs -o mode=755,size=80% upper /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work root /new
for d in dev proc sys; do mount --move /$d /new/$d; done
mount -t tmpfs -o mode=755 run /new/run
mkdir /new/run/lab
cp /stage2 /settings /command /new/run/lab/
exec switch_root /new /bin/bash /run/lab/stage2
INIT
}

stage2() {
	cat <<'INIT'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
. /run/lab/settings
mkdir -p /dev/pts /dev/shm /run/lock
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t securityfs securityfs /sys/kernel/security
ln -sfn /proc/self/fd /dev/fd
ln -sfn fd/0 /dev/stdin; ln -sfn fd/1 /dev/stdout; ln -sfn fd/2 /dev/stderr
echo lab > /proc/sys/kernel/hostname
ip link set lo up
if [ -x /lib/systemd/systemd-udevd ]; then
	/lib/systemd/systemd-udevd --daemon
	udevadm trigger --action=add
	udevadm settle -t 20
fi
for i in "${!shares[@]}"; do
	mkdir -p "${shares[i]}"
	mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none "share$i" "${shares[i]}"
done
for p in /sys/class/virtio-ports/*; do
	read -r name < "$p/name"
	case $name in
	lab.output) output=/dev/${p##*/} ;;
	lab.status) status=/dev/${p##*/} ;;
	esac
done
bash /run/lab/command > "$output" 2>&1 < /dev/null
echo $? > "$status"
sync
echo o > /proc/sysrq-trigger
sleep 60
INIT
}

pack() { (cd "$1" && find . -print | cpio --quiet -o -H newc -R 0:0 | gzip -1); }

cache=${DOMFS_LAB_CACHE:-$top/build/lab}
mkdir -p "$cache"
base=$cache/initrd-$version
if [ ! -s "$base" ] || [ "$0" -nt "$base" ]; then
	root=$work/root
	mkdir -p "$root"/{bin,modules,dev,proc,sys,lower,upper,new}
	cp "$(command -v busybox)" "$root/bin/busybox" || die 'no busybox: apt-get install busybox-static'
	for applet in sh mount mkdir cp insmod switch_root; do
		ln -s busybox "$root/bin/$applet"
	done
	modprobe -S "$version" --show-depends -a virtio_pci virtio_console 9pnet_virtio 9p overlay |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }' > "$work/modules"
	while read -r file; do
		cp "$file" "$root/modules/"
		echo "${file##*/}"
	done < "$work/modules" > "$root/modules/list"
	stage1 > "$root/init"
	stage2 > "$root/stage2"
	chmod 755 "$root/init"
	pack "$root" > "$work/base"
	mv -f "$work/base" "$base"
fi

# --- this run's part: a second archive behind the first ---

mkdir "$work/run"
declare -p shares > "$work/run/settings"
{
	printf 'cd %q || cd /\n' "$PWD"
	export -p | grep -E '^declare -x (DOMFS[A-Z_]*|GUEST_KERNEL|LANG|CI)=' || :
	printf 'exec'
	printf ' %q' "$@"
	echo
} > "$work/run/command"
{ cat "$base"; pack "$work/run"; } > "$work/initrd"

# --- the machine ---

machine=q35 append='console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable random.trust_cpu=on'
devices=()
for i in "${!shares[@]}"; do
	devices+=(-fsdev "local,id=share$i,path=${shares[i]},security_model=none,multidevs=remap"
		-device "virtio-9p-pci,fsdev=share$i,mount_tag=share$i")
done
for i in "${!disks[@]}"; do
	truncate -s "${disks[i]}" "$work/disk$i"
	devices+=(-drive "if=none,id=disk$i,file=$work/disk$i,format=raw,cache=unsafe,discard=unmap"
		-device "virtio-blk-pci,drive=disk$i,serial=lab$i")
done
if [ -n "$iommu" ]; then
	machine=q35,kernel-irqchip=split
	append="$append intel_iommu=on"
	truncate -s 64M "$work/nvme"
	# shellcheck disable=SC2054
	devices+=(-device 'intel-iommu,intremap=on,caching-mode=on'
		-device pcie-root-port,id=port1,slot=1 -device e1000e,bus=port1
		-drive "if=none,id=nvme,file=$work/nvme,format=raw"
		-device pcie-root-port,id=port2,slot=2 -device nvme,bus=port2,drive=nvme,serial=labnvme)
fi
if [ "$nodes" -gt 1 ]; then
	[ "$cores" -ge "$nodes" ] || cores=$nodes
	for ((i = 0; i < nodes; i++)); do
		devices+=(-object "memory-backend-ram,id=mem$i,size=$((mem / nodes))M"
			-numa "node,nodeid=$i,memdev=mem$i,cpus=$((i * cores / nodes))-$(((i + 1) * cores / nodes - 1))")
	done
	mem=$((mem / nodes * nodes))
fi

# Ports into a FIFO and a file: QEMU's stdio chardev counts as hung up when stdin is at its end.
# The FIFO is kept open by us, so that cat sees its end only after QEMU has gone.
mkfifo "$work/output"
cat "$work/output" &
cat_pid=$!
exec 3> "$work/output"
timeout --foreground -k 5 "$limit" qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
	-machine "$machine" -accel tcg,thread=multi -cpu "$cpu" -smp "$cores" -m "$mem" \
	-kernel "$kernel" -initrd "$work/initrd" -append "$append" \
	-chardev "file,id=console,path=$log" -serial chardev:console \
	-device virtio-serial-pci \
	-chardev "file,id=output,path=$work/output" -device virtserialport,chardev=output,name=lab.output \
	-chardev "file,id=status,path=$work/status" -device virtserialport,chardev=status,name=lab.status \
	-object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng \
	-fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
	-device virtio-9p-pci,fsdev=root,mount_tag=root \
	"${devices[@]}" < /dev/null 3>&- &
qemu_pid=$!
rc=0
wait "$qemu_pid" || rc=$?
qemu_pid=
exec 3>&-
wait "$cat_pid" || :

if [ -s "$work/status" ]; then
	exit "$(cat "$work/status")"
fi
tail -n 15 "$log" >&2
if [ "$rc" = 124 ]; then
	echo "lab: no end after $limit s" >&2
	exit 124
fi
die "the machine died (qemu $rc)"
