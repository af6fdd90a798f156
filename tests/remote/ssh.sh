#!/bin/sh
# Links by ssh to a real sshd: keys, agent, known_hosts, ProxyJump, by libssh2 and by ssh(1); what goes wrong is said, and in bounded time.
# timeout: 240
. "$(dirname "$0")/../lib.sh"
require root 'sshd logs in as whom it runs'
require /usr/sbin/sshd 'apt-get install openssh-server'
require ssh-agent 'apt-get install openssh-client'
require python3

by_library=yes
strings "$DOMFS" 2>/dev/null | grep -q libssh2_session_init || grep -q libssh2_session_init "$DOMFS" || by_library=

# --- the other host: a daemon and an engine on this machine ---

cd "$TMP"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
dead=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
for k in host host2 key other locked; do
	words=
	[ $k != locked ] || words='open sesame'
	ssh-keygen -q -t ed25519 -N "$words" -C $k -f $k
done
ssh-keygen -q -t rsa -b 2048 -N '' -C rsa -f rsa
cat key.pub locked.pub rsa.pub > authorized
cat > sshd_config <<X
ListenAddress 127.0.0.1:$port
ListenAddress [::1]:$port
HostKey $TMP/host
AuthorizedKeysFile $TMP/authorized
PidFile $TMP/sshd.pid
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 50
SetEnv DOMFS_STATE_DIR=$TMP/b.state DOMFS_RUN_DIR=$TMP/b.run ASAN_OPTIONS=$ASAN_OPTIONS UBSAN_OPTIONS=$UBSAN_OPTIONS
X
mkdir -p /run/sshd
sshd=
silent=
other=
# shellcheck disable=SC2317
release() {
	status=$?
	set +e
	for p in $sshd $silent ${agent:-}; do
		pkill -CONT -P "$p"
		pkill -KILL -P "$p"
		kill -KILL "$p"
	done 2> /dev/null
	[ -z "$other" ] || kill -KILL "$other" 2> /dev/null
	fusermount3 -quz "$TMP/b" 2> /dev/null || umount -l "$TMP/b" 2> /dev/null
	( exit "$status" )
	_cleanup
}
trap release EXIT
/usr/sbin/sshd -D -e -f "$TMP/sshd_config" 2> sshd.log &
sshd=$!

mkdir b
DOMFS_STATE_DIR=$TMP/b.state DOMFS_RUN_DIR=$TMP/b.run "$DOMFS" mount -f "$TMP/b" > b.log 2>&1 < /dev/null &
other=$!
wait_for 10 test -e b/domains || { cat b.log; exit 1; }
mkdir b/domains/web
test_xml web > web.xml
cp web.xml b/domains/web/xml

# --- this host ---

touch known none
for a in 127.0.0.1 ::1; do
	echo "[$a]:$port $(cut -d' ' -f1,2 host.pub)" >> known
done
cp known hashed
ssh-keygen -q -H -f hashed 2> /dev/null
printf '# of another machine\n[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 host2.pub)" > changed
printf '@revoked * %s\n' "$(cut -d' ' -f1,2 host.pub)" | cat known - > revoked
cat > config <<X
Host jump
	ProxyJump root@[::1]:$port
Host agent
	IdentityAgent $TMP/agent
Host agent locked
	IdentityFile $TMP/locked
Host rsa
	IdentityFile $TMP/rsa
Host pinned
	Ciphers aes256-ctr
	HostKeyAlias [127.0.0.1]:$port
Host a jump agent locked rsa pinned
	HostName 127.0.0.1
	Port $port
	User root
Host * !agent !locked !rsa
	IdentityFile $TMP/key
Host *
	IdentityAgent none
	UserKnownHostsFile $TMP/known
	GlobalKnownHostsFile none
X
mount_domfs

more="config=$TMP/config&command=$DOMFS"
text() { cat "$M/hosts/$1/$2"; }
is_up() { [ "$(text "$1" state)" = connected ]; }
# NAME URI: 0 when it is connected
join() {
	mkdir "$M/hosts/$1" && echo "$2" > "$M/hosts/$1/uri" 2> "$TMP/said"
}
up() {	# NAME URI LINK WHAT: connected, by what matches LINK
	if join "$1" "$2"; then
		is "$(text "$1" state)" connected "$4"
		like "$(text "$1" link)" "$3" "$4: link"
	else
		fail "$4" "$(cat "$TMP/said"; text "$1" error; text "$1" link; tail -n 5 sshd.log)"
		skip "$4: link" 'it is not connected'
	fi
}
down() {	# NAME URI ERROR WHAT: refused, for a reason that matches
	if join "$1" "$2"; then
		fail "$4" "it is connected by $(text "$1" link)"
	else
		like "$(text "$1" error)" "$3" "$4"
	fi
}
gone() { rmdir "$M/hosts/$1"; }
library='^libssh2 [0-9.]+, with the'
[ -n "$by_library" ] || library='^ssh\(1\), as this build has no libssh2'

# --- getting in ---

