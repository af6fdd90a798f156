#!/bin/sh
# tests/ceph.sh start|stop DIR - a Ceph cluster of one monitor and one OSD on 127.0.0.1, with a login; for tests.
#
# Everything lies in DIR: daemons log there, their pids are in mon.a.pid and osd.0.pid, the disk is a sparse file.  DIR/hosts has the
# monitor's HOST:PORT, DIR/key the key of client.admin.  One Ceph pool: rbd.  Takes some 10 s, 60 MB of disk, 100 MB of memory.
set -eu
what=$1
D=$(realpath -m "$2")

stop() {
	for f in "$D"/*.pid; do
		[ -s "$f" ] || continue
		pid=$(cat "$f")
		case $(tr '\0' ' ' 2>/dev/null < "/proc/$pid/cmdline") in *"$D"/ceph.conf*) ;; *) continue ;; esac
		kill -CONT "$pid" 2>/dev/null || :
		kill -KILL "$pid" 2>/dev/null || :
		while grep -qs '^State:.[^Z]' "/proc/$pid/status"; do sleep 0.05; done	# whoever adopted it may reap it later
	done
}

[ "$what" = start ] || { stop; exit; }
trap 's=$?; [ $s = 0 ] || { cat "$D"/start.log >&2; stop; }' EXIT

mkdir -p "$D/mon" "$D/osd"
fsid=$(cat /proc/sys/kernel/random/uuid)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
CEPH_CONF=$D/ceph.conf
export CEPH_CONF
cat > "$CEPH_CONF" <<CONF
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$port]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = $D/keyring
run dir = $D
log file = $D/\$name.log
admin socket =
pid file = $D/\$name.pid
crash dir = $D
mon cluster log to file = false
mon allow pool size one = true
mon data avail warn = 1
mon data avail crit = 1
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
# a lone OSD that was stopped for longer than its lease (16 s) may keep what was asked then for ever (ceph-container issue 1682)
osd pool default read lease ratio = 100
osd objectstore = bluestore
osd memory target = 939524096
bluestore block size = 4294967296
bluestore block create = true
bluestore block wal create = false
bluestore block db create = false
[mon.a]
mon data = $D/mon
[osd.0]
osd data = $D/osd
CONF

{
	ceph-authtool --create-keyring "$D/keyring" --gen-key -n mon. --cap mon 'allow *'
	ceph-authtool "$D/keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
	ceph-authtool "$D/osd.keyring" --create-keyring --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
	monmaptool --create --addv a "[v2:127.0.0.1:$port]" --fsid "$fsid" "$D/monmap"
	ceph-mon -c "$CEPH_CONF" -i a --mkfs --monmap "$D/monmap" --keyring "$D/keyring"
	ceph-mon -c "$CEPH_CONF" -i a
	uuid=$(cat /proc/sys/kernel/random/uuid)
	ceph --connect-timeout 20 osd new "$uuid"
	ceph auth add osd.0 -i "$D/osd.keyring"
	cp "$D/osd.keyring" "$D/osd/keyring"
	ceph-osd -c "$CEPH_CONF" -i 0 --mkfs --osd-uuid "$uuid" --keyring "$D/osd/keyring"
	ceph-osd -c "$CEPH_CONF" -i 0 --keyring "$D/osd/keyring"
	tries=0
	until ceph osd stat | grep '1 up'; do
		tries=$((tries + 1))
		[ $tries -lt 60 ]
		sleep 0.2
	done
	ceph osd pool create rbd 8 8
	ceph osd pool application enable rbd rbd
} > "$D/start.log" 2>&1
ceph-authtool "$D/keyring" -n client.admin --print-key > "$D/key"
echo "127.0.0.1:$port" > "$D/hosts"
