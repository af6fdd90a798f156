#!/bin/sh
# domfs killed, and made to fail, at each step of mkdir, define, mv, rmdir, start, stop, plug and unplug: afterwards the old or the new is
# there, whole, and can be ended and removed.
# timeout: 400
# over: no, counts the steps of one process
. "$(dirname "$0")/../lib.sh"

d=$M/domains/web
truncate -s 1M "$TMP/a.img"
mount_domfs

# --- the operations: from the base (web off with its first definition, other running) and back to it ---

before() {	# OP: what it needs
	case $1 in
	stop|plug|unplug) echo start > "$d/state" ;;
	esac
	case $1 in
	unplug) plug ;;
	esac
}
plug() { mkdir "$d/disks/vdb" && echo "$TMP/a.img" > "$d/disks/vdb/source"; }
perform() {	# OP
	case $1 in
	make)	mkdir "$M/domains/new" ;;
	define)	cp "$TMP/second.xml" "$d/xml" ;;
	title)	echo changed > "$d/title" ;;
	rename)	mv "$d" "$M/domains/www" ;;
	drop)	rmdir "$d" ;;
	start)	echo start > "$d/state" ;;
	stop)	echo destroy > "$d/state" ;;
	plug)	plug ;;
	unplug)	rmdir "$d/disks/vdb" ;;
	esac
}
base() {	# from wherever it is, by what a user would do; fails when something cannot be ended, removed or made again
	if [ -d "$M/domains/www" ]; then mv "$M/domains/www" "$d" || return 1; fi
	if [ -d "$M/domains/new" ]; then rmdir "$M/domains/new" || return 1; fi
	[ -d "$d" ] || mkdir "$d" || return 1
	if [ -n "$(cat "$d/id")" ]; then echo destroy > "$d/state" || return 1; fi
	if [ -d "$d/disks/vdb" ]; then rmdir "$d/disks/vdb" || return 1; fi
	cp "$TMP/first.xml" "$d/xml" || return 1
	[ "$(cat "$d/state")" = shutoff ] || return 1
	[ "$(look)" = "$first" ] || { echo "the base is not what it was: $(look)"; return 1; }
}
# Every definition, whole; the uuid of the one that mkdir made is as it comes.
look() {
	for _d in "$M"/domains/*; do
		printf '%s: ' "${_d##*/}"
		sed "s/$(cat "$M/domains/new/uuid" 2>/dev/null || echo none)/MADE/; s|<name>www<|<name>web<|" "$_d/config/xml" |
			sed "s/ id='[0-9]*'//" | md5sum
	done
}
state() { for _d in "$M"/domains/*; do echo "${_d##*/} $(cat "$_d/state") $(ls "$_d/disks" | tr '\n' ' ')"; done; }

# --- what is looked at ---

died() { grep -q '^State:.Z' "/proc/$(domfs_pid)/status" 2>/dev/null || ! kill -0 "$(domfs_pid)" 2>/dev/null; }

whole() {	# OP: old or new, in a known state, nothing set aside, the others as they were
	now=$(look)
	[ "$now" = "$(cat "$TMP/$1.old")" ] || [ "$now" = "$(cat "$TMP/$1.new")" ] ||
		{ printf 'neither old nor new:\n%s\nold:\n%s\nnew:\n%s\n' "$now" "$(cat "$TMP/$1.old")" "$(cat "$TMP/$1.new")"; return 1; }
	! grep -E 'set aside|lacks what|has the uuid' "$M/errors" || return 1
	[ "$(cat "$M/domains/other/state")" = running ] || { echo 'the other guest is lost'; return 1; }
	for n in web www; do
		[ -d "$M/domains/$n" ] || continue
		[ "$(cat "$M/domains/$n/uuid")" = "$uuid" ] || { echo "the uuid of $n is another"; return 1; }
		timeout 10 cat "$M/domains/$n/wait/job" > /dev/null || { echo "a job of $n does not end"; return 1; }
	done
	! state | grep -vE '^[a-z]+ (running|shutoff|crashed) ' || return 1
	[ ! -d "$d/disks/vdb" ] || [ "$(cat "$d/state")" = running ] || grep -q a.img "$d/config/xml" ||
		{ echo 'a disk without a definition'; return 1; }
	[ -z "$(find "$DOMFS_STATE_DIR/broken" -type f 2>/dev/null)" ] || { echo 'something is set aside'; return 1; }
}

