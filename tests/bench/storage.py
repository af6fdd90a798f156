"""Pools and volumes: 10,000 of them listed, bytes in and out, images made."""
import contextlib
import ctypes
import errno
import os
import resource
import shutil
import statistics
import struct
import subprocess
import time

from common import at_once, ms, report, timed, virsh


def run(*argv):
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)


def put(text, *path):
    with open(os.path.join(*path), 'w') as f:
        f.write(text)


def make_pool(m, name, directory):
    """Defined, not started; returns its directory in the tree."""
    p = os.path.join(m.m, 'pools', name)
    os.mkdir(p)
    put('dir\n', p, 'type')
    put(directory + '\n', p, 'target')
    return p


def drop_pool(p):
    """A large image is still being removed when its rmdir has returned: the pool says so (EBUSY)."""
    until = time.monotonic() + 60
    while True:
        try:
            put('stop\n', p, 'state')
            break
        except OSError as e:
            if e.errno != errno.EBUSY or time.monotonic() > until:
                raise
            time.sleep(0.05)
    os.rmdir(p)


@contextlib.contextmanager
def virsh_pool(a, name, directory):
    if not a.libvirt:
        yield
        return
    virsh('pool-define-as', name, 'dir', '--target', directory)
    try:
        yield
    finally:
        subprocess.run(['virsh', '-q', 'pool-destroy', name], capture_output=True)
        virsh('pool-undefine', name)


class Opens:
    """Counts how often files of a directory are opened or read (inotify), by whomever."""

    def __init__(self, directory):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, directory.encode(), 0x20 | 0x01) < 0:
            raise OSError(ctypes.get_errno(), 'inotify')

    def count(self):
        n = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                data = os.read(self.fd, 1 << 20)
                while data:
                    _, mask, _, length = struct.unpack_from('iIII', data)
                    n += bool(length or mask & 0x4000)  # a name in it, or the queue ran over
                    data = data[16 + length:]
        return n

    def close(self):
        n = self.count()
        os.close(self.fd)
        return n


# ---- pool ----

def wait_active(p):
    until = time.monotonic() + 20
    while open(p + '/state').read() != 'active\n':
        if time.monotonic() > until:
            raise SystemExit('the pool did not become active')
        time.sleep(0.01)


def fresh(m, p):
    m.umount()
    m.mount()
    wait_active(p)


def list_once(m, p, plain, t):
    """One round of each, the plain directory beside it."""
    v = p + '/volumes'
    fresh(m, p)
    t['ls cold'].append(timed(run, 'ls', v))
    t['ls'].append(timed(run, 'ls', v))
    t['plain ls'].append(timed(run, 'ls', plain))
    fresh(m, p)
    cpu = m.cpu()
    t['ls -l cold'].append(timed(run, 'ls', '-l', v))
    t['cpu cold'].append(m.cpu() - cpu)
    t['ls -l'].append(timed(run, 'ls', '-l', v))
    t['plain ls -l'].append(timed(run, 'ls', '-l', plain))


