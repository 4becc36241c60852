# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a domain when nobody is there to say is what the administrator wants, by default that it holds."""

import itertools
import select
import signal

import pytest

from rig.protocol import Refused, message

DRIVING = {"postsuspend": {"EPOCH": 2}, "preresume": {"EPOCH": 1}, "commit": {"EPOCH": 1}, "abort": {"EPOCH": 1},
           "limit": {"LIMIT": "2M"}}
SETTLING = {"discard": {}, "release": {}, "detach": {"PENDING": "discard"}}
LONG_NS = 3600 * 10**9
SHORT_NS = 50 * 10**6


@pytest.fixture
def configured(daemon):
    """A function that starts the daemon anew with these policies."""
    def configure(**policy):
        daemon.stop()
        daemon.configure({"daemon": {"log_level": "debug"}, "policy": policy})
        return daemon.start()
    return configure


@pytest.fixture
def watcher(daemon):
    """Connections that monitor, past what exists."""
    watching = []

    def watch():
        watching.append(daemon.client())
        watching[-1].do("monitor")
        watching[-1].event(lambda event: event.head == "end")
        return watching[-1]
    yield watch
    for one in watching:
        one.close()


def held_domain(client, drive=None):
    """guest1, driven with the terms DRIVE, with epoch 1 outstanding."""
    client.do("attach", DOMAIN="guest1", VIF="vif1.0")
    if drive is not None:
        client.do("drive", DOMAIN="guest1", **drive)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=1)


def state(client):
    status = client.do("status", DOMAIN="guest1")
    return status.get("STATE"), status.get("LEASE"), status.get("OUTSTANDING")


def caused_by(cause):
    return lambda event: event.get("CAUSE") == cause and event.get("OBJECT") == "domain"


def watched_loss(net, daemon, watcher, policy, grace_ns):
    """Who sees that guest1's driver has been lost, and what POLICY will make of it after GRACE_NS."""
    net.add_guest(1, 1)
    watching = watcher()
    with daemon.client() as driver:
        held_domain(driver, {"ON_DRIVER_LOST": policy, "DRIVER_GRACE_NS": grace_ns})
    watching.event(caused_by("driver_lost"))
    return watching


def silent(watcher, seconds=0.3):
    """No event of a policy comes in that time."""
    while select.select([watcher.socket], [], [], seconds)[0]:
        event = watcher.receive()
        if event.get("CAUSE") in ("on_driver_lost", "hold_warning", "hold_limit"):
            return False
    return True


def test_drive_tells_where_the_domain_stands_and_may_be_repeated(net, client):
    net.add_guest(1, 1)
    held_domain(client, {})
    reply = client.do("drive", DOMAIN="guest1")
    assert reply.fields == [("STATE", "holding"), ("OPEN", "2"), ("COMMITTED", "0"), ("ON_DRIVER_LOST", "hold"),
                            ("DRIVER_GRACE_NS", str(10 * 10**9))]
    reply = client.do("drive", DOMAIN="guest1", ON_DRIVER_LOST="discard", DRIVER_GRACE_NS=5)
    assert (reply.get("ON_DRIVER_LOST"), reply.get("DRIVER_GRACE_NS")) == ("discard", "5")
    client.do("commit", DOMAIN="guest1", EPOCH=1)
    client.do("drive", DOMAIN="guest1")


def test_while_a_connection_drives_no_other_one_may(net, daemon, client):
    net.add_guest(1, 1)
    held_domain(client, {})
    with daemon.client() as other:
        before = client.do("status", DOMAIN="guest1")
        for verb, fields in {**DRIVING, **SETTLING, "drive": {}}.items():
            reply = other.ask(verb, DOMAIN="guest1", **fields)
            assert reply.error_name == "EBUSY", verb
            assert reply.get("LEASE_PID") == before.get("LEASE_PID") and reply.get("LEASE_UID") == "0"
            assert reply.get("LEASE_PID") in reply.get("MESSAGE")
        assert state(other) == ("holding", "held", "1")
        # who only plugs a vif in, or looks, is not in the way
        other.do("attach", DOMAIN="guest1", VIF="vif1.0")
        client.do("commit", DOMAIN="guest1", EPOCH=1)
        assert not other.ask("list").error


