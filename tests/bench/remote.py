"""Another host at the end of a line of 0, 20 and 50 ms: what looks at it and an upload cost, beside virsh, sshfs and scp.

The other host is an engine with directories of its own behind an sshd on a loopback port, with keys that are thrown away.
tests/remote/relay.py is the line; it also counts round trips, which do not depend on how busy the machine is.
"""
import contextlib
import os
import select
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time

from common import TOP, Mount, ms, timed

sys.path.insert(0, TOP + '/tests/remote')
from relay import Relay  # noqa: E402

DOMAINS = 500
SSHFS_DOMAINS = 50  # it takes seconds for as many
LINES = (0, 20, 50)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def run(*argv, **more):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more).stdout


class Other:
    """The other host: an engine, an sshd, and a line of each length to it, named far0, far20 and far50 in an ssh_config."""

    def __init__(self, domfs, top):
        self.top = top + '/far'
        os.mkdir(self.top)
        self.m = Mount(domfs, self.top)
        self.m.mount()
        for k in ('host', 'key'):
            run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', '%s/%s' % (self.top, k))
        shutil.copy(self.top + '/key.pub', self.top + '/authorized')
        port = free_port()
        with open(self.top + '/sshd_config', 'w') as f:
            f.write('ListenAddress 127.0.0.1:%d\nHostKey %s/host\nAuthorizedKeysFile %s/authorized\nPidFile none\n'
                    'UsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n'
                    'PermitRootLogin prohibit-password\nMaxStartups 50\nSubsystem sftp internal-sftp\n'
                    'SetEnv DOMFS_STATE_DIR=%s/state DOMFS_RUN_DIR=%s/run\n'
                    % (port, self.top, self.top, self.top, self.top))
        os.makedirs('/run/sshd', exist_ok=True)
        self.sshd = subprocess.Popen(['/usr/sbin/sshd', '-D', '-e', '-f', self.top + '/sshd_config'],
                                     stderr=open(self.top + '/sshd.log', 'w'))
        self.relays = {rtt: Relay(0, '127.0.0.1:%d' % port, rtt / 1000, None) for rtt in LINES}
        key = ' '.join(open(self.top + '/host.pub').read().split()[:2])
        with open(self.top + '/known', 'w') as known, open(self.top + '/config', 'w') as config:
            for rtt, r in self.relays.items():
                threading.Thread(target=r.serve, daemon=True).start()
                known.write('[127.0.0.1]:%d %s\n' % (r.port, key))
                config.write('Host far%d\n HostName 127.0.0.1\n Port %d\n' % (rtt, r.port))
            config.write('Host *\n User root\n IdentityFile %s/key\n IdentitiesOnly yes\n UserKnownHostsFile %s/known\n'
                         ' GlobalKnownHostsFile none\n IdentityAgent none\n' % (self.top, self.top))
        self.config = self.top + '/config'
        # virsh has no word for another configuration
        self.ssh = self.top + '/ssh'
        with open(self.ssh, 'w') as f:
            f.write('#!/bin/sh\nexec ssh -F %s "$@"\n' % self.config)
        os.chmod(self.ssh, 0o755)

    def end(self):
        self.sshd.terminate()
        self.sshd.wait()
        self.m.umount()


class Libvirt:
    """A libvirtd, one of our own unless one answers; the driver is its test driver, which has no hypervisor to ask."""

    def __init__(self, top):
        self.own = None
        self.node = top + '/node.xml'
        with open(self.node, 'w') as f:
            f.write('<node>' + ''.join("<domain type='test'><name>d%d</name><memory>131072</memory><os><type>hvm</type></os>"
                                       '</domain>' % i for i in range(DOMAINS)) + '</node>')
        if subprocess.run(['virsh', '-q', '-c', 'qemu:///system', 'version'], capture_output=True).returncode:
            self.own = subprocess.Popen(['libvirtd'], stdout=subprocess.DEVNULL, stderr=open(top + '/libvirtd.log', 'w'))
            for _ in range(100):
                if not subprocess.run(['virsh', '-q', '-c', 'test:///default', 'list'], capture_output=True).returncode \
                        and os.path.exists('/run/libvirt/libvirt-sock'):
                    break
                time.sleep(0.1)

    def uri(self, other, rtt):
        return 'test+ssh://far%d%s?command=%s' % (rtt, self.node, other.ssh)

    def end(self):
        if self.own:
            self.own.terminate()
            self.own.wait()


