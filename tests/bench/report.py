#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Print what measure.py measured: tables of figures, and the ratios to the peers against their bars.

usage: report.py RESULTS.json
exit status 1 if a bar is missed; the last line is for tests/run.
"""

import json
import pathlib
import sys


def table(rows, title, also=None):
    label = also or "operation"
    print(f"\n{title}\n  {'peer':8} {label:36} {'vifs':>5} {'min':>9} {'median':>9} {'p99':>9} {'max':>9}  µs")
    for row in rows:
        times = " ".join(f"{row[key] / 1000:9.1f}" for key in ("min_ns", "median_ns", "p99_ns", "max_ns"))
        what = row["operation"] if not also else f"{row['operation']}, {row[also]}"
        print(f"  {row['peer']:8} {what:36} {row['vifs']:5} {times}")


def pick(rows, peer, vifs, operation="postsuspend", key="median_ns", **what):
    return next(row[key] for row in rows if (row["peer"], row["vifs"], row["operation"]) == (peer, vifs, operation)
                and all(row[name] == value for name, value in what.items()))


def ratio(rows, vifs, over="libxl", **what):
    return pick(rows, "daemon", vifs, **what) / pick(rows, over, vifs, **what)


def bars(results):
    """What must hold with outcommit's module: name, value, bound."""
    control, churn, others = results["control"], results["churn"], results["others"]["control"]
    yield "postsuspend, daemon / libxl's way, 1 vif", ratio(control, 1), 1.3
    yield "the same, 8 vifs", ratio(control, 8), 0.25
    yield "the same, 32 vifs", ratio(control, 32), 0.08
    yield "p99 of the same under link churn, 1 vif", ratio(churn, 1, key="p99_ns"), 0.2
    yield ("postsuspend with 1,000 other vifs / with none, 1 vif",
           pick(others, "daemon", 1, others=1000) / pick(others, "daemon", 1, others=0), 1.1)
    yield "commit to first frame, daemon / libxl's way, 1 vif", ratio(results["release"], 1, operation="first"), 1.5
    yield "the same, first frame of each of 8 vifs", ratio(results["release"], 8, operation="first"), 0.5
    yield "attach + detach, daemon / shell script", ratio(results["attach"], 1, over="script", operation="attach+detach"), 0.1
    yield "resident memory with 1,000 vifs, MiB", results["others"]["resident_bytes"] / 2**20, 8


def print_tables(results):
    others = results["others"]
    table(results["control"], "Control path")
    table(results["churn"], "Control path while another process adds and deletes links without pause")
    table(results["release"], "From the commit to the first and the last of 10 held frames per vif")
    table(results["backlog"], "From the commit to the first and the last of 10,000 held frames")
    table(results["attach"], "Set-up and teardown of one vif")
    table(results["realtime"], "Daemon and unit settings", "variant")
    table(results["paged_out"], "First barrier after the daemon's memory was reclaimed", "variant")
    table(results["questions"], "While 64 connections ask for the status without pause")
    table(results["neighbour"], "While another domain of 50 vifs is attached and detached without pause")
    table(others["control"], "With so many vifs in other domains", "others")
    print(f"\n{others['vifs']} vifs: attach {others['attach_ns'] / 1e9:.1f} s, detach {others['detach_ns'] / 1e9:.1f} s; "
          f"adoption {others['adoption_ns'] / 1e6:.0f} ms; "
          f"resident {others['resident_bytes'] / 2**20:.1f} MiB ({results['resident_bytes'] / 2**20:.1f} MiB without)")


def main():
    results = json.loads(pathlib.Path(sys.argv[1]).read_text())
    print(f"kernel {results['kernel']}, module {results['module']}, daemon and client on CPU {results['cpu']}, "
          f"{results['rounds']} rounds")
    print_tables(results)
    checks = list(bars(results))
    failed = 0
    print()
    for vifs in (1, 8, 32):
        print(f"the way to another process and back / libxl's way, {vifs} vifs: "
              f"{pick(results['control'], 'echo', vifs) / pick(results['control'], 'libxl', vifs):.3f}: no daemon can be below it")
    for name, value, bound in checks:
        failed += value > bound
        print(f"{'pass' if value <= bound else 'FAIL'}: {name}: {value:.3f}, at most {bound}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
