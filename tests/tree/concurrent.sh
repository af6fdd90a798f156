#!/bin/sh
# Many writers and readers at once on one domain: each write is answered, nothing is lost or mixed.
# timeout: 180
. "$(dirname "$0")/../lib.sh"
require python3
mount_domfs

d=$M/domains/a
mkdir "$d"
test_xml a | sed 's/<vcpu>1/<vcpu current="1">8/' > "$TMP/a.xml"
ok 'a definition is taken' cp "$TMP/a.xml" "$d/xml"
cat > "$TMP/values.py" <<'PY'
import os, sys, random
d, rounds, procs = sys.argv[1], 12, 64
# what each process writes; and what may be read
title = lambda p, i: f"title {p} {i} " + "t" * (1 + p * 7 % 200)
memory = lambda p, i: str((64 + (p + i) % 64) << 20)
cpus = lambda p, i: str(1 + (p + i) % 8)
writers = {"title": title, "memory": memory, "cpus": cpus, "description": lambda p, i: f"words of {p}, {i}"}
allowed = {k: {f(p, i) for p in range(procs) for i in range(rounds)} for k, f in writers.items()}
start = {k: open(f"{d}/{k}").read().rstrip("\n") for k in writers}
written = {k: set(v) for k, v in allowed.items()}
for k in writers: allowed[k].add(start[k])

def child(p):
    random.seed(p)
    for i in range(rounds):
        k = list(writers)[(p + i) % len(writers)]
        data = (writers[k](p, i) + "\n").encode()
        fd = os.open(f"{d}/{k}", os.O_WRONLY | os.O_TRUNC)
        assert os.write(fd, data) == len(data)
        os.close(fd)
        r = random.choice(list(writers))
        got = open(f"{d}/{r}").read()
        assert got.endswith("\n") and got[:-1] in allowed[r], (r, got)
        x = open(d + "/xml").read()
        assert x.rstrip().endswith("</domain>"), x[-80:]
        os.listdir(d)
        for f in "state", "job", "pending": open(f"{d}/{f}").read()
pids = []
for p in range(procs):
    pid = os.fork()
    if not pid:
        try: child(p)
        except BaseException as e:
            print(p, repr(e), flush=True)
            os._exit(1)
        os._exit(0)
    pids.append(pid)
bad = sum(os.waitpid(pid, 0)[1] != 0 for pid in pids)
assert not bad, f"{bad} of {procs} failed"
for k in writers:
    got = open(f"{d}/{k}").read()[:-1]
    assert got in written[k], (k, got)
PY
ok '64 processes write and read a domain that is off' timeout 60 python3 "$TMP/values.py" "$d"
same() {	# what each file says is what the document says
	is "$(cat "$d/title")" "$(sed -n 's|.*<title>\(.*\)</title>.*|\1|p' "$d/xml")" "$1: title is that of the document"
	is "$(cat "$d/description")" "$(sed -n 's|.*<description>\(.*\)</description>.*|\1|p' "$d/xml")" "$1: description, too"
	is "$(cat "$d/cpus")" "$(sed -n "s|.*<vcpu.* current=[\"']\([0-9]*\)[\"'].*|\1|p" "$d/xml")" "$1: cpus, too"
}
same off
is "$(cat "$d/job")" '' 'nothing goes on any more'
echo start > "$d/state"
ok 'and one that runs' timeout 60 python3 "$TMP/values.py" "$d"
same running
script 'delay set 5'
ok 'and one whose hypervisor is slow' timeout 90 python3 "$TMP/values.py" "$d"
script

cat > "$TMP/once.py" <<'PY'
# no lost update: each process writes a file that nobody else writes
import os, sys
d = sys.argv[1]
files = {"title": "T", "description": "D", "memory": str(100 << 20), "cpus": "5", "autostart": "1"}
for round in range(20):
    pids = []
    for k, v in files.items():
        v = v + str(round) if k in ("title", "description") else str(1 + round % 8) if k == "cpus" else \
            str((64 + round) << 20) if k == "memory" else str(round & 1)
        files[k] = v if k not in ("title", "description") else files[k]
        pid = os.fork()
        if not pid:
            try:
                with open(f"{d}/{k}", "w") as f: f.write(v + "\n")
            except OSError as e:
                print(k, e, flush=True); os._exit(1)
            os._exit(0)
        pids.append((pid, k, v))
    for pid, k, v in pids: assert os.waitpid(pid, 0)[1] == 0, k
    for _, k, v in pids:
        got = open(f"{d}/{k}").read()[:-1]
        assert got == v, (round, k, got, v)
