#!/bin/sh
# What ends half-way leaves nothing: a full file system, an abort, a crash, a directory that goes.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require root 'mounts a small file system'
require qemu-img
dir=$TMP/small
mkdir "$dir"
mount -t tmpfs -o size=16M,mode=755 small "$dir" || skip_all 'needs tmpfs'
# shellcheck disable=SC2317
release() {
	status=$?
	set +e	# it may be unmounted already
	umount -l "$dir" 2>/dev/null
	( exit "$status" )
	_cleanup
}
trap release EXIT
mount_domfs
p=$M/pools/small
v=$p/volumes
mkdir "$p"
echo dir > "$p/type"
echo "$dir" > "$p/target"
ok 'start' sh -c "echo start > $p/state"
is "$(cat "$p/capacity")" 16777216 'as large as its file system'
nothing() {	# WHAT
	is "$(ls -A "$dir" | tr '\n' ' ')" 'big ' "$1: nothing is left"
}

head -c 10M /dev/urandom > "$dir/big"
refused ENOSPC sh -c "echo copy > $v/big/clone"
nothing 'clone'
ok 'and no volume' test ! -e "$v/copy"
like "$(cat "$v/big/error")" 'No space left' 'the reason'
ok 'converted' sh -c "! echo 'copy qcow2' > $v/big/clone"
nothing 'conversion'
head -c 20M /dev/urandom > "$TMP/large"
mkdir "$v/up"
ok 'upload' sh -c "! cp $TMP/large $v/up/image"
wait_for 10 sh -c "! ls -A $dir | grep -q domfs"	# close(2) waits for nobody
nothing 'upload'
is "$(cat "$v/up/state")" new 'it is a draft as before'
rmdir "$v/up"
for what in 'raw falloc' 'raw full' 'qcow2 falloc' 'qcow2 full'; do
	mkdir "$v/new"
	echo "${what% *}" > "$v/new/format"
	echo "${what#* }" > "$v/new/preallocation"
	refused ENOSPC sh -c "echo 12M > $v/new/capacity"
	like "$(cat "$v/new/error")" '12582912 bytes .* [0-9]+ are free' 'how much is free'
	nothing "$what"
	rmdir "$v/new"
done
is "$(sha256sum < "$dir/big")" "$(sha256sum < "$v/big/image")" 'what was there is as it was'
refused ENOSPC sh -c "echo 40M > $v/big/capacity"
is "$(stat -c %s "$dir/big") $(cat "$v/big/capacity")" '10485760 10485760' 'what cannot grow is as it was'

# What a killed domfs left goes; what another one is writing stays.
: > "$dir/.domfs-1-1"
: > "$dir/.domfs-1-2"
: > "$dir/.other"
exec 9< "$dir/.domfs-1-2"
flock 9
echo refresh > "$p/state"
ls "$v" > /dev/null
ok 'a left-over goes' test ! -e "$dir/.domfs-1-1"
ok 'what is locked is not one' test -e "$dir/.domfs-1-2"
ok 'nor is another hidden file' test -e "$dir/.other"
exec 9<&-
rm "$dir/.domfs-1-2" "$dir/.other"

# An abort.
rm "$dir/big"
other=$TMP/other
mkdir "$M/pools/other" "$other"
echo "$other" > "$M/pools/other/target"
echo start > "$M/pools/other/state"
o=$M/pools/other/volumes
truncate -s 20G "$other/huge"
sh -c "echo random > $o/huge/wipe" 2> "$TMP/said" &
wiper=$!
wait_for 20 grep -q wipe "$o/huge/job"
ok 'others answer meanwhile' cat "$p/state" "$M/pools/other/state" "$o/huge/job"
refused EBUSY rmdir "$o/huge"
ok 'abort' sh -c "echo abort > $o/huge/job"
_rc=0; wait "$wiper" || _rc=$?
isnt "$_rc" 0 'the wipe fails'
like "$(cat "$o/huge/error")" 'wipe: .*(interrupted|cancelled|aborted)' 'it was aborted'
rm "$other/huge"
truncate -s 2G "$other/huge"
sh -c "echo 'copy.qcow2 qcow2' > $o/huge/clone" || :
ok 'a new clone works' test -s "$other/copy.qcow2"

# The directory goes.
rmdir "$dir" 2>/dev/null || umount "$dir"
rmdir "$dir"
ok 'a listing ends' sh -c "ls $v; :"
mkdir "$v/new" 2>/dev/null || :
ok 'nothing is made where nothing is' sh -c "! echo 1M > $v/new/capacity"
ok 'the pool stops' sh -c "echo stop > $p/state"
refused ENOENT sh -c "echo start > $p/state"
done_testing
