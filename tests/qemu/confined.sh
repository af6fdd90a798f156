#!/bin/sh
# As root each guest runs under an unprivileged uid of its own with what the domain's owner may open, and nothing more.
# timeout: 180
. "$(dirname "$0")/../lib.sh"
require guest
require root 'confinement by uid'
require setfacl
alice=61001 bob=61002
mount_domfs
for n in one two; do start_guest $n; done
d=$M/domains/one
pid=$(cat "$d/pid")
status=$(cat "/proc/$pid/status")
uid=$(echo "$status" | awk '/^Uid/ {print $2}')
isnt "$uid" 0 'QEMU is not root'
isnt "$(awk '/^Uid/ {print $2}' "/proc/$(cat "$M/domains/two/pid")/status")" "$uid" 'each has a uid of its own'
is "$(echo "$status" | awk '/^CapEff/ {print $2}')" 0000000000000000 'no capabilities'
is "$(echo "$status" | awk '/^NoNewPrivs/ {print $2}')" 1 'no new privileges'
is "$(echo "$status" | awk '/^Seccomp:/ {print $2}')" 2 'a seccomp filter'
is "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid" 'a session of its own'
is "$(awk '/core file/ {print $5}' "/proc/$pid/limits")" 0 'no core dumps'
unlike "$(ls -l "/proc/$pid/fd")" "$DOMFS_STATE_DIR|/dev/fuse" 'no descriptor of domfs itself'

# alice may plug disks into one, with her rights and not root's
secret=$TMP/secret.img
truncate -s 1M "$secret"; chmod 600 "$secret"
mkdir "$TMP/closed"; truncate -s 1M "$TMP/closed/x.img"; chmod 700 "$TMP/closed"; chmod 666 "$TMP/closed/x.img"
truncate -s 1M "$TMP/hers.img"; chown $alice "$TMP/hers.img"; chmod 600 "$TMP/hers.img"
chown $alice "$d"
ok 'alice makes a disk' as_user $alice mkdir "$d/disks/vdb"
refused EACCES as_user $alice sh -c "echo /etc/shadow > $d/disks/vdb/source"
like "$(cat "$d/disks/vdb/error")" '/etc/shadow' 'the reason names the file'
refused EACCES as_user $alice sh -c "echo $secret > $d/disks/vdb/source"
refused EACCES as_user $alice sh -c "echo $TMP/closed/x.img > $d/disks/vdb/source"
like "$(cat "$d/disks/vdb/error")" "$TMP/closed'" 'the reason names the component of the path'
ln -s /etc/shadow "$TMP/link.img"
refused EACCES as_user $alice sh -c "echo $TMP/link.img > $d/disks/vdb/source"
ok 'her own image is plugged' as_user $alice sh -c "echo $TMP/hers.img > $d/disks/vdb/source"
ok 'and seen' wait_console one '^guest: disk vd. 1048576' 30
refused EACCES as_user $bob sh -c "echo detach > $d/disks/vdb/state"
unlike "$(ls -ln "/proc/$pid/fd")" 'shadow' 'no descriptor of what she may not open'

# a definition of hers with root's files is refused at start
echo destroy > "$d/state"
sed "s|$(guest_dir)/vmlinuz|/etc/shadow|" "$TMP/one.xml" > "$TMP/bad.xml"
chmod 644 "$TMP/bad.xml"
ok 'she may define' as_user $alice cp "$TMP/bad.xml" "$d/xml"
refused EACCES as_user $alice sh -c "echo start > $d/state"
is "$(cat "$d/state")" shutoff
# a kernel that only its owner may read reaches QEMU all the same
install -m 600 -o $alice "$(guest_dir)/vmlinuz" "$TMP/kernel"
sed "s|$(guest_dir)/vmlinuz|$TMP/kernel|" "$TMP/one.xml" > "$TMP/own.xml"
chmod 644 "$TMP/own.xml"
mark_console one
ok 'her private kernel' as_user $alice cp "$TMP/own.xml" "$d/xml"
ok 'is started' as_user $alice sh -c "echo start > $d/state"
ok 'and boots' wait_console one '^guest: up' 60
done_testing
