#!/bin/sh
# What tests/lab/storage-files.sh runs inside the lab VM.  vda: file systems; vdb: partitions; vdc: what the servers export.
. "$(dirname "$0")/../lib.sh"
require root

pools=$M/pools
define() {	# NAME: its definition from stdin
	cat > "$TMP/$1.xml"
	[ -d "$pools/$1" ] || mkdir "$pools/$1"
	cp "$TMP/$1.xml" "$pools/$1/xml" || fail "$1 is defined" "$(cat "$pools/$1/error")"
}
tell() {	# POOL WORD: a point
	ok "$1: $2" sh -c "echo '$2' > $pools/$1/state || { cat $pools/$1/error; false; }"
}
volume() {	# POOL NAME SIZE [FORMAT]: a point
	mkdir "$pools/$1/volumes/$2"
	[ -z "${4:-}" ] || echo "$4" > "$pools/$1/volumes/$2/format"
	ok "$1: the volume $2 of $3 is made" sh -c "echo $3 > $pools/$1/volumes/$2/capacity ||
		{ cat $pools/$1/volumes/$2/error; false; }"
}
stays() {	# POOL NAME WORDS: rmdir is refused, at once or (where asking takes long) as a job that fails
	rmdir "$pools/$1/volumes/$2" 2>/dev/null || :
	ok "$2 is not removed: $3" wait_for 30 grep -qE "$3" "$pools/$1/volumes/$2/error"
}
removed() {	# POOL NAME: by rmdir, at once or as a job
	rmdir "$pools/$1/volumes/$2" 2>/dev/null || :
	if wait_for 20 test ! -e "$pools/$1/volumes/$2"; then
		pass "$2 is removed"
	else
		fail "$2 is removed" "$(cat "$pools/$1/volumes/$2/error" "$pools/$1/volumes/$2/job"; tail -n 2 "$M/errors")"
	fi
}
mount_line() { grep -F " $1 " /proc/self/mountinfo || :; }
quick() {	# NAME SECONDS COMMAND...: ends well within that time
	_quick=$1 _bound=$(($2 * _slow))
	shift 2
	ok "$_quick" timeout "$_bound" "$@"
}

modprobe -a fuse ext4 xfs btrfs vfat nls_cp437 nls_ascii nfsd nfs cifs nf_tables
mount_domfs

# --- fs ---

for type in ext4 xfs btrfs vfat; do
	define data <<-XML
	<pool type='fs'><name>data</name>
	<source><device path='/dev/disk/by-id/virtio-lab0'/><format type='$type'/></source>
	<target><path>$TMP/data</path></target></pool>
	XML
	tell data 'build overwrite'
	tell data start
	like "$(mount_line "$TMP/data")" "nosuid,nodev,noexec.* - $type /dev/(vda|disk/by-id)" "$type is mounted"
	volume data v 1M raw
	ok "$type: the volume is a file" test -f "$TMP/data/v"
	tell data stop
	is "$(mount_line "$TMP/data")" '' "$type is unmounted"
done
mount /dev/vda "$TMP/data"
tell data start
tell data stop
like "$(mount_line "$TMP/data")" 'vfat' "a mount by hand, of the device's other name, is adopted and left in place"
umount "$TMP/data"

# --- disk ---

disk_xml() {
	define parts <<-XML
	<pool type='disk'><name>parts</name><source><device path='/dev/vdb'/><format type='$1'/></source>
	<target><path>${2:-/dev}</path></target></pool>
	XML
}
disk_xml gpt
refused ENODATA sh -c "echo start > $pools/parts/state"
like "$(cat "$pools/parts/error")" 'no partition table.*echo build' 'a blank disk is not started, and it is said what would help'
tell parts build
tell parts start
refused EBUSY sh -c "echo build > $pools/parts/state"
volume parts vdb1 20M linux
volume parts vdb2 10M linux-lvm
is "$(lsblk -nbo PATH,SIZE,PARTTYPENAME /dev/vdb1 /dev/vdb2 | tr -s ' ')" "/dev/vdb1 20971520 Linux filesystem
/dev/vdb2 10485760 Linux LVM" 'lsblk sees both partitions'
is "$(ls "$pools/parts/volumes" | tr '\n' ' ')" 'vdb1 vdb2 '
is "$(cat "$pools/parts/volumes/vdb2/format")" linux-lvm
is "$(cat "$pools/parts/volumes/vdb2/capacity")" 10485760
is "$(cat "$pools/parts/capacity")" 268435456
is "$(cat "$pools/parts/allocation")" 31457280

mkdir "$pools/parts/volumes/mine"
refused EINVAL sh -c "echo 1M > $pools/parts/volumes/mine/capacity"
like "$(tail -n 1 "$M/errors")" "the next one of '/dev/vdb' is 'vdb3'" 'a name that the kernel would not give is refused, with the one it would'
rmdir "$pools/parts/volumes/mine" 2>/dev/null || :

