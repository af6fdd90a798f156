#!/usr/bin/env python3
"""acts.py WHERE < ACTS - tries each act as the user who runs it, and prints what came of it.

WHERE is a mount's directory, or who speaks 9P2000.L: unix:PATH of a socket, tls:PORT:DIR with DIR's
certificates, run:COMMAND on its standard input and output.  Each line of ACTS is
"ACT [PATH] [ARGUMENT]"; the answer is that and ": WORD", where WORD is "yes", or "no" when
the refusal was EACCES or EPERM, or the name of another errno.  Acts undo themselves.
"""
import errno
import os
import select
import shlex
import socket
import ssl
import stat
import struct
import subprocess
import sys

NOFID, NONUNAME = 0xffffffff, 0xffffffff
ACL = 'system.posix_acl_access'


def connected(where):
    kind, rest = where.split(':', 1)
    if kind == 'unix':
        s = socket.socket(socket.AF_UNIX)
        s.connect(rest)
    elif kind == 'tls':
        port, pki = rest.split(':')
        context = ssl.create_default_context(cafile=pki + '/cacert.pem')
        context.load_cert_chain(pki + '/clientcert.pem', pki + '/clientkey.pem')
        s = context.wrap_socket(socket.create_connection(('127.0.0.1', int(port))),
                                server_hostname='localhost')
    else:
        s, end = socket.socketpair()
        subprocess.Popen(shlex.split(rest), stdin=end, stdout=end)
        end.close()
    s.settimeout(20)
    return s


class Wire:
    """The same calls as the mount's below, by 9P."""

    def __init__(self, where, uname=NONUNAME):
        self.where = where
        self.s = connected(where)
        self.next = 1
        self.call(100, struct.pack('<I', 65536 * 4) + self.text('9P2000.L.domfs'))
        self.call(104, struct.pack('<II', 0, NOFID) + self.text('') + self.text('') +
                  struct.pack('<I', uname))

    @staticmethod
    def text(s):
        s = s if isinstance(s, bytes) else s.encode()
        return struct.pack('<H', len(s)) + s

    def take(self, n):
        got = b''
        while len(got) < n:
            part = self.s.recv(n - len(got))
            if not part:
                raise OSError(errno.ECONNRESET, 'closed')
            got += part
        return got

    def call(self, kind, body):
        self.s.sendall(struct.pack('<IBH', len(body) + 7, kind, 1) + body)
        size, what, _ = struct.unpack('<IBH', self.take(7))
        got = self.take(size - 7)
        if what != kind + 1:    # Rlerror, and the one with a message
            raise OSError(struct.unpack('<I', got[:4])[0], 'refused')
        return got

    def walk(self, path):
        words = [w for w in path.split('/') if w]
        self.next += 1
        got = self.call(110, struct.pack('<IIH', 0, self.next, len(words)) +
                        b''.join(self.text(w) for w in words))
        if struct.unpack('<H', got[:2])[0] != len(words):
            # so far and no further: why, says the next step alone
            found = struct.unpack('<H', got[:2])[0]
            below = self.walk('/'.join(words[:found]))
            self.next += 1
            self.call(110, struct.pack('<IIH', below, self.next, 1) + self.text(words[found]))
            raise OSError(errno.EAGAIN, 'it is there now')
        return self.next

    def clunk(self, fid):
        self.call(120, struct.pack('<I', fid))

    def open(self, path, flags):
        fid = self.walk(path)
        try:
            self.call(12, struct.pack('<II', fid, flags & ~os.O_CLOEXEC))
        except OSError:
            self.clunk(fid)
            raise
        return fid

    def pread(self, fid, n, off):
        return self.call(116, struct.pack('<IQI', fid, off, n))[4:]

    def pwrite(self, fid, data, off):
        self.call(118, struct.pack('<IQI', fid, off, len(data)) + data)

    def fsync(self, fid):
        self.call(50, struct.pack('<II', fid, 0))

    def poll(self, fid):
        self.call(208, struct.pack('<I', fid))

    def split(self, path):
        head, tail = os.path.split(path)
        return self.walk(head), tail

    def mkdir(self, path):
        fid, name = self.split(path)
        self.call(72, struct.pack('<I', fid) + self.text(name) + struct.pack('<II', 0o755, 0))

    def rmdir(self, path):
        fid, name = self.split(path)
        self.call(76, struct.pack('<I', fid) + self.text(name) + struct.pack('<I', 0x200))

    def rename(self, path, to):
        (fid, name), (fid2, name2) = self.split(path), self.split(to)
        self.call(74, struct.pack('<I', fid) + self.text(name) + struct.pack('<I', fid2) +
                  self.text(name2))

    def stat(self, path):
        got = self.call(24, struct.pack('<IQ', self.walk(path), 0x7ff))
        return struct.unpack('<III', got[21:33])        # mode, uid, gid

    def setattr(self, path, valid, mode=0, uid=0, gid=0):
        self.call(26, struct.pack('<IIIIIQQQQQ', self.walk(path), valid, mode, uid, gid,
                                  0, 0, 0, 0, 0))

    def chmod(self, path, mode):
        self.setattr(path, 1, mode=mode)

    def chown(self, path, uid):
        self.setattr(path, 2, uid=uid)

    def setxattr(self, path, value):
        fid = self.walk(path)
        self.call(32, struct.pack('<I', fid) + self.text(ACL) + struct.pack('<QI', len(value), 0))
        self.pwrite(fid, value, 0)
        self.clunk(fid)

    def listdir(self, path):
        fid = self.open(path, os.O_RDONLY)
        return self.call(40, struct.pack('<IQI', fid, 0, 8192))[4:]


