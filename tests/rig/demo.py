# SPDX-License-Identifier: GPL-2.0-or-later
"""
The show: a guest on two vifs is checkpointed every 50 ms, and the world outside sees what it sent only once the
checkpoint is safe, even if the daemon is killed in between. Every figure is counted from frames: those that the guest says it
sent, and those that were captured outside.
"""

import argparse
import contextlib
import pathlib
import struct
import sys
import tempfile
import time

from . import demo_failover
from .actors import Daemon, Guest, Observer, Record, judge
from .places import run
from .screen import Screen
from .topology import Topology, be_able_to_burst

EPOCH_S = 0.05
TRANSFER_S = 0.03
EPOCHS_BEFORE_KILL = 50
EPOCHS_AFTER_KILL = 50
EPOCHS_WITHOUT = 40
CAPTURE = struct.Struct("=QQQQHHHHHHI")
KINDS = ["ipv4", "ipv6", "arp"]
HEAD = f"{'epoch':>6}  {'held vif1.0':>11}  {'held vif1.1':>11}  {'released':>8}  {'hold time':>15}  outside"


class Captures:
    """The observer's log, read as it grows."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.seen = 0

    def new(self):
        data = self.file.read()
        data = data[:len(data) - len(data) % CAPTURE.size]
        self.seen += len(data) // CAPTURE.size
        self.file.seek(self.seen * CAPTURE.size)
        return list(CAPTURE.iter_unpack(data))


def hold_time(frames):
    """Shortest and longest time from sending to arrival outside."""
    if not frames:
        return "-"
    held = [(time_ns - sent_ns) / 1e6 for time_ns, sent_ns, *_ in frames]
    return f"{min(held):.0f} to {max(held):.0f} ms"


class Show:
    """One run. Without a daemon nothing is held: that is the contrast."""

    def __init__(self, screen, net, daemon, directory):
        self.screen, self.net, self.daemon = screen, net, daemon
        self.observer = Observer(net, directory / "captures")
        self.captures = Captures(self.observer.log)
        self.guest = Guest(net, 1, 2, burst=3, interval_us=6000, kinds=KINDS)
        self.record = Record(directory / "record")
        self.client = None
        self.arrived = [0, 0]
        self.due = 0
        self.epoch = 1

    def close(self):
        self.guest.__exit__()
        self.observer.__exit__()

    def ask(self, verb, epoch):
        """A request that is sent again if the daemon goes away before it has answered."""
        while self.daemon:
            try:
                self.client = self.client or self.daemon.client()
                self.client.do(verb, DOMAIN="guest1", EPOCH=epoch)
                return
            except (ConnectionError, FileNotFoundError):
                self.client = None
                time.sleep(0.01)

    def attach(self):
        with self.daemon.client() as client:
            for vif in ("vif1.0", "vif1.1"):
                client.do("attach", DOMAIN="guest1", VIF=vif)

    def checkpoint(self, between=None):
        """The guest has run since the last one; pause, close the epoch, run on, and commit when the copy has arrived."""
        began = time.monotonic()
        epoch = self.epoch
        self.guest.pause()
        self.ask("postsuspend", epoch)
        self.ask("preresume", epoch)
        self.show(epoch)
        self.guest.resume(epoch + 1)
        time.sleep(TRANSFER_S)
        if between:
            between(epoch)
        self.record.commit(epoch)
        self.ask("commit", epoch)
        self.epoch += 1
        time.sleep(max(0, began + EPOCH_S - time.monotonic()))

    def show(self, epoch):
        # what the last commit let go may still be on its way into the log
        self.observer.wait_for(self.due, patience_s=1)
        frames = self.captures.new()
        for frame in frames:
            self.arrived[frame[5]] += 1
        sent = self.guest.sent()
        self.due = sum(sent)
        held = [sent - arrived for sent, arrived in zip(sent, self.arrived)]
        early = sum(1 for frame in frames if frame[2] >= epoch)
        outside = f"{early} not yet committed" if early else "all committed"
        self.screen.row(f"{epoch:6}  {held[0]:11}  {held[1]:11}  {len(frames):8}  {hold_time(frames):>15}  {outside}",
                        *(["red"] if early else []))

    def kill_and_return(self, epoch):
        """Mid-epoch: closed, not committed, the guest running."""
        self.daemon.kill()
        self.screen.row(f"{epoch:6}  outcommitd killed with SIGKILL, epoch {epoch} is not committed", "yellow", important=True)
        frames = len(self.captures.new())
        for _ in range(5):
            time.sleep(0.1)
            frames += len(self.captures.new())
        self.screen.row(f"{'':6}  half a second without a daemon: {frames} frames left, the guest runs on", "yellow",
                        important=True)
        self.daemon.start()
        self.screen.row(f"{'':6}  outcommitd is back and has found guest1 in the kernel; commit {epoch} follows", "green",
                        important=True)

    def finish(self):
        """Commit the last epoch, and count."""
        self.guest.pause()
        self.ask("postsuspend", self.epoch)
        self.record.commit(self.epoch)
        self.ask("commit", self.epoch)
        sent = self.guest.sent()
        self.record.sent(sent)
        self.observer.wait_for(sum(sent))
        self.observer.stop()
        return judge(self.observer.log, {1: self.record.path})


def summary(screen, title, verdict):
    screen.say(title, "bold")
    kinds = {"IPv4": "ethertype_0800", "IPv6": "ethertype_86dd", "ARP": "ethertype_0806"}
    counts = ", ".join(f"{verdict.get(key, 0)} {name}" for name, key in kinds.items())
    screen.say(f"  frames sent by the guest   {verdict['sent']:8}")
    screen.say(f"  frames captured outside    {verdict['captured']:8}   ({counts})")
    for name in ("premature", "lost", "reordered", "duplicates"):
        screen.say(f"  {name:26} {verdict[name]:8}", "red" if verdict[name] else "green")
    screen.say()


@contextlib.contextmanager
def stage(screen, with_daemon):
    with Topology("ocdemo") as net, tempfile.TemporaryDirectory() as directory:
        net.add_guest(1, 2)
        daemon = Daemon(net.host).start() if with_daemon else None
        show = Show(screen, net, daemon, pathlib.Path(directory))
        try:
            yield show
        finally:
            show.close()
            if daemon:
                daemon.__exit__()


def protected(screen):
    screen.say("A guest on two vifs, checkpointed every 50 ms; its output is held per epoch and released on commit.", "bold")
    screen.say(HEAD, "bold")
    with stage(screen, True) as show:
        show.attach()
        for _ in range(EPOCHS_BEFORE_KILL):
            show.checkpoint()
        show.checkpoint(show.kill_and_return)
        for _ in range(EPOCHS_AFTER_KILL):
            show.checkpoint()
        verdict = show.finish()
        with show.daemon.client() as client:
            client.do("detach", DOMAIN="guest1", PENDING="release")
        left = show.net.leftovers()
    screen.say()
    summary(screen, "With outcommit", verdict)
    return verdict, left


def unprotected(screen):
    screen.say("The same guest and checkpoints, buffering off.", "bold")
    screen.say(HEAD, "bold")
    with stage(screen, False) as show:
        for _ in range(EPOCHS_WITHOUT):
            show.checkpoint()
        verdict = show.finish()
    screen.say()
    summary(screen, "Without", verdict)
    return verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--terminal", action="store_true", help="stdout is a terminal, wherever this runs")
    screen = Screen(parser.parse_args().terminal)
    for module in (["ifb", "numifbs=0"], ["sch_plug"], ["act_mirred"], ["cls_matchall"], ["sch_ingress"], ["bridge"], ["veth"]):
        run("modprobe", *module, check=False)
    path, old = be_able_to_burst()
    try:
        verdict, left = protected(screen)
        contrast = unprotected(screen)
    finally:
        pathlib.Path(path).write_text(old, encoding="ascii")
    faults = [name for name in ("premature", "lost", "reordered", "stranded", "duplicates", "foreign") if verdict[name]]
    if faults or left or not contrast["premature"]:
        screen.say(f"FAILED: {', '.join(faults + left) or 'the contrast shows nothing'}\n{verdict['faults']}", "red")
        return 1
    screen.say(f"{verdict['captured']} frames, none before its commit; without outcommit {contrast['premature']} of "
               f"{contrast['captured']} were seen too early.", "bold")
    screen.say()
    return 0 if demo_failover.play(screen) else 1


if __name__ == "__main__":
    sys.exit(main())
