#!/bin/sh
# Volumes that others change underneath, that many change at once, that lie about themselves, and that running guests have.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require qemu-img
mount_domfs

p=$M/pools/images
v=$p/volumes
dir=$TMP/images
mkdir "$dir" "$p"
echo "$dir" > "$p/target"
echo start > "$p/state"
make() { mkdir "$v/$1" && echo "${3:-raw}" > "$v/$1/format" && echo "$2" > "$v/$1/capacity"; }	# NAME CAPACITY [FORMAT]
list() { ls "$v" | tr '\n' ' '; }
agrees() {	# the tree has what the directory has, once
	[ "$(ls "$v")" = "$(ls "$dir")" ] || { printf 'the tree: %s\nthe directory: %s\n' "$(list)" "$(ls "$dir" | tr '\n' ' ')"; return 1; }
	[ -z "$(find "$dir" -name '.*' ! -path "$dir")" ] || { find "$dir" -name '.*'; return 1; }
}

# ---- by other hands ----

: > "$dir/a"; : > "$dir/b"
is "$(list)" 'a b ' 'files appear'
mv "$dir/b" "$dir/c"
is "$(list)" 'a c ' 'they have the names that they are given'
mv "$dir/c" "$TMP/c"
is "$(list)" 'a ' 'one that is gone is not there'
mv "$TMP/c" "$dir/a"
is "$(list)" 'a ' 'one takes the place of another'
for i in 1 2 3 4 5 6 7 8 9; do
	touch "$dir/t$i"
	[ -d "$v/t$i" ] || fail "t$i is found at once"
	rm "$dir/t$i"
	[ "$(list)" = 'a ' ] || fail "t$i is gone at the next ls" "$(list)"
done
make gone 1M
exec 3< "$v/gone/capacity"
rm "$dir/gone"
ok 'what was deleted underneath can be removed' sh -c "rmdir $v/gone || [ ! -e $v/gone ]"
exec 3<&-
make gone 1M
for what in 'clone copy' 'wipe zero' 'capacity 2M' 'format qcow2'; do
	rm -f "$dir/gone"
	refused ENOENT sh -c "echo ${what#* } | tee $v/gone/${what%% *}"
	: > "$dir/gone"
	[ -d "$v/gone" ] || fail 'it is there again'
done
rm "$dir/gone" "$dir/a"
is "$(list)" '' 'nothing is left'

# ---- names ----

long=$(printf '%0251d' 1)
ok 'a long name' make "$long" 1M
ok 'goes' rmdir "$v/$long"
refused ENAMETOOLONG mkdir "$v/$(printf '%0256d' 1)"
# the kernel asks for b in the a that it knew, and does not look again when that is stale
refused "$([ -z "${DOMFS_OVER:-}" ] && echo ENOENT || echo ESTALE)" mkdir "$v/a/b"
refused EEXIST mkdir "$v/.."
make x 1M
for name in .x ..x; do
	refused EINVAL mv "$v/x" "$v/$name"
	refused EINVAL sh -c "echo $name > $v/x/clone"
done
refused EINVAL sh -c "echo images/../y > $v/x/clone"
refused ENOENT sh -c "echo ../y > $v/x/clone"
refused EINVAL sh -c "echo y floppy > $v/x/clone"
refused EINVAL sh -c "echo y raw raw > $v/x/clone"
refused EINVAL sh -c "echo > $v/x/clone"
ok 'a blank' mv "$v/x" "$v/x y"
ok 'and others' mv "$v/x y" "$v/-x'ä\$(z)"
is "$(ls "$dir")" "-x'ä\$(z)" 'are what they are'
rmdir "$v/-x'ä\$(z)"
ok 'nothing is left of what was refused' agrees

# ---- raw is raw ----

qemu-img create -q -f qcow2 -b /etc/passwd -F raw "$TMP/evil" 64M
make raw 1M
dd if="$TMP/evil" of="$v/raw/image" conv=notrunc status=none
ok 'a clone' sh -c "echo copy > $v/raw/clone"
ok 'a rename' mv "$v/raw" "$v/moved"
mkdir "$v/up"
echo raw > "$v/up/format"
ok 'an upload that is to be raw' cp "$TMP/evil" "$v/up/image"
ok 'grown' sh -c "echo 2M > $v/moved/capacity"
kill_domfs
remount_domfs
wait_for 10 grep -qx active "$p/state"
for name in copy moved up; do
	is "$(cat "$v/$name/format") $(readlink "$v/$name/backing" || :)" 'raw ' "$name: raw, after a crash as well"
	rmdir "$v/$name"
done

# ---- images that lie ----