PY
ok 'no update of another file is lost' timeout 60 python3 "$TMP/once.py" "$d"
echo destroy > "$d/state"
ok 'nor of one that is off' timeout 60 python3 "$TMP/once.py" "$d"

cat > "$TMP/docs.py" <<'PY'
# writers of whole documents: the result is one of them, whatever the sizes of their writes
import os, sys
d, base = sys.argv[1], open(sys.argv[2]).read()
def doc(p): return base.replace("<os>", f"<title>whole {p}</title><description>{'x' * (p * 9000)}{p}</description><os>")
def child(p):
    text = doc(p).encode()
    for i in range(10):
        fd = os.open(d + "/xml", os.O_WRONLY | os.O_TRUNC)
        for o in range(0, len(text), 4096 if p & 1 else len(text)):
            part = text[o:o + (4096 if p & 1 else len(text))]
            assert os.write(fd, part) == len(part)
        os.close(fd)
        got = open(d + "/config/xml").read()
        assert got in docs, "a mixture"
docs = {doc(p) for p in range(8)}
docs.add(open(d + "/config/xml").read())
pids = []
for p in range(8):
    pid = os.fork()
    if not pid:
        try: child(p)
        except BaseException as e:
            print(p, repr(e), flush=True); os._exit(1)
        os._exit(0)
    pids.append(pid)
bad = sum(os.waitpid(pid, 0)[1] != 0 for pid in pids)
assert not bad, f"{bad} failed"
final = open(d + "/config/xml").read()
assert final in {doc(p) for p in range(8)}
p = open(d + "/title").read().split()[1]
assert final == doc(int(p))
PY
ok 'writers of xml at once: the result is one of their documents' timeout 60 python3 "$TMP/docs.py" "$d" "$TMP/a.xml"

cat > "$TMP/names.py" <<'PY'
# making, starting, renaming and removing beside each other
import os, sys
m = sys.argv[1]
def child(p):
    for i in range(6):
        d = f"{m}/domains/d{p}-{i}"
        os.mkdir(d)
        with open(d + "/xml", "w") as f:
            f.write(f"<domain type='test'><name>d{p}-{i}</name><memory unit='MiB'>8</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>\n")
        with open(d + "/state", "w") as f: f.write("start\n")
        assert open(d + "/state").read() == "running\n"
        with open(d + "/state", "w") as f: f.write("destroy\n")
        os.rename(d, d + "x")
        os.listdir(m + "/domains"); open(m + "/list").read(); open(m + "/metrics").read()
        os.rmdir(d + "x")
pids = []
for p in range(64):
    pid = os.fork()
    if not pid:
        try: child(p)
        except BaseException as e:
            print(p, repr(e), flush=True); os._exit(1)
        os._exit(0)
    pids.append(pid)
bad = sum(os.waitpid(pid, 0)[1] != 0 for pid in pids)
assert not bad, f"{bad} failed"
PY
ok '64 processes make, start, rename and remove domains' timeout 90 python3 "$TMP/names.py" "$M"
is "$(ls "$M/domains")" a 'nothing is left of those'
seq=$(tail -n 1 "$M/events" | cut -d' ' -f1)
ok '64 starts at once: each finds it started' timeout 60 python3 - "$d" <<'PY'
import os, sys
d = sys.argv[1]
pids = []
for p in range(64):
    pid = os.fork()
    if not pid:
        try:
            with open(d + "/state", "w") as f: f.write("start\n")
            os._exit(0 if open(d + "/state").read() == "running\n" else 2)
        except OSError as e:
            print(e, flush=True); os._exit(1)
    pids.append(pid)
assert not [1 for pid in pids if os.waitpid(pid, 0)[1]]
PY
is "$(awk -v seq="$seq" '$1 > seq && $4 == "a"' "$M/events" | grep -c starting)" 1 'and it was started once'
done_testing
