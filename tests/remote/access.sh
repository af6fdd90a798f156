#!/bin/sh
# Who may do what, user by user and act by act: through the mount and over the socket the same, from user namespaces too; and what the audit log says of it.
# timeout: 180
# over: no, acts as several users, and a client is one
. "$(dirname "$0")/../lib.sh"
require root 'acts as several users'
require setfacl
require python3

alice=61001 bob=61002 carl=61003 ops=61005
python=$(PATH=/usr/bin:/bin:$PATH command -v python3)	# one that others may run, too
sock=$DOMFS_RUN_DIR/domfs.sock
mount_domfs -o allow_other

. "$top/tests/access-matrix.sh"

user() {	# NAME COMMAND...
	_n=$1
	shift
	case $_n in
	root) "$@" ;;
	alice) as_user $alice "$@" ;;
	carl) setpriv --reuid $carl --regid $ops --clear-groups -- "$@" ;;
	bob) as_user $bob "$@" ;;
	nobody) setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@" ;;
	inner) setpriv --reuid $bob --regid $bob --clear-groups -- unshare -Ur "$@" ;;
	esac
}
tried() {	# USER WHERE
	acts | user "$1" timeout 60 "$python" "$top/tests/remote/acts.py" "$2" > "$TMP/out.$1" 2>&1 || :
}
for u in root alice carl bob nobody; do
	for where in "$M" "unix:$sock"; do
		tried $u "$where"
		is "$(differs $u < "$TMP/out.$u")" '' "$u may what he should, $(echo "$where" | sed "s|$TMP/||")"
	done
done
is "$(grep -c . "$TMP/out.root")" "$(grep -c . "$TMP/matrix")" 'each act was tried'
is "$(grep -cE ': (yes|no)$' "$TMP/out.alice")" "$(grep -c . "$TMP/matrix")" 'and was done, or refused for want of a right'

# --- uid 0 of a user namespace is nobody but who made it ---
if user bob unshare -Ur true 2>/dev/null; then
	for where in "$M" "unix:$sock"; do
		tried inner "$where"
		is "$(differs bob < "$TMP/out.inner")" '' \
			"root of bob's namespace may what bob may, $(echo "$where" | sed "s|$TMP/||")"
	done
else
	skip "root of bob's namespace may what bob may" 'no user namespaces here'
fi
become() { echo "become $2" | user "$1" "$python" "$top/tests/remote/acts.py" "unix:$sock"; }
is "$(become bob 0)" 'become 0: no' 'bob cannot attach as root'
is "$(become bob $alice)" "become $alice: no" 'nor as alice'
is "$(become root $alice)" "become $alice: yes" 'root can'

