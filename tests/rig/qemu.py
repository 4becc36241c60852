# SPDX-License-Identifier: GPL-2.0-or-later
"""What suites with a QEMU guest share: the guest of tests/qemu/guest.c counts, and who sees its counts; lines as suites print them."""

import os
import signal
import subprocess
import sys
import time
import traceback

from .actors import end
from .places import REPO, inside, run

PATIENCE_S = 120


def wait_until(true, what):
    last = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < last, f"not in {PATIENCE_S} s: {what}"
        time.sleep(0.02)


class World:
    """Who sees what the guest sends."""

    def __init__(self, net, directory):
        self.path = directory / "seen"
        with open(self.path, "wb") as file:
            self.process = subprocess.Popen([*inside(net.outside), str(REPO / "tests/qemu/observe"), "eth0"], stdout=file)
        wait_until(lambda: self.path.read_text().startswith("ready\n"), "the observer")

    def __exit__(self, *_):
        end(self.process, signal.SIGKILL)

    def __enter__(self):
        return self

    def seen(self):
        """Every count so far, in the order of arrival."""
        return [int(line) for line in self.path.read_text().split("\n")[1:-1]]

    def quiet(self):
        """Every count, when no more come."""
        before = None
        while before != (before := self.path.stat().st_size):
            time.sleep(0.3)
        return self.seen()


class Report:
    """Lines as suites print them. After a failure the rest has nothing to go on with."""

    def __init__(self):
        self.passed, self.failed = 0, 0

    def check(self, name, test, *words):
        if self.failed:
            return None
        try:
            result = test(*words)
        except Exception:
            traceback.print_exc(file=sys.stdout)
            self.failed += 1
            print(f"FAIL: {name}", flush=True)
            return None
        self.passed += 1
        print(f"pass: {name}", flush=True)
        return result


def have_taps():
    run("modprobe", "tun")
    if not os.path.exists("/dev/net/tun"):
        run("mount", "-t", "devtmpfs", "dev", "/dev")
