#!/bin/sh
# A pool is made, defined, started, found again at the mount, renamed and removed; by users as far as they may.
# timeout: 120
# over: no, acts as several users, and a client is one
. "$(dirname "$0")/../lib.sh"
mount_domfs -o allow_other
p=$M/pools/web
dir=$TMP/web
mkdir "$dir" "$TMP/other"
echo bytes > "$dir/image"
has() { [ "$(cat "$M/pools/$1/state")" = "$2" ]; }
settled() { wait_for 10 sh -c "[ -z \"\$(cat $M/pools/*/job)\" ]"; }

# ---- made ----

refused EEXIST mkdir "$M/pools/."
refused EEXIST mkdir "$M/pools/.."
refused EINVAL mkdir "$M/pools/.web"
refused ENOENT mkdir "$M/pools/a/b"
refused ENAMETOOLONG mkdir "$M/pools/$(printf '%0256d' 1)"
mkdir "$p"
refused EEXIST mkdir "$p"
is "$(cat "$p/state" "$p/type" "$p/autostart" "$p/target" | tr '\n' ' ')" "inactive dir 0 $DOMFS_STATE_DIR/images/web " \
	'a new one is a directory of its own'
is "$(ls "$p/volumes")$(cat "$p/job" "$p/error")" '' 'which is empty'
is "$(cat "$p/capacity") $(stat -f -c %b "$p")" '0 0' 'df shows nothing of what is not active'
refused EPERM rm "$p/xml"
refused EBUSY mkdir "$p/volumes/x"
like "$(tail -n 1 "$M/errors")" "echo start > pools/web/state" 'the reason says what would work'

# ---- defined ----

uuid=$(cat "$p/uuid")
xml() { printf "<pool type='%s'>\n%s\n<target><path>%s</path></target>\n</pool>\n" "${1:-dir}" "${2-<name>web</name>}" "${3:-$dir}" > "$TMP/p.xml"; }
define() { xml "$@" && cp "$TMP/p.xml" "$p/xml"; }
echo '<pool' > "$TMP/p.xml"
refused EBADMSG cp "$TMP/p.xml" "$p/xml"
refused EINVAL sh -c "echo '<pool type=\"dir\"><name>web</name><colour>red</colour></pool>' > $p/xml"
for type in floppy ../dir; do
	xml "$type"
	refused EINVAL cp "$TMP/p.xml" "$p/xml"
done
refused EINVAL sh -c "echo floppy > $p/type"
for name in ../etc a/b .. .; do
	xml dir "<name>$name</name>"
	refused EINVAL cp "$TMP/p.xml" "$p/xml"
done
xml dir '<name>web</name>' images/relative
refused EINVAL cp "$TMP/p.xml" "$p/xml"
is "$(cat "$p/target") $(cat "$p/uuid")" "$DOMFS_STATE_DIR/images/web $uuid" 'what was refused changed nothing'
xml dir '<name>web</name><uuid>11111111-2222-4333-8444-555555555555</uuid>'
cp "$TMP/p.xml" "$p/check"
like "$(cat "$p/check")" '^accepted' 'a verdict'
is "$(cat "$p/uuid")" "$uuid" 'changes nothing'
ok 'the first definition' cp "$TMP/p.xml" "$p/xml"
is "$(cat "$p/uuid")" 11111111-2222-4333-8444-555555555555 'has its uuid'
ok 'is as it was written' cmp "$TMP/p.xml" "$p/config/xml"
xml dir "<name>web</name><uuid>$uuid</uuid>"
refused EINVAL cp "$TMP/p.xml" "$p/xml"
mkdir "$M/pools/other"
xml dir "<name>other</name><uuid>11111111-2222-4333-8444-555555555555</uuid>" "$TMP/other"
refused EEXIST cp "$TMP/p.xml" "$M/pools/other/xml"
refused EEXIST sh -c "echo $dir > $M/pools/other/target"
like "$(cat "$M/pools/other/error")" "the pool 'web' is already" 'two pools of one directory: the other is named'
refused EEXIST sh -c "echo $dir/ > $M/pools/other/target"
ok 'another directory' sh -c "echo $TMP/other > $M/pools/other/target"

