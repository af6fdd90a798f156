#!/bin/sh
# What a user makes in a pool is made with his rights: nothing can be read by way of an image that he could not read himself.
# timeout: 120
# over: no, acts as several users, and a client is one
. "$(dirname "$0")/../lib.sh"
require root 'acts as several users'
require setpriv
require qemu-img
mount_domfs -o allow_other

p=$M/pools/images
v=$p/volumes
dir=$TMP/images
mkdir -m 755 "$dir"
mkdir "$p"
echo dir > "$p/type"
echo "$dir" > "$p/target"
echo start > "$p/state"
chmod 777 "$M/pools" "$p" "$v"
u() { as_user 61001 "$@"; }
u_sh() { as_user 61001 sh -c "$1"; }

truncate -s 1M "$TMP/secret" "$TMP/public"
printf 'nobody reads this' | dd of="$TMP/secret" conv=notrunc status=none
chmod 600 "$TMP/secret"
chmod 644 "$TMP/public"
over() {	# NAME BACKING
	cat > "$TMP/v.xml" <<-XML
	<volume><name>$1</name><capacity unit='MiB'>1</capacity><target><format type='qcow2'/></target>
	<backingStore><path>$2</path><format type='raw'/></backingStore></volume>
	XML
	chmod 644 "$TMP/v.xml"
}

# He writes an image that names a file of root's, and has it copied.
for backing in secret public; do
	qemu-img create -q -f qcow2 -b "$TMP/$backing" -F raw "$TMP/$backing.qcow2"
	chmod 644 "$TMP/$backing.qcow2"
	u mkdir "$v/by-$backing"
	ok "upload of what names the $backing file" u cp "$TMP/$backing.qcow2" "$v/by-$backing/image"
	is "$(cat "$v/by-$backing/format")" qcow2
done
for format in raw qcow2 qed; do
	[ "$format" = qcow2 ] || ok "$format: not copied" u_sh "! echo 'copy $format' > $v/by-secret/clone"
done
like "$(cat "$v/by-secret/error")" 'Permission denied' 'the reason'
ok 'nothing is left' test ! -e "$dir/copy"
is "$(ls -A "$dir" | grep -c '^\.')" 0 'nor hidden'
ok 'what he can read is copied' u_sh "echo 'plain raw' > $v/by-public/clone"
is "$(stat -c '%u %a' "$dir/plain")" '61001 600' 'and is his'
ok 'with those bytes' cmp "$dir/plain" "$TMP/public"

# He builds on it.
u mkdir "$v/over"
over over "$TMP/secret"
ok 'not built on' u_sh "! cat $TMP/v.xml > $v/over/xml"
like "$(cat "$v/over/error")" "$TMP/secret.* may not be read by user 61001" 'the file and the user are named'
ok 'nothing is left' test ! -e "$dir/over"
over over "$TMP/public"
ok 'on what he can read' u_sh "cat $TMP/v.xml > $v/over/xml"
is "$(stat -c '%u %a' "$dir/over")" '61001 600'
u mkdir "$v/mine"
ok 'an image that names nothing' u_sh "echo qcow2 > $v/mine/format; echo 1M > $v/mine/capacity"
is "$(stat -c '%u %g %a' "$dir/mine")" '61001 61001 600' 'is his'

