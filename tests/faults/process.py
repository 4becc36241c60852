# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to the daemon as a process. Its epochs go on where they were, and nothing gets out meanwhile."""

import errno
import os
import resource
import signal
import time

from rig.protocol import Refused

from .kinds import kind
from .service import WATCHDOG_S

CROWD = 8


def some_time(world, longest_s=0.03):
    time.sleep(world.chance.uniform(0, longest_s))


@kind("kill -9")
def kill(world):
    world.service.kill()
    some_time(world)
    world.service.start()


@kind("kill -9, again while it finds its domains")
def kill_twice(world):
    world.service.kill()
    world.service.launch()
    some_time(world)
    world.service.kill()
    world.service.start()


@kind("kill -9 after a request was refused in part")
def kill_after_refusal(world):
    """What was done of a batch, and what not, is all that the next daemon finds."""
    chance = world.chance
    world.service.unkind.arm("refused", skip=chance.randint(0, 6), times=1, error=errno.ENOMEM, which=chance.randint(0, 7))
    assert world.service.unkind.wait_done(2)
    # it has seen the refusal when it answers the next request; a kill in the very instant in between is told of in docs/faults.md
    with world.service.client() as client:
        client.do("version")
    world.service.kill()
    world.service.unkind.disarm()
    world.service.start()


@kind("kill -9 after an answer was lost")
def kill_after_loss(world):
    world.service.unkind.arm("answer lost", skip=world.chance.randint(0, 6))
    assert world.service.unkind.wait_done(2)
    world.service.kill()
    world.service.unkind.disarm()
    world.service.start()


@kind("start while netlink fails")
def start_under_pressure(world):
    """A start that cannot see everything fails, and takes nothing away."""
    chance = world.chance
    what, skip = chance.choice(["send fails", "refused", "answer lost"]), chance.randint(0, 30)
    while True:
        world.service.kill()
        world.service.unkind.arm(what, skip=skip, times=1, error=errno.ENOBUFS)
        world.service.start()
        world.service.unkind.disarm()
        if world.service.unkind.done():
            return
        # a start had fewer chances than that
        assert skip, f"{what}: no chance for it in a start"
        skip //= 2


@kind("restart")
def restart(world):
    world.service.stop()
    some_time(world)
    world.service.start()


@kind("SIGSTOP, shorter than the watchdog")
def stopped(world):
    world.service.process.send_signal(signal.SIGSTOP)
    some_time(world, WATCHDOG_S / 2)
    world.service.process.send_signal(signal.SIGCONT)


@kind("SIGSTOP, longer than the watchdog")
def stopped_too_long(world):
    world.service.process.send_signal(signal.SIGSTOP)
    assert world.service.silence(WATCHDOG_S * 4), "a stopped daemon feeds its watchdog"
    world.service.watchdog_bites()
    world.service.start()


@kind("reload")
def reload(world):
    level = world.chance.choice(["info", "notice"])
    world.service.configure({"daemon": {"log_level": level}})
    with world.service.client() as client:
        client.do("reload")


@kind("reload of a bad configuration")
def bad_reload(world):
    world.service.configure({"daemon": {"log_level": "louder"}})
    try:
        with world.service.client() as client:
            client.do("reload")
    except Refused as refused:
        assert refused.reply.error_name == "EINVAL" and "louder" in refused.reply.get("MESSAGE")
    else:
        raise AssertionError("a bad configuration was taken")
    finally:
        world.service.configure({})


@kind("fd limit reached")
def fd_limit(world):
    """Who is connected goes on; who comes now waits, and is served when there is room again."""
    pid = world.service.process.pid
    old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    crowd = []
    used = max(int(name) for name in os.listdir(f"/proc/{pid}/fd")) + 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 1, old[1]))
    try:
        crowd = [world.service.client(timeout_s=10) for _ in range(CROWD)]
        for domain in world.domains.values():
            domain.wait_epochs(2)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
    for client in crowd:
        client.do("version")
        client.close()


@kind("disk full")
def disk_full(world):
    """The log's disk, and the socket's: a daemon that is killed then starts all the same."""
    filler = world.service.directory / "filler"
    try:
        with open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError as error:
        assert error.errno == errno.ENOSPC
    if world.chance.random() < 0.5:
        world.service.kill()
        world.service.start()
    with world.service.client() as client:
        client.do("reload")
    for domain in world.domains.values():
        domain.wait_epochs(2)
    filler.unlink()
    os.truncate(world.service.log_path, 0)
