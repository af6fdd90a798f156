#!/bin/sh
# hosts/: definitions, a connection that is lost and comes back, what was in flight, streams that go on, and rights.
# timeout: 240
. "$(dirname "$0")/../lib.sh"
require python3
require socat

far=$TMP/far
farsock=$far/run/domfs.sock
b=$M/hosts/b

far_start() {
	mkdir -p "$far"
	: > "$far/log"
	: >> "$far/script"
	DOMFS_STATE_DIR=$far/state DOMFS_RUN_DIR=$far/run DOMFS_TEST_SCRIPT=$far/script \
		"$DOMFS" serve -f >> "$far/log" 2>&1 < /dev/null &
	far_pid=$!
	wait_for 20 grep -q '^domfs: ready' "$far/log"
}
far_kill() {
	kill -KILL "$far_pid"
	wait "$far_pid" 2>/dev/null || :
}
far_script() {
	printf '%s\n' "$@" > "$far/script.new"
	mv "$far/script.new" "$far/script"
}
# Between the two: what can be cut without touching either.  With its connections it ends at once.
relay_start() {
	python3 - "$TMP/relay.sock" "$farsock" <<'PY' &
import os, socket, sys, threading
path, to = sys.argv[1:]
try: os.unlink(path)
except FileNotFoundError: pass
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(64)
def pump(a, b):
    try:
        while True:
            data = a.recv(65536)
            if not data: break
            b.sendall(data)
    except OSError: pass
    for s in (a, b):
        try: s.shutdown(socket.SHUT_RDWR)
        except OSError: pass
while True:
    near, _ = listener.accept()
    far = socket.socket(socket.AF_UNIX)
    try: far.connect(to)
    except OSError:
        near.close()
        continue
    for pair in ((near, far), (far, near)): threading.Thread(target=pump, args=pair, daemon=True).start()
PY
	relay=$!
	wait_for 10 socat -u OPEN:/dev/null "UNIX-CONNECT:$TMP/relay.sock"
}
relay_kill() {
	kill -KILL "$relay"
	wait "$relay" 2>/dev/null || :
}
state_is() { [ "$(cat "$M/hosts/$1/state")" = "$2" ]; }
now_ms() { date +%s%3N; }
# Milliseconds that a command takes, whatever becomes of it.
took() {
	_from=$(now_ms)
	"$@" > "$TMP/took.out" 2>&1 || :
	echo $(($(now_ms) - _from))
}

# What a shell's echo hides: the errno of a write, and how long it took.
cat > "$TMP/put.py" <<'PY'
import errno, os, sys, time
began = time.monotonic()
try:
    fd = os.open(sys.argv[1], os.O_WRONLY)
    os.write(fd, sys.argv[2].encode() + b"\n")
    print("done", end=" ")
except OSError as e: print(errno.errorcode[e.errno], end=" ")
print(int((time.monotonic() - began) * 1000))
PY

far_start
mount_domfs -o host_timeout=3000
mine=$(domfs_pid)

# --- definitions ---

mkdir "$b"
is "$(cat "$b/state")" idle 'a new host is idle'
for uri in http://x nonsense unix: 'ssh://' "unix:$(printf %0200d 0)"; do
	rc=0
	out=$(python3 "$TMP/put.py" "$b/uri" "$uri") || rc=$?
	unlike "$out" '^done' "'$(printf %.20s "$uri")' is refused"
