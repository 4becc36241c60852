# SPDX-License-Identifier: GPL-2.0-or-later
"""A wrong configuration is refused with file and line, at the start and on reload."""

import signal
import subprocess

import pytest

from rig.places import BIN

WRONG = {
    "unknown key": ("[daemon]\ncolour = blue\n", 2),
    "unknown section": ("[colours]\nblue = 1\n", 2),
    "key without section": ("socket = /x\n", 1),
    "given twice": ("[buffer]\nlimit = 1M\nlimit = 2M\n", 3),
    "bad size": ("[buffer]\n\nlimit = lots\n", 3),
    "size out of range": ("[buffer]\nlimit = 1\n", 2),
    "bad number": ("[buffer]\ntxqueuelen = -5\n", 2),
    "unknown user": ("[access]\ndriver_users = no-such-user-here\n", 2),
    "bad mode": ("[daemon]\nsocket_mode = rw\n", 2),
    "bad level": ("[daemon]\nlog_level = loud\n", 2),
    "no equals sign": ("[daemon]\nlog_level\n", 2),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_stops_the_start_and_names_the_line(tmp_path, name):
    text, line = WRONG[name]
    path = tmp_path / "outcommitd.conf"
    path.write_text(text)
    done = subprocess.run([str(BIN / "outcommitd"), "--config", str(path), "--socket", str(tmp_path / "s")],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode not in (0, -signal.SIGSEGV, -signal.SIGABRT)
    assert f"{path}:{line}:" in done.stderr


def test_a_wrong_file_is_refused_on_reload_and_the_old_one_stays(net, daemon, client):
    net.add_guest(1, 1)
    for name, (text, line) in WRONG.items():
        daemon.config_path.write_text(text)
        reply = client.ask("reload")
        assert reply.error_name == "EINVAL", name
        assert f"{daemon.config_path}:{line}:" in reply.get("MESSAGE"), name
    client.do("attach", DOMAIN="guest1", VIF="vif1.0")
    assert client.do("status", DOMAIN="guest1").blocks("VIF")[0]["LIMIT"] == str(64 << 20)


def test_a_good_file_is_taken_on_reload(net, daemon, client):
    net.add_guest(1, 1)
    daemon.configure({"buffer": {"limit": "3M"}})
    client.do("reload")
    client.do("attach", DOMAIN="guest1", VIF="vif1.0")
    assert client.do("status", DOMAIN="guest1").blocks("VIF")[0]["LIMIT"] == str(3 << 20)


def test_a_missing_file_that_was_asked_for_stops_the_start(tmp_path):
    done = subprocess.run([str(BIN / "outcommitd"), "--config", str(tmp_path / "none"), "--socket", str(tmp_path / "s")],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode and str(tmp_path / "none") in done.stderr


def test_a_second_daemon_does_not_take_the_first_ones_socket(daemon, client):
    done = subprocess.run([str(BIN / "outcommitd"), "--config", str(daemon.config_path), "--socket", str(daemon.socket_path)],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode
    client.do("version")
    with daemon.client() as other:
        other.do("version")
