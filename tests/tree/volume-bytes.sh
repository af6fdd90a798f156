#!/bin/sh
# volumes/VOL/image: bytes in and out, in place, with holes, by many at once.
# timeout: 180
. "$(dirname "$0")/../lib.sh"
require python3
mount_domfs
p=$M/pools/images
v=$p/volumes
dir=$TMP/images

mkdir "$dir" "$p"
echo dir > "$p/type"
echo "$dir" > "$p/target"
echo start > "$p/state"
head -c 5000001 /dev/urandom > "$TMP/x"
size() { stat -c %s "$1"; }
taken() { du -k "$1" | cut -f1; }

# --- in and out ---

mkdir "$v/a"
is "$(size "$v/a/image")" 0 'nothing is in a new one'
ok 'cp makes the volume' cp "$TMP/x" "$v/a/image"
is "$(cat "$v/a/state")" ready 'it is there'
ok 'its file has the bytes' cmp "$TMP/x" "$dir/a"
is "$(size "$v/a/image")" 5000001 'stat has its size'
is "$(stat -c %o "$v/a/image")" 1048576 'programs are told to take 1 MiB at a time'
ok 'cp out' cp "$v/a/image" "$TMP/out"
ok 'the same bytes' cmp "$TMP/x" "$TMP/out"
is "$(dd if="$v/a/image" bs=1 skip=4999990 count=100 2>/dev/null | wc -c)" 11 'a read at the end is short'
is "$(dd if="$v/a/image" bs=1M iflag=direct status=none | cksum)" "$(cksum < "$TMP/x")" 'O_DIRECT, too'
is "$(tail -c 100 "$v/a/image" | cksum)" "$(tail -c 100 "$TMP/x" | cksum)" 'tail seeks to its end'
is "$(cat "$v/a/job")" '' 'nothing goes on after it'

mkdir "$v/two"
ok 'cat of two files' sh -c "cat $TMP/x $TMP/x > $v/two/image"
is "$(cksum < "$dir/two")" "$(cat "$TMP/x" "$TMP/x" | cksum)" 'all of both'
mkdir "$v/dd"
ok 'dd in odd pieces' dd if="$TMP/x" of="$v/dd/image" bs=77777 status=none
ok 'the same bytes' cmp "$TMP/x" "$dir/dd"
ok 'appending' sh -c "printf end >> $v/dd/image"
is "$(tail -c 3 "$dir/dd")$(size "$dir/dd")" end5000004 'goes to the end'

# --- in place, and anew ---

printf XYZ | dd of="$v/a/image" bs=1 seek=1000000 conv=notrunc status=none
is "$(dd if="$dir/a" bs=1 skip=1000000 count=3 status=none)" XYZ 'dd conv=notrunc writes in place'
is "$(size "$dir/a")" 5000001 'and leaves the rest'
ino=$(stat -c %i "$dir/a")
is "$(size "$v/a/image")" 5000001
ok 'opened anew and not written' sh -c ": > $v/a/image"
is "$(size "$dir/a") $(stat -c %i "$dir/a")" "5000001 $ino" 'is left as it was'
chmod 640 "$dir/a"
ok 'written anew' cp "$TMP/out" "$v/a/image"
ok 'it has the new bytes' cmp "$TMP/out" "$dir/a"
is "$(stat -c %a "$dir/a")" 640 'with the rights of the old'
ok 'truncate' truncate -s 1M "$v/a/image"
is "$(size "$dir/a") $(size "$v/a/image")" '1048576 1048576' 'cuts it'
ok 'and lets it grow' truncate -s 3M "$v/a/image"
is "$(size "$dir/a") $(size "$v/a/image")" '3145728 3145728'
mkdir "$v/empty"
ok 'truncate of a new one' truncate -s 1M "$v/empty/image"
is "$(cat "$v/empty/state") $(size "$dir/empty")" 'ready 1048576' 'makes it'

# --- holes ---

