# SPDX-License-Identifier: GPL-2.0-or-later
"""
The network of a test, all of it in network namespaces of its own:

    guest1 eth0 == vif1.0 \\
           eth1 == vif1.1  > bridge in "host" == out0 == eth0 in "outside", where the observer is
    guest2 eth0 == vif2.0 /

Nothing but test frames is in it: no IPv6, no neighbour discovery, no flooding between vifs.
"""

import json
import os

from .places import inside, run

OUTSIDE_ADDRESS = "02:00:00:00:00:fe"


class Topology:
    def __init__(self, name):
        self.name = name
        self.host = f"{name}-host"
        self.outside = f"{name}-outside"
        self.guests = {}
        self._namespaces = []

    def __enter__(self):
        try:
            self._namespace(self.host)
            self._namespace(self.outside)
            self.ip(f"""link add br0 type bridge stp_state 0 mcast_snooping 0
                        link set br0 up
                        link add out0 type veth peer name eth0 netns {self.outside}
                        link set out0 master br0 up""")
            run("ip", "-n", self.outside, "link", "set", "eth0", "up")
            run("bridge", "-n", self.host, "fdb", "replace", OUTSIDE_ADDRESS, "dev", "out0", "master", "static")
            self._keep_order()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for namespace in reversed(self._namespaces):
            run("ip", "netns", "delete", namespace, check=False)
        self._namespaces.clear()

    def _keep_order(self):
        """One queue of received frames, or two processors could change their order on the way to the observer."""
        if os.cpu_count() > 1:
            run("ip", "netns", "exec", self.outside, "sh", "-c", "echo 1 >/sys/class/net/eth0/queues/rx-0/rps_cpus")

    def _namespace(self, name):
        run("ip", "netns", "add", name)
        self._namespaces.append(name)
        run(*inside(name), "sh", "-c",
            "for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 >$f; done; ip link set lo up")

    def ip(self, batch):
        """Commands for ip(8) in the host's namespace, one a line."""
        run("ip", "-n", self.host, "-batch", "-", stdin="\n".join(line.strip() for line in batch.splitlines()))

    def tc(self, *words, check=True):
        return run("tc", "-n", self.host, *words, check=check)

    def add_guest(self, domain, vifs):
        """Guest number DOMAIN with at least VIFS interfaces. Returns the names of that many of its vifs."""
        if domain not in self.guests:
            namespace = f"{self.name}-guest{domain}"
            self._namespace(namespace)
            self.guests[domain] = namespace
        names, links = [f"vif{domain}.{index}" for index in range(vifs)], self.links()
        for index, name in enumerate(names):
            if name not in links:
                self.add_vif(domain, index)
        return names

    def add_vif(self, domain, index):
        vif, namespace = f"vif{domain}.{index}", self.guests[domain]
        self.ip(f"""link add {vif} type veth peer name eth{index} netns {namespace}
                    link set {vif} master br0 up
                    link set {vif} type bridge_slave flood off learning off isolated on""")
        run("ip", "-n", namespace, "link", "set", f"eth{index}", "up")
        return vif

    def delete_vif(self, vif):
        self.ip(f"link delete {vif}")

    def links(self):
        """Name to what ip(8) knows, of the host's namespace."""
        found = json.loads(run("ip", "-n", self.host, "-json", "-details", "link", "show") or "[]")
        return {link["ifname"]: link for link in found}

    def leftovers(self):
        """What an attach makes and a detach must take away."""
        left = [f"link {name}" for name, link in self.links().items()
                if link.get("linkinfo", {}).get("info_kind") == "ifb" or name.startswith("oc.")]
        for qdisc in json.loads(self.tc("-json", "qdisc", "show") or "[]"):
            if qdisc["kind"] in ("plug", "ingress", "clsact"):
                left.append(f"qdisc {qdisc['kind']} on {qdisc['dev']}")
            # a filter cannot be where none of these is
            if qdisc["kind"] in ("ingress", "clsact") and self.tc("filter", "show", "dev", qdisc["dev"], "ingress"):
                left.append(f"filter on {qdisc['dev']}")
        return left


def drops_of_the_rig():
    """Frames that the kernel threw away for want of room in the rig's own queues: a run with any proves nothing."""
    with open("/proc/net/softnet_stat", encoding="ascii") as lines:
        return sum(int(line.split()[1], 16) for line in lines)


def be_able_to_burst():
    """A commit lets thousands of frames go at once; the queue in front of the observer is the rig's to size."""
    path = "/proc/sys/net/core/netdev_max_backlog"
    with open(path, "r+", encoding="ascii") as file:
        old = file.read().strip()
        file.seek(0)
        file.write(str(max(int(old), 200000)))
    return path, old
