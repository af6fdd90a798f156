#!/bin/sh
# domfs killed, and made to fail, at each step of secrets, pools and volumes: afterwards the old or the new is there, whole, no bytes are lost,
# raw is raw, and everything can be ended, removed and made again.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
require qemu-img

s=$M/secrets/11111111-2222-4333-8444-555555555555
t=$M/secrets/66666666-2222-4333-8444-555555555555
cold=$M/pools/cold
v=$M/pools/web/volumes
mkdir "$TMP/cold" "$TMP/web" "$TMP/other"
head -c 300000 /dev/urandom > "$TMP/cold/image"
head -c 300000 /dev/urandom > "$TMP/web/stay"
head -c 300000 /dev/urandom > "$TMP/other/keep"
sums=$(cd "$TMP" && sha256sum cold/image web/stay other/keep)
# What a guest may write into a raw volume: it is no qcow2 by that, whatever happens.
qemu-img create -q -f qcow2 -b /etc/passwd -F raw "$TMP/a.img" 64M
truncate -s 1M "$TMP/a.img"
mount_domfs

# --- the operations: from the base and back to it ---

others=active	# the state of the pool that nothing is done with
before_mount() {	# OP: what it needs
	[ "$1" != pool-start ] || others=inactive	# those that are started by the mount would meet the fault
	[ "$1" != pool-start ] || { echo stop > "$M/pools/web/state" && echo stop > "$M/pools/other/state"; }
}
before() {	# OP: what does not outlast a mount
	case $1 in
	upload) mkdir "$v/new" && echo raw > "$v/new/format" ;;
	esac
}
perform() {	# OP
	case $1 in
	secret-make)	mkdir "$t" ;;
	secret-define)	echo 'another use' > "$s/usage" ;;
	secret-value)	echo changed > "$s/value" ;;
	secret-drop)	rmdir "$s" ;;
	make)		mkdir "$M/pools/new" ;;
	define)		cp "$TMP/second.xml" "$cold/xml" ;;
	row)		echo "$TMP/elsewhere" > "$cold/target" ;;
	autostart)	echo 1 > "$cold/autostart" ;;
	pool-rename)	mv "$cold" "$M/pools/warm" ;;
	pool-drop)	rmdir "$cold" ;;
	pool-start)	echo start > "$cold/state" ;;
	pool-stop)	echo stop > "$M/pools/web/state" ;;
	create)		mkdir "$v/new" && echo 1M > "$v/new/capacity" ;;
	clone)		echo new > "$v/a/clone" ;;
	upload)		cp "$TMP/a.img" "$v/new/image" ;;
	rename)		mv "$v/a" "$v/new" ;;
	remove)		rmdir "$v/a" ;;
	esac
}
base() {	# from wherever it is, by what a user would do; fails when something cannot be ended, removed or made again
	others=active
	echo start > "$M/pools/other/state" && calm || { echo 'something does not end'; return 1; }
	if [ -d "$t" ]; then rmdir "$t" || return 1; fi
	[ -d "$s" ] || mkdir "$s" || return 1
	cp "$TMP/secret.xml" "$s/xml" && echo secret > "$s/value" || return 1
	if [ -d "$M/pools/warm" ]; then mv "$M/pools/warm" "$cold" || return 1; fi
	if [ -d "$M/pools/new" ]; then rmdir "$M/pools/new" || return 1; fi
	[ -d "$cold" ] || mkdir "$cold" || return 1
	[ "$(cat "$M/pools/web/state")" = active ] || echo start > "$M/pools/web/state" || return 1
	echo stop > "$cold/state" && echo 0 > "$cold/autostart" && cp "$TMP/first.xml" "$cold/xml" || return 1
	if [ -d "$v/new" ] && [ ! -d "$v/a" ]; then mv "$v/new" "$v/a" || return 1; fi
	if [ -d "$v/new" ]; then rmdir "$v/new" || return 1; fi
	[ -d "$v/a" ] || { mkdir "$v/a" && echo raw > "$v/a/format" && cp "$TMP/a.img" "$v/a/image"; } || return 1
	[ "$(look)" = "$first" ] || { echo "the base is not what it was: $(look)"; return 1; }
}
# Everything: definitions, values, volumes.  The uuid of the pool that mkdir made is as it comes.
look() {
	for _d in "$M"/secrets/*; do
		[ -d "$_d" ] || continue
		echo "${_d##*/} $(md5sum < "$_d/xml") $(cat "$_d/value")"
	done
	for _d in "$M"/pools/*; do
		echo "${_d##*/} $(cat "$_d/state" "$_d/autostart" "$_d/target" | tr '\n' ' ')" "$(sed '/<name>/d' "$_d/config/xml" | md5sum)"
		for _f in "$_d"/volumes/*; do
			[ ! -e "$_f" ] || echo " ${_f##*/} $(cat "$_f/state" "$_f/format" "$_f/capacity" | tr '\n' ' ') $(md5sum < "$_f/image")"
		done
	done
	find "$TMP/cold" "$TMP/web" "$TMP/other" -type f ! -name '.*' | sort
}

