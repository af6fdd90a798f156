#!/bin/sh
# A recursive delete of a domain or of the mount changes nothing; rmdir of the object by another process works afterwards.
# timeout: 90
# shellcheck disable=SC2016
. "$(dirname "$0")/../lib.sh"
require python3
require rsync
require busybox
mount_domfs

D=$M/domains
for n in web off; do
	mkdir "$D/$n"
	test_xml "$n" "<disk type='file'><source file='/nowhere/$n.img'/><target dev='vda'/></disk>
		<interface type='user'/>" > "$TMP/$n.xml"
	cp "$TMP/$n.xml" "$D/$n/xml"
done
mkdir "$D/empty"
echo start > "$D/web/state"
mkdir "$TMP/empty"
look() {
	find "$D" -printf '%p %y %m %U %G\n' | sort
	for n in web off empty; do
		cat "$D/$n/xml" "$D/$n/config/xml" "$D/$n/uuid" "$D/$n/state" "$D/$n/id" "$D/$n/autostart"
	done
	ls -R "$DOMFS_STATE_DIR"
}
look > "$TMP/before"
try() {		# NAME COMMAND...
	name=$1
	shift
	timeout 30 "$@" > "$TMP/said" 2>&1 || :
	look > "$TMP/after" 2>&1 || :
	is "$(diff "$TMP/before" "$TMP/after" | head -n 30)" '' "$name changes nothing"
}
for at in "$D/web" "$D/off" "$D/empty" "$D/off/disks" "$D/off/disks/vda" "$D" "$M"; do
	in=${at#"$TMP"/}
	try "rm -r $in" sh -c 'yes | rm -r "$0"' "$at"
	try "rm -rf $in" rm -rf "$at"
	try "busybox rm -rf $in" busybox rm -rf "$at"
	try "find $in -delete" find "$at" -delete
	try "find $in -mindepth 1 -delete" find "$at" -mindepth 1 -delete
	try "shutil.rmtree $in, errors ignored" python3 -c 'import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)' "$at"
	try "rmtree of os.walk, $in" python3 -c '
import os, sys
def gone(f, *a):
	try: f(*a)
	except OSError: pass
for top, dirs, files in os.walk(sys.argv[1], topdown=False):
	for f in files: gone(os.unlink, os.path.join(top, f))
	for d in dirs: gone(os.rmdir, os.path.join(top, d))
gone(os.rmdir, sys.argv[1])' "$at"
	try "perl rmtree $in" perl -MFile::Path -e 'File::Path::remove_tree($ARGV[0], {safe => 1, error => \my $e})' "$at"
	try "rsync --delete into $in" rsync -a --delete --omit-dir-times --no-perms --no-owner --no-group "$TMP/empty/" "$at/"
	try "rsync --delete --force into $in" rsync -r --delete --force "$TMP/empty/" "$at/"
done
try 'rm -rf of all' sh -c 'rm -rf "$0"/*' "$D"
try 'rm -d of files' sh -c 'rm -df "$0"/off/*' "$D"
try 'unlink of the directory' sh -c 'unlink "$0"/off' "$D"

refused EBUSY rmdir "$D/web"
ok 'rmdir of a disk works, from another process' rmdir "$D/off/disks/vda"
unlike "$(cat "$D/off/xml")" 'off.img' 'it is gone'
ok 'rmdir of a domain works' rmdir "$D/off"
ok 'that of an empty one' rmdir "$D/empty"
echo destroy > "$D/web/state"
# The same process that was refused may not; others may.
is "$(python3 -c '
import os, sys
try: os.unlink(sys.argv[1] + "/state")
except PermissionError: print("refused", end=" ")
try: os.rmdir(sys.argv[1])
except OSError as e: print(e.strerror)
' "$D/web")" 'refused Directory not empty' 'who was refused a file may not remove the directory'
ok 'rmdir by another one' rmdir "$D/web"
is "$(ls -A "$D")" '' 'nothing is left'
done_testing
