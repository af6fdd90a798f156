#!/bin/sh
# Secrets: made, given a value, read by those who may, kept over a crash or not at all, and told to nobody else.
# timeout: 120
# over: no, acts as several users, and a client is one
. "$(dirname "$0")/../lib.sh"
require root 'other users'
require setpriv

mount_domfs -o allow_other
s=$M/secrets
new_uuid() { cat /proc/sys/kernel/random/uuid; }
u=$(new_uuid)
d=$s/$u
ceph() { printf '<secret>\n  <uuid>%s</uuid>\n  <usage type="ceph">\n    <name>%s</name>\n  </usage>\n</secret>\n' "$1" "$2"; }
bytes() { od -An -tx1 -v "$1" | tr -d ' \n'; }

# --- made ---
refused EINVAL mkdir "$s/web"
like "$(tail -n 1 "$M/errors")" 'mkdir secrets/\$\(uuidgen\)' 'which says what would work'
refused EINVAL mkdir "$s/$(echo "$u" | tr a-f A-F | sed 's/^[0-9]/A/')"
mkdir "$d"
refused EEXIST mkdir "$d"
is "$(ls "$s")" "$u"
is "$(stat -c '%a %a' "$d")" '700 700' 'its directory is its maker'\''s'
is "$(stat -c %a "$d/value")" 600 'its value, too'
is "$(cat "$d/xml")" "<secret ephemeral='no' private='no'>
  <uuid>$u</uuid>
</secret>" 'it is of no use yet'
is "$(cat "$d/type" "$d/usage" "$d/ephemeral" "$d/private" "$d/description" | tr '\n' ' ')" 'none  0 0  '
refused EPERM mv "$d" "$s/$(new_uuid)"
refused EPERM rm "$d/value"

# --- xml ---
ceph "$u" 'client.admin' > "$TMP/ceph.xml"
cp "$TMP/ceph.xml" "$d/xml"
is "$(cat "$d/type" "$d/usage")" 'ceph
client.admin' 'xml says what it is for'
like "$(cat "$d/xml")" '<name>client.admin</name>'
sed -i 's/client.admin/client.libvirt/' "$d/xml"
is "$(cat "$d/usage")" client.libvirt 'sed -i'
echo 'two words' > "$d/usage"
like "$(cat "$d/xml")" '<name>two words</name>' 'a file changes the document'
echo 'of the cluster' > "$d/description"
like "$(cat "$d/xml")" '<description>of the cluster</description>'
cat "$d/xml" > "$TMP/before"
ceph "$(new_uuid)" x > "$TMP/other.xml"
refused EINVAL cp "$TMP/other.xml" "$d/xml"
like "$(cat "$d/error")" "line 2: <uuid> is .*but this secret is $u" 'another uuid is refused by its line'
echo '<secret><value>hunter2</value></secret>' > "$TMP/value.xml"
refused EINVAL cp "$TMP/value.xml" "$d/xml"
refused EINVAL sh -c "echo gpg > $d/type"
refused EINVAL sh -c "echo volume > $d/type"
is "$(diff "$TMP/before" "$d/xml")" '' 'what was refused changed nothing'

