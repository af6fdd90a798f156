# tests/lib.sh - what every test script begins with:
#
#	#!/bin/sh
#	# one sentence: the behaviour that is tested            (and perhaps "# timeout: 60")
#	. "$(dirname "$0")/../lib.sh"
#	require root 'makes disk images of several owners'
#	mount_domfs
#	mkdir "$M/domains/web"
#	is "$(cat "$M/domains/web/state")" shutoff 'a new domain is shut off'
#	refused EBUSY rmdir "$M/domains/busy"
#	done_testing
#
# Output is TAP.  A script makes its points in the main shell (a point in a subshell is not counted)
# and ends with done_testing, which also ends the daemon and looks at how it ended.
# Everything lives below $TMP, which goes away with the script, and so do all processes that hold
# something below it.  Environment: DOMFS (the binary), DOMFS_CHECK_GUEST (a guest made before),
# DOMFS_ASAN=1 (the binary has sanitizers), DOMFS_SLOW (a factor on all waits), DOMFS_OVER=unix or
# tcp (the engine is served without a mount, and its tree is mounted over that wire), v9fs or v9fs-tcp
# (the kernel mounts it: a machine that has the module, tests/lab/p9.sh).
# shellcheck shell=sh

set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
DOMFS=$(realpath -m "${DOMFS:-$top/build/domfs}")
TMP=$(mktemp -d "${TMPDIR:-/tmp}/domfs.XXXXXX")
chmod 755 "$TMP"		# tests act as other users, too
M=$TMP/mnt
DOMFS_STATE_DIR=$TMP/state
DOMFS_RUN_DIR=$TMP/run
DOMFS_TEST_SCRIPT=$TMP/script
LC_ALL=C
export DOMFS DOMFS_STATE_DIR DOMFS_RUN_DIR DOMFS_TEST_SCRIPT M TMP LC_ALL
mkdir "$M"
: > "$DOMFS_TEST_SCRIPT"

# Reports of every process of domfs, the daemon's as well as the commands', of whatever user.
mkdir -m 1777 "$TMP/sanitizer"
ASAN_OPTIONS=log_path=$TMP/sanitizer/asan:detect_leaks=1:exitcode=99${ASAN_OPTIONS:+:$ASAN_OPTIONS}
UBSAN_OPTIONS=log_path=$TMP/sanitizer/ubsan:print_stacktrace=1:halt_on_error=1
export ASAN_OPTIONS UBSAN_OPTIONS

_slow=${DOMFS_SLOW:-1}
[ -z "${DOMFS_ASAN:-}" ] || _slow=$((_slow * 3))
_points=0 _failed=0 _planned='' _mounted='' _pid='' _client='' _options=''

# --- points ---

pass() {	# NAME
	_points=$((_points + 1))
	echo "ok $_points - $1"
}

