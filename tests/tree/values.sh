#!/bin/sh
# Values of a domain: units, ways to write, what is refused and where that is said; sizes and ends of all files are true.
# timeout: 90
. "$(dirname "$0")/../lib.sh"
require python3
mount_domfs

d=$M/domains/a
mkdir "$d"
test_xml a "<disk type='file'><source file='/nowhere/a.img'/><target dev='vda'/></disk><interface type='user'/>" \
	> "$TMP/a.xml"
ok 'a definition is taken' cp "$TMP/a.xml" "$d/xml"
echo 16G > "$d/memory_max"
echo 8 > "$d/cpus_max"
put() { sh -c 'printf "%s\n" "$1" > "$2"' sh "$2" "$d/$1"; }
get() { cat "$d/$1"; }
takes() {	# FILE TEXT READS
	if put "$1" "$2"; then
		is "$(get "$1")" "$3" "$1 takes $2"
	else
		fail "$1 takes $2" "$(get error)"
	fi
}
rejects() {	# FILE TEXT [ERRNO]
	errno=${3:-EINVAL}
	before=$(get "$1") bytes=$(get xml) lines=$(wc -l < "$M/errors")
	refused "$errno" put "$1" "$2"
	is "$(get "$1")" "$before" "and $1 stays"
	is "$(get xml)" "$bytes" 'as does xml'
	like "$(get error)" "^a: $1: '?[^ ]" 'error says why'
	like "$(tail -n +$((lines + 1)) "$M/errors")" "^[0-9T:.-]+Z $(id -u) domains/a/$1 $errno a: $1: '?[^ ]" 'as does errors'
}

takes memory 536870912 536870912
takes memory 512M 536870912
takes memory 1G 1073741824
takes memory 1048576K 1073741824
takes memory 1048576KiB 1073741824
takes memory 1048576KB 1048576000
takes memory 768MiB 805306368
takes memory 1GiB 1073741824
takes memory 1024MB 1024000000
takes memory '  2G  ' 2147483648
takes memory_max 4G 4294967296
takes cpus 4 4
takes cpus 1 1
takes cpus_max 6 6
takes title 'mail server' 'mail server'
takes title '  blanks around  ' 'blanks around'
takes title '<&">'"'" '<&">'"'"
takes title 'Größe 日本' 'Größe 日本'
takes title '' ''
takes description 'one line' 'one line'
takes autostart 1 1
takes autostart no 0
takes autostart yes 1
takes autostart off 0
takes autostart on 1
takes autostart false 0
takes autostart true 1
takes autostart 0 0

for _ in 1 2; do
	takes cpus 2 2
	takes memory 1G 1073741824
	takes title same same
done
ok '>> replaces, too' sh -c "echo 3 >> $d/cpus"
is "$(get cpus)" 3
ok 'no newline is needed' sh -c "printf 2 > $d/cpus"
is "$(get cpus)" 2
ok 'tee' sh -c "echo 4 | tee $d/cpus > /dev/null"
is "$(get cpus)" 4
ok 'dd' sh -c "echo 1 | dd of=$d/cpus status=none"
is "$(get cpus)" 1
ok 'dd conv=notrunc' sh -c "echo 2 | dd of=$d/cpus conv=notrunc status=none"
is "$(get cpus)" 2
ok 'python' python3 -c 'import sys; open(sys.argv[1], "w").write("3")' "$d/cpus"
is "$(get cpus)" 3
ok 'cp of a value' cp "$d/cpus_max" "$d/cpus"
is "$(get cpus)" 6
ok 'sed -i is for documents; by > it works' sh -c "v=\$(cat $d/cpus); echo \$((v - 1)) > $d/cpus"
is "$(get cpus)" 5
ok 'two by one descriptor' sh -c "exec 3> $d/cpus; echo 1 >&3; echo 2 >&3"
is "$(get cpus)" 2 'the last one counts'
ok 'opening and closing' sh -c ": > $d/cpus"
is "$(get cpus)" 2 'changes nothing'

# ---- a list ----

map=$M/host/access/map
{ echo 'root CN=a'; echo 'root CN=b'; echo 'root CN=c'; } > "$map"
is "$(cat "$map")" "$(printf 'root CN=%s\n' a b c)" 'the lines of several programs are all there'
echo 'root CN=d' >> "$map"
is "$(cut -d= -f2 < "$map" | tr '\n' ' ')" 'a b c d ' '>> adds one'
{ echo 'root CN=e'; echo 'rubbish'; echo 'root CN=f'; } > "$map" 2> "$TMP/said" || :
like "$(cat "$TMP/said")" 'rror' 'a bad one is refused'
is "$(cut -d= -f2 < "$map" | tr '\n' ' ')" 'e f ' 'and the others stay'
echo 'root CN=g' > "$map"
is "$(cat "$map")" 'root CN=g' 'a new opening begins anew'

