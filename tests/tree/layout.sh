#!/bin/sh
# docs/layout.md names every file of a live mount, what it names exists, and `domfs tree` says the same.
# timeout: 60
# over: no, the mount option allow_other
. "$(dirname "$0")/../lib.sh"
require root 'the mount option allow_other and a nic of a running guest'

mount_domfs -o list_all
# the disks lie in a pool: they show their volume
mkdir "$TMP/images" "$M/pools/images"
truncate -s 1M "$TMP/images/a.img"
echo "$TMP/images" > "$M/pools/images/target"
echo start > "$M/pools/images/state"
# one on top of another, and one that is not created yet
v=$M/pools/images/volumes
mkdir "$v/base" "$v/over" "$v/new" "$M/hosts/b"
echo qcow2 > "$v/base/format"
echo 1M > "$v/base/capacity"
ln -s ../base "$v/over/backing"
echo qcow2 > "$v/over/format"
echo 1M > "$v/over/capacity"
d=$M/domains/web
mkdir "$d" "$M/domains/off"
xml() {
	test_xml "$1" "<disk type='file' device='disk'><source file='$TMP/images/a.img'/><target dev='vda' bus='virtio'/></disk>
		<interface type='user'><mac address='52:54:00:00:00:0$2'/></interface><rng model='virtio'><backend model='random'>/dev/random</backend></rng>"
}
xml web 1 > "$TMP/web.xml"
xml off 2 > "$TMP/off.xml"
cp "$TMP/web.xml" "$d/xml"
cp "$TMP/off.xml" "$M/domains/off/xml"
echo start > "$d/state"

# One who is connected: Tversion, Tattach, and then it stays.
connect() {
	python3 -c '
import socket, struct, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
for m in (struct.pack("<BHIH", 100, 65535, 65536, 8) + b"9P2000.L",
          struct.pack("<BHIIHHI", 104, 0, 1, 0xffffffff, 0, 0, 0)):
    s.sendall(struct.pack("<I", len(m) + 4) + m)
    s.recv(4096)
time.sleep(100)' "$DOMFS_RUN_DIR/domfs.sock" &
	client=$!
	wait_for 10 sh -c 'ls "$0"/host/clients/*/fids' "$M"
}
disconnect() {
	kill "$client"
	wait "$client" || :
}
require python3 'a client'
connect

# Names of objects become the words that the documents use.
generic() {
	sed -E 's|^by-uuid/[^/]+$|by-uuid/UUID|; s|^by-id/[^/]+$|by-id/ID|; s|^domains/[^/]+/|domains/NAME/|
		s|/vcpus/[0-9]+/|/vcpus/N/|; s|^host/drivers/[^/]+/|host/drivers/DRIVER/|
		s|^(domains/NAME/(config/)?disks)/[^/]+/|\1/TARGET/|; s|^(domains/NAME/(config/)?nics)/[^/]+/|\1/NIC/|
		s|^secrets/[^/]+/|secrets/UUID/|; s|^hosts/[^/]+/|hosts/HOST/|; s|^host/storage/[^/]+$|host/storage/TYPE|
		s|^host/clients/[^/]+/|host/clients/CLIENT/|
		s|^pools/[^/]+/|pools/POOL/|; s|^pools/POOL/volumes/[^/]+/|pools/POOL/volumes/VOLUME/|
		s|^(pools/POOL/volumes/VOLUME/users)/[^/]+$|\1/DOMAIN|
		s|^(domains/NAME/(config/)?devices)/[^/]+/|\1/ALIAS/|' | sort -u
}
seen() {	# DIRECTORY...: with a / behind directories
	(cd "$M" && find "$@" -mindepth 1 \( -type d -printf '%p/\n' -o -printf '%p\n' \)) | sed 's|^\./||'
}
mkdir "$M/secrets/$(cat /proc/sys/kernel/random/uuid)"
seen . | generic > "$TMP/live"
seen domains/off | generic > "$TMP/live.off"
seen domains/web | generic > "$TMP/live.on"
sed -n 's/^| `\([^`]*\)` | .*/\1/p' "$top/docs/layout.md" | grep -vE '=|^(allow_other|list_all|ro)$' | sort > "$TMP/docs.all"
sort -u "$TMP/docs.all" > "$TMP/docs"
"$DOMFS" tree | sed 's/ .*//' | sort -u > "$TMP/tree"

ok 'the mount has a tree worth comparing' test "$(wc -l < "$TMP/live")" -gt 100
is "$(uniq -d "$TMP/docs.all")" '' 'docs/layout.md names each file once'
is "$(comm -23 "$TMP/live" "$TMP/docs")" '' 'docs/layout.md names every file of a live mount'
is "$(comm -13 "$TMP/live" "$TMP/docs")" '' 'what docs/layout.md names is in a live mount'
is "$(diff "$TMP/tree" "$TMP/docs")" '' 'domfs tree prints what docs/layout.md names'
is "$(diff "$TMP/live.off" "$TMP/live.on" | sed -n 's/^[<>]/&/p')" '> domains/NAME/screenshot.png' \
	'a domain that is off shows what one that runs does, but no screen'

# What each file is, and the order, are the same in both.
"$DOMFS" tree | sed -E 's/^([^ ]+) +/\1 /' > "$TMP/tree.words"
sed -nE 's/^\| `([^`]*)` \| (.*) \| .* \|$/\1 \2/p; s/^\| `([^`]*)` \| (.*) \|  *\|$/\1 \2/p' "$top/docs/layout.md" |
	grep -vE '^[a-z_]+=' > "$TMP/docs.words"
while IFS= read -r line; do
	grep -qxF -e "$line" "$TMP/docs.words" || echo "$line"
done < "$TMP/tree.words" > "$TMP/other.words"
is "$(cat "$TMP/other.words")" '' 'domfs tree explains each file as docs/layout.md does'

# Everything that is shown answers, except those that wait for something to happen.
bad=$(cd "$M" && find . -type f ! -path '*/wait/*' ! -name console ! -path './domains/*/screenshot.png' ! -path './domains/*/stats*' \
	-exec sh -c 'for f; do timeout 10 cat "$f" 2>&1 >/dev/null || echo "$f"; done' sh {} +)
is "$bad" '' 'every listed file can be read'

# Without list_all only those that block are missing.
disconnect
remount_domfs -o allow_other
connect
mkdir "$v/new"	# it was in memory only
seen . | generic > "$TMP/plain"
is "$(comm -13 "$TMP/plain" "$TMP/live" | tr '\n' ' ')" \
	'domains/NAME/console domains/NAME/wait/job domains/NAME/wait/paused domains/NAME/wait/running domains/NAME/wait/shutoff ' \
	'without list_all exactly those that block are not listed'
is "$(comm -23 "$TMP/plain" "$TMP/live")" '' 'and nothing else is'
is "$(grep -oE '^\| `[^`]*` \| .*\(not listed\)' "$top/docs/layout.md" | sed 's/^| `//; s/`.*//' | sort | tr '\n' ' ')" \
	"$(comm -13 "$TMP/plain" "$TMP/live" | tr '\n' ' ')" 'docs/layout.md says which'
ok 'they answer to their names' ls -d "$M/domains/web/console" "$M/domains/web/wait/job"
disconnect
done_testing
