# SPDX-License-Identifier: GPL-2.0-or-later
"""What is counted is what happened: every figure is compared with what the test did, or saw."""

import codecs
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from rig.places import BIN

CTL = str(BIN / "outcommitctl")
EPOCHS = 7
PATIENCE_S = 20


def ctl(daemon, *words):
    done = subprocess.run([CTL, "--socket", str(daemon.socket_path), *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def samples(text):
    """Name with labels to value."""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    assert len({name for name, _ in lines}) == len(lines), "no sample twice"
    return {name: float(value) for name, value in lines}


def commit_epochs(client, domain, epochs):
    for epoch in epochs:
        client.do("postsuspend", DOMAIN=domain, EPOCH=epoch)
        client.do("preresume", DOMAIN=domain, EPOCH=epoch)
        client.do("commit", DOMAIN=domain, EPOCH=epoch)
        # repeated, as after a lost reply: done once, counted once
        client.do("commit", DOMAIN=domain, EPOCH=epoch)


def test_counters_say_what_was_done_and_begin_anew_with_the_daemon(net, daemon):
    net.add_guest(1, 2)
    with daemon.client() as client:
        for vif in ("vif1.0", "vif1.1"):
            client.do("attach", DOMAIN="guest1", VIF=vif)
        commit_epochs(client, "guest1", range(1, EPOCHS + 1))
        client.do("postsuspend", DOMAIN="guest1", EPOCH=EPOCHS + 1)
        client.do("discard", DOMAIN="guest1")
        assert client.ask("preresume", DOMAIN="guest1", EPOCH=99).error_name == "EPROTO"
        assert client.ask("status", DOMAIN="nobody").error_name == "ENOENT"
        seen = samples(ctl(daemon, "metrics"))
        for prefix, labels in (("outcommit_", ""), ("outcommit_domain_", '{domain="guest1"}')):
            assert seen[f"{prefix}epochs_closed_total{labels}"] == EPOCHS + 1
            assert seen[f"{prefix}epochs_committed_total{labels}"] == EPOCHS
            assert seen[f"{prefix}commits_total{labels}"] == EPOCHS
            assert seen[f"{prefix}discards_total{labels}"] == 1
            assert seen[f"{prefix}barrier_seconds_count{labels}"] == EPOCHS + 1
            assert seen[f"{prefix}preresume_seconds_count{labels}"] == EPOCHS
            assert seen[f"{prefix}commit_seconds_count{labels}"] == EPOCHS
            assert seen[f"{prefix}hold_seconds_count{labels}"] == EPOCHS
            assert seen[f"{prefix}hold_seconds_sum{labels}"] > 0
        assert seen['outcommit_domain_requests_refused_total{domain="guest1",errno="EPROTO"}'] == 1
        assert seen['outcommit_requests_refused_total{errno="ENOENT"}'] == 1
        assert seen['outcommit_domain_holding{domain="guest1"}'] == 1
        assert seen['outcommit_vif_ok{domain="guest1",vif="vif1.1"}'] == 1
        daemon.kill()
        daemon.start()
    again = samples(ctl(daemon, "metrics"))
    assert again['outcommit_domain_commits_total{domain="guest1"}'] == 0
    assert again['outcommit_domain_open_epoch{domain="guest1"}'] == EPOCHS + 2


def test_a_lost_driver_and_a_hold_that_lasts_are_counted(net, daemon):
    net.add_guest(1, 1)
    daemon.stop()
    daemon.configure({"policy": {"hold_warning": "100ms", "hold_limit": "150ms"}})
    daemon.start()
    with daemon.client() as client, daemon.client() as watcher:
        watcher.do("monitor")
        client.do("attach", DOMAIN="guest1", VIF="vif1.0")
        with daemon.client() as driver:
            driver.do("drive", DOMAIN="guest1")
            driver.do("postsuspend", DOMAIN="guest1", EPOCH=1)
            assert samples(ctl(daemon, "metrics"))['outcommit_domain_driven{domain="guest1"}'] == 1
        causes = {"driver_lost", "hold_warning", "hold_limit"}
        while causes:
            causes.discard(watcher.receive().get("CAUSE"))
        seen = samples(ctl(daemon, "metrics"))
        for name in ("drivers_lost", "hold_warnings", "hold_limits"):
            assert seen[f"outcommit_{name}_total"] == seen[f'outcommit_domain_{name}_total{{domain="guest1"}}'] == 1
        assert seen['outcommit_domain_driven{domain="guest1"}'] == 0


def test_a_hold_is_timed_from_its_close_to_its_commit(net, daemon):
    net.add_guest(1, 1)
    with daemon.client() as client:
        client.do("attach", DOMAIN="guest1", VIF="vif1.0")
        began = time.monotonic()
        client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
        closed = time.monotonic()
        time.sleep(0.15)
        asked = time.monotonic()
        client.do("commit", DOMAIN="guest1", EPOCH=1)
        held = samples(ctl(daemon, "metrics"))['outcommit_domain_hold_seconds_sum{domain="guest1"}']
        assert asked - closed <= held <= time.monotonic() - began


def test_frames_held_sent_and_dropped_are_those_of_the_guest(traffic, daemon):
    guest = traffic.add(1, vifs=1, interval_us=2000)
    with daemon.client() as client:
        client.do("postsuspend", DOMAIN="guest1", EPOCH=1)
        guest.resume(2)
        time.sleep(0.1)
        guest.pause()
        held = samples(ctl(daemon, "metrics"))
        vif = '{domain="guest1",vif="vif1.0"}'
        assert held[f"outcommit_vif_held_frames{vif}"] == guest.sent()[0] > 0
        assert held[f"outcommit_vif_held_bytes{vif}"] > 0
        client.do("discard", DOMAIN="guest1")
        after = samples(ctl(daemon, "metrics"))
        assert after[f"outcommit_vif_dropped_frames_total{vif}"] == guest.sent()[0]
        assert after[f"outcommit_vif_held_frames{vif}"] == 0


def test_many_domains_come_page_by_page_and_each_once(net, daemon):
    names = [f"page{index:02}" for index in range(70)]
    net.add_guest(1, 1)
    net.ip("\n".join(f"link add {name} type dummy" for name in names))
    try:
        with daemon.client() as client:
            for name in names:
                client.do("attach", DOMAIN=name, VIF=name)
            first = client.do("metrics")
            assert first.get("MORE") == "1" and len(first.all("DOMAIN")) < len(names)
            seen = [scope["domain"] for scope in json.loads(ctl(daemon, "--json", "metrics"))["domains"]]
            assert seen == names
            one = client.do("metrics", DOMAIN="page07")
            assert one.all("DOMAIN") == ["page07"] and one.all("VIF") == ["page07"] and not one.get("UPTIME_NS")
            assert client.ask("metrics", DOMAIN="nobody").error_name == "ENOENT"
            for name in names:
                client.do("detach", DOMAIN=name)
    finally:
        net.ip("\n".join(f"link delete {name}" for name in names))


def test_every_described_name_is_in_the_text(net, daemon):
    net.add_guest(1, 1)
    with daemon.client() as client:
        client.do("attach", DOMAIN="guest1", VIF="vif1.0")
        text = ctl(daemon, "metrics")
        described = [line.split()[0] for line in ctl(daemon, "--no-legend", "metrics", "--describe").splitlines()]
        found = {re.sub(r"_(bucket|sum|count)$", "", name.split("{")[0]) for name in samples(text)}
        assert set(described) == found
        assert text.endswith("# EOF\n")


class Terminal:
    """outcommitctl on a terminal of its own."""

    def __init__(self, daemon, *words):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
            os.execv(CTL, [CTL, "--socket", str(daemon.socket_path), *words])
        self.text = ""
        self.decode = codecs.getincrementaldecoder("utf-8")().decode

    def wait_for(self, pattern):
        """Until the screen has shown it."""
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.text):
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{pattern} was not shown: {self.text[-2000:]}"
            self.text += self.decode(os.read(self.fd, 65536))

    def wait_for_frame(self, wanted):
        """Until WANTED is true of the lines of a whole screen."""
        deadline = time.monotonic() + PATIENCE_S
        while not any(wanted(re.sub(r"\x1b\[[0-9;]*[A-Za-z]|\r", "", frame).split("\n"))
                      for frame in re.findall(r"\x1b\[H(.*?)\x1b\[J", self.text, re.S)):
            assert time.monotonic() < deadline, f"no such screen: {self.text[-2000:]}"
            self.text += self.decode(os.read(self.fd, 65536))

    def press(self, keys):
        self.text = ""
        os.write(self.fd, keys.encode())

    def resize(self, lines, columns):
        self.text = ""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def end(self):
        """The rest, and the exit code."""
        try:
            while data := os.read(self.fd, 65536):
                self.text += self.decode(data)
        except OSError:
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_top_shows_a_domain_live_and_leaves_the_terminal_as_it_was(net, daemon):
    net.add_guest(1, 1)
    with daemon.client() as client:
        client.do("attach", DOMAIN="guest1", VIF="vif1.0")
        top = Terminal(daemon, "top", "--delay", "0.2")
        top.wait_for(r"guest1 +passing")
        commit_epochs(client, "guest1", range(1, 4))
        top.wait_for(r"guest1 +holding +[1-9]")
        top.wait_for("▁")
        top.resize(12, 40)
        top.wait_for_frame(lambda lines: len(lines) <= 12 and max(map(len, lines)) == 40)
        top.press("q")
        assert top.end() == 0
        assert top.text.endswith("\x1b[?25h\x1b[?1049l")


def test_top_once_is_plain_text(net, daemon):
    net.add_guest(1, 1)
    with daemon.client() as client:
        client.do("attach", DOMAIN="guest1", VIF="vif1.0")
        out = ctl(daemon, "top", "--once", "--delay", "0.1")
        assert "\x1b" not in out
        assert re.search(r"^guest1 +passing +0\.0 ", out, re.M)


def wait_for_text(path, pattern, process):
    """Until the file that PROCESS writes has it."""
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists() or not re.search(pattern, path.read_text()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


def check_spans(events):
    """On each track, spans follow each other."""
    tracks = {}
    for event in events:
        if event["ph"] == "X":
            tracks.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["dur"]))
    for spans in tracks.values():
        spans.sort()
        for (begin, length), (after, _) in zip(spans, spans[1:]):
            assert begin + length <= after + 0.002
    return tracks


