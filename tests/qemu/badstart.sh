#!/bin/sh
# Starts that cannot work: a clear error each, nothing changed, nothing left.
# timeout: 180
. "$(dirname "$0")/../lib.sh"
require guest
mount_domfs -o timeout=3000
d=$M/domains/web
mkdir "$d"
try() {	# NAME ERRNO PATTERN [SECONDS]: start fails so, and leaves nothing
	refused "$2" timeout "${4:-20}" sh -c "echo start > $d/state"
	like "$(cat "$d/error")" "$3" "$1: $3"
	is "$(cat "$d/state")" shutoff "$1: it is off"
	is "$(find "$DOMFS_RUN_DIR/domains" "$DOMFS_RUN_DIR/guests" -mindepth 1 2>/dev/null)" '' "$1: no run files are left"
}
define() { guest_xml web "${1:-}" > "$TMP/x.xml"; sed "${2:-}" "$TMP/x.xml" > "$TMP/y.xml"; cp "$TMP/y.xml" "$d/xml"; }

define '' 's|/vmlinuz|/nothing|'
try 'missing kernel' ENOENT "nothing' does not exist"
define "<disk type='file'><source file='$TMP/none.qcow2'/><target dev='vda'/></disk>"
try 'missing disk' ENOENT "none.qcow2"
printf 'not an image' > "$TMP/bad.qcow2"; chmod 666 "$TMP/bad.qcow2"
define "<disk type='file'><driver name='qemu' type='qcow2'/><source file='$TMP/bad.qcow2'/><target dev='vda'/></disk>"
try 'damaged image' EINVAL 'it is no qcow2 image'

# programs in QEMU's place: they answer nothing, or end at once, or hang
for kind in ends hangs; do
	cat > "$TMP/$kind" <<-SH
	#!/bin/sh
	case "\$*" in *'-machine none'*) exec qemu-system-x86_64 "\$@" ;; esac
	echo "something is wrong in here" >&2
	[ $kind = ends ] && exit 3
	exec sleep 1000
	SH
	chmod 755 "$TMP/$kind"
done
define '' "s|<serial|<emulator>$TMP/ends</emulator>&|"
try 'QEMU ends at once' EREMOTEIO 'status 3: something is wrong in here'
define '' "s|<serial|<emulator>$TMP/hangs</emulator>&|"
echo start > "$d/state" 2>/dev/null &
start=$!
sleep 1
is "$(timeout 2 cat "$d/state")" starting 'the state is readable while it waits'
ok 'the start can be interrupted by destroy' timeout 5 sh -c "echo destroy > $d/state"
wait $start || :
is "$(cat "$d/state")" shutoff
is "$(pgrep -fc "$TMP/hangs" || :)" 0 'the hanging program is gone'
if cp "$TMP/y.xml" "$TMP/z.xml" && sed -i "s|$TMP/hangs|$TMP/missing|" "$TMP/z.xml" && cp "$TMP/z.xml" "$d/xml" 2>"$TMP/said"; then
	try 'missing binary' ENOENT "$TMP/missing"
else
	like "$(cat "$d/error")" "$TMP/missing" 'missing binary: refused when it is defined'
fi

define '' "s|type='qemu'|type='kvm'|"
if grep -q '^kvm yes' "$M/host/drivers/qemu/state"; then
	ok 'KVM is there and starts' sh -c "echo start > $d/state && echo destroy > $d/state"
else
	try 'no KVM' ENODEV 'KVM does not work here'
fi
define ''
ok 'a good one starts after all that' sh -c "echo start > $d/state"
done_testing
