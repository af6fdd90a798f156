. /work/main/tests/tree/../lib.sh
mount_domfs
d=$M/domains/a; e=$M/events
mkdir "$d"; test_xml a > "$d/xml"; echo start > $d/state
strace -o /tmp/evx/st -e trace=read,lseek,fstat,newfstatat,write tail -s 0.05 -n +1 -f "$e" > "$TMP/tail.out" 2> "$TMP/tail.err" &
tailer=$!
timeout 50 python3 - "$d" "$TMP/tail.out" <<'PY'
import sys, time, os
d, out = sys.argv[1:]
words = ["resume", "suspend"]
t0=time.time()
for i in range(7900):
    with open(d + "/state", "w") as f: f.write(words[i % 2] + "\n")
    if i % 200 == 0:
        print(i, time.time()-t0, flush=True)
        last = open(os.path.dirname(os.path.dirname(d)) + "/events").readlines()[-1]
        end = time.monotonic() + 3
        while open(out).readlines()[-1:] != [last] and time.monotonic() < end: time.sleep(0.05)
        if time.monotonic()>=end: print("LAG", last, open(out).readlines()[-1:], os.stat(os.path.dirname(os.path.dirname(d)) + "/events").st_size)
PY
cat $TMP/tail.err
kill $tailer
done_testing
