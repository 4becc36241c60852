# SPDX-License-Identifier: GPL-2.0-or-later
"""
A server with live clients that is checkpointed by CRIU, killed and restored: one host is the primary and the backup.

    counter in "guest" eth0 == vif1.0 > bridge in "host" == out0 == eth0 in "outside", where the clients are

Without buffering the same checkpoints are made in epochs of a vif that carries nothing: the contrast.
"""

import collections
import os
import pathlib
import signal
import subprocess
import sys
import time

from .actors import Daemon, end
from .places import BIN, BUILD, TOOLS, inside, run

DOMAIN = "oc-counter"
PORT = 7000
TICK_MS = 20
SERVER, CLIENT = "10.9.0.2", "10.9.0.1"
CELL = pathlib.Path(f"/sys/fs/cgroup/outcommit-criu.{DOMAIN}")
PATIENCE_S = 120

Seen = collections.namedtuple("Seen", "way count made_ns seen_ns")


class Failed(RuntimeError):
    """Something that a failover needs did not come about."""


def await_that(what, condition, patience_s=PATIENCE_S):
    until = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > until:
            raise Failed(f"it did not come about that {what}")
        time.sleep(0.02)


class Clients:
    """See counts.py: one connection and one socket for datagrams."""

    def __init__(self, namespace, log):
        self.log = pathlib.Path(log)
        self.log.touch()
        self.process = subprocess.Popen(
            [*inside(namespace), sys.executable, "-m", "rig.counts", SERVER, str(PORT), str(log)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self):
        self.process.stdin.close()
        end(self.process)
        self.process.stdout.close()

    def seen(self, behind=0):
        """All that was seen, from line BEHIND on."""
        lines = self.log.read_text(encoding="ascii").splitlines()[behind:]
        words = [line.split() for line in lines]
        return [Seen(way, *map(int, numbers)) for way, *numbers in words if len(numbers) == 3]

    def lines(self):
        return len(self.seen())

    def await_more(self, ways, behind):
        """Something new by each of WAYS; where the log was then."""
        await_that(f"{ways} clients see more", lambda: {record.way for record in self.seen(behind)} >= set(ways))
        return self.lines()

    def fall_silent(self, for_s=1, patience_s=10):
        """Whether nothing more comes: what was on its way already may."""
        until, lines, since = time.monotonic() + patience_s, self.lines(), time.monotonic()
        while time.monotonic() < min(until, since + for_s):
            time.sleep(0.05)
            if self.lines() > lines:
                lines, since = self.lines(), time.monotonic()
        return time.monotonic() >= since + for_s

    def verify(self):
        """How many of the counts that they saw last the server does not know."""
        self.process.stdin.write("verify\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer or answer[0] != "verified":
            raise Failed(f"the connection did not survive: {' '.join(answer[1:])}")
        return int(answer[2])


class Newcomers:
    """See newcomers.py."""

    def __init__(self, namespace):
        self.process = subprocess.Popen(
            [*inside(namespace), sys.executable, "-m", "rig.newcomers", SERVER, str(PORT), "eth0"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def leave(self):
        """When the last ones have gone: how many were served, how many were not, and the resets that were seen."""
        said, _ = self.process.communicate(timeout=PATIENCE_S)
        _, *figures = said.split()
        return dict(zip(("served", "failed", "resets"), map(int, figures)))


class Stage:
    """All of it. The server's memory is what a failover must not contradict."""

    def __init__(self, name, directory, buffered=True, interval_ms=200):
        self.directory, self.buffered, self.interval_ms = pathlib.Path(directory), buffered, interval_ms
        self.host, self.guest, self.outside = (f"{name}-{part}" for part in ("host", "guest", "outside"))
        self.vif = "vif1.0" if buffered else "idle0"
        self.daemon = self.driver = self.clients = None

    def __enter__(self):
        try:
            self._network()
            self.daemon = Daemon(self.host).start()
            self.criu("start", "--netns", self.guest, DOMAIN, TOOLS / "counter", PORT, TICK_MS)
            self.clients = Clients(self.outside, self.directory / "seen")
            self.clients.await_more(["tcp", "udp"], 0)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.kill_driver(with_criu=True)
        self.kill_tree()
        if self.clients:
            self.clients.close()
        if self.daemon:
            self.daemon.__exit__()
        for namespace in (self.guest, self.outside, self.host):
            run("ip", "netns", "delete", namespace, check=False)

    def _network(self):
        for namespace in (self.host, self.outside):
            run("ip", "netns", "add", namespace)
        self.ip(f"""link set lo up
                    link add br0 type bridge stp_state 0
                    link set br0 up
                    link add out0 type veth peer name eth0 netns {self.outside}
                    link set out0 master br0 up
                    link add idle0 type veth peer name idle1
                    link set idle0 up""")
        run("ip", "-n", self.outside, "addr", "add", f"{CLIENT}/24", "dev", "eth0")
        run("ip", "-n", self.outside, "link", "set", "eth0", "up")
        run("ip", "netns", "add", self.guest)
        self.ip(f"""link add vif1.0 type veth peer name eth0 netns {self.guest}
                    link set vif1.0 master br0 up""")
        run("ip", "-n", self.guest, "addr", "add", f"{SERVER}/24", "dev", "eth0")
        run("ip", "-n", self.guest, "link", "set", "eth0", "up")

    def ip(self, batch):
        run("ip", "-n", self.host, "-batch", "-", stdin="\n".join(line.strip() for line in batch.splitlines()))

    def words(self, command, *args):
        """The network is described by the vif that carries it, also when another one is attached."""
        network = BUILD / "hotplug/outcommit-criu-net"
        if not self.buffered:
            wrapper = self.directory / "network"
            wrapper.write_text(f'#!/bin/sh\n[ "$1" != describe ] || set -- describe "$2" vif1.0\nexec {network} "$@"\n')
            wrapper.chmod(0o755)
            network = wrapper
        options = ["--network", network, "--run-dir", self.directory / "run"] if command != "receive" else []
        return [*inside(self.host), *map(str, [BIN / "outcommit-criu", command, *options, *args])]

    def criu(self, command, *args):
        return run(*self.words(command, *args))

    @property
    def driver_log(self):
        return self.directory / "driver"

    def protect(self, *criu_options, checkpoints=3):
        """Returns when that many checkpoints are safe."""
        log = open(self.driver_log, "wb")
        with log:
            self.driver = subprocess.Popen(
                self.words("protect", "--socket", self.daemon.socket_path, "--netns", self.guest, "--vif", self.vif,
                           "--interval", self.interval_ms, "--timeout", 1000 * PATIENCE_S,
                           DOMAIN, self.directory / "backup", *criu_options),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.await_checkpoints(checkpoints)

    def checkpoints(self):
        """The driver's lines about checkpoints that are safe, as (number, KiB, ms that the server stood still for)."""
        found = []
        for line in self.driver_log.read_text(errors="replace").splitlines():
            words = line.split()
            if words[1:2] == ["checkpoint"]:
                found.append((int(words[2]), int(words[7]), int(words[11])))
        return found

    def await_checkpoints(self, count):
        def there():
            if self.driver.poll() is not None:
                raise Failed(f"protect ended with {self.driver.returncode}: {self.driver_log.read_text()}")
            return len(self.checkpoints()) >= count
        await_that(f"{count} checkpoints are safe", there)

    def kill_driver(self, with_criu=False):
        """What receives belongs to the other host, and what makes a checkpoint outlives the driver by that."""
        if not self.driver:
            return
        children = children_of(self.driver.pid) if with_criu and self.driver.poll() is None else []
        self.driver.kill()
        self.driver.wait()
        for child in children:
            kill_if_criu(child)
        self.driver = None

    def kill_tree(self):
        if CELL.exists():
            (CELL / "cgroup.kill").write_text("1")
            await_that("the server is dead", lambda: not (CELL / "cgroup.procs").read_text().split())

    def fail(self):
        """The host loses its power: what was held is lost with it."""
        self.kill_driver(with_criu=True)
        if not self.buffered:
            # there what dies would be heard of
            self.ip("link set vif1.0 nomaster down")
        self.kill_tree()
        self.ip("link delete vif1.0")
        run("ip", "netns", "delete", self.guest)
        with self.daemon.client() as client:
            client.ask("detach", DOMAIN=DOMAIN, PENDING="discard")
        # what had been sent by then arrives
        await_that("the backup has heard of it", lambda: not receivers(self.directory / "backup"))

    def restore(self):
        """Seconds until the server runs again."""
        began = time.monotonic()
        self.criu("restore", "--netns", self.guest, DOMAIN, self.directory / "backup")
        return time.monotonic() - began

    def dump_by_hand(self, images, fails=False):
        """criu itself, with our action script; what it said, and what it logged of what the script said."""
        root = (CELL / "cgroup.procs").read_text(encoding="ascii").split()[0]
        inode = os.stat(f"/proc/{root}/ns/net").st_ino
        done = subprocess.run(
            ["criu", "dump", "-D", str(images), "-t", root, "--leave-running", "--tcp-established",
             "--network-lock", "nftables", "--manage-cgroups=ignore", "--external", f"net[{inode}]:key", "-o", "log",
             "--action-script", str(BUILD / "hotplug/outcommit-criu-action")],
            env={**os.environ, "OUTCOMMIT_DOMAIN": DOMAIN, "OUTCOMMIT_SOCKET": str(self.daemon.socket_path),
                 "OUTCOMMIT_HOOKS": str(BUILD / "hotplug"), "OUTCOMMITCTL": str(BIN / "outcommitctl")},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        said = done.stdout + (images / "log").read_text(errors="replace")
        if bool(done.returncode) != fails:
            raise Failed(f"criu dump: {done.returncode}: {said}")
        return said

    def stop(self):
        """End protection as asked; the driver's exit status."""
        status = end(self.driver)
        self.driver = None
        return status


def children_of(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def kill_if_criu(pid):
    try:
        if pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip() == "criu":
            os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        pass


def receivers(backup):
    """Processes that store checkpoints in BACKUP."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[1:2] == ["receive"] and str(backup) in words:
            found.append(int(path.parent.name))
    return found


def faults(before, after):
    """What clients saw that one server would not have told them: BEFORE and AFTER a failover."""
    stream = [record for record in before + after if record.way == "tcp"]
    gaps = sum(1 for one, next_one in zip(stream, stream[1:]) if next_one.count != one.count + 1)
    told = {record.count: record.made_ns for record in before}
    twice = len({record.count for record in after if told.get(record.count, record.made_ns) != record.made_ns})
    datagrams = [[record.count for record in part if record.way == "udp"] for part in (before, after)]
    lost = max(0, datagrams[1][0] - datagrams[0][-1] - 1) if all(datagrams) else 0
    return {"gaps": gaps, "twice": twice, "lost": lost}


def failover(stage, wait_s, checkpoints=3):
    """One, WAIT_S after so many checkpoints of this protection: what it looked like from outside."""
    begin = stage.clients.lines()
    stage.protect(checkpoints=checkpoints)
    time.sleep(wait_s)
    newest = stage.checkpoints()[-1]
    stage.fail()
    failed = stage.clients.lines()
    restore_s = stage.restore()
    stage.clients.await_more(["tcp", "udp"], failed)
    unknown = stage.clients.verify()
    records = stage.clients.seen(begin)
    before, after = records[:failed - begin], records[failed - begin:]
    silent_ms = (after[0].seen_ns - before[-1].seen_ns) // 1000000 if before and after else 0
    return {"checkpoint": newest[0], "kib": newest[1], "stopped_ms": newest[2],
            "seen": max(record.count for record in before), "restore_ms": round(restore_s * 1000),
            "silent_ms": silent_ms, "unknown": unknown, **faults(before, after)}