# What a guest would see of it: a description that has root's file as its extent, a data file, a backing file.
if command -v qemu-storage-daemon > /dev/null; then
	cat > "$TMP/extent.vmdk" <<-VMDK
	# Disk DescriptorFile
	version=1
	CID=12345678
	parentCID=ffffffff
	createType="monolithicFlat"
	RW 2048 FLAT "$TMP/secret" 0
	ddb.adapterType = "ide"
	VMDK
	cp "$TMP/secret" "$TMP/dfile"
	qemu-img create -q -f qcow2 -o "data_file=$TMP/dfile,data_file_raw=on" "$TMP/dfile.qcow2" 1M
	chmod 600 "$TMP/dfile"
	chmod 644 "$TMP/extent.vmdk" "$TMP/dfile.qcow2"
	for name in extent.vmdk dfile.qcow2; do
		u mkdir "$v/$name"
		ok "upload of $name" u cp "$TMP/$name" "$v/$name/image"
		is "$(u cat "$v/$name/data" 2>/dev/null | head -c 17)" '' "$name: nothing is read by it"
	done
	like "$(cat "$v/extent.vmdk/error")" 'names other files' 'the reason'
	is "$(u cat "$v/by-secret/data" 2>/dev/null | head -c 17)" '' 'a backing file outside of pools is not read'
	qemu-img create -q -f vmdk "$TMP/plain.vmdk" 1M
	chmod 644 "$TMP/plain.vmdk"
	u mkdir "$v/plain.vmdk"
	u cp "$TMP/plain.vmdk" "$v/plain.vmdk/image"
	is "$(u cat "$v/plain.vmdk/data" | wc -c)" 1048576 'a vmdk of one file is'
else
	skip 'data' 'needs qemu-storage-daemon'
fi

# A link is no way out of the pool for what is written.
ln -s "$TMP/secret" "$dir/link"
refused ELOOP dd if=/dev/zero of="$v/link/image" bs=1 count=1 conv=notrunc status=none
like "$(cat "$v/link/error")" 'symbolic link' 'a link is not written through'
for word in zero trim dod; do
	[ "$word" != dod ] || command -v scrub > /dev/null || continue
	refused ELOOP sh -c "echo $word > $v/link/wipe"
done
refused ELOOP sh -c "echo 2M > $v/link/capacity"
is "$(head -c 17 "$TMP/secret")" 'nobody reads this' 'what it leads to is as it was'
is "$(stat -c %s "$TMP/secret")" 1048576
ok 'an upload takes the place of the link' cp "$TMP/public" "$v/link/image"
ok 'which is a file now' test -f "$dir/link" -a ! -L "$dir/link"
is "$(head -c 17 "$TMP/secret")" 'nobody reads this' 'what it led to is as it was'

# Owner, group and mode of what root makes for others.
mkdir "$v/theirs"
cat > "$TMP/v.xml" <<-XML
<volume><name>theirs</name><capacity>4096</capacity><target><format type='qcow2'/>
<permissions><mode>0640</mode><owner>61002</owner><group>61003</group></permissions></target></volume>
XML
ok 'with permissions' cp "$TMP/v.xml" "$v/theirs/xml"
is "$(stat -c '%u %g %a' "$dir/theirs")" '61002 61003 640' 'they are as was said'
u mkdir "$v/gift"
sed 's/theirs/gift/' "$TMP/v.xml" > "$TMP/g.xml"
chmod 644 "$TMP/g.xml"
refused EPERM u_sh "cat $TMP/g.xml > $v/gift/xml"
ok 'nothing is left' test ! -e "$dir/gift"

# A link leads to what belongs to its owner, or was made by root.
echo secret > "$TMP/roots"
chmod 600 "$TMP/roots"
truncate -s 4096 "$TMP/his"
chown 61001 "$TMP/his"
ln -s "$TMP/roots" "$dir/roots"
ln -s "$TMP/roots" "$dir/stolen"
ln -s "$TMP/his" "$dir/his"
chown -h 61001 "$dir/stolen" "$dir/his"
is "$(cat "$v/roots/image")" secret 'a link that root made is followed'
is "$(wc -c < "$v/his/image")" 4096 'as is one to a file of its owner'
refused EACCES cat "$v/stolen/image"
like "$(cat "$v/stolen/error")" 'symbolic link of uid 61001 to a file of uid 0' 'one to a file of somebody else is not'
refused EACCES sh -c "echo copy > $v/stolen/clone"
ok 'nothing is copied' test ! -e "$dir/copy"
done_testing
