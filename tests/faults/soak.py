# SPDX-License-Identifier: GPL-2.0-or-later
"""
A soak: rounds of random guests with random vifs, each with its traffic, epochs and faults, on one network and, but for the
rounds that kill it, one daemon. After each round everything is detached, every frame is judged, and what the daemon and the
kernel still hold is written down: at the end it must be what it was after the first rounds.
"""

import argparse
import os
import pathlib
import random
import sys
import tempfile
import time

from rig.places import run

from . import damage, host, lease, netlink, process  # noqa: F401 pylint: disable=unused-import
from .kinds import kinds_for
from .main import play
from .world import ZEROS, Stage, World

ROUND_FAULTS = (4, 10)
DEADLY_EVERY = 6
WARM_ROUNDS = 2
# of the daemon: one more page of the heap here and there
RSS_SLACK_KB = 192
SLAB_SLACK = 0.05
SLAB_MINUTES = 20
DEADLY = ("kill", "restart", "too long", "start", "no daemon", "longer", "disk")
COLUMNS = ("minute", "round", "epochs", "faults", "starts", "rss_kb", "fds", "left", "slab_kb")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=None)
    return parser.parse_args()


def slab_kb():
    """Of the kernel, with what it may throw away thrown away."""
    run("sync")
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
    with open("/proc/meminfo", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Slab:"))


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


class Soak:
    def __init__(self, stage, chance, module, report):
        self.stage, self.chance, self.module, self.report = stage, chance, module, report
        self.kinds = kinds_for(module)
        self.gentle = [name for name in sorted(self.kinds) if not any(word in name for word in DEADLY)]
        self.rows, self.began = [], time.monotonic()
        self.totals = dict.fromkeys(("sent", "captured", "destroyed", "leaked", "over_limit", *ZEROS), 0)

    def guests(self, world):
        """Between one and three of them come; some leave while the others go on."""
        for number in range(1, self.chance.randint(1, 3) + 1):
            world.add(number, self.chance.randint(1, 3), depth=self.chance.randint(1, 8) if self.module == "outcommit" else 1)
        if not any(len(domain.vifs) > 1 for domain in world.domains.values()):
            world.add(9, 2)

    def one_leaves(self, world):
        """But one of several vifs stays, for some faults want that."""
        domains = list(world.domains.values())
        may = [domain for domain in domains if any(len(other.vifs) > 1 for other in domains if other is not domain)]
        if may:
            world.end(self.chance.choice(may))

    def round(self, number):
        names = sorted(self.kinds) if number % DEADLY_EVERY == DEADLY_EVERY - 1 else self.gentle
        faults = [self.chance.choice(names) for _ in range(self.chance.randint(*ROUND_FAULTS))]
        with (tempfile.TemporaryDirectory() as directory,
              World(self.stage, pathlib.Path(directory), self.chance, self.module) as world):
            self.guests(world)
            for fault in faults:
                self.kinds[fault](world)
                world.check_all()
                if self.chance.random() < 0.2:
                    self.one_leaves(world)
            verdict = world.verdict()
            world.detach_all()
            self.add_up(verdict, world)
        self.row(number, world.epochs(), len(faults))

    def add_up(self, verdict, world):
        for key in self.totals:
            self.totals[key] += world.over_limit if key == "over_limit" else verdict[key]
        if verdict["faults"]:
            print(verdict["faults"], file=sys.stderr)

    def open_files(self):
        """Once the daemon has noticed that its clients are gone."""
        service, end = self.stage.service, time.monotonic() + 2
        while self.rows and service.open_files() > self.rows[0]["fds"] and time.monotonic() < end:
            time.sleep(0.02)
        return service.open_files()

    def row(self, number, epochs, faults):
        service, net = self.stage.service, self.stage.net
        self.rows.append(dict(zip(COLUMNS, (
            round((time.monotonic() - self.began) / 60, 1), number + 1, epochs, faults, service.starts,
            rss_kb(service.process.pid), self.open_files(), len(net.leftovers()), slab_kb()))))

    def lives(self):
        """The rounds that one daemon saw, without those in which it grows to its size."""
        for starts in sorted({row["starts"] for row in self.rows}):
            life = [row for row in self.rows if row["starts"] == starts]
            if len(life) > WARM_ROUNDS:
                yield life[WARM_ROUNDS:]

    def judge(self):
        lives = list(self.lives())
        grown = max((life[-1]["rss_kb"] - life[0]["rss_kb"] for life in lives), default=0)
        first = self.rows[min(WARM_ROUNDS, len(self.rows) - 1)]
        quarter = max(1, len(self.rows) // 4)
        early, late = self.rows[len(self.rows) // 2:][:quarter], self.rows[-quarter:]
        least = [min(row["slab_kb"] for row in rows) for rows in (early, late)]
        self.report.line(grown <= RSS_SLACK_KB, f"the daemon's memory is flat: at most {grown} kB more, in {len(lives)} lives")
        self.report.line(len({row["fds"] for row in self.rows}) == 1,
                         f"its file descriptors are {first['fds']} after every round")
        self.report.line(not any(row["left"] for row in self.rows),
                         "no interface, qdisc or filter of ours is left after any round")
        if self.rows[-1]["minute"] < SLAB_MINUTES:
            print(f"skip: the kernel's slab is flat: its own caches fill in the first {SLAB_MINUTES} minutes")
        else:
            self.report.line(least[1] <= least[0] * (1 + SLAB_SLACK),
                             f"the kernel's slab is flat: {least[0]} kB at half time, {least[1]} kB at the end")
        for zero in ZEROS:
            self.report.line(self.totals[zero] == 0, f"{zero} frames: {self.totals[zero]} of {self.totals['sent']}")


def table(rows):
    print("".join(f"{column:>9}" for column in COLUMNS))
    step = max(1, len(rows) // 30)
    for row in rows[::step] + ([] if len(rows) % step == 1 or step == 1 else rows[-1:]):
        print("".join(f"{row[column]:>9}" for column in COLUMNS))


def soak(options, seed, report):
    chance = random.Random(seed)
    with Stage() as stage:
        run_ = Soak(stage, chance, os.environ.get("OUTCOMMIT_MODULE", "mainline"), report)
        number = 0
        while time.monotonic() < run_.began + options.minutes * 60:
            try:
                run_.round(number)
            except Exception:
                print(f"--- round {number + 1}, the daemon: {stage.service.process.poll()}; its log\n"
                      f"{stage.service.log()[-4000:]}", file=sys.stderr)
                table(run_.rows)
                raise
            number += 1
        table(run_.rows)
        print(f"{sum(row['epochs'] for row in run_.rows)} epochs, {sum(row['faults'] for row in run_.rows)} faults; "
              + ", ".join(f"{key} {value}" for key, value in run_.totals.items()))
        run_.judge()


def main():
    return play("the soak", "tests/soak", arguments(), soak)


if __name__ == "__main__":
    sys.exit(main())