class Mount:
    def __init__(self, root):
        self.root = root

    def at(self, path):
        return os.path.join(self.root, path)

    def open(self, path, flags):
        return os.open(self.at(path), flags)

    def clunk(self, fd):
        os.close(fd)

    pread = staticmethod(os.pread)
    pwrite = staticmethod(os.pwrite)
    fsync = staticmethod(os.fsync)

    def poll(self, fd):
        p = select.poll()
        p.register(fd, select.POLLIN)
        if not p.poll(20000):
            raise OSError(errno.ETIMEDOUT, 'poll')

    def mkdir(self, path):
        os.mkdir(self.at(path))

    def rmdir(self, path):
        os.rmdir(self.at(path))

    def rename(self, path, to):
        os.rename(self.at(path), self.at(to))

    def stat(self, path):
        st = os.stat(self.at(path))
        return st.st_mode, st.st_uid, st.st_gid

    def chmod(self, path, mode):
        os.chmod(self.at(path), mode)

    def chown(self, path, uid):
        os.chown(self.at(path), uid, -1)

    def setxattr(self, path, value):
        os.setxattr(self.at(path), ACL, value)

    def listdir(self, path):
        os.listdir(self.at(path))


def whole(fs, path):
    fid, got = fs.open(path, os.O_RDONLY), b''
    while True:
        part = fs.pread(fid, 32768, len(got))
        if not part:
            break
        got += part
    fs.clunk(fid)
    return got


def opened(flags):
    def act(fs, path):
        fs.clunk(fs.open(path, flags))
    return act


def write(fs, path, text):
    data = open(text[1:], 'rb').read() if text.startswith('@') else text.encode() + b'\n'
    fid = fs.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        fs.pwrite(fid, data, 0)
        fs.fsync(fid)
    finally:
        fs.clunk(fid)


def tells(fs, path, word):      # does the file say this to who reads it?
    if word.encode() not in whole(fs, path):
        raise OSError(errno.EACCES, 'not told')


def make(fs, path):
    fs.mkdir(path)
    fs.rmdir(path)


def chmod(fs, path):
    fs.chmod(path, stat.S_IMODE(fs.stat(path)[0]))


def give(fs, path):
    owner = fs.stat(path)[1]
    try:
        fs.chown(path, owner + 1)
    except OSError as e:
        if e.errno == errno.EINVAL:     # of a user namespace that has no such user
            raise OSError(errno.EPERM, 'nobody to give it to') from e
        raise
    fs.chown(path, owner)


def setfacl(fs, path):
    mode = fs.stat(path)[0]
    fs.setxattr(path, struct.pack('<I', 2) + b''.join(
        struct.pack('<HHI', tag, mode >> shift & 7, NOFID)
        for tag, shift in ((1, 6), (4, 3), (0x20, 0))))


def wait(fs, path):
    if not whole(fs, path):
        raise OSError(errno.ENODATA, 'it says nothing')


def poll(fs, path):
    fid = fs.open(path, os.O_RDONLY)
    fs.poll(fid)
    fs.clunk(fid)


def news(fs, serial, ready):    # is it said within some seconds what changed of an object?
    if isinstance(fs, Mount):
        raise OSError(errno.EACCES, 'there is no such way')
    fs.call(206, struct.pack('<QI', 0, 65536))
    open(ready, 'w').close()
    fs.s.settimeout(3)
    try:
        while True:
            size, _, _ = struct.unpack('<IBH', fs.take(7))
            got = fs.take(size - 7)[12:]
            for at in range(0, len(got) - 11, 12):
                which, facets = struct.unpack('<QI', got[at:at + 12])
                if which in (0, int(serial)) and facets & ~(1 | 128):
                    return
    except socket.timeout as e:
        raise OSError(errno.EACCES, 'not told') from e


def become(fs, uid):            # attaches as somebody else: by 9P only
    if isinstance(fs, Mount):
        raise OSError(errno.EACCES, 'there is no such way')
    Wire(fs.where, int(uid))


ACTS = dict(read=whole, write=write, tells=tells, mkdir=make, rmdir=lambda f, p: f.rmdir(p),
            rename=lambda f, p, q: f.rename(p, q), chmod=chmod, give=give, setfacl=setfacl,
            wait=wait, poll=poll, news=news, list=lambda f, p: f.listdir(p), become=become,
            append=opened(os.O_WRONLY), both=opened(os.O_RDWR))


def main():
    where = sys.argv[1]
    fs = Mount(where) if where.startswith('/') else Wire(where)
    for line in sys.stdin:
        act, *rest = line.split()
        try:
            ACTS[act](fs, *rest)
            word = 'yes'
        except OSError as e:
            word = 'no' if e.errno in (errno.EACCES, errno.EPERM) else errno.errorcode[e.errno]
        print('%s: %s' % (line.strip(), word), flush=True)


main()
