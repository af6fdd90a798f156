#!/bin/sh
# Another's client, diod's tools, reads the tree over TCP: listings, contents, attributes, rights.
# timeout: 60
. "$(dirname "$0")/../lib.sh"
PATH=$PATH:/usr/sbin
require root 'asks as other users'
require diodls 'apt-get install diod'
require diodcat 'apt-get install diod'
require python3

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mount_domfs -o "listen=tcp://127.0.0.1:$port,allow_other"
d=$M/domains/web
mkdir "$d"
test_xml web "<disk type='file'><source file='/nowhere/a.img'/><target dev='vda'/></disk>" > "$TMP/web.xml"
cp "$TMP/web.xml" "$d/xml"
echo start > "$d/state"
list() { timeout 20 diodls -s "127.0.0.1:$port" -a / "$@"; }
text() { timeout 20 diodcat -s "127.0.0.1:$port" -a / "$@"; }

for at in . domains domains/web domains/web/disks/vda by-uuid host host/drivers pools; do
	is "$(list "$at" | sort)" "$(ls -A "$M/$at" | sort)" "diodls $at: the names that ls has"
done
list -l domains/web | awk '{ print $1, $3, $4, $5, $NF }' | tr -d . | sort > "$TMP/theirs"
ls -lA "$d" | awk 'NF > 2 { print $1, $3, $4, $5, $NF }' | tr -d . | sort > "$TMP/ours"
is "$(grep -vE '^d| (log|console|screenshot)' "$TMP/theirs")" "$(grep -vE '^d| (log|console|screenshot)' "$TMP/ours")" \
	'diodls -l: modes, owners and sizes that ls -l has'
for f in README version domains/web/state domains/web/xml domains/web/config/xml domains/web/memory domains/web/disks/vda/source list; do
	text "$f" > "$TMP/got" || fail "diodcat $f"
	ok "diodcat $f: the bytes that cat has" cmp "$TMP/got" "$M/$f"
done
is "$(text domains/web/state domains/web/cpus)" "running
1" 'two files'
like "$(text events)" ' domain web running booted$' 'events end where they end now'

is "$(text domains/web/wait/running)" 'running booted' 'what is so already is answered'
text domains/web/wait/shutoff > "$TMP/waited" &
waiter=$!
sleep 0.5
ok 'who waits, waits' kill -0 "$waiter"
echo destroy > "$d/state"
wait "$waiter" || fail 'it ends well'
is "$(cat "$TMP/waited")" 'shutoff destroyed' 'and is told'

refused ENOENT text domains/nothing
refused ENOENT list domains/nothing
refused ENOENT timeout 20 diodls -s "127.0.0.1:$port" -a /domains .	# there is one tree, /
chmod 600 "$d/title"
refused EACCES as_user 33 diodcat -s "127.0.0.1:$port" -a / domains/web/title
is "$(as_user 33 diodcat -s "127.0.0.1:$port" -a / domains/web/state)" shutoff 'another user reads what he may'
# who says that he is somebody else
refused EPERM as_user 33 diodcat -s "127.0.0.1:$port" -a / -u 0 domains/web/title
is "$(text -u 33 domains/web/state)" shutoff 'root may be another'
refused EACCES text -u 33 domains/web/title
done_testing