mkfs.ext4 -q /dev/vdb1
mkdir "$TMP/part"
mount /dev/vdb1 "$TMP/part"
echo kept > "$TMP/part/kept"
volume parts vdb3 10M linux-swap
is "$(cat "$TMP/part/kept")" kept 'beside a mounted partition another is made'
stays parts vdb1 "in use: it is mounted"
ok 'the mounted one is there' test -b /dev/vdb1
removed parts vdb2
is "$(lsblk -nlo NAME /dev/vdb | tr '\n' ' ')" 'vdb vdb1 vdb3 ' 'and the kernel knows'
volume parts vdb2 5M fat32
umount "$TMP/part"

# by other hands
sfdisk -q --no-reread --delete /dev/vdb 3
partx -d --nr 3 /dev/vdb 2> /dev/null || :
udevadm settle
tell parts refresh
is "$(ls "$pools/parts/volumes" | tr '\n' ' ')" 'vdb1 vdb2 ' 'refresh sees what sfdisk did'
tell parts stop
refused EEXIST sh -c "echo build > $pools/parts/state"
like "$(cat "$pools/parts/error")" 'holds .*gpt' 'a table is not made over another unasked'

disk_xml dos /dev/disk/by-path
refused EINVAL sh -c "echo start > $pools/parts/state"
like "$(cat "$pools/parts/error")" 'table of type gpt, but the definition says dos' 'the wrong kind of table is told'
tell parts 'build overwrite'
is "$(wipefs -n -O TYPE /dev/vdb | tail -n +2 | tr -d "\n ")" dos "of the old table nothing is left"
tell parts start
volume parts vdb1 20M linux
volume parts vdb2 60M extended
volume parts vdb5 20M linux
volume parts vdb6 10M linux
like "$(cat "$pools/parts/volumes/vdb5/path")" '^/dev/disk/by-path/.*part5$' 'the path is a lasting one when the target is'
is "$(lsblk -nblo NAME,SIZE /dev/vdb | tr -s ' ' | tr '\n' ' ')" \
	'vdb 268435456 vdb1 20971520 vdb2 1024 vdb5 20971520 vdb6 10485760 ' 'logical partitions lie in the extended one'
stays parts vdb2 "holds .vdb6.: remove that first"
stays parts vdb5 "would get other names"
for v in vdb6 vdb5 vdb2; do
	removed parts $v
done
is "$(lsblk -nlo NAME /dev/vdb | tr '\n' ' ')" 'vdb vdb1 ' 'from the last to the first they can be removed'
tell parts stop

# --- netfs: NFS ---

mkfs.ext4 -q /dev/vdc
mkdir -p /run/export /run/rpc_pipefs /var/lib/nfs/sm /run/rpcbind
mount /dev/vdc /run/export
echo '/run/export 127.0.0.1(rw,no_root_squash,insecure,fsid=0,no_subtree_check)' > /etc/exports
mount -t nfsd nfsd /proc/fs/nfsd
mount -t rpc_pipefs sunrpc /run/rpc_pipefs
# no 90 s of grace after the server's start
echo 10 > /proc/fs/nfsd/nfsv4gracetime
echo 10 > /proc/fs/nfsd/nfsv4leasetime
rpcbind -w
rpc.statd --no-notify
exportfs -ra
rpc.nfsd 2
rpc.mountd
ok 'there is an NFS server' wait_for 30 showmount -e 127.0.0.1

nfs_xml() {	# VERSION DIRECTORY
	define remote <<-XML
	<pool type='netfs'><name>remote</name>
	<source><host name='127.0.0.1'/><dir path='$2'/><format type='nfs'/><protocol ver='$1'/></source>
	<target><path>$TMP/remote</path></target></pool>
	XML
}
for version in 3 4.2; do
	case $version in 3) dir=/run/export ;; *) dir=/ ;; esac
	nfs_xml "$version" "$dir"
	is "$(cat "$pools/remote/source")" "127.0.0.1:$dir"
	tell remote build
	tell remote start
	like "$(mount_line "$TMP/remote")" "nosuid,nodev,noexec.* - nfs4? 127.0.0.1:$dir .*vers=$version" "NFS $version is mounted"
	volume remote "v$version" 1M raw
	ok 'the server has it' test -f "/run/export/v$version"
	touch /run/export/by-hand
	wait_for 90 test -d "$pools/remote/volumes/by-hand"
	ok 'what another client makes is seen' test -d "$pools/remote/volumes/by-hand"
	rm /run/export/by-hand
	isnt "$(cat "$pools/remote/capacity")" 0
	[ "$version" != 3 ] || tell remote stop
done

# --- the server is dead ---

