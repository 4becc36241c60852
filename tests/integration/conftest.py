# SPDX-License-Identifier: GPL-2.0-or-later
"""
Fixtures: each test has a daemon, guests and an observer of its own, all of them real processes on a real network, and must
leave nothing behind. What is promised is counted from captured frames.
"""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from rig.actors import Daemon, Driver, Guest, Observer, Record, judge  # noqa: E402
from rig.places import run  # noqa: E402
from rig.topology import Topology, be_able_to_burst  # noqa: E402

# Whose sch_plug the kernel has been given: "mainline" or "outcommit"
MODULE = os.environ.get("OUTCOMMIT_MODULE", "mainline")
ZEROS = ("premature", "lost", "reordered", "stranded", "duplicates", "foreign")


def pytest_configure(config):
    config.addinivalue_line("markers", "only(module): needs that sch_plug")


def pytest_collection_modifyitems(items):
    for item in items:
        for mark in item.iter_markers("only"):
            if mark.args[0] != MODULE:
                item.add_marker(pytest.mark.skip(reason=f"needs the {mark.args[0]} sch_plug"))


@pytest.fixture(scope="session", autouse=True)
def kernel():
    run("modprobe", "ifb", "numifbs=0")
    for module in ("sch_plug", "act_mirred", "cls_matchall", "sch_ingress", "bridge", "veth"):
        run("modprobe", module)
    be_able_to_burst()


@pytest.fixture
def module():
    return MODULE


@pytest.fixture(scope="session")
def net():
    """For all tests: to make and delete network namespaces takes longer than most of them."""
    with Topology(f"oc{os.getpid()}") as topology:
        yield topology


def detach_all(daemon):
    """Let go of everything, through whichever daemon is there."""
    if not daemon.alive():
        daemon.start()
    with daemon.client() as client:
        while domains := client.do("list").all("DOMAIN"):
            for domain in domains:
                client.do("detach", DOMAIN=domain, PENDING="discard")


@pytest.fixture
def daemon(net):
    """A running outcommitd. After the test it must be able to take back all that it did to the network."""
    before = net.leftovers()
    with Daemon(net.host, {"daemon": {"log_level": "debug"}}) as running:
        try:
            yield running
        finally:
            print(f"--- daemon's log\n{running.log()[-6000:]}")
        files = running.open_files() if running.alive() else None
        detach_all(running)
        assert net.leftovers() == before
        assert files is None or running.open_files() <= files


@pytest.fixture
def client(daemon):
    with daemon.client() as connected:
        yield connected


class Run:
    """One run: guests and checkpointers under the observer's eye, and the verdict on it."""

    def __init__(self, net, daemon, directory):
        self.net, self.daemon, self.directory = net, daemon, directory
        self.guests, self.records, self.drivers = {}, {}, {}
        self.observer = Observer(net, directory / "captures")

    def close(self):
        for driver in self.drivers.values():
            if driver.running():
                driver.process.kill()
                driver.process.wait()
        for guest in self.guests.values():
            guest.__exit__()
        self.observer.__exit__()

    def add(self, domain=1, vifs=1, attach=True, **options):
        """Guest number DOMAIN, attached as domain "guestN"."""
        names = self.net.add_guest(domain, vifs)
        if attach:
            with self.daemon.client() as client:
                for name in names:
                    client.do("attach", DOMAIN=f"guest{domain}", VIF=name)
        self.guests[domain] = Guest(self.net, domain, vifs, **options)
        self.records[domain] = Record(self.directory / f"record{domain}")
        return self.guests[domain]

    def drive(self, domain=1, epochs=100, **options):
        self.drivers[domain] = Driver(self.daemon.socket_path, f"guest{domain}", self.guests[domain],
                                      self.records[domain].path, epochs, **options)
        return self.drivers[domain]

    def verdict(self, dropped=0, patience_s=10):
        """Stop all, wait for what is still under way, and judge. DROPPED: frames that are not expected to come."""
        expected = 0
        for domain, guest in self.guests.items():
            guest.pause()
            sent = guest.sent()
            self.records[domain].sent(sent)
            expected += sum(sent)
        self.observer.wait_for(expected - dropped, patience_s)
        self.observer.stop()
        verdict = judge(self.observer.log, {domain: record.path for domain, record in self.records.items()})
        print({key: value for key, value in verdict.items() if key != "faults"})
        return verdict

    def must_be_flawless(self):
        verdict = self.verdict()
        faults = {name: verdict[name] for name in ZEROS if verdict[name]}
        assert not faults, f"{faults}\n{verdict['faults']}"
        assert verdict["captured"] == verdict["sent"] > 0
        return verdict


@pytest.fixture
def traffic(net, daemon, tmp_path):
    """A Run."""
    running = Run(net, daemon, tmp_path)
    yield running
    running.close()
