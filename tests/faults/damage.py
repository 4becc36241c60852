# SPDX-License-Identifier: GPL-2.0-or-later
"""
What an administrator, or another program, does to a vif and its buffer. What they destroy is gone, what they open is open until the daemon
has closed it again; beyond that nothing is lost or early, it is said, and the guest does not go on without its barrier.
"""

import time

from .kinds import kind

# name: whether it opens the buffer, and the commands
DAMAGE = {
    "IFB deleted": (False, ["ip link delete {ifb}"]),
    "plug deleted": (True, ["tc qdisc delete dev {ifb} root"]),
    "plug replaced by another kind": (True, ["tc qdisc replace dev {ifb} root handle 99: pfifo"]),
    "plug replaced by a stranger's": (True, ["tc qdisc replace dev {ifb} root handle 99: plug limit 1000000"]),
    "redirect deleted": (True, ["tc filter delete dev {vif} ingress"]),
    "clsact deleted": (True, ["tc qdisc delete dev {vif} clsact"]),
    "IFB down": (False, ["ip link set {ifb} down"]),
    "IFB down and up": (False, ["ip link set {ifb} down", "ip link set {ifb} up"]),
    "IFB's queue length changed": (False, ["ip link set {ifb} txqueuelen {length}"]),
    "clsact put on the IFB and taken off": (False, ["tc qdisc add dev {ifb} clsact", "tc qdisc delete dev {ifb} clsact"]),
}


def choose(world, least_vifs=1):
    domain = world.chance.choice([domain for domain in world.domains.values() if len(domain.vifs) >= least_vifs])
    return domain, world.chance.randrange(len(domain.vifs))


def commands(world, domain, index, steps):
    vif = domain.vifs[index]
    for step in steps:
        world.in_host(*step.format(vif=vif, ifb=f"oc.{vif}", length=world.chance.randint(1001, 9999)).split())


def is_broken(vif):
    return lambda event: (event.get("OBJECT"), event.get("VIF"), event.get("VIF_STATE")) == ("vif", vif, "broken")


def damage(world, opens, steps):
    domain, index = choose(world)
    with world.events() as watcher:
        excuse = world.excuse(domain, index, opens)
        commands(world, domain, index, steps)
        event = watcher.event(is_broken(domain.vifs[index]))
        excuse.closed()
    assert event.get("VIF_STATE_REASON")


def damage_unseen(world, opens, steps):
    """The same while no daemon is there to see it. With its last IFB a domain would be forgotten, and its epochs with it."""
    domain, index = choose(world, 2)
    excuse = world.excuse(domain, index, opens)
    world.service.kill()
    commands(world, domain, index, steps)
    world.service.start()
    excuse.closed()
    with domain.gate:
        # whose IFB is gone, with the name that was on it, its domain does not know any more: nothing gets out until it is attached
        domain.ask("attach", VIF=domain.vifs[index])


# Mainline's plug purges its queue and keeps its counts, and nothing in the kernel tells of it afterwards: it must be seen when it happens.
LEAVES_NO_TRACE = {"IFB down and up", "IFB's queue length changed", "clsact put on the IFB and taken off"}


def enter(name, opens, steps):
    kind(name)(lambda world: damage(world, opens, steps))
    kind(f"{name}, no daemon running", "outcommit" if name in LEAVES_NO_TRACE else None)(
        lambda world: damage_unseen(world, opens, steps))


for name_, (opens_, steps_) in DAMAGE.items():
    enter(name_, opens_, steps_)


@kind("vif gone, and back")
def vif_gone(world):
    """Its domain goes on with the others, and the new one holds from its first frame."""
    domain, index = choose(world, 2)
    vif = domain.vifs[index]
    with world.events() as watcher:
        world.excuse(domain, index)
        world.net.delete_vif(vif)
        watcher.event(lambda event: (event.get("VIF"), event.get("VIF_STATE")) == (vif, "gone"))
    domain.wait_epochs(2)
    world.net.add_vif(domain.number, index)
    with domain.gate:
        domain.ask("attach", VIF=vif)
        domain.guest.open(index)


def forwards(world, vif):
    data = world.net.links()[vif].get("linkinfo", {}).get("info_slave_data", {})
    return data.get("state") == "forwarding"


@kind("vif down and up")
def vif_flaps(world):
    """What is held stays held; only what is sent into the unplugged cable is lost."""
    flap(world, lambda domain, vif: time.sleep(world.chance.uniform(0, 0.02)))


@kind("vif renamed, and back")
def vif_renamed(world):
    """Its domain knows it by its new name at once."""
    def rename(domain, vif):
        for old, new in ((vif, "elsewhere"), ("elsewhere", vif)):
            world.net.ip(f"link set {old} name {new}")
            names = [block["VIF"] for block in domain.ask("status").blocks("VIF")]
            assert new in names and old not in names, names
    flap(world, rename)


def flap(world, meanwhile):
    domain, index = choose(world)
    vif = domain.vifs[index]
    with domain.gate:
        excuse = world.excuse(domain, index)
        excuse.first = domain.guest.sent()[index]
        world.net.ip(f"link set {vif} down")
        meanwhile(domain, vif)
        world.net.ip(f"link set {vif} up")
        end = time.monotonic() + 10
        while not forwards(world, vif):
            assert time.monotonic() < end, f"{vif} does not come up"
            time.sleep(0.01)


@kind("buffer over its limit")
def over_limit(world):
    """What does not fit is dropped, and counted to the frame."""
    domain, _ = choose(world)
    world.check(domain)
    missing = missing_frames(world, domain)
    with domain.gate:
        before = drops(domain)
        for index, sent in enumerate(domain.guest.sent()):
            world.excuse(domain, index).first = sent
        domain.ask("limit", LIMIT="2000")
    domain.wait_epochs(3)
    domain.ask("limit", LIMIT="64M")
    world.check(domain)
    counted = drops(domain) - before
    assert counted == missing_frames(world, domain) - missing, f"{counted} drops counted"
    world.over_limit += counted


def drops(domain):
    return domain.ask("status").number("DROPS")


def missing_frames(world, domain):
    return sum(world.missing[domain.number, index] for index in range(len(domain.vifs)))
