#!/bin/sh
# Over TLS a host has exactly the rights of whom its certificate stands for; who has none gets clear words and disturbs nobody.
# timeout: 240
. "$(dirname "$0")/../lib.sh"
require root 'acts for several users'
require certtool 'makes certificates'
require gnutls-cli 'is a client'
require openssl 'is a client'
require python3 'is a client'
"$DOMFS" serve -f -o listen=tls://127.0.0.1:1,tls_dir=/nonexistent > "$TMP/probe" 2>&1 || :
! grep -q 'built without TLS' "$TMP/probe" || skip_all 'domfs was built without TLS'

B=$TMP/b P=$TMP/pki
mkdir "$B" "$P"
trap '_status=$?; set +e; umount -l "$B" 2> /dev/null; (exit "$_status"); _cleanup' EXIT
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
ALICE=games BOB=mail	# two users that every system has

# --- certificates ---

key() { certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile "$1" 2>> "$P/certtool.log"; }
authority() {	# DIR NAME
	mkdir -p "$P/$1"
	printf 'cn = "%s"\nca\ncert_signing_key\ncrl_signing_key\nexpiration_days = 100\n' "$2" > "$P/$1/template"
	key "$P/$1/key.pem"
	certtool --generate-self-signed --load-privkey "$P/$1/key.pem" --template "$P/$1/template" \
		--outfile "$P/$1/cacert.pem" 2>> "$P/certtool.log"
}
issue() {	# DIR server|client NAME CA LINE...
	_dir=$P/$1 _side=$2 _ca=$P/$4
	mkdir -p "$_dir"
	printf 'cn = "%s"\norganization = "Room 3"\nsigning_key\n' "$3" > "$_dir/template"
	shift 4
	[ $# -gt 0 ] || set -- 'expiration_days = 100' "tls_www_$_side"
	printf '%s\n' "$@" >> "$_dir/template"
	(umask 077; key "$_dir/${_side}key.pem")
	certtool --generate-certificate --load-privkey "$_dir/${_side}key.pem" --load-ca-certificate "$_ca/cacert.pem" \
		--load-ca-privkey "$_ca/key.pem" --template "$_dir/template" --outfile "$_dir/${_side}cert.pem" \
		2>> "$P/certtool.log"
	cp "$_ca/cacert.pem" "$_dir/cacert.pem"
}
revoke() {	# CERTIFICATE...
	cat "$@" > "$P/revoked.pem"
	printf 'crl_next_update = 10\ncrl_number = %s\n' "$(date +%s)" > "$P/crl.template"
	certtool --generate-crl --load-ca-certificate "$P/ca/cacert.pem" --load-ca-privkey "$P/ca/key.pem" \
		--load-certificate "$P/revoked.pem" --template "$P/crl.template" --outfile "$P/cacrl.new" 2>> "$P/certtool.log"
	mv "$P/cacrl.new" "$P/server/cacrl.pem"
}

authority ca 'Machine room'
authority ca2 'Somebody else'
issue server server here ca 'dns_name = localhost' 'ip_address = 127.0.0.1' tls_www_server 'expiration_days = 100'
issue alice client alice ca
issue bob client bob ca
issue stranger client stranger ca
issue revoked client revoked ca
issue forged client alice ca2
cp "$P/ca/cacert.pem" "$P/forged"
issue expired client alice ca tls_www_client 'activation_date = "2020-01-01 UTC"' 'expiration_date = "2020-02-01 UTC"'
issue early client alice ca tls_www_client 'activation_date = "2040-01-01 UTC"' 'expiration_date = "2041-02-01 UTC"'
issue purpose client alice ca tls_www_server 'expiration_days = 100'
mkdir "$P/suspicious"
cp "$P"/alice/client*.pem "$P/suspicious"
cp "$P/ca2/cacert.pem" "$P/suspicious"
revoke "$P/revoked/clientcert.pem"
ok 'certificates are there' test -s "$P/server/cacrl.pem"

# --- what does not even start ---

listens() {	# NAME WORDS TLS_DIR: it does not
	_out=$("$DOMFS" serve -f -o "listen=tls://127.0.0.1:$PORT,tls_dir=$3" 2>&1) && _out="it serves: $_out"
	like "$_out" "$2" "$1"
}
listens 'without certificates nobody is listened to' "cacert.pem': No such file" "$P/none"
cp -r "$P/server" "$P/open"
chmod 644 "$P/open/serverkey.pem"
like "$("$DOMFS" mount -o "listen=tls://127.0.0.1:$PORT,tls_dir=$P/none" "$M" 2>&1 || echo "status $?")" 'status 1' \
	'nor is anything mounted'
ok 'and nothing stays' sh -c "! mountpoint -q '$M'"
listens 'a private key that others may read is refused' "serverkey.pem' has mode 0644: a private key is for its owner alone" "$P/open"
cp "$P/alice/clientkey.pem" "$P/open/serverkey.pem"
chmod 600 "$P/open/serverkey.pem"
listens 'a key of another certificate is refused' 'is not the key of certificate' "$P/open"
cp "$P/server/serverkey.pem" "$P/open"
certtool --generate-crl --load-ca-certificate "$P/ca2/cacert.pem" --load-ca-privkey "$P/ca2/key.pem" \
	--load-certificate "$P/forged/clientcert.pem" --template "$P/crl.template" --outfile "$P/open/cacrl.pem" \
	2>> "$P/certtool.log"
listens "another CA's list of revoked certificates is refused" 'no list of revoked certificates that a CA of' "$P/open"
like "$("$DOMFS" serve -f -o "tls_dir=$P/server" 2>&1)" "'tls_dir' is for listen=tls" 'tls_dir= alone is not ignored'

# --- two hosts ---

mount_domfs -o "listen=tls://0.0.0.0:$PORT,tls_dir=$P/server"
mkdir "$M/domains/a" "$M/domains/b"
chown "$ALICE" "$M/domains/a"
chown "$BOB" "$M/domains/b"
chmod 700 "$M/domains/a" "$M/domains/b"
printf '%s\n' "$ALICE CN=alice,O=Room 3" "$BOB CN=bob,O=Room 3" > "$M/host/access/map"

DOMFS_STATE_DIR=$TMP/state.b DOMFS_RUN_DIR=$TMP/run.b "$DOMFS" mount -f "$B" >> "$TMP/b.log" 2>&1 < /dev/null &
other=$!
ok 'another engine is there' wait_for 20 test -d "$B/hosts"

uri() { echo "tls://${3:-localhost}:$PORT/?pkipath=$P/${2:-$1}"; }
host() {	# NAME [DIR [HOST]]: connects
	mkdir -p "$B/hosts/$1"
	uri "$@" > "$B/hosts/$1/uri" || { cat "$B/hosts/$1/error"; return 1; }
}
turned_away() {	# NAME WORDS [DIR [HOST]]: our client is, and says so
	_name=$1 _words=$2
	shift 2
	if host x "$@" > /dev/null 2>&1; then
		fail "$_name" 'it is connected'
	else
		like "$(cat "$B/hosts/x/error")" "$_words" "$_name"
	fi
	rmdir "$B/hosts/x"
}
unnoticed() { is "$(cat "$B/hosts/alice/domains/a/state")" shutoff "$1: others do not notice"; }
said() {	# NAME WORDS: the server said so, once, in both places
	wait_for 5 grep -qE "tls:.* refused: .*$2" "$TMP/domfs.log" || :
	like "$(grep tls: "$TMP/domfs.log")" "refused: .*$2" "$1: the log says why"
	like "$(cat "$M/errors")" " tls:127.*$2" "$1: so does errors"
	: > "$TMP/domfs.log"
}

ok 'alice is connected' host alice
is "$(cat "$B/hosts/alice/state")" connected
like "$(cat "$B/hosts/alice/link")" "^tls: TLS1.3 .*CN=here" 'link tells by what'
unnoticed 'alone'
ok 'alice may change what is hers' sh -c "echo hers > '$B/hosts/alice/domains/a/title'"
is "$(cat "$M/domains/a/title")" hers
like "$(cat "$B/hosts/alice/domains/b/state" 2>&1)" 'Permission denied' "bob's is not alice's"
like "$(sh -c "echo mine > '$B/hosts/alice/domains/b/title'" 2>&1)" 'Permission denied' 'to change neither'
ok 'bob is connected by an address' host bob bob 127.0.0.1
is "$(cat "$B/hosts/bob/domains/b/state")" shutoff "bob's is bob's"
like "$(cat "$B/hosts/bob/domains/a/state" 2>&1)" 'Permission denied' "alice's is not"

# --- bytes ---

mkdir "$TMP/images" "$M/pools/p"
chown "$ALICE" "$TMP/images" "$M/pools/p"
echo "$TMP/images" > "$M/pools/p/target"
echo start > "$M/pools/p/state"
dd if=/dev/urandom of="$TMP/big" bs=1M count=64 2> /dev/null
v=$B/hosts/alice/pools/p/volumes/v
mkdir "$v"
began=$(date +%s%N)
ok '64 MiB go there' cp "$TMP/big" "$v/image"
took=$((($(date +%s%N) - began) / 1000000))
ok 'and arrive intact' cmp "$TMP/big" "$TMP/images/v"
began=$(date +%s%N)
ok 'and come back' cmp "$TMP/big" "$v/image"
note "up: $((64000 / (took + 1))) MiB/s, down: $((64000 / (($(date +%s%N) - began) / 1000000 + 1))) MiB/s"

# --- our own client is told ---

turned_away 'nobody knows the stranger' "does not let us in: .*CN=stranger" stranger
said stranger 'CN=stranger'
turned_away 'the revoked one' 'refused our certificate .*revoked' revoked
said revoked "certificate 'O?.*CN=revoked.* was revoked"
turned_away 'a certificate of another CA' 'refused our certificate|not signed' forged
said forged "is signed by 'CN=Somebody else', which is no CA of"
turned_away 'one that is for servers' 'refused our certificate' purpose
said purpose 'is not for use by a client'
turned_away 'one that expired' "our certificate '.*expired/clientcert.pem' expired on 2020-02-01" expired
turned_away 'one from the future' 'is valid only from 2040-01-01' early
turned_away 'a server with another name' "server's certificate '.*CN=here.*' is not for '127.0.0.2', but for localhost 127.0.0.1" \
	alice 127.0.0.2
turned_away 'a server of another CA' "is signed by 'CN=Machine room', which is no CA of" suspicious
turned_away 'no certificate' "clientcert.pem': No such file" ca
unnoticed 'all of these'
mkdir "$B/hosts/y"
for bad in 'no_verify=1' 'pkipath=here' 'colour=red'; do
	like "$(echo "tls://localhost/?$bad" 2>&1 > "$B/hosts/y/uri" || cat "$B/hosts/y/error" "$B/errors")" "'$bad'" "uri: $bad"
done
for bad in 'tls://' 'tls://alice@localhost/' 'tls://localhost:99999' 'tls://[::1' 'tls://localhost/path'; do
	! (echo "$bad" > "$B/hosts/y/uri") 2> /dev/null
	is "$(cat "$B/hosts/y/uri")" '' "uri: $bad"
done
! (echo tls://localhost:1/?pkipath="$P/alice" > "$B/hosts/y/uri") 2> /dev/null
like "$(cat "$B/hosts/y/error")" "^'localhost' port 1: Connection refused" 'nobody is there'

# --- what others make of it ---

: > "$TMP/domfs.log"
hello() { printf '\025\000\000\000d\377\377\000\000\001\000\010\0009P2000.L'; sleep 2; }
openssl_as() {	# DIR OPTION...
	_as=$P/$1
	shift
	hello | timeout 10 openssl s_client -quiet -connect "127.0.0.1:$PORT" -CAfile "$P/ca/cacert.pem" \
		${_as:+-cert "$_as/clientcert.pem" -key "$_as/clientkey.pem"} "$@" 2>&1 | tr -d '\0' || :
}
gnutls_as() {	# DIR OPTION...
	_as=$P/$1
	shift
	hello | timeout 10 gnutls-cli --x509cafile "$P/ca/cacert.pem" --x509certfile "$_as/clientcert.pem" \
		--x509keyfile "$_as/clientkey.pem" -p "$PORT" "$@" localhost 2>&1 | tr -d '\0' || :
}
like "$(openssl_as alice)" 9P2000.L 'openssl s_client speaks 9P'
like "$(openssl_as alice -tls1_2)" 9P2000.L 'by TLS 1.2 too'
like "$(gnutls_as alice)" 9P2000.L 'gnutls-cli as well'
unlike "$(openssl_as stranger)" 9P2000.L 'not as a stranger'
said 'openssl' 'CN=stranger'
unlike "$(openssl_as expired)" 9P2000.L 'not by an expired certificate'
said 'expired' 'expired on 2020-02-01'
unlike "$(gnutls_as early)" 9P2000.L 'not by one from the future'
said 'future' 'valid only from 2040-01-01'
_none=$(hello | timeout 10 openssl s_client -quiet -connect "127.0.0.1:$PORT" 2>&1 | tr -d '\0' || :)
unlike "$_none" 9P2000.L 'not without a certificate'
said 'none' 'the client showed no certificate'
unlike "$(openssl_as alice -tls1_1 -cipher 'DEFAULT@SECLEVEL=0')" 9P2000.L 'not by TLS 1.1'
said 'TLS 1.1' 'no TLS of version 1.2 or later'
unlike "$(openssl_as alice -tls1 -cipher 'DEFAULT@SECLEVEL=0')" 9P2000.L 'not by TLS 1.0'
said 'TLS 1.0' 'no TLS of version 1.2 or later'

raw() {	# PYTHON: with S connected; prints what comes until the end
	python3 - "$PORT" "$1" <<-'PY'
	import socket, sys
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
	exec(sys.argv[2])
	got = b""
	try:
	    while True:
	        more = s.recv(4096)
	        if not more:
	            break
	        got += more
	except ConnectionError:
	    pass
	print(len(got))
	PY
}
raw 's.sendall(b"\x15\0\0\0d\xff\xff\0\0\1\0\x08\0009P2000.L")' > /dev/null
said 'plain 9P' 'speaks 9P without TLS'
raw 's.sendall(b"GET / HTTP/1.1\r\n\r\n")' > /dev/null
said 'plain HTTP' 'does not speak TLS'
raw 's.sendall(b"\x16\3\1\0\x2c\1\0\0\x28" + b"\xff" * 40)' > /dev/null
said 'garbage' "TLS is not right"
raw 's.sendall(b"\x16\3\1\2\0\1\0\1\xfc\3\3"); s.shutdown(socket.SHUT_WR)' > /dev/null
said 'half a handshake' 'closed the connection in the middle of the handshake'
unnoticed 'such'

# --- who says nothing ---

began=$(date +%s)
is "$(raw '')" 0 'who says nothing is closed'
took=$(($(date +%s) - began))
ok "after about ten seconds ($took)" test "$took" -ge 9 -a "$took" -le 15
like "$(cat "$TMP/domfs.log")" 'it said nothing for 10 seconds' 'the log says so'
began=$(date +%s)
is "$(raw 's.sendall(b"\x16")')" 0 'who says too little as well'
took=$(($(date +%s) - began))
ok "after about ten seconds ($took)" test "$took" -ge 9 -a "$took" -le 15
said 'slow' 'did not finish the TLS handshake within 10 seconds'

crowd() {	# NAME BYTES: a thousand connections that say this, and go on holding
	python3 - "$PORT" "$2" > "$TMP/crowd" <<-'PY' &
	import socket, sys, time
	all = []
	for i in range(1000):
	    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
	    s.sendall(sys.argv[2].encode("latin-1"))
	    all.append(s)
	print("there", flush=True)
	time.sleep(4)
	PY
	crowd=$!
	wait_for 30 grep -q there "$TMP/crowd" || fail "$1: a thousand connections"
	unnoticed "$1"
	ok "$1: somebody else can still come" host late alice
	rmdir "$B/hosts/late"
	fds=$(find "/proc/$(domfs_pid)/fd" | wc -l)
	threads=$(find "/proc/$(domfs_pid)/task" -maxdepth 1 | wc -l)
	ok "$1: at most 400 descriptors ($fds), $3 threads ($threads)" test "$fds" -le 400 -a "$threads" -le "$3"
	wait "$crowd" || fail "$1: they were accepted"
}
rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(domfs_pid)/status"; }
before=$(rss)
crowd 'a thousand silent ones' '' 20
note "memory: $((($(rss) - before))) KiB more"
crowd 'a thousand that begin' "$(printf '\026')" 400
note "memory: $((($(rss) - before))) KiB more"
: > "$TMP/domfs.log"

# --- what changes while it runs ---

echo "$ALICE CN=alice,O=Room 3" > "$M/host/access/map"
ok 'who is nobody any more does not stay' wait_for 10 grep -q 'CN=bob,O=Room 3. is nobody here' "$B/hosts/bob/error"
unnoticed 'another map'
printf '%s\n' "$BOB CN=alice,O=Room 3" "$BOB CN=bob,O=Room 3" > "$M/host/access/map"
ok 'who is somebody else comes in as him' wait_for 10 grep -q shutoff "$B/hosts/alice/domains/b/state"
like "$(cat "$B/hosts/alice/domains/a/state" 2>&1)" 'Permission denied' 'and is not who he was'
printf '%s\n' "$ALICE CN=alice,O=Room 3" "$BOB CN=bob,O=Room 3" > "$M/host/access/map"
ok 'and back' wait_for 10 grep -q shutoff "$B/hosts/alice/domains/a/state"
ok 'who is named again is found again' wait_for 60 grep -q shutoff "$B/hosts/bob/domains/b/state"

revoke "$P/revoked/clientcert.pem" "$P/bob/clientcert.pem"
is "$(cat "$B/hosts/bob/domains/b/state")" shutoff 'who is in stays in'
turned_away 'bob is revoked' 'refused our certificate .*revoked' bob
unnoticed 'a new list'
echo nonsense > "$P/server/cacrl.pem"
turned_away 'with a broken list nobody is let in' 'ended it|closed' alice
said 'broken' "cacrl.pem'.*no list of revoked certificates"
revoke "$P/revoked/clientcert.pem"
ok 'with a good one again' host again alice
kill_domfs
ok 'a server that died is noticed' wait_for 10 grep -q lost "$B/hosts/alice/state"
remount_domfs
ok 'and found again' wait_for 40 grep -q connected "$B/hosts/alice/state"
unnoticed 'a restart'

"$DOMFS" umount "$B"
rc=0
wait "$other" || rc=$?
is "$rc" 0 'the other engine ends well'
done_testing
