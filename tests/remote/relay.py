#!/usr/bin/env python3
"""A line of a given length: whatever is sent through it arrives half a round trip later, and what went over it is counted.

usage: relay.py PORT TARGET RTT-MS LOG [p9]

Listens on 127.0.0.1:PORT and passes on to TARGET, HOST:PORT or unix:PATH.  The bandwidth is not limited.  LOG gets a line
whenever the near end speaks after it has heard something, as that is a round trip which somebody has waited for: `trip`.
With p9 the messages are looked into: LOG gets each request's name, too, and what nobody waits for (Tclunk, Tflush and the
Tstatfs that looks after the link) makes no trip.
"""
import queue
import socket
import sys
import threading
import time

CHUNK = 256 << 10
NAMES = {8: 'Tstatfs', 12: 'Tlopen', 14: 'Tlcreate', 16: 'Tsymlink', 22: 'Treadlink', 24: 'Tgetattr', 26: 'Tsetattr',
         30: 'Txattrwalk', 32: 'Txattrcreate', 40: 'Treaddir', 50: 'Tfsync', 72: 'Tmkdir', 74: 'Trenameat',
         76: 'Tunlinkat', 100: 'Tversion', 104: 'Tattach', 108: 'Tflush', 110: 'Twalk', 116: 'Tread', 118: 'Twrite',
         120: 'Tclunk', 200: 'Tget', 202: 'Tlist', 204: 'Tput', 206: 'Twatch', 208: 'Tpoll'}
UNAWAITED = ('Tclunk', 'Tflush', 'Tstatfs')


class Line:
    """One connection over it."""

    def __init__(self, relay, near):
        self.relay, self.near = relay, near
        self.far = relay.reach()
        self.heard = True
        self.lock = threading.Lock()
        self.header, self.left = b'', 0
        for s in (self.near, self.far):
            if s.family == socket.AF_INET:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for a, b, there in ((self.near, self.far, True), (self.far, self.near, False)):
            q = queue.Queue(4096)
            threading.Thread(target=self.take, args=(a, q, there), daemon=True).start()
            threading.Thread(target=self.give, args=(b, q, there), daemon=True).start()

    def requests(self, data):
        """The names of the messages that begin in DATA, which comes after what came before."""
        names = []
        at = 0
        while at < len(data):
            if self.left:
                n = min(self.left, len(data) - at)
                self.left -= n
            else:
                n = min(7 - len(self.header), len(data) - at)
                self.header += data[at:at + n]
                if len(self.header) == 7:
                    self.left = int.from_bytes(self.header[:4], 'little') - 7
                    names.append(NAMES.get(self.header[4], 'T%d' % self.header[4]))
                    self.header = b''
            at += n
        return names

    def note(self, data):
        names = self.requests(data) if self.relay.p9 else []
        awaited = [n for n in names if n not in UNAWAITED]
        with self.lock:
            trip = self.heard and (awaited or not self.relay.p9)
            if trip:
                self.heard = False
        self.relay.log((['trip'] if trip else []) + names)

    def take(self, s, q, there):
        while True:
            try:
                data = s.recv(CHUNK)
            except OSError:
                data = b''
            if there and data:
                self.note(data)
            q.put((time.monotonic() + self.relay.half, data))
            if not data:
                return

    def give(self, s, q, there):
        while True:
            due, data = q.get()
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            try:
                if not data:
                    s.shutdown(socket.SHUT_WR)
                    return
                if not there:
                    with self.lock:
                        self.heard = True
                s.sendall(data)
            except OSError:
                for each in (self.near, self.far):
                    try:
                        each.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
                return


class Relay:
    def __init__(self, port, target, rtt, log, p9=False):
        self.target, self.half, self.p9 = target, rtt / 2, p9
        self.out = open(log, 'a') if log else None
        self.trips = 0
        self.s = socket.socket()
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.s.bind(('127.0.0.1', port))
        self.s.listen(16)
        self.port = self.s.getsockname()[1]

    def reach(self):
        if self.target.startswith('unix:'):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.target[5:])
            return s
        host, port = self.target.rsplit(':', 1)
        return socket.create_connection((host, int(port)))

    def log(self, words):
        self.trips += words.count('trip')
        if self.out and words:
            self.out.write('\n'.join(words) + '\n')
            self.out.flush()

    def serve(self):
        while True:
            near, _ = self.s.accept()
            try:
                Line(self, near)
            except OSError:
                near.close()


if __name__ == '__main__':
    port, target, rtt, log = sys.argv[1:5]
    Relay(int(port), target, float(rtt) / 1000, log, sys.argv[5:] == ['p9']).serve()