truncate -s 64M "$TMP/sparse"
dd if="$TMP/x" of="$TMP/sparse" bs=1M seek=20 conv=notrunc status=none
mkdir "$v/s"
ok 'cp of a file with holes' cp "$TMP/sparse" "$v/s/image"
ok 'the same bytes' cmp "$TMP/sparse" "$dir/s"
ok 'takes no more than they do' test "$(taken "$dir/s")" -le "$(taken "$TMP/sparse")"
ok 'which stat shows' test "$(taken "$v/s/image")" -lt 10000
ok 'and out' cp "$v/s/image" "$TMP/sparse.out"
ok 'the same bytes' cmp "$TMP/sparse" "$TMP/sparse.out"
ok 'with the holes' test "$(taken "$TMP/sparse.out")" -le "$(taken "$TMP/sparse")"
seek() {	# FILE: where its data begins, where the hole behind it
	python3 -c 'import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
d = os.lseek(f, 0, os.SEEK_DATA)
print(d, os.lseek(f, d, os.SEEK_HOLE))' "$1"
}
is "$(seek "$v/s/image")" "$(seek "$dir/s")" 'SEEK_DATA and SEEK_HOLE'
is "$(seek "$p/uuid")" '0 37' 'of other files all is data'
mkdir "$v/c"
ok 'cp from one to another' cp "$v/s/image" "$v/c/image"
ok 'the same bytes' cmp "$TMP/sparse" "$dir/c"
ok 'with the holes' test "$(taken "$dir/c")" -le "$(taken "$TMP/sparse")"
ok 'a hole is punched' fallocate -p -o 20M -l 2M "$v/c/image"
is "$(dd if="$dir/c" bs=1M skip=20 count=2 status=none | tr -d '\0' | wc -c)" 0 'it reads as zeros'
is "$(size "$dir/c")" 67108864 'the size stays'
ok 'room is taken' fallocate -l 65M "$v/c/image"
is "$(size "$v/c/image")" 68157440 'the size grows'
refused EPERM fallocate -l 1M "$p/type"

# --- many at once ---

mkdir "$v/big"
head -c 40M /dev/urandom > "$TMP/big"
ok 'a large one' cp "$TMP/big" "$v/big/image"
readers=
for i in 1 2 3 4 5 6; do
	cmp "$TMP/big" "$v/big/image" > "$TMP/cmp.$i" 2>&1 &
	readers="$readers $!"
done
for pid in $readers; do
	rc=0
	wait "$pid" || rc=$?
	is "$rc" 0 'one of six readers'
done
ok 'one file, written by four' python3 - "$v/big/image" "$TMP/big" <<'PY'
import os, sys
size, piece = 40 << 20, 123457
f = os.open(sys.argv[1], os.O_RDWR)
new = os.open(sys.argv[2], os.O_RDWR)
children = []
for n in range(4):
    pid = os.fork()
    if pid == 0:
        for at in range(n * size // 4, (n + 1) * size // 4, piece):
            b = bytes([n + 1]) * min(piece, (n + 1) * size // 4 - at)
            assert os.pwrite(f, b, at) == len(b)
            assert os.pread(f, len(b), at) == b
            os.pwrite(new, b, at)
        os._exit(0)
    children.append(pid)
assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
os.fsync(f)
PY
ok 'all of it is there' cmp "$TMP/big" "$dir/big"

exec 3<> "$v/big/image"
refused EBUSY sh -c "echo x > $v/big/image"
ok 'reading goes on beside a writer' cmp "$TMP/big" "$v/big/image"
exec 3>&-

# --- who may, and where it is not possible ---

is "$(df --output=size "$p" | tail -1)" "$(df --output=size "$dir" | tail -1)" 'df shows what the pool can hold'
is "$(df --output=size "$v/a" | tail -1)" "$(df --output=size "$dir" | tail -1)" 'below it, too'
is "$(stat -c %a "$v/a/image")" 600 'for its owner alone'
if [ "$(id -u)" = 0 ]; then
	refused EACCES as_user 1234 cat "$v/a/image"
fi
echo stop > "$p/state"
refused ENOENT cat "$v/a/image"

done_testing
