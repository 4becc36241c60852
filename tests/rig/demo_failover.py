# SPDX-License-Identifier: GPL-2.0-or-later
"""
The second act: a server with live clients is checkpointed by CRIU, its host fails, and it goes on from its newest
checkpoint. What clients saw of it is compared with what the restored server knows; with buffering, and without.
"""

import pathlib
import shutil
import subprocess
import tempfile
import time

from . import failover as rig

FAILOVERS = 2
WATCH_S = 3
ROW_S = 0.25
HEAD = f"{'time':>7}  {'checkpoint':>10}  {'size':>9}  {'stopped for':>11}  {'seen by TCP':>11}  {'by UDP':>8}"


def newest(records, way):
    return max((record.count for record in records if record.way == way), default=0)


class Act:
    def __init__(self, screen, stage):
        self.screen, self.stage, self.began = screen, stage, time.monotonic()
        self.shown = None

    def row(self):
        records, checkpoints = self.stage.clients.seen(), self.stage.checkpoints()
        number, kib, stopped_ms = checkpoints[-1] if checkpoints else ("-", 0, 0)
        self.screen.row(f"{time.monotonic() - self.began:5.1f} s  {number:>10}  {kib:5} KiB  {stopped_ms:8} ms  "
                        f"{newest(records, 'tcp'):11}  {newest(records, 'udp'):8}", important=number != self.shown)
        self.shown = number

    def watch(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.row()
            time.sleep(ROW_S)

    def tell(self, text, colour):
        self.screen.row(f"{time.monotonic() - self.began:5.1f} s  {text}", colour, important=True)

    def failover(self):
        """What rig.failover does, to be looked at."""
        clients, begin = self.stage.clients, self.stage.clients.lines()
        self.stage.protect(checkpoints=1)
        self.watch(WATCH_S)
        # not in the midst of a checkpoint: the contrast would show nothing
        self.stage.await_checkpoints(len(self.stage.checkpoints()) + 1)
        self.watch(2 * ROW_S)
        self.stage.fail()
        failed = clients.lines()
        self.tell(f"the host fails: server, driver and what was held are gone; clients saw up to "
                  f"{newest(clients.seen(begin), 'tcp')}", "yellow")
        restore_s = self.stage.restore()
        clients.await_more(["tcp", "udp"], failed)
        self.tell(f"the backup restored it in {restore_s * 1000:.0f} ms; the same connection goes on", "green")
        unknown, records = clients.verify(), clients.seen(begin)
        faults = rig.faults(records[:failed - begin], records[failed - begin:])
        self.tell(f"clients repeat the last counts that they saw: {unknown} are unknown to the restored server",
                  "red" if unknown else "green")
        return {"unknown": unknown, **faults}


def part(screen, buffered, failovers):
    """The sums over FAILOVERS, and how much the clients saw in all."""
    sums = {}
    screen.say(HEAD, "bold")
    interval_ms = 200 if buffered else 2000
    with tempfile.TemporaryDirectory() as directory, rig.Stage("ocact2", directory, buffered, interval_ms) as stage:
        act = Act(screen, stage)
        for _ in range(failovers):
            for key, value in act.failover().items():
                sums[key] = sums.get(key, 0) + value
        act.watch(1)
        sums["seen"] = stage.clients.lines()
    screen.say()
    return sums


def summary(screen, title, sums):
    screen.say(title, "bold")
    screen.say(f"  counts seen by clients                {sums['seen']:8}")
    for name, key in (("never made by the restored server", "unknown"), ("seen twice, made at two moments", "twice"),
                      ("gaps in the TCP stream", "gaps")):
        screen.say(f"  {name:36}  {sums[key]:8}", "red" if sums[key] else "green")
    screen.say()


def what_is_lacking():
    """For the second act, on this machine; None if nothing is."""
    if not shutil.which("criu"):
        return "No criu here"
    if not pathlib.Path("/sys/fs/cgroup/cgroup.procs").exists():
        return "No unified cgroups here"
    # criu is older than some kernels, and others cannot tell which memory has changed
    if subprocess.run(["criu", "check", "--feature", "mem_dirty_track"], capture_output=True, check=False).returncode:
        return "This kernel has nothing that criu can work with"
    return None


def play(screen):
    """Whether it went as it should, as the last line of a show says it."""
    lacking = what_is_lacking()
    if lacking:
        screen.say(f"{lacking}: the second act is left out.", "yellow")
        return True
    screen.say("A server tells its counts by TCP and UDP; CRIU checkpoints it, its output is held until that is safe.",
               "bold")
    good = part(screen, True, FAILOVERS)
    summary(screen, f"{FAILOVERS} failovers with outcommit", good)
    screen.say("The same server, clients and checkpoints, buffering off.", "bold")
    bad = part(screen, False, 1)
    summary(screen, "1 failover without", bad)
    if good["unknown"] or good["twice"] or good["gaps"] or not bad["unknown"]:
        screen.say("FAILED: " + ("the contrast shows nothing" if not bad["unknown"] else str(good)), "red")
        return False
    screen.say(f"{FAILOVERS} failovers, and nobody saw what the restored server does not know; without outcommit "
               f"{bad['unknown']} counts were seen that it never made.", "bold")
    return True
