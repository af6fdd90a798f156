#!/bin/sh
# Names of objects: what may be one, and what mv, ln and mknod may do with it.
# timeout: 60
# shellcheck disable=SC2016
. "$(dirname "$0")/../lib.sh"
require python3
mount_domfs

n255=$(head -c 255 /dev/zero | tr '\0' n)
D=$M/domains
good() {	# NAME WHAT
	if mkdir "$D/$1"; then
		is "$(cat "$D/$1/state")|$(ls -A "$D")" "shutoff|$1" "$2: it is made"
	else
		fail "$2: it is made"
		return
	fi
	like "$(cat "$D/$1/xml")" '<name>' 'with a name in its XML'
	ok 'it starts' sh -c 'echo start > "$0/state"' "$D/$1"
	is "$(cut -d' ' -f2 "$M/list" | tail -n 1)" running 'list has it'
	ok 'it ends' sh -c 'echo destroy > "$0/state"' "$D/$1"
	cp "$D/$1/config/xml" "$TMP/xml"
	ok 'its XML can be written back' cp "$TMP/xml" "$D/$1/xml"
	ok 'it is renamed' mv -T "$D/$1" "$D/other"
	ok 'and back' mv -T "$D/other" "$D/$1"
	ok 'it is removed' rmdir "$D/$1"
}
# By functions, so that no strange name gets into the name of a point.
name=
make() { mkdir "$D/$name"; }
move() { mv -T "$D/good" "$D/$name"; }
bad() {		# ERRNO NAME WHAT
	name=$2
	refused "$1" make "$3"
	is "$(ls -A "$D")" '' "$3: nothing is made"
	mkdir "$D/good"
	# mv's own words for EINVAL and EXDEV would be about something else
	was=$1
	[ "$was" != EINVAL ] || was=EBADMSG
	refused "$was" move "$3"
	is "$(ls -A "$D")" good "$3: nothing is renamed"
	rmdir "$D/good"
}
good a 'one letter'
good 'a b  c' 'blanks'
good 'Zürich-日本-🖥' 'UTF-8'
good '<&>"'\' 'what XML would escape'
good "\$(reboot);*?[]\\" 'what a shell would expand'
good -rf 'an option'
good 'a:b,c=d%s%n' 'punctuation'
good "$n255" '255 bytes'
good xml 'the name of a file'
good '~' 'a tilde'
bad ENAMETOOLONG "${n255}n" '256 bytes'
bad EINVAL 'a
b' 'a newline'
bad EINVAL "$(printf 'a\tb')" 'a tab'
bad EINVAL "$(printf 'a\033b')" 'an escape'
bad EINVAL "$(printf 'a\177')" 'DEL'
bad EINVAL ' ' 'only a blank'
bad EINVAL 'a ' 'a blank at the end'
bad EINVAL ' a' 'a blank before it'
bad EINVAL "$(printf 'a\357\277\277')" 'U+FFFF'
bad EINVAL .hidden 'a leading dot'
bad EINVAL ..a 'two leading dots'
bad EINVAL "$(printf '\377\376')" 'no UTF-8'

# --- duplicates and mv ---

mkdir "$D/a" "$D/b"
ua=$(cat "$D/a/uuid") ub=$(cat "$D/b/uuid")
isnt "$ua" "$ub" 'each has a uuid of its own'
refused EEXIST mkdir "$D/a"
ren() { python3 -c 'import os, sys; os.rename(sys.argv[1], sys.argv[2])' "$1" "$2"; }
refused EEXIST mv -T "$D/a" "$D/b"
refused EEXIST ren "$D/a" "$D/b"
refused EPERM mv "$D/a" "$D/b"
refused EPERM mv "$D/a" "$M/host"
refused EPERM mv "$D/a" "$D/b/disks/vda"
refused EPERM mv "$D/a" "$M/a"
refused EPERM ren "$D/a/disks" "$D/a/drives"
refused EPERM ren "$D" "$M/machines"
for f in state cpus memory title uuid log; do
	refused EPERM ren "$D/a/$f" "$D/a/$f.bak"
	refused EPERM ren "$D/a/$f" "$D/b/$f"
	refused EPERM ren "$D/a/$f" "$D/a/error"
	refused EPERM mv "$D/a/$f" "$D/a/other"
	refused EPERM rm -f "$D/a/$f"
	refused EPERM ln "$D/a/$f" "$D/a/hard"
done
refused EPERM mv "$D/a/cpus" "$TMP/cpus"
ok 'cpus is still there' test -s "$D/a/cpus"
echo 3 > "$TMP/cpus"
refused EPERM mv "$TMP/cpus" "$D/a/cpus"
refused EPERM ren "$D/a/xml" "$D/a/xml2"
refused EPERM ren "$D/a/xml" "$D/b/xml"
refused EPERM ln -s state "$D/a/link"
refused EPERM ln -s a "$D/link"
refused EPERM ln -s a "$M/link"
refused EPERM ln -sf x "$D/a/xml"
refused EPERM mkfifo "$D/a/fifo"
refused EPERM mkfifo "$D/fifo"
[ "$(id -u)" != 0 ] || refused EPERM mknod "$D/a/null" c 1 3
refused EPERM touch "$D/a/new"
refused EPERM touch "$D/new"
refused EPERM touch "$M/new"
refused EPERM mkdir "$D/a/new"
refused EPERM mkdir "$M/new"
refused EPERM rmdir "$D"
refused EPERM rmdir "$D/a/disks"
refused EPERM rm "$M/by-uuid/$ua"
refused EPERM rmdir "$M/host/drivers/test"
is "$(ls "$D") $(cat "$D/a/uuid" "$D/b/uuid")" "a
b $ua
$ub" 'both are as they were'
python3 - "$D" > "$TMP/exchange" 2>&1 <<'PY' || :
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def rename(old, new, flags):
	r = libc.renameat2(-100, os.path.join(sys.argv[1], old).encode(), -100, os.path.join(sys.argv[1], new).encode(), flags)
	return 'done' if r == 0 else errno.errorcode[ctypes.get_errno()]
print(rename('a', 'b', 2), rename('a', 'c', 4), rename('a', 'b', 1), rename('a', 'c', 1), rename('c', 'a', 0))
PY
all='EPERM EPERM EEXIST done done'
# the kernel passes no flags on: what needs them fails there
! over_v9fs || all='EINVAL EINVAL EEXIST EINVAL ENOENT'
is "$(cat "$TMP/exchange")" "$all" 'exchange and whiteout are refused, noreplace is obeyed'
ok 'mv to a new name' mv "$D/a" "$D/c"
is "$(cat "$D/c/uuid")" "$ua" 'is the same domain'
is "$(readlink "$M/by-uuid/$ua")" ../domains/c 'by-uuid follows'
like "$(cat "$D/c/xml")" '<name>c</name>' 'so does its XML'
ok 'the old name is free' mkdir "$D/a"
isnt "$(cat "$D/a/uuid")" "$ua" 'for another domain'
# shellcheck disable=SC2119
remount_domfs
is "$(cat "$D/c/uuid")" "$ua" 'and after a remount'
done_testing
