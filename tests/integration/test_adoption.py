# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon that dies in the middle of something leaves nothing that its successor cannot finish or take away."""

import subprocess

import pytest

from rig.actors import DiedEarly
from rig.places import TOOLS

STEPS_MAX = 40


class Mortal:
    """A daemon that kills itself just before its Nth change of the kernel's state: see die-before.c."""

    def __init__(self, daemon, environment):
        self.daemon, self.environment = daemon, environment

    def start(self, steps):
        self.environment.setenv("LD_PRELOAD", str(TOOLS / "libdie-before.so"))
        self.environment.setenv("DIE_BEFORE", str(steps))
        try:
            return self.daemon.start()
        finally:
            self.environment.delenv("LD_PRELOAD")

    def ask(self, steps, verb, **fields):
        """Ask a daemon that has so many steps to live. Whether it died of it."""
        try:
            with self.start(steps).client() as client:
                client.do(verb, **fields)
        except (ConnectionError, DiedEarly):
            self.daemon.process.wait(10)
            return True
        self.daemon.stop()
        return False


@pytest.fixture
def mortal(daemon, monkeypatch):
    daemon.stop()
    return Mortal(daemon, monkeypatch)


def each_step(mortal, prepare, verb, **fields):
    """Let a daemon die at each step of a request. Yields a client of its successor each time, until one survives."""
    for steps in range(1, STEPS_MAX):
        with mortal.daemon.start().client() as client:
            prepare(client)
        mortal.daemon.stop()
        died = mortal.ask(steps, verb, **fields)
        with mortal.daemon.start().client() as client:
            yield steps, client
        mortal.daemon.stop()
        if not died:
            return
    pytest.fail("no end of steps")


def test_an_attach_that_is_cut_short_anywhere_can_be_repeated_or_taken_back(net, mortal):
    net.add_guest(1, 1)
    empty = net.leftovers()

    def nothing(client):
        assert client.do("list").all("DOMAIN") == []

    for steps, client in each_step(mortal, nothing, "attach", DOMAIN="guest1", VIF="vif1.0"):
        left = net.leftovers()
        adopted = client.do("list").all("DOMAIN")
        assert left == empty or adopted == ["guest1"], f"step {steps}: {left}"
        if steps % 2 or not adopted:
            client.do("attach", DOMAIN="guest1", VIF="vif1.0")
            status = client.do("status", DOMAIN="guest1")
            assert (status.get("WHOLE"), status.get("STATE")) == ("1", "passing")
        client.do("detach", DOMAIN="guest1")
        assert net.leftovers() == empty, f"step {steps}"
    assert steps > 4, "it must have died a few times, or nothing was tried"


def test_a_detach_that_is_cut_short_anywhere_can_be_repeated(net, mortal):
    net.add_guest(1, 2)
    empty = net.leftovers()

    def attached(client):
        for vif in ("vif1.0", "vif1.1"):
            client.do("attach", DOMAIN="guest1", VIF=vif)
        client.do("postsuspend", DOMAIN="guest1", EPOCH=1)

    for steps, client in each_step(mortal, attached, "detach", DOMAIN="guest1", PENDING="release"):
        if client.do("list").all("DOMAIN"):
            client.do("detach", DOMAIN="guest1", PENDING="release")
        assert net.leftovers() == empty, f"step {steps}"


@pytest.mark.parametrize("verb, fields, expected", [
    ("postsuspend", {"EPOCH": 2}, ("holding", "3", "1")),
    ("commit", {"EPOCH": 2}, ("holding", "3", "2")),
    ("discard", {}, ("holding", "2", "1")),
    ("release", {}, ("passing", None, None)),
    ("limit", {"LIMIT": "2M"}, ("holding", "2", "1")),
])
def test_a_request_that_is_cut_short_anywhere_can_be_repeated(net, mortal, verb, fields, expected):
    net.add_guest(1, 3)

    def ready(client):
        if client.do("list").all("DOMAIN"):
            client.do("detach", DOMAIN="guest1", PENDING="discard")
        for index in range(3):
            client.do("attach", DOMAIN="guest1", VIF=f"vif1.{index}")
        client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
        client.do("commit", DOMAIN="guest1", EPOCH=1)
        if verb == "commit":
            client.do("postsuspend", DOMAIN="guest1", EPOCH=2)

    for steps, client in each_step(mortal, ready, verb, DOMAIN="guest1", **fields):
        client.do(verb, DOMAIN="guest1", **fields)
        status = client.do("status", DOMAIN="guest1")
        got = (status.get("STATE"), status.get("OPEN"), status.get("COMMITTED"))
        assert all(one is None or one == other for one, other in zip(expected, got)), (steps, status)
        assert status.get("WHOLE") == "1"


