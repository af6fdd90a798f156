#!/bin/sh
# A full, a read-only and a littered state directory: clear errors, nothing lost, what can be loaded is loaded.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require root 'mounts a small tmpfs'

small=$TMP/small
mkdir "$small"
mount -t tmpfs -o size=256k,mode=755 tmpfs "$small" || skip_all 'cannot mount a tmpfs'
let_go() {
	_rc=$?
	set +e
	umount -l "$DOMFS_STATE_DIR/domains" 2>/dev/null
	[ -z "$_pid" ] || kill -KILL "$_pid"
	umount -l "$small"
	(exit "$_rc")
	_cleanup
}
trap let_go EXIT
DOMFS_STATE_DIR=$small/state
mount_domfs
d=$M/domains/web

# --- full ---
mkdir "$d"
test_xml web > "$TMP/web.xml"
cp "$TMP/web.xml" "$d/xml"
{
	echo "<!-- $(head -c 30000 /dev/zero | tr '\0' x) -->"
	test_xml web | sed 's/128/256/'
} > "$TMP/big.xml"
remount_domfs			# no temporary file is left that could be reused
cp "$d/config/xml" "$TMP/kept.xml"
uuid=$(cat "$d/uuid")
dd if=/dev/zero of="$small/fill" bs=4k 2>/dev/null || :
refused ENOSPC mkdir "$M/domains/new"
like "$(tail -n 1 "$M/errors")" "ENOSPC .*new: make: .*'$DOMFS_STATE_DIR/domains/new'.*No space left" 'mkdir on a full disk: the reason'
is "$(ls "$M/domains")" web 'and no domain is there'
refused ENOSPC cp "$TMP/big.xml" "$d/xml"
like "$(cat "$d/error")" "$DOMFS_STATE_DIR/domains/web.*No space left" 'define on a full disk: the reason'
is "$(diff "$TMP/kept.xml" "$d/config/xml")" '' 'the definition is the old one'
is "$(cat "$d/memory_max")" $((128 << 20)) 'and is in force'
head -c 4000 /dev/zero | tr '\0' y > "$TMP/text"
refused ENOSPC sh -c "cat '$TMP/text' > '$d/description'"
is "$(cat "$d/description")" '' 'a value is not taken'
ok 'it starts all the same' sh -c "echo start > '$d/state'"
ok 'and stops' sh -c "echo destroy > '$d/state'"
ok 'rmdir needs no room' sh -c "rm '$small/fill'; mkdir '$M/domains/tmp'; dd if=/dev/zero of='$small/fill' bs=4k 2>/dev/null; rmdir '$M/domains/tmp'"
remount_domfs
is "$(ls "$M/domains")" web 'after a remount the same domains'
is "$(diff "$TMP/kept.xml" "$d/config/xml")" '' 'and the same definition'
is "$(cat "$d/uuid")" "$uuid" 'and uuid'
is "$(cat "$M/errors")" '' 'nothing is broken'
is "$(ls -A "$DOMFS_STATE_DIR/domains")" web 'no temporary file is left'
chmod 700 "$d"
rm "$small/fill"
ok 'with room: define' cp "$TMP/big.xml" "$d/xml"
is "$(diff "$TMP/big.xml" "$d/config/xml")" '' 'it is taken'
ok 'with room: mkdir' mkdir "$M/domains/new"
ok 'and rmdir' rmdir "$M/domains/new"
remount_domfs
is "$(diff "$TMP/big.xml" "$d/config/xml")" '' 'and is there after a remount'
is "$(stat -c %a "$d")" 700 'as are the rights set while there was no room'

