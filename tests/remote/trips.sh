#!/bin/sh
# What a look at another host costs: round trips are counted on the line, not timed.
# timeout: 240
# over: no, it has a line of its own
. "$(dirname "$0")/../lib.sh"
require python3
require root 'sees the domains of an engine of its own without mapping'

# --- another host, at the end of a line of 60 ms: what goes out within that time is one trip ---

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
python3 "$top/tests/remote/relay.py" "$port" "unix:$TMP/b.run/domfs.sock" $((60 * _slow)) trips p9 2> relay.log &
line=$!
mount_domfs
h=$M/hosts/b
wait_for 5 python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))"

mark() { cat trips | wc -l > mark; }
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
		fail "$_what: at most $_max round trips" "status $_rc, $_n round trips: $_out"
	fi
}
states() { cat "$h"/domains/*/state | sort | uniq -c | tr -s ' '; }
