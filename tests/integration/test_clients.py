# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients cannot hold up each other, nor look at or do what they may not."""

import contextlib

import pytest

from rig.places import as_user
from rig.protocol import Client, message

NOBODY = 65534


EPOCHS = 60


def medians(traffic, first):
    """Median times of the requests of one short run."""
    result = traffic.drive(1, epochs=EPOCHS, first=first, run_ms=1, transfer_ms=1).result()
    return sum(result[f"{verb}_p50_ns"] for verb in ("postsuspend", "preresume", "commit"))


@contextlib.contextmanager
def silent_clients(daemon, count):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(daemon.client()) for _ in range(count)]


def never_read(client):
    """Ask for more than a socket's buffers hold, and take none of it."""
    client.do("monitor")
    client.socket.setblocking(False)
    asked = 0
    with contextlib.suppress(BlockingIOError):
        while asked < 100_000:
            client.send(message("status", DOMAIN="guest1"))
            asked += 1
    assert asked < 100_000, "the daemon must not read on from who does not take its replies"


def test_64_silent_clients_and_a_slow_reader_do_not_delay_a_driver(traffic, daemon):
    traffic.add(1, vifs=2, interval_us=4000)
    alone, crowded = [], []
    firsts = iter(range(1, 1000, EPOCHS + 1))
    for _ in range(3):
        alone.append(medians(traffic, next(firsts)))
        with silent_clients(daemon, 64), daemon.client() as slow:
            never_read(slow)
            crowded.append(medians(traffic, next(firsts)))
    print("alone", alone, "crowded", crowded)
    assert min(crowded) < 2 * max(alone) + 1_000_000


def test_a_slow_monitor_is_told_to_look_again(traffic, daemon):
    traffic.add(1, vifs=1)
    with daemon.client() as slow, daemon.client() as client:
        slow.do("monitor")
        for epoch in range(1, 1500):
            client.do("postsuspend", DOMAIN="guest1", EPOCH=epoch)
            client.do("commit", DOMAIN="guest1", EPOCH=epoch)
        slow.event(lambda event: event.head == "resync")
        seen = slow.event(lambda event: event.head == "exists" and event.get("OBJECT") == "domain")
        assert seen.get("DOMAIN") == "guest1"
        slow.event(lambda event: event.head == "end")
        assert not slow.ask("version").error


def test_monitor_tells_what_exists_and_every_change(net, client, daemon):
    net.add_guest(1, 2)
    client.do("attach", DOMAIN="guest1", VIF="vif1.0")
    with daemon.client() as watcher:
        watcher.do("monitor")
        first = [watcher.receive() for _ in range(3)]
        assert [(event.head, event.get("OBJECT")) for event in first] == [
            ("exists", "domain"), ("exists", "vif"), ("end", None)]
        client.do("attach", DOMAIN="guest1", VIF="vif1.1")
        created = watcher.event(lambda event: event.head == "create")
        assert created.get("VIF") == "vif1.1"
        for verb, fields, state in [("postsuspend", {"EPOCH": 1}, ("holding", "2", "0")), ("commit", {"EPOCH": 1}, ("holding", "2", "1")),
                                    ("release", {}, ("passing",))]:
            client.do(verb, DOMAIN="guest1", **fields)
            event = watcher.event(lambda event, verb=verb: event.get("CAUSE") == verb and event.get("OBJECT") == "domain")
            assert event.head == "change"
            got = (event.get("STATE"), event.get("OPEN"), event.get("COMMITTED"))
            assert got[:len(state)] == state
        client.do("detach", DOMAIN="guest1")
        assert watcher.event(lambda event: event.head == "destroy")


@pytest.fixture
def configured(net, daemon):
    def configure(**access):
        daemon.stop()
        daemon.configure({"daemon": {"socket_mode": "0666"}, "access": access})
        return daemon.start()
    return configure


def connect_as(daemon, uid):
    with as_user(uid):
        return Client(daemon.socket_path)


DRIVING = ["drive", "attach", "detach", "postsuspend", "preresume", "commit", "abort", "discard", "release", "limit", "reload"]
LOOKING = ["status", "list", "monitor", "metrics", "check", "version"]
FIELDS = {"DOMAIN": "guest1", "VIF": "vif1.0", "EPOCH": 1, "LIMIT": "1M"}


def test_an_observer_may_look_and_change_nothing(net, configured):
    net.add_guest(1, 1)
    daemon = configured(driver_users="root", observer_users="nobody")
    with daemon.client() as driver, connect_as(daemon, NOBODY) as observer:
        driver.do("attach", DOMAIN="guest1", VIF="vif1.0")
        driver.do("postsuspend", DOMAIN="guest1", EPOCH=1)
        before = driver.do("status", DOMAIN="guest1").fields
        for verb in DRIVING:
            reply = observer.ask(verb, **FIELDS)
            assert reply.error_name == "EACCES" and reply.get("MESSAGE"), verb
        for verb in LOOKING:
            fields = {"DOMAIN": "guest1"} if verb == "status" else {}
            assert not observer.ask(verb, **fields).error, verb
        ages = ("EPOCH_AGE_NS", "OLDEST_HOLD_NS", "HOLD_NS")
        after = driver.do("status", DOMAIN="guest1").fields
        assert [field for field in after if field[0] not in ages] == [field for field in before if field[0] not in ages]


def test_a_stranger_may_not_even_look(configured):
    daemon = configured(driver_users="root", observer_users="root")
    with connect_as(daemon, NOBODY) as stranger:
        for verb in DRIVING + LOOKING:
            assert stranger.ask(verb, **FIELDS).error_name == "EACCES", verb


def test_a_configured_user_may_drive(net, configured):
    net.add_guest(1, 1)
    daemon = configured(driver_users="nobody")
    with connect_as(daemon, NOBODY) as driver:
        driver.do("attach", DOMAIN="guest1", VIF="vif1.0")
        driver.do("detach", DOMAIN="guest1")


def test_one_client_too_many_is_turned_away_and_the_others_stay(net, daemon):
    daemon.stop()
    daemon.configure({"limits": {"clients": 8}})
    daemon.start()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.client()) for _ in range(8)]
        assert all(not client.ask("version").error for client in clients)
        with daemon.client() as late:
            assert late.receive().error_name == "ENOSPC"
            assert late.socket.recv(1) == b""
        assert all(not client.ask("version").error for client in clients)
    # it may be a moment before it has seen that they left
    assert any(accepted(daemon) for _ in range(1000))


def accepted(daemon):
    with daemon.client() as client:
        try:
            return not client.ask("version").error
        except ConnectionError:
            return False