def test_a_connection_drives_many_domains_and_others_drive_others(net, daemon, client):
    net.add_guest(1, 1)
    net.add_guest(2, 1)
    for domain in ("guest1", "guest2"):
        client.do("attach", DOMAIN=domain, VIF=f"vif{domain[-1]}.0")
        client.do("drive", DOMAIN=domain, DRIVER_GRACE_NS=0)
    client.close()
    with daemon.client() as other:
        for domain in ("guest1", "guest2"):
            other.do("drive", DOMAIN=domain)
            other.do("postsuspend", DOMAIN=domain, EPOCH=1)


@pytest.mark.parametrize("policy, after", [("hold", ("holding", "lost", "1")), ("release", ("passing", "none", "0")),
                                           ("discard", ("holding", "lost", "0"))])
@pytest.mark.parametrize("said_by", ["driver", "configuration"])
def test_a_lost_driver_is_answered_by_the_policy_after_the_grace_time(net, configured, watcher, policy, after, said_by):
    net.add_guest(1, 1)
    daemon = configured(**({"on_driver_lost": policy, "driver_grace": "200ms"} if said_by == "configuration" else {}))
    terms = {"ON_DRIVER_LOST": policy, "DRIVER_GRACE_NS": 200 * 10**6} if said_by == "driver" else {}
    with daemon.client() as client:
        watching = watcher()
        with daemon.client() as driver:
            held_domain(driver, terms)
        lost = watching.event(caused_by("driver_lost"))
        assert (lost.get("STATE"), lost.get("LEASE"), lost.get("OUTSTANDING")) == ("holding", "grace", "1")
        done = watching.event(caused_by("on_driver_lost"))
        assert (done.get("STATE"), done.get("LEASE"), done.get("OUTSTANDING")) == after
        assert int(done.get("TIME_NS")) - int(lost.get("TIME_NS")) >= 199 * 10**6
        assert state(client) == after


def test_no_time_to_come_back_is_no_time(net, daemon, client):
    net.add_guest(1, 1)
    with daemon.client() as driver:
        held_domain(driver, {"ON_DRIVER_LOST": "release", "DRIVER_GRACE_NS": 0})
    # the loss and what follows from it are one step: nobody sees the time between
    assert next(found for found in (state(client) for _ in itertools.count()) if found[1] != "held") == (
        "passing", "none", "0")


def test_by_default_it_holds_on(net, daemon, client, watcher):
    net.add_guest(1, 1)
    watching = watcher()
    with daemon.client() as driver:
        held_domain(driver, {"DRIVER_GRACE_NS": SHORT_NS})
    done = watching.event(caused_by("on_driver_lost"))
    assert (done.get("STATE"), done.get("OUTSTANDING"), done.get("LEASE")) == ("holding", "1", "lost")
    # whoever goes on with it, goes on
    client.do("commit", DOMAIN="guest1", EPOCH=1)
    assert state(client) == ("holding", "none", "0")


def test_who_comes_back_in_time_stops_the_policy_and_so_does_another_driver(net, daemon, client, watcher):
    watching = watched_loss(net, daemon, watcher, "release", 400 * 10**6)
    for verb, fields in DRIVING.items():
        assert client.ask(verb, DOMAIN="guest1", **fields).error_name == "EBUSY", verb
    assert client.do("status", DOMAIN="guest1").number("GRACE_LEFT_NS") <= 400 * 10**6
    client.do("drive", DOMAIN="guest1")
    assert silent(watching, 0.6)
    assert state(client) == ("holding", "held", "1")
    client.do("commit", DOMAIN="guest1", EPOCH=1)


@pytest.mark.parametrize("verb", SETTLING)
def test_who_settles_the_matter_in_the_grace_time_ends_it(net, daemon, client, watcher, verb):
    watching = watched_loss(net, daemon, watcher, "release", 400 * 10**6)
    client.do(verb, DOMAIN="guest1", **SETTLING[verb])
    assert silent(watching, 0.6)
    if verb == "discard":
        assert state(client) == ("holding", "none", "0")
    if verb == "release":
        assert state(client) == ("passing", "none", "0")


