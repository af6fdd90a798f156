#!/bin/sh
# What tests/lab/p9.sh runs inside the lab VM: inside-v9fs.sh, and tests/tree/*.sh over v9fs.  [NAME...]: only these.
#
# Left out, as they are about something else than the wire (mount, corpus, crash, layout, store, hang, vim, pool-*, host-storage), as v9fs
# has neither fallocate nor holes (volume-*: inside-v9fs.sh puts an image there and takes it back), or as they take minutes here, where a
# process is dear (rmtree, walk, concurrent, access, secrets: inside-v9fs.sh walks, archives and removes trees as several users).
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
modprobe -a 9p 9pnet 9pnet_fd fuse loop

# A static program starts in an eighth of the time here.
mkdir /run/quick /run/quick-cat
for name in awk cut dd env expr grep mkdir mkfifo printf rmdir sed seq sh sleep sort touch tr wc; do
	ln -s "$(command -v busybox)" "/run/quick/$name"
done
ln -s "$(command -v busybox)" /run/quick-cat/cat
PATH=/run/quick:$PATH
TMPDIR=/run
export PATH TMPDIR

# In a subshell.  The output of one that is whole.
one() {	# SCRIPT OVER
	cd "$top"
	# what blocks is looked for in read(2)
	case $1 in */wait.sh|*/events.sh) ;; *) PATH=/run/quick-cat:$PATH ;; esac
	out=/run/$(echo "$1.$2" | tr / .)
	read -r began _ < /proc/uptime
	DOMFS_OVER=$2 timeout 200 /bin/sh "$1" > "$out" 2>&1 || : > "$out.failed"
	read -r ended _ < /proc/uptime
	echo "# $1 over $2, ${ended%.*} - ${began%.*} s: $(grep -c ^ok "$out") points" >> "$out"
	cat "$out"
}
lane() {	# SCRIPT:OVER...
	for _one in "$@"; do
		(one "${_one%:*}" "${_one#*:}")
	done
}

if [ $# -gt 0 ]; then
	for t in "$@"; do
		case $t in */*) ;; *) t=tests/tree/$t.sh:v9fs ;; esac
		set -- "$@" "$t"
		shift
	done
	lane "$@"
else
	lane tests/tree/values.sh:v9fs tests/tree/devices.sh:v9fs-tcp tests/tree/wait.sh:v9fs tests/tree/events.sh:v9fs > /run/second &
	lane tests/lab/inside-v9fs.sh:v9fs tests/tree/state.sh:v9fs tests/tree/define.sh:v9fs tests/tree/names.sh:v9fs
	wait
	cat /run/second
fi
[ -z "$(ls /run/*.failed 2> /dev/null)" ]
