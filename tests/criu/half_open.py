# SPDX-License-Identifier: GPL-2.0-or-later
"""
A connection that is being made while criu has the network locked, and whose SYN-ACK is held meanwhile: the client
answers that one when it comes, and is a client then. In a network namespace of its own.

usage: unshare --net half_open.py    a line per result as suites have them
"""

import pathlib
import socket
import struct
import sys
import tempfile
import time

from failovers import Results
from rig.places import BIN, run

CLIENT, SERVER, PORT = "10.9.0.1", "10.9.0.2", 7000
CLIENT_MAC = "02:00:00:00:00:01"
SYN, RST, ACK = 2, 4, 16
SEQ = 1000
ETH_P_IP = 0x0800

# As criu's own network lock is. The kernel repeats a SYN-ACK after a second.
CRIU_LOCK = """create table inet CRIU-1
add chain inet CRIU-1 output { type filter hook output priority 0; policy drop; }
add rule inet CRIU-1 output meta mark 0xC114 accept
add chain inet CRIU-1 input { type filter hook input priority 0; policy drop; }
add rule inet CRIU-1 input meta mark 0xC114 accept
"""
LOCKED_S = 1.5

# What it says when it takes the lock for one of iptables
RULES_LOCK = "*filter\n:CRIU - [0:0]\n-I INPUT -j CRIU\n-I OUTPUT -j CRIU\n-A CRIU -j DROP\nCOMMIT\n"
RULES_UNLOCK = "*filter\n:CRIU - [0:0]\n-D INPUT -j CRIU\n-D OUTPUT -j CRIU\n-X CRIU\nCOMMIT\n"


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return 0xffff - ((total & 0xffff) + (total >> 16))


def segment(port, flags, seq, ack):
    """From the client, with its IPv4 header."""
    ends = socket.inet_aton(CLIENT) + socket.inet_aton(SERVER)
    tcp = struct.pack("!HHIIBBHHH", port, PORT, seq, ack, 5 << 4, flags, 65535, 0, 0)
    total = checksum(ends + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", total) + tcp[18:]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0)
    return head[:10] + struct.pack("!H", checksum(head + ends)) + ends + tcp


class Client:
    """The other end of the wire. What the server sends is not repeated by anybody: it is looked at when it suits."""

    def __init__(self, port):
        self.port = port
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        self.wire.bind(("wire", ETH_P_IP))
        link = run("ip", "-o", "link", "show", "eth0").split("link/ether ")[1].split()[0]
        self.server = ("wire", ETH_P_IP, 0, 0, bytes.fromhex(link.replace(":", "")))

    def send(self, *what):
        self.wire.sendto(segment(self.port, *what), self.server)

    def hear(self, wanted, patience_s=1):
        """The sequence number of the first segment with just these flags; None: there is none."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            self.wire.settimeout(max(0.001, until - time.monotonic()))
            try:
                packet = self.wire.recv(1 << 16)
            except TimeoutError:
                break
            _, port, seq, _, _, flags = struct.unpack_from("!HHIIBB", packet, 20)
            if (port, flags) == (self.port, wanted):
                return seq
        return None


class CriuLock:
    def __enter__(self):
        run("nft", "-f", "-", stdin=CRIU_LOCK)

    def __exit__(self, *_):
        run("nft", "delete", "table", "inet", "CRIU-1")


class OurLock:
    """outcommit-criu, called as criu calls it."""

    def __init__(self, directory):
        self.commands = [pathlib.Path(directory, f"{name}-restore") for name in ("iptables", "ip6tables")]
        for command in self.commands:
            command.symlink_to(BIN / "outcommit-criu")

    def say(self, rules):
        for command in self.commands:
            run(command, "-w", "--noflush", stdin=rules)

    def __enter__(self):
        self.say(RULES_LOCK)

    def __exit__(self, *_):
        self.say(RULES_UNLOCK)


def connect(port, lock):
    """Over a lock: whether the client is reset, and whether what it sent meanwhile was heard."""
    client = Client(port)
    client.send(SYN, SEQ, 0)
    first = client.hear(SYN | ACK)
    with lock:
        other = Client(port + 1)
        other.send(SYN, SEQ, 0)
        time.sleep(LOCKED_S)
        heard = other.hear(SYN | ACK, 0.1) is not None
    client.send(ACK, SEQ + 1, first + 1)
    return client.hear(RST) is not None, heard


def accepted(listener):
    listener.settimeout(0.2)
    try:
        listener.accept()[0].close()
    except TimeoutError:
        return False
    return True


def network():
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "eth0")
    run("ip", "addr", "add", f"{SERVER}/24", "dev", "eth0")
    for name in ("eth0", "wire"):
        run("ip", "link", "set", name, "up")
    run("ip", "neigh", "replace", CLIENT, "dev", "eth0", "lladdr", CLIENT_MAC)


def main():
    results = Results()
    network()
    with socket.create_server((SERVER, PORT)) as listener, tempfile.TemporaryDirectory() as directory:
        ours = OurLock(directory)
        results.check("with criu's own lock the kernel forgets who is connecting, and resets it later",
                      connect(40000, CriuLock()) == (True, False) and not accepted(listener))
        results.check("with ours a connection that is being made is made; what arrives meanwhile is not heard",
                      connect(40010, ours) == (False, False) and accepted(listener))
        with ours, ours:
            pass
        results.check("a lock leaves nothing in the namespace, also if it was left behind before",
                      not run("nft", "list", "tables"))
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
