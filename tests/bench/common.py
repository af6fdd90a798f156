"""What the cases share: a mount of its own, clocks, and how a figure is printed."""
import os
import statistics
import subprocess
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TICK = os.sysconf('SC_CLK_TCK')


class Mount:
    def __init__(self, domfs, top):
        self.domfs, self.top = domfs, top
        self.m = os.path.join(top, 'mnt')
        os.makedirs(self.m, exist_ok=True)
        self.env = dict(os.environ, DOMFS_STATE_DIR=top + '/state', DOMFS_RUN_DIR=top + '/run')

    def mount(self):
        began = time.monotonic()
        subprocess.run([self.domfs, 'mount', self.m], env=self.env, check=True)
        open(self.m + '/version').read()
        return time.monotonic() - began

    def umount(self):
        subprocess.run([self.domfs, 'umount', self.m], env=self.env, check=True)

    def pid(self):
        return int(os.getxattr(self.m, 'user.domfs.pid'))

    def rss(self, what='VmRSS'):
        """MiB; what='VmHWM' is the most that it ever was."""
        text = open('/proc/%d/status' % self.pid()).read()
        return int(text.split(what + ':')[1].split()[0]) / 1024

    def cpu(self):
        """Seconds of processor time, those of its children that ended among them."""
        words = open('/proc/%d/stat' % self.pid()).read().rsplit(')', 1)[1].split()
        return sum(int(w) for w in words[11:15]) / TICK

    def path(self, *parts):
        return os.path.join(self.m, 'domains', *parts)

    def write(self, text, *parts):
        with open(self.path(*parts), 'w') as f:
            f.write(text)

    def read(self, *parts):
        with open(self.path(*parts)) as f:
            return f.read()


def ms(seconds):
    return '%.1f ms' % (seconds * 1e3)


def report(what, ours, others, to_reach=''):
    text = '%-46s %s' % (what, ours if isinstance(ours, str) else ms(statistics.median(ours)))
    for name, t in others:
        if t:
            ratio = statistics.median(ours) / statistics.median(t)
            text += '   %s %s (x %.2f)' % (name, ms(statistics.median(t)), ratio)
    print(text + ('   [to reach: %s]' % to_reach if to_reach else ''), flush=True)


def timed(fn, *args):
    began = time.monotonic()
    fn(*args)
    return time.monotonic() - began


def at_once(fns):
    threads = [threading.Thread(target=f) for f in fns]
    began = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return time.monotonic() - began


def virsh(*words):
    return subprocess.run(['virsh', '-q', *words], capture_output=True, text=True, check=True).stdout
