# SPDX-License-Identifier: GPL-2.0-or-later
"""A pytest plugin: one line per test as the other suites print them, and the counts in a file for the suite's script."""

import os
import pathlib

RESULTS = {"passed": 0, "failed": 0, "skipped": 0}


def line(report, name):
    if report.failed:
        why = f" ({report.when})" if report.when != "call" else ""
        return f"FAIL: {name}{why}"
    if report.skipped:
        return f"skip: {name}: {report.longrepr[2].removeprefix('Skipped: ')}"
    return f"pass: {name} ({report.duration:.1f} s)"


def pytest_runtest_logreport(report):
    if report.when != "call" and report.outcome == "passed":
        return
    RESULTS[report.outcome] += 1
    print(line(report, report.nodeid.split("::")[-1]), flush=True)


def pytest_report_teststatus(report):
    return report.outcome if report.when == "call" or not report.passed else "", "", ""


def pytest_sessionfinish():
    if "VM_OUT" in os.environ:
        text = "".join(f"{key} {value}\n" for key, value in RESULTS.items())
        pathlib.Path(os.environ["VM_OUT"], "results").write_text(text, encoding="ascii")