up a "ssh://a?$more" "$library" 'an ed25519 key'
is "$(cat "$M/hosts/a/domains/web/state")" shutoff 'the other tree is seen'
echo start > "$M/hosts/a/domains/web/state"
is "$(cat b/domains/web/state)" running 'and written to'
up s "ssh://a?$more&transport=ssh" '^ssh\(1\), as the uri says so' 'ssh(1), when the uri says so'
is "$(cat "$M/hosts/s/domains/web/state")" running 'the other tree is seen by ssh(1), too'
up six "ssh://root@[::1]:$port?$more&keyfile=$TMP/key" "$library" 'IPv6'
gone six
up rsa "ssh://rsa?$more" '^ssh\(1\), as (libssh2 1\.(8|9|10)\.[0-9]+ cannot use RSA|this build)|^libssh2 1\.[1-9][1-9]' 'an RSA key'
gone rsa
down locked "ssh://locked?$more" 'Permission denied \(publickey\).*SSH_AUTH_SOCK' 'a key with a passphrase and no agent'
[ -z "$by_library" ] || like "$(text locked link)" 'locked has a passphrase, and no agent has its key' 'and link says so'
gone locked
ssh-agent -D -a "$TMP/agent" > /dev/null &
agent=$!
wait_for 5 test -S agent
printf '#!/bin/sh\necho open sesame\n' > askpass
chmod +x askpass
SSH_AUTH_SOCK=$TMP/agent SSH_ASKPASS=$TMP/askpass SSH_ASKPASS_REQUIRE=force DISPLAY=none ssh-add -q locked < /dev/null
up agent "ssh://agent?$more" 'agent.s key locked|this build has no libssh2' 'the same key in the agent'
gone agent
up agent "ssh://agent?$more&transport=ssh" 'ssh\(1\)' 'and by ssh(1)'
gone agent
down auth "ssh://agent?$more&sshauth=privkey" 'Permission denied' 'sshauth=privkey leaves the agent out'
gone auth
down auth "ssh://agent?$more&sshauth=agent&transport=ssh" 'sshauth=agent: ssh\(1\) would use the IdentityFile' \
	'sshauth=agent, which ssh(1) cannot do with this configuration'
gone auth
kill -STOP "$agent"
began=$(date +%s)
down agent "ssh://agent?$more&transport=libssh2" '.' 'an agent that does not answer'
[ $(($(date +%s) - began)) -le $((25 * _slow)) ] && pass 'is not waited for' || fail 'is not waited for'
gone agent
kill -CONT "$agent"
down missing "ssh://root@127.0.0.1:$port?command=$DOMFS&config=$TMP/none&known_hosts=$TMP/known&keyfile=$TMP/nowhere" \
	'nowhere.*No such file' 'a key file that is not there'
gone missing
down missing "ssh://root@127.0.0.1:$port?command=$DOMFS&config=$TMP/none&known_hosts=$TMP/known&keyfile=$TMP/nowhere&transport=ssh" \
	'nowhere.*No such file.*Permission denied.*SSH_AUTH_SOCK' 'and by ssh(1)'
gone missing
down wrong "ssh://root@127.0.0.1:$port?command=$DOMFS&config=$TMP/none&known_hosts=$TMP/known&keyfile=$TMP/other" \
	'root@127.0.0.1: Permission denied \(publickey\)' 'a key that is not known there'
[ -z "$by_library" ] || like "$(text wrong link)" '^ssh\(1\), as libssh2 was not let in with .*/other' 'after libssh2 had tried'
gone wrong
up jump "ssh://jump?$more" '^ssh\(1\), as the configuration has ProxyJump' 'ProxyJump'
gone jump
up pinned "ssh://pinned?$more" "$library" 'Ciphers and HostKeyAlias of the configuration'
gone pinned

# --- who is there? ---

up hashed "ssh://a?$more&known_hosts=$TMP/hashed" "$library" 'hashed names in known_hosts'
gone hashed
down unknown "ssh://a?$more&known_hosts=$TMP/none" 'No ED25519 host key is known.*Host key verification failed' 'an unknown host key'
gone unknown
down changed "ssh://a?$more&known_hosts=$TMP/changed&transport=ssh" \
	"Offending ED25519 key in $TMP/changed:2.*has changed.*verification failed" 'a host key that has changed: ssh(1)'
gone changed
down revoked "ssh://a?$more&known_hosts=$TMP/revoked" 'revoked|Host key verification failed' 'a host key that is revoked'
gone revoked
if [ -n "$by_library" ]; then
	down unknown "ssh://a?$more&known_hosts=$TMP/none&transport=libssh2" 'no host key of \[127.0.0.1\]:[0-9]+ is known' \
		'an unknown host key: libssh2'
	gone unknown
	old=$(ssh-keygen -lf host2.pub | cut -d' ' -f2)
	new=$(ssh-keygen -lf host.pub | cut -d' ' -f2)
	down changed "ssh://a?$more&known_hosts=$TMP/changed" 'the host key of .* has changed' 'a host key that has changed: libssh2'
	case $(text changed error) in
	*"shows ED25519 $new, but $TMP/changed:2 has ED25519 $old"*) pass 'both fingerprints, the file and the line' ;;
	*) fail 'both fingerprints, the file and the line' "$(text changed error)" ;;
	esac
	gone changed
