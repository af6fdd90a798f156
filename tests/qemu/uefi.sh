#!/bin/sh
# firmware='efi' picks an image by its descriptors, makes the file of variables, and boots.
# timeout: 240
# asan: no
. "$(dirname "$0")/../lib.sh"
require guest
require /usr/share/qemu/firmware 'package ovmf'
mount_domfs
d=$M/domains/uefi
mkdir "$d"
GUEST_MEMORY=256 guest_xml uefi | sed "s|<os>|<os firmware='efi'><firmware><feature enabled='no' name='secure-boot'/></firmware>|" > "$TMP/uefi.xml"
ok 'it is defined' cp "$TMP/uefi.xml" "$d/xml"
like "$(cat "$d/xml")" "<loader .*type='pflash'.*>/usr/share/.*CODE.*</loader>" 'an image was picked'
vars=$(sed -n "s|.*<nvram[^>]*>\(.*\)</nvram>.*|\1|p" "$d/xml")
like "$vars" "^$DOMFS_STATE_DIR/nvram/" 'its variables lie in the state directory'
ok 'it starts' sh -c "echo start > $d/state"
is "$(stat -c %s "$vars")" "$(stat -Lc %s /usr/share/OVMF/OVMF_VARS_4M.fd)" 'the file of variables was made'
ok 'it boots' wait_console uefi '^guest: up' 150
echo destroy > "$d/state"
done_testing
