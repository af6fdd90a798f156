#!/usr/bin/env python3
"""tests/run.py [--fast] [--only PATTERN] [--jobs N] PLAIN_BUILD ASAN_BUILD

Runs every test program and sums up; contrib/check calls it after building.

Each program speaks TAP, has a directory of its own as TMPDIR, and runs below a keeper: a process
that adopts whatever the program leaves running (PR_SET_CHILD_SUBREAPER), so that a daemon or a
guest which outlives its test is found without knowing its name.  What is left behind, processes or
mounts, is removed and counts as a failure.

Comments among a script's first lines:  "# timeout: SECONDS" (else 120), "# asan: no",
"# over: no, REASON" (a script of tests/tree that cannot run through a client on a socket).
"""
import argparse
import ctypes
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TIMEOUT = 120
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


# --- the keeper: one test program, and everything that comes of it ---

def children():
    found = []
    for path in glob.glob('/proc/[0-9]*/stat'):
        try:
            with open(path, 'rb') as f:
                pid, rest = f.read().split(b' (', 1)
        except OSError:
            continue
        state, parent = rest.rsplit(b') ', 1)[1].split()[:2]
        if int(parent) == os.getpid() and state != b'Z':
            found.append(int(pid))
    return found


def command_of(pid):
    try:
        with open('/proc/%d/cmdline' % pid, 'rb') as f:
            return '%d %s' % (pid, f.read().replace(b'\0', b' ').decode(errors='replace')[:300])
    except OSError:
        return str(pid)


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def leftover_processes():
    """Those still there after a moment, in words.  Kills them, and those that come up in their place."""
    end = time.time() + 1
    while children() and time.time() < end:
        time.sleep(0.02)
        reap()
    left = [command_of(p) for p in children()]
    while children():
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
        reap()
    return left


def leftover_mounts(below):
    left = []
    with open('/proc/self/mountinfo') as f:
        for line in f:
            where = re.sub(r'\\(\d{3})', lambda m: chr(int(m[1], 8)), line.split()[4])
            if where.startswith(below + '/'):
                left.append(where)
    for where in reversed(left):
        for unmount in (['umount', '-l'], ['fusermount3', '-quz']):
            if subprocess.run(unmount + [where], stderr=subprocess.DEVNULL).returncode == 0:
                break
    return left


def keep(timeout, tmp, command):
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    prctl(PR_SET_CHILD_SUBREAPER, 1)

    def stopped(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stopped)
    signal.signal(signal.SIGINT, stopped)
    result = {'status': None, 'timeout': False, 'left': []}
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        try:
            result['status'] = program.wait(timeout)
        except subprocess.TimeoutExpired:
            result['timeout'] = True
            os.killpg(program.pid, signal.SIGTERM)      # its trap may tidy up and show its log
            program.wait(10)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        pass
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    program.poll()
    left = leftover_processes()
    mounts = leftover_mounts(tmp)
    if not result['timeout'] and result['status'] is not None:
        result['left'] = left + ['mount ' + m for m in mounts]
    with open(tmp + '.json', 'w') as f:
        json.dump(result, f)


# --- what there is to run ---

class Test:
    def __init__(self, name, command, build=None, asan=False, comments=None, over=None):
        self.name = name + (' (asan)' if asan else '') + (' (over %s)' % over if over else '')
        self.command, self.build, self.asan, self.over = command, build, asan, over
        self.timeout = TIMEOUT
        text = read(comments)[:3000] if comments else ''
        found = re.search(r'^# timeout: (\d+)', text, re.M)
        if found:
            self.timeout = int(found[1])
        self.no_asan = re.search(r'^# asan: no', text, re.M) is not None
        self.no_over = re.search(r'^# over: no', text, re.M) is not None
        if asan:
            self.timeout *= 2


def read(path):
    with open(path, errors='replace') as f:
        return f.read()


def programs(build, pattern):
    """Executables of a build tree whose path ends in tests/PATTERN."""
    found = glob.glob(os.path.join(build, '**', 'tests', pattern), recursive=True)
    return sorted({p for p in found if os.path.isfile(p) and os.access(p, os.X_OK)})


def scripts(folder):
    found = sorted(glob.glob(os.path.join(TOP, 'tests', folder, '*.sh')))
    # the lab's own tools, and what runs inside its machine
    return [s for s in found if not re.match(r'vm\.sh$|inside-', os.path.basename(s))]


def collect(builds, fast):
    tests = []
    for path in scripts('lab') if not fast else []:
        tests.append(Test('lab/' + os.path.basename(path), [path], builds[0], False, path))
    for path in sorted(glob.glob(os.path.join(TOP, 'tests', 'check', '*'))):
        if os.path.isfile(path) and os.access(path, os.X_OK):
            tests.append(Test('check/' + os.path.basename(path), [path], None, False, path))
    for asan, build in enumerate(builds):
        for path in programs(build, 'unit/*_test'):
            tests.append(Test('unit/' + os.path.basename(path), [path], build, bool(asan)))
        for path in programs(build, 'fuzz/fuzz_*'):
            name = os.path.basename(path)
            seeds = sorted(glob.glob(os.path.join(TOP, 'tests/fuzz/seeds', name[5:], '*')))
            # plain programs: their exit status is the one point
            line = '"$0" "$@" && echo "ok 1 - %d seeds" || echo "not ok 1 - status $?"; echo 1..1'
            tests.append(Test('fuzz/' + name, ['sh', '-c', line % len(seeds), path] + seeds,
                              build, bool(asan)))
        for folder in ('qemu', 'remote', 'tree'):
            for path in scripts(folder):
                test = Test('%s/%s' % (folder, os.path.basename(path)), [path], build,
                            bool(asan), path)
                if not (asan and (test.no_asan or (fast and folder == 'qemu'))):
                    tests.append(test)
    for path in scripts('tree'):    # the same tree through a client on a socket
        test = Test('tree/' + os.path.basename(path), [path], builds[0], False, path, 'unix')
        if not test.no_over:
            tests.append(test)
    return tests


