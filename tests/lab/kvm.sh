#!/bin/sh
# A guest under KVM, for real: inside the lab VM, whose emulated AMD processor has SVM.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
require qemu-system-x86_64
require guest
[ -n "$(find /boot -name 'vmlinuz-*-amd64' ! -name '*-cloud-*')" ] ||
	skip_all 'needs the generic kernel: apt-get install linux-image-amd64'

# The points are made inside; the machine's exit status is the script's.
DOMFS_CHECK_GUEST=$(guest_dir)
DOMFS_SLOW=4
export DOMFS_CHECK_GUEST DOMFS_SLOW
_planned=yes
"$top/tests/lab/vm.sh" -p qemu64,+svm,+npt -m 1024 -t 240 -- "$top/tests/lab/inside-kvm.sh"
