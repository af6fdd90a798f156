#!/bin/sh
# An ordinary user mounts through fusermount3 and runs a guest as that user.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require guest
require root 'becomes another user'
require fusermount3
user=65534	# one with a passwd entry: fusermount3 wants its name
# the user must reach the binary and the guest, which may lie in a closed checkout
mkdir "$TMP/u" "$TMP/u/mnt" "$TMP/u/bin"
cp "$DOMFS" "$TMP/u/bin/domfs"
cp "$(guest_dir)/vmlinuz" "$(guest_dir)/initrd" "$TMP/u/"
chmod 644 "$TMP/u/vmlinuz" "$TMP/u/initrd"
chown -R $user "$TMP/u"
cat > "$TMP/u/script" <<'SH'
set -eu
cd "$1"
export XDG_STATE_HOME=$1/state XDG_RUNTIME_DIR=$1/run HOME=$1
unset DOMFS_STATE_DIR DOMFS_RUN_DIR
mkdir -m 700 run state
bin/domfs mount mnt
echo "mounted"
mkdir mnt/domains/web
cp web.xml mnt/domains/web/xml
echo start > mnt/domains/web/state
echo "state=$(cat mnt/domains/web/state)"
echo "uid=$(awk '/^Uid/ {print $2}' /proc/$(cat mnt/domains/web/pid)/status)"
echo destroy > mnt/domains/web/state
ls state/domfs run/domfs | grep -q domains && echo "xdg=yes"
bin/domfs umount mnt
echo "unmounted"
SH
guest_xml web > "$TMP/web.xml"
sed "s|$(guest_dir)|$TMP/u|g" "$TMP/web.xml" > "$TMP/u/web.xml"
chmod 644 "$TMP/u/web.xml"
out=$(as_user $user sh "$TMP/u/script" "$TMP/u" 2>&1) || note "$out"
like "$out" '^mounted$' 'it mounts'
like "$out" '^state=running$' 'a guest runs'
like "$out" "^uid=$user$" 'as that user'
like "$out" '^xdg=yes$' 'state and run files are in XDG directories'
like "$out" '^unmounted$' 'and it unmounts'
done_testing
