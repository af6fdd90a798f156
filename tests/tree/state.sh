#!/bin/sh
# The file state: every command and wanted state, what is refused and in which words.
# timeout: 60
. "$(dirname "$0")/../lib.sh"
mount_domfs

d=$M/domains/a
mkdir "$d"
test_xml a > "$TMP/a.xml"
ok 'a definition is taken' cp "$TMP/a.xml" "$d/xml"
say() { sh -c 'printf "%s\n" "$1" > "$2"' sh "$1" "$d/state"; }
now() { echo "$(cat "$d/state") $(cat "$d/reason")"; }

is "$(now)" 'shutoff unknown' 'a new domain is shut off'
for word in reboot reset suspend resume nmi; do
	refused EBUSY say $word
	like "$(cat "$d/error")" "^a: $word: it is shutoff, so it cannot .*: write start first" "$word says why not"
done
ok 'shutdown of one that is off is so already' say shutdown
ok 'destroy of one that is off is so already' say destroy
ok 'shutoff of one that is off is so already' say shutoff
is "$(cat "$d/state")" shutoff

ok 'start' say start
is "$(now)" 'running booted'
ok 'start of one that runs is so already' say start
ok 'running of one that runs is so already' say running
ok 'resume of one that runs is so already' say resume
is "$(now)" 'running booted' 'and changed nothing'
ok 'suspend' say suspend
is "$(now)" 'paused user'
ok 'suspend of one that is paused is so already' say suspend
ok 'paused of one that is paused is so already' say paused
ok 'resume' say resume
is "$(now)" 'running resumed'
ok 'paused' say paused
is "$(cat "$d/state")" paused
ok 'running' say running
is "$(cat "$d/state")" running
for word in reboot reset nmi; do
	ok "$word" say $word
	is "$(cat "$d/state")" running "it runs after $word"
	like "$(tail -n 1 "$M/events")" " domain a $word" "and the events say $word"
done
refused ENOTSUP say save
like "$(cat "$d/error")" '^a: save: the test driver cannot save'
ok 'shutdown' say shutdown
is "$(timeout 10 cat "$d/wait/shutoff")" 'shutoff shutdown'
ok 'running starts one that is off' say running
is "$(now)" 'running booted'
ok 'shutoff returns when it is off' say shutoff
is "$(now)" 'shutoff shutdown'
ok 'paused starts one that is off' say paused
is "$(now)" 'paused user'
ok 'destroy' say destroy
is "$(now)" 'shutoff destroyed'
is "$(cat "$d/id")$(cat "$d/pid")" '' 'id and pid are empty again'

for word in launch '' Start 'start stop' starts; do
	refused EINVAL say "$word"
	like "$(cat "$d/error")" 'expected one of start shutdown destroy reboot reset suspend resume' 'the words are listed'
done
is "$(cat "$d/state")" shutoff 'and nothing changed'
ok 'blanks around a word do not matter' say '  start  '
ok 'a word without a newline' sh -c "printf destroy > $d/state"
is "$(now)" 'shutoff destroyed'
refused EINVAL dd if=/dev/zero of="$d/state" bs=100 count=1 status=none

# a start that fails
seq=$(wc -l < "$M/errors")
script 'fail start@a ENOSPC no room for the guest'
refused ENOSPC say start
is "$(now)" 'shutoff failed'
like "$(cat "$d/error")" '^a: start: no room for the guest$' 'the reason is in error'
is "$(tail -n +$((seq + 1)) "$M/errors" | wc -l)" 1 'errors has one line for it'
like "$(tail -n 1 "$M/errors")" '^[0-9T:.-]+Z [0-9]+ domains/a/state ENOSPC a: start: no room for the guest$'
like "$(cat "$M/list")" '^a shutoff '
script
ok 'it starts when nothing fails any more' say start

# what fails while it runs changes nothing
script 'fail pause@a EIO the monitor is mute'
refused EIO say suspend
is "$(cat "$d/state")" running 'it still runs'
script 'fail stop@a EPERM not yours'
refused EPERM say destroy
is "$(now)" 'running booted' 'it still runs, for the reason it had'
script
like "$(tail -n 1 "$M/errors")" ' domains/a/state EPERM a: destroy: not yours$'

# a guest that ends by itself
ok 'suspend' say suspend
ok 'destroy of one that is paused' say destroy

# O_NONBLOCK: accepted now, done later
script 'delay start@a 300'
ok 'a write with O_NONBLOCK does not wait' python3 - "$d" <<'PY'
import os, sys, time
d = sys.argv[1]
fd = os.open(d + "/state", os.O_WRONLY | os.O_NONBLOCK)
t = time.monotonic()
assert os.write(fd, b"start\n") == 6
took = time.monotonic() - t
os.close(fd)
assert took < 0.25, took
assert open(d + "/state").read() != "running\n"
assert open(d + "/wait/running").read() == "running booted\n"
PY
script 'delay start@a 200' 'fail start@a ENODEV later'
say destroy
ok 'nor for a failure' python3 - "$d" <<'PY'
import os, sys
d = sys.argv[1]
fd = os.open(d + "/state", os.O_WRONLY | os.O_NONBLOCK)
assert os.write(fd, b"start\n") == 6
os.close(fd)
assert open(d + "/wait/job").read() == "none\n"
PY
is "$(cat "$d/error")" 'a: start: later' 'which error tells afterwards'
script
done_testing
