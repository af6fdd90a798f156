#!/bin/sh
# Other clients of the wire: the Linux kernel's own (v9fs) mounts a domfs, and the tree's tests run over it: inside the lab VM.
# timeout: 400
. "$(dirname "$0")/../lib.sh"
require qemu-system-x86_64
[ -n "$(find /boot -name 'vmlinuz-*-amd64' ! -name '*-cloud-*')" ] ||
	skip_all 'needs the generic kernel: apt-get install linux-image-amd64'

# The points are made inside; the machine's exit status is the script's.
DOMFS_SLOW=4
export DOMFS_SLOW
_planned=yes
"$top/tests/lab/vm.sh" -c 2 -m 1024 -t 380 -- "$top/tests/lab/inside-p9.sh" "$@"
