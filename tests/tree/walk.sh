#!/bin/sh
# Programs that read whole trees end, and change nothing; what blocks is not listed, unless list_all says so.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require rsync
mount_domfs

for n in a b; do
	mkdir "$M/domains/$n"
	test_xml "$n" "<disk type='file'><source file='/nowhere/$n.img'/><target dev='vda'/></disk>
		<interface type='user'/><serial type='pty'/>" > "$TMP/$n.xml"
	cp "$TMP/$n.xml" "$M/domains/$n/xml"
done
echo start > "$M/domains/b/state"
# What must stay as it is; reads may change counters, never this.
look() {
	for n in a b; do
		(cd "$M/domains/$n" && cat xml config/xml state reason cpus memory title autostart id uuid error pending \
			disks/vda/xml && stat -c '%a %u %g' . xml state && stat -c %y xml)
	done
	cat "$M/list" "$M/errors"
	ls "$M/domains" "$M/domains/a" "$M/domains/b/disks" "$M/domains/b/devices"
	grep -c . "$M/events"
}
look > "$TMP/before"
walk() {	# NAME COMMAND...: its status does not matter where it may not be 0 (a counter that changed while it was read)
	name=$1
	shift
	rc=0
	timeout 20 "$@" > "$TMP/out" 2> "$TMP/said" || rc=$?
	case $rc in
	0)	pass "$name ends well" ;;
	124)	fail "$name ends" 'killed after 20 s' ;;
	*)	fail "$name ends well" "status $rc: $(head -n 20 "$TMP/said")" ;;
	esac
	look > "$TMP/after"
	is "$(diff "$TMP/before" "$TMP/after")" '' 'and nothing has changed'
}
cd "$M"
walk 'grep -r' grep -rc . .
like "$(cat "$TMP/out")" '^\./domains/b/disks/vda/source:1$' 'it read deep down'
walk 'grep -R' grep -Rl 128 domains
walk 'find' find . -ls
walk 'find -exec cat' find . -type f -exec cat {} +
walk 'find -exec cat of each' find domains -type f -exec cat {} ';'
walk 'find -size' find . -type f -size +0 -newer version
walk 'ls -lR' ls -lR
walk 'ls -laR' ls -laRn --time-style=full-iso .
walk du du -a .
walk 'du --apparent-size' du -sb .
walk 'wc' sh -c 'find . -type f -print0 | xargs -0 wc -c'
walk 'md5sum' sh -c 'find domains -type f -print0 | xargs -0 md5sum'
walk 'python os.walk' python3 -c '
import os
for top, dirs, files in os.walk("."):
	for f in files: open(os.path.join(top, f), "rb").read()'
walk 'tar cf -' tar cf - -C "$M" .
tar tf "$TMP/out" > "$TMP/names"
is "$(grep -c '/xml$' "$TMP/names")" "$(find . -name xml | wc -l)" 'the archive has every document'
mkdir "$TMP/untar"
tar xf "$TMP/out" -C "$TMP/untar"
ok 'with its text' cmp domains/b/config/xml "$TMP/untar/domains/b/config/xml"
walk 'tar of the root to /dev/null' tar cf /dev/null .
walk 'rsync -a' rsync -a "$M/" "$TMP/rsync/"
ok 'the copy has the text' cmp domains/b/config/xml "$TMP/rsync/domains/b/config/xml"
walk 'rsync -a again' rsync -ac "$M/domains/" "$TMP/rsync/domains/"
walk 'cp -r' cp -r "$M" "$TMP/cp"
ok 'the copy has the text, too' cmp domains/a/xml "$TMP/cp/domains/a/xml"
walk 'cp -a' cp -a "$M/domains" "$TMP/cpa"
walk 'cp -rL' cp -rL "$M/by-uuid" "$TMP/cpl"
walk 'diff -r' diff -r "$M/domains/a" "$M/domains/a"
walk 'diff -r with a copy' diff -r "$TMP/cpa/a/config" "$M/domains/a/config"
! command -v zip > /dev/null || walk 'zip -r' zip -qr - domains
! command -v cpio > /dev/null || walk 'cpio' sh -c 'find . | cpio -o --quiet'
! command -v git > /dev/null || walk 'git diff' git --no-pager diff --no-index --quiet domains/a/config "$TMP/cpa/a/config"
! command -v busybox > /dev/null || walk 'busybox grep -r' busybox grep -r 128 domains

# --- what is hidden ---

d=domains/b
for f in console wait/running wait/paused wait/shutoff wait/job; do
	ok "$f answers to its name" test -f "$d/$f"
	is "$(find "$d" -path "$d/$f")" '' 'and is not listed'
done
is "$(ls -A "$d/wait")" '' 'wait looks empty'
is "$(timeout 10 cat "$d/wait/running" | cut -d' ' -f1)" running 'what is so already is answered'
ok 'rmdir of wait is refused' sh -c "! rmdir $d/wait 2>/dev/null"
cd "$TMP"
echo destroy > "$M/$d/state"
remount_domfs -o list_all
cd "$M"
for f in console wait/running wait/paused wait/shutoff wait/job; do
	is "$(find "$d" -path "$d/$f")" "$d/$f" "list_all lists $f"
done
walk_one() { timeout 20 ls -lR . > "$TMP/out"; }
ok 'ls -lR still ends' walk_one
done_testing
