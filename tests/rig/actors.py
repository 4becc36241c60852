# SPDX-License-Identifier: GPL-2.0-or-later
"""Who takes part in a run: the daemon, guests, checkpointers, the observer and the judge. Each is a real process."""

import os
import pathlib
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from .places import BIN, TOOLS, inside
from .protocol import Client
from .topology import drops_of_the_rig

PATIENCE_S = 30


def end(process, number=signal.SIGTERM, patience_s=PATIENCE_S):
    """Ask PROCESS to end, make it end if it does not, and return its status."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


class DiedEarly(RuntimeError):
    """A daemon ended before it was ready."""


class Daemon:
    """outcommitd in a network namespace, with a directory of its own."""

    def __init__(self, namespace, settings=None, program=None):
        self.namespace = namespace
        self.program = program or BIN / "outcommitd"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="outcommitd."))
        self.directory.chmod(0o755)
        self.socket_path = self.directory / "control.sock"
        self.config_path = self.directory / "outcommitd.conf"
        self.log_path = self.directory / "log"
        self.process = None
        self.configure(settings or {})

    def configure(self, settings):
        """Write the configuration: section to key to value."""
        with open(self.config_path, "w", encoding="utf-8") as file:
            for section, keys in settings.items():
                file.write(f"[{section}]\n")
                file.writelines(f"{key} = {value}\n" for key, value in keys.items())

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process:
            end(self.process)
        shutil.rmtree(self.directory)

    def start(self):
        self.launch()
        return self.wait_ready()

    def launch(self):
        """Start it, and do not wait."""
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.directory / "notify.sock"
        path.unlink(missing_ok=True)
        self._notify.bind(os.fspath(path))
        with open(self.log_path, "ab") as log:
            self.process = self.spawn(log, {"NOTIFY_SOCKET": os.fspath(path)})
        return self

    def spawn(self, log, environment):
        return subprocess.Popen(
            [*inside(self.namespace), str(self.program), "--socket", str(self.socket_path), "--config", str(self.config_path)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment})

    def wait_ready(self):
        """Returns when it has said that it is ready; fails at once if it ends instead."""
        died = os.pidfd_open(self.process.pid)
        try:
            while True:
                ready, _, _ = select.select([self._notify, died], [], [], PATIENCE_S)
                if self._notify in ready and b"READY=1" in self._notify.recv(4096).split(b"\n"):
                    return self
                if not ready or died in ready:
                    raise DiedEarly(f"the daemon did not become ready:\n{self.log()}")
        finally:
            os.close(died)
            self._notify.close()

    def client(self, **options):
        return Client(self.socket_path, **options)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        return end(self.process)

    def alive(self):
        return self.process.poll() is None

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def log(self):
        return self.log_path.read_text(errors="replace")


class Guest:
    """See guest.c. It begins paused."""

    def __init__(self, topology, domain, vifs, burst=1, interval_us=5000, gso_every=8, kinds=None):
        self.domain, self.vifs = domain, vifs
        self.control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # not settimeout: it would make the socket non-blocking, for the driver that shares it too
        self.control.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", PATIENCE_S, 0))
        kind_words = ["-k", ",".join(kinds)] if kinds else []
        with other:
            self.process = subprocess.Popen(
                [*inside(topology.guests[domain]), str(TOOLS / "guest"), "-b", str(burst), "-i", str(interval_us),
                 "-g", str(gso_every), *kind_words, str(domain), *(f"eth{index}" for index in range(vifs))],
                stdin=other)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.control.close()
        self.process.wait(PATIENCE_S)

    def _ask(self, word):
        self.control.send(word.encode())
        return self.control.recv(4096).decode()

    def pause(self):
        assert self._ask("pause") == "paused"

    def resume(self, epoch):
        assert self._ask(f"resume {epoch}") == "running"

    def open(self, vif):
        """Its interface was made anew."""
        assert self._ask(f"open {vif}") == "opened"

    def sent(self):
        """Frames per vif so far."""
        return [int(number) for number in self._ask("count").split()[1:]]

    def stalls(self):
        return int(self._ask("stall").split()[1])


class Driver:
    """See driver.c."""

    def __init__(self, socket_path, domain_name, guest, record, epochs, run_ms=20, transfer_ms=20, first=1, depth=1,
                 off=False):
        self.record = record
        self.process = subprocess.Popen(
            [str(TOOLS / "driver"), "-e", str(epochs), "-r", str(run_ms), "-t", str(transfer_ms), "-f", str(first),
             "-d", str(depth), *(["-n"] if off else []), str(socket_path), domain_name,
             str(guest.control.fileno()), str(record)],
            pass_fds=[guest.control.fileno()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self, patience_s=300):
        """What it reported, as numbers; its error if it failed."""
        out, errors = self.process.communicate(timeout=patience_s)
        if self.process.returncode:
            raise RuntimeError(f"driver: {errors}")
        return {key: int(value) for key, value in (line.split() for line in out.splitlines())}

    def running(self):
        return self.process.poll() is None

    def finish(self):
        """End after the current epoch."""
        self.process.send_signal(signal.SIGTERM)


class Record:
    """What a test that drives by itself knows of a domain, for the judge."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.write_text("", encoding="ascii")

    def commit(self, epoch):
        """Call it just before the commit is sent."""
        self._add(f"commit {epoch} {time.time_ns()}")

    def sent(self, counts):
        for vif, count in enumerate(counts):
            self._add(f"sent {vif} {count}")

    def destroyed(self, vif, first, end):
        """Frames FIRST to END - 1 of a vif met somebody who does away with frames."""
        self._add(f"destroyed {vif} {first} {end}")

    def leaked(self, vif, first_ns, end_ns):
        """Somebody else had opened the vif's buffer when these were sent."""
        self._add(f"leaked {vif} {first_ns} {end_ns}")

    def _add(self, line):
        with open(self.path, "a", encoding="ascii") as file:
            file.write(line + "\n")


class Observer:
    """See observer.c. Its log is only worth something if it missed nothing: stop() sees to that."""

    CAPTURE_BYTES = 48

    def __init__(self, topology, log):
        self.log = pathlib.Path(log)
        self._drops = drops_of_the_rig()
        self.process = subprocess.Popen(
            [*inside(topology.outside), str(TOOLS / "observer"), "eth0", str(log)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def captured(self):
        """Frames in the log so far."""
        return self.log.stat().st_size // self.CAPTURE_BYTES

    def wait_for(self, frames, patience_s=10):
        """Until that many were captured, or none has come for a while: the judge will say what is missing."""
        seen, last = self.captured(), time.monotonic()
        while seen < frames and time.monotonic() < last + patience_s:
            time.sleep(0.01)
            if self.captured() > seen:
                seen, last = self.captured(), time.monotonic()
        return seen

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, f"the observer missed something: {out}"
        assert drops_of_the_rig() == self._drops, "the rig's own queues were too short"


def judge(log, records):
    """The verdict on a run, as numbers; RECORDS: domain number to path. Under "faults" what the judge pointed at."""
    done = subprocess.run([str(TOOLS / "judge"), str(log), *(f"{domain}={path}" for domain, path in records.items())],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"judge: {done.stderr}")
    verdict = {key: int(value) for key, value in (line.split("=") for line in done.stdout.splitlines())}
    verdict["faults"] = done.stderr
    return verdict
