#!/bin/sh
# Who may do what over ssh and over TLS: the same as on the host itself, act by act, for a client in any language and through a mount of ours.
# timeout: 240
# over: no, acts as several users, and a client is one
if [ -z "${DOMFS_OWN_USERS:-}" ] && [ "$(id -u)" = 0 ]; then	# users that only this test has
	exec env DOMFS_OWN_USERS=1 unshare -m --propagation slave "$0" "$@"
fi
. "$(dirname "$0")/../lib.sh"
require root 'logs in as several users'
require setfacl
require python3
require certtool 'makes certificates'
require /usr/sbin/sshd 'apt-get install openssh-server'
"$DOMFS" serve -f -o listen=tls://127.0.0.1:1,tls_dir=/nonexistent > "$TMP/probe" 2>&1 || :
! grep -q 'built without TLS' "$TMP/probe" || skip_all 'domfs was built without TLS'

alice=61001 bob=61002 carl=61003 ops=61005
chmod 755 "$TMP"
cp /etc/passwd "$TMP/passwd"
for u in "alice $alice $alice" "bob $bob $bob" "carl $carl $ops"; do
	# shellcheck disable=SC2086
	set -- $u
	echo "$1:*:$2:$3::$TMP:/bin/sh" >> "$TMP/passwd"
done
sed -i 's|^\(nobody:.*:\)[^:]*:[^:]*$|\1/:/bin/sh|' "$TMP/passwd"
mount --bind "$TMP/passwd" /etc/passwd
sshd=
# shellcheck disable=SC2317
release() {
	status=$?
	set +e
	[ -z "$sshd" ] || { pkill -KILL -P "$sshd"; kill -KILL "$sshd"; } 2> /dev/null
	for d in "$TMP"/by.*; do
		umount -l "$d" 2> /dev/null
	done
	( exit "$status" )
	_cleanup
}
trap release EXIT

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
users='root alice carl bob nobody'

# --- TLS: a certificate for each ---

tls=$(port)
P=$TMP/pki
mkdir "$P" "$P/server"
key() { certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile "$1" 2>> "$P/log"; }
signed() {	# DIR server|client TEMPLATE-LINE...
	_out=$P/$1 _side=$2
	shift 2
	mkdir -p "$_out"
	printf '%s\n' "$@" signing_key 'expiration_days = 100' "tls_www_$_side" > "$_out/template"
	(umask 077; key "$_out/${_side}key.pem")
	certtool --generate-certificate --load-privkey "$_out/${_side}key.pem" --load-ca-certificate "$P/cacert.pem" --load-ca-privkey "$P/key.pem" \
		--template "$_out/template" --outfile "$_out/${_side}cert.pem" 2>> "$P/log"
	cp "$P/cacert.pem" "$_out"
}
key "$P/key.pem"
printf 'cn = "Machine room"\nca\ncert_signing_key\nexpiration_days = 100\n' > "$P/template"
certtool --generate-self-signed --load-privkey "$P/key.pem" --template "$P/template" --outfile "$P/cacert.pem" 2>> "$P/log"
signed server server 'cn = "here"' 'dns_name = localhost'
for u in $users; do
	signed $u client "cn = \"$u\""
done

mount_domfs -o "allow_other,listen=tls://127.0.0.1:$tls,tls_dir=$P/server"
for u in $users; do
	echo "$u CN=$u"
done > "$M/host/access/map"
. "$top/tests/access-matrix.sh"

# --- ssh: a key that lets each in ---

ssh=$(port)
ssh-keygen -q -t ed25519 -N '' -f "$TMP/host"
ssh-keygen -q -t ed25519 -N '' -f "$TMP/key"
echo "[127.0.0.1]:$ssh $(cut -d' ' -f1,2 "$TMP/host.pub")" > "$TMP/known"
mkdir -p /run/sshd
cat > "$TMP/sshd_config" <<X
ListenAddress 127.0.0.1:$ssh
HostKey $TMP/host
AuthorizedKeysFile $TMP/key.pub
PidFile $TMP/sshd.pid
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
SetEnv DOMFS_STATE_DIR=$DOMFS_STATE_DIR DOMFS_RUN_DIR=$DOMFS_RUN_DIR ASAN_OPTIONS=$ASAN_OPTIONS UBSAN_OPTIONS=$UBSAN_OPTIONS
X
/usr/sbin/sshd -D -e -f "$TMP/sshd_config" 2> "$TMP/sshd.log" &
sshd=$!
cat > "$TMP/config" <<X
Host *
	IdentityFile $TMP/key
	IdentityAgent none
	UserKnownHostsFile $TMP/known
	GlobalKnownHostsFile none
X
wait_for 10 sh -c 'ssh -F "$0/config" -p "$1" alice@127.0.0.1 true 2> /dev/null' "$TMP" "$ssh"

# --- each, by each ---

tried() {	# USER WHERE [NAME]
	acts | timeout 100 python3 "$top/tests/remote/acts.py" "$2" > "$TMP/out" 2>&1 || :
	is "$(grep -c . "$TMP/out")" "$(grep -c . "$TMP/matrix")" "$1, $3: each act was tried"
	is "$(differs "$1" < "$TMP/out")" '' "$1, $3: may what he should"
}
become() { echo "become $2" | python3 "$top/tests/remote/acts.py" "$1" 2>&1; }
for u in $users; do
	by_tls=tls:$tls:$P/$u
	by_ssh="run:ssh -F $TMP/config -p $ssh $u@127.0.0.1 $DOMFS connect"
	tried $u "$by_tls" TLS
	tried $u "$by_ssh" ssh
	[ $u != alice ] || for where in "$by_tls" "$by_ssh"; do
		is "$(become "$where" 0) $(become "$where" $bob)" "become 0: no become $bob: no" "alice is alice by ${where%%[: ]*}"
	done
	for way in tls ssh; do
		uri="tls://localhost:$tls/?pkipath=$P/$u"
		[ $way = tls ] || uri="ssh://$u@127.0.0.1:$ssh?config=$TMP/config&known_hosts=$TMP/known&command=$DOMFS"
		mkdir "$TMP/by.$way.$u"
		ok "$u mounts by $way" "$DOMFS" mount "$uri" "$TMP/by.$way.$u"
		tried $u "$TMP/by.$way.$u" "a mount by $way"
		ok "and lets go" "$DOMFS" umount "$TMP/by.$way.$u"
	done
done
log=$(cat "$M/host/access/log")
like "$log" " $alice alice 0 tls:127.0.0.1:[0-9]+/CN=alice/[0-9]+ write domains/web/memory ok 128M$" 'the log has her by TLS'
like "$log" " $carl carl [0-9]+ ssh:127.0.0.1/[0-9]+ write domains/web/memory EACCES$" 'and him by ssh'
pkill -KILL -P "$sshd" || :
kill -KILL "$sshd"
sshd=
done_testing
