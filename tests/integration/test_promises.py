# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold of every frame, whatever happens to the daemon: counted from frames that were captured outside."""

import random
import threading
import time

import pytest

EVERY_ETHERTYPE = {"ethertype_0800", "ethertype_0806", "ethertype_8100", "ethertype_86dd", "ethertype_88b5"}


def protect_three_domains(traffic, epochs, **options):
    for domain in (1, 2, 3):
        traffic.add(domain, vifs=4, interval_us=4000)
    return [traffic.drive(domain, epochs=epochs, **options) for domain in (1, 2, 3)]


def test_no_frame_leaves_before_its_commit_and_none_is_lost_in_3000_epochs(traffic):
    drivers = protect_three_domains(traffic, epochs=1000, run_ms=10, transfer_ms=10)
    assert [driver.result()["epochs"] for driver in drivers] == [1000] * 3
    verdict = traffic.must_be_flawless()
    assert EVERY_ETHERTYPE <= verdict.keys()
    assert verdict["gso"] > 100, "GSO frames must go through whole"
    assert verdict["unprotected"] == 0


def test_200_kills_of_the_daemon_at_random_moments_release_and_lose_nothing(traffic, daemon):
    drivers = protect_three_domains(traffic, epochs=1_000_000, run_ms=10, transfer_ms=10)
    chance = random.Random(1)
    for kill in range(200):
        # every other time it dies while it is still finding its domains
        if kill % 2:
            daemon.wait_ready()
        time.sleep(chance.uniform(0, 0.08))
        daemon.kill()
        daemon.launch()
    daemon.wait_ready()
    for driver in drivers:
        driver.finish()
    results = [driver.result() for driver in drivers]
    print(results)
    assert all(result["reconnects"] > 20 and result["epochs"] > 50 for result in results)
    traffic.must_be_flawless()


def test_300_attach_and_detach_cycles_under_a_live_flow_lose_and_reorder_nothing(net, traffic, client):
    guest = traffic.add(1, vifs=3, attach=False, interval_us=2000, burst=2)
    vifs = [f"vif1.{index}" for index in range(3)]
    guest.resume(0)
    for _ in range(100):
        for vif in vifs:
            client.do("attach", DOMAIN="guest1", VIF=vif)
        for vif in vifs:
            client.do("detach", DOMAIN="guest1", VIF=vif)
    assert net.leftovers() == []
    traffic.must_be_flawless()


def test_detach_of_a_holding_domain_with_release_lets_its_frames_go_in_order(net, traffic, client):
    guest = traffic.add(1, vifs=3, attach=False, interval_us=2000, burst=2)
    vifs = [f"vif1.{index}" for index in range(3)]
    guest.resume(0)
    for _ in range(20):
        for vif in vifs:
            client.do("attach", DOMAIN="guest1", VIF=vif)
        client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
        for vif in vifs:
            client.do("detach", DOMAIN="guest1", VIF=vif, PENDING="release")
    assert net.leftovers() == []
    traffic.must_be_flawless()


def test_without_a_buffer_the_judge_sees_premature_frames(traffic):
    """The control: the same run with the daemon left out must fail, or the others prove nothing."""
    traffic.add(1, vifs=2, attach=False, interval_us=4000)
    traffic.drive(1, epochs=20, off=True).result()
    verdict = traffic.verdict()
    assert verdict["premature"] > verdict["sent"] // 4
    assert verdict["lost"] == verdict["reordered"] == 0


def test_a_stopped_daemon_releases_nothing_and_its_successor_goes_on(traffic, daemon):
    guest = traffic.add(1, vifs=2, interval_us=2000)
    with daemon.client() as client:
        client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
        client.do("preresume", DOMAIN="guest1", EPOCH=1)
    guest.resume(2)
    for stop in (daemon.kill, daemon.stop):
        stop()
        time.sleep(0.5)
        assert traffic.observer.captured() == 0
        daemon.start()
    guest.pause()
    with daemon.client() as client:
        client.do("commit", DOMAIN="guest1", EPOCH=1)
        client.do("postsuspend", DOMAIN="guest1", EPOCH=2)
        traffic.records[1].commit(2)
        client.do("commit", DOMAIN="guest1", EPOCH=2)
    traffic.must_be_flawless()


def test_a_lost_driver_releases_nothing(traffic, daemon):
    guest = traffic.add(1, vifs=2, interval_us=2000)
    with daemon.client() as client:
        client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
    guest.resume(2)
    time.sleep(0.5)
    guest.pause()
    assert traffic.observer.captured() == 0
    assert sum(guest.sent()) > 50


def test_release_lets_everything_go_in_order_and_traffic_flows_again(traffic, client):
    guest = traffic.add(1, vifs=2, interval_us=2000)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
    guest.resume(2)
    time.sleep(0.2)
    traffic.records[1].commit(2)
    client.do("release", DOMAIN="guest1")
    guest.pause()
    guest.resume(0)
    time.sleep(0.2)
    assert client.do("status", DOMAIN="guest1").get("STATE") == "passing"
    verdict = traffic.must_be_flawless()
    assert 0 < verdict["unprotected"] < verdict["captured"]