with() { # VARIABLE STEP: mount with the fault
	umount_domfs
	export "$1=$2"
	mount_domfs
	unset "$1"
}

crash_at() {	# STEP OP
	before "$2"
	with DOMFS_CRASH "$1"
	( perform "$2" ) > /dev/null 2>&1 || :
	if ! wait_for 5 died; then
		fail "$1 ($2): domfs dies there" "it still runs; $(state)"
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
	store:*|*:begin|define:parsed|define:live|start:dir|start:recorded|stop:recorded|plug:completed) return 1 ;;
	esac
}
refuses() {	# STEP OP
	was=$(look; state)	# the list of domains, their definitions and states
	if perform "$2"; then
		cannot_fail "$1" || { echo "it succeeded"; return 1; }
		[ "$(look)" = "$(cat "$TMP/$2.new")" ] || { echo "done, but not so: $(look)"; return 1; }
		return 0
	fi
	! cannot_fail "$1" || { echo 'it failed'; return 1; }
	tail -n 1 "$M/errors" | grep -q "made to fail at step '$1'" || { echo "errors: $(cat "$M/errors")"; return 1; }
	# the directory of a disk may stay, staged, without a source
	[ "$2" != plug ] || [ "$(cat "$d/disks/vdb/state")" = staged ] || { echo 'not staged'; return 1; }
	[ "$2" != plug ] || rmdir "$d/disks/vdb" || return 1
	[ "$(look; state)" = "$was" ] || printf '%s\n' 'something changed:' "$was" 'now:' "$(look; state)"
	[ "$(look; state)" = "$was" ]
}
again() {	# OP
	perform "$1" && [ "$(look)" = "$(cat "$TMP/$1.new")" ]
}
fail_at() {	# STEP OP
	before "$2"
	with DOMFS_FAIL "$1"
	# one that fails for ever in the store cannot tidy up either
	ok "$1 ($2), failed: a clean error, nothing changed" refuses "$1" "$2"
	remount_domfs
	ok "$1 ($2), failed: also not for the next start" whole "$2"
	if ! cannot_fail "$1"; then
		is "$(look)" "$(cat "$TMP/$2.old")" "$1 ($2), failed: the old definition is on the disk"
		ok "$1 ($2), failed: works without the fault" again "$2"
	fi
	ok "$1 ($2), failed: back again" base
}

# --- the base, and what each operation makes of it ---

mkdir "$d" "$M/domains/other"
uuid=$(cat "$d/uuid")
test_xml other > "$TMP/other.xml"
cp "$TMP/other.xml" "$M/domains/other/xml"
echo start > "$M/domains/other/state"
test_xml web | sed "s|<memory|<uuid>$uuid</uuid><memory|" > "$TMP/first.xml"
sed 's/128/256/; s|<devices>|<devices><rng model="virtio"><backend model="random">/dev/random</backend></rng>|' "$TMP/first.xml" > "$TMP/second.xml"
cp "$TMP/first.xml" "$d/xml"
first=$(look)
ok 'the base is reached from itself' base
for op in make define title rename drop start stop plug unplug; do
	before $op
	look > "$TMP/$op.old"
	ok "$op works" perform $op
	look > "$TMP/$op.new"
	base || fail "$op: back to the base"
done
isnt "$(cat "$TMP/define.old")" "$(cat "$TMP/define.new")" 'definitions are told apart'

# tests/qemu/crash.sh has those of real guests, crash-storage.sh those of secrets, pools and volumes
is "$("$DOMFS" help faults | grep -vE '^(store|make|define|rename|drop|start|stop|plug|unplug|secret|(pool|volume)-[a-z]+):')" '' \
	'each step is walked by a test'
steps=$("$DOMFS" help faults | grep -vE 'qemu|^(secret:|pool-|volume-)')
for step in $steps; do
	case $step in
	store:*) ops='make define rename drop' ;;
	*) ops=${step%%:*} ;;
	esac
	for op in $ops; do
		case $step,$op in store:written,drop) continue ;; esac	# a removal writes nothing
		crash_at "$step" "$op"
		fail_at "$step" "$op"
	done
	case $step in
	define:*) crash_at "$step" title ;;
	store:*) crash_at "$step:2" rename; crash_at "$step" plug ;;	# between the two files of a rename
	esac
done
echo destroy > "$M/domains/other/state"
ok 'everything can be removed' rmdir "$d" "$M/domains/other"
remount_domfs
is "$(ls "$M/domains")" '' 'and stays away'
done_testing