rejects cpus 0 ERANGE
rejects cpus -1
rejects cpus two
rejects cpus 1.5
rejects cpus '1 2'
rejects cpus 99999999999999999999 ERANGE
rejects cpus ''
rejects memory lots
rejects memory 0
rejects memory -1G
rejects memory 1Q
rejects memory 99999999999G ERANGE
rejects memory ''
rejects autostart 2
rejects autostart maybe
rejects autostart ''
takes cpus 7 7
is "$(get cpus_max)" 7 'a domain that is off: a value above the maximum moves the maximum'
takes memory 5G 5368709120
is "$(get memory_max)" 5368709120 'memory, too'
takes memory_max 1G 1073741824
is "$(get memory)" 1073741824 'and a lower maximum takes the value along'
echo start > "$d/state"
rejects cpus 8 ERANGE
rejects memory 2G ERANGE
echo destroy > "$d/state"

for f in uuid id pid type reason persistent pending error command; do
	rc=0
	sh -c "echo 1 > $d/$f" 2> /dev/null || rc=$?
	isnt "$rc" 0 "$f cannot be written"
done
rc=0
printf 'a\0b' 2>/dev/null > "$d/title" || rc=$?
printf 'a\0b' > "$TMP/nul"
refused EINVAL cp "$TMP/nul" "$d/title"
printf '\377\376' > "$TMP/bytes"
refused EINVAL cp "$TMP/bytes" "$d/title"
printf 'a\001b' > "$TMP/control"
refused EINVAL cp "$TMP/control" "$d/description"
printf 'a\357\277\276b' > "$TMP/nonchar"	# U+FFFE, which no XML parser would take back
refused EINVAL cp "$TMP/nonchar" "$d/description"
head -c 5000 /dev/zero | tr '\0' x > "$TMP/long"
refused EINVAL cp "$TMP/long" "$d/title"
is "$(get title)" same 'the title stays'

# --- sizes, ends and times ---

cat > "$TMP/walk.py" <<'PY'
import os, sys
grows = {'log', 'console.log', 'stats', 'job', 'time', 'error'}
bad = n = 0
for top, dirs, files in os.walk(sys.argv[1]):
	if os.path.basename(top) in ('stats', 'wait'):
		continue
	for name in files:
		path = os.path.join(top, name)
		if name in grows or name.endswith('.png') or os.path.islink(path):
			continue
		n += 1
		size = os.stat(path).st_size
		data = open(path, 'rb').read()
		if size != len(data):
			print(path, 'has size', size, 'and', len(data), 'bytes')
			bad += 1
		if data and name not in ('description', 'xml') and (data[-1:] != b'\n' or data[-2:] == b'\n\n'):
			print(path, 'ends in', data[-10:])
			bad += 1
print(n, 'files')
sys.exit(bad > 0 or n < int(sys.argv[2]))
PY
ok 'sizes and ends of a domain that is off' python3 "$TMP/walk.py" "$d" 50
echo start > "$d/state"
ok 'of one that runs' python3 "$TMP/walk.py" "$d" 50
ok 'of the whole mount' python3 -c '
import os, sys
for name in ("README", "version", "list", "events", "errors"):
	p = os.path.join(sys.argv[1], name)
	assert os.stat(p).st_size == len(open(p, "rb").read()) > 0, name' "$M"
ok 'of the host' python3 "$TMP/walk.py" "$M/host/drivers" 4
echo destroy > "$d/state"

when() { stat -c %y "$d/$1"; }
then=$(when xml)
get xml > "$TMP/x"
echo 1 > "$d/autostart"
echo same > "$d/title"
cp "$d/xml" "$d/check"
put cpus 0 2>/dev/null || :
is "$(when xml)" "$then" 'mtime of xml stays when nothing of it changes'
echo other > "$d/title"
isnt "$(when xml)" "$then" 'and moves when it does'
echo > "$d/title"
then=$(when xml)
echo > "$d/title"
is "$(when xml)" "$then" 'an empty title again is no change'
then=$(when xml)
cp "$d/config/xml" "$TMP/x"
cp "$TMP/x" "$d/xml"
is "$(when xml)" "$then" 'nor is the same document again'
printf 'first\nsecond & last\n' > "$d/description"
echo '<&">' > "$d/title"
then=$(get xml)
# shellcheck disable=SC2119
remount_domfs
is "$(get title)|$(get description)|$(get xml)" "<&\">|first
second & last|$then" 'all of it is there after a remount'
done_testing
