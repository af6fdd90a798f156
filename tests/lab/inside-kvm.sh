#!/bin/sh
# What tests/lab/kvm.sh runs inside the lab VM.  Forks cost 25 ms here: few of them.
. "$(dirname "$0")/../lib.sh"
require root

modprobe -a fuse kvm_amd
ok 'the lab has KVM' test -c /dev/kvm
mount_domfs
like "$(cat "$M/host/drivers/qemu/"* 2>/dev/null)" 'kvm.*(usable|works|yes)|(usable|works).*kvm' \
	'host/drivers/qemu says that KVM is usable'

web=$M/domains/web
GUEST_TYPE=kvm start_guest web
pass 'a guest boots under KVM'
is "$(cat "$web/state")" running
like "$(cat "$web/command")" 'accel[= ]kvm|kvm' 'its command line says kvm'

type_console web 'echo answer$((40+2))'
ok 'its shell answers' wait_console web '^answer42' 20

echo suspend > "$web/state"
is "$(cat "$web/state")" paused
echo resume > "$web/state"
is "$(cat "$web/state")" running
type_console web 'echo again$((1+1))'
ok 'it goes on after the pause' wait_console web '^again2' 20

echo shutdown > "$web/state"
cat "$web/wait/shutoff" > /dev/null
is "$(cat "$web/state")" shutoff 'the guest powers off when asked to'

echo start > "$web/state"
read -r pid < "$web/pid"
echo destroy > "$web/state"
is "$(cat "$web/state")" shutoff
ok 'its process is gone' test ! -e "/proc/$pid"
done_testing
