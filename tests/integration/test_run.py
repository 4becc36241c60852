# SPDX-License-Identifier: GPL-2.0-or-later
"""outcommitctl run with a real guest: the promises hold for commands, whatever becomes of them."""

import subprocess
import sys

from rig.places import BIN

TELL = ("import socket, sys; s = socket.socket(fileno=int(sys.argv[1])); s.send(sys.argv[2].encode()); "
        "sys.exit(s.recv(99).decode() not in ('paused', 'running'))")


class Loop:
    """outcommitctl run; the guest pauses and is then stopped, as a whole process, for each checkpoint."""

    def __init__(self, traffic, *words, checkpoint="true", replicate="true"):
        self.guest = guest = traffic.guests[1]
        fd, pid = guest.control.fileno(), guest.process.pid
        tell = f"{sys.executable} -c \"{TELL}\" {fd}"
        note = f"echo commit $EPOCH $(date +%s%N) >>{traffic.records[1].path}"
        self.process = subprocess.Popen(
            [str(BIN / "outcommitctl"), "--socket", str(traffic.daemon.socket_path), "run", "guest1", "--interval", "1",
             "--suspend", f"{tell} pause && kill -STOP {pid}", "--checkpoint", checkpoint,
             "--resume", f"kill -CONT {pid} && {tell} \"resume $((EPOCH + 1))\"", "--replicate", f"{replicate} && {note}",
             *words], pass_fds=[fd], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def ended(self):
        out, _ = self.process.communicate(timeout=120)
        print(out)
        return self.process.returncode, out


def commit_the_rest(traffic, client):
    """The guest ran on when the loop had ended; the next driver closes and commits what is open."""
    # the daemon may not have heard yet that the loop's connection is closed: only a new driver makes it look
    client.do("drive", DOMAIN="guest1")
    traffic.guests[1].pause()
    epoch = client.do("postsuspend", DOMAIN="guest1").number("EPOCH")
    traffic.records[1].commit(epoch)
    client.do("commit", DOMAIN="guest1", EPOCH=epoch)


def test_with_commands_that_fail_now_and_then_no_frame_leaves_early_and_none_is_lost(traffic, client, tmp_path):
    traffic.add(1, vifs=2, interval_us=4000)
    # the first try of a checkpoint of every third epoch fails, and of each replication
    loop = Loop(traffic, "--epochs", "5", checkpoint=f"[ $((EPOCH % 3)) != 0 ] || ! mkdir {tmp_path}/checkpoint$EPOCH",
                replicate=f"! mkdir {tmp_path}/$EPOCH 2>/dev/null")
    code, out = loop.ended()
    assert code == 0 and "checkpoint of epoch 3: exit status 1" in out and "replicate of epoch 1: exit status 1" in out
    commit_the_rest(traffic, client)
    traffic.must_be_flawless()


def test_a_killed_loop_releases_nothing_and_the_next_one_goes_on(traffic, client, tmp_path):
    guest = traffic.add(1, vifs=2, interval_us=4000)
    begun, end = tmp_path / "begun", tmp_path / "end"
    slow = f"[ $EPOCH = 1 ] || {{ touch {begun}; until [ -e {end} ]; do sleep 0.1; done; false; }}"
    loop = Loop(traffic, replicate=slow)
    while not begun.exists():
        assert loop.process.poll() is None, loop.ended()
    loop.process.kill()
    loop.process.wait()
    end.touch()
    guest.pause()
    # what was committed last may still be on its way
    before = traffic.observer.wait_for(sum(guest.sent()), patience_s=1)
    assert sum(guest.sent()) > before
    guest.resume(3)
    guest.pause()
    assert traffic.observer.captured() == before
    assert Loop(traffic, "--epochs", "3").ended()[0] == 0
    commit_the_rest(traffic, client)
    traffic.must_be_flawless()