mkfifo "$TMP/fifo"	# whoever opened it would wait for ever
qemu-img create -q -f qcow2 -u -b "$TMP/fifo" -F raw "$dir/fifo" 1M
is "$(timeout 10 cat "$v/fifo/format" "$v/fifo/capacity" | tr '\n' ' ')" 'qcow2 1048576 ' 'a backing file is not opened to be looked at'
is "$(readlink "$v/fifo/backing")" "$TMP/fifo" 'it is shown'
ok 'and copied as it lies' timeout 20 sh -c "echo fifo2 > $v/fifo/clone"
is "$(readlink "$v/fifo2/backing")" "$TMP/fifo" 'with its name'
ok 'data does not follow it' sh -c "! timeout 20 head -c 1 $v/fifo/data"
unlike "$(cat "$v/fifo/error")" '^$' 'the reason'
timeout -s INT 1 sh -c "echo 'flat raw' > $v/fifo/clone" 2>/dev/null || :
ok 'one that waits for it ends with who wanted it' wait_for 10 sh -c "[ -z \"\$(cat $v/fifo/job)\" ]"
ok 'and leaves nothing' wait_for 5 agrees
qemu-img create -q -f qcow2 -u -b /etc/shadow -F raw "$dir/shadow" 1M
is "$(readlink "$v/shadow/backing") $(cat "$v/shadow/capacity")" '/etc/shadow 1048576' 'any path is shown'
if command -v qemu-storage-daemon > /dev/null; then
	refused EACCES head -c 1 "$v/shadow/data"
fi
qemu-img create -q -f qcow2 -u -b "$dir/l2" -F qcow2 "$dir/l1" 1M
qemu-img create -q -f qcow2 -u -b "$dir/l1" -F qcow2 "$dir/l2" 1M
is "$(readlink "$v/l1/backing") $(readlink "$v/l2/backing")" '../l2 ../l1' 'a loop is shown'
ok 'data of it is refused' sh -c "! timeout 20 head -c 1 $v/l1/data"
refused ELOOP sh -c "echo 'flat raw' | timeout 20 tee $v/l1/clone"
refused ELOOP sh -c "echo flat | timeout 20 tee $v/l1/clone"
refused ELOOP sh -c "echo 2M | timeout 20 tee $v/l1/capacity"
mkdir "$v/l3"
ln -s ../l1 "$v/l3/backing"
echo qcow2 > "$v/l3/format"
refused ELOOP sh -c "echo 1M | timeout 20 tee $v/l3/capacity"
rmdir "$v/l3"
refused EBUSY rmdir "$v/l1"
rm "$dir/l1"
ok 'when one is gone the other can go' rmdir "$v/l2"
qemu-img create -q -f qcow2 "$TMP/n" 1M
for field in 4 20 36 44 48 60 64 92; do	# version, cluster bits, L1 size and place, snapshots ...
	head -c 4096 "$TMP/n" > "$TMP/bad"
	printf '\377\377\377\377\377\377\377\377' | dd of="$TMP/bad" bs=1 seek="$field" conv=notrunc status=none
	mv "$TMP/bad" "$dir/bad"
	timeout 10 cat "$v/bad/xml" "$v/bad/capacity" "$v/bad/format" > "$TMP/said" 2>&1 || :
	timeout 10 head -c 1 "$v/bad/data" > /dev/null 2>&1 || :
	is "$(timeout 10 cat "$v/fifo/capacity")" 1048576 "a field at $field that cannot be disturbs nothing"
done
ok 'it can be removed' rmdir "$v/bad"
rmdir "$v/fifo2" "$v/fifo" "$v/shadow"
is "$(list)" '' 'all can be'

# ---- many at once ----

many() {	# COMMAND...: with n from 1 to 64
	pids=
	for n in $(seq 64); do
		"$@" "$n" &
		pids="$pids $!"
	done
	bad=0
	for pid in $pids; do wait "$pid" || bad=$((bad + 1)); done
}
# shellcheck disable=SC2317
one() { make "m$1" 1M; }
# shellcheck disable=SC2317
end() { rmdir "$v/m$1"; }
many one
is "$bad" 0 '64 are made at once'
is "$(ls "$v" | wc -l) $(ls "$dir" | wc -l)" '64 64' 'all are there'
ok 'and nothing else' agrees
many end
is "$bad" 0 'and removed at once'
is "$(ls -A "$v" | wc -l) $(ls -A "$dir" | wc -l)" '0 0' 'all are gone'
# shellcheck disable=SC2317
same() { mkdir "$v/same" 2>/dev/null; echo 1M > "$v/same/capacity"; } 2>/dev/null
many same
is "$(ls "$v") $(cat "$v/same/capacity")" 'same 1048576' '64 make the same one: it is made once'
make x 1M
# shellcheck disable=SC2317
take() { mv -T "$v/x" "$v/taken" 2>/dev/null || mv -T "$v/same" "$v/taken" 2>/dev/null; }
many take
is "$bad" 63 'one of two gets a name that 64 want'
ok 'the other stays' test "$(ls "$v" | wc -l)" = 2
ok 'each is there once' agrees
rmdir "$v/taken" "$v/x" 2>/dev/null || rmdir "$v/same"

