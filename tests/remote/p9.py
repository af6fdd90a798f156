#!/usr/bin/env python3
"""p9.py CHECK... - checks of a server of 9P2000.L, by a client of its own.

Environment: P9_WHERE (unix:PATH or tcp:HOST:PORT), M (the same tree, mounted), DOMFS_PID, P9_SLOW (a
factor on waits).  Each check prints "pass NAME" or "fail NAME: WHY"; the exit status is that of the
program, not of the checks.
"""
import errno
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

NOFID, NOTAG, NONUNAME = 0xffffffff, 0xffff, 0xffffffff
RLERROR = 7
TYPES = dict(statfs=8, lopen=12, lcreate=14, symlink=16, mknod=18, rename=20, readlink=22,
             getattr=24, setattr=26, xattrwalk=30, xattrcreate=32, readdir=40, fsync=50, lock=52,
             getlock=54, link=70, mkdir=72, renameat=74, unlinkat=76, version=100, auth=102,
             attach=104, flush=108, walk=110, read=116, write=118, clunk=120, remove=122,
             get=200, list=202, put=204, watch=206, poll=208,
             seek=214, allocate=216, copy=218)
SLOW = int(os.environ.get('P9_SLOW', '1'))
MOUNT = os.environ['M']


class Refused(Exception):
    def __init__(self, code):
        super().__init__(errno.errorcode.get(code, str(code)))
        self.code = code


class Closed(Exception):
    pass


