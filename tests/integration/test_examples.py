# SPDX-License-Identifier: GPL-2.0-or-later
"""The clients that the documentation shows do what it says."""

import signal
import subprocess
import sys
import time

from rig.places import REPO

EXAMPLE = REPO / "docs" / "examples" / "epochs.py"


def example(traffic, *words):
    return subprocess.run([sys.executable, EXAMPLE, *map(str, words), traffic.daemon.socket_path], timeout=60, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def test_the_python_client_runs_epochs_and_leaves_the_domain_holding(traffic, client):
    guest = traffic.add(1, vifs=2, interval_us=2000)
    guest.resume(0)
    done = example(traffic, "guest1", guest.process.pid, 5)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"guest1: epoch {epoch} is committed" for epoch in range(1, 6)]
    status = client.do("status", DOMAIN="guest1")
    assert (status.get("STATE"), status.number("COMMITTED"), status.number("OPEN")) == ("holding", 5, 6)
    # what was committed last may still be on its way
    before = traffic.observer.wait_for(sum(guest.sent()), patience_s=1)
    time.sleep(0.2)
    assert traffic.observer.captured() == before < sum(guest.sent())
    client.do("release", DOMAIN="guest1")
    traffic.must_be_flawless()


def test_the_python_client_does_not_resume_without_a_barrier(net, traffic, client):
    guest = traffic.add(1, vifs=1, interval_us=2000)
    guest.resume(0)
    assert example(traffic, "guest1", guest.process.pid, 1).returncode == 0
    net.tc("qdisc", "del", "dev", "oc.vif1.0", "root")
    done = example(traffic, "guest1", guest.process.pid, 1)
    assert done.returncode != 0 and "broken" in done.stderr, done.stderr
    with open(f"/proc/{guest.process.pid}/stat", encoding="ascii") as stat:
        assert stat.read().rpartition(")")[2].split()[0] == "T"
    guest.process.send_signal(signal.SIGCONT)