storm() {	# whatever may be done to three names, by several at once
	for n in $(seq 12); do
		a=$((($1 + n) % 3)) b=$((($1 + n * 2 + 1) % 3))
		make "s$a" 256K
		echo "s$b" > "$v/s$a/clone"
		echo +64K > "$v/s$a/capacity"
		mv -T "$v/s$a" "$v/s$b"
		echo zero > "$v/s$b/wipe"
		head -c 100000 /dev/urandom > "$v/s$a/image"
		rmdir "$v/s$b"
		rm -f "$dir/s$a"
	done
}
for n in 1 2 3 4; do storm "$n" > /dev/null 2>&1 & pids="$pids $!"; done
for pid in $pids; do wait "$pid" 2>/dev/null || :; done
for n in 0 1 2; do	# drafts that nobody finished
	[ "$(cat "$v/s$n/state" 2>/dev/null)" != new ] || rmdir "$v/s$n"
done
ok 'after a storm the tree is what the directory is' wait_for 5 agrees
agrees || note "$(agrees)"
is "$(ls "$v" | sort | uniq -d)" '' 'nothing is there twice'
for n in 0 1 2; do [ ! -d "$v/s$n" ] || rmdir "$v/s$n"; done
is "$(ls -A "$dir")" '' 'all can be removed'

# Two that upload into the same new one.
head -c 3000000 /dev/zero | tr '\0' 1 > "$TMP/1"
head -c 3000000 /dev/zero | tr '\0' 2 > "$TMP/2"
mkdir "$v/up"
cp "$TMP/1" "$v/up/image" 2>/dev/null & first=$!
cp "$TMP/2" "$v/up/image" 2>/dev/null & second=$!
wait $first || :
wait $second || :
ok 'of two writers one is whole' sh -c "cmp -s $TMP/1 $dir/up || cmp -s $TMP/2 $dir/up"
exec 3> "$v/up/image"
printf x >&3
for what in 'wipe zero' 'capacity 8M' 'clone other'; do
	timeout 20 sh -c "echo ${what#* } > $v/up/${what%% *}" 2>/dev/null || :
done
refused EBUSY rmdir "$v/up"
refused EBUSY mv "$v/up" "$v/down"
refused EBUSY sh -c "echo stop > $p/state"
exec 3>&-
is "$(cat "$dir/up")" x 'what was being written is what was written'
for name in up other; do [ ! -d "$v/$name" ] || rmdir "$v/$name"; done

# ---- of a running guest ----

make disk 8M
make base 8M
mkdir "$v/top"
ln -s ../base "$v/top/backing"
echo qcow2 > "$v/top/format"
echo 8M > "$v/top/capacity"
d=$M/domains/web
mkdir "$d"
test_xml web "<disk type='volume' device='disk'><source pool='images' volume='disk'/><target dev='vda' bus='virtio'/></disk>
	<disk type='volume' device='disk'><driver type='qcow2'/><source pool='images' volume='top'/><target dev='vdb' bus='virtio'/></disk>" \
	> "$TMP/web.xml"
ok 'disks that are volumes' cp "$TMP/web.xml" "$d/xml"
is "$(ls "$v/disk/users" "$v/top/users" | grep -c web)" 2 'both know their user'
ok 'of a guest that is off they are not busy' mv "$v/disk" "$v/disc"
mv "$v/disc" "$v/disk"
echo start > "$d/state"
for name in disk top base; do
	refused EBUSY rmdir "$v/$name"
	refused EBUSY mv "$v/$name" "$v/other"
	refused EBUSY sh -c "echo zero > $v/$name/wipe"
	[ "$name" != base ] || continue	# that a guest is built on it is known of those that open it (tests/qemu)
	refused EBUSY sh -c "echo x > $v/$name/image"
	refused EBUSY dd if=/dev/zero of="$v/$name/data" bs=512 count=1 conv=notrunc status=none
done
like "$(cat "$v/disk/error")" "web" 'who has it is said'
refused EBUSY sh -c "echo qcow2 > $v/disk/format"
refused EBUSY sh -c "echo stop > $p/state"
is "$(cat "$p/state") $(ls "$dir" | tr '\n' ' ')" 'active base disk top ' 'all is as it was'
ok 'a read-only look' cmp -n 512 "$v/disk/image" /dev/zero
kill_domfs
remount_domfs
wait_for 10 sh -c "grep -qx active $p/state && grep -qx running $d/state"
refused EBUSY rmdir "$v/disk"
refused EBUSY rmdir "$v/base"
echo destroy > "$d/state"
refused EBUSY rmdir "$v/base"
like "$(cat "$v/base/error")" "backing file of the volume 'images/top'" 'that it is built on is said'
rmdir "$d"
is "$(ls "$v/disk/users")" '' 'nobody has it'
ok 'then they can go' rmdir "$v/disk" "$v/top" "$v/base"
done_testing
