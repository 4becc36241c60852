#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure, in a network namespace of its own, as root, where sch_plug is. Writes JSON.

usage: measure.py BUILD OUT.json [ROUNDS [SECTION...]]

Daemon and client share one CPU, which the results name: across CPUs a wake-up's time drowns the rest.
"""

import json
import os
import pathlib
import sys
import time

import latency
from rig import CPU, OTHER_CPU, Background, batch, make_vifs, open_bench, quantiles, remove_links, run

VIFS = (1, 2, 4, 8, 16, 32, 64)
OTHERS = (10, 100, 1000)
OTHERS_PER_DOMAIN = 50
CHURN_ROUNDS = 5  # times the others: its p99 is looked at
BACKLOG_FRAMES = 10000

SCRIPT = """
set -e
ip link add ifb9 type ifb; ip link set ifb9 up
tc qdisc add dev s0 ingress
tc filter add dev s0 parent ffff: proto ip prio 10 u32 match u32 0 0 action mirred egress redirect dev ifb9
tc qdisc add dev ifb9 root plug limit 1000000
tc qdisc del dev ifb9 root; tc qdisc del dev s0 ingress; ip link set ifb9 down; ip link del ifb9
"""


def control(bench):
    return [row for vifs in VIFS for row in bench.control(vifs)]


def churn(bench):
    with Background(bench.build / "tests/bench-churn"):
        return bench.control(1, CHURN_ROUNDS * bench.rounds) + bench.control(8)


def release(bench):
    return [row for vifs in (1, 8) for row in bench.release(vifs, 10, bench.rounds)]


def backlog(bench):
    return bench.release(1, BACKLOG_FRAMES, 10)


def attach_and_detach(bench):
    """Ours against the commands of Xen's remus-netbuf-setup for one vif, set-up and teardown."""
    batch(["link add s0 up type veth peer name ps0", "link add a0 up type veth peer name pa0"])
    ours, script = [], []
    for _ in range(20):
        began = time.monotonic_ns()
        bench.do("attach", DOMAIN="one", VIF="a0")
        bench.do("detach", DOMAIN="one")
        ours.append(time.monotonic_ns() - began)
        began = time.monotonic_ns()
        run("sh", "-c", SCRIPT)
        script.append(time.monotonic_ns() - began)
    batch(["link del s0", "link del a0"])
    return [{"peer": "daemon", "operation": "attach+detach", "vifs": 1, **quantiles(ours)},
            {"peer": "script", "operation": "attach+detach", "vifs": 1, **quantiles(script)}]


def attach_others(bench, first, end):
    """vifs number @first to @end - 1, in domains of OTHERS_PER_DOMAIN; returns the nanoseconds that attaching took."""
    names = [f"o{number}" for number in range(first, end)]
    make_vifs(names)
    began = time.monotonic_ns()
    for number, name in enumerate(names, first):
        bench.do("attach", DOMAIN=f"other{number // OTHERS_PER_DOMAIN}", VIF=name)
    return time.monotonic_ns() - began


def with_others(bench):
    """Up to a thousand vifs in other domains: their set-up, what they cost, and a restart that adopts them."""
    result = {"vifs": OTHERS[-1], "attach_ns": 0,
              "control": [{**row, "others": 0} for row in bench.control_of_daemon(1)]}
    attached = 0
    for others in OTHERS:
        result["attach_ns"] += attach_others(bench, attached, others)
        attached = others
        result["control"] += [{**row, "others": others} for row in bench.control_of_daemon(1)]
    result["resident_bytes"] = bench.resident_bytes()
    bench.stop()
    result["adoption_ns"] = bench.start()
    result["resident_after_adoption_bytes"] = bench.resident_bytes()
    began = time.monotonic_ns()
    for number in range(attached // OTHERS_PER_DOMAIN):
        bench.do("detach", DOMAIN=f"other{number}")
    result["detach_ns"] = time.monotonic_ns() - began
    remove_links([f"o{number}" for number in range(attached)])
    return result


SECTIONS = {
    "control": control,
    "churn": churn,
    "release": release,
    "backlog": backlog,
    "attach": attach_and_detach,
    "others": with_others,
    "realtime": latency.realtime,
    "paged_out": latency.paged_out,
    "questions": latency.among_questions,
    "neighbour": latency.beside_detach,
}


def main():
    build, out = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 500
    bench = open_bench(build, rounds)
    module = dict(line.split("=", 1) for line in bench.do("check")[1:])
    results = {"kernel": os.uname().release, "module": module["MODULE"], "cpu": CPU, "other_cpu": OTHER_CPU,
               "rounds": rounds, "resident_bytes": bench.resident_bytes()}
    for name in sys.argv[4:] or SECTIONS:
        began = time.monotonic()
        results[name] = SECTIONS[name](bench)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        pathlib.Path(out).write_text(json.dumps(results, indent=1) + "\n")
    bench.stop()


main()
