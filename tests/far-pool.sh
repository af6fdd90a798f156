#!/bin/sh
# shellcheck disable=SC2154
# What pools whose volumes are at a server of their own are asked alike: sourced after lib.sh.  $pool is the pool's directory, $v its volumes.

far_usable() {	# TYPE
	wait_for 20 sh -c "! grep -q 'being looked at' '$M/host/storage/$1'"
	case $(cat "$M/host/storage/$1") in
	'not usable'*) skip_all "$(cat "$M/host/storage/$1")" ;;
	esac
}

far_upload() {	# FILE: the volume up as the server has it
	dd if=/dev/urandom of="$TMP/in" bs=1M count=9 2>/dev/null
	dd if="$TMP/in" of="$TMP/in" bs=1M seek=150 count=5 conv=notrunc 2>/dev/null
	truncate -s 200000001 "$TMP/in"
	mkdir "$v/up"
	ok 'upload' cp --sparse=always "$TMP/in" "$v/up/image"
	ok 'arrives' cmp "$TMP/in" "$1"
	is "$(cat "$v/up/capacity")" 200000001 'and is as large'
	ok 'holes stay holes' test "$(cat "$v/up/allocation")" -lt 30000000
	ok 'download' cp --sparse=auto "$v/up/image" "$TMP/out"
	ok 'gives the same' cmp "$TMP/in" "$TMP/out"
	ok 'with its holes' test "$(du -k "$TMP/out" | cut -f1)" -lt 30000
	rm "$TMP/out"
}
far_patch() {	# NAME: of the test
	printf 'hello' | dd of="$v/up/image" bs=1 seek=4194302 conv=notrunc 2>/dev/null
	is "$(dd if="$v/up/image" bs=1 skip=4194302 count=5 2>/dev/null)" hello "$1"
}

far_active() { [ "$(cat "$pool/state")" = active ]; }
# An upload that is broken off leaves nothing.
far_broken_off() {	# COMMAND VOLUMES: COMMAND lists what the server has
	mkdir "$v/half"
	mkfifo "$TMP/fifo"
	cat "$TMP/fifo" > "$v/half/image" &
	half=$!
	exec 4> "$TMP/fifo"
	head -c 1000000 /dev/zero >&4
	ok 'an upload has a name of its own' wait_for 20 sh -c "$1 | grep -q '^\\.domfs-upload-'"
	unlike "$(ls -a "$v")" domfs-upload 'which is none of the volumes'
	kill_domfs
	kill "$half"
	wait "$half" 2>/dev/null || :
	exec 4>&-
	remount_domfs
	ok 'the pool is active again after a crash' wait_for 20 far_active
	is "$(ls "$v" | tr '\n' ' ')" "$2 " 'and has the volumes that were whole'
}

far_copy() {	# UP COPY OTHER: the two as the server has them, and a name that is taken
	echo copy > "$v/up/clone"
	ok 'a copy is equal' cmp "$1" "$2"
	is "$(cat "$v/copy/allocation")" "$(cat "$v/up/allocation")" 'and takes as much'
	refused EEXIST sh -c "echo $3 > $v/up/clone"
	refused ENOTSUP sh -c "echo dod > $v/copy/wipe"
	echo random > "$v/copy/wipe"
	ok 'random wipe' sh -c "! cmp -s -n 1000000 $v/up/image $v/copy/image"
	echo zero > "$v/copy/wipe"
	ok 'zero wipe' cmp -n 200000001 "$v/copy/image" /dev/zero
	isnt "$(cat "$v/copy/allocation")" 0 'what was written is overwritten'
	echo trim > "$v/copy/wipe"
	is "$(cat "$v/copy/allocation")" 0 'trimmed, it takes nothing'
}

# A dead server hangs nothing else.
far_hang() {	# VOLUME PID...
	vol=$1
	shift
	kill -STOP "$@"
	ok 'the tree goes on while the server hangs' timeout 4 ls "$M/pools" "$M/domains" "$M/host/storage"
	ok 'what is known is still shown' timeout 4 sh -c "ls $v | grep -qx up"
	refused ETIMEDOUT timeout 30 cat "$pool/capacity"
	refused ETIMEDOUT timeout 30 head -c 1 "$v/$vol/image"
	kill -CONT "$@"
	ok 'and so does the pool when it is back' wait_for 60 cat "$pool/capacity"
	ok 'with all its bytes' wait_for 60 cmp -n 100 "$TMP/in" "$v/up/image"
}
far_stop() {	# FILE: the volume up as the server has it
	rmdir "$v/up"
	ok 'a volume that is removed is gone' wait_for 20 test ! -e "$1"
	exec 3< "$v/b/image"
	echo stop > "$pool/state"
	is "$(cat "$pool/state")" inactive
	is "$(head -c 4 <&3 | wc -c)" 4 'what is open stays readable'
	exec 3<&-
}
