#!/bin/sh
# A QEMU that is stopped (SIGSTOP) hangs nothing but the reader who must ask it.
# timeout: 240
. "$(dirname "$0")/../lib.sh"
require guest
truncate -s 1M "$TMP/disk.img"; chmod 666 "$TMP/disk.img"
mount_domfs -o timeout=2000
for n in one two; do
	start_guest $n "<disk type='file'><driver name='qemu' type='raw'/><source file='$TMP/disk.img'/><target dev='vda'/><shareable/></disk>
	<video><model type='vga'/></video><graphics type='vnc'><listen type='socket'/></graphics>"
done
d=$M/domains/one
fds=$(ls "/proc/$(domfs_pid)/fd" | wc -l)
kill -STOP "$(cat "$d/pid")"

# each is far quicker; what is tested is that none of them waits for QEMU (2 s a question)
ok 'ls -lR of the mount' timeout 5 ls -lR "$M"
ok 'the files of known state' timeout 1 cat "$d/state" "$d/xml" "$d/cpus" "$d/memory" "$d/disks/vda/source" \
	"$d/pid" "$d/config/xml" "$d/stats/cpu" "$M/list"
ok 'the other guest' timeout 2 cat "$M/domains/two/state" "$M/domains/two/stats/block"
refused ETIMEDOUT timeout 6 cat "$d/stats/block"
like "$(cat "$d/error")" 'did not answer' 'the reason says so'
refused ETIMEDOUT timeout 6 cp "$d/screenshot.png" "$TMP/s.png"

rc=0
timeout -k 1 0.3 cat "$d/stats/block" > /dev/null 2>&1 || rc=$?
is $rc 124 'a reader who waits ends by SIGTERM'
mkdir "$M/domains/three"
guest_xml three > "$TMP/three.xml"
ok 'others are defined' cp "$TMP/three.xml" "$M/domains/three/xml"
ok 'and started' timeout 10 sh -c "echo start > $M/domains/three/state"
ok 'and stopped meanwhile' timeout 5 sh -c "echo destroy > $M/domains/three/state"
ok 'metrics come without it' timeout 6 sh -c "grep -q two $M/metrics"

pid=$(cat "$d/pid")
ok 'destroy of the stopped one works' timeout 1 sh -c "echo destroy > $d/state"
is "$(cat "$d/state") $(cat "$d/reason")" 'shutoff destroyed'
ok 'its process is gone' sh -c "! kill -0 $pid 2>/dev/null"
echo destroy > "$M/domains/two/state"
wait_for 10 sh -c "[ \$(ls /proc/$(domfs_pid)/fd | wc -l) -le $fds ]" || :
ok 'no descriptor is left over' [ "$(ls "/proc/$(domfs_pid)/fd" | wc -l)" -le "$fds" ]
done_testing