# ---- active ----

refused EINVAL sh -c "echo begin > $p/state"
ok 'stop of what is not active' sh -c "echo stop > $p/state"
ok 'start' sh -c "echo start > $p/state"
ok 'again' sh -c "echo start > $p/state"
is "$(cat "$p/state") $(ls "$p/volumes")" 'active image' 'active'
ok 'what is written back as it was read changes nothing' sh -c "cat $p/xml > $TMP/same; cp $TMP/same $p/xml"
refused EBUSY sh -c "echo $TMP/elsewhere > $p/target"
refused EBUSY define dir '<name>web</name>' "$TMP/elsewhere"
refused EBUSY mv "$p" "$M/pools/www"
refused EBUSY rmdir "$p"
refused EBUSY sh -c "echo delete > $p/state"
refused EBUSY sh -c "echo build > $p/state"
rm -rf "$M/pools" 2> /dev/null || :
is "$(cat "$p/state") $(cat "$dir/image")" 'active bytes' 'rm -rf removes neither it nor what is in it'
is "$(df --output=size "$p" | tail -1)" "$(df --output=size "$dir" | tail -1)" 'df is that of the directory'
mv "$dir" "$TMP/gone"
ls "$p/volumes" > /dev/null 2>&1 || :
refused ENOENT sh -c "echo refresh > $p/state"
mv "$TMP/gone" "$dir"
ok 'back again' sh -c "echo refresh > $p/state"
is "$(ls "$p/volumes")" image 'it is as before'

# ---- renamed ----

ok 'stop' sh -c "echo stop > $p/state"
refused EINVAL mv "$p" "$M/pools/.www"
refused EEXIST mv -T "$p" "$M/pools/other"
refused EPERM mv "$p" "$M/domains/www"
ok 'rename' mv "$p" "$M/pools/www"
p=$M/pools/www
is "$(ls "$M/pools" | tr '\n' ' ')" 'other www ' 'it has the new name'
is "$(cat "$p/uuid") $(cat "$p/target")" "11111111-2222-4333-8444-555555555555 $dir" 'and is the same'
like "$(cat "$p/xml")" '<name>www</name>' 'its document says so'
mkdir "$M/pools/web"
ok 'the default directory of a pool' sh -c "echo start > $M/pools/web/state && mkdir $M/pools/web/volumes/a && echo 1M > $M/pools/web/volumes/a/capacity"
echo stop > "$M/pools/web/state"
mv "$M/pools/web" "$M/pools/db"
is "$(cat "$M/pools/db/target")" "$DOMFS_STATE_DIR/images/web" 'stays where it is when the pool is renamed'
refused EEXIST mkdir "$M/pools/web"
like "$(tail -n 1 "$M/errors")" "'db' is already that of" 'so that another does not get it'

# ---- found at the mount ----

echo 1 > "$M/pools/other/autostart"
refused EINVAL sh -c "echo perhaps > $p/autostart"
echo start > "$p/state"
kill_domfs
remount_domfs
settled
is "$(cat "$p/state") $(cat "$M/pools/other/state") $(cat "$M/pools/db/state")" 'active active inactive' \
	'after a crash: what was active is, and what starts by itself'
echo stop > "$p/state"
remount_domfs
settled
is "$(cat "$p/state") $(cat "$M/pools/other/state")" 'inactive active' 'what was stopped stays so'
echo start > "$p/state"
umount_domfs
rm -rf "$DOMFS_RUN_DIR"	# a reboot
mount_domfs -o allow_other
settled
is "$(cat "$p/state") $(cat "$M/pools/other/state")" 'inactive active' 'after a reboot only what starts by itself'
echo 1 > "$p/autostart"
echo stop > "$M/pools/other/state"
umount_domfs
mv "$TMP/other" "$TMP/away"
mount_domfs -o allow_other
settled
is "$(cat "$p/state") $(cat "$M/pools/other/state")" 'active inactive' 'one that cannot start does not hinder others'
like "$(cat "$M/pools/other/error")" "start at mount: .*$TMP/other" 'and says why'
like "$(cat "$M/errors")" 'other: start at mount' 'so do the errors of the mount'
mv "$TMP/away" "$TMP/other"
ok 'then it starts' sh -c "echo start > $M/pools/other/state"
like "$(cat "$M/events")" 'pool other active$' 'an event says so'
echo stop > "$M/pools/other/state"
mv "$M/pools/other" "$M/pools/second"
rmdir "$M/pools/second"
like "$(cut -d ' ' -f 3- "$M/events" | tail -n 4 | tr '\n' ';')" \
	'^pool other stopping;pool other inactive;pool other renamed second;pool second removed;$' 'and so do others'

