#!/bin/sh
# An upload appears when its writer closes it in good order; one that breaks off leaves nothing behind.
# timeout: 180
. "$(dirname "$0")/../lib.sh"
require python3
mount_domfs
p=$M/pools/images
v=$p/volumes
dir=$TMP/images
fifo=$TMP/fifo

mkdir "$dir" "$p"
echo dir > "$p/type"
echo "$dir" > "$p/target"
echo start > "$p/state"
head -c 3000000 /dev/urandom > "$TMP/x"
mkfifo "$fifo"
files() { find "$dir" -type f | wc -l; }
done_is() { grep -qx "bytes_done $2" "$v/$1/job"; }
state_is() { [ "$(cat "$v/$1/state")" = "$2" ]; }
none_left() { [ "$(files)" = "$1" ]; }

# What is begun: COMMAND reads 3,000,000 bytes and waits for more, which does not come.
begin() {	# VOLUME COMMAND...
	vol=$1
	shift
	mkdir "$v/$vol"
	"$@" &
	writer=$!
	exec 4> "$fifo"
	cat "$TMP/x" >&4
	wait_for 10 done_is "$vol" 3000000 || note "bytes_done: $(cat "$v/$vol/job")"
}
ends() {	# NAME: what was begun last leaves nothing behind
	exec 4>&-
	wait "$writer" || :
	wait_for 10 state_is "$vol" new || :
	is "$(cat "$v/$vol/state")" new "$1: the volume is as new as before"
	wait_for 10 none_left 0 || :
	is "$(files)" 0 "$1: no file is left"
	like "$(cat "$v/$vol/error")" 'nothing of it was kept' "$1: and its error says so"
	ok "$1: it can be written again" cp "$TMP/x" "$v/$vol/image"
	ok "$1: and removed" rmdir "$v/$vol"
}

begin killed dd if="$fifo" of="$v/killed/image" bs=100000 iflag=fullblock status=none
is "$(cat "$v/killed/state")" creating 'it is being created'
like "$(cat "$v/killed/job")" '^operation upload$' 'job says what goes on'
is "$(files)" 1 'in a file of its own'
is "$(find "$dir" -name killed | wc -l)" 0 'of another name'
is "$(ls "$v")" killed 'which is no volume'
refused EBUSY rmdir "$v/killed"
kill -KILL "$writer"
ends 'kill -9'
begin signal env --default-signal=INT cp "$fifo" "$v/signal/image" 2> "$TMP/cp" || :
kill -INT "$writer"
ends 'Ctrl-C of cp'
begin crash python3 -c 'import os, sys
out = os.open(sys.argv[2], os.O_WRONLY)
with open(sys.argv[1], "rb") as f:
    while b := f.read(100000):
        os.write(out, b)
os._exit(3)' "$fifo" "$v/crash/image"
ends 'a program that fails and does not close'

mkdir "$v/exits"
ok 'a program that ends well and does not close' python3 -c 'import os, sys
out = os.open(sys.argv[2], os.O_WRONLY)
os.write(out, open(sys.argv[1], "rb").read())
os._exit(0)' "$TMP/x" "$v/exits/image"
ok 'has written it' cmp "$TMP/x" "$v/exits/image"
rmdir "$v/exits"

# --- what shells do ---

mkdir "$v/shell"
ok 'two programs, one redirection' sh -c "{ cat $TMP/x; cat $TMP/x; } > $v/shell/image"
is "$(cksum < "$dir/shell")" "$(cat "$TMP/x" "$TMP/x" | cksum)" 'both have written'
rmdir "$v/shell"
mkdir "$v/shell"
ok 'a descriptor that stays open' sh -c "exec 5> $v/shell/image; cat $TMP/x >&5; sleep 0; cat $TMP/x >&5"
is "$(cksum < "$dir/shell")" "$(cat "$TMP/x" "$TMP/x" | cksum)" 'likewise'
rmdir "$v/shell"
mkdir "$v/shell"
ok 'opened and not written' sh -c ": > $v/shell/image"
is "$(cat "$v/shell/state") $(files)" 'new 0' 'makes nothing'
ok 'a pipe' sh -c "cat $TMP/x | cat > $v/shell/image"
ok 'has written all' cmp "$TMP/x" "$dir/shell"
rmdir "$v/shell"

# --- one that is there already ---