fail() {	# NAME [DETAIL...]
	_points=$((_points + 1))
	_failed=$((_failed + 1))
	echo "not ok $_points - $1"
	shift
	[ $# -eq 0 ] || note "$@"
}

skip() {	# NAME REASON: this point only
	_points=$((_points + 1))
	echo "ok $_points - $1 # SKIP $2"
}

skip_all() {	# REASON
	_planned=yes
	echo "1..0 # SKIP $1"
	exit 0
}

note() { printf '%s\n' "$*" | sed 's/^/# /'; }

ok() {		# NAME COMMAND...: the command succeeds
	_name=$1
	shift
	if _out=$("$@" 2>&1); then
		pass "$_name"
	else
		fail "$_name" "failed ($?): $*
$_out"
	fi
}

is() {		# ACTUAL EXPECTED [NAME]
	if [ "$1" = "$2" ]; then
		pass "${3:-is $2}"
	else
		fail "${3:-is $2}" "expected: $2
     got: $1"
	fi
}

isnt() {	# ACTUAL UNWANTED [NAME]
	if [ "$1" != "$2" ]; then
		pass "${3:-is not $2}"
	else
		fail "${3:-is not $2}" "got: $1"
	fi
}

like() {	# TEXT REGEX [NAME]: some line of it matches (extended regex)
	if printf '%s\n' "$1" | grep -qE -e "$2"; then
		pass "${3:-like $2}"
	else
		fail "${3:-like $2}" "no line matches: $2
           got: $1"
	fi
}

unlike() {	# TEXT REGEX [NAME]
	if printf '%s\n' "$1" | grep -qE -e "$2"; then
		fail "${3:-unlike $2}" "a line matches: $2
           got: $1"
	else
		pass "${3:-unlike $2}"
	fi
}

errno_text() {
	case $1 in
	EPERM)		echo 'Operation not permitted' ;;
	ENOENT)		echo 'No such file or directory' ;;
	EINTR)		echo 'Interrupted system call' ;;
	EIO)		echo 'Input/output error' ;;
	EAGAIN)		echo 'Resource temporarily unavailable' ;;
	ENOMEM)		echo 'Cannot allocate memory' ;;
	EACCES)		echo 'Permission denied' ;;
	EBUSY)		echo 'Device or resource busy' ;;
	EEXIST)		echo 'File exists' ;;
	EXDEV)		echo 'Invalid cross-device link' ;;
	ENODEV)		echo 'No such device' ;;
	ENOTDIR)	echo 'Not a directory' ;;
	EISDIR)		echo 'Is a directory' ;;
	EINVAL)		echo 'Invalid argument' ;;
	EFBIG)		echo 'File too large' ;;
	ENOSPC)		echo 'No space left on device' ;;
	EROFS)		echo 'Read-only file system' ;;
	ERANGE)		echo 'Numerical result out of range' ;;
	ENAMETOOLONG)	echo 'File name too long' ;;
	ENOTEMPTY)	echo 'Directory not empty' ;;
	ENODATA)	echo 'No data available' ;;
	EPROTO)		echo 'Protocol error' ;;
	EBADMSG)	echo 'Bad message' ;;
	EOPNOTSUPP|ENOTSUP) echo 'Operation not supported' ;;
	ENOTCONN)	echo 'Transport endpoint is not connected' ;;
	ECONNREFUSED)	echo 'Connection refused' ;;
	ETIMEDOUT)	echo 'Connection timed out' ;;
	EHOSTUNREACH)	echo 'No route to host' ;;
	ESTALE)		echo 'Stale file handle' ;;
	EREMOTEIO)	echo 'Remote I/O error' ;;
	ELOOP)		echo 'Too many levels of symbolic links' ;;
	ECANCELED)	echo 'Operation canceled' ;;
	*)		echo "errno_text: add $1 to tests/lib.sh" >&2; return 1 ;;
	esac
}

# The command fails with this errno: its own words say so, or (dash's echo calls every failed
# write an I/O error) a new line of the mount's errors file does.
refused() {	# ERRNO COMMAND...
	_errno=$1
	_text=$(errno_text "$1")
	shift
	_name="$_errno: $(printf '%s\n' "$*" | sed "s|$TMP/||g")"
	_before=$(wc -l < "$M/errors" 2>/dev/null) || _before=0
	_rc=0
	_out=$("$@" 2>&1) || _rc=$?
	_new=$(tail -n +"$((_before + 1))" "$M/errors" 2>/dev/null) || _new=
	_said=" $_out
 $_new "
	if [ "$_rc" = 0 ]; then
		fail "$_name" "it succeeded: $_out"
		return
	fi
	case $_said in
	*"$_text"*|*" $_errno "*) pass "$_name" ;;
	*) fail "$_name" "it failed otherwise ($_rc): $_out
errors: $_new" ;;
	esac
}

# --- what is needed ---

