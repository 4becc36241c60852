# SPDX-License-Identifier: GPL-2.0-or-later
"""What keeps a barrier waiting, and what helps: other clients, other domains, the CPU, the scheduler, memory."""

import ctypes
import os
import threading
import time

from rig import CPU, OTHER_CPU, Background, make_vifs, quantiles, remove_links

ASKING = 64  # connections
LEAVING_VIFS = 50
PAGED_ROUNDS = 20
BUSY = ("sh", "-c", "while :; do :; done")
FIFO = ("chrt", "-f", "10")
# name, the daemon's CPU, what starts it, settings, who runs beside it
VARIANTS = (
    ("one CPU for daemon and client", CPU, (), (), None),
    ("a CPU of its own", OTHER_CPU, (), (), None),
    ("the same, busy_poll_us = 2000", OTHER_CPU, (), ("realtime.busy_poll_us=2000",), None),
    ("the same, lock_memory = yes", OTHER_CPU, (), ("realtime.lock_memory=yes",), None),
    ("the same, CPUSchedulingPolicy=fifo", OTHER_CPU, FIFO, (), None),
    ("a CPU shared with a busy process", OTHER_CPU, (), (), BUSY),
    ("the same, CPUSchedulingPolicy=fifo", OTHER_CPU, FIFO, (), BUSY),
)
PROCESS_MADVISE, MADV_PAGEOUT = 440, 21


def realtime(bench):
    """A barrier under each setting of daemon and unit."""
    rows = []
    for name, cpu, prefix, settings, beside in VARIANTS:
        bench.stop()
        bench.start(cpu, prefix, settings)
        if beside:
            with Background(*beside):
                measured = bench.control_of_daemon(1)
        else:
            measured = bench.control_of_daemon(1)
        rows += [{**row, "variant": name} for row in measured]
    bench.stop()
    bench.start()
    return rows


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def page_out(pid):
    """As the kernel does when memory is short: whatever can be read from disk again goes, unless it is locked."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    with open(f"/proc/{pid}/maps") as maps:
        areas = [[int(end, 16) for end in line.split()[0].split("-")] for line in maps]
    for start, end in areas:
        area = Iovec(start, end - start)
        libc.syscall(PROCESS_MADVISE, process, ctypes.byref(area), ctypes.c_size_t(1), MADV_PAGEOUT, 0)
    os.close(process)


def paged_out(bench):
    """The first barrier after the daemon's memory was taken away."""
    rows = []
    for setting in ("no", "yes"):
        bench.stop()
        bench.start(settings=(f"realtime.lock_memory={setting}",))
        bench.attach("paged", ["paged0"])
        ns = []
        for epoch in range(1, PAGED_ROUNDS + 1):
            page_out(bench.daemon.pid)
            began = time.monotonic_ns()
            bench.do("postsuspend", DOMAIN="paged", EPOCH=epoch)
            ns.append(time.monotonic_ns() - began)
            bench.do("commit", DOMAIN="paged", EPOCH=epoch)
        bench.detach("paged", ["paged0"])
        rows.append({"peer": "daemon", "operation": "postsuspend", "vifs": 1, "variant": f"lock_memory = {setting}",
                     **quantiles(ns)})
    bench.stop()
    bench.start()
    return rows


def among_questions(bench):
    with Background(bench.build / "tests/bench-flood", bench.path, ASKING):
        return bench.control_of_daemon(1)


def beside_detach(bench):
    """While another domain of many vifs comes and goes."""
    names = [f"gone{index}" for index in range(LEAVING_VIFS)]
    make_vifs(names)
    over = threading.Event()

    def come_and_go():
        while not over.is_set():
            for name in names:
                bench.do("attach", DOMAIN="gone", VIF=name)
            bench.do("detach", DOMAIN="gone")

    neighbour = threading.Thread(target=come_and_go)
    neighbour.start()
    rows = bench.control_of_daemon(1, 2 * bench.rounds)
    over.set()
    neighbour.join()
    remove_links(names)
    return rows
