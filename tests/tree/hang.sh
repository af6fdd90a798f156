#!/bin/sh
# A hypervisor that hangs or is slow: only who asks it waits, for a bounded time, and can be interrupted.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require python3
mount_domfs -o timeout=1000

d=$M/domains/a
b=$M/domains/b
mkdir "$d" "$b"
test_xml a "<disk type='file' device='disk'><source file='/x'/><target dev='vda' bus='virtio'/></disk>" > "$d/xml"
test_xml b > "$b/xml"
echo start > "$d/state"
echo start > "$b/state"

# quick NAME COMMAND...: it succeeds long before the hypervisor's time is over
quick() {
	_what=$1
	shift
	_t=$(date +%s%N)
	ok "$_what" timeout $((10 * _slow)) "$@"
	_t=$((($(date +%s%N) - _t) / 1000000))
	ok "$_what, at once" test "$_t" -lt $((700 * _slow))
}
in_read() { [ "$(cut -d' ' -f1 "/proc/$1/syscall" 2>/dev/null)" = "$2" ]; }
# shellcheck disable=SC2317
opening() { in_read "$1" 257; }		# openat(2) of what must be asked for

script 'hang stats@a'
refused ETIMEDOUT cat "$d/stats/memory"
refused ETIMEDOUT cat "$d/stats/block"
like "$(tail -n 1 "$M/errors")" 'domains/a/stats/block ETIMEDOUT .*not answered within 1000 ms' 'the words say how long it was asked'
cat "$d/stats/memory" 2> "$TMP/err" &
reader=$!
wait_for 5 opening "$reader" || fail 'a reader waits'
quick 'ls -lR of all' ls -lR "$M"
quick 'the state of all' sh -c "cat $M/domains/*/state"
quick 'xml, cpus, memory, disks of the one that hangs' cat "$d/xml" "$d/cpus" "$d/memory" "$d/disks/vda/source" "$d/stats/cpu" "$d/job"
quick 'the statistics of another' cat "$b/stats/memory"
quick 'another one can be stopped' sh -c "echo destroy > $b/state"
quick 'and started' sh -c "echo start > $b/state"
quick 'the one that hangs can be paused' sh -c "echo suspend > $d/state"
wait "$reader" || :
cat "$d/stats/memory" 2> "$TMP/err" &
reader=$!
wait_for 5 opening "$reader" || fail 'a reader waits'
kill -INT "$reader" 2>/dev/null || :
kill -TERM "$reader"
quick 'a reader that waits ends by a signal' sh -c "while kill -0 $reader 2>/dev/null && [ \"\$(cut -d' ' -f3 /proc/$reader/stat)\" != Z ]; do sleep 0.02; done"
wait "$reader" || :
refused ETIMEDOUT cat "$d/disks/vda/stats"
ok 'metrics of the others can be read' grep -q 'domain="b"' "$M/metrics"
script
quick 'it answers again' cat "$d/stats/memory"
echo destroy > "$d/state"

# a start that hangs
script 'hang start@a'
start_behind() {
	sh -c "echo start > $d/state" 2> "$TMP/start.err" &
	starter=$!
	wait_for 5 grep -q 'operation start' "$d/job" || fail 'a start goes on' "$(cat "$d/job")"
}
started() {	# its exit status
	_rc=0
	wait "$starter" || _rc=$?
}
start_behind
is "$(cat "$d/state")" starting 'state says starting'
like "$(cat "$d/job")" '^elapsed_ms [0-9]+$' 'job shows for how long'
like "$(cat "$d/job")" "^holder_uid $(id -u)$" 'and whose it is'
like "$(cat "$d/job")" '^waiting 0$'
quick 'destroy ends it' sh -c "echo destroy > $d/state"
started
isnt "$_rc" 0 'the start has failed'
is "$(cat "$d/state")" shutoff 'and it is off'
is "$(cat "$d/job")" '' 'nothing goes on'
start_behind
started
isnt "$_rc" 0 'a start whose hypervisor hangs fails'
like "$(cat "$d/error")" 'a: start: .*not answered within 1000 ms' 'by the time'
is "$(cat "$d/state") $(cat "$d/reason")" 'shutoff failed'
start_behind
quick 'echo abort > job' sh -c "echo abort > $d/job"
started
isnt "$_rc" 0 'ends it'
is "$(cat "$d/state")" shutoff
refused EINVAL sh -c "echo abort > $d/job"
refused EINVAL sh -c "echo stop > $d/job"
start_behind
kill -TERM "$starter"
started
is "$(timeout 5 cat "$d/wait/job")" none 'a writer that is killed ends its start'
is "$(cat "$d/state")" shutoff
start_behind
script
quick 'the mount can be read meanwhile' ls -lR "$M"
quick 'destroy works beside it' sh -c "echo destroy > $d/state"
started

# slow: others wait for their turn
script 'delay start@a 400'
start_behind
sh -c "echo suspend > $d/state" 2> "$TMP/second.err" &
second=$!
ok 'a second writer waits for its turn' wait_for 5 grep -q '^waiting 1$' "$d/job"
started
is "$_rc" 0 'the first is answered'
rc=0
wait "$second" || rc=$?
is "$rc" 0 'and the second'
is "$(cat "$d/state")" paused 'in this order'
echo destroy > "$d/state"
start_behind
sh -c "echo suspend > $d/state" 2> "$TMP/second.err" &
second=$!
wait_for 5 grep -q '^waiting 1$' "$d/job" || fail 'a second writer waits'
kill -TERM "$second"
ok 'who waits can be killed' wait_for 5 grep -q '^waiting 0$' "$d/job"
wait "$second" || :
started
is "$_rc $(cat "$d/state")" '0 running' 'which does not disturb the first'
script 'hang stop@a'
refused ETIMEDOUT sh -c "echo destroy > $d/state"
is "$(cat "$d/state")" running 'a stop that hangs changes nothing'
script 'hang set@a'
sh -c "echo 64M > $d/memory" 2> "$TMP/set.err" &
setter=$!
wait_for 5 grep -q '^operation ' "$d/job" || fail 'a change goes on'
quick 'destroy ends a change that hangs' sh -c "echo destroy > $d/state"
rc=0
wait "$setter" || rc=$?
isnt "$rc" 0 'which fails'
is "$(cat "$d/memory")" 134217728 'and changed nothing'
script

# the daemon is ended while it hangs
script 'hang start@a' 'hang stats@b'
start_behind
cat "$b/stats/memory" 2> "$TMP/err" &
reader=$!
wait_for 5 opening "$reader" || fail 'a reader waits'
kill -TERM "$(domfs_pid)"
wait "$reader" || :
started
isnt "$_rc" 0 'SIGTERM: the start fails'
_gone
script
mount_domfs
is "$(cat "$b/state")" running 'the guest that ran runs'
is "$(cat "$d/state")" shutoff 'the one that was being started does not'
done_testing