def test_a_late_release_settles_nothing(net, daemon, client, watcher):
    watching = watched_loss(net, daemon, watcher, "discard", 300 * 10**6)
    for verb in ("release", "discard"):
        reply = client.ask(verb, DOMAIN="guest1", EPOCH=1)
        assert (reply.error_name, reply.get("EXPECTED")) == ("EPROTO", "2")
    assert state(client) == ("holding", "grace", "1")
    watching.event(caused_by("on_driver_lost"))
    assert state(client) == ("holding", "lost", "0")
    client.do("release", DOMAIN="guest1", EPOCH=2)
    client.do("release", DOMAIN="guest1", EPOCH=2)
    assert state(client) == ("passing", "none", "0")


def test_what_a_closed_connection_had_still_to_say_is_not_heard_by_the_next_driver(net, daemon, client):
    net.add_guest(1, 1)
    with daemon.client() as driver:
        held_domain(driver, {"DRIVER_GRACE_NS": LONG_NS})
        daemon.process.send_signal(signal.SIGSTOP)
        # one packet of each connection is read in turn, so that the other's comes between
        for _ in range(5):
            driver.send(message("version"))
        driver.send(message("release", DOMAIN="guest1"))
    client.send(message("drive", DOMAIN="guest1"))
    daemon.process.send_signal(signal.SIGCONT)
    assert not client.receive().error
    for _ in range(10):
        assert state(client) == ("holding", "held", "1")
    assert "release refused: guest1 is driven by" in daemon.log()


def test_a_passing_domain_loses_nothing_with_its_driver(net, daemon, client, watcher):
    net.add_guest(1, 1)
    watching = watcher()
    with daemon.client() as driver:
        driver.do("attach", DOMAIN="guest1", VIF="vif1.0")
        driver.do("drive", DOMAIN="guest1", ON_DRIVER_LOST="discard", DRIVER_GRACE_NS=SHORT_NS)
    watching.event(caused_by("on_driver_lost"))
    assert state(client) == ("passing", "none", "0")


def test_a_lease_ends_with_its_domain(net, daemon, client):
    net.add_guest(1, 1)
    held_domain(client, {"ON_DRIVER_LOST": "release"})
    client.do("detach", DOMAIN="guest1", PENDING="discard")
    with daemon.client() as other:
        held_domain(other, {})
        client.close()
        assert state(other) == ("holding", "held", "1")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_started_daemon_carries_out_no_policy_for_a_driver_it_never_saw(net, daemon, end, watcher):
    net.add_guest(1, 1)
    with daemon.client() as driver:
        held_domain(driver, {"ON_DRIVER_LOST": "release", "DRIVER_GRACE_NS": SHORT_NS})
        getattr(daemon, end)()
    daemon.start()
    assert silent(watcher())
    with daemon.client() as client:
        assert state(client)[:2] == ("holding", "none")
        client.do("drive", DOMAIN="guest1")
        client.do("commit", DOMAIN="guest1", EPOCH=1)


def test_a_vif_that_is_gone_may_be_detached_by_whoever_unplugged_it(net, daemon, client):
    net.add_guest(1, 2)
    client.do("attach", DOMAIN="guest1", VIF="vif1.1")
    held_domain(client, {})
    net.ip("link delete vif1.1")
    with daemon.client() as other:
        assert other.ask("detach", DOMAIN="guest1", VIF="vif1.0", PENDING="discard").error_name == "EBUSY"
        assert {vif["VIF"]: vif["VIF_STATE"] for vif in other.do("status", DOMAIN="guest1").blocks("VIF")} == {
            "vif1.1": "gone", "vif1.0": "ok"}
        other.do("detach", DOMAIN="guest1", VIF="vif1.1")
    client.do("commit", DOMAIN="guest1", EPOCH=1)


