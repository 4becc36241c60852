# SPDX-License-Identifier: GPL-2.0-or-later
"""
What others do to a domain's interfaces is noticed and said, the guest is not let go on without its barrier, and
nothing of what is held gets out.
"""

import time

import pytest

DAMAGE = {
    "IFB deleted": ["ip link delete {ifb}"],
    "plug deleted": ["tc qdisc delete dev {ifb} root"],
    "plug replaced": ["tc qdisc replace dev {ifb} root handle 99: pfifo"],
    "plug replaced by another plug": ["tc qdisc replace dev {ifb} root handle 99: plug limit 1000000"],
    "redirect deleted": ["tc filter delete dev {vif} ingress"],
    "clsact deleted": ["tc qdisc delete dev {vif} clsact"],
    "redirect replaced": ["tc filter delete dev {vif} ingress",
                          "tc filter add dev {vif} ingress protocol all pref 77 matchall action ok"],
    "IFB set down": ["ip link set {ifb} down"],
    "IFB set down and up": ["ip link set {ifb} down", "ip link set {ifb} up"],
    "queue length changed": ["ip link set {ifb} txqueuelen 77"],
    "clsact put on the IFB": ["tc qdisc add dev {ifb} clsact"],
}


def of_a_vif(event):
    return event.get("OBJECT") == "vif" and event.head == "change"


def damage(net, steps, names):
    from rig.places import inside, run
    for step in steps:
        run(*inside(net.host), *step.format(**names).split())


def run_guest(guest, epoch, seconds=0.1):
    guest.resume(epoch)
    time.sleep(seconds)
    guest.pause()


@pytest.fixture
def holding(traffic, client):
    """A domain of two vifs that holds frames of epoch 2, epoch 1 being committed; its guest stands still."""
    guest = traffic.add(1, vifs=2, interval_us=2000)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
    client.do("commit", DOMAIN="guest1", EPOCH=1)
    run_guest(guest, 2)
    assert traffic.observer.captured() == 0
    return guest


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_noticed_stops_the_guest_and_lets_nothing_out(net, traffic, daemon, client, holding, name):
    ifb = client.do("status", DOMAIN="guest1").blocks("VIF")[0]["IFB"]
    with daemon.client() as watcher:
        watcher.do("monitor")
        watcher.event(lambda event: event.head == "end")
        damage(net, DAMAGE[name], {"vif": "vif1.0", "ifb": ifb})
        event = watcher.event(of_a_vif)
    assert (event.get("VIF"), event.get("VIF_STATE")) == ("vif1.0", "broken")
    assert event.get("VIF_STATE_REASON")
    status = client.do("status", DOMAIN="guest1")
    assert status.get("WHOLE") == "0"
    assert [vif["VIF_STATE"] for vif in status.blocks("VIF")] == ["broken", "ok"]
    for verb, epoch in [("preresume", 1), ("postsuspend", 2)]:
        reply = client.ask(verb, DOMAIN="guest1", EPOCH=epoch)
        assert reply.error_name == "EIO" and reply.get("VIF") == "vif1.0" and reply.get("MESSAGE")
    # a guest that is let go on all the same gets nothing out, except past a redirect that somebody else put there
    run_guest(holding, 2)
    time.sleep(0.1)
    assert traffic.observer.captured() == 0
    client.do("attach", DOMAIN="guest1", VIF="vif1.0")
    assert client.do("status", DOMAIN="guest1").get("WHOLE") == "1"
    client.do("postsuspend", DOMAIN="guest1", EPOCH=2)
    client.do("preresume", DOMAIN="guest1", EPOCH=2)
    run_guest(holding, 3)
    traffic.records[1].commit(2)
    client.do("commit", DOMAIN="guest1", EPOCH=2)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=3)
    traffic.records[1].commit(3)
    client.do("commit", DOMAIN="guest1", EPOCH=3)
    verdict = traffic.verdict(patience_s=1)
    assert verdict["premature"] == verdict["reordered"] == verdict["duplicates"] == 0, verdict["faults"]
    assert verdict["captured"] >= verdict["sent"] // 2, "the other vif's frames are untouched, and epoch 3 is whole"
    assert daemon.alive()
    net.tc("filter", "delete", "dev", "vif1.0", "ingress", "pref", "77", check=False)


def test_a_vif_that_goes_takes_its_buffer_and_not_the_barrier(net, traffic, daemon, client, holding):
    with daemon.client() as watcher:
        watcher.do("monitor")
        watcher.event(lambda event: event.head == "end")
        net.delete_vif("vif1.0")
        event = watcher.event(of_a_vif)
    assert (event.get("VIF"), event.get("VIF_STATE")) == ("vif1.0", "gone")
    status = client.do("status", DOMAIN="guest1")
    assert [vif["VIF_STATE"] for vif in status.blocks("VIF")] == ["gone", "ok"]
    assert [name for name in net.links() if name.startswith("oc.")] == ["oc.vif1.1"]
    client.do("postsuspend", DOMAIN="guest1", EPOCH=2)
    client.do("preresume", DOMAIN="guest1", EPOCH=2)
    traffic.records[1].commit(2)
    client.do("commit", DOMAIN="guest1", EPOCH=2)
    sent = holding.sent()
    assert traffic.observer.wait_for(sent[1]) == sent[1]
    assert daemon.alive()


def test_a_vif_that_leaves_its_bridge_is_not_gone(net, traffic, daemon, client, holding):
    before = client.do("status", DOMAIN="guest1")
    damage(net, ["ip link set {vif} nomaster", "ip link set {vif} master br0"], {"vif": "vif1.0"})
    status = client.do("status", DOMAIN="guest1")
    assert [vif["VIF_STATE"] for vif in status.blocks("VIF")] == ["ok", "ok"]
    assert status.get("HELD_FRAMES") == before.get("HELD_FRAMES")
    client.do("postsuspend", DOMAIN="guest1", EPOCH=2)
    client.do("preresume", DOMAIN="guest1", EPOCH=2)
    assert traffic.observer.captured() == 0


def test_a_guest_that_shuts_down_leaves_a_domain_that_can_be_detached(net, traffic, daemon, client, holding):
    with daemon.client() as watcher:
        watcher.do("monitor")
        watcher.event(lambda event: event.head == "end")
        for vif in ("vif1.0", "vif1.1"):
            net.delete_vif(vif)
            gone = watcher.event(of_a_vif)
            assert (gone.get("VIF"), gone.get("VIF_STATE")) == (vif, "gone")
    assert client.ask("postsuspend", DOMAIN="guest1", EPOCH=2).error_name == "ENODEV"
    client.do("detach", DOMAIN="guest1", PENDING="discard")
    assert client.do("list").all("DOMAIN") == []
    assert traffic.observer.captured() == 0


def test_damage_while_no_daemon_runs_is_found_at_the_start(net, traffic, daemon, holding):
    daemon.kill()
    damage(net, DAMAGE["redirect deleted"], {"vif": "vif1.0"})
    daemon.start()
    with daemon.client() as client:
        status = client.do("status", DOMAIN="guest1")
        assert {vif["VIF"]: vif["VIF_STATE"] for vif in status.blocks("VIF")} == {"vif1.0": "broken", "vif1.1": "ok"}
        run_guest(holding, 2)
        assert traffic.observer.captured() == 0
        assert client.ask("preresume", DOMAIN="guest1", EPOCH=1).error_name == "EIO"
        client.do("attach", DOMAIN="guest1", VIF="vif1.0")
        assert client.do("status", DOMAIN="guest1").get("WHOLE") == "1"
