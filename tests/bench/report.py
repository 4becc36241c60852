#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Print what measure.py measured: a table of figures, the ratios to the peers against their bars, and gnuplot's data.

usage: report.py RESULTS.json [PLOT.svg]
exit status 1 if a bar is missed; the last line is for tests/run.
"""

import json
import pathlib
import subprocess
import sys


def table(rows, title):
    print(f"\n{title}\n  {'peer':8} {'operation':14} {'vifs':>5} {'min':>9} {'median':>9} {'p99':>9} {'max':>9}  µs")
    for row in rows:
        times = " ".join(f"{row[key] / 1000:9.1f}" for key in ("min_ns", "median_ns", "p99_ns", "max_ns"))
        print(f"  {row['peer']:8} {row['operation']:14} {row['vifs']:5} {times}")


def pick(rows, peer, vifs, operation="postsuspend", key="median_ns"):
    return next(row[key] for row in rows if (row["peer"], row["vifs"], row["operation"]) == (peer, vifs, operation))


def ratio(rows, vifs, over="libxl", **what):
    return pick(rows, "daemon", vifs, **what) / pick(rows, over, vifs, **what)


def bars(results):
    """What must hold with outcommit's module: name, value, bound."""
    control, churn, others = results["control"], results["churn"], results["others"]
    yield "postsuspend, daemon / libxl's way, 1 vif", ratio(control, 1), 1.3
    yield "the same, 8 vifs", ratio(control, 8), 0.25
    yield "the same, 32 vifs", ratio(control, 32), 0.08
    yield "p99 of the same under link churn, 1 vif", ratio(churn, 1, key="p99_ns"), 0.2
    yield ("postsuspend with 1,000 other vifs / with none, 1 vif",
           pick(others["control"], "daemon", 1) / pick(control, "daemon", 1), 1.1)
    yield "commit to first frame, daemon / libxl's way, 1 vif", ratio(results["release"], 1, operation="first"), 1.5
    yield "the same, first frame of each of 8 vifs", ratio(results["release"], 8, operation="first"), 0.5
    yield "attach + detach, daemon / shell script", ratio(results["attach"], 1, over="script", operation="attach+detach"), 0.1
    yield "resident memory with 1,000 vifs, MiB", others["resident_bytes"] / 2**20, 8


def plot(results, svg):
    data = svg.with_suffix(".dat")
    rows = [row for row in results["control"] if row["operation"] == "postsuspend"]
    counts = sorted({row["vifs"] for row in rows})
    peers = ("libxl", "floor", "daemon")
    data.write_text("".join(
        f"{vifs} " + " ".join(f"{pick(rows, peer, vifs) / 1000:.1f}" for peer in peers) + "\n" for vifs in counts))
    titles = {"libxl": "libxl's way, in process", "floor": "one sendmsg over rtnetlink, in process", "daemon": "through outcommitd"}
    curves = ", ".join(f"'{data}' using 1:{column + 2} with linespoints title \"{titles[peer]}\""
                       for column, peer in enumerate(peers))
    subprocess.run(["gnuplot", "-e", f"set terminal svg size 720,420; set output '{svg}'; set logscale xy 2; "
                    "set xlabel 'vifs of the domain'; set ylabel 'postsuspend, median, microseconds'; set key left top; "
                    f"set grid; plot {curves}"], check=True)
    data.unlink()


def main():
    results = json.loads(pathlib.Path(sys.argv[1]).read_text())
    print(f"kernel {results['kernel']}, module {results['module']}, daemon and client on CPU {results['cpu']}, "
          f"{results['rounds']} rounds")
    table(results["control"], "Control path")
    table(results["churn"], "Control path while another process adds and deletes links without pause")
    table(results["release"], "From the commit to the first and the last of 10 held frames per vif")
    table(results["backlog"], "From the commit to the first and the last of 10,000 held frames")
    table(results["attach"], "Set-up and teardown of one vif")
    others = results["others"]
    table(others["control"], f"Control path with {others['vifs']} vifs in other domains")
    print(f"\n{others['vifs']} vifs: set-up {others['setup_ns'] / 1e9:.1f} s and teardown {others['teardown_ns'] / 1e9:.1f} s, "
          f"veth pairs included; adoption {others['adoption_ns'] / 1e6:.0f} ms; "
          f"resident {others['resident_bytes'] / 2**20:.1f} MiB ({results['resident_bytes'] / 2**20:.1f} MiB without)")
    checks = list(bars(results))
    failed = 0
    print()
    for name, value, bound in checks:
        failed += value > bound
        print(f"{'pass' if value <= bound else 'FAIL'}: {name}: {value:.3f}, at most {bound}")
    if len(sys.argv) > 2:
        plot(results, pathlib.Path(sys.argv[2]))
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