fi

# --- what is not there ---

for by in ssh libssh2; do
	[ $by = ssh ] || [ -n "$by_library" ] || continue
	down none "ssh://a?config=$TMP/config&transport=$by&command=domfs-that-is-not-there" \
		'not found.*domfs must be installed on that host' "a command that is not there: $by"
	gone none
	down none "ssh://127.0.0.1:$dead?$more&known_hosts=$TMP/known&transport=$by" 'Connection refused|no host key' "a dead port: $by"
	gone none
done
down none "ssh://a.invalid?config=$TMP/none&transport=ssh" 'Could not resolve hostname' 'a host without address'
gone none
mkdir "$M/hosts/bad"
for u in "ssh://a?colour=red" "ssh://a?command=x&command=y" "ssh://a?transport=carrier" "ssh://a?sshauth=password" "ssh://a?sshauth=" "ssh://::1" "ssh://a:0" \
	"ssh://-oProxyCommand=x" "ssh://a/some/path" "ssh://a?keyfile=key" 'ssh://a;b' 'ssh://@a' 'rsh://a'; do
	# shellcheck disable=SC2016
	refused EINVAL sh -c 'echo "$0" > "$1"' "$u" "$M/hosts/bad/uri"
done
gone bad

# --- bytes ---

head -c 20000000 /dev/urandom > big
mkdir images b/pools/images
echo "$TMP/images" > b/pools/images/target
echo start > b/pools/images/state
for h in a s; do
	v=$M/hosts/$h/pools/images/volumes/$h
	ok "an upload: $h" sh -c 'mkdir "$0" && echo raw > "$0/format" && echo 20000000 > "$0/capacity" && cp "$1" "$0/image"' "$v" big
	ok "it is the same there: $h" cmp big "images/$h"
	cp "$v/image" back 2> said || cat said
	ok "and comes back: $h" cmp big back
done

# --- what ends ---

lost() { grep -cE ' (a|s) lost ' "$M/events" || :; }
both_lost() { [ "$(lost)" -ge $((was + 2)) ]; }
was=$(lost)
pkill -KILL -P "$sshd"
ok 'the death of the other end is seen' wait_for 10 both_lost
ok 'and libssh2 connects again' wait_for 20 is_up a
ok 'and ssh(1)' wait_for 20 is_up s
is "$(cat "$M/hosts/a/domains/web/state")" running 'with the tree'
was=$(lost)
stopped=$(pgrep -P "$sshd")
for p in $stopped; do
	kill -STOP "$p"
done
began=$(date +%s)
ok 'an end that stands still is lost' wait_for 40 both_lost
note "after $(($(date +%s) - began)) s: $(grep -E ' (a|s) lost ' "$M/events" | tail -n 2)"
ok 'and connected again' wait_for 20 is_up a
for p in $stopped; do
	kill -CONT "$p"
done

# One that takes connections and says nothing: all at once, as it takes long.
python3 -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(1000)' > silent &
silent=$!
wait_for 5 test -s silent
echo "[127.0.0.1]:$(cat silent) $(cut -d' ' -f1,2 host.pub)" >> known
began=$(date +%s)
mkdir "$M/hosts/q" "$M/hosts/r"
quiet="ssh://root@127.0.0.1:$(cat silent)?command=$DOMFS&config=$TMP/none&known_hosts=$TMP/known"
(echo "$quiet" > "$M/hosts/q/uri") 2> /dev/null &
(echo "$quiet&transport=ssh" > "$M/hosts/r/uri") 2> /dev/null &
ok 'other hosts go on meanwhile' timeout 5 cat "$M/hosts/a/domains/web/state"
ok 'a host that says nothing: it is not waited for' wait_for 30 sh -c '[ -s "$0/q/error" ] && [ -s "$0/r/error" ]' "$M/hosts"
note "after $(($(date +%s) - began)) s"
like "$(text q error)" 'no answer within|timed out' 'and error says so'
like "$(text r error)" 'timed out' 'and for ssh(1), too'
gone q
gone r

# --- nothing stays ---

gone a
gone s
ok 'no ssh(1) is left' wait_for 5 sh -c '! pgrep -f "^ssh .*$0" > /dev/null' "$TMP/config"
join a "ssh://a?$more" || :
remount_domfs	# while it is connected
ok 'the next mount connects again' wait_for 20 is_up a
gone a
ok 'no thread is left' wait_for 8 sh -c '! grep -qx ssh /proc/"$0"/task/*/comm' "$(domfs_pid)"
"$DOMFS" umount "$TMP/b" || fail 'the other engine ends'
wait "$other" || fail 'the other engine ends well' "$(tail -n 5 b.log)"
other=
for p in "$sshd" "$silent" "$agent"; do
	pkill -KILL -P "$p" || :
	kill -KILL "$p"
done
sshd='' silent='' agent=''
done_testing
