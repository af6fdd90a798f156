#!/bin/sh
# The command line: mount, umount, version, help, check; dead mounts, a second mount, signals.
# timeout: 60
# over: no, the command line of mounts
. "$(dirname "$0")/../lib.sh"
[ -e /dev/fuse ] || skip_all 'needs /dev/fuse'

# says STATUS REGEX COMMAND...
says() {
	_want=$1 _like=$2
	shift 2
	_rc=0
	_out=$("$@" 2>&1 < /dev/null) || _rc=$?
	is "$_rc" "$_want" "$(echo "$*" | sed "s|$TMP/||g; s|[^ ]*/domfs |domfs |"): status $_want"
	like "$_out" "$_like"
}

says 0 '^domfs [0-9.]+$' "$DOMFS" version
says 0 '^domfs [0-9.]+$' "$DOMFS" --version
says 0 'domfs mount \[-f\]' "$DOMFS" help
says 0 'domfs mount \[-f\]' "$DOMFS" --help
says 2 'domfs mount \[-f\]' "$DOMFS"
says 2 "unknown command 'fly'" "$DOMFS" fly
says 2 'usage: domfs umount MOUNTPOINT' "$DOMFS" umount
says 2 'usage: domfs mount' "$DOMFS" mount
says 2 'usage: domfs check FILE.xml' "$DOMFS" check
test_xml a > "$TMP/a.xml"
says 0 '^test-hypervisor$' "$DOMFS" check "$TMP/a.xml"
sed 's/<vcpu>/<vcpuu>/; s/vcpu>$/vcpuu>/' "$TMP/a.xml" > "$TMP/bad.xml"
says 1 'line [0-9]+.*vcpuu' "$DOMFS" check "$TMP/bad.xml"
says 1 'none.xml.*No such file' "$DOMFS" check "$TMP/none.xml"

says 1 "unknown option 'colour'" "$DOMFS" mount -o colour=red "$M"
says 1 "'timeout' needs a value" "$DOMFS" mount -o timeout "$M"
says 1 "timeout: .*soon" "$DOMFS" mount -o timeout=soon "$M"
says 1 "'gopher://x': expected ssh://" "$DOMFS" mount gopher://x "$M"
says 1 'is not connected: .*none.sock' "$DOMFS" mount "unix:$TMP/none.sock" "$M"
says 1 "'kvm' is for the domfs of that host" "$DOMFS" mount -o kvm=force "unix:$TMP/none.sock" "$M"
says 1 "'ro' is for a mount" "$DOMFS" serve -o ro
says 2 'usage: domfs serve' "$DOMFS" serve here
says 1 'none.*No such file or directory' "$DOMFS" mount "$TMP/none"
says 1 "a.xml' is not a directory" "$DOMFS" mount "$TMP/a.xml"
says 1 'is not a mount of domfs' "$DOMFS" umount "$M"
says 1 'none' "$DOMFS" umount "$TMP/none"
ok 'nothing is mounted after all that' sh -c "! grep -q ' $M ' /proc/mounts"

# behind
ok 'mount returns' timeout $((20 * _slow)) "$DOMFS" mount "$M"
_mounted=yes
like "$(ls "$M")" '^domains$' 'when the mount answers'
server=$(python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], "user.domfs.pid").decode())' "$M")
ok 'its server runs' kill -0 "$server"
isnt "$(ps -o sid= -p "$server" | tr -d ' ')" "$(ps -o sid= -p $$ | tr -d ' ')" 'in a session of its own'
mkdir "$M/domains/a" "$TMP/mnt2"
says 1 "is in use by the domfs with pid $server" "$DOMFS" serve
says 1 "'timeout' is for an engine" "$DOMFS" mount -o timeout=5 "$TMP/mnt2"
is "$(cat "$M/domains/a/state")" shutoff 'the first one is not disturbed'
says 0 '' "$DOMFS" mount "$TMP/mnt2"
ok 'a second mount shows the same tree' mkdir "$TMP/mnt2/domains/b"
is "$(ls "$M/domains")" "a
b" 'in both'
ok 'and goes alone' "$DOMFS" umount "$TMP/mnt2"
ok 'the first one stays' rmdir "$M/domains/b"
ok 'a second instance has its own directories' env DOMFS_STATE_DIR="$TMP/state2" DOMFS_RUN_DIR="$TMP/run2" "$DOMFS" mount local "$TMP/mnt2"
is "$(ls "$TMP/mnt2/domains")" '' 'and domains'
ok 'umount' "$DOMFS" umount "$TMP/mnt2"
tail -f /dev/null < "$M/version" &
holder=$!
held() { [ "$(readlink "/proc/$holder/fd/0")" = "$M/version" ]; }
wait_for 5 held || fail 'a process holds a file'
says 1 'is busy: a process has a file open' "$DOMFS" umount "$M"
is "$(cat "$M/domains/a/state")" shutoff 'it serves on'
kill "$holder"
wait "$holder" || :
ok 'umount returns when the server has ended' sh -c "'$DOMFS' umount '$M' && case \$(ps -o stat= -p $server) in ''|Z*) ;; *) false ;; esac"
_mounted=

# what kill -9 leaves
mount_domfs
is "$(ls "$M/domains")" a 'the domain is still there'
kill_domfs
stat "$M" > /dev/null 2>&1 || :
mount_domfs
wait_for 10 ls "$M/domains" || fail 'it answers'	# what the kernel kept of the dead one looks alive
is "$(ls "$M/domains")" a 'a new mount replaces a dead one'
kill_domfs
says 0 '' "$DOMFS" umount "$M"
ok 'umount removes a dead one' sh -c "! grep -q ' $M ' /proc/mounts"

# without a mount
"$DOMFS" serve -f > "$TMP/serve.log" 2>&1 &
_pid=$!
wait_for 10 grep -q '^domfs: ready$' "$TMP/serve.log" || fail 'serve says when it is ready' "$(cat "$TMP/serve.log")"
says 0 '' "$DOMFS" mount "$M"
is "$(ls "$M/domains")" a 'a mount joins what serves already'
kill -KILL "$_pid"
wait "$_pid" || :
_pid=
says 2 'No route to host' ls "$M/domains/a/stats"
"$DOMFS" serve -f > "$TMP/serve.log" 2>&1 &
_pid=$!
ok 'when it is back, so is the tree' wait_for 10 sh -c "cat '$M/domains/a/state' 2>/dev/null | grep -q shutoff"
ok 'umount' "$DOMFS" umount "$M"
kill -TERM "$_pid"
_gone

for s in TERM INT HUP; do
	mount_domfs
	kill -"$s" "$(domfs_pid)"
	_gone
	ok "SIG$s ends it and unmounts" sh -c "! grep -q ' $M ' /proc/mounts"
done
: > "$TMP/domfs.log"
mount_domfs
like "$(cat "$TMP/domfs.log")" '^domfs: mounted$' '-f logs to stderr'
umount_domfs
mount_domfs -o ro
refused EROFS mkdir "$M/domains/b"
is "$(ls "$M/domains")" a 'ro: it can be read'
umount_domfs
mount_domfs -o list_all
like "$(ls "$M/domains/a/wait")" '^running$' 'list_all lists what blocks'
done_testing
