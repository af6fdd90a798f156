#!/bin/sh
# Pools of type logical on a real volume group, in the lab VM: its kernel has device-mapper, and disks of its own.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
require qemu-system-x86_64
require lvs
require thin_check
[ -n "$(find /boot -name 'vmlinuz-*-amd64' ! -name '*-cloud-*')" ] ||
	skip_all 'needs the generic kernel: apt-get install linux-image-amd64'

# The points are made inside; the machine's exit status is the script's.
DOMFS_SLOW=4
export DOMFS_SLOW
_planned=yes
"$top/tests/lab/vm.sh" -m 1024 -t 280 -d 1G -d 256M -- "$top/tests/lab/inside-storage-lvm.sh"
