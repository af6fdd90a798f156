#!/bin/sh
# events and errors: growing files that a plain reader reads to their end and others follow.
# timeout: 60
. "$(dirname "$0")/../lib.sh"
require python3
mount_domfs

e=$M/events
d=$M/domains/a
mkdir "$d"
test_xml a > "$TMP/a.xml"
cp "$TMP/a.xml" "$d/xml"
ok 'a plain reader ends' timeout 10 cat "$e"
like "$(cat "$e")" '^[0-9]+ 20[0-9-]+T[0-9:]+\.[0-9]{6}Z domain a defined' 'the definition is told'
is "$(stat -c %s "$e")" "$(wc -c < "$e")" 'its size is that of its bytes'

# tail -f
tail -s 0.05 -n +1 -f "$e" > "$TMP/tail.out" 2> "$TMP/tail.err" &
tailer=$!
ok 'tail -f shows what is there' wait_for 10 grep -q 'domain a defined' "$TMP/tail.out"
echo start > "$d/state"
ok 'and what comes' wait_for 10 grep -q 'domain a running booted' "$TMP/tail.out"
is "$(cat "$TMP/tail.out")" "$(cat "$e")" 'the same bytes as cat'
kill "$tailer"
wait "$tailer" || :

# cat <>
cat <> "$e" > "$TMP/cat.out" 2> "$TMP/cat.err" &
reader=$!
ok 'a reader that opened it read-write gets what is there' wait_for 10 grep -q 'running booted' "$TMP/cat.out"
blocked() { [ "$(cut -d' ' -f1 "/proc/$reader/syscall")" = 0 ]; }
ok 'and then blocks' wait_for 10 blocked
echo suspend > "$d/state"
ok 'it gets the next line' wait_for 10 grep -q 'domain a paused user' "$TMP/cat.out"
ok 'and blocks again' wait_for 10 blocked
kill "$reader"
rc=0
wait "$reader" || rc=$?
is "$rc" 143 'a signal ends it'
is "$(cat "$TMP/cat.out")" "$(cat "$e")" 'the same bytes as cat'

cat > "$TMP/poll.py" <<'PY'
import os, select, sys
m = sys.argv[1]
fd = os.open(m + "/events", os.O_RDWR | os.O_NONBLOCK)
p = select.poll()
p.register(fd, select.POLLIN)
assert p.poll(1000), "what is there is not announced"
while True:
    try: got = os.read(fd, 65536)
    except BlockingIOError: break
    assert got, "end of file for one who follows"
assert p.poll(0) == [], "ready without news"
with open(m + "/domains/a/state", "w") as f: f.write("resume\n")
assert p.poll(5000), "not told"
line = os.read(fd, 65536)
assert b" domain a running resumed" in line, line
ep = select.epoll()
ep.register(fd, select.EPOLLIN | select.EPOLLET)
with open(m + "/domains/a/state", "w") as f: f.write("suspend\n")
assert ep.poll(5), "epoll is not told"
assert b" domain a paused user" in os.read(fd, 65536)
PY
if over_v9fs; then
	skip 'poll(2) tells of a new line' 'v9fs has no poll: every file is ready'
else
	ok 'poll(2) tells of a new line, O_NONBLOCK reads say EAGAIN' timeout 20 python3 "$TMP/poll.py" "$M"
fi

# many lines: no gap, no repetition, the last part is kept, tail -f goes on
gaps() { awk 'NR > 1 && $1 != last + 1 { print "after " last ": " $1 } { last = $1 }' "$1"; }
many_lines() {
tail -s 0.05 -n +1 -f "$e" > "$TMP/tail.out" 2> "$TMP/tail.err" &
tailer=$!
wait_for 10 grep -q . "$TMP/tail.out"
python3 - "$d" "$TMP/tail.out" <<'PY'
import sys, time, os
d, out = sys.argv[1:]
words = ["resume", "suspend"]
for i in range(9000):
    with open(d + "/state", "w") as f: f.write(words[i % 2] + "\n")
    if i % 500 == 0:	# tail reads no slower than lines come
        last = open(os.path.dirname(os.path.dirname(d)) + "/events").readlines()[-1]
        end = time.monotonic() + 20
        while open(out).readlines()[-1:] != [last] and time.monotonic() < end: time.sleep(0.05)
PY
same_end() { [ "$(tail -n 1 "$TMP/tail.out")" = "$(tail -n 1 "$e")" ]; }
ok 'tail -f follows over a truncation' wait_for 20 same_end
kill "$tailer"
wait "$tailer" || :
is "$(gaps "$e")" '' 'the sequence numbers have no gap'
is "$(gaps "$TMP/tail.out")" '' 'neither has what tail saw'
like "$(head -n 1 "$e")" '^[0-9]+ 20[0-9-]+T.*Z domain ' 'it begins with a whole line'
ok 'the last part is kept' test "$(wc -c < "$e")" -gt 98000 -a "$(wc -c < "$e")" -le 262144
is "$(stat -c %s "$e")" "$(wc -c < "$e")" 'its size is that of its bytes'
is "$(tail -c 100 "$e")" "$(cat "$e" | tail -c 100)" 'tail -c'
ok 'two opens are the same file' cmp "$e" "$e"
}
if over_v9fs; then
	skip 'many lines' 'is about the log: 9000 writes take a minute in the lab'
else
	many_lines
fi

# errors
r=$M/errors
is "$(stat -c %s "$r")" "$(wc -c < "$r")" 'errors: its size is that of its bytes'
cat <> "$r" > "$TMP/errors.out" &
reader=$!
wait_for 10 blocked
refused EINVAL sh -c "echo dance > $d/state"
ok 'errors: who follows gets the line' wait_for 10 grep -q "domains/a/state EINVAL a: 'dance'" "$TMP/errors.out"
kill "$reader"
wait "$reader" || :
like "$(tail -n 1 "$r")" "^20[0-9-]+T[0-9:]+\.[0-9]{6}Z $(id -u) domains/a/state EINVAL a: 'dance' is no command" 'TIME UID PATH ERRNO MESSAGE'
is "$(wc -l < "$r")" "$(grep -cE '^20[^ ]+Z [0-9]+ [^ ]+ E[A-Z0-9]+ .' "$r")" 'every line has that form'
refused EPERM sh -c "echo x > $r"
refused EPERM sh -c "echo x > $e"
done_testing
