#!/bin/sh
# Pools of type iscsi, scsi and mpath with real sessions and disks: inside the lab VM, by tgt, open-iscsi, scsi_debug and multipathd.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
require qemu-system-x86_64
require tgtd 'apt-get install tgt'
require iscsiadm 'apt-get install open-iscsi'
require multipathd 'apt-get install multipath-tools'
[ -n "$(find /boot -name 'vmlinuz-*-amd64' ! -name '*-cloud-*')" ] ||
	skip_all 'needs the generic kernel: apt-get install linux-image-amd64'

# The points are made inside; the machine's exit status is the script's.
DOMFS_SLOW=4
export DOMFS_SLOW
_planned=yes
"$top/tests/lab/vm.sh" -m 1024 -t 270 -- "$top/tests/lab/inside-storage-scsi.sh"
