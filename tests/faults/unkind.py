# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells a daemon that has libunkind.so preloaded what is to happen to its netlink traffic: see unkind.c."""

import errno
import mmap
import struct
import time

LAYOUT = struct.Struct("@6I")  # struct control
DONE_AT = 5 * 4
KINDS = {"none": 0, "send fails": 1, "refused": 2, "answer lost": 3, "answer late": 4, "answer twice": 5, "news lost": 6}


class Unkind:
    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(LAYOUT.size))
        with open(path, "r+b") as file:
            self.control = mmap.mmap(file.fileno(), LAYOUT.size)

    def arm(self, kind, skip=0, times=1, error=errno.ENOBUFS, which=0):
        self.disarm()
        # the kind last: from then on it counts
        self.control[4:] = LAYOUT.pack(0, skip, times, error, which, 0)[4:]
        self.control[:4] = struct.pack("@I", KINDS[kind])

    def disarm(self):
        self.control[:4] = bytes(4)

    def close(self):
        self.control.close()

    def done(self):
        return struct.unpack_from("@I", self.control, DONE_AT)[0]

    def wait_done(self, patience_s):
        """How often the daemon saw it: at least once, unless there was no chance in so many seconds."""
        end = time.monotonic() + patience_s
        while not self.done() and time.monotonic() < end:
            time.sleep(0.002)
        return self.done()
