# SPDX-License-Identifier: GPL-2.0-or-later
"""
A run: three guests are checkpointed without end, and meanwhile one fault after the other happens, drawn at random from the
table, each kind at least once. After each, what must be true is checked; at the end, every frame is judged.
"""

import argparse
import collections
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time
import traceback

from rig.places import run

from . import damage, host, lease, netlink, process  # noqa: F401 pylint: disable=unused-import
from .kinds import KINDS, kinds_for
from .world import ZEROS, Stage, World

# domain to vifs
DOMAINS = {1: 2, 2: 1, 3: 2}
MODULES = ("ifb numifbs=0", "sch_plug", "act_mirred", "cls_matchall", "sch_ingress", "bridge", "veth")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=300, help="at least so many")
    parser.add_argument("--faults", type=int, default=0, help="so many; default: each kind once")
    parser.add_argument("--minutes", type=float, default=None, help="no more faults after so long")
    parser.add_argument("--seed", type=int, default=None, help="of the order of faults and of their moments")
    parser.add_argument("--kind", action="append", default=[], help="only kinds that contain this")
    parser.add_argument("--list", action="store_true", help="print the kinds")
    return parser.parse_args()


def order(kinds, count, chance):
    """COUNT kinds: all of them once in a random order, then at random."""
    names = sorted(kinds)
    chance.shuffle(names)
    return (names + [chance.choice(sorted(kinds)) for _ in range(count - len(names))])[:count]


class Report:
    """Lines as the other suites print them."""

    def __init__(self):
        self.passed = self.failed = 0

    def line(self, good, text):
        self.passed += good
        self.failed += not good
        print(f"{'pass' if good else 'FAIL'}: {text}", flush=True)


class Campaign:
    def __init__(self, world, kinds, names, options):
        self.world, self.kinds, self.names, self.epochs = world, kinds, names, options.epochs
        self.end = time.monotonic() + options.minutes * 60 if options.minutes else float("inf")
        self.hits = collections.Counter()
        self.seconds = collections.Counter()
        self.timeline = open(world.directory / "timeline", "w", buffering=1, encoding="ascii")

    def one(self, name):
        began = time.monotonic()
        self.timeline.write(f"{time.time_ns()} {name}\n")
        self.kinds[name](self.world)
        self.world.check_all()
        self.hits[name] += 1
        self.seconds[name] += time.monotonic() - began

    def run(self, report):
        for number, name in enumerate(self.names):
            if time.monotonic() > self.end:
                break
            try:
                self.one(name)
            except Exception:  # pylint: disable=broad-except
                traceback.print_exc()
                print(f"--- the daemon: {self.world.service.process.poll()}; its log\n"
                      f"{self.world.service.log()[-4000:]}", file=sys.stderr)
                report.line(False, f"fault {number + 1}: {name}")
                return False
            if number % 100 == 99:
                print(f"{number + 1} faults, {self.world.epochs()} epochs", file=sys.stderr, flush=True)
        while self.world.epochs() < self.epochs and time.monotonic() < self.end:
            self.world.everybody_lives()
            time.sleep(0.05)
        for name in sorted(self.hits):
            report.line(True, f"{name}: {self.hits[name]} times, {self.seconds[name]:.1f} s")
        for name in sorted(set(self.names) - self.hits.keys()):
            print(f"skip: {name}: no time was left for it")
        return True


def judge(world, report, faults):
    refusals = sum((domain.refusals for domain in (*world.domains.values(), *world.ended.values())), collections.Counter())
    verdict = world.verdict()
    print(f"{world.epochs()} epochs, {faults} faults, {world.service.starts} starts of the daemon; refused and repeated: "
          + (", ".join(f"{count} {name}" for name, count in sorted(refusals.items())) or "none"))
    destroyed = verdict["destroyed"] - world.over_limit
    print(f"{verdict['sent']} frames sent, {verdict['captured']} seen outside; dropped over the limit and counted: "
          f"{world.over_limit}, destroyed by others or by a policy: {destroyed}, let out by others: {verdict['leaked']}")
    for zero in ZEROS:
        report.line(verdict[zero] == 0, f"{zero} frames: {verdict[zero]} of {verdict['sent']}")
    report.line(verdict["captured"] + verdict["destroyed"] + verdict["lost"] == verdict["sent"] > 0,
                "every frame is accounted for")
    if verdict["faults"]:
        print(verdict["faults"], file=sys.stderr)


def campaign(options, seed, report):
    module = os.environ.get("OUTCOMMIT_MODULE", "mainline")
    chance = random.Random(seed)
    kinds = {name: function for name, function in kinds_for(module).items()
             if not options.kind or any(part in name for part in options.kind)}
    for name in sorted(KINDS.keys() - kinds_for(module).keys()):
        print(f"skip: {name}: cannot be noticed with mainline's sch_plug")
    names = order(kinds, options.faults or len(kinds), chance)
    with (tempfile.TemporaryDirectory() as directory, Stage() as stage,
          World(stage, pathlib.Path(directory), chance, module) as world):
        for number, vifs in DOMAINS.items():
            world.add(number, vifs, depth=number if module == "outcommit" else 1)
        try:
            running = Campaign(world, kinds, names, options)
            if running.run(report):
                judge(world, report, sum(running.hits.values()))
                world.detach_all()
                left = world.net.leftovers()
                report.line(not left, f"nothing is left in the kernel{': ' + ', '.join(left) if left else ''}")
        finally:
            if report.failed:
                shutil.copytree(directory, pathlib.Path(os.environ["VM_OUT"], f"seed-{seed}"))


def play(what, starter, options, act):
    """ACT(options, seed, report) on a machine that is there for nothing else. Whether something failed."""
    if "VM_OUT" not in os.environ:
        sys.exit(f"this sets clocks and unloads modules: start it with {starter}, which boots a machine for it")
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    for module in MODULES:
        run("modprobe", *module.split())
    report = Report()
    print(f"seed {seed}", flush=True)
    began = time.monotonic()
    try:
        act(options, seed, report)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        report.line(False, f"{what} came to its end")
    print(f"{time.monotonic() - began:.0f} s; the same again: --seed {seed}")
    return report.failed > 0


def main():
    options = arguments()
    if options.list:
        print("\n".join(sorted(kinds_for(os.environ.get("OUTCOMMIT_MODULE", "outcommit")))))
        return 0
    return play("the run", "tests/faults/run", options, campaign)


if __name__ == "__main__":
    sys.exit(main())
