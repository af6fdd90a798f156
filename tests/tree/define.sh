#!/bin/sh
# A definition is taken from every tool that writes files, byte for byte; a bad one is refused and the old one stays.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require python3
require perl
require rsync
mount_domfs

d=$M/domains/web
mkdir "$d"
is "$(cat "$d/state")" shutoff 'mkdir makes a domain that is off'
is "$(cat "$d/persistent")" 1 'and defined'
like "$(cat "$d/uuid")" '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' 'with a uuid'
uuid=$(cat "$d/uuid")
like "$(cat "$d/xml")" "<name>web</name>" 'an XML with its name'
like "$(cat "$d/xml")" "<uuid>$uuid</uuid>" 'and its uuid'
like "$(cat "$d/memory")" '^[1-9][0-9]*$' 'memory'
like "$(cat "$d/cpus")" '^[1-9][0-9]*$' 'and CPUs'
is "$(cat "$d/error")" '' 'and no error'
is "$(readlink "$M/by-uuid/$uuid")" ../domains/web 'by-uuid has it'
mkdir "$M/domains/first"
ok 'it can be started as it is' sh -c "echo start > $M/domains/first/state"
ok 'and ended' sh -c "echo destroy > $M/domains/first/state"

# A text that is another one for each tool, so that nothing kept from before can pass for it.
serial=0
another() {
	serial=$((serial + 1))
	test_xml web | sed "s|<vcpu>.*|<!-- text $serial: \"ä\" -->\n  <title>title $serial</title>\n  <vcpu>2</vcpu>|" > "$TMP/new"
}
taken() {	# NAME: what is in $TMP/new has become the definition
	# an editor starts from xml, which has what domfs filled in
	case $1 in
	sed*|'perl -i') cp "$d/config/xml" "$TMP/new" ;;
	esac
	if ! cmp -s "$TMP/new" "$d/config/xml"; then
		fail "$1: config/xml is what was written" "$(diff "$TMP/new" "$d/config/xml" || :)"
		return
	fi
	is "$(cat "$d/title")|$(cat "$d/uuid")" "title $serial|$uuid" "$1: it is taken, and the uuid stays"
}
way() {		# NAME SCRIPT: of sh, in the domain's directory, N is the file to take
	another
	rc=0
	said=$(cd "$d" && N=$TMP/new timeout 20 sh -c "$2" 2>&1) || rc=$?
	if [ "$rc" != 0 ]; then
		fail "$1" "status $rc: $said
$(cat "$d/error")"
		return
	fi
	taken "$1"
}
# shellcheck disable=SC2016
{
way cp 'cp "$N" xml'
way 'cp -p' 'cp -p "$N" xml'
way 'cat >' 'cat "$N" > xml'
way 'cat >>' 'cat "$N" >> xml'
way tee 'tee xml < "$N" > /dev/null'
way 'dd bs=100' 'dd if="$N" of=xml bs=100 status=none'
way 'dd bs=1' 'head -c -1 "$N" > "$N.cut"; mv "$N.cut" "$N"; dd if="$N" of=xml bs=1 status=none'
way 'dd oflag=append conv=notrunc' 'dd if="$N" of=xml bs=64 oflag=append conv=notrunc status=none'
way 'printf' 'printf "%s\n" "$(cat "$N")" > xml'
way 'lines, a write each' 'while IFS= read -r l; do printf "%s\n" "$l"; done < "$N" > xml'
way 'sed -i' 't=$(sed -n "s,.*<title>\(.*\)</title>,\1,p" "$N"); cp "$N" xml; sed -i "s,$t,xxx," xml; grep -q xxx config/xml; sed -i "s,xxx,$t," xml'
way 'perl -i' 't=$(sed -n "s,.*<title>\(.*\)</title>,\1,p" "$N"); cp "$N" xml; perl -i -pe "s,$t,yyy," xml; grep -q yyy config/xml; perl -i -pe "s,yyy,$t," xml'
way 'perl -i.bak' 't=$(sed -n "s,.*<title>\(.*\)</title>,\1,p" "$N"); cp "$N" xml; perl -i.bak -pe "s,$t,yyy," xml; grep -q yyy config/xml; cp "$N" xml'
way 'mv in the directory' 'cp "$N" xml.new; mv xml.new xml'
way 'mv of a dot file' 'cp "$N" .tmp; mv -f .tmp xml'
way rsync 'rsync "$N" xml'
way 'rsync -a --inplace' 'rsync -a --inplace "$N" xml'
way 'python write and close' 'python3 -c "import os; f = open(\"xml\", \"w\"); f.write(open(os.environ[\"N\"]).read()); f.close()"'
way 'python unbuffered' 'python3 -c "
import os
with open(os.environ[\"N\"], \"rb\") as n, open(\"xml\", \"wb\", buffering=0) as f:
	for line in n: f.write(line)
	os.fsync(f.fileno())"'
way 'pathlib.write_text' 'python3 -c "import os, pathlib as p; p.Path(\"xml\").write_text(p.Path(os.environ[\"N\"]).read_text())"'
way 'python os.replace' 'python3 -c "
import os
t = open(\"xml.tmp\", \"w\"); t.write(open(os.environ[\"N\"]).read()); t.close(); os.replace(\"xml.tmp\", \"xml\")"'
way 'perl' 'perl -e "open F, q(>), q(xml) or die; open N, \$ENV{N}; print F <N>; close F or die \$!"'
way 'awk' 'awk 1 "$N" > xml'
way 'sort -o' 'cp "$N" xml; sort -o "$N.sorted" "$N"; ! sort -o xml xml; cp "$N" xml'
way 'two documents by one descriptor' 'exec 3> xml; printf "%s\n" "$(sed "s,title [0-9]*,before," "$N")" >&3; cat "$N" >&3; exec 3>&-'
}
test_xml web > "$TMP/plain"
serial=$((serial + 1))
{ echo '<!-- a -->'; sed "s|<vcpu>|<title>title $serial</title><vcpu>|" "$TMP/plain"; } > "$TMP/new"
ok '{ echo; cat; } >' sh -c "{ echo '<!-- a -->'; tail -n +2 '$TMP/new'; } > '$d/xml'"
taken '{ echo; cat; } >'
ok '{ cat; echo; } >' sh -c "{ head -n -1 '$TMP/new'; echo '</domain>'; } > '$d/xml'"
taken '{ cat; echo; } >'
is "$(ls -d "$d/xml.new" "$d/.tmp" "$d/xml.tmp" 2> /dev/null)" '' 'what was renamed over xml is gone'
# shellcheck disable=SC2119
remount_domfs
taken 'after the remount'

# --- what is refused ---

another
cp "$TMP/new" "$d/xml"
mkdir "$M/domains/other"
before=$(cat "$d/xml")
since=$(stat -c %y "$d/xml")
reject() {	# NAME FILE WORDS: extended regex of ./error
	rc=0
	said=$(timeout 20 cp "$2" "$d/xml" 2>&1) || rc=$?
	# what is not whole is found out by the close, of which v9fs tells its user nothing
	[ "$rc$3" != 0complete ] || ! over_v9fs || { rc=1 said=$(errno_text EBADMSG); }
	if [ "$rc" = 0 ] || [ "$rc" = 124 ]; then
		fail "$1 is refused" "status $rc"
		cp "$TMP/new" "$d/xml"
		return
	fi
	if ! cmp -s "$TMP/new" "$d/config/xml" || [ "$(cat "$d/xml")" != "$before" ]; then
		fail "$1: the old one stays" "$(cat "$d/config/xml")"
		cp "$TMP/new" "$d/xml"
		return
	fi
	like "$(head -c 4096 "$d/error")" "$3" "$1 is refused, the old one stays, and error says why"
	is "$(tail -n 1 "$M/errors" | cut -d' ' -f3)" domains/web/xml "$1: errors names the file"
	case $said in
	*'Invalid argument'*|*'Bad message'*|*'File exists'*|*'File too large'*|*'Operation not supported'*) ;;
	*)	fail "$1: cp says an errno that fits" "$said" ;;
	esac
}
edit() { sed "$1" "$TMP/new" > "$TMP/bad"; }
printf '\n  \n' > "$TMP/bad"
reject 'white space' "$TMP/bad" empty
echo 'hello, world' > "$TMP/bad"
reject 'no XML' "$TMP/bad" 'not an XML|line 1'
head -n 4 "$TMP/new" > "$TMP/bad"
reject 'a truncated one' "$TMP/bad" complete
head -c -2 "$TMP/new" > "$TMP/bad"
reject 'one without its last byte' "$TMP/bad" complete
edit 's|</os>|</oz>|'
reject 'a wrong end tag' "$TMP/bad" 'line 7'
edit 's|<os>|<hull/><os>|'
reject 'an unknown element' "$TMP/bad" 'line 7: .*hull'
edit "s|<os>|<os hull='1'>|"
reject 'an unknown attribute' "$TMP/bad" 'line 7: .*hull'
edit "s|<vcpu>2|<vcpu>two|"
reject 'a value that is no number' "$TMP/bad" 'line 6: .*two'
edit "s|<domain type='test'>|<domain type='mainframe'>|"
reject 'an unknown type' "$TMP/bad" mainframe
edit 's|<name>web|<name>wob|'
reject 'another name' "$TMP/bad" wob
edit '/<name>/d'
reject 'no name' "$TMP/bad" name
edit "s|<os>|<uuid>$(cat "$M/domains/other/uuid")</uuid><os>|"
reject 'the uuid of another domain' "$TMP/bad" 'uuid'
edit 's|<os>|<uuid>11111111-1111-4111-8111-111111111111</uuid><os>|'
reject 'another uuid than it has' "$TMP/bad" 'uuid'
edit 's|<os>|<uuid>nonsense</uuid><os>|'
reject 'a uuid that is none' "$TMP/bad" 'uuid'
python3 - "$TMP/new" > "$TMP/bad" <<-'PY'
	import sys
	ents = '<!ENTITY a0 "ha">' + ''.join('<!ENTITY a%d "%s">' % (i, ('&a%d;' % (i - 1)) * 10) for i in range(1, 12))
	print('<!DOCTYPE domain [' + ents + ']>' + open(sys.argv[1]).read().replace('title ', '&a11; '))
PY
reject 'an entity bomb' "$TMP/bad" 'document type'
{ echo '<!DOCTYPE domain [<!ENTITY x SYSTEM "file:///etc/passwd">]>'; sed 's|title |\&x; |' "$TMP/new"; } > "$TMP/bad"
reject 'an external entity' "$TMP/bad" 'document type'
python3 -c 'print("<domain>" * 200000 + "</domain>" * 200000)' > "$TMP/bad"
reject 'deep nesting' "$TMP/bad" 'deep|nest'
{ head -n 3 "$TMP/new"; printf '\0'; tail -n +4 "$TMP/new"; } > "$TMP/bad"
reject 'a NUL byte' "$TMP/bad" 'line 4|not an XML|character|NUL'
{ head -n 3 "$TMP/new"; printf '<!-- \001 -->'; tail -n +4 "$TMP/new"; } > "$TMP/bad"
reject 'a control character' "$TMP/bad" 'line 4|not an XML|character'
{ head -n 3 "$TMP/new"; printf '<!-- \377\376 -->'; tail -n +4 "$TMP/new"; } > "$TMP/bad"
reject 'bytes that are no UTF-8' "$TMP/bad" 'line 4|UTF-8|character'
head -c 100000 /dev/urandom > "$TMP/bad"
reject 'random bytes' "$TMP/bad" 'not an XML'
{ printf '<domain>'; head -c 10000000 /dev/zero | tr '\0' x; } > "$TMP/bad"
reject '10 MB of garbage' "$TMP/bad" 'MiB|large|complete'
{ cat "$TMP/new"; echo '<more/>'; } > "$TMP/bad"
rc=0
cp "$TMP/bad" "$d/xml" 2> "$TMP/said" || rc=$?
isnt "$rc" 0 'a document and more behind it is refused'
is "$(cat "$d/xml")" "$before" 'and the old one stays'
is "$(stat -c %y "$d/xml")" "$since" 'nothing has touched it'

# --- other ways to write something bad ---

head -n 4 "$TMP/new" > "$d/xml.new"
refused EBADMSG mv "$d/xml.new" "$d/xml"
edit 's|<os>|<hull/><os>|'
cp "$TMP/bad" "$d/xml.new"
refused EBADMSG mv "$d/xml.new" "$d/xml"
like "$(cat "$d/error")" hull 'mv of a bad one says why'
refused EBADMSG sed -i 's/<os>/<oz>/' "$d/xml"
ok 'opening it for writing and closing it changes nothing' sh -c ": > $d/xml"
ok 'nor does the empty output of a command' sh -c "true > $d/xml"
rc=0
sh -c "echo '<hull' > $d/xml" || rc=$?
is "$(cat "$d/xml")" "$before" 'the beginning of a document is dropped'
sh -c "yes '<!-- x -->' | head -n 1000 > $d/xml" 2>/dev/null || :
is "$(cat "$d/xml")" "$before" 'a writer without an end as well'
python3 - "$d/xml" <<'PY'
import os, sys
if os.fork() == 0:
        f = open(sys.argv[1], 'w'); f.write('<domain>'); f.flush(); os.kill(os.getpid(), 9)
os.wait()
PY
is "$(cat "$d/xml")" "$before" 'what a killed writer left is dropped'

# --- check ---

cp "$TMP/new" "$d/check"
is "$(cat "$d/check")" 'accepted: type test, driver test' 'check accepts a good one'
edit 's|<os>|<hull/><os>|'
cp "$TMP/bad" "$d/check" 2> "$TMP/said" || :
like "$(cat "$d/check")" 'refused: line 7: .*hull' 'and refuses a bad one with its line'
is "$(cat "$d/xml")" "$before" 'check changes nothing'
is "$(ls "$M/domains")" "$(printf 'first\nother\nweb')" 'and nothing else was made'
done_testing
