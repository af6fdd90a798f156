#!/bin/sh
# kill -9 of QEMU is seen at once: state, reason, event, waiters; the process is reaped and its run files are gone.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require guest
mount_domfs
start_guest web "<panic model='isa'/>"
d=$M/domains/web
pid=$(cat "$d/pid") uuid=$(cat "$d/uuid")
timeout 20 cat "$d/wait/shutoff" > "$TMP/waited" &
waiter=$!
timeout 20 sh -c "cat <> $M/events" > "$TMP/followed" &
follower=$!
sleep 0.5
kill -KILL "$pid"
if wait $waiter; then pass 'a wait reader ends'; else fail 'a wait reader ends'; fi
like "$(cat "$TMP/waited")" 'crashed|shutoff' 'with the news'
like "$(cat "$d/state")" '^(crashed|shutoff)$' 'the state says so'
is "$(cat "$d/reason")" crashed 'and the reason'
like "$(cat "$d/error")" 'signal 9' 'error tells how it ended'
ok 'the event is followed' wait_for 5 grep -qE 'domain web .*crashed' "$TMP/followed"
kill $follower 2>/dev/null || :
ok 'the process is reaped' sh -c "! [ -e /proc/$pid ]"
is "$(find "$DOMFS_RUN_DIR/domains" "$DOMFS_RUN_DIR/guests" -name "*$uuid*")" '' 'the run files are gone'
ok 'it starts again' sh -c "echo start > $d/state"
isnt "$(cat "$d/pid")" "$pid" 'in a new process'
mark_console web
ok 'it boots again' wait_console web '^guest: up' 60
type_console web crash
ok "the guest's own panic ends it" timeout 30 cat "$d/wait/shutoff"
like "$(cat "$d/state") $(cat "$d/reason")" 'crashed' 'as crashed'
like "$(cat "$M/events")" 'domain web panicked' 'and the event says why'
done_testing
