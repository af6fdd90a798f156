#!/bin/sh
# host/storage says which types of pools are usable here and what they take, and finds what could be a pool.
# timeout: 60
. "$(dirname "$0")/../lib.sh"

# A lsblk of our own, so that it is known what there is; nothing else is looked for on this machine.
mkdir "$TMP/bin"
cat > "$TMP/bin/lsblk" <<SH
#!/bin/sh
[ ! -e "$TMP/hang" ] || { echo \$\$ > "$TMP/asked"; exec sleep 1000; }
[ ! -e "$TMP/fail" ] || { echo 'lsblk: the disks are out' >&2; exit 1; }
echo '{ "blockdevices": [
  { "name": "sdz", "path": "/dev/sdz", "size": 1048576, "type": "disk", "mountpoint": null, "fstype": null, "pttype": "gpt" } ] }'
SH
chmod 755 "$TMP/bin/lsblk"
PATH=$TMP/bin:$PATH
export PATH

mount_domfs
host=$M/host

settled() {	# until every type was looked at
	tries=0
	while grep -qs 'being looked at' "$host"/storage/*; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || return 1
		sleep 0.1
	done
}
ok 'every type is looked at in the background' settled
is "$(find "$host/storage" -mindepth 1 ! -type f)" '' 'each is a file'
is "$(head -n1 "$host/storage/dir")" usable 'directories can be pools anywhere'
for t in "$host"/storage/*; do
	head -n1 "$t"
done > "$TMP/first"
is "$(grep -vE '^(usable|not usable: .+)$' "$TMP/first")" '' 'the first line says usable, or what is missing'
like "$(cat "$host/storage/sheepdog")" '^not usable: QEMU has had no sheepdog' 'a type that cannot be had says why'
refused EACCES sh -c ": > $host/storage/dir"
is "$(stat -c %s "$host/storage/dir")" "$(wc -c < "$host/storage/dir")" 'its size is true'

xml=$(cat "$host/storage_capabilities")
ok 'the capabilities are a document' sh -c "xmllint --noout $host/storage_capabilities"
pick() { xmllint --xpath "$1" "$host/storage_capabilities"; }
is "$(pick "string(//pool[@type='dir']/@supported)")" yes
is "$(pick "string(//pool[@type='sheepdog']/@supported)")" no
is "$(pick "string(//pool[@type='fs']/poolOptions/defaultFormat/@type)")" auto
is "$(pick "string(//pool[@type='logical']/poolOptions/defaultFormat/@type)")" lvm2
is "$(pick "count(//pool[@type='netfs']/poolOptions/enum[@name='sourceFormatType']/value)")" 4
is "$(pick "count(//pool[@type='dir']/volOptions/enum[@name='targetFormatType']/value[.='qcow2'])")" 1
is "$(printf '%s\n' "$xml" | sed -n "s/.*<pool type='\([^']*\)'.*/\1/p" | sort)" "$(ls "$host/storage" | sort)" 'all types are in it'
shared=$top/../shared/corpus/storagepoolcaps/poolcaps-fs.xml
if [ -e "$shared" ]; then
	grep -oE "<[/a-zA-Z]+|[a-zA-Z]+=" "$shared" | sort -u > "$TMP/theirs"
	printf '%s\n' "$xml" | grep -oE "<[/a-zA-Z]+|[a-zA-Z]+=" | sort -u > "$TMP/ours"
	is "$(diff "$TMP/theirs" "$TMP/ours")" '' 'its elements and attributes are those of libvirt'
	is "$(comm -23 "$(sed -n "s/.*<pool type='\([^']*\)'.*/\1/p" "$shared" | sort > "$TMP/a"; echo "$TMP/a")" \
		"$(ls "$host/storage" | sort > "$TMP/b"; echo "$TMP/b")")" '' "libvirt's types are all known"
else
	skip 'its elements and attributes are those of libvirt' "no $shared"
fi

# What could be a pool.
f=$host/storage_discover
is "$(stat -c %a "$f")" 600
is "$(cat "$f")" '' 'nothing was looked for yet'
echo disk > "$f"
is "$(xmllint --xpath 'string(/sources/source/device/@path)' "$f")" /dev/sdz 'what was found is read from it'
is "$(stat -c %s "$f")" "$(wc -c < "$f")"
before=$(cat "$f")
refused EINVAL sh -c "echo floppy > $f"
like "$(tail -n1 "$M/errors")" "host/storage_discover EINVAL 'floppy' is no type of pool" 'the error is in /errors'
refused ENOTSUP sh -c "echo dir > $f"
refused EINVAL sh -c "echo '<source/>' > $f"
is "$(cat "$f")" "$before" 'a failure changes nothing'
: > "$TMP/fail"
ok "a program that fails is an error" sh -c "! echo disk > $f"
like "$(tail -n1 "$M/errors")" 'disk: .*the disks are out' "the program's words are the reason"
rm "$TMP/fail"

: > "$TMP/hang"
sh -c "echo disk > $f" 2> /dev/null &
asking=$!
ok 'a program is asked' wait_for 20 test -s "$TMP/asked"
ok 'meanwhile all else answers' timeout 5 ls "$M/pools" "$host/storage"
kill -TERM "$asking"
wait "$asking" 2> /dev/null || :
# shellcheck disable=SC2016
ok 'one who does not wait any longer ends it' wait_for 20 sh -c '! kill -0 "$(cat "$1")" 2>/dev/null' sh "$TMP/asked"
rm "$TMP/hang"
echo disk > "$f"
is "$(cat "$f")" "$before" 'it goes on'
done_testing
