# SPDX-License-Identifier: GPL-2.0-or-later
"""What all measurements need: interfaces, the daemon on a CPU of its choice, and requests to it."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

CPU = 0  # the client's, and the daemon's unless a measurement is about that
OTHER_CPU = max(os.sched_getaffinity(0))  # who disturbs
LEAVING = 4711  # a group of interfaces
QDISC_BYTES = 1 << 30


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def batch(lines):
    """Many changes of interfaces in one process."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        run("ip", "-batch", file.name)


def make_vifs(names):
    batch([f"link add {name} up type veth peer name p{name}" for name in names])


def remove_links(names):
    """All at once: the kernel waits for its grace periods once per request."""
    batch([f"link set {name} group {LEAVING}" for name in names] + [f"link del group {LEAVING}"])


def quantiles(ns):
    ns = sorted(ns)
    return {"min_ns": ns[0], "median_ns": ns[len(ns) // 2], "p99_ns": ns[len(ns) * 99 // 100], "max_ns": ns[-1],
            "rounds": len(ns)}


def program(build, name, *words):
    out = run("taskset", "-c", CPU, build / f"tests/bench-{name}", *words)
    return [json.loads(line) for line in out.splitlines()]


class Background:
    """A program that runs on the other CPU meanwhile, or on the one that is named."""

    def __init__(self, *command, cpu=OTHER_CPU):
        self.command = ["taskset", "-c", str(cpu), *(str(word) for word in command)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        time.sleep(0.2)
        if self.process.poll() is not None:
            sys.exit(f"{self.command}: ended at once")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Bench:
    def __init__(self, build, rounds):
        self.build, self.rounds = pathlib.Path(build), rounds
        self.dir = tempfile.TemporaryDirectory()
        self.path = self.dir.name + "/control.sock"
        self.daemon = None
        self.start()

    def start(self, cpu=CPU, prefix=(), settings=()):
        """Returns the nanoseconds until it answered."""
        began = time.monotonic_ns()
        self.daemon = subprocess.Popen(
            ["taskset", "-c", str(cpu), *prefix, self.build / "bin/outcommitd", "--socket", self.path,
             "--log-level", "warning", *(word for setting in settings for word in ("--set", setting))])
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
        make_vifs(names)
        for name in names:
            self.do("attach", DOMAIN=domain, VIF=name)

    def detach(self, domain, names):
        self.do("detach", DOMAIN=domain, PENDING="discard")
        remove_links(names)

    def program(self, name, *words):
        return program(self.build, name, self.path, *words)

    def in_process(self, name, *words):
        """The peers that need no daemon, without one: it listens to what they announce, and would be measured with them."""
        self.stop()
        rows = program(self.build, name, "-", *words)
        self.start()
        return rows

    def control_of_daemon(self, vifs, rounds=None):
        """One domain of so many vifs."""
        names = [f"b{vifs}.{index}" for index in range(vifs)]
        self.attach("bench", names)
        rows = self.program("control", "bench", "-", 0, rounds or self.rounds)
        self.detach("bench", names)
        return [{**row, "vifs": vifs} for row in rows]

    def control(self, vifs, rounds=None):
        """The same, and as many IFBs for the peers."""
        peers = [f"peer{index}" for index in range(vifs)]
        batch([f"link add {name} up type ifb" for name in peers])
        for name in peers:
            run("tc", "qdisc", "add", "dev", name, "root", "plug", "limit", QDISC_BYTES)
        rows = self.in_process("control", "bench", "peer", vifs, rounds or self.rounds)
        remove_links(peers)
        return rows + self.control_of_daemon(vifs, rounds)

    def release(self, vifs, frames, rounds):
        """Held frames through both: a domain of ours, and the same made by hand for libxl's way."""
        ours, peers = [f"rel{index}" for index in range(vifs)], [f"peer{index}" for index in range(vifs)]
        self.attach("rel", ours)
        batch([f"link add {name} up type ifb" for name in peers])
        batch([f"link add v{name} up type veth peer name pv{name}" for name in peers])
        batch([f"link set p{name} up" for name in ours] + [f"link set pv{name} up" for name in peers])
        for name in peers:
            run("tc", "qdisc", "add", "dev", name, "root", "plug", "limit", QDISC_BYTES)
            run("tc", "qdisc", "add", "dev", f"v{name}", "clsact")
            run("tc", "filter", "add", "dev", f"v{name}", "ingress", "matchall", "action", "mirred", "egress", "redirect",
                "dev", name)
        rows = self.in_process("release", "rel", "peer", vifs, rounds, frames)
        rows += self.program("release", "rel", "peer", vifs, rounds, frames)
        self.detach("rel", ours)
        remove_links(peers + [f"v{name}" for name in peers])
        return [{**row, "frames": frames} for row in rows]


def open_bench(build, rounds):
    os.sched_setaffinity(0, {CPU})
    # a thousand interfaces that look for routers and neighbours would be measured too
    ipv6 = pathlib.Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
    if ipv6.exists():
        ipv6.write_text("1\n")
    return Bench(build, rounds)
