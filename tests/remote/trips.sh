#!/bin/sh
# What a look at another host costs: round trips are counted on the line, not timed.
# timeout: 240
# over: no, it has a line of its own
. "$(dirname "$0")/../lib.sh"
require python3
require root 'sees the domains of an engine of its own without mapping'

# --- another host, at the end of a line of 100 ms: what goes out within that time is one trip ---

cd "$TMP"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir b
DOMFS_STATE_DIR=$TMP/b.state DOMFS_RUN_DIR=$TMP/b.run "$DOMFS" mount -f "$TMP/b" > b.log 2>&1 < /dev/null &
other=$!
line=
# shellcheck disable=SC2317
release() {
	status=$?
	set +e
	[ -z "$line" ] || kill -KILL "$line" 2> /dev/null
	[ -z "$other" ] || kill -KILL "$other" 2> /dev/null
	fusermount3 -quz "$TMP/b" 2> /dev/null || umount -l "$TMP/b" 2> /dev/null
	( exit "$status" )
	_cleanup
}
trap release EXIT
wait_for 10 test -e b/domains || { cat b.log; exit 1; }
test_xml NAME > NAME.xml
i=0
while [ "$i" -lt 500 ]; do
	mkdir "b/domains/d$i"
	sed "s/NAME/d$i/" NAME.xml > "b/domains/d$i/xml"
	i=$((i + 1))
done
: > trips
python3 "$top/tests/remote/relay.py" "$port" "unix:$TMP/b.run/domfs.sock" $((100 * _slow)) trips p9 2> relay.log &
line=$!
mount_domfs
h=$M/hosts/b
wait_for 5 python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))"

mark() { wc -l < trips > mark; }
since() { tail -n +$(($(cat mark) + 1)) trips; }
connect() {	# a connection that knows nothing
	if [ -d "$h" ]; then rmdir "$h"; fi
	mkdir "$h"
	echo "tcp://127.0.0.1:$port" > "$h/uri"
}
# MAX WHAT COMMAND...: it costs at most MAX round trips
costs() {
	_max=$1 _what=$2
	shift 2
	mark
	_rc=0
	_out=$("$@" 2>&1) || _rc=$?
	_n=$(since | grep -c '^trip') || :
	note "$_what: $_n round trips: $(since | grep -v '^trip' | sort | uniq -c | tr -s '\n ' ' ')"
	if [ "$_rc" = 0 ] && [ "$_n" -le "$_max" ]; then
		pass "$_what: at most $_max round trips"
	else
		fail "$_what: at most $_max round trips" "status $_rc, $_n round trips: $(printf "%s" "$_out" | tail -n 5)"
	fi
}
states() { cat "$h"/domains/*/state | sort | uniq -c | tr -s ' '; }

# --- one value ---

costs 1 'connecting' connect
costs 1 'state of a domain, first' cat "$h/domains/d7/state"
is "$_out" shutoff 'it is right'
costs 0 'state, unchanged' cat "$h/domains/d7/state"
change() {	# NAME VERB: there, and the news of it have come
	echo "$2" > "b/domains/$1/state"
	sleep $_slow
}
change d7 start
costs 1 'state, changed' cat "$h/domains/d7/state"
is "$_out" running 'it is right'
costs 0 'state, unchanged since' cat "$h/domains/d7/state"
change d7 destroy
costs 2 'xml, first after a change: its directory, and it' cat "$h/domains/d7/xml"
costs 1 'what is never kept' cat "$h/domains/d7/command"
sleep $_slow
costs 1 'what is never kept, again' cat "$h/domains/d7/command"
costs 1 'a write' sh -c "echo start > '$h/domains/d7/state'"
costs 1 'what was written' cat "$h/domains/d7/state"
is "$_out" running 'it is right'

# --- many ---

connect
costs 1 'states of 500 domains, first' states
is "$_out" ' 1 running
 499 shutoff' 'they are right'
costs 0 'states of 500 domains, unchanged' states
for n in 1 2 3 4 5 6 7 8 9; do
	echo start > "b/domains/d1$n/state"
done
sleep $_slow
costs 3 'states of 500 domains, nine of them changed' states
is "$_out" ' 10 running
 490 shutoff' 'they are right'
connect
costs 1 'ls -l of 500 domains' ls -l "$h/domains"
costs 0 'ls -l again' ls -l "$h/domains"
costs 1 'ls -l of a domain' ls -l "$h/domains/d9"
costs 5 'ls -l of a domain again: what is never kept is asked for' sh -c "sleep $_slow; ls -l '$h/domains/d9'"

# --- what is not there ---

absent() { ! cat "$h/domains/$1" 2> /dev/null; }
costs 0 'a name that the listing does not have' absent nothing
mkdir b/domains/nothing
sleep $_slow
costs 2 'somebody made it' test -d "$h/domains/nothing"
rmdir b/domains/nothing
sleep $_slow
costs 3 'somebody removed it' absent nothing/state

kill -KILL "$line" "$other"
wait "$line" "$other" 2> /dev/null || :
line='' other=''
fusermount3 -quz "$TMP/b" || umount -l "$TMP/b"
done_testing
