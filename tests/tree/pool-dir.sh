#!/bin/sh
# A pool of type dir: a directory whose files are volumes, made, read, copied, wiped, resized, renamed and removed; and what is refused.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
require qemu-img
mount_domfs

p=$M/pools/images
v=$p/volumes
dir=$TMP/images
make() {	# NAME FORMAT CAPACITY [FILE=VALUE...]
	_volume=$v/$1
	mkdir "$_volume" && echo "$2" > "$_volume/format" || return
	_capacity=$3
	shift 3
	for _set; do echo "${_set#*=}" > "$_volume/${_set%%=*}" || return; done
	echo "$_capacity" > "$_volume/capacity"
}
not_made() {	# ERRNO REGEX NAME FORMAT CAPACITY [FILE=VALUE...]: refused for that reason, and nothing is left of it
	_errno=$1 _regex=$2
	shift 2
	_what=$1
	refused "$_errno" make "$@"
	like "$(cat "$v/$_what/error")" "$_regex" "the reason: $_regex"
	ok "nothing of $_what is left" test ! -e "$dir/$_what"
	rmdir "$v/$_what"
}
info_of() { qemu-img info -U --output=json "$dir/$1" | tr -d ' \n'; }
bytes_of() { du --block-size=1 "$1" | cut -f 1; }

# ---- the directory ----

mkdir "$p"
echo dir > "$p/type"
echo "$dir" > "$p/target"
refused ENOENT sh -c "echo start > $p/state"
like "$(cat "$p/error")" 'echo build > state' 'what would help is said'
ok 'build makes it' sh -c "echo build > $p/state"
ok 'it is a directory' test -d "$dir"
ok 'start' sh -c "echo start > $p/state"
is "$(cat "$p/state")" active
is "$(ls "$v")" '' 'it is empty'
is "$(stat -f -c %S "$dir")" "$(stat -f -c %S "$p")" 'statfs is that of its file system'

# ---- formats ----

for format in raw qcow2 qcow qed vmdk vdi vhdx vpc; do
	ok "$format" make "a.$format" "$format" 16M
	is "$(cat "$v/a.$format/state")" ready
	like "$(info_of "a.$format" 2>/dev/null || :)" "\"format\":\"$format\"|^\$" "$format: what qemu-img says"
	is "$(cat "$v/a.$format/format")" "$format"
	capacity=$(cat "$v/a.$format/capacity")
	case $format in
	vpc) ok "$format: its geometry rounds up" test "$capacity" -ge 16777216 -a "$capacity" -lt 18000000 ;;
	*) is "$capacity" 16777216 "$format: capacity" ;;
	esac
	is "$(cat "$v/a.$format/path")" "$dir/a.$format"
	is "$(cat "$v/a.$format/type")" file
done
is "$(stat -c %a "$dir/a.qcow2")" 600 'an image is for its owner'
ok 'a directory as a volume' make sub dir 0
ok 'is one' test -d "$dir/sub"
is "$(cat "$v/sub/type") $(cat "$v/sub/format")" 'dir dir'

ok 'qcow2 with its own options' make options qcow2 10M compat=1.1 lazy_refcounts=1 extended_l2=1 cluster_size=128K \
	preallocation=metadata
said=$(info_of options)
like "$said" '"lazy-refcounts":true' 'lazy_refcounts'
like "$said" '"extended-l2":true' 'extended_l2'
like "$said" '"cluster-size":131072' 'cluster_size'
is "$(cat "$v/options/cluster_size") $(cat "$v/options/lazy_refcounts") $(cat "$v/options/extended_l2")" '131072 1 1' \
	'and so they are read'
ok 'an old qcow2' make old qcow2 1M compat=0.10
like "$(info_of old)" '"compat":"0.10"' 'compat 0.10'
not_made EINVAL '1\.1' bad qcow2 1M compat=0.10 lazy_refcounts=1
ok 'raw, sparse' make sparse raw 64M
ok 'no block of it is taken' test "$(bytes_of "$dir/sparse")" -lt 1048576
ok 'raw, allocated' make falloc raw 8M preallocation=falloc
ok 'all of it is taken' test "$(bytes_of "$dir/falloc")" -ge 8388608
ok 'raw, written' make full raw 8M preallocation=full
ok 'all of it is there' test "$(bytes_of "$dir/full")" -ge 8388608
ok 'raw, a part allocated' make part raw 8M allocation=4M
ok 'that part is taken' test "$(bytes_of "$dir/part")" -ge 4194304 -a "$(bytes_of "$dir/part")" -lt 8000000
not_made EINVAL 'preallocation' bad raw 1M preallocation=metadata