# --- events: while one looks ---
follow() {	# USER FILE
	user "$1" timeout 60 tail -n +1 -f "$2" > "$TMP/$1.seen" 2>&1 &
	echo $! >> "$TMP/followers"
}
follow alice "$M/events"
follow bob "$M/events"
user alice sh -c 'echo destroy > "$0/state" && echo start > "$0/state"' "$M/domains/priv"
user alice sh -c 'echo destroy > "$0/state"' "$M/domains/web"
ok 'alice follows what happens to hers' wait_for 10 grep -q 'domain web shutoff' "$TMP/alice.seen"
ok 'bob what happens to what he may read' wait_for 10 grep -q 'domain web shutoff' "$TMP/bob.seen"
like "$(cat "$TMP/alice.seen")" 'domain priv shutoff' 'alice was told of priv'
is "$(grep priv "$TMP/bob.seen")" '' 'bob was not'
news() {	# USER: what a client on a socket is told to take back, when both change
	for d in priv web; do
		echo "news $(($(stat -c %i "$M/domains/$d") >> 26)) $TMP/ready.$1.$d" |
			user "$1" timeout 60 "$python" "$top/tests/remote/acts.py" "unix:$sock" > "$TMP/news.$d" 2>&1 &
		eval "news_$d=$!"
		wait_for 10 test -e "$TMP/ready.$1.$d"
		echo hello > "$M/domains/$d/description"
		echo > "$M/domains/$d/description"
		eval "wait \$news_$d"
	done
	sed 's/.*: //' "$TMP/news.priv" "$TMP/news.web" | tr '\n' ' '
}
chmod 1777 "$TMP"
is "$(news alice)" 'yes yes ' 'who may read it is told what is not any more as it was'
is "$(news bob)" 'no yes ' 'who may not is not'
chmod 755 "$TMP"
chmod 755 "$M/domains/priv"
user alice sh -c 'echo destroy > "$0/state"' "$M/domains/priv"
ok 'he is, from when he may' wait_for 10 grep -q 'domain priv shutoff' "$TMP/bob.seen"
unlike "$(cat "$TMP/bob.seen")" 'domain priv (made|running)' 'and only from then on'
is "$(user bob stat -c %s "$M/events")" "$(user bob cat "$M/events" | wc -c)" 'the size is that of what he may read'
isnt "$(user bob stat -c %s "$M/events")" "$(stat -c %s "$M/events")" 'which is less than all'
mv "$M/domains/priv" "$M/domains/gone"
ok 'a new name is told to who may read it' wait_for 10 grep -q 'priv renamed gone' "$TMP/bob.seen"
rmdir "$M/domains/gone"
ok 'and the end of it' wait_for 10 grep -q 'gone removed' "$TMP/bob.seen"
chmod 700 "$M/domains/mine"
rmdir "$M/domains/mine"
user nobody cat "$M/events" > "$TMP/nobody.seen"
unlike "$(cat "$TMP/nobody.seen")" 'domain mine removed' 'but not of what one could not read'
ok 'its owner is told' wait_for 10 grep -q 'mine removed' "$TMP/bob.seen"
while read -r p; do	# a function in the background is a shell, whose child it is
	pkill -TERM -P "$p" || :
done < "$TMP/followers"

# --- who is connected ---
client() {	# USER: until killed
	user "$1" "$python" -c '
import socket, struct, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
for m in (struct.pack("<BHIH", 100, 65535, 65536, 8) + b"9P2000.L",
          struct.pack("<BHIIHHI", 104, 0, 1, 0xffffffff, 0, 0, 0xffffffff)):
    s.sendall(struct.pack("<I", len(m) + 4) + m)
    s.recv(4096)
s.recv(1)' "$sock" &
	eval "client_$1=$!"
}
client alice
client bob
ok 'clients are seen' wait_for 10 sh -c 'test "$(ls "$0" | wc -l)" = 2' "$M/host/clients"
is "$(cat "$M"/host/clients/*/uid | sort | tr '\n' ' ')" "$alice $bob " 'root sees whose they are'
is "$(user alice sh -c 'cat "$0"/*/uid' "$M/host/clients")" "$alice" 'alice sees hers'
is "$(cat "$M"/host/clients/*/transport "$M"/host/clients/*/fids | sort | uniq -c | tr -s ' \n' ' ')" ' 2 1 2 unix ' 'how, and what they hold'
one=$(user bob ls "$M/host/clients")
is "$(cat "$M/host/clients/$one/uid")" $bob 'bob sees his'
rc=0
user bob rmdir "$M/host/clients/$one" 2>/dev/null || rc=$?
is $rc 1 'who is not root disconnects nobody'
ok 'root disconnects it' rmdir "$M/host/clients/$one"
ok 'it is gone' wait_for 10 sh -c 'case $(ps -o stat= -p "$0") in [!Z]*) exit 1 ;; esac' "$client_bob"
is "$(ls "$M/host/clients" | wc -l)" 1 'the other is not'
kill "$client_alice" 2>/dev/null || :
wait "$client_alice" 2>/dev/null || :