done
like "$(tail -n 3 "$M/errors")" "hosts/b/uri E.*'unix:'" 'with words'
refused ENOENT sh -c "echo unix:$TMP/nobody > $b/uri"
like "$(cat "$b/error")" "nobody': No such file or directory.*tried [0-9]+ times?, again at 20" 'error says why, and when it is tried again'
is "$(cat "$b/uri")" "unix:$TMP/nobody" 'the definition is kept all the same'
ok 'a uri that works' sh -c "echo unix:$farsock > $b/uri"
is "$(cat "$b/state")" connected 'is connected when the write returns'
is "$(cat "$b/error")" '' 'error is empty'
like "$(cat "$b/link")" 'unix' 'link says by what'
like "$(cat "$b/latency")" '^[0-9]+$' 'latency is a number'
ok 'the other tree is in it' test -d "$b/domains"
mkdir "$b/domains/x"
test_xml x > "$TMP/x.xml"
ok 'a definition goes there' cp "$TMP/x.xml" "$b/domains/x/xml"
is "$(cat "$b/domains/x/state")" shutoff 'and is there'

remount_domfs
wait_for 10 state_is b connected
is "$(cat "$b/uri") $(cat "$b/state") $(cat "$b/domains/x/state")" "unix:$farsock connected shutoff" 'a remount connects again'
mkdir "$M/hosts/gone"
kill_domfs
remount_domfs -o host_timeout=3000
wait_for 10 state_is b connected
is "$(ls "$M/hosts" | xargs)" 'b gone' 'kill -9 and a new mount: the definitions'
is "$(cat "$b/domains/x/state")" shutoff 'and the tree'

mv "$b" "$M/hosts/c d"
is "$(cat "$M/hosts/c d/state") $(cat "$M/hosts/c d/domains/x/state")" 'connected shutoff' 'a host is renamed and stays connected'
ok 'the old name is gone' test ! -e "$b"
refused EEXIST mv -T "$M/hosts/gone" "$M/hosts/c d"
remount_domfs
is "$(ls "$M/hosts" | tr '\n' ,)" 'c d,gone,' 'for good'
mv "$M/hosts/c d" "$b"
exec 7< "$b/events"
exec 8<> "$b/events"
rmdir "$M/hosts/gone"
mkdir "$M/hosts/gone"
echo "unix:$farsock" > "$M/hosts/gone/uri"
exec 9<> "$M/hosts/gone/events"
ok 'rmdir of a host that is in use' rmdir "$M/hosts/gone"
exec 7<&- 8<&- 9<&-
is "$(ls "$M/hosts")" b 'leaves the others'

# --- rights ---

if [ "$(id -u)" = 0 ]; then
	is "$(stat -c %a "$b")" 700 'a host is its owner'"'"'s'
	refused EACCES as_user 65534 ls "$b"
	refused EACCES as_user 65534 cat "$b/state"
	refused EACCES as_user 65534 cat "$b/domains/x/state"
	refused EACCES as_user 65534 mkdir "$M/hosts/other"
	ok 'hosts/ itself is listed by others' as_user 65534 ls -l "$M/hosts"
	chown 65534 "$b"
	ok 'a new owner goes in' as_user 65534 cat "$b/domains/x/state"
	refused EACCES as_user 65534 sh -c "echo unix:$farsock > $b/uri"
	chown 0 "$b"
else
	skip 'rights' 'needs root'
fi

# --- kill -9 of the other engine ---