def test_what_is_held_too_long_is_told_once_and_shown(net, configured, watcher):
    net.add_guest(1, 1)
    daemon = configured(hold_warning="100ms", hold_limit="300ms")
    watching = watcher()
    with daemon.client() as client:
        held_domain(client)
        for cause, mark in (("hold_warning", "warning"), ("hold_limit", "limit")):
            event = watching.event(caused_by(cause))
            assert (event.get("HOLD"), event.get("STATE"), event.get("OUTSTANDING")) == (mark, "holding", "1")
        assert silent(watching)
        status = client.do("status", DOMAIN="guest1")
        assert status.get("HOLD") == "limit" and status.number("HOLD_NS") >= 300 * 10**6
        client.do("commit", DOMAIN="guest1", EPOCH=1)
        client.do("postsuspend", DOMAIN="guest1", EPOCH=2)
        client.do("commit", DOMAIN="guest1", EPOCH=2)
        assert client.do("status", DOMAIN="guest1").get("HOLD") == "ok"
        watching.event(caused_by("hold_warning"))
        client.do("release", DOMAIN="guest1")
        assert silent(watching)
    assert daemon.log().count("hold_warning: ") == 2


@pytest.mark.parametrize("policy, after", [("release", "passing"), ("discard", "holding")])
def test_at_the_limit_the_configured_policy_is_carried_out(net, configured, watcher, policy, after):
    net.add_guest(1, 1)
    daemon = configured(hold_warning="0", hold_limit="150ms", on_hold_limit=policy)
    watching = watcher()
    with daemon.client() as client:
        held_domain(client)
        event = watching.event(caused_by("hold_limit"))
        assert (event.get("STATE"), event.get("OUTSTANDING")) == (after, "0")


def test_a_started_daemon_watches_over_what_it_found(net, configured, watcher):
    net.add_guest(1, 1)
    daemon = configured(hold_warning="0", hold_limit="0")
    with daemon.client() as client:
        held_domain(client)
    daemon = configured(hold_warning="100ms", hold_limit="0")
    watcher().event(lambda event: event.get("HOLD") == "warning")


def test_a_reload_changes_how_long_is_too_long(net, configured, watcher):
    net.add_guest(1, 1)
    daemon = configured(hold_warning="0", hold_limit="0")
    watching = watcher()
    with daemon.client() as client:
        held_domain(client)
        daemon.configure({"policy": {"hold_warning": "50ms"}})
        client.do("reload")
        watching.event(caused_by("hold_warning"))


@pytest.mark.parametrize("policy, after", [("hold", "holding"), ("release", "passing")])
def test_a_stop_holds_unless_it_is_configured_to_release(net, configured, policy, after):
    net.add_guest(1, 1)
    daemon = configured(on_stop=policy)
    with daemon.client() as client:
        held_domain(client, {})
    daemon.stop()
    daemon.start()
    with daemon.client() as client:
        assert state(client)[:2] == (after, "none")


def test_a_kill_releases_nothing_whatever_is_configured(net, configured):
    net.add_guest(1, 1)
    daemon = configured(on_stop="release")
    with daemon.client() as client:
        held_domain(client)
    daemon.kill()
    daemon.start()
    with daemon.client() as client:
        assert state(client)[:2] == ("holding", "none")


def test_frames_that_a_lost_driver_left_behind_leave_by_policy_in_order(traffic, daemon):
    guest = traffic.add(1, vifs=2, interval_us=2000)
    with daemon.client() as client:
        with daemon.client() as driver:
            driver.do("drive", DOMAIN="guest1", ON_DRIVER_LOST="release", DRIVER_GRACE_NS=SHORT_NS)
            driver.do("postsuspend", DOMAIN="guest1", EPOCH=1)
            guest.resume(2)
            while client.do("status", DOMAIN="guest1").number("HELD_FRAMES") < 100:
                pass
            guest.pause()
            traffic.records[1].commit(2)
        while state(client)[0] == "holding":
            pass
    traffic.must_be_flawless()


def test_a_refusal_names_what_is_wrong_with_the_terms(net, client):
    net.add_guest(1, 1)
    client.do("attach", DOMAIN="guest1", VIF="vif1.0")
    for field, values in {"ON_DRIVER_LOST": ["", "none", "HOLD"],
                          "DRIVER_GRACE_NS": ["", "-1", "1s", str(86400 * 10**9 + 1)]}.items():
        for value in values:
            with pytest.raises(Refused) as refused:
                client.do("drive", DOMAIN="guest1", **{field: value})
            assert refused.value.reply.get("FIELD") == field
    assert state(client) == ("passing", "none", "0")
