#!/bin/sh
# shellcheck disable=SC2154,SC2034
# Who may do what: sourced after lib.sh, with an engine of root's at $M, and the uids $alice, $bob, and the gid $ops that carl is in.
# Leaves $TMP/matrix, and $web_xml and $secret, which are in it.

# --- who has what ---
secret=5d9d3b4f-0c63-4a57-8f5e-0a7c0bd4f3a1
test_xml web "<graphics type='vnc' passwd='geheim'/><serial type='pty'/>" > "$TMP/web.xml"
chmod 644 "$TMP/web.xml"
chmod 1775 "$M/domains"
chgrp $ops "$M/domains"
mkdir "$M/domains/web" "$M/domains/priv" "$M/domains/mine" "$M/secrets/$secret" "$M/pools/img" "$TMP/img"
cp "$TMP/web.xml" "$M/domains/web/xml"
echo "$TMP/img" > "$M/pools/img/target"
echo start > "$M/pools/img/state"
mkdir "$M/pools/img/volumes/vol"
echo 1M > "$M/pools/img/volumes/vol/capacity"
chown $alice:$alice "$TMP/img" "$TMP/img/vol" "$M/domains/web" "$M/domains/priv" "$M/secrets/$secret" "$M/pools/img" "$M/pools/img/volumes/vol"
chown $bob:$bob "$M/domains/mine"
chmod 700 "$M/domains/priv"
setfacl -m g:$ops:rw "$M/domains/web/state"
echo strengverboten > "$M/secrets/$secret/value"
# before anybody has looked: what was said of priv until now is judged by its rights as they are
echo start > "$M/domains/web/state"
echo start > "$M/domains/priv/state"
echo rubbish > "$M/domains/priv/state" 2>/dev/null || :
echo rubbish > "$M/domains/web/state" 2>/dev/null || :

# --- what is asked, and who may: root alice carl(ops) bob nobody ---
sed "s|SECRET|$secret|; s|XML|@$TMP/web.xml|" > "$TMP/matrix" <<'MATRIX'
y y y y y  read domains/web/state
y y y y y  read domains/web/xml
y y n n n  read domains/web/console.log
y y y y y  read domains/web/disks/../cpus
y y y n n  write domains/web/state running
y y n n n  write domains/web/memory 128M
y y n n n  write domains/web/config/memory 128M
y y n n n  write domains/web/xml XML
y y n n n  write domains/web/check XML
y y n n n  both domains/web/console
y y n n n  append domains/web/console
y y y y y  wait domains/web/wait/running
y y y y y  poll domains/web/wait/running
y y n n n  mkdir domains/web/disks/vdz
y n y n n  mkdir domains/new
y n n n n  rmdir domains/web
y n n n n  rename domains/web domains/priv
y y n n n  chmod domains/web
y y n n n  chmod domains/web/state
y y n n n  chmod domains/web/config/xml
y n n n n  give domains/web
y n n n n  give domains/web/state
y y n n n  setfacl domains/web/memory
y n n n n  setfacl domains
y y y y y  list domains/web
y y n n n  tells domains/web/xml geheim
y y n n n  tells domains/web/config/xml geheim
y y n n n  list domains/priv
y y n n n  list domains/priv/disks
y y n n n  read domains/priv/state
y y n n n  read domains/priv/xml
y y n n n  write domains/priv/state running
y y n n n  wait domains/priv/wait/running
y y n n n  poll domains/priv/wait/running
y y n n n  both domains/priv/console
y y n n n  chmod domains/priv/state
y n n y n  write domains/mine/description hello
y n n y n  mkdir domains/mine/nics/n9
y y y y y  tells list web
y y n n n  tells list priv
y y y y y  tells metrics "web"
y y n n n  tells metrics "priv"
y y y y y  tells events web
y y n n n  tells events priv
y y y y y  tells errors web
y y n n n  tells errors priv
y y n n n  read secrets/SECRET/value
y y n n n  tells secrets/SECRET/value strengverboten
y y n n n  write secrets/SECRET/value strengverboten
y y n n n  read secrets/SECRET/xml
y y n n n  chmod secrets/SECRET/value
y n n n n  mkdir secrets/5d9d3b4f-0c63-4a57-8f5e-0a7c0bd4f3a2
y y n n n  read pools/img/volumes/vol/image
y y n n n  append pools/img/volumes/vol/image
y y n n n  write pools/img/volumes/vol/wipe zero
y y n n n  mkdir pools/img/volumes/other
y y n n n  write pools/img/state refresh
y n n n n  mkdir pools/mine
y n n n n  read host/access/log
y n n n n  read host/access/map
y n n n n  append host/access/map
y n n n n  write host/storage_discover dir
y n n n n  mkdir hosts/h
MATRIX

acts() { sed 's/^[yn] [yn] [yn] [yn] [yn]  //' "$TMP/matrix"; }
column=0
for u in root alice carl bob nobody; do
	column=$((column + 1))
	sed -E 's/^([yn]) ([yn]) ([yn]) ([yn]) ([yn])  (.*)/\6: \'$column/ "$TMP/matrix" > "$TMP/expected.$u"
done
differs() {	# USER < WHAT ACTS.PY SAID: where he may what he should not, or the other way round; an errno that is no refusal means that he might
	sed -E 's/: no$/: n/; t; s/: [A-Za-z]+$/: y/' | diff "$TMP/expected.$1" - | grep '^[<>]'
}
