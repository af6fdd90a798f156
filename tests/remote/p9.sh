#!/bin/sh
# The tree over 9P2000.L, by a client that is not ours: what is served, and that whatever a hostile one sends is refused and harms nobody.
# timeout: 240
. "$(dirname "$0")/../lib.sh"
require python3
require root 'acts as other users'
require setpriv

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mount_domfs -o "listen=tcp://127.0.0.1:$port"
DOMFS_PID=$(domfs_pid) P9_SLOW=$_slow
export DOMFS_PID P9_SLOW

for name in a private closed shared; do
	mkdir "$M/domains/$name"
	test_xml "$name" > "$M/domains/$name/xml"
done
chmod 600 "$M/domains/private/title"
chmod 711 "$M/domains/closed"
chmod 777 "$M/domains/shared/config"
umask 077
echo secret > "$M/domains/shared/config/xml.new"

points() {	# "pass NAME" or "fail NAME: WHY", a line each
	while read -r verdict words; do
		case $verdict in
		pass) pass "$where: $words" ;;
		*) fail "$where: $words" ;;
		esac
	done < "$TMP/points"
}
run() {	# CHECK...
	timeout 200 python3 "$top/tests/remote/p9.py" "$@" > "$TMP/points" 2> "$TMP/points.err" ||
		fail "$where: $*" "$(tail -n 5 "$TMP/points.err")"
	points
}
run_as() {	# UID CHECK...
	_who=$1
	shift
	as_user "$_who" timeout 200 python3 "$top/tests/remote/p9.py" "$@" > "$TMP/points" 2> "$TMP/points.err" ||
		fail "$where: $*" "$(tail -n 5 "$TMP/points.err")"
	points
}

for where in unix tcp; do
	P9_WHERE=unix:$DOMFS_RUN_DIR/domfs.sock
	[ "$where" = unix ] || P9_WHERE=tcp:127.0.0.1:$port
	export P9_WHERE
	run plain made xattr parked own
	run sizes types fids
	run many deaf killed
	run root
	run_as 65534 nobody
done
where=unix P9_WHERE=unix:$DOMFS_RUN_DIR/domfs.sock
run silent

# Of a socket that was closed /proc/net/tcp says that it is root's: only an established connection tells whose it is.
where=tcp P9_WHERE=tcp:127.0.0.1:$port
kill -STOP "$DOMFS_PID"
(sleep 1; kill -CONT "$DOMFS_PID") &
run_as 65534 half_closed
wait $!
is "$(cat "$M/domains/a/state")" shutoff 'the mount answers'
done_testing