require() {	# COMMAND | /FILE | root | guest, [REASON]
	case $1 in
	root)	[ "$(id -u)" = 0 ] || skip_all "needs root${2:+: $2}" ;;
	guest)	require qemu-system-x86_64 "${2:-}"
		guest_dir > "$TMP/require" 2>&1 || skip_all "no test guest: $(cat "$TMP/require")" ;;
	/*)	[ -e "$1" ] || skip_all "needs $1${2:+: $2}" ;;
	*)	command -v "$1" >/dev/null || skip_all "needs $1${2:+: $2}" ;;
	esac
}

# --- domfs ---

# In the foreground mode, so that its messages land in $TMP/domfs.log and its exit status is seen.
mount_domfs() {	# [OPTION...] as for domfs mount
	[ -e /dev/fuse ] || skip_all 'needs /dev/fuse'
	_options=$*
	if [ -n "${DOMFS_OVER:-}" ]; then
		_serve "$@"
	else
		"$DOMFS" mount -f "$@" "$M" >> "$TMP/domfs.log" 2>&1 < /dev/null &
		_pid=$!
	fi
	_mounted=yes
	_try=0
	until ls "$M/domains" > /dev/null 2>&1; do	# asked, not answered from the cache of a dead mount
		if ! kill -0 "$_pid" 2>/dev/null || [ "$_try" -ge $((200 * _slow)) ]; then
			fail 'domfs mounts' "$(tail -n 20 "$TMP/domfs.log")"
			exit 1
		fi
		sleep 0.05
		_try=$((_try + 1))
	done
}

# An engine without a mount, and a client of it in another process.
_serve() {	# [OPTION...]
	_uri=unix:$DOMFS_RUN_DIR/domfs.sock
	case $DOMFS_OVER in
	*tcp)
		_port=$((20000 + $$ % 20000))
		_uri=tcp://127.0.0.1:$_port
		set -- "$@" -o "listen=$_uri"
		;;
	esac
	: > "$TMP/serve.log"
	"$DOMFS" serve -f "$@" >> "$TMP/serve.log" 2>&1 < /dev/null &
	_pid=$!
	wait_for 10 grep -q '^domfs: ready' "$TMP/serve.log" || :
	if over_v9fs; then
		_v9fs
		return
	fi
	"$DOMFS" mount -f "$_uri" "$M" >> "$TMP/client.log" 2>&1 < /dev/null &
	_client=$!
}

over_v9fs() {	# is it the kernel that mounts it?
	case ${DOMFS_OVER:-} in v9fs*) ;; *) return 1 ;; esac
}

_v9fs() {
	_how=version=9p2000.L,cache=none,access=${DOMFS_V9FS_ACCESS:-user}
	case $DOMFS_OVER in
	*tcp)	mount -t 9p -o "trans=tcp,port=$_port,$_how" 127.0.0.1 "$M" ;;
	*)	mount -t 9p -o "trans=unix,$_how" "$DOMFS_RUN_DIR/domfs.sock" "$M" ;;
	esac
}

_client_gone() {	# [STATUS]
	[ -n "$_client" ] || return 0
	if [ -z "${1:-}" ] && grep -q " $M " /proc/mounts; then	# the engine has ended; its client waits for another
		"$DOMFS" umount "$M" || _unmount_dead
	fi
	_rc=0
	wait "$_client" || _rc=$?
	_client=
	[ -n "${1:-}" ] || [ "$_rc" = 0 ] || fail 'the client ends with status 0' "status $_rc
$(tail -n 20 "$TMP/client.log")"
	[ -n "${1:-}" ] || kill -TERM "$_pid" 2> /dev/null || :
}

domfs_pid() { echo "$_pid"; }

# Ends with a point when the daemon did not end well; guests go on running.
umount_domfs() {
	cd "$TMP"
	if over_v9fs; then
		_out=$(umount "$M" 2>&1) || fail 'umount' "$_out
$(fuser -vm "$M" 2>&1)"
		kill -TERM "$_pid"
	else
		_out=$("$DOMFS" umount "$M" 2>&1) || fail 'domfs umount' "$_out
$(fuser -vm "$M" 2>&1)"
	fi
	_gone
}

_gone() {
	_client_gone
	[ -n "$_pid" ] || return 0
	_try=0
	while kill -0 "$_pid" 2>/dev/null; do
		if [ "$_try" -ge $((100 * _slow)) ]; then
			fail 'the daemon ends after the unmount' 'killed after 10 s'
			kill -KILL "$_pid" || :
		fi
		sleep 0.1
		_try=$((_try + 1))
	done
	_rc=0
	wait "$_pid" || _rc=$?
	_pid=
	_mounted=
	[ "$_rc" = 0 ] || fail 'the daemon ends with status 0' "status $_rc
$(tail -n 20 "$TMP/domfs.log")"
}

kill_domfs() {	# SIGKILL: what a crash leaves
	kill -KILL "$_pid" 2>/dev/null || :	# it may have died by itself: DOMFS_CRASH
	wait "$_pid" 2>/dev/null || :
	_pid=
	[ -z "$_client" ] || kill -KILL "$_client"
	_client_gone killed
}

remount_domfs() {	# [OPTION...], else those of the last mount
	if [ -n "$_pid" ]; then
		umount_domfs
	elif [ -n "$_mounted" ]; then
		_unmount_dead
	fi
	if [ $# -gt 0 ]; then
		mount_domfs "$@"
	else
		# shellcheck disable=SC2086
		mount_domfs $_options
	fi
}

_unmount_dead() {
	fusermount3 -quz "$M" 2>/dev/null || umount -l "$M" 2>/dev/null || :
	_mounted=
}

script() {	# LINE...: the test driver's script from now on; none: nothing fails any more
	: > "$DOMFS_TEST_SCRIPT.new"
	[ $# -eq 0 ] || printf '%s\n' "$@" > "$DOMFS_TEST_SCRIPT.new"
	mv "$DOMFS_TEST_SCRIPT.new" "$DOMFS_TEST_SCRIPT"
}

test_xml() {	# NAME [DEVICES]: a domain of the test driver
	cat <<-XML
	<domain type='test'>
	  <name>$1</name>
	  <memory unit='MiB'>128</memory>
	  <vcpu>1</vcpu>
	  <os><type>hvm</type></os>
	  <devices>${2:-}</devices>
	</domain>
	XML
}

# --- real guests ---

guest_dir() {	# where vmlinuz and initrd are; makes them when they are not there
	_dir=${DOMFS_CHECK_GUEST:-$top/build/guest}
	"$top/tests/guest.sh" "$_dir" && echo "$_dir"
}

# A small QEMU domain that boots the test guest.  GUEST_TYPE (qemu), GUEST_MACHINE (q35),
# GUEST_MEMORY (MiB), GUEST_CPUS (now), GUEST_CPUS_MAX, GUEST_WORDS (for its kernel) change it.
guest_xml() {	# NAME [DEVICES]
	_guest=$(guest_dir)
	_max=${GUEST_CPUS_MAX:-${GUEST_CPUS:-1}}
	cat <<-XML
	<domain type='${GUEST_TYPE:-qemu}'>
	  <name>$1</name>
	  <memory unit='MiB'>${GUEST_MEMORY:-128}</memory>
	  <vcpu current='${GUEST_CPUS:-1}'>$_max</vcpu>
	  <os>
	    <type arch='x86_64' machine='${GUEST_MACHINE:-q35}'>hvm</type>
	    <kernel>$_guest/vmlinuz</kernel>
	    <initrd>$_guest/initrd</initrd>
	    <cmdline>$("$top/tests/guest.sh" --cmdline)${GUEST_WORDS:+ $GUEST_WORDS}</cmdline>
	  </os>
	  <features><acpi/></features>
	  <devices>
	    <serial type='pty'/>
	    ${2:-}
	  </devices>
	</domain>
	XML
}

# A running guest whose shell answers.
start_guest() {	# NAME [DEVICES]
	[ -d "$M/domains/$1" ] || mkdir "$M/domains/$1"
	guest_xml "$@" > "$TMP/$1.xml"
	cp "$TMP/$1.xml" "$M/domains/$1/xml" || {
		fail "$1 is defined" "$(cat "$M/domains/$1/error")"
		exit 1
	}
	echo start > "$M/domains/$1/state" || {
		fail "$1 starts" "$(cat "$M/domains/$1/error")"
		exit 1
	}
	wait_console "$1" '^guest: up' 60 || {
		fail "$1 boots" "$(tail -n 20 "$M/domains/$1/console.log" "$M/domains/$1/log" 2>&1)"
		exit 1
	}
}

# For conditions outside of domfs only: inside, a write returns when it is done, and wait/ waits.
wait_for() {	# SECONDS COMMAND...
	_left=$(($1 * 10 * _slow))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$_left" -gt 0 ] || return 1
		_left=$((_left - 1))
		sleep 0.1
	done
}

# The guest has said a line that matches (extended regex), since mark_console if that was called.  A guest without KVM on a
# busy machine takes its time: three times what is asked for.
wait_console() {	# NAME PATTERN SECONDS
	_from=1
	[ ! -r "$TMP/mark.$1" ] || read -r _from < "$TMP/mark.$1"
	wait_for $(($3 * 3)) _said "$1" "$2" "$_from"
}
_said() { tail -c +"$3" "$M/domains/$1/console.log" | tr -d '\r' | grep -qE -e "$2"; }

mark_console() {	# NAME: what was said until now does not count any more
	echo $(($(wc -c < "$M/domains/$1/console.log") + 1)) > "$TMP/mark.$1"
}

type_console() { printf '%s\n' "$2" > "$M/domains/$1/console"; }	# NAME TEXT

as_user() {	# UID COMMAND...
	_uid=$1
	shift
	setpriv --reuid "$_uid" --regid "$_uid" --clear-groups -- "$@"
}

# --- the end ---

# Processes that have a file below $TMP open, or name it: guests that outlived their daemon.
_holders() {
	{
		find /proc/[0-9]*/fd /proc/[0-9]*/cwd -lname "$TMP/*" -printf '%h\n' 2>/dev/null
		# the pattern by a pipe, or grep would find itself
		# shellcheck disable=SC2062
		printf '%s/\n' "$TMP" | grep -lsF -f - /proc/[0-9]*/cmdline
	} | cut -d/ -f3 | sort -u | grep -vx -e "$$" || :
}

