#!/bin/sh
# Owner, group, mode and ACL of a domain and its files decide, for two unprivileged users, and persist; passwords are shown to the owner only.
# timeout: 120
# over: no, acts as several users, and a client is one
. "$(dirname "$0")/../lib.sh"
require root 'acts as several users'
require setfacl
require python3

mount_domfs -o allow_other
d=$M/domains/web
a() { as_user 61001 "$@"; }
b() { as_user 61002 "$@"; }
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
		like "$_out" 'Permission denied|Operation not permitted' "$_may may not $_what"
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
b sed 's/128/192/' "$d/xml" > "$TMP/masked.xml"
chmod 644 "$TMP/masked.xml"
unlike "$(cat "$TMP/masked.xml")" geheim 'what is written back has asterisks'
may 61002 'write it back where the file says so' sh -c 'cat "$1" > "$0/xml"' "$d" "$TMP/masked.xml"
like "$(cat "$d/xml")" "passwd='geheim'" 'the password is kept'
like "$(cat "$d/config/xml")" '192' 'the change is taken'
cp "$TMP/web.xml" "$d/xml"
a chmod 644 "$d/xml"

# --- single files: mode, group, ACL ---
a chmod 660 "$d/state"
chgrp 61002 "$d/state"
may 61002 'start as the group of state' sh -c "$start" "$d"
may 61002 'stop as the group of state' sh -c "$stop" "$d"
may_not 61002 'define as the group of state only' sh -c 'cat "$1" > "$0/xml"' "$d" "$TMP/web.xml"
chgrp 61001 "$d/state"
may_not 61002 'start when the group is another' sh -c "$start" "$d"
may_not 61002 'read a state of mode 660' cat "$d/state"
may 61001 'setfacl' setfacl -m u:61002:rw "$d/state"
may 61002 'start by the ACL' sh -c "$start" "$d"
may 61002 'read by it' cat "$d/state"
may_not 61002 'define by it' sh -c 'cat "$1" > "$0/xml"' "$d" "$TMP/web.xml"
may_not 61002 'set autostart by it' sh -c 'echo 1 > "$0/autostart"' "$d"
may_not 61002 'make an ACL himself' setfacl -m u:61002:rw "$d/xml"
like "$(getfacl -cn "$d/state" 2>/dev/null)" '^user:61002:rw-' 'getfacl shows it'
# ls -l asks each file for a label until it hears that there are none, and for an ACL as long as there may be one
attr() { python3 -c 'import errno, os, sys
try: print(len(os.getxattr(*sys.argv[1:])))
except OSError as e: print(errno.errorcode[e.errno])' "$@"; }
is "$(attr "$M/domains" security.selinux)" ENOTSUP 'there are no labels'
is "$(attr "$M/domains" system.posix_acl_default)" ENODATA 'and ACLs are known'
like "$(ls -l "$d/state")" '^-rw-rw----\+' 'as does ls'
refused EOPNOTSUPP setfacl -d -m u:61002:rwx "$d"
a chmod 600 "$d/state"
may_not 61002 'read when chmod has masked the ACL' cat "$d/state"
a chmod 660 "$d/state"
may 61002 'read when it has unmasked it' cat "$d/state"

a chmod 640 "$d/xml" "$d/config/xml" "$d/console.log"
a chmod 600 "$d/wait/running"
may_not 61002 'read an xml of mode 640' cat "$d/xml"
may_not 61002 'read a console.log of mode 640' cat "$d/console.log"
may_not 61002 'wait on a file of mode 600' cat "$d/wait/running"
may 61002 'wait on another' timeout 10 cat "$d/wait/job"
setfacl -m u:61002:r "$d/console.log"
may 61002 'read console.log by an ACL' cat "$d/console.log"
setfacl -m u:61002:rw "$d/console"
may 61002 'write the console by an ACL' sh -c 'echo hallo > "$0/console"' "$d"
may 61002 'read it' timeout 10 sh -c 'exec 3<> "$0/console" && echo hallo >&3 && head -c 1 <&3' "$d"
setfacl -m g:61002:r "$d/xml"
may 61002 'read the xml by an ACL of his group' cat "$d/xml"
unlike "$(b cat "$d/xml")" geheim 'which shows no password'

# --- they last ---
rights() { (cd "$M" && getfacl -cn domains; cd "$d" && for f in . state xml config/xml console.log console wait/running cpus; do stat -c '%n %u:%g %a' "$f"; getfacl -cn "$f"; done) 2>&1; }
chown 61001:61002 "$d/cpus"
rights > "$TMP/rights"
remount_domfs
is "$(rights | diff "$TMP/rights" -)" '' 'a remount changes nothing'
may 61002 'still stop' sh -c "$stop" "$d"
may_not 61002 'still not write autostart' sh -c 'echo 1 > "$0/autostart"' "$d"
kill_domfs
remount_domfs
is "$(rights | diff "$TMP/rights" -)" '' 'nor does a crash'
mv "$d" "$M/domains/www"
d=$M/domains/www
is "$(rights | diff "$TMP/rights" -)" '' 'nor does mv'
setfacl -b "$d/state"
is "$(getfacl -cn "$d/state" 2>/dev/null | grep -c 61002)" 0 'setfacl -b removes an ACL'
may_not 61002 'read state without it' cat "$d/state"
setfacl -x g:61002 "$d/xml"
may_not 61002 'read xml without his entry' cat "$d/xml"

# --- editors ---
a chmod 640 "$d/xml"
setfacl -b "$d/xml"
may 61001 'sed -i' sed -i 's/128/256/' "$d/xml"
like "$(cat "$d/xml")" 256 'it was taken'
is "$(stat -c '%u:%g %a' "$d/xml")" '61001:61001 640' 'owner and mode stay'
may_not 61002 'sed -i' sed -i 's/256/512/' "$d/xml"
chmod 644 "$d/xml"
may_not 61002 'sed -i what he may read' sed -i 's/256/512/' "$d/xml"
like "$(cat "$d/xml")" 256 'nothing changed'
sed -i 's/256/384/' "$d/xml"
is "$(stat -c '%u:%g %a' "$d/xml")" '61001:61001 644' 'owner and mode stay when root edits'

# --- parts ---
truncate -s 1M "$TMP/a.img"
chown 61001 "$TMP/a.img"
may 61001 'plug a disk' sh -c 'mkdir "$0/disks/vdb" && echo "$1" > "$0/disks/vdb/source"' "$d" "$TMP/a.img"
is "$(stat -c '%u:%g' "$d/disks/vdb/source")" 61001:61001 'which is his'
may_not 61002 'unplug it' rmdir "$d/disks/vdb"
may_not 61002 'write its source' sh -c 'echo > "$0/disks/vdb/source"' "$d"
setfacl -m u:61002:rw "$d/disks/vdb/source"
remount_domfs
like "$(getfacl -cn "$d/disks/vdb/source" 2>/dev/null)" '^user:61002:rw-' 'an ACL of a file of a part lasts'
a rmdir "$d/disks/vdb"
a sh -c 'mkdir "$0/disks/vdb" && echo "$1" > "$0/disks/vdb/source"' "$d" "$TMP/a.img"
unlike "$(getfacl -cn "$d/disks/vdb/source" 2>/dev/null)" 61002 'and goes with the part'

# --- the directory ---
chown 61002 "$d"
is "$(stat -c '%u' "$d" "$d/state" "$d/disks/vdb" | sort -u)" 61002 'chown of the directory gives all in it'
like "$(b cat "$d/xml")" geheim 'the new owner sees the password'
unlike "$(a cat "$d/xml")" geheim 'the old one does not any more'
b chmod 700 "$d"
may_not 61001 'look into a directory of mode 700' ls "$d"
may_not 61001 'read its state' cat "$d/state"
may_not 61001 'wait for it' cat "$d/wait/shutoff"
unlike "$(a cat "$M/list" "$M/metrics" "$M/events" "$M/errors" 2>&1)" 'geheim' 'no password in the files for all'
may 61002 'do so' cat "$d/state"
setfacl -m u:61001:rx "$d"
may 61001 'look into it by an ACL' cat "$d/state"
b chmod 755 "$M/domains" 2>/dev/null || :
may_not 61001 "remove another's domain where all may make some" rmdir "$d"
may 61002 'remove his' rmdir "$d"
is "$(ls "$M/domains")" '' 'it is gone'
a mkdir "$M/domains/www"
is "$(stat -c '%u:%g %a' "$d" "$d/state" | tr '\n' ' ')" '61001:61001 755 61001:61001 644 ' 'a new one of its name inherits nothing'
done_testing
