#!/bin/sh
# kill -9 of domfs leaves the guests running; a new mount finds them and drives them.
# timeout: 300
. "$(dirname "$0")/../lib.sh"
require guest
mount_domfs
truncate -s 4M "$TMP/a.img"; chmod 666 "$TMP/a.img"
for n in stays dies stops off; do
	GUEST_CPUS_MAX=2 start_guest $n
done
echo suspend > "$M/domains/stops/state"
echo destroy > "$M/domains/off/state"
pid=$(cat "$M/domains/stays/pid") uuid=$(cat "$M/domains/stays/uuid")
dies=$(cat "$M/domains/dies/pid")
cp "$M/domains/stays/xml" "$TMP/before.xml"
kill_domfs
kill -KILL "$dies"
ok 'the guest outlives domfs' kill -0 "$pid"
remount_domfs

d=$M/domains/stays
ok 'all is found' timeout 10 cat "$d/wait/running"
is "$(cat "$d/state") $(cat "$d/pid") $(cat "$d/uuid")" "running $pid $uuid" 'the same guest'
is "$(diff "$TMP/before.xml" "$d/xml")" '' 'its document too'
is "$(cat "$M/domains/stops/state")" paused 'the suspended one is still suspended'
is "$(cat "$M/domains/off/state")" shutoff 'the one that was off is off'
is "$(cat "$M/domains/dies/state") $(cat "$M/domains/dies/reason")" 'shutoff ended while domfs was away' 'the one that died is off, with the reason'
like "$(cat "$d/console.log")" '^guest: up' 'the console is replayed'
mark_console stays
type_console stays 'echo again=$((40+2))'
ok 'the console works' wait_console stays '^again=42' 20
mkdir "$d/disks/vdb"
echo "$TMP/a.img" > "$d/disks/vdb/source"
ok 'hot-plug works' wait_console stays '^guest: disk vd. 4194304' 30
echo 2 > "$d/cpus"
ok 'vCPU hot-plug too' wait_console stays '^guest: cpus 2' 30
ok 'and unplug' timeout 60 sh -c "echo detach > $d/disks/vdb/state"
like "$(cat "$M/events")" 'domain stays' 'events tell of it'
echo resume > "$M/domains/stops/state"
is "$(cat "$M/domains/stops/state")" running 'resume works'

# twice, with a stopped QEMU among them
kill -STOP "$(cat "$M/domains/stops/pid")"
kill_domfs
remount_domfs
ok 'the state answers while one QEMU is stopped' timeout 2 cat "$M"/domains/*/state
timeout 20 cat "$d/wait/running" > /dev/null
echo shutdown > "$d/state"
ok 'shutdown works' timeout 60 cat "$d/wait/shutoff"
ok 'the stopped one is destroyed' timeout 8 sh -c "echo destroy > $M/domains/stops/state"
is "$(cat "$M/domains/stops/state")" shutoff
is "$(find "$DOMFS_RUN_DIR/domains" "$DOMFS_RUN_DIR/guests" -mindepth 1)" '' 'no run files are left'
done_testing