def bench_pool(a, m, top):
    n = a.volumes
    plain = top + '/pool'
    os.mkdir(plain)
    for i in range(n):
        put('0123456789abcdef' * 32, '%s/v%05d.raw' % (plain, i))
    first, again, lv = [], [], {k: [] for k in ('start', 'refresh', 'list')}
    t = {k: [] for k in ('ls cold', 'ls', 'plain ls', 'ls -l cold', 'cpu cold', 'ls -l', 'plain ls -l')}
    with virsh_pool(a, 'bpool', plain):
        for i in range(min(a.count, 5)):
            p = make_pool(m, 'bpool%d' % i, plain)
            first.append(timed(put, 'start\n', p, 'state'))
            put('stop\n', p, 'state')
            again.append(timed(put, 'start\n', p, 'state'))
            drop_pool(p)
            if a.libvirt:
                lv['start'].append(timed(virsh, 'pool-start', 'bpool'))
                lv['refresh'].append(timed(virsh, 'pool-refresh', 'bpool'))
                lv['list'].append(timed(virsh, 'vol-list', 'bpool'))
                if i + 1 < min(a.count, 5):
                    virsh('pool-destroy', 'bpool')
        opens = Opens(plain)
        p = make_pool(m, 'bpool', plain)
        put('1\n', p, 'autostart')
        put('start\n', p, 'state')
        for _ in range(a.count):
            list_once(m, p, plain, t)
        assert len(os.listdir(p + '/volumes')) == n
        opened, theirs = opens.close(), 0
        if a.libvirt:
            opens = Opens(plain)
            virsh('pool-refresh', 'bpool')
            theirs = opens.close()
    what = 'pool of %d volumes: ' % n
    report(what + 'first start', first, [('virsh pool-start', lv['start'])], 'under 100 ms')
    report(what + 'start again', again, [('virsh pool-refresh', lv['refresh'])])
    report(what + 'ls, fresh mount', t['ls cold'], [('of the directory', t['plain ls'])], 'under 100 ms')
    report(what + 'ls', t['ls'], [('of the directory', t['plain ls']), ('virsh vol-list', lv['list'])], 'under 100 ms')
    report(what + 'ls -l, fresh mount', t['ls -l cold'], [('of the directory', t['plain ls -l'])], 'under 300 ms')
    print('%-46s %s' % ('  processor time of domfs for that', ms(statistics.median(t['cpu cold']))), flush=True)
    report(what + 'ls -l', t['ls -l'], [('of the directory', t['plain ls -l']), ('virsh vol-list', lv['list'])])
    print('%-46s %d%s   [to reach: 0]' % ('  images opened by all of that', opened,
                                           '   virsh pool-refresh %d' % theirs if a.libvirt else ''), flush=True)
    print('%-46s %.1f MiB' % ('  resident', m.rss()), flush=True)
    drop_pool(p)
    shutil.rmtree(plain)


# ---- image ----