# --- what is looked at ---

died() { grep -q '^State:.Z' "/proc/$(domfs_pid)/status" 2>/dev/null || ! kill -0 "$(domfs_pid)" 2>/dev/null; }
is_calm() { [ "$(cat "$M/pools/other/state")" = "$others" ] && [ -z "$(cat "$M"/pools/*/job)" ]; }
calm() { wait_for 10 is_calm; }	# pools are found after the mount

whole() {	# OP [old]: old or new, in a known state, nothing set aside, the others as they were
	calm || { echo 'the other pool is lost, or a job does not end'; return 1; }
	now=$(look)
	# a removal takes the value first: nothing of it may stay behind
	[ "$1" != secret-drop ] || [ ! -d "$s" ] || [ -n "$(cat "$s/value")" ] || { echo secret > "$s/value"; now=$(look); }
	# one that starts by itself was found so by this mount
	[ "$1,$(cat "$cold/autostart" 2>/dev/null)" != autostart,1 ] || { echo stop > "$cold/state"; now=$(look); }
	[ "$now" = "$(cat "$TMP/$1.old")" ] || [ "$now" = "$(cat "$TMP/$1.${2:-new}")" ] ||
		{ printf 'neither old nor new:\n%s\nold:\n%s\nnew:\n%s\n' "$now" "$(cat "$TMP/$1.old")" "$(cat "$TMP/$1.new")"; return 1; }
	[ ! -s "$M/errors" ] || { cat "$M/errors"; return 1; }
	[ "$(cd "$TMP" && sha256sum cold/image web/stay other/keep)" = "$sums" ] || { echo 'bytes of others are lost'; return 1; }
	for n in cold warm; do
		[ ! -d "$M/pools/$n" ] || [ "$(cat "$M/pools/$n/uuid")" = "$uuid" ] || { echo "the uuid of $n is another"; return 1; }
	done
	[ -z "$(find "$DOMFS_STATE_DIR/broken" -type f 2>/dev/null)" ] || { echo 'something is set aside'; return 1; }
	wait_for 5 tidy || { find "$TMP/web" "$TMP/cold" -name '.*'; return 1; }
}
tidy() { ls "$v" && [ -z "$(find "$TMP/web" "$TMP/cold" -name '.*')" ]; }	# what it had begun is gone

with() { # VARIABLE STEP: mount with the fault
	umount_domfs
	export "$1=$2"
	mount_domfs
	unset "$1"
	calm || fail "$1=$2: the pools are found"
}

crash_at() {	# STEP OP
	before_mount "$2"
	with DOMFS_CRASH "$1"
	before "$2"
	( perform "$2" ) > /dev/null 2>&1 || :
	if ! wait_for 5 died; then
		fail "$1 ($2): domfs dies there" "it still runs; $(look)"
		umount_domfs
		mount_domfs
		base > /dev/null 2>&1 || :
		return
	fi
	kill_domfs
	remount_domfs
	ok "$1 ($2), killed: the old or the new, whole" whole "$2"
	ok "$1 ($2), killed: all can be ended, removed and made again" base
}