# --- the value ---
value='Zugang nur f-r Berechtigte 4711'
is "$(cat "$d/value")" '' 'no value yet'
echo "$value" > "$d/value"
printf %s "$value" > "$TMP/value"
ok 'echo gives a value without its newline' cmp "$TMP/value" "$d/value"
is "$(stat -c %s "$d/value")" "${#value}" 'its size is true'
printf 'a\n\n' > "$d/value"
is "$(bytes "$d/value")" 610a 'one newline is not part of it'
printf '  a\t' > "$d/value"
is "$(bytes "$d/value")" 20206109 'blanks are'
printf '\000\377\000\n' > "$d/value"
is "$(bytes "$d/value")" 00ff000a 'any bytes are, and all of what is no text'
printf 'appended' >> "$d/value"
is "$(cat "$d/value")" appended '>> replaces it'
head -c 65536 /dev/urandom > "$TMP/large"
dd if="$TMP/large" of="$d/value" bs=65536 2>/dev/null
ok '64 KiB' cmp "$TMP/large" "$d/value"
head -c 65537 /dev/urandom > "$TMP/larger"
refused EFBIG dd if="$TMP/larger" of="$d/value" bs=65537
ok 'one more is refused, and changes nothing' cmp "$TMP/large" "$d/value"
{ printf 'abc\n'; printf 'def\n'; } > "$d/value"
is "$(bytes "$d/value")" 6162630a646566 'a value may come in pieces'
dd if="$TMP/large" of="$d/value" bs=777 2>/dev/null
ok 'in many pieces' cmp "$TMP/large" "$d/value"
(echo x; cat; echo y) < /dev/null > "$d/value"
is "$(bytes "$d/value")" 780a79 'of several programs'
exec 3<> "$d/value"
printf abc >&3
printf def >&3
exec 3<&-
is "$(cat "$d/value")" abcdef 'by an open file that reads, too'
echo > "$d/value"
is "$(stat -c %s "$d/value")" 0 'an empty one removes it'
is "$(ls "$DOMFS_STATE_DIR/secret-values")" '' 'from the disk, too'
echo "$value" > "$d/value"
is "$(stat -c '%a' "$DOMFS_STATE_DIR/secret-values" "$DOMFS_STATE_DIR/secret-values/$u" | tr '\n' ' ')" '700 600 ' \
	'on the disk it is root'\''s'

# --- nobody else is told ---
everywhere() {	# what others could look at
	cat "$M/events" "$M/errors" "$M/list" "$M/metrics" "$d/xml" "$d/error" "$TMP/domfs.log" \
		"$DOMFS_STATE_DIR/secrets/$u"
	tr '\0' '\n' < "/proc/$(domfs_pid)/environ"
	tr '\0' '\n' < "/proc/$(domfs_pid)/cmdline"
}
refused EFBIG sh -c "{ head -c 65536 /dev/zero | tr '\\0' x; echo '$value'; } | dd of=$d/value bs=70000 iflag=fullblock"
unlike "$(everywhere)" 'Berechtigte|WnVnYW5n' 'the value is nowhere else'
like "$(cat "$M/events")" "secret $u value-set\$" 'an event says that there is a new one, and no more'
is "$(grep -rls Berechtigte "$M" --exclude-dir=host --exclude-dir=wait || :)" "$d/value" 'in the whole tree it is in one file'

# --- other users ---
b() { as_user 61002 "$@"; }
refused EACCES b ls "$d"
refused EACCES b cat "$d/value"
refused EACCES b mkdir "$s/$(new_uuid)"
refused EACCES b rmdir "$d"
chmod 755 "$d"
like "$(b cat "$d/xml")" 'two words' 'in an open directory others read what it is for'
refused EACCES b cat "$d/value"
refused EACCES b sh -c "echo x > $d/value"
refused EACCES b sh -c "echo 1 > $d/private"
is "$(b stat -c %s "$d/value")" "$(stat -c %s "$d/value")"
setfacl -m u:61002:r "$d/value"
is "$(b cat "$d/value")" "$value" 'an ACL on the value opens it'
refused EACCES b sh -c "echo x > $d/value"
setfacl -b "$d/value"
chmod 1777 "$s"
v=$(new_uuid)
b mkdir "$s/$v"
is "$(stat -c '%u %a' "$s/$v" "$s/$v/value" | tr '\n' ' ')" '61002 700 61002 600 ' 'one of another user is his'
b sh -c "echo his > $s/$v/value"
is "$(b cat "$s/$v/value")" his
refused EACCES as_user 61003 cat "$s/$v/value"
refused EEXIST b sh -c "echo ceph > $s/$v/type && echo 'two words' > $s/$v/usage"
like "$(cat "$s/$v/error")" "the secret $u is already the one for ceph 'two words'" 'a usage has one secret'
is "$(cat "$s/$v/usage")" ''
echo 'his own' > "$s/$v/usage"

