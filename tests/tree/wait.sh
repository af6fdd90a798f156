#!/bin/sh
# The files below wait/: they block until it is so, can be interrupted, cost little, and end with the mount.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require python3
mount_domfs

d=$M/domains/a
mkdir "$d" "$M/domains/b"
test_xml a > "$TMP/a.xml"
cp "$TMP/a.xml" "$d/xml"
test_xml b > "$M/domains/b/xml"

is "$(timeout 10 cat "$d/wait/shutoff")" 'shutoff unknown' 'what is so already is answered at once'
is "$(timeout 10 cat "$d/wait/job")" none
is "$(ls "$d/wait")" '' 'files that block are not listed'
refused ENOENT cat "$d/wait/asleep"
refused EPERM sh -c "echo x > $d/wait/running"

in_read() {	# PID: it sleeps in read(2)
	[ "$(cut -d' ' -f1 "/proc/$1/syscall" 2>/dev/null)" = 0 ]
}

# park FILE: a reader of it that is really blocked; $reader and $TMP/read.out
park() {
	cat "$1" > "$TMP/read.out" 2> "$TMP/read.err" &
	reader=$!
	wait_for 10 in_parked_read "$reader" || fail "a reader of $1 blocks" "$(cat "$TMP/read.out" "$TMP/read.err")"
}
in_parked_read() {
	in_read "$1" && [ "$(readlink "/proc/$1/fd/3")" != '' ] && case $(readlink "/proc/$1/fd/3") in */wait/*) ;; *) return 1 ;; esac
}
ended() {	# "OUTPUT STATUS" NAME: what the reader said, and how it ended
	_rc=0
	wait "$reader" || _rc=$?
	is "$(cat "$TMP/read.out") $_rc" "$1" "$2"
}

park "$d/wait/running"
echo start > "$d/state"
ended 'running booted 0' 'wait/running returns when it runs'
park "$d/wait/paused"
echo suspend > "$d/state"
ended 'paused user 0' 'wait/paused'
park "$d/wait/shutoff"
echo resume > "$d/state"
ok 'another state does not end it' in_read "$reader"
echo shutdown > "$d/state"
ended 'shutoff shutdown 0' 'wait/shutoff'
echo start > "$d/state"
park "$d/wait/shutoff"
script 'crash a'
ended 'crashed crashed 0' 'a crash is an end, too'
script "delay start@a $((300 * ${DOMFS_SLOW:-1}))"
echo start > "$d/state" &
starter=$!
wait_for 10 grep -q 'operation start' "$d/job" || fail 'a start goes on'
park "$d/wait/job"
ended 'none 0' 'wait/job returns when nothing is going on'
wait "$starter" || fail 'the start succeeds'
is "$(cat "$d/state")" running
script

# signals
park "$d/wait/shutoff"
kill -TERM "$reader"
ended ' 143' 'SIGTERM ends a reader'
park "$d/wait/shutoff"
kill -KILL "$reader"
ended ' 137' 'SIGKILL ends a reader'
# REASON NAME COMMAND...
ok_but_v9fs() {
	_why=$1
	shift
	if over_v9fs; then skip "$1" "$_why"; else ok "$@"; fi
}
ok_but_v9fs 'v9fs ends no read for a signal that is handled' 'a signal with a handler interrupts it: EINTR' timeout 20 python3 - "$d" <<'PY'
import os, signal, sys, threading, time
class Stop(Exception): pass
def handler(*_): raise Stop
signal.signal(signal.SIGALRM, handler)
fd = os.open(sys.argv[1] + "/wait/shutoff", os.O_RDONLY)
signal.setitimer(signal.ITIMER_REAL, 0.1)
t = time.monotonic()
try:
    os.read(fd, 100)
    sys.exit("read returned")
except Stop:
    assert time.monotonic() - t < 2
PY
ok 'O_NONBLOCK is answered EAGAIN' python3 - "$d" <<'PY'
import os, sys
fd = os.open(sys.argv[1] + "/wait/shutoff", os.O_RDONLY | os.O_NONBLOCK)
try:
    os.read(fd, 100)
    sys.exit("read returned")
except BlockingIOError:
    pass
PY
ok_but_v9fs 'v9fs has no poll: every file is ready' 'poll(2) says when it is so' timeout 20 python3 - "$d" <<'PY'
import os, select, sys
d = sys.argv[1]
fd = os.open(d + "/wait/shutoff", os.O_RDONLY)
p = select.poll()
p.register(fd, select.POLLIN)
assert p.poll(0) == [], "ready too early"
with open(d + "/state", "w") as f: f.write("destroy\n")
assert p.poll(5000) == [(fd, select.POLLIN)], "not ready"
assert os.read(fd, 100) == b"shutoff destroyed\n"
assert os.read(fd, 100) == b""
PY

# a domain that goes away, and one that is renamed
echo start > "$d/state"
park "$M/domains/b/wait/running"
rmdir "$M/domains/b"
ended ' 1' 'the reader of a domain that is removed fails'
like "$(cat "$TMP/read.err")" 'No such device' 'with ENODEV'
echo destroy > "$d/state"
park "$d/wait/running"
mv "$d" "$M/domains/c"
d=$M/domains/c
echo start > "$d/state"
ended 'running booted 0' 'a rename does not end a reader'

echo destroy > "$d/state"

if over_v9fs; then
	skip '2,000 readers' 'is about the memory and the end of the engine; threads are dear in the lab'
	done_testing
	exit
fi

# many
cat > "$TMP/many.py" <<'PY'
import os, sys, threading, time, ctypes
d, pid, n = sys.argv[1], sys.argv[2], 2000
def rss():
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"): return int(line.split()[1])
def inflight():
    # threads that are in read(2)
    k = 0
    for t in os.listdir("/proc/self/task"):
        try: k += open(f"/proc/self/task/{t}/syscall").read().startswith("0 ")
        except OSError: pass
    return k
threading.stack_size(65536)
results = {}
def one(i):
    try:
        fd = os.open(d + "/wait/running", os.O_RDONLY)
        try: results[i] = os.read(fd, 100)
        finally: os.close(fd)
    except OSError as e:
        results[i] = e.errno
before = rss()
ts = [threading.Thread(target=one, args=(i,), daemon=True) for i in range(n)]
for t in ts: t.start()
end = time.monotonic() + 60
while inflight() < n and time.monotonic() < end: time.sleep(0.05)
assert inflight() >= n, f"only {inflight()} are parked"
grown = rss() - before
t0 = time.monotonic()
assert open(d + "/state").read() == "shutoff\n"
os.listdir(d); open(d + "/xml").read(); open(d + "/title", "w").write("parked\n")
asked = time.monotonic() - t0
print("parked", flush=True)
sys.stdin.readline()
if sys.argv[3] == "start":
    with open(d + "/state", "w") as f: f.write("start\n")
for t in ts: t.join(30)
kinds = {}
for r in results.values(): kinds[r] = kinds.get(r, 0) + 1
print("grown", grown, "asked", round(asked, 3), "results", kinds, flush=True)
assert len(results) == n, f"{n - len(results)} never ended"
assert os.environ.get("DOMFS_ASAN") or grown < 20480, f"grew by {grown} kB"
assert asked < 2 * int(os.environ.get("DOMFS_SLOW", "1")) * (5 if os.environ.get("DOMFS_ASAN") else 1), f"{asked} s"
assert list(kinds) == [b"running booted\n"] if sys.argv[3] == "start" else all(isinstance(k, int) for k in kinds)
PY
mkfifo "$TMP/go"
many() {	# start | umount: 2,000 readers, parked
	: > "$TMP/many.out"
	timeout 100 python3 "$TMP/many.py" "$d" "$(domfs_pid)" "$1" < "$TMP/go" > "$TMP/many.out" 2>&1 &
	crowd=$!
	exec 9> "$TMP/go"
	wait_for 60 grep -q . "$TMP/many.out"
	is "$(head -n 1 "$TMP/many.out")" parked "2,000 readers are parked ($1)"
}
crowd_ends() {	# NAME
	echo >&9
	exec 9>&-
	_rc=0
	wait "$crowd" || _rc=$?
	is "$_rc" 0 "$1"
	note "$(cat "$TMP/many.out")"
}
many start
crowd_ends 'all of them are told of the start; other requests were answered, and memory stayed small'
echo destroy > "$d/state"
many umount
ok 'umount ends them' "$DOMFS" umount "$M"
crowd_ends 'each with an error'
_gone		# the daemon's own end: status 0
mount_domfs
is "$(cat "$d/title")" parked 'the next mount has what was written meanwhile'
done_testing
