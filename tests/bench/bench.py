#!/usr/bin/env python3
"""Figures of domfs beside those of libvirt and the raw tools, measured in turns in one run: medians and ratios.

usage: tests/bench/bench.py [--domfs build/domfs] [--guest DIR] [--only NAME] [--libvirt] [--count N]

Prints; never passes or fails on a time.  --libvirt also runs virsh (the packages libvirt-daemon-system and
libvirt-clients must be there, and a libvirtd); without it those lines are left out.

NAME: start, cat, orc, many, twenty (domains), pool, image, create (storage, which needs no guest), remote (which needs none, but
root, sshd, sshfs and, with --libvirt, libvirtd).
"""
import argparse
import json
import os
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from common import TOP, Mount, at_once, ms, report, timed, virsh
from remote import bench_remote
from storage import bench_create, bench_image, bench_pool


def guest_xml(guest, name, kind='qemu', extra=''):
    cmdline = subprocess.run([TOP + '/tests/guest.sh', '--cmdline'], capture_output=True, text=True).stdout.strip()
    return """<domain type='%s'>
  <name>%s</name>
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type>
    <kernel>%s/vmlinuz</kernel><initrd>%s/initrd</initrd><cmdline>%s guest.calm</cmdline></os>
  <features><acpi/></features>
  <devices><serial type='pty'/>%s</devices>
</domain>
""" % (kind, name, guest, guest, cmdline, extra)


class Bare:
    """The same QEMU without a manager: exec to QMP ready and cont."""

    def __init__(self, domfs, xml, top, n=0):
        self.sock = '%s/bare%d.sock' % (top, n)
        path = '%s/bare%d.xml' % (top, n)
        open(path, 'w').write(xml)
        out = subprocess.run([domfs, 'check', path], capture_output=True, text=True, check=True).stdout
        words = shlex.split(out.replace('\\\n', ' '))
        self.argv = []
        for w in words:
            if w.startswith('socket,id=charmonitor'):
                w = 'socket,id=charmonitor,path=%s,server=on,wait=off' % self.sock
            self.argv.append(w)

    def start(self):
        if os.path.exists(self.sock):
            os.unlink(self.sock)
        self.p = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        s = socket.socket(socket.AF_UNIX)
        while True:
            try:
                s.connect(self.sock)
                break
            except OSError:
                if self.p.poll() is not None:
                    raise SystemExit('bare QEMU ended: ' + ' '.join(self.argv))
                time.sleep(0.0005)
        f = s.makefile('rw')
        json.loads(f.readline())
        for c in ('qmp_capabilities', 'cont'):
            f.write(json.dumps({'execute': c}) + '\n')
            f.flush()
            while 'return' not in json.loads(f.readline()):
                pass
        s.close()

    def stop(self):
        self.p.kill()
        self.p.wait()


def bench_start(a, m, top):
    xml = guest_xml(a.guest, 'bstart')
    os.mkdir(m.path('bstart'))
    m.write(xml, 'bstart', 'xml')
    bare = Bare(a.domfs, xml, top)
    ours, theirs, lv, ourd, lvd = [], [], [], [], []
    if a.libvirt:
        open(top + '/lv.xml', 'w').write(guest_xml(a.guest, 'blv'))
        virsh('define', top + '/lv.xml')
    for _ in range(a.count):
        theirs.append(timed(bare.start))
        bare.stop()
        ours.append(timed(m.write, 'start\n', 'bstart', 'state'))
        time.sleep(0.2)
        ourd.append(timed(m.write, 'destroy\n', 'bstart', 'state'))
        if a.libvirt:
            lv.append(timed(virsh, 'start', 'blv'))
            lvd.append(timed(virsh, 'destroy', 'blv'))
    if a.libvirt:
        virsh('undefine', 'blv')
    report('start to running', ours, [('bare QEMU', theirs), ('virsh', lv)], '1.3 x the bare one')
    report('destroy', ourd, [('virsh', lvd)], 'under 30 ms')
    os.rmdir(m.path('bstart'))


def bench_cat(a, m, top):
    m.write(guest_xml(a.guest, 'bcat'), 'bcat', 'xml') if os.path.isdir(m.path('bcat')) else os.mkdir(m.path('bcat'))
    path = m.path('bcat', 'state')
    lv = []
    ours, ref = [], []
    open(top + '/file', 'w').write('shutoff\n')
    if a.libvirt:
        open(top + '/lv.xml', 'w').write(guest_xml(a.guest, 'blv'))
        virsh('define', top + '/lv.xml')
    for _ in range(a.count * 5):
        ours.append(timed(subprocess.run, ['/bin/cat', path], -1, None, None, subprocess.DEVNULL))
        ref.append(timed(subprocess.run, ['/bin/cat', top + '/file'], -1, None, None, subprocess.DEVNULL))
        if a.libvirt:
            lv.append(timed(virsh, 'domstate', 'blv'))
    if a.libvirt:
        virsh('undefine', 'blv')
    report('cat state, as a process', ours, [('of a plain file', ref), ('virsh domstate', lv)], '8 x faster than virsh')