# ---- backing ----

printf 'base bytes' | dd of="$dir/a.raw" conv=notrunc status=none
mkdir "$v/over"
ok 'a link says what it is built on' ln -s ../a.raw "$v/over/backing"
echo qcow2 > "$v/over/format"
ok 'as large as that' sh -c "echo 32M > $v/over/capacity"
like "$(info_of over)" '"backing-filename-format":"raw"' 'the format is recorded'
is "$(basename "$(readlink "$v/over/backing")")" a.raw 'the link shows it'
refused EBUSY rmdir "$v/a.raw"
refused EBUSY mv "$v/a.raw" "$v/b.raw"
like "$(cat "$v/a.raw/error")" "images/over" 'whose backing file it is is said'
mkdir "$v/loop"
echo qcow2 > "$v/loop/format"
refused ELOOP ln -s ../loop "$v/loop/backing"
rmdir "$v/loop"
backed() {	# NAME PATH [FORMAT]
	cat <<-XML
	<volume><name>$1</name><capacity unit='MiB'>1</capacity><target><format type='qcow2'/></target>
	<backingStore><path>$2</path>${3:+<format type='$3'/>}</backingStore></volume>
	XML
}
mkdir "$v/guess"
truncate -s 1M "$TMP/elsewhere"
backed guess "$TMP/elsewhere" > "$TMP/v.xml"
refused EINVAL cp "$TMP/v.xml" "$v/guess/xml"
like "$(cat "$v/guess/error")" 'never guessed' 'a format is not guessed'
backed guess "$TMP/nothing" raw > "$TMP/v.xml"
ok 'what is not there cannot be built on' sh -c "! cp $TMP/v.xml $v/guess/xml"
ok 'nothing is left' test ! -e "$dir/guess"
backed guess "$TMP/elsewhere" raw > "$TMP/v.xml"
ok 'with its format it can' cp "$TMP/v.xml" "$v/guess/xml"

# ---- the bytes ----

truncate -s 8M "$TMP/up"
printf 'here' | dd of="$TMP/up" bs=1M seek=4 conv=notrunc status=none
mkdir "$v/up"
ok 'an upload makes a volume' cp --sparse=always "$TMP/up" "$v/up/image"
ok 'with those bytes' cmp "$TMP/up" "$dir/up"
is "$(cat "$v/up/state") $(cat "$v/up/format") $(cat "$v/up/capacity")" 'ready raw 8388608' 'of that size'
ok 'a download' cp "$v/up/image" "$TMP/down"
ok 'is the same' cmp "$TMP/up" "$TMP/down"
ok 'an upload in its place' sh -c "printf other > $v/up/image"
is "$(cat "$dir/up")" other
is "$(ls -A "$dir" | grep -c '^\.')" 0 'no temporary file is left'

# A guest writes what it likes into its disk: raw it stays.
qemu-img create -q -f qcow2 -b /etc/passwd -F raw "$TMP/evil" 1G
is "$(cat "$v/sparse/format") $(cat "$v/sparse/capacity")" 'raw 67108864' 'raw, and known to be'
dd if="$TMP/evil" of="$dir/sparse" conv=notrunc status=none
is "$(cat "$v/sparse/format") $(cat "$v/sparse/capacity")" 'raw 67108864' 'raw it stays with a header of qcow2 in it'
is "$(readlink "$v/sparse/backing" || :)" '' 'without a backing file'

# ---- clone, wipe, resize, rename ----