def test_a_started_daemon_finds_what_the_last_one_had(net, daemon):
    net.add_guest(1, 3)
    net.add_guest(2, 1)
    with daemon.client() as client:
        for vif in ("vif1.0", "vif1.1", "vif1.2"):
            client.do("attach", DOMAIN="a.long+name:of@a-domain", VIF=vif, LIMIT="5M")
        client.do("attach", DOMAIN="other", VIF="vif2.0")
        client.do("postsuspend", DOMAIN="a.long+name:of@a-domain", EPOCH=41)
        client.do("commit", DOMAIN="a.long+name:of@a-domain", EPOCH=41)
        client.do("postsuspend", DOMAIN="a.long+name:of@a-domain", EPOCH=42)
    for stop in (daemon.kill, daemon.stop):
        stop()
        daemon.start()
        with daemon.client() as client:
            assert client.do("list").all("DOMAIN") == ["a.long+name:of@a-domain", "other"]
            status = client.do("status", DOMAIN="a.long+name:of@a-domain")
            assert [status.get(key) for key in ("STATE", "OPEN", "COMMITTED", "OUTSTANDING", "WHOLE")] == [
                "holding", "43", "41", "1", "1"]
            assert [(vif["VIF"], vif["LIMIT"]) for vif in status.blocks("VIF")] == [
                (f"vif1.{index}", str(5 << 20)) for index in range(3)]
            assert client.do("status", DOMAIN="other").get("STATE") == "passing"
            assert not client.ask("preresume", DOMAIN="a.long+name:of@a-domain", EPOCH=42).error


def test_a_strangers_ifb_is_left_alone(net, daemon, client):
    net.add_guest(1, 1)
    net.ip("link add oc.vif1.0 type ifb\nlink set oc.vif1.0 alias mine\nlink add other0 type ifb")
    assert client.ask("attach", DOMAIN="guest1", VIF="vif1.0").error_name == "EEXIST"
    daemon.kill()
    daemon.start()
    assert {"oc.vif1.0", "other0"} <= net.links().keys()
    net.ip("link delete oc.vif1.0\nlink delete other0")


def test_a_killed_daemon_leaves_no_process_behind(daemon):
    pid = daemon.process.pid
    daemon.kill()
    assert subprocess.run(["pgrep", "-P", str(pid)], stdout=subprocess.DEVNULL).returncode == 1


def no_redirect(net, vif):
    net.tc("filter", "delete", "dev", vif, "ingress")


def test_a_redirect_deleted_while_no_daemon_ran_is_damage_and_no_rest(net, daemon):
    net.add_guest(1, 2)
    with daemon.client() as client:
        for vif in ("vif1.0", "vif1.1"):
            client.do("attach", DOMAIN="guest1", VIF=vif)
        client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
    daemon.kill()
    no_redirect(net, "vif1.0")
    daemon.start()
    with daemon.client() as client:
        status = client.do("status", DOMAIN="guest1")
        assert (status.get("STATE"), status.get("WHOLE")) == ("holding", "0")
        assert {vif["VIF"]: (vif["VIF_STATE"], vif.get("VIF_STATE_REASON")) for vif in status.blocks("VIF")} == {
            "vif1.0": ("broken", "the redirect was deleted"), "vif1.1": ("ok", None)}
        assert "mirred" in net.tc("filter", "show", "dev", "vif1.0", "ingress"), "the leak is closed at once"
        assert client.ask("preresume", DOMAIN="guest1", EPOCH=1).error_name == "EIO"
        client.do("attach", DOMAIN="guest1", VIF="vif1.0")
        assert client.do("status", DOMAIN="guest1").get("WHOLE") == "1"


def test_even_the_only_vif_is_not_forgotten_for_a_missing_redirect(net, daemon):
    net.add_guest(1, 1)
    with daemon.client() as client:
        client.do("attach", DOMAIN="guest1", VIF="vif1.0")
        client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
    for end in (daemon.kill, daemon.stop):
        end()
        no_redirect(net, "vif1.0")
        daemon.start()
        with daemon.client() as client:
            status = client.do("status", DOMAIN="guest1")
            assert (status.get("STATE"), status.get("WHOLE")) == ("holding", "0")
            client.do("attach", DOMAIN="guest1", VIF="vif1.0")
            assert client.do("status", DOMAIN="guest1").get("WHOLE") == "1"


@pytest.mark.only("outcommit")
def test_what_passed_is_mended_when_its_redirect_is_missing(net, daemon):
    net.add_guest(1, 1)
    with daemon.client() as client:
        client.do("attach", DOMAIN="guest1", VIF="vif1.0")
    daemon.kill()
    no_redirect(net, "vif1.0")
    daemon.start()
    with daemon.client() as client:
        status = client.do("status", DOMAIN="guest1")
        assert (status.get("STATE"), status.get("WHOLE")) == ("passing", "1")
    assert "mirred" in net.tc("filter", "show", "dev", "vif1.0", "ingress")


def test_an_alias_of_an_older_daemon_is_taken_and_completed(net, daemon):
    net.add_guest(1, 1)
    with daemon.client() as client:
        client.do("attach", DOMAIN="guest1", VIF="vif1.0")
        client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
    daemon.kill()
    alias = net.links()["oc.vif1.0"]["ifalias"]
    assert alias.endswith(" ready=yes")
    net.ip(f'link set oc.vif1.0 alias "{alias.removesuffix(" ready=yes")}"')
    daemon.start()
    assert net.links()["oc.vif1.0"]["ifalias"] == alias
    with daemon.client() as client:
        client.do("preresume", DOMAIN="guest1", EPOCH=1)
