#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Draw what measure.py measured: SVG by gnuplot, and the figures beside it.

usage: plots.py RESULTS.json DIRECTORY
writes postsuspend-vifs.svg, postsuspend-others.svg and results.json
"""

import pathlib
import json
import shutil
import subprocess
import sys

PEERS = {"libxl": "libxl's way, in process", "floor": "one sendmsg over rtnetlink, in process", "daemon": "through outcommitd"}
COLUMNS = ("min_ns", "median_ns", "p99_ns", "max_ns")
STYLE = ("set terminal svg size 760,460 font 'sans,12' background '#ffffff'; set key top left Left reverse; set grid ytics; "
         "set ylabel 'postsuspend, microseconds'; set logscale y; set border 3; set tics nomirror; ")


def block(name, rows, x):
    """One block of gnuplot data: x, min, median, p99, max."""
    lines = "\n".join(" ".join([str(row[x]), *(f"{row[column] / 1000:.1f}" for column in COLUMNS)]) for row in rows)
    return f"${name} << END\n{lines}\nEND\n"


def curves(name, title, color, dodge="$1"):
    """Median with a bar from min to p99, and the maximum as a point."""
    return (f"${name} using ({dodge}):3:2:4 with yerrorlines lc rgb '{color}' lw 2 pt 7 ps 0.5 title \"{title}\", "
            f"${name} using ({dodge}):5 with points lc rgb '{color}' pt 2 ps 0.5 notitle")


def gnuplot(script):
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def plot_vifs(results, svg):
    rows = [row for row in results["control"] if row["operation"] == "postsuspend"]
    data = "".join(block(peer, [row for row in rows if row["peer"] == peer], "vifs") for peer in PEERS)
    colors = ("#c0392b", "#7f8c8d", "#1f618d")
    plots = ", ".join(curves(peer, title, color, f"$1*{0.97 + 0.03 * number}")
                      for number, ((peer, title), color) in enumerate(zip(PEERS.items(), colors)))
    gnuplot(f"{data}{STYLE} set output '{svg}'; set logscale x 2; set xrange [0.8:80]; "
            f"set xlabel 'vifs of the domain; line: median, bar: minimum to p99, cross: maximum'; plot {plots}\n")


def plot_others(results, svg):
    rows = [{**row, "place": place} for place, row in enumerate(
        row for row in results["others"]["control"] if row["operation"] == "postsuspend")]
    ticks = ", ".join(f"'{row['others']:,}' {row['place']}" for row in rows)
    gnuplot(f"{block('daemon', rows, 'place')}{STYLE} set output '{svg}'; set yrange [50:*]; set xrange [-0.3:{len(rows) - 0.7}]; "
            f"set xtics ({ticks}); set xlabel 'vifs in other domains; line: median, bar: minimum to p99, cross: maximum'; "
            f"plot {curves('daemon', '1 vif, through outcommitd', '#1f618d')}\n")


def main():
    results = json.loads(pathlib.Path(sys.argv[1]).read_text())
    out = pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    plot_vifs(results, out / "postsuspend-vifs.svg")
    plot_others(results, out / "postsuspend-others.svg")
    shutil.copyfile(sys.argv[1], out / "results.json")


main()