def bench_orc(a, m, top):
    for src in ('orc', 'hello'):
        flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'fuse3'], capture_output=True, text=True).stdout.split()
        subprocess.run(['cc', '-O2', '-o', '%s/%s' % (top, src), '%s/tests/bench/%s.c' % (TOP, src)] + flags, check=True)
    hm = top + '/hello.mnt'
    os.mkdir(hm)
    subprocess.run([top + '/hello', hm], check=True)
    try:
        if not os.path.isdir(m.path('borc')):
            os.mkdir(m.path('borc'))
        for pin in ([], ['taskset', '-c', '0']):
            if pin:
                for p in subprocess.run(['pgrep', '-f', 'mount ' + m.m + '|' + hm], capture_output=True, text=True).stdout.split():
                    subprocess.run(['taskset', '-pc', '0', p], capture_output=True)
            out = subprocess.run(pin + [top + '/orc', '3000', m.path('borc', 'state'), hm + '/state'],
                                 capture_output=True, text=True, check=True).stdout.split()
            us, hello = float(out[0]), float(out[2])
            print('%-46s %.1f us   bare libfuse hello %.1f us (x %.2f)   [to reach: x 1.3; libvirt on an open connection: 64 us]'
                  % ('open+read+close of state%s' % (', one core' if pin else ''), us, hello, us / hello), flush=True)
    finally:
        subprocess.run(['fusermount3', '-u', hm])


def bench_many(a, m, top):
    n = a.domains
    xml = guest_xml(a.guest, 'NAME')
    for i in range(n):
        open('%s/many-%d.xml' % (top, i), 'w').write(xml.replace('NAME', 'm%d' % i))
    make = timed(lambda: [os.mkdir(m.path('m%d' % i)) for i in range(n)])
    def define():
        for i in range(n):
            shutil.copyfile('%s/many-%d.xml' % (top, i), m.path('m%d' % i, 'xml'))
    d = timed(define)
    print('%-46s mkdir %s, cp %s   [to reach: 1.5 s]' % ('define %d domains' % n, ms(make), ms(d)), flush=True)
    fsync = []
    for i in range(50):
        def one():
            with open(top + '/fsync.tmp', 'w') as f:
                f.write(xml)
                f.flush()
                os.fsync(f.fileno())
            os.rename(top + '/fsync.tmp', top + '/fsync')
        fsync.append(timed(one))
    print('%-46s %s a file' % ('  the disk: write, fsync, rename', ms(statistics.median(fsync))), flush=True)
    cat = [timed(subprocess.run, 'cat %s/domains/m*/state > /dev/null' % m.m, -1, None, None, None, None, None, True, True)
           for _ in range(7)]
    report('cat of every state', cat, [], 'under 80 ms')
    lst = [timed(lambda: open(m.m + '/list').read()) for _ in range(9)]
    report('cat list', lst, [], 'under 3 ms')
    if a.libvirt:
        for i in range(n):
            pass
    m.umount()
    t = [0.0] * 5
    for i in range(5):
        t[i] = m.mount()
        names = os.listdir(m.m + '/domains')
        assert len(names) >= n
        if i < 4:
            m.umount()
    report('mount to first answer, %d domains' % n, t, [], 'under 150 ms')
    print('%-46s %.1f MB   [to reach: under 40 MB]' % ('resident', m.rss()), flush=True)
    subprocess.run('cat %s/domains/m*/state > /dev/null' % m.m, shell=True)
    print('%-46s %.1f MB' % ('resident after reading every state', m.rss()), flush=True)
    r = timed(lambda: [os.rmdir(m.path('m%d' % i)) for i in range(n)])
    print('%-46s %s' % ('rmdir of all', ms(r)), flush=True)


def bench_twenty(a, m, top):
    n = 20
    bares = []
    for i in range(n):
        xml = guest_xml(a.guest, 'tw%d' % i)
        os.mkdir(m.path('tw%d' % i))
        m.write(xml, 'tw%d' % i, 'xml')
        bares.append(Bare(a.domfs, xml, top, i))
    ours, theirs = [], []
    for _ in range(3):
        theirs.append(at_once([b.start for b in bares]))
        for b in bares:
            b.stop()
        shells = [lambda i=i: subprocess.run(['sh', '-c', 'echo start > ' + m.path('tw%d' % i, 'state')], check=True) for i in range(n)]
        ours.append(at_once(shells))
        at_once([lambda i=i: m.write('destroy\n', 'tw%d' % i, 'state') for i in range(n)])
    report('20 guests at once', ours, [('20 bare QEMUs', theirs)], 'x 1.3')
    for i in range(n):
        os.rmdir(m.path('tw%d' % i))


DOMAINS = {'start': bench_start, 'cat': bench_cat, 'orc': bench_orc, 'many': bench_many, 'twenty': bench_twenty}
STORAGE = {'pool': bench_pool, 'image': bench_image, 'create': bench_create}
REMOTE = {'remote': bench_remote}
CASES = {**DOMAINS, **STORAGE, **REMOTE}


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--domfs', default=TOP + '/build/domfs')
    p.add_argument('--guest', default=TOP + '/build/guest')
    p.add_argument('--only', choices=CASES)
    p.add_argument('--libvirt', action='store_true')
    p.add_argument('--count', type=int, default=9)
    p.add_argument('--domains', type=int, default=2000)
    p.add_argument('--volumes', type=int, default=10000)
    p.add_argument('--image-size', type=int, default=2048, help='MiB')
    p.add_argument('--upload', type=int, default=256, help='MiB, to the other host')
    p.add_argument('--dir', help='where pools and images are put; by default where the temporary files are')
    a = p.parse_args()
    a.domfs = os.path.abspath(a.domfs)
    a.guest = os.path.abspath(a.guest)
    if a.only not in {**STORAGE, **REMOTE}:
        subprocess.run([TOP + '/tests/guest.sh', a.guest], check=True)
    top = tempfile.mkdtemp(prefix='domfs-bench.', dir=a.dir)
    os.chmod(top, 0o755)
    m = Mount(a.domfs, top)
    m.mount()
    try:
        for name, fn in CASES.items():
            if not a.only or a.only == name:
                fn(a, m, top)
    finally:
        for d in os.listdir(m.m + '/domains'):
            try:
                m.write('destroy\n', d, 'state')
            except OSError:
                pass
        m.umount()
        shutil.rmtree(top, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