# Steps behind which nothing can be refused any more let the operation succeed.
cannot_fail() {
	case $1 in
	store:*|*:begin) return 1 ;;
	esac
}
refuses() {	# STEP OP
	was=$(look)
	if perform "$2"; then
		cannot_fail "$1" || { echo 'it succeeded'; return 1; }
		[ "$(look)" = "$(cat "$TMP/$2.new")" ] || { echo "done, but not so: $(look)"; return 1; }
		return 0
	fi
	! cannot_fail "$1" || { echo 'it failed'; return 1; }
	tail -n 1 "$M/errors" | grep -q "made to fail at step '$1'" || { echo "errors: $(cat "$M/errors")"; return 1; }
	[ "$2" != create ] || rmdir "$v/new" || return 1	# the draft stays
	[ "$2" != upload ] || [ "$(cat "$v/new/state")" = new ] || { echo 'no draft'; return 1; }
	[ "$(look)" = "$was" ] || { printf '%s\n' 'something changed:' "$was" 'now:' "$(look)"; return 1; }
}
again() {	# OP
	before_mount "$1" && before "$1" && perform "$1" && [ "$(look)" = "$(cat "$TMP/$1.new")" ]
}
fail_at() {	# STEP OP
	before_mount "$2"
	with DOMFS_FAIL "$1"
	before "$2"
	ok "$1 ($2), failed: a clean error, nothing changed" refuses "$1" "$2"
	if ! cannot_fail "$1"; then
		remount_domfs
		ok "$1 ($2), failed: the old is on the disk as well" whole "$2" old
		ok "$1 ($2), failed: works without the fault" again "$2"
	fi
	ok "$1 ($2), failed: back again" base
}

# --- the base, and what each operation makes of it ---

mkdir "$s" "$cold" "$M/pools/web" "$M/pools/other"
uuid=$(cat "$cold/uuid")
sed 's|</secret>|<usage type="ceph"><name>one</name></usage></secret>|' "$s/xml" > "$TMP/secret.xml"
for n in web other; do
	echo "$TMP/$n" > "$M/pools/$n/target"
	echo start > "$M/pools/$n/state"
done
pool_xml() { printf "<pool type='dir'>\n<name>cold</name>\n<uuid>%s</uuid>\n<target><path>%s</path></target>\n</pool>\n" "$uuid" "$1"; }
pool_xml "$TMP/cold" > "$TMP/first.xml"
pool_xml "$TMP/nowhere" > "$TMP/second.xml"
first=
base > /dev/null || :	# makes it
first=$(look)
ok 'the base is reached from itself' base
like "$first" '^ a ready raw 1048576 ' 'raw with the header of a qcow2'
for op in secret-make secret-define secret-value secret-drop make define row autostart pool-rename pool-drop pool-start pool-stop \
	create clone upload rename remove; do
	before_mount $op
	look > "$TMP/$op.old"
	before $op
	ok "$op works" perform $op
	look > "$TMP/$op.new"
	isnt "$(cat "$TMP/$op.new")" "$(cat "$TMP/$op.old")" "$op changes something"
	base || fail "$op: back to the base"
	others=active
done

for step in $("$DOMFS" help faults | grep -E '^(secret:|pool-|volume-)') store:begin store:written store:synced store:renamed store:done; do
	case $step in
	secret:begin)		ops='secret-make secret-value secret-drop' ;;
	secret:value)		ops='secret-value secret-drop' ;;
	secret:stored)		ops='secret-make secret-define secret-drop' ;;
	pool-define:*)		ops='make row' ;;
	pool-*)			ops=${step%%:*} ;;
	volume-*)		ops=${step#volume-}; ops=${ops%%:*} ;;
	store:renamed)		ops='define autostart pool-drop secret-value' ;;
	store:done)		ops='pool-rename' ;;
	store:*)		ops='define' ;;
	esac
	ls "$TMP" | grep -qx "${ops%% *}.new" || fail "$step: an operation walks it" "there is no operation '$ops'"
	for op in $ops; do
		crash_at "$step" "$op"
		others=active
		fail_at "$step" "$op"
		others=active
	done
done
crash_at store:renamed:2 pool-rename	# between the two files
crash_at store:done:2 pool-rename

echo stop > "$M/pools/web/state"
echo stop > "$M/pools/other/state"
ok 'everything can be removed' rmdir "$s" "$cold" "$M/pools/web" "$M/pools/other"
remount_domfs
is "$(ls "$M/pools" "$M/secrets" | grep -v :)" '' 'and stays away'
is "$(cd "$TMP" && sha256sum cold/image web/stay other/keep)" "$sums" 'the files are where they were'
done_testing
