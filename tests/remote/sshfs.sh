#!/bin/sh
# sshfs over a mounted domfs: another host's programs read the whole tree, follow events, copy images, and write commands.
# timeout: 120
# shellcheck disable=SC2016,SC2164
. "$(dirname "$0")/../lib.sh"
require root 'sshd logs in as whom it runs'
require /usr/sbin/sshd 'apt-get install openssh-server'
require sshfs 'apt-get install sshfs'
require python3

mount_domfs
d=$M/domains/web
mkdir "$d"
test_xml web "<disk type='file'><source file='/nowhere/a.img'/><target dev='vda'/></disk>" > "$TMP/web.xml"
cp "$TMP/web.xml" "$d/xml"
mkdir "$TMP/images" "$M/pools/images"
echo "$TMP/images" > "$M/pools/images/target"
echo start > "$M/pools/images/state"
head -c 3000000 /dev/urandom > "$TMP/bytes"
v=$M/pools/images/volumes/root
mkdir "$v"
echo raw > "$v/format"
echo 3000000 > "$v/capacity"
cp "$TMP/bytes" "$v/image"

# --- the way there ---

cd "$TMP"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f key
echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 host.pub)" > known
cat > sshd_config <<X
ListenAddress 127.0.0.1:$port
HostKey $TMP/host
AuthorizedKeysFile $TMP/key.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
X
mkdir -p /run/sshd
S=$TMP/far
mkdir "$S"
/usr/sbin/sshd -D -e -f "$TMP/sshd_config" 2> sshd.log &
sshd=$!
# shellcheck disable=SC2154
trap '_status=$?; set +e; umount -l "$S" 2> /dev/null; kill "$sshd" 2> /dev/null; (exit "$_status"); _cleanup' EXIT
# direct_io: what is read ends where it ends, whatever size it had a moment ago; sshfs_sync: a write that is refused fails
links=
! sshfs -h 2>&1 | grep -q no_contain_symlinks || links=,no_contain_symlinks	# by-uuid's go up: ../domains/web
far() {
	sshfs -F none -p "$port" -o "IdentityFile=$TMP/key,UserKnownHostsFile=$TMP/known,StrictHostKeyChecking=yes" \
		-o "direct_io,dir_cache=no,sshfs_sync$links" "root@127.0.0.1:$M" "$S"
}
wait_for 10 far > sshfs.log 2>&1 || { fail 'sshfs mounts' "$(tail -n 5 sshfs.log sshd.log)"; exit 1; }
pass 'sshfs mounts'

# --- reading ---

names() { (cd "$1" && find . -printf '%p %y %m %l\n' | sort); }
names "$M" > near
names "$S" > far.names
is "$(diff near far.names)" '' 'find: the same names, kinds, modes and links'
ok 'ls -lR' sh -c 'timeout 60 ls -lR "$0" > "$0.ls"' "$S"
cat > same.py <<'PY'
import os, sys
near, far = sys.argv[1:]
changes = {'events', 'metrics', 'time', 'job', 'log', 'console.log', 'uptime', 'available', 'allocation'}
bad = n = 0
for top, dirs, files in os.walk(near):
	for name in files:
		path = os.path.join(top, name)
		there = os.path.join(far, os.path.relpath(path, near))
		if os.path.islink(path) or name in changes or os.path.basename(top) == 'stats' \
				or os.path.relpath(top, near).startswith('host'):
			continue
		n += 1
		want, got, size = open(path, 'rb').read(), open(there, 'rb').read(), os.stat(there).st_size
		if want != got or size != os.stat(path).st_size:
			bad += 1
			print(there, len(want), len(got), size)
print(n, 'files')
sys.exit(bad > 0 or n < 60)
PY
ok 'every file has the same bytes and the true size' timeout 60 python3 same.py "$M" "$S"
ok "a volume's image is copied" sh -c 'timeout 60 cp "$0" "$1" && cmp "$1" "$2"' "$S/pools/images/volumes/root/image" copy bytes
is "$(tail -n 1 "$S/events")" "$(tail -n 1 "$M/events")" 'tail of events'
tail -s 0.1 -n 1 -f "$S/events" > followed &
tailer=$!
refused ENOENT cat "$S/domains/nothing"

# --- writing ---

f=$S/domains/web
ok 'echo start > state' sh -c 'echo start > "$0"' "$f/state"
is "$(cat "$d/state")|$(cat "$f/state")" 'running|running' 'it runs'
ok 'tail -f is told' wait_for 10 grep -q 'domain web running booted' followed
kill "$tailer"
wait "$tailer" || :
ok 'a value' sh -c 'echo "the mail server" > "$0"' "$f/title"
is "$(cat "$d/title")" 'the mail server'
# sftp has few words for what goes wrong
rc=0
sh -c 'echo dance > "$0"' "$f/state" 2> said || rc=$?
isnt "$rc" 0 'what is no command fails'
like "$(cat "$f/error")" "'dance' is no command" 'and error says why'
is "$(timeout 10 cat "$f/wait/running")" 'running booted' 'what is so already is answered'
timeout 20 cat "$f/wait/shutoff" > waited &
waiter=$!
sleep 0.5
echo destroy > "$d/state"
wait "$waiter" || fail 'it waits well'
is "$(cat waited)" 'shutoff destroyed' 'who waits is told'
ok 'a definition' cp web.xml "$f/xml"
ok 'a new domain' mkdir "$S/domains/new"
is "$(cat "$M/domains/new/state")" shutoff
ok 'a new name' mv "$S/domains/new" "$S/domains/other"
ok 'and no domain' rmdir "$S/domains/other"
is "$(ls "$M/domains")" web

fusermount3 -u "$S"
kill "$sshd"
wait "$sshd" || :
done_testing
