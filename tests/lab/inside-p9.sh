#!/bin/sh
# What tests/lab/p9.sh runs inside the lab VM: tests/tree/*.sh over v9fs, two at a time.  [NAME...]: only these.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
modprobe -a 9p 9pnet 9pnet_fd fuse loop 2>&1 || :

# A static program starts in an eighth of the time here.
mkdir /run/quick
for name in awk cut dd env expr grep head mkdir mkfifo printf rmdir sed seq sh sleep sort stat touch tr wc; do
	ln -s "$(command -v busybox)" "/run/quick/$name"
done
mkdir /run/quick-cat
ln -s "$(command -v busybox)" /run/quick-cat/cat
PATH=/run/quick:$PATH
TMPDIR=/run

one() {	# NAME OVER
	began=$(cut -d. -f1 /proc/uptime)
	rc=0
	PATH=$PATH
	# what blocks is looked for in read(2)
	case $1 in wait|events) ;; *) PATH=/run/quick-cat:$PATH ;; esac
	TMPDIR=/run DOMFS_OVER=$2 timeout "${T:-100}" /bin/sh "$top/tests/tree/$1.sh" > "/run/$1.$2.tap" 2>&1 || rc=$?
	{
		echo "# $1 over $2: status $rc after $(($(cut -d. -f1 /proc/uptime) - began)) s"
		cat "/run/$1.$2.tap"
	} > "/run/$1.$2.out"
	cat "/run/$1.$2.out"
	return "$rc"
}
export PATH TMPDIR top
for t in "$@"; do
	one "$t" "${OVER:-v9fs}" || :
done
