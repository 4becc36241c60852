#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A driver without a library, from docs/protocol.md alone: stops a process for each checkpoint and runs its epochs.

usage: epochs.py DOMAIN PID EPOCHS [SOCKET]      its vifs are attached: outcommitctl attach DOMAIN VIF
"""
import os
import signal
import socket
import sys
import time


class Outcommit:
    """One connection; one packet is one message."""

    def __init__(self, path="/run/outcommit/control.sock"):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(path)

    def do(self, verb, **fields):
        """The fields of the reply; an OSError if it is an error."""
        self.socket.send("\n".join([verb, *(f"{key}={value}" for key, value in fields.items())]).encode())
        packet = self.socket.recv(65536).decode()
        if not packet:
            raise ConnectionResetError("outcommitd is gone")
        error, *lines = packet.splitlines()
        reply = dict(line.split("=", 1) for line in lines)
        if error != "0":
            raise OSError(-int(error), reply["MESSAGE"])
        return reply


def stop(pid):
    """Return when it stands still."""
    os.kill(pid, signal.SIGSTOP)
    while open(f"/proc/{pid}/stat", encoding="ascii").read().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.0001)


def run_epoch(daemon, domain, pid, epoch):
    """From one suspend to the commit. If preresume raises, the process stays stopped, as it must."""
    stop(pid)
    daemon.do("postsuspend", DOMAIN=domain, EPOCH=epoch)
    # ... take the checkpoint here ...
    daemon.do("preresume", DOMAIN=domain, EPOCH=epoch)
    os.kill(pid, signal.SIGCONT)
    time.sleep(0.05)  # ... and bring it to the backup here; when it is safe there:
    daemon.do("commit", DOMAIN=domain, EPOCH=epoch)


if __name__ == "__main__":
    name, process, epochs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    outcommit = Outcommit(*sys.argv[4:])
    first = int(outcommit.do("drive", DOMAIN=name, ON_DRIVER_LOST="hold", DRIVER_GRACE_NS=0)["OPEN"])
    for number in range(first, first + epochs):
        run_epoch(outcommit, name, process, number)
        print(f"{name}: epoch {number} is committed", flush=True)
