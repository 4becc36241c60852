# SPDX-License-Identifier: GPL-2.0-or-later
"""
A checkpointer as it should be: it does not let its guest go on before the barrier is whole, repeats what got no answer or a
refusal, and attaches what somebody else broke. It drives one domain without end, in a thread.
"""

import collections
import contextlib
import threading
import time

from rig.actors import Guest, Record
from rig.protocol import Refused

PATIENCE_S = 40
RETRY_S = 0.002
# Of these a repetition may succeed. Anything else, -EPROTO above all, means that the daemon has lost count.
PASSING_ERRORS = {"EIO", "ENOBUFS", "ENOMEM", "EBUSY", "EAGAIN", "EINTR", "ENODEV", "ENOENT", "ENOSPC"}


class Stuck(RuntimeError):
    """A request never succeeded."""


class Checkpointer:
    def __init__(self, world, number, vifs, chance, depth=1, run_s=0.02, transfer_s=0.015):
        self.world, self.number, self.chance, self.depth = world, number, chance, depth
        self.run_s, self.transfer_s = run_s, transfer_s
        self.name = f"guest{number}"
        self.vifs = world.net.add_guest(number, vifs)
        self.guest = Guest(world.net, number, vifs, burst=chance.randint(1, 2), interval_us=chance.choice([4000, 6000, 9000]))
        self.record = Record(world.directory / f"record{number}")
        # whoever has it sees the domain between two requests
        self.gate = threading.RLock()
        self.open, self.committed, self.epochs = 1, 0, 0
        self.sent_at = collections.deque([[0] * vifs, [0] * vifs], maxlen=depth + 3)
        self.refusals = collections.Counter()
        self.error = None
        self._client = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def ask(self, verb, **fields):
        """Until it is done."""
        with self.gate:
            return self._ask(verb, **fields)

    def _ask(self, verb, **fields):
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._once(verb, **fields)
            except (OSError, ConnectionError) as error:
                self._forget_client()
                why = error
            except Refused as refused:
                why = refused
                self.refusals[refused.reply.error_name] += 1
                if refused.reply.error_name not in PASSING_ERRORS:
                    raise
                self._mend()
            if time.monotonic() > end:
                raise Stuck(f"{verb} {fields} of {self.name}: {why}")
            time.sleep(RETRY_S)

    def _once(self, verb, **fields):
        self._client = self._client or self.world.service.client()
        return self._client.do(verb, DOMAIN=self.name, **fields)

    def _forget_client(self):
        if self._client:
            self._client.close()
        self._client = None

    def _mend(self):
        with contextlib.suppress(OSError, ConnectionError, Refused):
            for vif in self._once("status").blocks("VIF"):
                if vif["VIF_STATE"] == "broken":
                    self._once("attach", VIF=vif["VIF"])

    def attach(self):
        for vif in self.vifs:
            self.ask("attach", VIF=vif)

    def start(self):
        """Everything is held from the first frame on."""
        self.attach()
        self.ask("postsuspend", EPOCH=1)
        self.open = 2
        self.commit(1)
        self.guest.resume(2)
        self._thread.start()

    def commit(self, epoch):
        self.record.commit(epoch)
        self.ask("commit", EPOCH=epoch)
        self.committed = epoch

    def hold_again(self):
        """After a release."""
        self.close_epoch()
        self.commit(self.open - 1)

    def close_epoch(self):
        with self.gate:
            self.guest.pause()
            epoch = self.open
            self.ask("postsuspend", EPOCH=epoch)
            self.open = epoch + 1
            self.sent_at.append(self.guest.sent())
            self.ask("preresume", EPOCH=epoch)
            self.guest.resume(epoch + 1)

    def one_epoch(self):
        time.sleep(self.run_s)
        self.close_epoch()
        time.sleep(self.transfer_s)
        with self.gate:
            if self.open - self.depth > self.committed:
                self.commit(self.open - self.depth)
        self.epochs += 1

    def _run(self):
        try:
            while not self._end.is_set():
                self.one_epoch()
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def stop(self):
        """No more epochs; the guest stands still, everything is committed."""
        self._end.set()
        self._thread.join(PATIENCE_S * 2)
        if self.error:
            raise self.error
        self.guest.pause()
        # the second one has what was still on its way to the buffer when the first was closed
        for _ in range(2):
            self.ask("postsuspend", EPOCH=self.open)
            self.open += 1
            self.commit(self.open - 1)

    def close(self):
        self._end.set()
        self._forget_client()
        self.guest.__exit__()

    def wait_epochs(self, count, patience_s=PATIENCE_S):
        """Until it has come so much further."""
        goal, end = self.epochs + count, time.monotonic() + patience_s
        while self.epochs < goal:
            if self.error:
                raise self.error
            if time.monotonic() > end:
                raise Stuck(f"{self.name} makes no progress")
            time.sleep(RETRY_S)

    def uncommitted(self):
        """Per vif, how many frames may be held. The guest stands still."""
        closed = self.sent_at[-(self.open - self.committed)]
        return [sent - before for sent, before in zip(self.guest.sent(), closed)]

    def oldest_held(self):
        """
        Per vif, a sequence number: those below are outside, whatever happens now. What the last commit let go may be under way.
        """
        return list(self.sent_at[0])
