#!/bin/sh
# Pools of type fs, disk and netfs with real devices, udev and servers: inside the lab VM.
# timeout: 600
. "$(dirname "$0")/../lib.sh"
require qemu-system-x86_64
require sfdisk
require mkfs.xfs
require mkfs.btrfs
require mkfs.vfat
require rpc.nfsd
require nft
[ -n "$(find /boot -name 'vmlinuz-*-amd64' ! -name '*-cloud-*')" ] ||
	skip_all 'needs the generic kernel: apt-get install linux-image-amd64'

# The points are made inside; the machine's exit status is the script's.
DOMFS_SLOW=4
export DOMFS_SLOW
_planned=yes
"$top/tests/lab/vm.sh" -m 1280 -t 560 -d 400M -d 256M -d 128M -- "$top/tests/lab/inside-storage-files.sh"
