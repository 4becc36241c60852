# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver with a lease is lost, and the domain's policy is carried out: that one, not before its time, and nothing else."""

import time

from .kinds import kind

GRACE_S = 0.05


def lose_driver(world, domain, policy):
    """Somebody drives the domain, and its connection ends while the guest runs. Returns when the policy has been carried out."""
    driver = world.service.client()
    driver.do("drive", DOMAIN=domain.name, ON_DRIVER_LOST=policy, DRIVER_GRACE_NS=int(GRACE_S * 1e9))
    began = time.monotonic()
    driver.close()
    while domain.ask("status").get("LEASE") in ("held", "grace"):
        assert time.monotonic() < began + 10, "the lease never ends"
        time.sleep(0.005)
    assert time.monotonic() >= began + GRACE_S, "the policy came before its time"


@kind("driver lost, hold")
def hold(world):
    domain = world.any_domain()
    with domain.gate:
        lose_driver(world, domain, "hold")
        assert domain.ask("status").get("STATE") == "holding"


@kind("driver lost, discard")
def discard(world):
    """What was not committed is dropped, and nothing else."""
    domain = world.any_domain()
    with domain.gate:
        for index in range(len(domain.vifs)):
            world.excuse(domain, index)
        lose_driver(world, domain, "discard")
        domain.committed = domain.open - 1
        assert domain.ask("status").get("STATE") == "holding"


@kind("driver lost, release")
def release(world):
    """Everything leaves, in order, and the next postsuspend holds again."""
    domain = world.any_domain()
    with domain.gate:
        # from now on nobody can say that a frame is too early
        domain.record.commit(domain.open)
        lose_driver(world, domain, "release")
        domain.committed = domain.open - 1
        assert domain.ask("status").get("STATE") == "passing"
        domain.hold_again()