# --- read-only ---
cp "$d/config/xml" "$TMP/kept.xml"
mount --bind "$DOMFS_STATE_DIR/domains" "$DOMFS_STATE_DIR/domains"
mount -o remount,bind,ro "$DOMFS_STATE_DIR/domains"
refused EROFS mkdir "$M/domains/new"
refused EROFS cp "$TMP/web.xml" "$d/xml"
refused EROFS mv "$d" "$M/domains/www"
refused EROFS rmdir "$d"
like "$(cat "$d/error")" "$DOMFS_STATE_DIR/domains/web.*Read-only file system" 'the reason'
is "$(ls "$M/domains")" web 'the domains are the same'
is "$(diff "$TMP/kept.xml" "$d/config/xml")" '' 'and the definition'
is "$(cat "$d/memory_max")" $((256 << 20)) 'which is in force'
umount "$DOMFS_STATE_DIR/domains"
ok 'writable again: define' cp "$TMP/web.xml" "$d/xml"
umount_domfs
mount -o remount,ro "$small"
rc=0
out=$(timeout 20 "$DOMFS" mount -f "$M" 2>&1 < /dev/null) || rc=$?
isnt "$rc" 0 'a state directory that cannot be written at all: no mount'
like "$out" "'$DOMFS_STATE_DIR.*Read-only file system" 'and the reason'
mount -o remount,rw "$small"
mount_domfs
is "$(diff "$TMP/web.xml" "$d/config/xml")" '' 'what was stored last is there'

# --- littered ---
mkdir "$M/domains/second"
cp "$TMP/web.xml" "$TMP/second.xml"
sed 's/web/second/' "$TMP/web.xml" > "$M/domains/second/xml"
chmod 755 "$M/domains"		# leaves a record that is no domain's
umount_domfs
(
	cd "$DOMFS_STATE_DIR/domains" || exit
	head -c 300 web > half
	head -c 40000 /dev/urandom > foreign
	sed 's/128/129/' web > changed
	: > empty
	cp ../root/access lacking
	mkdir directory
	mkfifo pipe
	ln -s /nowhere dangling
	ln -s second link
	cp web copy
	cp web zcopy
	sed 1q web > "$(printf 'new\nline')"
	sed 1q web > "$(head -c 250 /dev/zero | tr '\0' n)"
	echo x > .tmp-0
	echo x > .hidden
)
long=$(head -c 250 /dev/zero | tr '\0' n)
mount_domfs
is "$(ls "$M/domains" | tr '\n' ' ')" 'second web ' 'the others load, and nothing else'
is "$(diff "$TMP/web.xml" "$d/config/xml")" '' 'whole'
errors=$(cat "$M/errors")
for f in half foreign changed empty lacking directory pipe dangling link "$long"; do
	like "$errors" "domains/$f'" "errors name $(echo "$f" | cut -c1-20)"
done
like "$errors" "'copy' has the uuid of '" 'and the copy of another'
is "$(printf '%s\n' "$errors" | grep -vcE '^[0-9]{4}-[0-9T:.-]+Z ')" 0 'each in one line'
for f in half foreign changed empty lacking "$long"; do
	ok "$(echo "$f" | cut -c1-20) is set aside" sh -c "ls '$DOMFS_STATE_DIR/broken' | grep -q '^domains-$(echo "$f" | cut -c1-200).*\.1$' && [ ! -e '$DOMFS_STATE_DIR/domains/$f' ]"
done
is "$(head -c 300 "$DOMFS_STATE_DIR/broken/domains-half.1" | wc -c)" 300 'as it was'
ok 'a name that was in its way is free' mkdir "$M/domains/half"
ok 'and works' sh -c "echo start > '$M/domains/half/state' && echo destroy > '$M/domains/half/state'"
remount_domfs
unlike "$(cat "$M/errors")" 'half|foreign|lacking' 'the next start has nothing to say of what was set aside'
like "$(ls "$M/domains")" '^half$' 'and the new one is there'
rm -rf "${DOMFS_STATE_DIR:?}/broken"
umount_domfs
head -c 100 /dev/urandom > "$DOMFS_STATE_DIR/root/access"
mount_domfs
is "$(ls "$M/domains" | wc -l)" 3 'with damaged rights of the root all domains load'
like "$(cat "$M/errors")" "root/access'.*set aside" 'and errors say so'
done_testing