# --- the audit log ---
log=$M/host/access/log
said() { like "$(cat "$log")" "$@"; }
said "^[0-9T:.-]+Z $alice $alice [0-9]+ fuse write domains/web/state ok destroy$" 'who did what through the mount'
said "^[0-9T:.-]+Z $carl $carl [0-9]+ unix/[0-9]+ write domains/web/state ok running$" 'and over the socket'
said " $bob $bob [0-9]+ unix/[0-9]+ write domains/web/memory EACCES$" 'and who was refused'
said " $bob $bob [0-9]+ unix/[0-9]+ mkdir domains/new EACCES$" 'to make something'
said " $bob $bob [0-9]+ unix/[0-9]+ rights domains/web EPERM$" 'to change rights'
said " $bob $bob [0-9]+ unix/[0-9]+ acl domains/web/memory EPERM$" 'an ACL'
said ' fuse acl domains/web/state ok u::rw-,.*g:61005:rw-' 'an ACL that was set'
said ' root [0-9]+ fuse rename domains/priv ok gone$' 'a name'
said ' root [0-9]+ fuse rmdir domains/gone ok$' 'an end'
said ' fuse write domains/web/xml ok \([0-9]+ bytes\)$' 'a document by its size'
said ' root [0-9]+ unix/[0-9]+ open-write pools/img/volumes/vol/image ok$' 'a volume that is written to'
said " $bob $bob [0-9]+ unix connect host/clients ok $one$" 'who came'
said ' fuse rmdir host/clients/[0-9]+ ok$' 'and was sent away'
said " write secrets/$secret/value ok \(secret\)$" 'that a secret was set'
unlike "$(cat "$log" "$DOMFS_STATE_DIR/audit.log")" 'strengverboten|geheim' 'but none'
is "$(stat -c '%u %a' "$log" "$DOMFS_STATE_DIR/audit.log" | tr '\n' ' ')" '0 400 0 600 ' 'only root reads it'
before=$(wc -l < "$log")
cat "$M/domains/web/state" "$M/list" > "$TMP/x"
is "$(wc -l < "$log")" "$before" 'reading is not told'
ok 'the file has it too' wait_for 5 cmp "$log" "$DOMFS_STATE_DIR/audit.log"
kill_domfs
remount_domfs
is "$(head -n "$before" "$log" | wc -l)" "$before" 'it lasts over a crash'

# --- what is in the way of the log is in nobody else's ---
umount_domfs
mkdir "$TMP/small"
mount -t tmpfs -o size=256k,mode=755 tmpfs "$TMP/small"
cp -a "$DOMFS_STATE_DIR/." "$TMP/small/"
kept=$DOMFS_STATE_DIR
DOMFS_STATE_DIR=$TMP/small
mount_domfs -o allow_other
dd if=/dev/zero of="$TMP/small/fill" bs=1k 2>/dev/null || :
rm -f "$TMP/small/fill.2"
i=0
while [ $i -lt 60 ]; do
	echo start > "$M/domains/web/state"
	echo destroy > "$M/domains/web/state"
	i=$((i + 1))
done
is "$(cat "$M/domains/web/state")" shutoff 'with a full disk things go on'
is "$(grep -c 'host/access/log ENOSPC' "$M/errors")" 1 'and it is told, once'
is "$(tail -c 1 "$TMP/small/audit.log" | od -An -c | tr -d ' ')" '\n' 'no line is there in part'
rm "$TMP/small/fill"
echo start > "$M/domains/web/state"
ok 'what was kept is written when there is room' wait_for 5 sh -c 'test "$(grep -c "web/state ok destroy" "$0")" -ge 60' "$TMP/small/audit.log"
echo destroy > "$M/domains/web/state"

# --- and it does not grow for ever ---
umount_domfs
yes 'a line of an old log' | head -c 10480000 > "$kept/audit.log"
umount "$TMP/small"
DOMFS_STATE_DIR=$kept
mount_domfs -o allow_other
i=0
while [ $i -lt 100 ]; do
	echo start > "$M/domains/web/state"
	echo destroy > "$M/domains/web/state"
	i=$((i + 1))
done
ok 'a log of 10 MiB is set aside' wait_for 5 test -e "$DOMFS_STATE_DIR/audit.log.1"
is "$(stat -c %a "$DOMFS_STATE_DIR/audit.log" "$DOMFS_STATE_DIR/audit.log.1" | sort -u | tail -n 1)" 600 'a new one begins, as secret'
is "$(grep -hc 'web/state ok' "$DOMFS_STATE_DIR/audit.log.1" "$DOMFS_STATE_DIR/audit.log" | paste -sd+ | bc)" 200 'no line is lost between the two'
done_testing
