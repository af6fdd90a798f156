#!/bin/sh
# Serial ports and channels over pty, unix sockets, files and TCP: what is asked for is there, with the owner's rights.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require guest
require socat
require python3
mount_domfs
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
socat -u "UNIX-LISTEN:$TMP/peer.sock,mode=666" "CREATE:$TMP/peer.out" &
peer=$!
wait_for 5 [ -S "$TMP/peer.sock" ]
echo before > "$TMP/kept.log"; chmod 666 "$TMP/kept.log"
start_guest web "<serial type='tcp'><source mode='bind' host='127.0.0.1' service='$port'/><protocol type='raw'/></serial>
<serial type='unix'><source mode='connect' path='$TMP/peer.sock'/></serial>
<serial type='file'><source path='$TMP/kept.log' append='on'/></serial>
<channel type='unix'><source mode='bind' path='$TMP/channel.sock'/><target type='virtio' name='test.0'/></channel>
<channel type='pty'><target type='virtio' name='test.1'/></channel>"
d=$M/domains/web
socat -u "TCP:127.0.0.1:$port" "CREATE:$TMP/tcp.out" &
tcp=$!
type_console web 'until echo over tcp > /dev/ttyS1 && echo over unix > /dev/ttyS2 && echo over file > /dev/ttyS3; do :; done; echo sent=all'
ok 'the guest has four ports' wait_console web '^sent=all' 20
ok 'TCP' wait_for 10 grep -q 'over tcp' "$TMP/tcp.out"
ok 'a unix socket of somebody else' wait_for 10 grep -q 'over unix' "$TMP/peer.out"
ok 'a file' wait_for 10 grep -q 'over file' "$TMP/kept.log"
ok 'appended to' grep -q '^before' "$TMP/kept.log"
ok 'the channel is a socket' [ -S "$TMP/channel.sock" ]
like "$(cat "$d/xml")" "<source path='/dev/pts/[0-9]+'/>" 'the other channel a pseudo-terminal'
echo destroy > "$d/state"
kill $tcp $peer 2>/dev/null || :
sed "s|$TMP/peer.sock|$TMP/nobody.sock|" "$TMP/web.xml" > "$TMP/bad.xml"
cp "$TMP/bad.xml" "$d/xml"
refused ENOENT sh -c "echo start > $d/state"
like "$(cat "$d/error")" "$TMP/nobody.sock" 'a socket that is not there is named'
done_testing