class Shell:
    """virsh that stays connected."""

    def __init__(self, uri):
        self.p = subprocess.Popen(['virsh', '-q', '-c', uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
        self.say('domstate d1')

    def say(self, line):
        self.p.stdin.write((line + '\necho the-end\n').encode())
        self.p.stdin.flush()
        have = b''
        while b'\nthe-end' not in have.replace(b'echo the-end', b''):
            if not select.select([self.p.stdout], [], [], 60)[0]:
                raise SystemExit('virsh does not answer: ' + have.decode())
            more = os.read(self.p.stdout.fileno(), 65536)
            if not more:
                raise SystemExit('virsh ended: ' + have.decode())
            have += more
        return have

    def end(self):
        self.p.stdin.close()
        self.p.wait()


class Figures:
    """Of one thing: for each who does it a median, and round trips."""

    def __init__(self, relay, count):
        self.relay, self.count, self.parts = relay, count, []

    def add(self, who, fn, before=None, count=None):
        t, trips = [], []
        for _ in range(count or self.count):
            if before:
                before()
            had = self.relay.trips
            t.append(timed(fn))
            trips.append(self.relay.trips - had)
        self.parts.append((who, statistics.median(t), statistics.median(trips)))
        return self

    def show(self, what, to_reach):
        first = self.parts[0][1]
        text = ['%s %s, %g trips%s' % (who, ms(t), n, '' if i == 0 else ' (x %.2f)' % (first / t))
                for i, (who, t, n) in enumerate(self.parts)]
        print('%-46s %s   [to reach: %s]' % (what, '   '.join(text), to_reach), flush=True)


def cat(*paths):
    subprocess.run(['cat', *paths], stdout=subprocess.DEVNULL, check=True)


def cat_all(directory, pattern='*'):
    run('sh', '-ec', 'cat %s/domains/%s/state' % (directory, pattern))


class Near:
    """This host's view of the other one, over one line."""

    def __init__(self, m, other, rtt):
        self.dir = m.m + '/hosts/far%d' % rtt
        self.uri = 'ssh://far%d?config=%s&command=%s' % (rtt, other.config, m.domfs)

    def forget(self):
        if os.path.isdir(self.dir):
            os.rmdir(self.dir)

    def connect(self):
        os.mkdir(self.dir)
        try:
            with open(self.dir + '/uri', 'w') as f:
                f.write(self.uri + '\n')
        except OSError:
            raise SystemExit('%s: %s' % (self.uri, open(self.dir + '/error').read()))

    def again(self):
        self.forget()
        self.connect()


@contextlib.contextmanager
def sshfs(other, rtt, fresh=True):
    """The other host's own mount.  Its caches are off where it is to say what is so now."""
    at = other.top + '/sshfs%d' % rtt
    os.makedirs(at, exist_ok=True)
    argv = ['sshfs', '-F', other.config, 'far%d:%s' % (rtt, other.m.m), at]
    run(*argv, *(['-o', 'dir_cache=no,attr_timeout=0,entry_timeout=0,direct_io'] if fresh else ['-o', 'direct_io']))
    try:
        yield at
    finally:
        run('fusermount3', '-u', at)


def one_state(a, near, other, lv, rtt):
    relay, state = other.relays[rtt], near.dir + '/domains/d7/state'

    def connect_and_cat():
        near.connect()
        cat(state)

    def sshfs_and_cat():
        with sshfs(other, rtt) as at:
            cat(at + '/domains/d7/state')

    f = Figures(relay, a.count).add('domfs', connect_and_cat, near.forget)
    f.add('ssh true', lambda: run('ssh', '-F', other.config, 'far%d' % rtt, 'true'))
    if lv:
        f.add('virsh', lambda: run('virsh', '-q', '-c', lv.uri(other, rtt), 'domstate', 'd7'))
    f.add('sshfs', sshfs_and_cat, count=3)
    f.show('RTT %d ms: state, first' % rtt, 'ssh and 3')

    def change():
        verb = 'destroy' if other.m.read('d7', 'state') == 'running\n' else 'start'
        other.m.write(verb + '\n', 'd7', 'state')
        time.sleep(0.1 + rtt / 1000)

    warm = Figures(relay, a.count).add('domfs', lambda: cat(state))
    changed = Figures(relay, a.count).add('domfs', lambda: cat(state), change)
    if lv:
        s = Shell(lv.uri(other, rtt))
        for f in (warm, changed):
            f.add('virsh, connected', lambda: s.say('domstate d7'))
        s.end()
    with sshfs(other, rtt) as at:
        for f in (warm, changed):
            f.add('sshfs', lambda: cat(at + '/domains/d7/state'))
    warm.show('RTT %d ms: state, unchanged' % rtt, '0')
    changed.show('RTT %d ms: state, changed' % rtt, '1')


def all_states(a, near, other, lv, rtt):
    relay = other.relays[rtt]
    cold = Figures(relay, 3).add('domfs', lambda: cat_all(near.dir), near.again)
    warm = Figures(relay, 3).add('domfs', lambda: cat_all(near.dir))
    cold.add('domfs, cat list', lambda: cat(near.dir + '/list'), near.again)
    warm.add('domfs, cat list', lambda: cat(near.dir + '/list'))
    if lv:
        s = Shell(lv.uri(other, rtt))
        for f in (cold, warm):
            f.add('virsh domstats', lambda: s.say('domstats --state'))
            f.add('virsh list', lambda: s.say('list --all'), count=1)
        s.end()
    with sshfs(other, rtt, False) as at:
        for f in (cold, warm):
            f.add('sshfs, %d of them' % SSHFS_DOMAINS, lambda: cat_all(at, 'd1?' if SSHFS_DOMAINS < 11 else 'd[1-4]?'), count=1)
    cold.show('RTT %d ms: states of %d, connected' % (rtt, DOMAINS), '3')
    warm.show('RTT %d ms: states of %d, again' % (rtt, DOMAINS), '0')


def upload(a, near, other, rtt, images):
    size, source = a.upload << 20, other.top + '/source'
    if not os.path.exists(source):
        run('dd', 'if=/dev/urandom', 'of=' + source, 'bs=1M', 'count=%d' % a.upload)
    there = near.dir + '/pools/far/volumes/up'
    data = there + '/image'

    def scp():
        run('scp', '-q', '-F', other.config, source, 'far%d:%s/scp' % (rtt, images))

    def ours():
        run('dd', 'if=' + source, 'of=' + data, 'bs=1M', 'conv=notrunc,fsync')

    relay = other.relays[rtt]
    t = Figures(relay, 2)
    t.add('domfs', ours).add('scp', scp)
    with open(images + '/up', 'rb') as x, open(source, 'rb') as y:
        while True:
            p = y.read(1 << 20)
            if p != x.read(len(p)):
                raise SystemExit('what was uploaded is not what was sent')
            if not p:
                break
    rates = ', '.join('%s %.0f MB/s' % (who, size / 1e6 / s) for who, s, _ in t.parts)
    t.show('RTT %d ms: upload of %d MiB (%s)' % (rtt, a.upload, rates), '80 % of scp')


def make_far(other):
    for i in range(DOMAINS):
        os.mkdir(other.m.path('d%d' % i))
        other.m.write("<domain type='test'><name>d%d</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>"
                      '<os><type>hvm</type></os></domain>\n' % i, 'd%d' % i, 'xml')


def make_pool(other, mib):
    images = other.top + '/images'
    os.mkdir(images)
    p = other.m.m + '/pools/far'
    os.mkdir(p)
    for name, text in (('type', 'dir'), ('target', images), ('state', 'start')):
        with open(p + '/' + name, 'w') as f:
            f.write(text + '\n')
    v = p + '/volumes/up'
    os.mkdir(v)
    for name, text in (('format', 'raw'), ('capacity', '%dM' % mib)):
        with open(v + '/' + name, 'w') as f:
            f.write(text + '\n')
    return images


def bench_remote(a, m, top):
    for tool in ('ssh', 'scp', 'sshfs', '/usr/sbin/sshd'):
        if not shutil.which(tool):
            print('remote: left out, there is no ' + tool)
            return
    other = Other(a.domfs, top)
    lv = None
    try:
        make_far(other)
        images = make_pool(other, a.upload)
        lv = Libvirt(top) if a.libvirt else None
        for rtt in LINES:
            near = Near(m, other, rtt)
            one_state(a, near, other, lv, rtt)
            all_states(a, near, other, lv, rtt)
            upload(a, near, other, rtt, images)
            near.forget()
    finally:
        if lv:
            lv.end()
        other.end()
