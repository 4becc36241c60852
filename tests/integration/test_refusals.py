# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel refuses in the middle of a request, or does without being heard, leaves the vif as it was."""

import pytest
from faults.unkind import Unkind
from rig.places import TOOLS
from rig.protocol import Refused

STEPS_MAX = 60
# and which message of two that go together
UNKINDNESS = (("send fails", 0), ("refused", 0), ("refused", 1), ("answer lost", 0))


@pytest.fixture
def unkind(daemon, monkeypatch):
    """A daemon whose netlink can be made unkind: see tests/faults/unkind.c."""
    daemon.stop()
    control = Unkind(daemon.directory / "unkind")
    with monkeypatch.context() as environment:
        environment.setenv("LD_PRELOAD", str(TOOLS / "libunkind.so"))
        environment.setenv("UNKIND_CONTROL", str(control.path))
        daemon.start()
    yield control
    control.disarm()
    control.close()


def tried(client, verb, **fields):
    """The error of a request, or None."""
    try:
        client.do(verb, **fields)
    except Refused as refused:
        return refused
    return None


def each_step(unkind, kind, which, client, verb, **fields):
    """Let one step after the other of a request fail, until none is left. Yields the request's errors, or None."""
    for step in range(STEPS_MAX):
        unkind.arm(kind, skip=step, which=which)
        refused = tried(client, verb, **fields)
        happened = unkind.done()
        unkind.disarm()
        yield step, refused
        if not happened:
            assert refused is None and step > 4, "it must have failed a few times, or nothing was tried"
            return
    pytest.fail("no end of steps")


@pytest.mark.only("mainline")  # the module has no part in it
@pytest.mark.parametrize("strangers_ingress", (False, True))
@pytest.mark.parametrize("kind, which", UNKINDNESS)
def test_an_attach_that_fails_anywhere_leaves_the_vif_as_it_was(net, unkind, client, kind, which, strangers_ingress):
    net.add_guest(1, 1)
    if strangers_ingress:
        net.tc("qdisc", "add", "dev", "vif1.0", "clsact")
    before = net.leftovers()
    try:
        for step, refused in each_step(unkind, kind, which, client, "attach", DOMAIN="guest1", VIF="vif1.0"):
            if not refused:
                client.do("detach", DOMAIN="guest1")
            assert client.do("list").all("DOMAIN") == [], f"step {step}"
            assert net.leftovers() == before, f"step {step}: {refused}"
    finally:
        if strangers_ingress:
            net.tc("qdisc", "del", "dev", "vif1.0", "clsact")


@pytest.mark.parametrize("kind, which", UNKINDNESS)
def test_a_detach_that_fails_anywhere_is_done_all_the_same_or_can_be_repeated(net, unkind, client, kind, which):
    net.add_guest(1, 2)
    before = net.leftovers()

    def attach():
        for vif in ("vif1.0", "vif1.1"):
            client.do("attach", DOMAIN="guest1", VIF=vif)

    attach()
    for step, refused in each_step(unkind, kind, which, client, "detach", DOMAIN="guest1"):
        if refused:
            client.do("detach", DOMAIN="guest1")
        assert client.do("list").all("DOMAIN") == [], f"step {step}"
        assert net.leftovers() == before, f"step {step}: {refused}"
        attach()
    client.do("detach", DOMAIN="guest1")
