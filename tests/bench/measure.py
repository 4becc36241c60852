#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure, in a network namespace of its own, as root, where sch_plug is. Writes JSON.

usage: measure.py BUILD OUT.json [ROUNDS]

Daemon and client share one CPU, which the results name: across CPUs a wake-up's time drowns the rest.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

CPU = 0
CHURN_CPU = 1
VIFS = (1, 2, 4, 8, 16, 32, 64)
OTHERS = 1000
OTHERS_PER_DOMAIN = 50


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def batch(lines):
    """Many changes of interfaces in one process."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        run("ip", "-batch", file.name)


class Bench:
    def __init__(self, build, rounds):
        self.build, self.rounds = pathlib.Path(build), rounds
        self.dir = tempfile.TemporaryDirectory()
        self.path = self.dir.name + "/control.sock"
        self.daemon = None
        self.start()

    def start(self):
        began = time.monotonic_ns()
        self.daemon = subprocess.Popen([self.build / "bin/outcommitd", "--socket", self.path, "--log-level", "warning"])
        while not self.answers():
            if self.daemon.poll() is not None:
                sys.exit("the daemon does not start")
            time.sleep(0.002)
        return time.monotonic_ns() - began

    def answers(self):
        try:
            return self.ask("version")[0] == "0"
        except OSError:
            return False

    def stop(self):
        self.daemon.terminate()
        self.daemon.wait()

    def ask(self, verb, **fields):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.connect(self.path)
            sock.send("\n".join([verb, *(f"{key}={value}" for key, value in fields.items())]).encode())
            return sock.recv(65536).decode().splitlines()

    def do(self, verb, **fields):
        reply = self.ask(verb, **fields)
        if reply[0] != "0":
            sys.exit(f"{verb} {fields}: {reply}")
        return reply

    def resident_bytes(self):
        for line in pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def attach(self, domain, names):
        batch([f"link add {name} up type veth peer name p{name}" for name in names])
        for name in names:
            self.do("attach", DOMAIN=domain, VIF=name)

    def detach(self, domain, names):
        self.do("detach", DOMAIN=domain, PENDING="discard")
        batch([f"link del {name}" for name in names])

    def control(self, vifs):
        """One domain of so many vifs, and as many IFBs for the peers."""
        names = [f"b{vifs}.{index}" for index in range(vifs)]
        peers = [f"peer{index}" for index in range(vifs)]
        self.attach("bench", names)
        batch([f"link add {name} up type ifb" for name in peers])
        for name in peers:
            run("tc", "qdisc", "add", "dev", name, "root", "plug", "limit", 1 << 20)
        out = run("taskset", "-c", CPU, self.build / "tests/bench-control", self.path, "bench", "peer", vifs, self.rounds)
        self.detach("bench", names)
        batch([f"link del {name}" for name in peers])
        return [json.loads(line) for line in out.splitlines()]


    def release(self, vifs, frames, rounds):
        """Held frames through both: a domain of ours, and the same made by hand for libxl's way."""
        ours, peers = [f"rel{index}" for index in range(vifs)], [f"peer{index}" for index in range(vifs)]
        self.attach("rel", ours)
        batch([f"link add {name} up type ifb" for name in peers])
        batch([f"link add v{name} up type veth peer name pv{name}" for name in peers])
        batch([f"link set p{name} up" for name in ours] + [f"link set pv{name} up" for name in peers])
        for name in peers:
            run("tc", "qdisc", "add", "dev", name, "root", "plug", "limit", 1 << 30)
            run("tc", "qdisc", "add", "dev", f"v{name}", "clsact")
            run("tc", "filter", "add", "dev", f"v{name}", "ingress", "matchall", "action", "mirred", "egress", "redirect",
                "dev", name)
        out = run("taskset", "-c", CPU, self.build / "tests/bench-release", self.path, "rel", "peer", vifs, rounds, frames)
        self.detach("rel", ours)
        batch([f"link del {name}" for name in peers] + [f"link del v{name}" for name in peers])
        return [{**json.loads(line), "frames": frames} for line in out.splitlines()]


def quantiles(ns):
    ns = sorted(ns)
    return {"min_ns": ns[0], "median_ns": ns[len(ns) // 2], "p99_ns": ns[len(ns) * 99 // 100], "max_ns": ns[-1],
            "rounds": len(ns)}


SCRIPT = """
set -e
ip link add ifb9 type ifb; ip link set ifb9 up
tc qdisc add dev s0 ingress
tc filter add dev s0 parent ffff: proto ip prio 10 u32 match u32 0 0 action mirred egress redirect dev ifb9
tc qdisc add dev ifb9 root plug limit 1000000
tc qdisc del dev ifb9 root; tc qdisc del dev s0 ingress; ip link set ifb9 down; ip link del ifb9
"""


def attach_and_detach(bench, rounds):
    """Ours against the commands of Xen's remus-netbuf-setup for one vif, set-up and teardown."""
    batch(["link add s0 up type veth peer name ps0", "link add a0 up type veth peer name pa0"])
    ours, script = [], []
    for _ in range(rounds):
        began = time.monotonic_ns()
        bench.do("attach", DOMAIN="one", VIF="a0")
        bench.do("detach", DOMAIN="one")
        ours.append(time.monotonic_ns() - began)
        began = time.monotonic_ns()
        run("sh", "-c", SCRIPT)
        script.append(time.monotonic_ns() - began)
    batch(["link del s0", "link del a0"])
    return [{"peer": "daemon", "operation": "attach+detach", "vifs": 1, **quantiles(ours)},
            {"peer": "script", "operation": "attach+detach", "vifs": 1, **quantiles(script)}]


def with_others(bench):
    """A thousand vifs in other domains: their set-up, what they cost, and a restart that adopts them."""
    groups = [[f"o{domain}.{index}" for index in range(OTHERS_PER_DOMAIN)]
              for domain in range(OTHERS // OTHERS_PER_DOMAIN)]
    began = time.monotonic_ns()
    for number, names in enumerate(groups):
        bench.attach(f"other{number}", names)
    result = {"vifs": OTHERS, "setup_ns": time.monotonic_ns() - began, "resident_bytes": bench.resident_bytes()}
    result["control"] = bench.control(1)
    bench.stop()
    result["adoption_ns"] = bench.start()
    result["resident_after_adoption_bytes"] = bench.resident_bytes()
    began = time.monotonic_ns()
    for number, names in enumerate(groups):
        bench.detach(f"other{number}", names)
    result["teardown_ns"] = time.monotonic_ns() - began
    return result


def with_churn(bench, vifs):
    churn = subprocess.Popen(["taskset", "-c", str(CHURN_CPU), bench.build / "tests/bench-churn"])
    try:
        return bench.control(vifs)
    finally:
        churn.kill()
        churn.wait()


def main():
    build, out = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 500
    os.sched_setaffinity(0, {CPU})
    bench = Bench(build, rounds)
    module = dict(line.split("=", 1) for line in bench.do("check")[1:])
    results = {
        "kernel": os.uname().release, "module": module["MODULE"], "cpu": CPU, "rounds": rounds,
        "resident_bytes": bench.resident_bytes(),
        "control": [row for vifs in VIFS for row in bench.control(vifs)],
        "churn": [row for vifs in (1, 8) for row in with_churn(bench, vifs)],
        "release": [row for vifs in (1, 8) for row in bench.release(vifs, 10, rounds)],
        "backlog": bench.release(1, 10000, 10),
        "attach": attach_and_detach(bench, 20),
        "others": with_others(bench),
    }
    bench.stop()
    pathlib.Path(out).write_text(json.dumps(results, indent=1) + "\n")


main()