def test_a_trace_that_is_interrupted_is_whole_and_exact(net, daemon, tmp_path):
    net.add_guest(1, 2)
    path = tmp_path / "trace.json"
    with daemon.client() as client, daemon.client() as watcher:
        for vif in ("vif1.0", "vif1.1"):
            client.do("attach", DOMAIN="guest1", VIF=vif)
        process = subprocess.Popen([CTL, "--socket", str(daemon.socket_path), "trace", "--perfetto", str(path)],
                                   stdout=subprocess.PIPE, text=True)
        wait_for_text(path, "vif1.1", process)
        watcher.do("monitor")
        commit_epochs(client, "guest1", range(1, EPOCHS + 1))
        client.do("postsuspend", DOMAIN="guest1", EPOCH=EPOCHS + 1)
        last = watcher.event(lambda event: event.get("OPEN") == str(EPOCHS + 2))
        wait_for_text(path, f'"barrier".*"epoch":{EPOCHS + 1}', process)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0 and " spans" in out
    events = json.loads(path.read_text())
    assert check_spans(events)
    spans = [event for event in events if event["ph"] == "X"]
    barriers = [span for span in spans if span["name"] == "barrier"]
    assert [span["args"]["epoch"] for span in barriers] == list(range(1, EPOCHS + 2))
    end_of_last = round((barriers[-1]["ts"] + barriers[-1]["dur"]) * 1000)
    assert abs(end_of_last - last.number("TIME_NS")) <= 1
    names = {(event["pid"], event["tid"]): event["args"]["name"] for event in events if event["name"] == "thread_name"}
    by_track = {}
    for span in spans:
        by_track.setdefault(names[span["pid"], span["tid"]], []).append(span)
    outstanding = by_track["outstanding"]
    assert [span["args"]["epoch"] for span in outstanding] == list(range(1, EPOCHS + 2))
    assert [span["args"]["ended"] for span in outstanding] == ["commit"] * EPOCHS + ["end of the trace"]
    for vif in ("vif1.0", "vif1.1"):
        assert [span["name"] for span in by_track[vif]] == ["passing"] + [f"epoch {n}" for n in range(2, EPOCHS + 3)]
