# SPDX-License-Identifier: GPL-2.0-or-later
"""
A client of counter.c: sees its counts over a TCP connection and as datagrams, and logs each as it comes. It never
connects again: a connection that breaks stays broken.

    python3 -m rig.counts ADDRESS PORT LOG

"verify" on stdin: tell the server the last counts that were seen, by either way, and when it has heard all of them say
how many it does not know: "verified TOLD UNKNOWN", or "broken REASON". A line of the log: way, count, the moment it was
made at, the moment it was seen at.
"""

import collections
import contextlib
import random
import select
import socket
import struct
import sys
import time

TOLD = struct.Struct("=QQQQ")
SEEN = struct.Struct("=QQ")
REMEMBERED = 400
HELLO_S = 0.5
PATIENCE_S = 30


def connect(address, port):
    """The server may have been started only just now."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return socket.create_connection((address, port), timeout=PATIENCE_S)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


class Client:
    def __init__(self, address, port, log):
        self.stream = connect(address, port)
        self.stream.setblocking(False)
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.connect((address, port))
        self.log = open(log, "w", encoding="ascii", buffering=1)
        self.last = collections.deque(maxlen=REMEMBERED)
        self.half = b""
        self.token, self.unknown_before, self.unknown, self.told = 0, 0, 0, 0

    def saw(self, way, record):
        count, made_ns, unknown, token = record
        print(way, count, made_ns, time.time_ns(), file=self.log)
        self.last.append((count, made_ns))
        if self.token and token == self.token:
            print("verified", self.told, unknown, flush=True)
            self.token = 0

    def hear_stream(self):
        data = self.stream.recv(1 << 16)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        self.half += data
        whole = len(self.half) - len(self.half) % TOLD.size
        for record in TOLD.iter_unpack(self.half[:whole]):
            self.saw("tcp", record)
        self.half = self.half[whole:]

    def hear_datagrams(self):
        with contextlib.suppress(ConnectionRefusedError):
            self.saw("udp", TOLD.unpack(self.datagrams.recv(1 << 16)))

    def hello(self):
        """Where to send datagrams to; a server that was restored may not know of it yet."""
        with contextlib.suppress(OSError):
            self.datagrams.send(SEEN.pack(0, 0))

    def verify(self):
        self.token, self.told = random.getrandbits(63), len(self.last)
        self.stream.setblocking(True)
        self.stream.sendall(b"".join(SEEN.pack(*record) for record in self.last) + SEEN.pack(0, self.token))
        self.stream.setblocking(False)

    def run(self):
        due = 0
        while True:
            if time.monotonic() >= due:
                self.hello()
                due = time.monotonic() + HELLO_S
            ready, _, _ = select.select([self.stream, self.datagrams, sys.stdin], [], [], HELLO_S)
            if self.datagrams in ready:
                self.hear_datagrams()
            if self.stream in ready:
                self.hear_stream()
            if sys.stdin in ready:
                if not sys.stdin.readline():
                    return
                self.verify()


def main():
    address, port, log = sys.argv[1:]
    try:
        Client(address, int(port), log).run()
    except OSError as error:
        print("broken", error, flush=True)


if __name__ == "__main__":
    main()