# --- running and counting ---

class Totals:
    def __init__(self):
        self.passed = self.failed = 0
        self.skipped, self.broken, self.times = [], [], []


def points(test, output, result, totals):
    """Counts one program's points; returns what is wrong with it, in words."""
    wrong, plan, seen, failed = [], None, 0, 0
    for line in output.splitlines():
        line = line.strip()
        found = re.match(r'1\.\.(\d+)(?:\s*# *skip\w*:?\s*(.*))?', line, re.I)
        if found:
            plan = (plan or 0) + int(found[1])
            if found[1] == '0':
                totals.skipped.append((test.name, found[2] or 'no reason given'))
            continue
        found = re.match(r'(not )?ok\b[ \d]*-?\s*(.*)', line)
        if not found:
            continue
        seen += 1
        skip = re.search(r'(.*?)#\s*skip\S*\s*(.*)', found[2], re.I)
        if skip:        # cmocka says "not ok 3 # SKIP name"
            totals.skipped.append(('%s: %s' % (test.name, skip[1].strip()), skip[2]))
        elif found[1]:
            failed += 1
        else:
            totals.passed += 1
    totals.failed += failed
    if result['timeout']:
        wrong.append('no end after %d s' % test.timeout)
    elif plan is None:
        wrong.append('no plan: it ended early (status %s)' % result['status'])
    elif plan != seen:
        wrong.append('%d points planned, %d seen' % (plan, seen))
    elif result['status'] != 0 and not failed:
        wrong.append('status %s' % result['status'])
    wrong += ['left behind: ' + one for one in result['left']]
    totals.failed += len(wrong)
    if failed:
        wrong.insert(0, '%d of %d points failed' % (failed, seen))
    return wrong


def start(test, tmp):
    os.mkdir(tmp, 0o755)
    env = dict(os.environ, TMPDIR=tmp, CMOCKA_MESSAGE_OUTPUT='TAP')
    env.pop('DOMFS_ASAN', None)
    if test.build:
        env['DOMFS'] = os.path.abspath(os.path.join(test.build, 'domfs'))
    if test.asan:
        env['DOMFS_ASAN'] = '1'
    env.pop('DOMFS_OVER', None)
    if test.over:
        env['DOMFS_OVER'] = test.over
    test.began = time.time()
    with open(tmp + '.out', 'wb') as out:
        test.keeper = subprocess.Popen(
            [sys.executable, __file__, '--keep', str(test.timeout), tmp, '--'] + test.command,
            cwd=TOP, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    test.tmp = tmp


def finish(test, totals):
    seconds = time.time() - test.began
    output = read(test.tmp + '.out')
    try:
        result = json.loads(read(test.tmp + '.json'))
    except (OSError, ValueError):
        result = {'status': 'unknown', 'timeout': False, 'left': ['the keeper died']}
    wrong = points(test, output, result, totals)
    shutil.rmtree(test.tmp, ignore_errors=True)
    totals.times.append((seconds, test.name))
    print('%-6s %6.1f s  %s' % ('FAIL' if wrong else 'ok', seconds, test.name))
    if wrong:
        totals.broken.append(test.name)
        print('\n'.join('       | ' + line for line in output.splitlines()[-400:]))
        print('\n'.join('       > ' + line for line in wrong))
    sys.stdout.flush()


def run_all(tests, jobs, totals):
    base = tempfile.mkdtemp(prefix='dc.')
    os.chmod(base, 0o755)
    waiting, running = list(enumerate(tests)), []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, test = waiting.pop(0)
                start(test, os.path.join(base, str(number)))
                running.append(test)
            time.sleep(0.02)
            for test in [t for t in running if t.keeper.poll() is not None]:
                running.remove(test)
                finish(test, totals)
    finally:
        for test in running:
            test.keeper.terminate()
        for test in running:
            test.keeper.wait()
        shutil.rmtree(base, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--fast', action='store_true')
    parser.add_argument('--only')
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('builds', nargs=2)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tests = [t for t in collect(args.builds, args.fast) if not args.only or args.only in t.name]
    totals = Totals()
    began = time.time()
    run_all(tests, args.jobs, totals)
    print('\nslowest of %d in %.0f s:' % (len(tests), time.time() - began))
    for seconds, name in sorted(totals.times, reverse=True)[:8]:
        print('%9.1f s  %s' % (seconds, name))
    if totals.skipped:
        print('\nskipped:')
        for name, reason in totals.skipped:
            print('    %s: %s' % (name, reason))
    if totals.broken:
        print('\nfailed:')
        for name in totals.broken:
            print('    ' + name)
    if not tests:
        print('no test has that name')
        totals.failed += 1
    print('\n%d passed, %d failed, %d skipped' %
          (totals.passed, totals.failed, len(totals.skipped)))
    return 1 if totals.failed else 0


if __name__ == '__main__':
    if sys.argv[1:2] == ['--keep']:
        keep(float(sys.argv[2]), sys.argv[3], sys.argv[5:])
    else:
        sys.exit(main())