def clean(path):
    """The target is not there, and nothing is being written: each copy begins alike."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.sync()


def rate(what, size, ours, plain, cpu):
    """Of the median and, as a disk has its moments, of the fastest."""
    text = '%-46s' % what
    for name, pick in (('', statistics.median), ('fastest: ', min)):
        a, b = pick(ours), pick(plain)
        text += ' %s%.0f MiB/s, plain cp %.0f MiB/s (%.0f %%)  ' % (name, size / a, size / b, 100 * b / a)
    print(text + ' processor time of domfs %s   [to reach: 80 %%]' % ms(statistics.median(cpu)), flush=True)


def image_rounds(a, m, v, source, target, made):
    """Each begins without its target, nothing to be written, its source in the page cache; who is first changes."""
    t = {k: [] for k in ('in', 'plain in', 'out', 'plain out', 'cpu in', 'cpu out')}

    def one(what, *argv):
        clean(target)
        run('cat', argv[1])
        cpu = m.cpu()
        t[what].append(timed(run, *argv))
        if 'cpu ' + what in t:
            t['cpu ' + what].append(m.cpu() - cpu)

    def into():
        os.mkdir(v)
        one('in', 'cp', source, v + '/image')

    def turns(first, second, odd):
        for fn in (second, first) if odd else (first, second):
            fn()

    for i in range(max(3, a.count // 2)):
        turns(lambda: one('plain in', 'cp', source, target), into, i % 2)
        turns(lambda: one('plain out', 'cp', made, target), lambda: one('out', 'cp', v + '/image', target), i % 2)
        run('cmp', source, v + '/image')
        run('cmp', source, target)
        os.rmdir(v)
    return t


def bench_image(a, m, top):
    size = min(a.image_size, shutil.disk_usage(top).free // 4 >> 20)
    plain = top + '/images'
    os.mkdir(plain)
    source, target, made = plain + '/.source', plain + '/.target', plain + '/vol'
    chunk = os.urandom(1 << 20)
    with open(source, 'wb') as f:
        for _ in range(size):
            f.write(chunk)
    p = make_pool(m, 'bimage', plain)
    put('start\n', p, 'state')
    before = m.rss()
    t = image_rounds(a, m, p + '/volumes/vol', source, target, made)
    rate('cp of %d MiB into an image' % size, size, t['in'], t['plain in'], t['cpu in'])
    rate('cp of %d MiB out of an image' % size, size, t['out'], t['plain out'], t['cpu out'])
    print('%-46s %.1f MiB before, %.1f MiB after, %.1f MiB at most   [to reach: flat]'
          % ('  resident', before, m.rss(), m.rss('VmHWM')), flush=True)
    drop_pool(p)
    shutil.rmtree(plain)


# ---- create ----

MAKE = 'mkdir $d && echo qcow2 > $d/format && echo 10G > $d/capacity'


def used():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def measured(fn, m=None):
    """Seconds, and seconds of processor time of who asks and, with M, of domfs."""
    cpu = used() + (m.cpu() if m else 0)
    t = timed(fn)
    return t, used() + (m.cpu() if m else 0) - cpu


def sh(text):
    return subprocess.run(['sh', '-ec', text], stdout=subprocess.DEVNULL, check=True)


def each(names, text):
    return [lambda d=d: sh('d=%s; %s' % (d, text)) for d in names]


def one_by_one(m, v, bare, rounds=5, n=20):
    """In shells, as it is typed.  mkdir is a process, which a bare qemu-img does not need: so there is also one after
    mkdir and two files that mean nothing, and a program that makes directories by itself."""
    t = {k: [] for k in ('ours', 'bare', 'same', 'calls', 'spawn')}
    cpu = {k: [] for k in t}
    make = 'qemu-img create -q -f qcow2 %s/$i 10G' % bare

    def one(what, fn, mount=None):
        seconds, used_cpu = measured(fn, mount)
        t[what].append(seconds)
        cpu[what].append(used_cpu)

    def loop(names, text):
        return lambda: sh('for i in %s; do %s; done' % (' '.join(names), text))

    for k in range(rounds):
        names = {w: ['%s-%d-%d' % (w, k, i) for i in range(n)] for w in t}
        one('bare', loop(names['bare'], make))
        one('ours', loop(names['ours'], 'd=%s/$i; %s' % (v, MAKE)), m)
        one('same', loop(names['same'], 'd=%s/dir-$i; %s; %s' % (bare, MAKE, make)))
        one('spawn', lambda: [run(*make.replace('$i', i).split()) for i in names['spawn']])
        one('calls', lambda: [(os.mkdir(v + '/' + i), put('qcow2\n', v, i, 'format'), put('10G\n', v, i, 'capacity'))
                              for i in names['calls']], m)
    what = '%d qcow2 volumes of 10 GiB, one by one' % n
    for text, ours, others in (('', 'ours', (('qemu-img create', 'bare'), ('after mkdir and echo', 'same'))),
                               (', no shell', 'calls', (('qemu-img create', 'spawn'),))):
        report(what + text, t[ours], [(name, t[o]) for name, o in others], 'x 1.2')
        report('  processor time', cpu[ours], [(name, cpu[o]) for name, o in others])


def all_at_once(a, v, bare, rounds=3, n=64):
    t = {k: [] for k in ('make', 'drop', 'bare', 'virsh make', 'virsh drop')}
    names = ['at-once-%d' % i for i in range(n)]
    for _ in range(rounds):
        t['bare'].append(at_once([lambda i=i: run('qemu-img', 'create', '-q', '-f', 'qcow2', bare + '/' + i, '10G')
                                  for i in names]))
        for i in names:
            os.unlink(bare + '/' + i)
        t['make'].append(at_once(each([v + '/' + i for i in names], MAKE)))
        t['drop'].append(at_once(each([v + '/' + i for i in names], 'rmdir $d')))
        if a.libvirt:
            t['virsh make'].append(at_once([lambda i=i: virsh('vol-create-as', 'bcreate', i, '10G', '--format', 'qcow2')
                                            for i in names]))
            t['virsh drop'].append(at_once([lambda i=i: virsh('vol-delete', i, 'bcreate') for i in names]))
    report('%d qcow2 volumes at once' % n, t['make'], [('qemu-img create', t['bare']), ('virsh', t['virsh make'])])
    report('  removed at once', t['drop'], [('virsh', t['virsh drop'])])


def bench_create(a, m, top):
    images, bare, lv = top + '/images', top + '/bare', top + '/lv'
    for d in (images, bare, lv):
        os.mkdir(d)
    p = make_pool(m, 'bcreate', images)
    put('start\n', p, 'state')
    with virsh_pool(a, 'bcreate', lv):
        if a.libvirt:
            virsh('pool-start', 'bcreate')
        one_by_one(m, p + '/volumes', bare)
        all_at_once(a, p + '/volumes', bare)
    drop_pool(p)
    for d in (images, bare, lv):
        shutil.rmtree(d)