mkdir "$M/hosts/direct" "$M/hosts/r"
echo "unix:$farsock" > "$M/hosts/direct/uri"
wait_for 10 state_is b connected
far_kill
ok 'a dead engine is noticed' wait_for 10 state_is b lost
like "$(cat "$b/error")" 'closed|Connection|refused|No such' 'error says why'
refused EHOSTUNREACH cat "$b/domains/x/state"
refused EHOSTUNREACH cat "$b/version"
refused EHOSTUNREACH mkdir "$b/domains/y"
t=$(took sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do cat "$0"; done' "$b/domains/x/state")
ok "what asks it fails at once (10 in $t ms)" test "$t" -lt $((1500 * _slow))
ok 'ls of the dead host' timeout 10 ls "$b"
sleep 2
tries=$(sed -n 's/.*(tried \([0-9]*\) times.*/\1/p' "$b/error")
ok "it is tried again, and less and less often (${tries:-none} times in 2 s and more)" test "${tries:-0}" -ge 2 -a "${tries:-0}" -le 8
lines=$(grep -c 'host b lost' "$M/events")
ok "which is no event each time ($lines)" test "$lines" -le 6
far_start
ok 'it is connected again by itself' wait_for 40 state_is b connected
is "$(cat "$b/domains/x/state")" shutoff 'and its tree is there'
is "$(cat "$b/error")" '' 'error is empty again'

# --- an engine that answers no more ---

cat "$b/domains/x/wait/running" > "$TMP/waits.out" 2> "$TMP/waits.err" &
waits=$!
ok 'a reader is parked there' wait_for 10 test -e "/proc/$waits/fd/3"
kill -STOP "$far_pid"
from=$(now_ms)
out=$(python3 "$TMP/put.py" "$b/domains/x/state" start)
is "${out% *}" EIO 'a write that was sent and not answered: EIO'
ok "within the bound (${out#* } ms of host_timeout=3000)" test "${out#* }" -lt $((6000 * _slow))
like "$(tail -n 3 "$M/errors")$(cat "$b/error")" 'not known|has not answered' 'what is known is said'
like "$(cat "$b/error")" 'has not answered for 3 seconds' 'error says for how long it was silent'
rc=0
wait "$waits" || rc=$?
is "$rc" 1 'the parked reader fails'
like "$(cat "$TMP/waits.err")" 'No route to host' 'with EHOSTUNREACH'
is "$(cat "$b/state")" lost 'it is lost'
kill -CONT "$far_pid"
ok 'and connected when it goes on' wait_for 40 state_is b connected

# what was not known: it was done there, later
[ "$(cat "$b/domains/x/state")" = shutoff ] || echo destroy > "$b/domains/x/state"

# an interrupt returns at once, even then
cat "$b/domains/x/wait/paused" > /dev/null 2>&1 &
waits=$!
wait_for 10 test -e "/proc/$waits/fd/3"
kill -STOP "$far_pid"
from=$(now_ms)
kill -INT "$waits" 2>/dev/null; kill "$waits"
wait "$waits" 2>/dev/null || :
t=$(($(now_ms) - from))
kill -CONT "$far_pid"
ok "a signal ends a parked read at once ($t ms)" test "$t" -lt $((1000 * _slow))
wait_for 40 state_is b connected

# Ctrl-C of what goes on there ends it there: a start that would hang for long
far_script 'delay start@x 20000'
d=$M/hosts/direct/domains/x
wait_for 40 state_is direct connected
python3 "$TMP/put.py" "$b/domains/x/state" start > "$TMP/start.out" &
starts=$!
ok 'a start goes on there' wait_for 10 grep -q . "$d/job"
kill "$starts"
wait "$starts" 2>/dev/null || :
no_job() { [ "$(cat "$d/state")" = shutoff ] && ! grep -q start "$d/job"; }
ok 'a signal to who asked for it ends it' wait_for 8 no_job
echo "unix:$TMP/relay.sock" > "$TMP/relay.uri"

# --- a connection that breaks, and two engines that do not ---

relay_start
r=$M/hosts/r
ok 'a host behind a relay' cp "$TMP/relay.uri" "$r/uri"
far_script 'delay start@x 1500'
seen() { grep -cE 'domain x (starting|running)' "$M/hosts/direct/events" || :; }
before=$(seen)
python3 "$TMP/put.py" "$r/domains/x/state" start > "$TMP/start.out" &
starts=$!
ok 'a start goes on' wait_for 10 grep -q . "$d/job"
relay_kill
wait "$starts" || :
is "$(cut -d' ' -f1 "$TMP/start.out")" EIO 'a start in flight when the connection breaks: EIO'
like "$(tail -n 5 "$M/errors")" 'not known' 'which says that it is not known'
relay_start
ok 'connected again' wait_for 40 state_is r connected
sleep 3
after=$(seen)
ok "it is not repeated ($before to $after)" test $((after - before)) -le 1
far_script
settled() { ! grep -q . "$d/job"; }
wait_for 10 settled
[ "$(cat "$d/state")" = running ] || echo start > "$d/state"

# streams
cat <> "$r/events" > "$TMP/events.out" 2> "$TMP/events.err" &
events=$!
cat "$r/domains/x/console" > "$TMP/console.out" 2> "$TMP/console.err" &
console=$!
echo 'hello one' > "$d/console"
ok 'a console is followed' wait_for 10 grep -q 'hello one' "$TMP/console.out"
same() { [ "$(tail -n 1 "$TMP/events.out")" = "$(tail -n 1 "$M/hosts/direct/events")" ]; }
ok 'events are followed' wait_for 10 same
flip() {	# N: 2 N events there
	python3 - "$d" "$1" <<'PY'
import sys
for i in range(int(sys.argv[2])):
    for word in ("suspend", "resume"):
        with open(sys.argv[1] + "/state", "w") as f: f.write(word + "\n")
PY
}
flip 20
ok 'and come' wait_for 10 same
relay_kill
wait_for 10 state_is r lost
flip 50
ok 'the reader of a lost host waits' kill -0 "$events"
relay_start
ok 'and goes on when it is there again' wait_for 40 same
relay_kill
relay_start
flip 5
ok 'once more' wait_for 40 same
gaps() { awk 'NR > 1 && $1 != last + 1 { print "after " last ": " $1 } { last = $1 }' "$1"; }
is "$(gaps "$TMP/events.out")" '' 'no number is missing or doubled'
from=$(head -n 1 "$TMP/events.out")
is "$(cat "$TMP/events.out")" "$(grep -A100000 -Fx -e "$from" "$M/hosts/direct/events")" 'the same bytes as those of a reader that was not cut off'
echo 'hello two' > "$d/console"
ok 'a console goes on, too' wait_for 20 grep -q 'hello two' "$TMP/console.out"
is "$(grep -c 'hello one' "$TMP/console.out")" "$(grep -c 'hello one' "$d/console.log")" 'what it had said is not said again'

ok 'poll(2) of a follower lives over it' timeout 60 python3 - "$r" "$d" "$relay" <<'PY'
import os, select, signal, sys, threading, time
fd = os.open(sys.argv[1] + "/events", os.O_RDWR | os.O_NONBLOCK)
p = select.poll()
p.register(fd, select.POLLIN)
def drain():
    got = b""
    while True:
        try: part = os.read(fd, 65536)
        except BlockingIOError: return got
        assert part, "end of file"
        got += part
assert p.poll(2000)
drain()
os.kill(int(sys.argv[3]), signal.SIGKILL)
time.sleep(0.5)
cpu = time.process_time()
assert not p.poll(1500), "ready although nothing can be said"
with open(sys.argv[2] + "/state", "w") as f: f.write("suspend\n")
assert not p.poll(500)
open(os.environ["TMP"] + "/again", "w")
PY
wait "$relay" 2>/dev/null || :

# more than is kept
wait_for 10 state_is r lost
flip 2500
relay_start
ok 'so much that not all is kept: the reader goes on' wait_for 40 same
like "$(cat "$TMP/events.out")" '^0 20[^ ]+Z host unix:.* lost [0-9]+ bytes' 'and a line says so'
is "$(gaps "$TMP/events.out" | wc -l)" 2 'at the one place (before the line, and after it)'

# another engine in its place
far_kill
far_start
ok 'another start of the engine' wait_for 40 same
like "$(cat "$TMP/events.out")" '^0 20[^ ]+Z host unix:.* restarted ' 'is told by a line'
kill "$events" "$console" 2>/dev/null || :
wait "$events" "$console" 2>/dev/null || :

# --- many ---

wait_for 40 state_is direct connected
memory() { awk '/VmRSS/ { print $2 }' "/proc/$(domfs_pid)/status"; }
add() {		# FROM TO URI
	python3 - "$M" "$@" <<'PY'
import os, sys, threading
m, first, last, uri = sys.argv[1:]
def put(i):
    try:
        fd = os.open("%s/hosts/n%s/uri" % (m, i), os.O_WRONLY | os.O_NONBLOCK)
        os.write(fd, uri.encode())
        os.close(fd)
    except OSError: pass
for i in range(int(first), int(last) + 1):
    os.mkdir("%s/hosts/n%d" % (m, i))
    threading.Thread(target=put, args=(i,)).start()
PY
}
# Each of the living is asked; the dead are only looked at.  Microseconds per host of the best of five.
cat > "$TMP/look.py" <<'PY'
import os, sys, time
m, names = sys.argv[1], sys.argv[2].split()
def look():
    began = time.monotonic()
    for n in os.listdir(m + "/hosts"): os.stat(m + "/hosts/" + n)
    for n in os.listdir(m + "/hosts"): open(m + "/hosts/" + n + "/state").read()
    for n in names: assert open(m + "/hosts/" + n + "/domains/x/state").read()
    return (time.monotonic() - began) / len(names)
print(int(min(look() for i in range(5)) * 1e6))
PY
living() { for _i in $(seq "$1" "$2"); do printf 'n%d ' "$_i"; done; }
add 1 10 "unix:$farsock"
all_connected() { [ "$(cat "$M"/hosts/n*/state | grep -c connected)" -ge "$1" ]; }
ok 'ten hosts' wait_for 30 all_connected 10
few=$(python3 "$TMP/look.py" "$M" "$(living 1 10)")
m0=$(memory)
add 11 180 "unix:$farsock"
ok '180 hosts' wait_for 60 all_connected 180
add 181 188 "unix:$TMP/nowhere"
python3 - "$TMP/mute.sock" <<'PY' &
import signal, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(3)	# some get in and hear nothing, the others do not even get in
signal.pause()
PY
mute=$!
wait_for 10 test -S "$TMP/mute.sock"
add 189 194 "unix:$TMP/mute.sock"
(
	mkdir -p "$TMP/far2"
	DOMFS_STATE_DIR=$TMP/far2/state DOMFS_RUN_DIR=$TMP/far2/run exec "$DOMFS" serve -f > "$TMP/far2/log" 2>&1 < /dev/null
) &
far2=$!
wait_for 20 grep -q '^domfs: ready' "$TMP/far2/log"
add 195 200 "unix:$TMP/far2/run/domfs.sock"
ok 'and six of another engine' wait_for 30 all_connected 186
kill -STOP "$far2"
wait_for 20 state_is n200 lost
is "$(ls "$M/hosts" | grep -c '^n')" 200 '200 hosts, 20 of them dead'
many=$(python3 "$TMP/look.py" "$M" "$(living 1 180)")
ok "all are listed and the living asked at full speed ($many us for each, $few when there were ten)" test "$many" -lt $((few * 8))
m1=$(memory)
ok "in bounded memory ($(((m1 - m0) / 190)) KiB for each)" test "$m1" -lt $((m0 + 190 * 300))
t=$(took timeout 60 cat "$M/hosts/n181/domains/x/state" "$M/hosts/n195/domains/x/state" "$M/hosts/n200/version")
ok "the dead fail at once ($t ms)" test "$t" -lt $((3000 * _slow))
# all begin anew at once
remount_domfs
ok 'a new mount has the living soon, whatever the dead do' wait_for 30 all_connected 180
ok 'and answers' test -d "$M/hosts/n1/domains/x"
kill -CONT "$far2"
ok 'those that live again are back' wait_for 60 all_connected 186
kill "$far2" "$mute" "$far_pid" "$relay"
wait "$far2" "$mute" "$far_pid" "$relay" 2>/dev/null || :
done_testing