truncate -s 64M "$dir/holes"
printf 'start' | dd of="$dir/holes" conv=notrunc status=none
printf 'end' | dd of="$dir/holes" bs=1M seek=50 conv=notrunc status=none
ok 'a file that appears is a volume' test -d "$v/holes"
ok 'clone' sh -c "echo copy > $v/holes/clone"
ok 'the same bytes' cmp "$dir/holes" "$dir/copy"
ok 'the holes too' test "$(bytes_of "$dir/copy")" -lt 4194304
is "$(cat "$v/copy/state") $(cat "$v/copy/format")" 'ready raw'
refused EEXIST sh -c "echo copy > $v/holes/clone"
ok 'clone in another format' sh -c "echo 'copy.qcow2 qcow2' > $v/holes/clone"
like "$(info_of copy.qcow2)" '"format":"qcow2"' 'is qcow2'
ok 'with the same bytes' qemu-img compare -q -f raw -F qcow2 "$dir/holes" "$dir/copy.qcow2"
is "$(cat "$v/copy.qcow2/capacity")" 67108864
ok 'a clone of an overlay' sh -c "echo over2 > $v/over/clone"
is "$(basename "$(readlink "$v/over2/backing")")" a.raw 'has its backing file'
truncate -s 1K "$dir/copy.iso"
dd if=/dev/zero of="$dir/copy.iso" bs=40K count=1 status=none
printf 'CD001' | dd of="$dir/copy.iso" bs=1 seek=32769 conv=notrunc status=none
is "$(cat "$v/copy.iso/format")" iso 'an iso is seen'
ok 'and cloned' sh -c "echo 'iso.qcow2 qcow2' > $v/copy.iso/clone"

ok 'wipe' sh -c "echo zero > $v/copy/wipe"
is "$(stat -c %s "$dir/copy")" 67108864 'of the same size'
ok 'all zero' cmp -n 67108864 "$dir/copy" /dev/zero
ok 'and written' test "$(bytes_of "$dir/copy")" -ge 67108864
ok 'trim' sh -c "echo trim > $v/copy/wipe"
ok 'gives the room back' test "$(bytes_of "$dir/copy")" -lt 4194304
ok 'random' sh -c "echo random > $v/up/wipe"
is "$(stat -c %s "$dir/up")" 5
isnt "$(cat "$dir/up")" other
refused EINVAL sh -c "echo shred > $v/up/wipe"
if command -v scrub > /dev/null; then
	ok 'scrub' sh -c "echo dod > $v/full/wipe"
	is "$(stat -c %s "$dir/full")" 8388608
else
	skip 'scrub' 'needs scrub'
fi

for format in raw qcow2; do
	ok "$format grows" sh -c "echo 32M > $v/a.$format/capacity" || :
	is "$(cat "$v/a.$format/capacity")" 33554432
	refused EINVAL sh -c "echo 1M > $v/a.$format/capacity"
	is "$(cat "$v/a.$format/capacity")" 33554432 'and does not shrink'
done
ok 'what has all its room' sh -c "echo 16M > $v/falloc/capacity"
ok 'has it after' test "$(bytes_of "$dir/falloc")" -ge 16777216

ok 'rename' mv "$v/copy" "$v/moved"
ok 'it is the file' test -e "$dir/moved" -a ! -e "$dir/copy"
is "$(cat "$v/moved/path")" "$dir/moved"
is "$(cat "$v/moved/format")" raw
ok 'remove' rmdir "$v/moved"
ok 'the file is gone' test ! -e "$dir/moved"
: > "$dir/sub/file"
refused ENOTEMPTY rmdir "$v/sub"
rm "$dir/sub/file"
ok 'an empty directory' rmdir "$v/sub"
ok 'goes' test ! -e "$dir/sub"

# ---- what others do in the directory ----

echo x > "$dir/foreign"
ok 'a foreign file appears' test -d "$v/foreign"
rm "$dir/foreign"
is "$(ls "$v" | grep -c '^foreign$')" 0 'and disappears'
mkfifo "$dir/fifo"
: > "$dir/.hidden"
mkdir "$dir/lost+found"
is "$(ls -a "$v" | grep -cE '^(fifo|\.hidden|lost\+found)$')" 0 'what is no image is no volume'
rm "$dir/old"
ls "$v" > /dev/null
refused ENOENT cat "$v/old/capacity"
ok 'a volume that was deleted underneath is gone' test ! -e "$v/old"
ln -s "$TMP/elsewhere" "$dir/link"
is "$(cat "$v/link/capacity")" 1048576 'a symbolic link is what it leads to'
ok 'removed' rmdir "$v/link"
ok 'the link goes' test ! -L "$dir/link"
ok 'what it led to stays' test -e "$TMP/elsewhere"

# ---- bad images ----

broken() {	# NAME: a 4 KiB qcow2 whose field at OFFSET is HEX
	qemu-img create -q -f qcow2 "$TMP/broken" 1M
	head -c 4096 "$TMP/broken" > "$TMP/$1"
	printf '%b' "$3" | dd of="$TMP/$1" bs=1 seek="$2" conv=notrunc status=none
	mv "$TMP/$1" "$dir/$1"
}
broken huge 24 '\0177\0377\0377\0377\0377\0377\0376\000'
broken name 8 '\0\0\0\0\0\0\01\0\0377\0377\0377\0377'
broken header 100 '\0377\0377\0377\0377'
for name in huge name header; do
	refused EBADMSG cat "$v/$name/capacity"
	like "$(cat "$v/$name/error")" 'qcow2' "$name: the reason"
