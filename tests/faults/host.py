# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens on the host around them."""

import contextlib
import subprocess
import time

from rig.places import inside, run

from . import clock
from .kinds import kind

MODULES = ("sch_plug", "act_mirred", "cls_matchall", "sch_ingress")
LINKS = 150
HOLD_S = 2


@kind("clock set forward and back")
def clock_forward(world):
    clock_jumps(world, 1)


@kind("clock set back and forward")
def clock_back(world):
    clock_jumps(world, -1)


def clock_jumps(world, direction):
    clock.jump(direction)
    try:
        for domain in world.domains.values():
            domain.wait_epochs(2)
    finally:
        clock.jump(-direction)


@kind("modules unloaded")
def unload(world):
    """The kernel refuses, for all of them are in use."""
    with open("/proc/modules", encoding="ascii") as lines:
        loaded = {line.split()[0] for line in lines}
    wanted = [module for module in MODULES if module in loaded]
    assert "sch_plug" in wanted
    for module in wanted:
        done = subprocess.run(["rmmod", module], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        assert done.returncode, f"{module} could be unloaded"


@kind("module ifb unloaded")
def unload_ifb(world):
    """That one the kernel lets go, and every IFB with it."""
    for domain in world.domains.values():
        for index in range(len(domain.vifs)):
            world.excuse(domain, index)
    run("rmmod", "ifb")
    run("modprobe", "ifb", "numifbs=0")


@contextlib.contextmanager
def busybody(world):
    """Somebody adds, lists and deletes interfaces by the hundred: RTNL is hardly ever free."""
    name = f"{world.net.name}-busy"
    run("ip", "netns", "add", name)
    add = "\\n".join(f"link add a{i} type veth peer name b{i}" for i in range(LINKS))
    delete = "\\n".join(f"link delete a{i}" for i in range(LINKS))
    loop = f'while :; do printf "{add}\\n" | ip -b -; ip -d link >/dev/null; printf "{delete}\\n" | ip -b -; done'
    process = subprocess.Popen([*inside(name), "sh", "-c", loop], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()
        run("ip", "netns", "delete", name)


@kind("RTNL held by others")
def rtnl(world):
    with busybody(world):
        time.sleep(HOLD_S)
        for domain in world.domains.values():
            domain.wait_epochs(1)


@kind("RTNL held by others, kill -9")
def rtnl_kill(world):
    with busybody(world):
        time.sleep(world.chance.uniform(0, HOLD_S / 4))
        world.service.kill()
        world.service.start()
        for domain in world.domains.values():
            domain.wait_epochs(1)


@kind("vifs of others come and go")
def others_vifs(world):
    """News of interfaces that are not ours, and of a bridge that they join and leave."""
    for i in range(5):
        world.net.ip(f"link add other{i} type veth peer name peer{i}\nlink set other{i} master br0 up")
    for i in range(5):
        world.net.ip(f"link set other{i} nomaster\nlink delete other{i}")