def text(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack('<H', len(s)) + s


def names(path):
    words = path if isinstance(path, list) else [w for w in path.split('/') if w]
    return struct.pack('<H', len(words)) + b''.join(text(w) for w in words)


def data(b):
    return struct.pack('<I', len(b)) + b


def u32(*v):
    return struct.pack('<%dI' % len(v), *v)


def u64(*v):
    return struct.pack('<%dQ' % len(v), *v)


def message(kind, tag, body=b''):
    kind = TYPES[kind] if isinstance(kind, str) else kind
    return struct.pack('<IBH', 7 + len(body), kind, tag) + body


def connect():
    where = os.environ['P9_WHERE']
    if where.startswith('unix:'):
        s = socket.socket(socket.AF_UNIX)
        s.connect(where[5:])    # waits for its turn
        s.settimeout(20 * SLOW)
    else:
        host, port = where[4:].rsplit(':', 1)
        s = socket.create_connection((host, int(port)), 20 * SLOW)
        s.settimeout(20 * SLOW)
    return s


class Client:
    def __init__(self, version='9P2000.L', msize=65536, attach=True, **how):
        self.sock, self.got, self.early, self.last_tag, self.last_fid = connect(), b'', {}, 0, 0
        self.version, self.msize = None, msize
        if version:
            self.hello(version, msize)
        if version and attach:
            self.attach(0, **how)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- messages ---

    def send_raw(self, b):
        try:
            self.sock.sendall(b)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed() from e

    def send(self, kind, body=b''):
        self.last_tag = self.last_tag % 60000 + 1
        self.send_raw(message(kind, self.last_tag, body))
        return self.last_tag

    def recv(self):
        """The next message: (type, tag, body)."""
        while len(self.got) < 4 or len(self.got) < struct.unpack_from('<I', self.got)[0]:
            try:
                more = self.sock.recv(1 << 20)
            except ConnectionResetError as e:
                raise Closed() from e
            if not more:
                raise Closed()
            self.got += more
        size, kind, tag = struct.unpack_from('<IBH', self.got)
        body, self.got = self.got[7:size], self.got[size:]
        return kind, tag, body

    def reply(self, tag):
        while tag not in self.early:
            kind, its, body = self.recv()
            self.early[its] = (kind, body)
        kind, body = self.early.pop(tag)
        if kind in (RLERROR, 211):
            raise Refused(struct.unpack_from('<I', body)[0])
        return kind, body

    def call(self, kind, body=b''):
        got, body = self.reply(self.send(kind, body))
        want = (TYPES[kind] if isinstance(kind, str) else kind) + 1
        assert got == want, 'a reply of type %d, not %d' % (got, want)
        return body

    def quiet(self, seconds=0.3):
        """Nothing comes."""
        return not self.got and not self.early and not select.select([self.sock], [], [], seconds)[0]

    # --- requests ---

    def hello(self, version, msize):
        self.send_raw(message('version', NOTAG, u32(msize) + text(version)))
        kind, body = self.reply(NOTAG)
        assert kind == 101, kind
        self.msize, n = struct.unpack_from('<IH', body)
        self.version = body[6:6 + n].decode()

    def attach(self, fid, uname='', uid=NONUNAME, aname='', afid=NOFID):
        return self.call('attach', u32(fid, afid) + text(uname) + text(aname) + u32(uid))

    def new_fid(self):
        self.last_fid += 1
        return self.last_fid

    def walk(self, path, fid=0, new=None):
        new = self.new_fid() if new is None else new
        body = self.call('walk', u32(fid, new) + names(path))
        count, = struct.unpack_from('<H', body)
        words = path if isinstance(path, list) else [w for w in path.split('/') if w]
        if count < len(words):
            raise Refused(errno.ENOENT)
        return new

    def qids(self, path):
        body = self.call('walk', u32(0, self.new_fid()) + names(path))
        return struct.unpack_from('<H', body)[0]

    def open(self, path, flags=os.O_RDONLY):
        fid = self.walk(path)
        self.call('lopen', u32(fid, flags))
        return fid

    def read(self, fid, offset=0, count=32768):
        body = self.call('read', u32(fid) + u64(offset) + u32(count))
        assert struct.unpack_from('<I', body)[0] == len(body) - 4
        return body[4:]

    def write(self, fid, b, offset=0):
        return struct.unpack('<I', self.call('write', u32(fid) + u64(offset) + data(b)))[0]

    def clunk(self, fid):
        self.call('clunk', u32(fid))

    def cat(self, path):
        fid = self.open(path)
        b = self.read(fid)
        self.clunk(fid)
        return b.decode()

    def put(self, path, s, flags=os.O_WRONLY | os.O_TRUNC):
        fid = self.open(path, flags)
        self.write(fid, s.encode())
        self.call('fsync', u32(fid, 0))
        self.clunk(fid)

    def getattr(self, fid):
        body = self.call('getattr', u32(fid) + u64(0x7ff))
        assert len(body) == 153, len(body)
        valid, kind, version, path, mode, uid, gid, nlink, rdev, size = \
            struct.unpack_from('<QBIQIIIQQQ', body)
        return dict(valid=valid, qid=(kind, version, path), mode=mode, uid=uid, gid=gid, size=size)

    def setattr(self, fid, valid, mode=0, uid=0, gid=0, size=0):
        self.call('setattr', u32(fid, valid, mode, uid, gid) + u64(size, 0, 0, 0, 0))

    def readdir(self, fid, count=8192):
        found, offset = [], 0
        while True:
            b = self.call('readdir', u32(fid) + u64(offset) + u32(count))[4:]
            if not b:
                return found
            assert len(b) <= count
            at = 0
            while at < len(b):
                offset, _, n = struct.unpack_from('<QBH', b, at + 13)
                found.append(b[at + 24:at + 24 + n].decode())
                at += 24 + n

    def mkdir(self, dfid, name):
        return self.call('mkdir', u32(dfid) + text(name) + u32(0o755, 0))

    def unlinkat(self, dfid, name, flags=0):
        self.call('unlinkat', u32(dfid) + text(name) + u32(flags))

    def renameat(self, dfid, name, to, newname):
        self.call('renameat', u32(dfid) + text(name) + u32(to) + text(newname))


# --- what checks say ---

def check(what, good, why=''):
    good = bool(good)
    print('pass ' + what if good else 'fail %s: %s' % (what, why))
    sys.stdout.flush()


def same(what, got, want):
    check(what, got == want, 'got %r, expected %r' % (got, want))


def refused(what, code, fn, *args, **how):
    codes = code if isinstance(code, tuple) else (code,)
    try:
        got = fn(*args, **how)
    except Refused as e:
        check(what, e.code in codes, 'refused with %s, not %s' % (e, errno.errorcode[codes[0]]))
    except Closed:
        check(what, False, 'the connection was closed')
    else:
        check(what, False, 'it succeeded: %r' % (got,))


def closed(what, client):
    """The server ends the connection, whatever it says before."""
    client.sock.settimeout(5 * SLOW)
    try:
        while True:
            client.recv()
    except Closed:
        check(what, True)
    except socket.timeout:
        check(what, False, 'the connection stays')
    client.close()


def memory():
    with open('/proc/%s/status' % os.environ['DOMFS_PID']) as f:
        for line in f:
            if line.startswith('VmRSS:'):
                return int(line.split()[1]) * 1024
    return 0


def descriptors():
    return len(os.listdir('/proc/%s/fd' % os.environ['DOMFS_PID']))


def eventually(what, fn, seconds=10):
    end = time.time() + seconds * SLOW
    while not fn() and time.time() < end:
        time.sleep(0.05)
    check(what, fn(), 'not after %d s' % (seconds * SLOW))


def alive(what='the mount and a new connection answer'):
    try:
        out = subprocess.run(['cat', MOUNT + '/domains/a/state'], timeout=20 * SLOW,
                             capture_output=True, text=True, check=True).stdout
        with Client() as c:
            both = out == c.cat('domains/a/state') == 'shutoff\n'
        check(what, both, out)
    except (Closed, OSError, subprocess.SubprocessError) as e:
        check(what, False, repr(e))


# --- what a client of plain 9P2000.L does ---

def plain():
    c = Client()
    same('plain 9P2000.L is agreed on', (c.version, c.msize), ('9P2000.L', 65536))
    root = c.getattr(0)
    same('the root is a directory', (root['qid'][0], root['mode'] & 0o170000), (0x80, 0o040000))
    fid = c.walk('')
    c.call('lopen', u32(fid, 0))
    listed = c.readdir(fid)
    same('readdir lists what the mount lists', sorted(listed), sorted(['.', '..'] + os.listdir(MOUNT)))
    same('and the same in small pieces', c.readdir(fid, 64), listed)
    refused('readdir of a file', errno.ENOTDIR, c.readdir, c.open('domains/a/state'))
    same('a value is read', c.cat('domains/a/state'), 'shutoff\n')
    fid = c.open('domains/a/state')
    same('from an offset', c.read(fid, 4, 3), b'off')
    same('beyond its end', c.read(fid, 1 << 62), b'')
    same('with the size that it has', c.getattr(fid)['size'], 8)
    same('a walk that ends early says how far it went', c.qids('domains/a/nothing/x'), 2)
    refused('the walk of one name that is not there', errno.ENOENT, c.call, 'walk', u32(0, 77) + names('nothing'))
    refused('and its fid is none', errno.EBADF, c.getattr, 77)
    c.put('domains/a/title', 'one\n')
    with open(MOUNT + '/domains/a/title') as f:
        same('what is written is in the mount', f.read(), 'one\n')
    refused('a value that is wrong', errno.EINVAL, c.put, 'domains/a/memory', 'many\n')
    refused('to write what is read only', errno.EACCES, c.open, 'domains/a/uuid', os.O_WRONLY)
    refused('to write on a fid that is open for reading', errno.EBADF, c.write, fid, b'x')
    refused('to read what is not open', errno.EBADF, c.read, c.walk('domains/a/state'))
    refused('to open a directory for writing', errno.EISDIR, c.open, 'domains', os.O_RDWR)
    body = c.call('statfs', u32(0))
    same('statfs', (len(body), struct.unpack_from('<II', body)), (60, (0x65735546, 4096)))
    same('a lock is granted', c.call('lock', u32(fid) + b'\1' + u32(0) + u64(0, 0) + u32(1) + text('h')), b'\0')
    lock = c.call('getlock', u32(fid) + b'\1' + u64(0, 0) + u32(1) + text('h'))
    same('nobody has it', lock[0], 2)
    refused('auth', errno.ENOENT, c.call, 'auth', u32(5) + text('root') + text('') + u32(0))
    refused('our own messages without the extension', errno.EOPNOTSUPP, c.call, 'get',
            u32(0) + names('domains') + u32(0, 100))
    refused('mknod', errno.EPERM, c.call, 'mknod', u32(0) + text('x') + u32(0o20666, 1, 3, 0))
    refused('link', errno.EPERM, c.call, 'link', u32(0, fid) + text('x'))
    refused('a tree that is not there', errno.ENOENT, c.attach, 90, aname='/etc')
    c.close()


def made():
    c = Client()
    d = c.walk('domains')
    c.mkdir(d, 'made')
    check('mkdir', os.path.isdir(MOUNT + '/domains/made'))
    refused('mkdir again', errno.EEXIST, c.mkdir, d, 'made')
    c.renameat(d, 'made', d, 'other')
    check('renameat', os.path.isdir(MOUNT + '/domains/other') and not os.path.exists(MOUNT + '/domains/made'))
    refused('renameat onto another', errno.EEXIST, c.renameat, d, 'other', d, 'a')
    f = c.walk('domains/other')
    c.call('rename', u32(f, d) + text('third'))
    check('rename', os.path.isdir(MOUNT + '/domains/third'))
    refused('unlinkat of a directory as a file', errno.EISDIR, c.unlinkat, d, 'third')
    inside = c.walk('domains/third/state')
    c.unlinkat(d, 'third', 0x200)
    check('unlinkat', not os.path.exists(MOUNT + '/domains/third'))
    refused('what was removed', errno.ESTALE, c.getattr, inside)
    refused('unlinkat of a file of the tree', errno.EPERM, c.unlinkat, c.walk('domains/a'), 'state')
    # the way of an editor: a file beside the document, renamed onto it
    d = c.walk('domains/a/config')
    new = c.walk('domains/a/config')
    doc = c.cat('domains/a/config/xml').replace('one', 'two').encode()
    c.call('lcreate', u32(new) + text('xml.new') + u32(os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, 0))
    same('lcreate and write', c.write(new, doc), len(doc))
    same('a file made is its maker\'s', c.getattr(new)['mode'], 0o100600)
    refused('lcreate again', errno.EEXIST, c.call, 'lcreate',
            u32(c.walk('domains/a/config')) + text('xml.new') + u32(1, 0o600, 0))
    refused('a scratch file of a terabyte', errno.EFBIG, c.setattr, new, 8, size=1 << 40)
    refused('a write at the end of the world', errno.EFBIG, c.write, new, b'x', (1 << 63) - 1)
    refused('readlink of a file', errno.EINVAL, c.call, 'readlink', u32(c.walk('domains/a/config/xml.new')))
    c.clunk(new)
    c.renameat(d, 'xml.new', d, 'xml')
    same('renamed onto the document it is that', c.cat('domains/a/title'), 'two\n')
    refused('a file that no editor makes', errno.EPERM, c.call, 'lcreate',
            u32(c.walk('domains/a/config')) + text('xlm') + u32(1, 0o600, 0))
    # an upload that is not whole is said at fsync
    fid = c.open('domains/a/config/xml', os.O_WRONLY | os.O_TRUNC)
    c.write(fid, doc[:len(doc) // 2])
    refused('fsync of half a document', (errno.EBADMSG, errno.EINVAL), c.call, 'fsync', u32(fid, 0))
    c.clunk(fid)
    same('and the old one stands', c.cat('domains/a/title'), 'two\n')
    refused('a document at an offset of a terabyte', (errno.EFBIG, errno.EINVAL), c.write,
            c.open('domains/a/config/xml', os.O_WRONLY | os.O_TRUNC), b'x', 1 << 40)
    c.close()


def xattr():
    c = Client()
    name = 'system.posix_acl_access'
    acl = u32(2) + b''.join(struct.pack('<HHI', *e) for e in (
        (1, 6, NOFID), (2, 4, 1234), (4, 4, NOFID), (0x10, 4, NOFID), (0x20, 0, NOFID)))
    f = c.walk('domains/a/title')
    refused('no ACL yet', errno.ENODATA, c.call, 'xattrwalk', u32(f, 50) + text(name))
    refused('another attribute', errno.EOPNOTSUPP, c.call, 'xattrcreate', u32(f) + text('user.x') + u64(1) + u32(0))
    c.call('xattrcreate', u32(f) + text(name) + u64(len(acl)) + u32(0))
    c.write(f, acl)
    c.clunk(f)
    same('the mount has the ACL', os.getxattr(MOUNT + '/domains/a/title', name), acl)
    f = c.walk('domains/a/title')
    same('its size', c.call('xattrwalk', u32(f, 51) + text(name)), u64(len(acl)))
    same('it is read', c.read(51), acl)
    same('the list', c.call('xattrwalk', u32(f, 52) + text('')), u64(len(name) + 1))
    same('has it', c.read(52), name.encode() + b'\0')
    f = c.walk('domains/a/title')
    c.call('xattrcreate', u32(f) + text(name) + u64(9) + u32(0))
    c.write(f, b'no ACL at all')
    refused('what is no ACL, at clunk', errno.EINVAL, c.clunk, f)
    f = c.walk('domains/a/title')
    c.call('xattrcreate', u32(f) + text(name) + u64(1 << 40) + u32(0))

    def flood():
        for _ in range(100):
            c.write(f, bytes(32768))
    refused('an ACL without end', errno.E2BIG, flood)
    os.removexattr(MOUNT + '/domains/a/title', name)
    c.close()


def parked():
    c = Client()
    f = c.open('domains/a/wait/running')
    tag = c.send('read', u32(f) + u64(0) + u32(100))
    check('a read of wait/ waits', c.quiet())
    same('and others on the connection go on', c.cat('domains/a/state'), 'shutoff\n')
    c.call('flush', struct.pack('<H', tag))
    check('the read was answered before the Rflush', tag in c.early)
    refused('flushed, it was interrupted', errno.EINTR, c.reply, tag)
    c.call('flush', struct.pack('<H', 12345))
    check('a flush of nothing is answered', True)
    for turn in range(3):      # the fid is still good
        tag = c.send('read', u32(f) + u64(0) + u32(100))
        c.send('flush', struct.pack('<H', tag))
        refused('read and flush at once, %d' % turn, errno.EINTR, c.reply, tag)
    tag = c.send('read', u32(f) + u64(0) + u32(100))
    c.put('domains/a/state', 'start\n')
    same('it is answered when it is so', c.reply(tag)[1][4:11], b'running')
    c.put('domains/a/state', 'destroy\n')
    c.close()
    # a Tversion in mid-session ends what goes on, without an answer
    c = Client()
    f = c.open('domains/a/wait/running')
    tag = c.send('read', u32(f) + u64(0) + u32(100))
    c.hello('9P2000.L', 16384)
    same('a new Tversion', (c.version, c.msize), ('9P2000.L', 16384))
    refused('the fids of before are gone', errno.EBADF, c.getattr, f)
    check('and its requests are not answered', tag not in c.early and c.quiet())
    c.attach(f)
    check('one may attach anew', True)
    c.close()


def own():
    c = Client('9P2000.L.domfs')
    same('the extension is agreed on', c.version, '9P2000.L.domfs')
    body = c.call('get', u32(0) + names('domains/a/state') + u32(0, 4096))
    check('get', body.endswith(b'shutoff\n'), body)
    refused('get of nothing', errno.ENOENT, c.call, 'get', u32(0) + names('domains/b') + u32(0, 1))
    c.call('put', u32(0) + names('domains/a/title') + u32(os.O_TRUNC) + data(b'put\n'))
    same('put', c.cat('domains/a/title'), 'put\n')
    tag = c.send('put', u32(0) + names('domains/a/memory') + u32(os.O_TRUNC) + data(b'many\n'))
    kind, its, body = c.recv()
    check('what is refused comes with words', (kind, its) == (211, tag) and b'many' in body, (kind, body))
    body = c.call('list', u32(0) + names('domains') + u64(0) + u32(32768, 0))
    check('list', b'\1\0\0\0a' in body and b'shutoff' in body, body)
    tag = c.send('watch', u64(1 << 63) + u32(NOFID))
    same('watch is answered at once', c.reply(tag)[0], 207)
    check('and then waits', c.quiet())
    with open(MOUNT + '/domains/a/title', 'w') as f:
        f.write('news\n')
    kind, body = c.reply(tag)
    check('and tells what changed', kind == 207 and len(body) >= 8 + 4 + 12, (kind, body))
    check('before a reply that is newer', c.call('get', u32(0) + names('domains/a/title') + u32(0, 99)).endswith(b'news\n'))
    c.hello('9P2000.L', 65536)
    c.attach(0)
    with open(MOUNT + '/domains/a/title', 'w') as f:
        f.write('more\n')
    check('no more after another Tversion', c.quiet() and tag not in c.early)
    c.hello('9P2000.L.domfs', 65536)
    c.attach(0)
    f = c.open('domains/a/wait/running')
    tag = c.send('poll', u32(f))
    check('poll waits', c.quiet())
    c.call('flush', struct.pack('<H', tag))
    same('a huge count is not believed', len(c.call('get', u32(0) + names('domains/a/state') + u32(0, NOFID))) > 8, True)
    c.close()
    c = Client('9P2000.L.domfs', msize=4096)
    same('without room for the extension it is plain', (c.version, c.msize), ('9P2000.L', 4096))
    c.close()


# --- what nobody should do ---

def sizes():
    for n in (0, 1, 6, 0xffffffff, 0x80000000, 1 << 20):
        c = Client(None)
        c.send_raw(u32(n) + b'\x64\xff\xff' + bytes(64))
        closed('a first message of size %d' % n, c)
        c = Client()
        c.send_raw(u32(n if n != 1 << 20 else 65537) + b'\x6e\1\0' + bytes(64))
        closed('a later message of size %d' % n, c)
    for cut in range(1, 20, 3):
        c = Client()
        c.send_raw(message('walk', 1, u32(0, 1) + names('domains'))[:cut])
        c.close()
    check('messages cut off by the end of the connection', True)
    c = Client()
    for one in message('getattr', 9, u32(0) + u64(0x7ff)):
        c.send_raw(bytes([one]))
        time.sleep(0.002)
    same('a message in single bytes is one all the same', c.reply(9)[0], 25)
    c.send_raw(message('walk', 1, u32(0, 1) + struct.pack('<H', 9) + text('x')))
    closed('a count of more names than there are', c)
    c = Client()
    c.send_raw(message('walk', 1, u32(0, 1) + names(['.'] * 17)))
    closed('17 names', c)
    c = Client()
    c.send_raw(message('write', 1, u32(0) + u64(0) + u32(1000) + b'x'))
    closed('more data than there is', c)
    for msize in (0, 1, 23, 4095):
        with Client(None) as c:
            refused('msize %d' % msize, errno.EINVAL, c.hello, '9P2000.L', msize)
    with Client(msize=0xffffffff) as c:
        check('msize 2^32-1 becomes what we have', 4096 <= c.msize <= 2 << 20, c.msize)
    with Client(msize=4096) as c:
        f = c.open('domains/a/config/xml')
        check('a reply keeps to a small msize', len(c.read(f, 0, NOFID)) <= 4096 - 11)
        f = c.walk('domains/a')
        check('a listing, too', len(c.call('readdir', u32(f) + u64(0) + u32(NOFID))) <= 4096 - 7)
        c.send_raw(message('write', 1, u32(f) + u64(0) + data(bytes(4096))))
        closed('a message beyond msize', c)
    alive()


def types():
    c = Client()
    for kind in (0, 2, 6, 28, 98, 106, 198, 210, 254):
        refused('a request of type %d' % kind, errno.EOPNOTSUPP, c.call, kind)
    c.close()
    for kind in (7, 25, 101, 211, 255):
        c = Client()
        c.send_raw(message(kind, 1, bytes(8)))
        closed('a reply as a request (type %d)' % kind, c)
    for kind in ('attach', 'walk', 'read', 'flush', 'write', 'get'):
        c = Client(None)
        c.send_raw(message(kind, 1, u32(0, NOFID) + text('') + text('') + u32(0)))
        closed('T%s before Tversion' % kind, c)
    for version in ('9P2000', '9P2000.u', '', 'HTTP/1.1', '9P2000.Lx', '9P2000.L\0'):
        c = Client(None)
        try:
            c.hello(version, 65536)
            same('version %r' % version, c.version, 'unknown')
            c.send_raw(message('attach', 1, u32(0, NOFID) + text('') + text('') + u32(NONUNAME)))
            closed('after which nothing is heard', c)
        except (Refused, Closed):
            check('version %r' % version, '\0' in version)
    with Client('9P2000.L.other') as c:
        same('an extension that is not known here', c.version, '9P2000.L')
    c = Client(None)
    c.send_raw(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    closed('a web browser', c)


def fids():
    with Client(attach=False) as c:
        for kind, body in (('walk', u32(0, 1) + names('')), ('getattr', u32(0) + u64(0)), ('lopen', u32(0, 0)),
                           ('read', u32(0) + u64(0) + u32(9)), ('write', u32(0) + u64(0) + data(b'x')),
                           ('mkdir', u32(0) + text('x') + u32(0, 0)), ('clunk', u32(0)), ('remove', u32(0)),
                           ('unlinkat', u32(0) + text('x') + u32(0)), ('statfs', u32(0)), ('fsync', u32(0, 0)),
                           ('symlink', u32(0) + text('x') + text('y') + u32(0)),
                           ('renameat', u32(0) + text('x') + u32(0) + text('y')), ('rename', u32(0, 0) + text('x')),
                           ('lcreate', u32(0) + text('xml.new') + u32(0, 0, 0)), ('readlink', u32(0)),
                           ('setattr', u32(0, 1, 0, 0, 0) + u64(0, 0, 0, 0, 0)),
                           ('xattrcreate', u32(0) + text('x') + u64(0) + u32(0)),
                           ('lock', u32(0) + b'\1' + u32(0) + u64(0, 0) + u32(1) + text('h')),
                           ('xattrwalk', u32(0, 1) + text('')), ('readdir', u32(0) + u64(0) + u32(99))):
            refused('T%s before Tattach' % kind, (errno.EBADF, errno.EOPNOTSUPP), c.call, kind, body)
    c, d = Client(), Client()
    f = c.open('domains/a/state')
    refused('a fid of another connection', errno.EBADF, d.read, f)
    refused('a fid that is in use', errno.EBADF, c.walk, 'domains', 0, f)
    refused('attach to a fid in use', errno.EBADF, c.attach, f)
    refused('a symlink below a file', errno.ENOTDIR, c.call, 'symlink', u32(f) + text('x') + text('y') + u32(0))
    refused('fid 2^32-1', errno.EBADF, c.walk, 'domains', 0, NOFID)
    refused('to walk from an open fid', errno.EBUSY, c.walk, '..', f, 60)
    refused('to open it again', errno.EBUSY, c.call, 'lopen', u32(f, 0))
    c.clunk(f)
    refused('to clunk twice', errno.EBADF, c.clunk, f)
    # a walk that moves its own fid, half way: it stays where it was
    f = c.walk('domains')
    body = c.call('walk', u32(f, f) + names('a/nothing'))
    same('half a walk moves nothing', (struct.unpack_from('<H', body)[0], c.getattr(f)['qid']),
         (1, c.getattr(c.walk('domains'))['qid']))
    root = c.getattr(0)['qid'][2]
    same('above the root is the root', c.getattr(c.walk(['..'] * 16))['qid'][2], root)
    same('from below, too', c.getattr(c.walk(['domains', 'a'] + ['..'] * 14))['qid'][2], root)
    same('".." of a domain', c.getattr(c.walk('domains/a/..'))['qid'][2], c.getattr(c.walk('domains'))['qid'][2])
    refused('".." of a file', (errno.ENOTDIR, errno.ENOENT), c.walk, ['domains', 'a', 'state', '..'])
    for bad in (b'a/b', b'/', b'', b'a\0b', b'../x', b'/etc/passwd'):
        refused('to walk to %r' % bad, errno.EINVAL, c.walk, [bad])
    refused('a name of 300 bytes', errno.ENAMETOOLONG, c.walk, ['x' * 300])
    refused('a name of 255', errno.ENOENT, c.walk, ['x' * 255])
    refused('a name that is no UTF-8', errno.ENOENT, c.walk, [b'\xff\xfe'])
    d2 = c.walk('domains')
    for bad in ('.', '..', 'a/b', '', b'x\0y', '../../x'):
        refused('mkdir %r' % (bad,), (errno.EINVAL, errno.EEXIST), c.mkdir, d2, bad)
        refused('rename to %r' % (bad,), (errno.EINVAL, errno.EEXIST, errno.EBADMSG), c.renameat, d2, 'a', d2, bad)
        refused('rename of %r' % (bad,), (errno.EINVAL, errno.ENOENT, errno.EBUSY), c.renameat, d2, bad, d2, 'q')
        refused('unlink %r' % (bad,), (errno.EINVAL, errno.ENOENT), c.unlinkat, d2, bad, 0x200)
        refused('create %r' % (bad,), (errno.EINVAL, errno.EPERM, errno.EEXIST), c.call, 'lcreate',
                u32(c.walk('domains/a/config')) + text(bad) + u32(os.O_RDWR | os.O_EXCL, 0o600, 0))
        refused('symlink %r' % (bad,), (errno.EINVAL, errno.EPERM, errno.EEXIST), c.call, 'symlink',
                u32(c.walk('domains/a/config')) + text(bad) + text('/etc/passwd') + u32(0))
    refused('a symlink where none is', errno.EPERM, c.call, 'symlink', u32(d2) + text('x') + text('/etc') + u32(0))
    refused('to rename into a directory of another kind', (errno.EPERM, errno.EBADMSG, errno.EACCES), c.renameat,
            d2, 'a', c.walk('pools'), 'a')
    c.close()
    d.close()
    alive()


def many():
    """10,000 fids and requests: bounded, and the rest goes on."""
    c, before = Client(), memory()
    got = refusals = 0
    tags = [c.send('walk', u32(0, 1000 + i) + names('domains/a')) for i in range(10000)]
    for tag in tags:
        try:
            c.reply(tag)
            got += 1
        except Refused as e:
            refusals += e.code == errno.EMFILE
    check('10,000 fids: so many and no more', 1000 <= got < 10000 and got + refusals == 10000, (got, refusals))
    c.close()
    c = Client()
    f = c.open('domains/a/wait/running')
    tags = [c.send('read', u32(f) + u64(0) + u32(NOFID)) for _ in range(10000)]
    refusals = 0
    for tag in tags:
        if c.quiet(1):
            break
        try:
            c.reply(c.recv_into())
        except Refused as e:
            refusals += e.code == errno.EAGAIN
    check('10,000 reads that wait: most are refused', 5000 < refusals < 10000, refusals)
    same('and a flush is heard', c.call('flush', struct.pack('<H', tags[0])), b'')
    same('and another read answered', c.cat('domains/a/state'), 'shutoff\n')
    check('memory stays bounded', memory() - before < (128 << 20) * SLOW, memory() - before)
    alive()
    tag = c.send('read', u32(f) + u64(0) + u32(100))
    c.close()
    # the same tag for all
    c = Client()
    for _ in range(1000):
        c.send_raw(message('getattr', 7, u32(0) + u64(0x7ff)))
    same('one tag for 1000 requests', {c.recv()[:2] for _ in range(1000)}, {(25, 7)})
    c.send_raw(b''.join(message('flush', 7, struct.pack('<H', 7)) for _ in range(5000)))
    same('5000 flushes of themselves', {c.recv()[:2] for _ in range(5000)}, {(109, 7)})
    # many that want the same fid at once
    c.send_raw(b''.join(message('walk', 1 + i, u32(0, 5) + names('domains/a/state')) +
                        message('lopen', 1001 + i, u32(5, 0)) +
                        message('read', 2001 + i, u32(5) + u64(0) + u32(9)) +
                        message('clunk', 3001 + i, u32(5)) for i in range(500)))
    kinds = [c.recv()[0] for _ in range(2000)]
    same('500 times walk, open, read, clunk in one go', (kinds.count(117), kinds.count(RLERROR)), (500, 0))
    c.close()


def recv_into(self):
    """The tag of the next reply, which is kept for reply()."""
    kind, tag, body = self.recv()
    self.early[tag] = (kind, body)
    return tag


Client.recv_into = recv_into


def deaf():
    """A client that does not read what it asked for."""
    before = memory()
    others = []
    for _ in range(4):
        c = Client('9P2000.L.domfs', msize=1 << 20)
        c.sock.setblocking(False)
        ask = message('list', 1, u32(0) + names('domains/a') + u64(0) + u32(1 << 20, 0)) * 200
        sent, end = 0, time.time() + 2
        while time.time() < end and sent < 40 << 20:
            try:
                sent += c.sock.send(ask[sent % len(ask):])
            except BlockingIOError:
                time.sleep(0.02)
        others.append((c, sent))
    check('it is heard no more', all(sent < 40 << 20 for _, sent in others), [s for _, s in others])
    check('memory stays bounded', memory() - before < 128 << 20, memory() - before)
    alive('others go on')
    c = others[0][0]
    c.sock.setblocking(True)
    got = 0
    while got < 8 << 20:
        got += len(c.sock.recv(1 << 20))
    check('when it reads again, it is answered', got >= 8 << 20)
    for c, _ in others:
        c.close()
    c = Client(msize=1 << 20)      # large writes to nowhere
    c.sock.setblocking(False)
    one, sent, end = message('write', 1, u32(99) + u64(0) + data(bytes(1 << 19))), 0, time.time() + 2
    while time.time() < end and sent < 200 << 20:
        try:
            sent += c.sock.send(one[sent % len(one):])
        except BlockingIOError:
            time.sleep(0.01)
    check('writes without end', memory() - before < 128 << 20, memory() - before)
    c.close()
    alive()


def silent():
    before_fds, before, began = descriptors(), memory(), time.time()
    many_of = [connect() for _ in range(1000)]
    cost = memory() - before
    check('1000 connections that say nothing cost little', cost < 32 << 20, cost)
    alive('meanwhile others are answered')
    half = [connect() for _ in range(50)]
    for s in half:      # says how long a message it has, and not more
        s.sendall(u32(8000) + b'\x64')
    hello = [Client(attach=False) for _ in range(50)]
    c = Client()
    eventually('they are closed after a while', lambda: descriptors() < before_fds + 20, 25)
    check('and not at once', time.time() - began > 5)
    same('who has attached stays', c.cat('domains/a/state'), 'shutoff\n')
    for s in many_of + half + [h.sock for h in hello]:
        s.close()
    c.close()
    alive()


def killed():
    """Clients that die with requests under way."""
    before = descriptors()
    for turn in range(40):
        pid = os.fork()
        if not pid:
            try:
                c = Client('9P2000.L.domfs', msize=1 << 20)
                f = c.open('domains/a/wait/running')
                c.send('read', u32(f) + u64(0) + u32(100))
                c.send('watch', u64(0) + u32(0))
                for _ in range(3000 if turn % 2 else 100):
                    c.send('list', u32(0) + names('domains/a') + u64(0) + u32(1 << 20, 0))
                    c.send('put', u32(0) + names('domains/a/title') + u32(os.O_TRUNC) + data(b'k\n'))
            finally:
                os._exit(0)
        time.sleep(0.02 * (turn % 5))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    for _ in range(50):     # all at once, and gone before the first answer
        c = Client()
        c.send_raw(b''.join(message('walk', i, u32(0, i) + names('domains/a/state')) +
                            message('lopen', i, u32(i, 0)) + message('read', i, u32(i) + u64(0) + u32(9))
                            for i in range(1, 400)))
        c.close()
    eventually('nothing of them is left', lambda: descriptors() <= before + 2)
    c = Client()
    f = c.open('domains/a/config/xml', os.O_WRONLY | os.O_TRUNC)
    c.write(f, b'<domain type="test"><name>a</name>')
    was = Client().cat('domains/a/config/xml')
    c.close()
    same('half a document of a dead client is nothing', Client().cat('domains/a/config/xml'), was)
    alive()


# --- rights: run as another user ---

def nobody():
    me = os.getuid()
    for how in (dict(uid=0), dict(uname='root', uid=0), dict(uid=me + 1)):
        with Client(attach=False) as c:
            refused('as uid %d: attach as %r' % (me, how), errno.EPERM, c.attach, 0, **how)
    for how in (dict(), dict(uname='root'), dict(uid=me), dict(uname='root', uid=me), dict(uname='0')):
        c = Client(**how)
        refused('attached as %r: no writing' % (how,), errno.EACCES, c.open, 'domains/a/state', os.O_WRONLY)
        refused('no chmod', errno.EPERM, c.setattr, c.walk('domains/a/title'), 1, mode=0o777)
        refused('no chown', errno.EPERM, c.setattr, c.walk('domains/a/title'), 2, uid=me)
        refused('no removing', (errno.EPERM, errno.EACCES), c.unlinkat, c.walk('domains'), 'a', 0x200)
        refused('no reading of what is private', errno.EACCES, c.open, 'domains/private/title')
        refused('no listing of it', errno.EACCES, c.readdir, c.walk('domains/closed'))
        f = c.walk('domains/a/title')
        c.call('xattrcreate', u32(f) + text('system.posix_acl_access') + u64(0) + u32(0))
        refused('no ACL', errno.EPERM, c.clunk, f)
        refused('no file of another to be read', errno.EACCES, c.open, 'domains/shared/config/xml.new')
        refused('nor to be written', errno.EACCES, c.open, 'domains/shared/config/xml.new', os.O_WRONLY)
        other = c.walk('domains/shared/config/xml.new')
        refused('nor cut', errno.EACCES, c.setattr, other, 8, size=0)
        refused('nor taken over', errno.EPERM, c.setattr, other, 1, mode=0o666)
        refused('nor read as a link', errno.EINVAL, c.call, 'readlink', u32(other))
        c.close()
    c = Client('9P2000.L.domfs')
    refused('no put', errno.EACCES, c.call, 'put',
            u32(0) + names('domains/a/title') + u32(os.O_TRUNC) + data(b'mine\n'))
    refused('no get of what is private', errno.EACCES, c.call, 'get', u32(0) + names('domains/private/title') + u32(0, 99))
    refused('no list of it', errno.EACCES, c.call, 'list', u32(0) + names('domains/closed') + u64(0) + u32(999, 0))
    c.close()
    kept = []
    try:
        for _ in range(600):
            kept.append(Client())
    except Closed:
        pass
    check('one user has so many connections and no more', 200 < len(kept) < 600, len(kept))


def half_closed():
    """Over TCP, and not an established connection any more when it is looked whose it is (the server is stopped meanwhile)."""
    s = connect()
    s.sendall(message('version', NOTAG, u32(65536) + text('9P2000.L')))
    s.shutdown(socket.SHUT_WR)
    try:
        got = s.recv(100)
    except ConnectionResetError:
        got = b''
    same('who it is must be known for certain', got, b'')


def root():
    """Root may attach as others, and has their rights then."""
    with Client(uid=65534) as c:
        refused('root as nobody: no writing', errno.EACCES, c.open, 'domains/a/state', os.O_WRONLY)
        refused('no reading of what is private', errno.EACCES, c.open, 'domains/private/title')
    with Client() as c:
        same('root reads it', c.cat('domains/private/title'), '\n')


if __name__ == '__main__':
    for one in sys.argv[1:]:
        try:
            globals()[one]()
        except (Refused, Closed, OSError, AssertionError, struct.error) as e:
            import traceback
            where = traceback.extract_tb(e.__traceback__)
            line = [x.lineno for x in where if x.name == one]
            print('fail %s, line %s: %s %s' % (one, line, type(e).__name__, e))
