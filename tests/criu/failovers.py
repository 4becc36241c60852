# SPDX-License-Identifier: GPL-2.0-or-later
"""
Failovers of a server with live clients, each at a random moment of its checkpoints. In the VM.

usage: failovers.py COUNT SEED    a line per result as suites have them
"""

import os
import pathlib
import random
import signal
import sys
import tempfile
import time

from rig import failover as rig
from rig.places import run

SPREAD_S = 1.5
LIFE = "user.outcommit.life"


class Results:
    def __init__(self):
        self.failures = 0

    def check(self, name, good, figures=""):
        self.failures += not good
        print(f"{'pass' if good else 'FAIL'}: {name}{': ' if figures else ''}{figures}", flush=True)


def told(figures):
    return ", ".join(f"{key} {value}" for key, value in figures.items())


def protected(results, count, moments):
    with tempfile.TemporaryDirectory() as directory, rig.Stage("occriu", directory) as stage:
        for number in range(1, count + 1):
            figures = rig.failover(stage, moments.uniform(0, SPREAD_S))
            good = not (figures["unknown"] or figures["gaps"] or figures["twice"])
            results.check(f"failover {number}: clients saw only what the restored server knows, the stream goes on",
                          good, told(figures))
        action_script(results, stage)
        newcomers(results, stage)
        driver_dies(results, stage, moments)
        another_life(results, stage)
        backup_dies(results, stage)
        ends(results, stage)
    with tempfile.TemporaryDirectory() as directory, rig.Stage("occriu1", directory, interval_ms=3000) as stage:
        stage.protect(checkpoints=1)
        server_dies(results, stage)


def driver_dies(results, stage, moments):
    """Not the host: the server is stopped or runs on, what it sends is held, and the next driver goes on from there."""
    stage.protect()
    time.sleep(moments.uniform(0, SPREAD_S))
    stage.kill_driver()
    silent = stage.clients.fall_silent()
    lines = stage.clients.lines()
    stage.protect()
    stage.clients.await_more(["tcp", "udp"], lines)
    figures = {"unknown": stage.clients.verify(), **rig.faults(stage.clients.seen()[:lines], stage.clients.seen(lines))}
    results.check("a driver that is killed lets nothing out, and another one takes up what it left",
                  silent and not any(figures.values()), told(figures))


def newcomers(results, stage):
    """
    With dumps that last for longer than the second after which the kernel repeats a SYN-ACK that nobody has answered,
    for it is held: it does so while criu has the network locked.
    """
    slow = stage.directory / "slow"
    slow.write_text('#!/bin/sh\n[ "$CRTOOLS_SCRIPT_ACTION" != network-unlock ] || sleep 1.5\n')
    slow.chmod(0o755)
    visitors = rig.Newcomers(stage.outside)
    stage.protect("--action-script", slow)
    figures = visitors.leave()
    stage.stop()
    results.check("connections that are made during checkpoints are served, and none is reset",
                  figures["served"] and not figures["failed"] and not figures["resets"], told(figures))


def action_script(results, stage):
    """For whoever runs criu without our driver: the epoch of a dump is closed, and named with its images."""
    images = pathlib.Path(stage.directory, "by-hand")
    images.mkdir()
    with stage.daemon.client() as client:
        client.do("attach", DOMAIN=rig.DOMAIN, VIF=stage.vif)
        stage.dump_by_hand(images)
        epoch = (images / "outcommit-epoch").read_text(encoding="ascii").strip()
        status = client.do("status", DOMAIN=rig.DOMAIN)
        closed = status.get("STATE") == "holding" and status.all("EPOCH") == [epoch]
        client.do("commit", DOMAIN=rig.DOMAIN, EPOCH=epoch)
        client.do("release", DOMAIN=rig.DOMAIN)
        client.do("detach", DOMAIN=rig.DOMAIN)
        unknown = stage.dump_by_hand(images, fails=True)
    results.check("the action script closes the epoch of a dump by hand, and fails it without a domain",
                  closed and "no such domain" in unknown, f"epoch {epoch}")


def another_life(results, stage):
    """The old primary, whose backup has taken over, is taken for nothing else by what tells them apart."""
    life = os.getxattr(rig.CELL, LIFE)
    stage.kill_driver()
    os.setxattr(rig.CELL, LIFE, b"0" * len(life))
    try:
        stage.protect(checkpoints=1)
        said = "it was taken"
    except rig.Failed as error:
        said = str(error)
    os.setxattr(rig.CELL, LIFE, life)
    results.check("another life of the server finds no backup", "with 3:" in said and "another life" in said)


def backup_dies(results, stage):
    """Nothing more is acknowledged: all is held until somebody decides, and that was to go on with a backup."""
    stage.protect()
    for pid in rig.receivers(stage.directory / "backup"):
        os.kill(pid, signal.SIGKILL)
    status = stage.driver.wait(60)
    silent = stage.clients.fall_silent()
    lines = stage.clients.lines()
    stage.protect()
    stage.clients.await_more(["tcp", "udp"], lines)
    results.check("a backup that dies ends the protection with all held, and another one takes it up",
                  status == 3 and silent and not stage.clients.verify())


def server_dies(results, stage):
    """Between two checkpoints. Not told from a failure of the host: the backup may be restored."""
    stage.kill_tree()
    status = stage.driver.wait(60)
    with stage.daemon.client() as client:
        state = client.do("status", DOMAIN=rig.DOMAIN).get("STATE")
    results.check("a server that dies ends its protection, and its last words are held",
                  (status, state) == (4, "holding"))


def ends(results, stage):
    status = stage.stop()
    lines = stage.clients.lines()
    stage.clients.await_more(["tcp", "udp"], lines)
    with stage.daemon.client() as client:
        gone = client.ask("status", DOMAIN=rig.DOMAIN).error
    results.check("protection that is ended leaves nothing held", status == 0 and gone)
    try:
        stage.kill_tree()
        stage.restore()
        refused = False
    except RuntimeError as error:
        refused = "ended as asked" in str(error)
    results.check("a backup whose protection was ended is not restored by mistake", refused)


def unprotected(results):
    """
    The same without buffering has to show what is prevented: so the host fails while the server runs, and not in the
    midst of a checkpoint.
    """
    with tempfile.TemporaryDirectory() as directory, \
            rig.Stage("occriu0", directory, buffered=False, interval_ms=3000) as stage:
        figures = rig.failover(stage, 0.5, checkpoints=2)
        results.check("without buffering clients saw what the restored server does not know", figures["unknown"],
                      told(figures))


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    moments, results = random.Random(seed), Results()
    for module in ("ifb numifbs=0", "sch_plug", "act_mirred", "cls_matchall", "sch_ingress", "bridge", "veth"):
        run("modprobe", *module.split(), check=False)
    print(f"note: seed {seed}", flush=True)
    protected(results, count, moments)
    unprotected(results)
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
