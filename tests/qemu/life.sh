#!/bin/sh
# A real guest from mkdir to rmdir: define, start, watch, pause, reset, reboot, shut down, destroy, rename.
# timeout: 240
. "$(dirname "$0")/../lib.sh"
require guest
mount_domfs

d=$M/domains/web
mkdir "$d"
is "$(cat "$d/state")" shutoff 'a new domain is shut off'
guest_xml web > "$TMP/web.xml"
ok 'its XML is taken' cp "$TMP/web.xml" "$d/xml"
is "$(cat "$d/config/xml")" "$(cat "$TMP/web.xml")" 'config/xml is what was written, byte for byte'
uuid=$(cat "$d/uuid")
like "$uuid" '^[0-9a-f]{8}-[0-9a-f]{4}-' 'it has a uuid'
like "$(cat "$d/command")" 'qemu-system-x86_64' 'command shows what would be run'

ok 'start' sh -c "echo start > $d/state"
is "$(cat "$d/state")" running
is "$(cat "$d/reason")" booted
pid=$(cat "$d/pid")
ok 'pid is that of a process' kill -0 "$pid"
like "$(tr '\0' ' ' < "/proc/$pid/cmdline")" "guest=web" 'and it is QEMU'
like "$(cat "$d/command")" '/dev/fdset|fd=' 'command shows what is run'
is "$(cat "$M/by-id/$(cat "$d/id")/uuid")" "$uuid" 'by-id leads to it'
is "$(cat "$M/by-uuid/$uuid/state")" running 'by-uuid leads to it'
like "$(cat "$M/list")" '^web running [0-9]+ 1 134217728$' 'list has a line for it'
ok 'it boots' wait_console web '^guest: up' 60

type_console web 'echo sum=$((20+22))'
ok 'its console answers' wait_console web '^sum=42' 20
like "$(cat "$d/stats/cpu")" '^time_ns [1-9][0-9]*$' 'cpu time is counted'
like "$(cat "$d/vcpus/0/time")" '^[0-9]+$' 'per vCPU too'
like "$(cat "$d/stats/memory")" '^rss_bytes [1-9]' 'memory is counted'
like "$(cat "$M/metrics")" 'domain="web"|name="web"' 'metrics have it'
like "$(cat "$d/xml")" "<source path='/dev/pts/|<source path=\"/dev/pts/" 'xml shows the pseudo-terminal'

echo suspend > "$d/state"
is "$(cat "$d/state") $(cat "$d/reason")" 'paused user' 'suspend'
echo resume > "$d/state"
is "$(cat "$d/state")" running 'resume'
mark_console web
echo reset > "$d/state"
ok 'reset boots it again' wait_console web '^guest: up' 60
mark_console web
echo reboot > "$d/state"
ok 'reboot boots it again' wait_console web '^guest: up' 60
is "$(cat "$d/pid")" "$pid" 'in the same process'
refused EBUSY rmdir "$d"

echo shutdown > "$d/state"
ok 'shutdown is obeyed' timeout 60 cat "$d/wait/shutoff"
is "$(cat "$d/state") $(cat "$d/reason")" 'shutoff shutdown' 'and said'
ok 'the process is gone' sh -c "! kill -0 $pid 2>/dev/null"
is "$(ls "$DOMFS_RUN_DIR/domains" "$DOMFS_RUN_DIR/guests" | grep -c "$uuid")" 0 'and its run files'

echo start > "$d/state"
is "$(cat "$d/uuid")" "$uuid" 'the uuid stays over a restart'
echo destroy > "$d/state"
is "$(cat "$d/state") $(cat "$d/reason")" 'shutoff destroyed' 'destroy'
like "$(cat "$M/events")" ' domain web (started|running)' 'events tell the start'
like "$(cat "$M/events")" ' domain web (stopped|shutoff|destroyed)' 'and the end'
ok 'mv renames' mv "$d" "$M/domains/www"
is "$(cat "$M/domains/www/uuid")" "$uuid" 'the same domain'
ok 'rmdir removes' rmdir "$M/domains/www"
is "$(ls "$M/domains")" '' 'nothing is left of it'
done_testing
