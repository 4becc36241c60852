# SPDX-License-Identifier: GPL-2.0-or-later
"""
Clients of counter.c that come anew all the time: each makes a connection, hears a count and goes. None of them gives a
reason to be reset.

    python3 -m rig.newcomers ADDRESS PORT INTERFACE

Until stdin ends, and then for those that are there: "newcomers SERVED FAILED RESETS", where a reset behind the server's FIN is
none. What was seen on INTERFACE of a connection that was reset goes to stderr, up to the reset.
"""

import collections
import socket
import struct
import sys
import threading
import time

from .counts import PATIENCE_S, TOLD

AT_ONCE = 5
SHOWN = 16
FLAGS = "FSRPAU"
FIN, SYN, RST = 1, 2, 4
ETH_P_ALL, ETH_P_IP = 3, 0x0800
Frame = collections.namedtuple("Frame", "at_s server port flags seq ack")


def parse(packet, server):
    """A TCP segment over IPv4 to or from SERVER, or None."""
    size = (packet[0] & 15) * 4
    if packet[9] != socket.IPPROTO_TCP or len(packet) < size + 20:
        return None
    ports = struct.unpack_from("!HH", packet, size)
    seq, ack, _, flags = struct.unpack_from("!IIBB", packet, size + 4)
    from_server = packet[12:16] == server
    return Frame(time.monotonic(), from_server, ports[from_server], flags, seq, ack)


class Observer(threading.Thread):
    """Sees every segment, and tells what led to a reset by the server."""

    def __init__(self, interface, server):
        super().__init__(daemon=True)
        self.server, self.began, self.resets = socket.inet_aton(server), time.monotonic(), 0
        self.seen = collections.defaultdict(lambda: collections.deque(maxlen=SHOWN))
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.bind((interface, ETH_P_ALL))

    def run(self):
        while True:
            packet, (_, protocol, *_) = self.socket.recvfrom(1 << 16)
            frame = parse(packet, self.server) if protocol == ETH_P_IP else None
            if frame:
                self.look_at(frame)

    def look_at(self, frame):
        if frame.flags & SYN and not frame.server:
            self.seen[frame.port].clear()
        frames = self.seen[frame.port]
        frames.append(frame)
        if frame.server and frame.flags & RST and not any(seen.server and seen.flags & FIN for seen in frames):
            self.resets += 1
            self.tell(frames)

    def tell(self, frames):
        for frame in frames:
            flags = "".join(name for bit, name in enumerate(FLAGS) if frame.flags >> bit & 1)
            print(f"{frame.at_s - self.began:8.3f} s  {'server' if frame.server else 'client'} {frame.port:5} "
                  f"{flags:4} seq {frame.seq:10} ack {frame.ack:10}", file=sys.stderr, flush=True)


def visit(address):
    with socket.create_connection(address, timeout=PATIENCE_S) as stream:
        if not stream.recv(TOLD.size):
            raise ConnectionResetError("the server closed the connection")
        stream.shutdown(socket.SHUT_WR)
        while stream.recv(1 << 16):
            pass


class Newcomers:
    def __init__(self, address):
        self.address, self.served, self.failed, self.ended = address, 0, [], threading.Event()
        self.threads = [threading.Thread(target=self.come_and_go) for _ in range(AT_ONCE)]

    def come_and_go(self):
        while not self.ended.is_set():
            try:
                visit(self.address)
                self.served += 1
            except OSError as error:
                self.failed.append(error)

    def run(self):
        for thread in self.threads:
            thread.start()
        sys.stdin.read()
        self.ended.set()
        for thread in self.threads:
            thread.join()


def main():
    address, port, interface = sys.argv[1:]
    observer = Observer(interface, address)
    observer.start()
    newcomers = Newcomers((address, int(port)))
    newcomers.run()
    for error in newcomers.failed[:SHOWN]:
        print(f"a newcomer: {error}", file=sys.stderr)
    print("newcomers", newcomers.served, len(newcomers.failed), observer.resets, flush=True)


if __name__ == "__main__":
    main()
