# SPDX-License-Identifier: GPL-2.0-or-later
"""outcommitd as a service manager runs it: with a watchdog, started again when it ends, its directory on a disk that can be full."""

import os
import select
import shutil
import signal
import socket
import threading
import time

from rig.actors import PATIENCE_S, Daemon, DiedEarly
from rig.places import TOOLS, run

from .unkind import Unkind

WATCHDOG_S = 0.6
DISK_BYTES = 1 << 20
STARTS_MAX = 10


class Manager:
    """The service manager's end: it reads whatever the daemon says, or that would wait."""

    def __init__(self, path):
        path.unlink(missing_ok=True)
        self.fed = time.monotonic()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(os.fspath(path))
        # becomes readable when the daemon is ready
        self.ready, self._say_ready = os.pipe()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        while words := self._socket.recv(4096).split(b"\n"):
            if b"READY=1" in words:
                os.write(self._say_ready, b"!")
            if b"WATCHDOG=1" in words:
                self.fed = time.monotonic()
            if words == [b"end"]:
                return

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"end", self._socket.getsockname())
        self._thread.join()
        self._socket.close()
        os.close(self.ready)
        os.close(self._say_ready)


class Service(Daemon):
    def __init__(self, namespace, settings=None, program=None):
        super().__init__(namespace, settings, program)
        run("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "disk", self.directory)
        self.configure(settings or {})
        self.unkind = Unkind(self.directory / "unkind")
        self.starts = 0
        self._manager = None

    def __exit__(self, *_):
        try:
            self.end_process()
        finally:
            if self._manager:
                self._manager.close()
            self.unkind.close()
            run("umount", self.directory)
            shutil.rmtree(self.directory)

    def end_process(self):
        if self.process and self.alive():
            self.process.send_signal(signal.SIGCONT)
            self.stop()

    def launch(self):
        """Start it, preloaded with what makes its netlink unkind, and with a watchdog."""
        path = self.directory / "notify.sock"
        if self._manager:
            self._manager.close()
        self._manager = Manager(path)
        self.starts += 1
        with open(self.log_path, "ab") as log:
            self.process = self.spawn(log, {
                "NOTIFY_SOCKET": os.fspath(path), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6)),
                "LD_PRELOAD": str(TOOLS / "libunkind.so"), "UNKIND_CONTROL": str(self.unkind.path)})
        return self

    def wait_ready(self):
        died = os.pidfd_open(self.process.pid)
        try:
            ready, _, _ = select.select([self._manager.ready, died], [], [], PATIENCE_S)
            if self._manager.ready not in ready:
                raise DiedEarly(f"the daemon did not become ready:\n{self.log()[-3000:]}")
        finally:
            os.close(died)
        return self

    def start(self):
        """As with Restart=on-failure: a start that fails, for the kernel gave no answer, is followed by another."""
        for _ in range(STARTS_MAX):
            self.launch()
            try:
                return self.wait_ready()
            except DiedEarly as early:
                self.process.wait()
                error = early
        raise error

    def silence(self, patience_s):
        """Wait until the watchdog has not been fed for its time. Whether that came to pass."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            if time.monotonic() > self._manager.fed + WATCHDOG_S:
                return True
            time.sleep(0.02)
        return False

    def watchdog_bites(self):
        """What systemd does then."""
        self.process.send_signal(signal.SIGABRT)
        self.process.send_signal(signal.SIGCONT)
        self.process.wait(PATIENCE_S)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