# --- private ---
echo 1 > "$d/private"
refused EACCES cat "$d/value"
like "$(tail -n 1 "$d/error")" 'it is private' 'which says why'
is "$(stat -c %s "$d/value")" 0 'not even its length is told'
refused EPERM sh -c "echo 0 > $d/private"
refused EPERM cp "$TMP/ceph.xml" "$d/xml"
echo "$value!" > "$d/value"
refused EACCES cat "$d/value"

# --- kept ---
look() { (cd "$s" && for f in */xml */type */usage */private; do echo "$f"; cat "$f"; done; stat -c '%n %u %a' -- * */value) 2>&1; }
look > "$TMP/look"
kill_domfs
remount_domfs
is "$(look | diff "$TMP/look" -)" '' 'kill -9 right after a change loses nothing'
is "$(b cat "$s/$v/value")" his 'nor a value'
remount_domfs
is "$(look | diff "$TMP/look" -)" '' 'nor does a remount'
like "$(cat "$DOMFS_STATE_DIR/secret-values/$u")" "$(printf '%s!' "$value" | base64 | cut -c 1-20)" 'the private one has its value'

# --- ephemeral ---
w=$(new_uuid)
mkdir "$s/$w"
echo fleeting > "$s/$w/value"
ok 'a value is on the disk' test -e "$DOMFS_STATE_DIR/secret-values/$w"
echo 1 > "$s/$w/ephemeral"
ok 'that of an ephemeral one is not' test ! -e "$DOMFS_STATE_DIR/secret-values/$w"
echo gone > "$s/$w/value"
is "$(cat "$s/$w/value")" gone 'though it has one'
is "$(grep -rl "$(printf gone | base64)\|$(printf fleeting | base64)" "$DOMFS_STATE_DIR" || :)" '' 'nor is any trace of it'
refused ENOENT cat "$DOMFS_STATE_DIR/secrets/$w"
remount_domfs
ok 'it goes with the mount' test ! -e "$s/$w"
ok 'the others do not' test -e "$d"

# --- each step ---
for step in secret:begin secret:value secret:stored store:written store:renamed; do
	x=$(new_uuid)
	remount_domfs
	mkdir "$s/$x"
	echo old > "$s/$x/value"
	umount_domfs
	DOMFS_CRASH=$step:1
	export DOMFS_CRASH
	mount_domfs
	sh -c "echo new > $s/$x/value" 2> /dev/null || :
	unset DOMFS_CRASH
	kill_domfs
	remount_domfs
	like "$(cat "$s/$x/value")" '^(old|new)$' "killed at $step a value is the old or the new one"
	umount_domfs
	DOMFS_CRASH=$step:1
	export DOMFS_CRASH
	mount_domfs
	rmdir "$s/$x" 2> /dev/null || :
	unset DOMFS_CRASH
	kill_domfs
	remount_domfs
	if [ -d "$s/$x" ]; then rmdir "$s/$x"; fi
	is "$(find "$DOMFS_STATE_DIR" -name "$x")" '' "killed at $step it can be removed"
done

# --- two writers ---
(for i in 1 2 3 4 5 6 7 8 9; do echo "first$i" > "$s/$v/value"; done) &
first=$!
(for i in 1 2 3 4 5 6 7 8 9; do echo "second$i" > "$s/$v/value"; echo "usage $i" > "$s/$v/usage"; done) &
wait "$first" $! || :
like "$(cat "$s/$v/value")" '^(first|second)9$' 'of two writers one is last'
is "$(cat "$s/$v/usage")" 'usage 9'
like "$(cat "$s/$v/xml")" '<name>usage 9</name>'

# --- removed ---
exec 3< "$s/$v/value"
rmdir "$s/$v"
refused ENOENT cat "$s/$v/value"
exec 3<&-
is "$(find "$DOMFS_STATE_DIR" -name "$v")$(find "$DOMFS_STATE_DIR/secret-values" -type f ! -name "$u")" '' 'nothing is left of a removed one'
mkdir "$s/$v"
is "$(stat -c '%u' "$s/$v") $(cat "$s/$v/value")" '0 ' 'a new one of its uuid inherits nothing'
rm -rf "$s" 2> /dev/null || :
is "$(ls "$s" | wc -l)" 2 'rm -rf removes none'
done_testing
