# SPDX-License-Identifier: GPL-2.0-or-later
"""A domain belongs to who attached it, over the life of any daemon; one user cannot take what others need."""

import contextlib

import pytest

from rig.places import as_user
from rig.protocol import Client

ALICE, BOB, ADMIN = 65001, 65002, 65003
OF_A_DOMAIN = {"drive": {}, "attach": {"VIF": "vif1.1"}, "postsuspend": {"EPOCH": 1}, "preresume": {"EPOCH": 1},
               "commit": {"EPOCH": 1}, "abort": {"EPOCH": 1}, "limit": {"LIMIT": "2M"}, "discard": {}, "release": {},
               "detach": {"PENDING": "discard"}}


def connect_as(daemon, uid):
    with as_user(uid):
        return Client(daemon.socket_path)


@pytest.fixture
def shared(net, daemon):
    """A function that starts a daemon which Alice and Bob may drive by."""
    def configure(**limits):
        daemon.stop()
        daemon.configure({"daemon": {"socket_mode": "0666"}, "limits": limits,
                          "access": {"driver_users": f"{ALICE}, {BOB}", "admin_users": ADMIN}})
        return daemon.start()
    net.add_guest(1, 2)
    return configure


def refused(client, verb, **fields):
    return client.ask(verb, DOMAIN="guest1", **fields).error_name


def test_only_its_owner_changes_a_domain(shared):
    daemon = shared()
    with connect_as(daemon, ALICE) as alice, connect_as(daemon, BOB) as bob:
        alice.do("attach", DOMAIN="guest1", VIF="vif1.0")
        alice.do("postsuspend", DOMAIN="guest1", EPOCH=1)
        for verb, fields in OF_A_DOMAIN.items():
            assert refused(bob, verb, **fields) == "EACCES", verb
        status = bob.do("status", DOMAIN="guest1")
        assert (status.get("OWNER"), status.get("STATE"), status.get("OUTSTANDING")) == (str(ALICE), "holding", "1")
        alice.do("commit", DOMAIN="guest1", EPOCH=1)
        # a name that is free again is anybody's
        alice.do("detach", DOMAIN="guest1", PENDING="discard")
        bob.do("attach", DOMAIN="guest1", VIF="vif1.0")
        assert alice.do("status", DOMAIN="guest1").get("OWNER") == str(BOB)


def test_root_and_admins_change_every_domain_and_what_they_attach_is_anybodys(shared):
    daemon = shared()
    with connect_as(daemon, ALICE) as alice, connect_as(daemon, ADMIN) as admin, daemon.client() as root:
        alice.do("attach", DOMAIN="guest1", VIF="vif1.0")
        root.do("attach", DOMAIN="guest1", VIF="vif1.1")
        admin.do("postsuspend", DOMAIN="guest1", EPOCH=1)
        assert alice.do("status", DOMAIN="guest1").get("OWNER") == str(ALICE)
        root.do("detach", DOMAIN="guest1", PENDING="discard")
        admin.do("attach", DOMAIN="guest1", VIF="vif1.0")
        assert alice.do("status", DOMAIN="guest1").get("OWNER") is None
        alice.do("postsuspend", DOMAIN="guest1", EPOCH=1)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_owner_outlives_the_daemon(net, shared, end):
    daemon = shared()
    with connect_as(daemon, ALICE) as alice:
        for vif in ("vif1.0", "vif1.1"):
            alice.do("attach", DOMAIN="guest1", VIF=vif)
    getattr(daemon, end)()
    assert f" owner={ALICE} " in net.links()["oc.vif1.1"]["ifalias"]
    daemon.start()
    with connect_as(daemon, ALICE) as alice, connect_as(daemon, BOB) as bob:
        assert refused(bob, "postsuspend", EPOCH=1) == "EACCES"
        alice.do("postsuspend", DOMAIN="guest1", EPOCH=1)


def test_a_lease_holds_against_root_too(shared):
    daemon = shared()
    with connect_as(daemon, ALICE) as alice, daemon.client() as root:
        alice.do("attach", DOMAIN="guest1", VIF="vif1.0")
        alice.do("drive", DOMAIN="guest1")
        reply = root.ask("release", DOMAIN="guest1")
        assert (reply.error_name, reply.get("LEASE_UID")) == ("EBUSY", str(ALICE))


def test_one_user_cannot_take_all_connections(shared):
    daemon = shared(clients=20, clients_per_user=4)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            assert not stack.enter_context(connect_as(daemon, ALICE)).ask("version").error
        late = stack.enter_context(connect_as(daemon, ALICE))
        assert late.receive().error_name == "ENOSPC"
        assert not stack.enter_context(connect_as(daemon, BOB)).ask("version").error
        for _ in range(5):
            assert not stack.enter_context(daemon.client()).ask("version").error


def test_one_user_cannot_take_all_domains(shared):
    daemon = shared(domains_per_user=1)
    with connect_as(daemon, ALICE) as alice, connect_as(daemon, BOB) as bob:
        alice.do("attach", DOMAIN="guest1", VIF="vif1.0")
        reply = alice.ask("attach", DOMAIN="more", VIF="vif1.1")
        assert reply.error_name == "ENOSPC" and "domains_per_user" in reply.get("MESSAGE")
        bob.do("attach", DOMAIN="more", VIF="vif1.1")
