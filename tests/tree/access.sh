#!/bin/sh
# Owner, group, mode and ACL of a domain and its files decide, for two unprivileged users, and persist; passwords are shown to the owner only.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require root 'acts as several users'
require setfacl

mount_domfs -o allow_other
d=$M/domains/web
a() { as_user 61001 "$@"; }
b() { as_user 61002 "$@"; }
both() { as_user "$@"; }
may() {		# UID NAME COMMAND...
	_may=$1 _what=$2
	shift 2
	ok "$_may may $_what" as_user "$_may" "$@"
}
may_not() {	# UID NAME COMMAND...: with the errno of a permission, not for another reason
	_may=$1 _what=$2 _rc=0
	shift 2
	_out=$(as_user "$_may" timeout 10 "$@" 2>&1) || _rc=$?
	if [ "$_rc" = 0 ]; then
		fail "$_may may not $_what" "it succeeded: $_out"
	else
		like "$_out" 'Permission denied|Operation not permitted|cannot (open|create)' "$_may may not $_what"
	fi
}
start='echo start > "$0/state"'
stop='echo destroy > "$0/state"'

# --- who may create ---
may_not 61001 'create in domains/ of mode 755' mkdir "$d"
chmod 1770 "$M/domains"
chgrp 61001 "$M/domains"
may 61001 'create where the group may' mkdir "$d"
may_not 61002 'create there, being of another group' mkdir "$M/domains/b"
may_not 61002 'look there' ls "$M/domains"
chmod 1777 "$M/domains"
may 61002 'create where all may' mkdir "$M/domains/b"
is "$(stat -c '%u:%g %a' "$d")" '61001:61001 755' 'who makes it owns it'
is "$(stat -c '%u:%g' "$d/state" "$d/disks" "$d/stats/cpu" | sort -u)" 61001:61001 'and all in it'
may_not 61002 "remove another's" rmdir "$d"
may_not 61002 "rename another's" mv "$d" "$M/domains/mine"
may 61002 'rename his own' mv "$M/domains/b" "$M/domains/bb"
may 61002 'remove his own' rmdir "$M/domains/bb"

# --- what the default modes say ---
test_xml web "<graphics type='vnc' passwd='geheim'/><serial type='pty'/>" > "$TMP/web.xml"
chmod 644 "$TMP/web.xml"
may 61001 'define' cp "$TMP/web.xml" "$d/xml"
may 61001 'start' sh -c "$start" "$d"
may 61002 'read the xml of mode 644' cat "$d/xml"
may 61002 'read the state' cat "$d/state"
may 61002 'wait' timeout 10 cat "$d/wait/running"
may_not 61002 'stop' sh -c "$stop" "$d"
may_not 61002 'define' sh -c 'cat "$1" > "$0/xml"' "$d" "$TMP/web.xml"
may_not 61002 'make a disk' mkdir "$d/disks/vdb"
may_not 61002 'write the console' sh -c 'echo x > "$0/console"' "$d"
may_not 61002 'read the console' head -c 1 "$d/console"
may_not 61002 'change the mode' chmod 777 "$d/state"
may_not 61002 'take it' chown 61002 "$d"
may_not 61001 'give it away' chown 61002 "$d"
may 61001 'stop' sh -c "$stop" "$d"

# --- passwords ---
like "$(cat "$d/xml")" "passwd='geheim'" 'root sees the password'
like "$(a cat "$d/xml")" "passwd='geheim'" 'the owner sees it'
for f in xml config/xml; do
	unlike "$(b cat "$d/$f")" geheim "another does not, in $f"
	like "$(b cat "$d/$f")" "passwd='\*+'" 'but asterisks'
done
is "$(b cat "$d/xml" | wc -c)" "$(b stat -c %s "$d/xml")" 'the size is true for him who reads it masked'
is "$(b sh -c 'grep -rls geheim "$0" --exclude-dir=wait --exclude=console' "$d" || :)" '' 'and in no other file'
a chmod 666 "$d/xml"
may 61002 'write the masked text back with a change' sh -c 'sed "s/128/192/" "$0/xml" > "$0/.x" && cat "$0/.x" > "$0/xml"' "$d" 2>/dev/null ||
	:
