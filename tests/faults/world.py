# SPDX-License-Identifier: GPL-2.0-or-later
"""
The stage of a fault run: guests under their checkpointers, a daemon, the observer, and what must be true of them whenever a fault is
over. A vif's frames are accounted for at every such moment: sent = seen outside + held + what somebody else is known to have destroyed.
"""

import collections
import contextlib
import json
import struct
import time

from rig.actors import Observer, judge
from rig.places import inside, run
from rig.topology import Topology, be_able_to_burst

from .checkpointer import Checkpointer
from .clock import undo_jumps
from .service import Service

CAPTURE = struct.Struct("=QQQQHHHHHHI")
ZEROS = ("premature", "lost", "reordered", "stranded", "duplicates", "foreign")
SETTLE_S = 5
LATE_MAX = 5


class Untrue(AssertionError):
    """A promise does not hold, or the status says what is not so."""


class Captures:
    """How many frames of each vif were seen outside, read from the observer's log as it grows."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.at = 0
        self.whole = collections.Counter()
        self._pieces = collections.Counter()

    def update(self):
        data = self.file.read()
        data = data[:len(data) - len(data) % CAPTURE.size]
        self.at += len(data)
        self.file.seek(self.at)
        for _, _, _, sequence, domain, vif, segments, covered, *_ in CAPTURE.iter_unpack(data):
            if covered < segments:
                self._pieces[domain, vif, sequence] += covered
                if self._pieces[domain, vif, sequence] < segments:
                    continue
                del self._pieces[domain, vif, sequence]
            self.whole[domain, vif] += 1


class Excuse:
    """
    What somebody else does to a vif costs what its buffer holds and what is sent until it is mended; and if it opens the
    buffer, what is sent until the daemon has closed it goes out early.
    """

    def __init__(self, owner, index, opens):
        self.owner, self.index, self.opens = owner, index, opens
        with owner.gate:
            self.first = owner.oldest_held()[index]
        self.first_ns = time.time_ns()
        self.end_ns = None

    def closed(self):
        """The daemon says that it has closed it."""
        self.end_ns = time.time_ns()

    def write(self, end):
        self.owner.record.destroyed(self.index, self.first, end)
        if self.opens:
            self.owner.record.leaked(self.index, self.first_ns, self.end_ns or time.time_ns())


class Stage:
    """The network and the daemon on it: they stay while rounds come and go."""

    def __init__(self, name="ocf"):
        self.net = Topology(name)
        self.service = None

    def __enter__(self):
        be_able_to_burst()
        self.net.__enter__()
        self.service = Service(self.net.host)
        self.service.start()
        return self

    def __exit__(self, *_):
        self.service.__exit__()
        self.net.__exit__()


class World:
    """One round: from the first frame to the verdict."""

    def __init__(self, stage, directory, chance, module):
        self.net, self.service = stage.net, stage.service
        self.directory, self.chance, self.module = directory, chance, module
        self.domains = {}
        self.excuses = []
        self.missing = collections.Counter()
        self.ended = {}
        self.over_limit = 0

    def __enter__(self):
        self.observer = Observer(self.net, self.directory / "captures")
        self.captures = Captures(self.observer.log)
        self.started_ns = time.time_ns()
        return self

    def __exit__(self, *_):
        for domain in (*self.domains.values(), *self.ended.values()):
            domain.close()
        self.observer.__exit__()
        self.captures.file.close()

    def add(self, number, vifs, depth=1):
        domain = Checkpointer(self, number, vifs, self.chance, depth)
        self.domains[number] = domain
        domain.start()
        return domain

    def any_domain(self):
        return self.chance.choice(list(self.domains.values()))

    def everybody_lives(self):
        for domain in self.domains.values():
            if domain.error:
                raise domain.error

    def in_host(self, *words, check=True):
        return run(*inside(self.net.host), *words, check=check)

    @contextlib.contextmanager
    def events(self):
        """A client that sees everything that happens."""
        with self.service.client() as watcher:
            watcher.do("monitor")
            watcher.event(lambda event: event.head == "end")
            yield watcher

    def excuse(self, domain, index, opens=False):
        excuse = Excuse(domain, index, opens)
        self.excuses.append(excuse)
        return excuse

    # What must be true whenever a fault is over

    def check_all(self):
        for domain in list(self.domains.values()):
            self.check(domain)
        self._check_kernel()

    def check(self, domain):
        """What its status says is so, no frame is unaccounted for, and what is committed has left."""
        for _ in range(LATE_MAX):
            late = self._check_once(domain)
            if not late:
                return
            # a frame that was still on its way to the buffer when its epoch was closed belongs to the next one
            domain.wait_epochs(2)
        raise Untrue(late)

    def _check_once(self, domain):
        self.everybody_lives()
        with domain.gate:
            domain.guest.pause()
            self._await_whole(domain)
            self._check_words(domain, domain.ask("status"))
            late = self._check_frames(domain)
            domain.guest.resume(domain.open)
        return late

    def _await_whole(self, domain):
        """As its checkpointer would, before it goes on."""
        domain.ask("preresume", EPOCH=domain.open - 1)

    def _check_words(self, domain, status):
        told = {key: status.get(key) for key in ("STATE", "OPEN", "COMMITTED", "WHOLE")}
        true = {"STATE": "holding", "OPEN": str(domain.open), "COMMITTED": str(domain.committed), "WHOLE": "1"}
        if told != true:
            raise Untrue(f"status of {domain.name} says {told}, and it is {true}")
        states = {vif["VIF"]: vif["VIF_STATE"] for vif in status.blocks("VIF")}
        if states != {vif: "ok" for vif in domain.vifs}:
            raise Untrue(f"status of {domain.name} says {states}")

    def _check_kernel(self):
        """All vifs are said to be ok: each is redirected, to an interface that is up and has a plug, by iproute2's account."""
        vifs = [vif for domain in self.domains.values() for vif in domain.vifs]
        links = json.loads(self.in_host("ip", "-json", "link"))
        up = {link["ifname"] for link in links if "UP" in link["flags"]}
        plugs = {qdisc["dev"] for qdisc in json.loads(self.in_host("tc", "-json", "qdisc")) if qdisc["kind"] == "plug"}
        filters = run(*inside(self.net.host), "tc", "-batch", "-",
                      stdin="".join(f"filter show dev {vif} ingress\n" for vif in vifs))
        for vif in vifs:
            if f"oc.{vif}" not in up & plugs or f"to device oc.{vif})" not in filters:
                raise Untrue(f"status says that {vif} is ok, and its buffer is not: {filters}")

    def _account(self, domain):
        """Per vif: frames held, and frames that are neither outside nor held. The guest stands still."""
        blocks = {vif["VIF"]: int(vif["VIF_HELD_FRAMES"]) for vif in domain.ask("status").blocks("VIF")}
        held = [blocks[vif] for vif in domain.vifs]
        self.captures.update()
        return held, [sent - held[index] - self.captures.whole[domain.number, index]
                      for index, sent in enumerate(domain.guest.sent())]

    def _check_frames(self, domain):
        excused = {excuse.index for excuse in self.excuses if excuse.owner is domain}
        known = [self.missing[domain.number, index] for index in range(len(domain.vifs))]
        end, before, still = time.monotonic() + SETTLE_S, None, 0
        while True:
            held, now = self._account(domain)
            if all(n == k or (index in excused and still > 3) for index, (n, k) in enumerate(zip(now, known))):
                break
            if time.monotonic() > end:
                raise Untrue(f"frames of {domain.name} that are neither outside nor held: {now}, known to be destroyed: {known}")
            still = still + 1 if now == before else 0
            before = now
            time.sleep(0.02)
        for index, count in enumerate(now):
            self.missing[domain.number, index] = count
        self._write_excuses(domain)
        most = domain.uncommitted()
        if all(number <= limit for number, limit in zip(held, most)):
            return ""
        return f"{domain.name} holds {held} frames, and only {most} are not committed"

    def _write_excuses(self, domain):
        sent = domain.guest.sent()
        for excuse in [excuse for excuse in self.excuses if excuse.owner is domain]:
            excuse.write(sent[excuse.index])
            self.excuses.remove(excuse)

    def epochs(self):
        return sum(domain.epochs for domain in (*self.domains.values(), *self.ended.values()))

    def end(self, domain):
        """Its guest goes, with everything committed and seen; its frames will be judged with the others'."""
        domain.stop()
        self._finish(domain)
        self.ended[domain.number] = self.domains.pop(domain.number)

    def _finish(self, domain):
        domain.sent = domain.guest.sent()
        domain.record.sent(domain.sent)

    def detach_all(self):
        """Of domains that have ended."""
        for domain in self.ended.values():
            domain.ask("detach", PENDING="discard")

    def verdict(self):
        """Stop everything, and judge every frame of the run."""
        for domain in list(self.domains.values()):
            self.end(domain)
        expected = sum(sum(domain.sent) for domain in self.ended.values())
        self.observer.wait_for(expected - sum(self.missing.values()))
        self.observer.stop()
        records = {number: domain.record.path for number, domain in self.ended.items()}
        undo_jumps(self.observer.log, records.values(), self.started_ns)
        return judge(self.observer.log, records)