def test_discard_drops_what_is_not_committed_and_nothing_else(traffic, client):
    guest = traffic.add(1, vifs=2, interval_us=2000)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
    before = run_epoch(guest, 2)
    client.do("commit", DOMAIN="guest1", EPOCH=1)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=2)
    traffic.records[1].commit(2)
    client.do("commit", DOMAIN="guest1", EPOCH=2)
    traffic.observer.wait_for(sum(before))
    dropped = run_epoch(guest, 3)
    assert client.do("discard", DOMAIN="guest1").number("EPOCH") == 3
    after = run_epoch(guest, 3)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=3)
    traffic.records[1].commit(3)
    client.do("commit", DOMAIN="guest1", EPOCH=3)
    assert sum(after) > sum(dropped)
    verdict = traffic.verdict(dropped=sum(dropped) - sum(before))
    assert verdict["lost"] == sum(dropped) - sum(before) > 0
    assert verdict["captured"] == verdict["sent"] - verdict["lost"]
    assert verdict["premature"] == verdict["reordered"] == verdict["duplicates"] == 0


def run_epoch(guest, epoch, seconds=0.1):
    """Let the guest run in EPOCH. Returns how many frames it has sent so far, per vif."""
    guest.resume(epoch)
    time.sleep(seconds)
    guest.pause()
    return guest.sent()


def test_frames_over_the_byte_limit_are_dropped_and_counted(traffic, client):
    guest = traffic.add(1, vifs=1, interval_us=1000, burst=4, kinds=["ipv4", "arp"])
    client.do("limit", DOMAIN="guest1", LIMIT="16K")
    client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
    run_epoch(guest, 2, 0.5)
    status = client.do("status", DOMAIN="guest1")
    client.do("commit", DOMAIN="guest1", EPOCH=1)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=2)
    traffic.records[1].commit(2)
    client.do("commit", DOMAIN="guest1", EPOCH=2)
    verdict = traffic.verdict(dropped=status.number("DROPS"))
    assert status.number("DROPS") == verdict["lost"] > 0
    assert 16 * 1024 * 0.9 <= verdict["captured"] * 128 <= 16 * 1024
    assert verdict["premature"] == verdict["reordered"] == 0


def test_a_vif_attached_to_a_holding_domain_holds_from_its_first_frame(net, traffic, client):
    guest = traffic.add(1, vifs=2, attach=False, interval_us=2000)
    client.do("attach", DOMAIN="guest1", VIF="vif1.0")
    client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
    client.do("attach", DOMAIN="guest1", VIF="vif1.1")
    run_epoch(guest, 2, 0.2)
    client.do("preresume", DOMAIN="guest1", EPOCH=1)
    assert traffic.observer.captured() == 0
    client.do("commit", DOMAIN="guest1", EPOCH=1)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=2)
    run_epoch(guest, 3, 0.1)
    traffic.records[1].commit(2)
    client.do("commit", DOMAIN="guest1", EPOCH=2)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=3)
    traffic.records[1].commit(3)
    client.do("commit", DOMAIN="guest1", EPOCH=3)
    traffic.must_be_flawless()


@pytest.mark.only("outcommit")
def test_sixteen_epochs_may_be_outstanding(traffic):
    traffic.add(1, vifs=4, interval_us=4000)
    assert traffic.drive(1, epochs=200, depth=16, run_ms=10, transfer_ms=2).result()["epochs"] == 200
    verdict = traffic.must_be_flawless()
    assert verdict["hold_mean_ns"] > 100_000_000


@pytest.mark.only("outcommit")
def test_the_frames_of_an_aborted_epoch_leave_with_the_next_commit(traffic, client):
    guest = traffic.add(1, vifs=2, interval_us=2000)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
    run_epoch(guest, 2)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=2)
    client.do("abort", DOMAIN="guest1", EPOCH=2)
    assert client.ask("commit", DOMAIN="guest1", EPOCH=2).error_name == "ECANCELED"
    assert traffic.observer.captured() == 0
    run_epoch(guest, 3)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=3)
    traffic.records[1].commit(3)
    client.do("commit", DOMAIN="guest1", EPOCH=3)
    traffic.must_be_flawless()


@pytest.mark.only("mainline")
def test_what_mainlines_module_cannot_do_safely_is_refused(traffic, client):
    traffic.add(1, vifs=1)
    client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
    second = client.ask("postsuspend", DOMAIN="guest1", EPOCH=2)
    assert second.error_name == "EPROTO" and second.get("MESSAGE")
    assert client.ask("abort", DOMAIN="guest1", EPOCH=1).error_name == "EOPNOTSUPP"


def test_another_process_that_makes_and_deletes_links_does_not_disturb(net, traffic):
    """RTNL is everyone's: epochs wait for it, and nothing else happens to them."""
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            net.ip("link add dummy9 type dummy\nlink set dummy9 up\nlink delete dummy9")

    traffic.add(1, vifs=2, interval_us=4000)
    thread = threading.Thread(target=churn)
    thread.start()
    try:
        traffic.drive(1, epochs=100, run_ms=5, transfer_ms=5).result()
    finally:
        stop.set()
        thread.join()
    traffic.must_be_flawless()