done
ok 'it can be removed all the same' rmdir "$v/huge"
ok 'the file is gone' test ! -e "$dir/huge"
ok 'or replaced' sh -c "cat $TMP/elsewhere > $v/name/image"
is "$(cat "$v/name/format") $(cat "$v/name/capacity")" 'raw 1048576' 'by something that is good'
rm "$dir/a.qcow2"; cp "$TMP/elsewhere" "$dir/a.qcow2"
is "$(cat "$v/a.qcow2/format")" raw 'another file of that name is looked at anew'
qemu-img create -q -f qcow2 "$TMP/q" 3M
cat "$TMP/q" > "$dir/foreign.qcow2"
is "$(cat "$v/foreign.qcow2/format") $(cat "$v/foreign.qcow2/capacity")" 'qcow2 3145728'
cat "$TMP/elsewhere" > "$dir/foreign.qcow2"
refused EBADMSG cat "$v/foreign.qcow2/capacity"
ok 'a format that is wrong by now is set right' sh -c "echo raw > $v/foreign.qcow2/format"
is "$(cat "$v/foreign.qcow2/capacity")" 1048576

# ---- bad wishes ----

for bytes in 0 -1 9223372036854775808 nonsense; do
	mkdir "$v/bad"
	refused "$(case $bytes in 9*) echo ERANGE ;; *) echo EINVAL ;; esac)" sh -c "echo $bytes > $v/bad/capacity"
	ok "$bytes: nothing is left" test ! -e "$dir/bad"
	rmdir "$v/bad"
done
not_made ENOSPC 'are free' bad raw 1E preallocation=falloc
not_made ENOSPC 'are free' bad qcow2 1P preallocation=falloc
mkdir "$v/bad"
refused EINVAL sh -c "echo floppy > $v/bad/format"
rmdir "$v/bad"
for format in iso bochs cloop dmg; do
	not_made ENOTSUP 'cannot be made' bad "$format" 1M
done
not_made EINVAL 'qcow2' bad raw 1M extended_l2=1
refused EINVAL mkdir "$v/.dot"
refused EEXIST mkdir "$v/up"
mkdir "$v/bad"
for name in .. a/b ../escape; do
	printf "<volume><name>%s</name><capacity>1</capacity></volume>" "$name" > "$TMP/v.xml"
	refused EINVAL cp "$TMP/v.xml" "$v/bad/xml"
done
rmdir "$v/bad"
is "$(ls "$TMP" | grep -c escape)" 0

# ---- targets ----

target() {	# NAME TARGET
	mkdir "$M/pools/$1" && echo dir > "$M/pools/$1/type" && echo "$2" > "$M/pools/$1/target"
}
for bad in / /proc /sys /dev /proc/self ///; do
	target bad "$bad" 2> /dev/null || :
	refused EINVAL sh -c "echo start > $M/pools/bad/state"
	rmdir "$M/pools/bad"
done
ln -s / "$TMP/root"
ok 'a link' target bad "$TMP/root"
refused EINVAL sh -c "echo start > $M/pools/bad/state"
like "$(cat "$M/pools/bad/error")" 'leads to' 'to / is no pool'
rmdir "$M/pools/bad"
: > "$TMP/file"
target bad "$TMP/file"
refused ENOTDIR sh -c "echo start > $M/pools/bad/state"
refused ENOTDIR sh -c "echo build > $M/pools/bad/state"
rmdir "$M/pools/bad"

# ---- the end ----

refused EBUSY rmdir "$p"
ok 'stop' sh -c "echo stop > $p/state"
is "$(ls "$v")" '' 'an inactive pool shows no volumes'
ok 'they are there' test -e "$dir/a.qcow2"
refused ENOTEMPTY sh -c "echo delete > $p/state"
ok 'again' sh -c "echo start > $p/state"
is "$(cat "$v/sparse/format")" raw 'what is raw stays raw'
remount_domfs
wait_for 20 grep -qx active "$p/state"
is "$(cat "$v/sparse/format")" raw 'after a restart as well'
done_testing