# ---- of users ----

if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null; then
	u() { as_user 61001 "$@"; }
	refused EACCES u mkdir "$M/pools/mine"
	for word in start stop refresh delete; do
		refused EACCES u sh -c "echo $word > $p/state"
	done
	refused EACCES u rmdir "$p"
	refused EACCES u cat "$p/volumes/image/image"
	refused EACCES u mkdir "$p/volumes/x"
	chmod 1777 "$M/pools"
	refused EPERM u mv "$p" "$M/pools/stolen"
	mine=$M/pools/mine
	ok 'a user makes a pool' u mkdir "$mine"
	is "$(stat -c '%u %a' "$mine")" '61001 755' 'it is his'
	mkdir -m 711 "$TMP/private"
	echo secret > "$TMP/private/file"
	mkdir -m 777 "$TMP/his"
	for target in "$TMP/private" "$TMP/his" /root "$dir"; do
		! u sh -c "echo $target > $mine/target" 2>/dev/null || fail "a user has $target"
	done
	refused EPERM u sh -c "echo $TMP/private > $mine/target"
	like "$(cat "$mine/error")" 'only root says where a pool lies.*images/mine' 'what would work is said'
	xml logical '<name>vg</name>' /dev/vg
	refused EPERM u sh -c "cat $TMP/p.xml > $mine/xml"
	refused EPERM u sh -c "echo netfs > $mine/type"
	ok 'he starts it' u sh -c "echo start > $mine/state"
	is "$(stat -c %u "$DOMFS_STATE_DIR/images/mine")" 61001 'in a directory of its own'
	u mkdir "$mine/volumes/a"
	ok 'he makes a volume' u sh -c "echo 1M > $mine/volumes/a/capacity"
	refused EACCES as_user 61002 cat "$mine/volumes/a/image"
	refused EACCES as_user 61002 sh -c "echo stop > $mine/state"
	ok 'he stops it' u sh -c "echo stop > $mine/state"
	refused EPERM as_user 61002 rmdir "$mine"
	ok 'he removes it' u rmdir "$mine"
	refused EPERM as_user 61002 mkdir "$mine"
	like "$(tail -n 1 "$M/errors")" 'former pool is not yours' 'what is left in its directory is not for others'
	ok 'but for him' u mkdir "$mine"
	mkdir "$M/pools/lent"
	echo "$TMP/private" > "$M/pools/lent/target"
	chown -R 61001:61001 "$M/pools/lent" 2>/dev/null || :
	is "$(stat -c %u "$M/pools/lent")" 61001 'root gives him one of root'\''s'
	ok 'he starts that' u sh -c "echo start > $M/pools/lent/state"
	is "$(u cat "$M/pools/lent/volumes/file/image")" secret 'and has what is in it'
	ok 'stops it' u sh -c "echo stop > $M/pools/lent/state"
	refused EPERM u sh -c "echo $TMP > $M/pools/lent/target"
	ok 'and may say about it what does no harm' u sh -c "echo 1 > $M/pools/lent/autostart"
else
	skip 'pools of users' 'needs root and setpriv'
fi

# ---- removed ----

echo stop > "$p/state"
ok 'rmdir' rmdir "$p"
ok 'takes the definition' test ! -e "$p"
is "$(cat "$dir/image")" bytes 'and nothing of what is in it'
is "$(find "$DOMFS_STATE_DIR" -name www)" '' 'nothing is known of it any more'
ok 'nor, soon, of its volumes' wait_for 10 sh -c '! find "$0/volumes" -name "11111111*" | grep -q .' "$DOMFS_STATE_DIR"
done_testing
