# SPDX-License-Identifier: GPL-2.0-or-later
"""Netlink as it is under pressure: see unkind.c. Nothing may be lost, early or late because of it."""

import errno
import time

from .kinds import kind

PATIENCE_S = 2
# What the daemon counts of it. An answer that comes twice is nothing to it.
FAILURES = ("NETLINK_ERRORS", "NETLINK_LOST")
NOTICED = {"send fails": FAILURES, "refused": ("NETLINK_ERRORS",), "answer lost": ("NETLINK_LOST",), "answer late": ("NETLINK_LOST",)}


def counted(world, *keys):
    """What the daemon itself has counted of it."""
    with world.service.client() as client:
        metrics = client.do("metrics")
    return sum(metrics.number(key) for key in keys)


def unkind(world, what, **options):
    """Let it happen within the next requests of whichever domain is first, up to three times in a row."""
    chance = world.chance
    before = counted(world, *NOTICED.get(what, ()))
    world.service.unkind.arm(what, skip=chance.randint(0, 6), times=chance.randint(1, 3), which=chance.randint(0, 7), **options)
    happened = world.service.unkind.wait_done(PATIENCE_S)
    # the rest of them may still come
    time.sleep(chance.uniform(0, 0.02))
    world.service.unkind.disarm()
    assert happened, f"{what}: no chance for it"
    assert what not in NOTICED or counted(world, *NOTICED[what]) > before, f"{what}: the daemon has noticed nothing"


@kind("netlink: request not taken, ENOBUFS")
def send_enobufs(world):
    unkind(world, "send fails", error=errno.ENOBUFS)


@kind("netlink: request not taken, ENOMEM")
def send_enomem(world):
    unkind(world, "send fails", error=errno.ENOMEM)


@kind("netlink: one message refused, EBUSY")
def refused_ebusy(world):
    unkind(world, "refused", error=errno.EBUSY)


@kind("netlink: one message refused, ENOMEM")
def refused_enomem(world):
    unkind(world, "refused", error=errno.ENOMEM)


@kind("netlink: one message refused, ENOBUFS")
def refused_enobufs(world):
    unkind(world, "refused", error=errno.ENOBUFS)


@kind("netlink: answer lost")
def answer_lost(world):
    unkind(world, "answer lost")


@kind("netlink: answer late")
def answer_late(world):
    unkind(world, "answer late")


@kind("netlink: answer twice")
def answer_twice(world):
    unkind(world, "answer twice")


@kind("netlink: notifications lost, ENOBUFS")
def news_lost(world):
    """Something happens on the host, and the news of it do not get through."""
    before = counted(world, "WATCH_OVERFLOWS")
    world.service.unkind.arm("news lost")
    world.net.ip(f"link set out0 txqueuelen {world.chance.randint(500, 900)}")
    happened = world.service.unkind.wait_done(PATIENCE_S)
    world.service.unkind.disarm()
    assert happened, "no news came that could be lost"
    assert counted(world, "WATCH_OVERFLOWS") > before, "the daemon has not noticed that news were lost"