tell data start
ls -l "$pools/remote/volumes" > /dev/null
nft -f - <<-'NFT'
table inet dead {
	chain in { type filter hook input priority 0; tcp dport 2049 drop; tcp sport 2049 drop; }
	chain out { type filter hook output priority 0; tcp dport 2049 drop; tcp sport 2049 drop; }
}
NFT
before=$(awk '{ print int($1) }' /proc/uptime)
refused ETIMEDOUT cat "$pools/remote/capacity"
took=$(($(awk '{ print int($1) }' /proc/uptime) - before))
ok "what must be asked for fails in bounded time ($took s)" test "$took" -le 20
quick 'pools and domains are listed meanwhile' 2 ls -l "$pools" "$M/domains"
quick 'df answers' 2 df "$M" "$pools/data"
quick 'another pool answers' 2 sh -c "ls -l $pools/data/volumes && cat $pools/data/capacity"
quick 'the dead one says what it is' 2 cat "$pools/remote/state" "$pools/remote/xml" "$pools/remote/source"
ls "$pools/remote/volumes" > "$TMP/known" 2>&1 &
lister=$!
wait "$lister" || :
is "$(grep -c '^v' "$TMP/known")" 2 'inside of it, what is known is shown'
rc=0
timeout -s INT 1 cat "$pools/remote/capacity" > /dev/null 2>&1 || rc=$?
is "$rc" 124 'asking can be interrupted'
quick 'and after that all others answer' 2 ls -l "$pools" "$pools/data/volumes"

nft delete table inet dead
ok 'the server is back, and so is the pool' wait_for 60 cat "$pools/remote/capacity"
volume remote again 1M raw
ok 'with its volumes' test -f /run/export/again

nft -f - <<-'NFT'
table inet dead {
	chain in { type filter hook input priority 0; tcp dport 2049 drop; tcp sport 2049 drop; }
	chain out { type filter hook output priority 0; tcp dport 2049 drop; tcp sport 2049 drop; }
}
NFT
refused ETIMEDOUT cat "$pools/remote/available"
tell remote stop
is "$(mount_line "$TMP/remote")" '' 'a dead mount goes out of the tree when it is stopped'
nft delete table inet dead
tell remote start
ok 'and can be mounted again' test -f "$TMP/remote/again"
tell remote stop

# --- netfs: CIFS ---

if command -v smbd > /dev/null && command -v mount.cifs > /dev/null; then
	mkdir -p /run/samba /run/smb /var/lib/samba/private /var/log/samba /var/cache/samba
	cat > /run/smb/conf <<-'CONF'
	[global]
	server role = standalone server
	interfaces = lo
	bind interfaces only = yes
	map to guest = Bad User
	smb ports = 445
	disable netbios = yes
	load printers = no
	[share]
	path = /run/export
	read only = no
	guest ok = yes
	force user = root
	CONF
	printf 'right\nright\n' | smbpasswd -c /run/smb/conf -s -a root > "$TMP/smbpasswd" 2>&1
	smbd -s /run/smb/conf -D
	define remote <<-XML
	<pool type='netfs'><name>remote</name>
	<source><host name='127.0.0.1'/><dir path='/share'/><format type='cifs'/></source>
	<target><path>$TMP/remote</path></target></pool>
	XML
	is "$(cat "$pools/remote/source")" //127.0.0.1/share
	wait_for 30 sh -c 'ss -ltn 2>/dev/null | grep -q :445 || (: < /dev/tcp/127.0.0.1/445) 2>/dev/null || grep -q :01BD /proc/net/tcp'
	tell remote start
	like "$(mount_line "$TMP/remote")" 'nosuid,nodev,noexec.* - cifs //127.0.0.1/share' 'CIFS is mounted'
	volume remote vcifs 1M raw
	ok 'the server has it' test -f /run/export/vcifs
	tell remote stop
	is "$(mount_line "$TMP/remote")" '' 'CIFS is unmounted'

	# with a name and a secret
	secret=2ec115d7-3a88-3ceb-bc12-0ac909a6fd87
	mkdir "$M/secrets/$secret"
	printf %s wrong > "$M/secrets/$secret/value"
	sed 's|</source>|<auth username="root"><secret uuid="'$secret'"/></auth></source>|' "$TMP/remote.xml" > "$TMP/login.xml"
	define remote < "$TMP/login.xml"
	refused EIO sh -c "echo start > $pools/remote/state"
	like "$(cat "$pools/remote/error")" 'mount error.13.: Permission denied' 'a wrong password is refused in the words of mount.cifs'
	printf %s right > "$M/secrets/$secret/value"
	tell remote start
	like "$(mount_line "$TMP/remote")" 'cifs //127.0.0.1/share .*username=root' 'CIFS is mounted with the name and the secret'
	unlike "$(cat "$TMP/domfs.log" "$M/errors" "$M/events")" '(wrong|right)$' 'no log has the password'
	tell remote stop
else
	skip 'CIFS' 'needs samba and cifs-utils'
fi
tell data stop
done_testing
