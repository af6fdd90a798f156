#!/bin/sh
# domfs killed at each step of define, start, stop and plug with real QEMU: no definition is lost or half-written,
# no QEMU is left unowned.
# timeout: 400
. "$(dirname "$0")/../lib.sh"
require guest
truncate -s 1M "$TMP/a.img"; chmod 666 "$TMP/a.img"
mount_domfs
start_guest web
echo destroy > "$M/domains/web/state"
cp "$M/domains/web/xml" "$TMP/before.xml"
d=$M/domains/web

owned() {	# every QEMU of ours is one that the mount shows as running
	for p in $(pgrep -f "qemu-system.*$(cat "$d/uuid")" || :); do
		[ "$p" = "$(cat "$d/pid")" ] || { echo "process $p is not that of the domain ($(cat "$d/pid"))"; return 1; }
	done
}
died() { grep -q '^State:.Z' "/proc/$(domfs_pid)/status" 2>/dev/null || ! kill -0 "$(domfs_pid)" 2>/dev/null; }
settled() { case $(cat "$d/state") in running|paused|shutoff) ;; *) return 1 ;; esac; }
crash_at() {	# STEP COMMAND...: kill domfs there, then look
	step=$1
	shift
	umount_domfs
	DOMFS_CRASH=$step mount_domfs
	timeout 60 "$@" > /dev/null 2>&1 || :
	if wait_for 2 died; then :; else
		fail "$step is passed" "domfs still runs after: $*"
		return
	fi
	kill_domfs
	remount_domfs
	wait_for 10 settled || :	# guests are found again in the background
	ok "$step: no QEMU is unowned" owned
	is "$(cat "$d/uuid")" "$uuid" "$step: the definition is there"
	like "$(cat "$d/state")" '^(running|paused|shutoff)$' "$step: in a known state"
	timeout 10 sh -c "echo destroy > $d/state"
	is "$(pgrep -fc "qemu-system.*$uuid" || :)" 0 "$step: and it can be ended"
}
uuid=$(cat "$d/uuid")
for step in $("$DOMFS" help faults | grep '^start:'); do
	crash_at "$step" sh -c "echo start > $d/state"
done
for step in $("$DOMFS" help faults | grep '^stop:'); do
	echo start > "$d/state"
	crash_at "$step" sh -c "echo destroy > $d/state"
done
for step in $("$DOMFS" help faults | grep '^plug:'); do
	echo start > "$d/state"
	crash_at "$step" sh -c "mkdir $d/disks/vdz && echo $TMP/a.img > $d/disks/vdz/source"
	if [ -e "$d/disks/vdz" ]; then
		like "$(cat "$d/config/xml")" 'a.img' "$step: a disk that is there is in the definition"
		rmdir "$d/disks/vdz"
	fi
done
is "$(diff "$TMP/before.xml" "$d/xml")" '' 'the definition is what it was'
ok 'and it starts' sh -c "echo start > $d/state"
done_testing