mkdir "$v/old"
cp "$TMP/x" "$v/old/image"
sh -c "exec cat $fifo > $v/old/image" &
writer=$!
exec 4> "$fifo"
head -c 1000000 /dev/zero >&4
wait_for 10 done_is old 1000000
ok 'what is there stays until the new one is whole' cmp "$TMP/x" "$v/old/image"
kill -KILL "$writer"
wait "$writer" || :
exec 4>&-
wait_for 10 none_left 1 || :
ok 'and when that breaks off' cmp "$TMP/x" "$dir/old"
is "$(files)" 1 'nothing else is left'
ok 'a whole one takes its place' sh -c "head -c 1000 /dev/zero > $v/old/image"
is "$(stat -c %s "$dir/old")" 1000
rmdir "$v/old"

# --- the server dies ---

begin orphan dd if="$fifo" of="$v/orphan/image" bs=100000 iflag=fullblock status=none
kill_domfs
kill -KILL "$writer" 2>/dev/null || :
exec 4>&-
wait "$writer" || :
remount_domfs
ok 'the pool is active again' wait_for 10 grep -qx active "$p/state"
is "$(ls "$v")" '' 'an upload of a server that was killed is no volume'
is "$(find "$dir" -name 'orphan' | wc -l)" 0 'and no file of its name'
wait_for 10 none_left 0 || :
is "$(files)" 0 'what it had written is removed'
mkdir "$v/orphan"
ok 'it can be uploaded now' cp "$TMP/x" "$v/orphan/image"
rmdir "$v/orphan"

# --- no room ---

if [ "$(id -u)" = 0 ] && mkdir "$TMP/small" && mount -t tmpfs -o size=4m none "$TMP/small"; then
	mkdir "$M/pools/small"
	echo dir > "$M/pools/small/type"
	echo "$TMP/small" > "$M/pools/small/target"
	echo start > "$M/pools/small/state"
	head -c 9000000 /dev/urandom > "$TMP/y"
	for how in "cp $TMP/y" "dd bs=1M status=none if=$TMP/y" "sh -c" ; do
		mkdir "$M/pools/small/volumes/y"
		out=$M/pools/small/volumes/y/image
		case $how in
		cp*)	refused ENOSPC cp "$TMP/y" "$out" ;;
		dd*)	refused ENOSPC dd bs=1M status=none if="$TMP/y" of="$out" ;;
		sh*)	refused ENOSPC sh -c "cat $TMP/y > $out" ;;
		esac
		like "$(cat "$M/pools/small/volumes/y/error")" 'No space left' 'its error says so'
		wait_for 10 test -z "$(ls -A "$TMP/small")" || :
		is "$(ls -A "$TMP/small")" '' 'nothing is left behind'
		is "$(cat "$M/pools/small/volumes/y/state")" new 'there is no volume'
		rmdir "$M/pools/small/volumes/y"
	done
	echo stop > "$M/pools/small/state"
	umount "$TMP/small"
else
	skip 'a full file system' 'needs root, for a small tmpfs'
fi

# --- other programs ---

if command -v qemu-img > /dev/null; then
	mkdir "$v/q"
	qemu-img create -q -f qcow2 "$TMP/q" 8M
	qemu-io -c 'write -P 7 1M 2M' "$TMP/q" > /dev/null
	truncate -s 8M "$v/q/image"
	ok 'qemu-img convert -n' qemu-img convert -n -f qcow2 -O raw "$TMP/q" "$v/q/image"
	ok 'it is what it was' qemu-img compare -f qcow2 -F raw "$TMP/q" "$dir/q"
	ok 'as seen here' qemu-img compare -f qcow2 -F raw "$TMP/q" "$v/q/image"
	rmdir "$v/q"
	mkdir "$v/q"
	ok 'qemu-img convert' qemu-img convert -f qcow2 -O qcow2 "$TMP/q" "$v/q/image"
	ok 'it is what it was' qemu-img compare -f qcow2 -F qcow2 "$TMP/q" "$dir/q"
	rmdir "$v/q"
else
	skip 'qemu-img' 'needs qemu-img'
fi
if command -v rsync > /dev/null; then
	mkdir "$v/r"
	ok 'rsync --inplace' rsync --inplace "$TMP/x" "$v/r/image"
	ok 'the same bytes' cmp "$TMP/x" "$dir/r"
	rmdir "$v/r"
else
	skip 'rsync' 'needs rsync'
fi

done_testing