_end_guests() {
	[ -n "$_pid" ] || return 0
	for _d in "$M"/domains/*; do
		[ -e "$_d/pid" ] || continue
		# shellcheck disable=SC2016
		timeout 10 sh -c 'read -r p < "$0/pid" && [ -n "$p" ] && echo destroy > "$0/state"' \
			"$_d" 2>/dev/null || :
	done
}

done_testing() {
	if [ -n "$_mounted" ]; then
		cd "$TMP"
		_before=$_failed
		_end_guests
		if [ -n "$_pid" ]; then umount_domfs; else _unmount_dead; fi
		_left=$(_holders)
		# shellcheck disable=SC2086
		[ -z "$_left" ] || fail 'no process is left behind' "$(ps -o pid=,args= -p $_left)"
		[ "$_failed" != "$_before" ] || pass 'the daemon ends, and nothing is left'
	fi
	_reports
	_planned=yes
	echo "1..$_points"
	[ "$_failed" = 0 ] || exit 1
}

_reports() {	# of the sanitizers
	for _f in "$TMP"/sanitizer/*; do
		[ -s "$_f" ] || continue
		# printed at the first swapcontext, which the fibers' annotations make right (engine/task.c)
		_text=$(grep -v "ASan doesn't fully support makecontext/swapcontext" "$_f" | head -n 60) || continue
		[ -z "$_text" ] || fail 'no sanitizer report' "$_text"
	done
}

# shellcheck disable=SC2317
_cleanup() {
	_status=$?
	trap '' INT TERM HUP
	set +e
	cd /
	if [ -z "$_planned" ]; then
		note "ended early, status $_status"
		_reports
	fi
	if [ "$_failed" != 0 ] || [ -z "$_planned" ]; then
		for _f in domfs serve client; do
			[ ! -s "$TMP/$_f.log" ] || note "$_f.log:
$(tail -n 40 "$TMP/$_f.log")"
		done
	fi
	_end_guests
	[ -z "$_pid$_client" ] || kill -KILL $_pid $_client 2>/dev/null
	[ -z "$_mounted" ] || _unmount_dead
	for _p in $(_holders); do
		kill -KILL "$_p" 2>/dev/null
	done
	# never into something that is still mounted
	rm -rf --one-file-system "$TMP"
	exit "$_status"
}
trap _cleanup EXIT
trap 'exit 143' INT TERM HUP
