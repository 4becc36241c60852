# SPDX-License-Identifier: GPL-2.0-or-later
"""outcommitctl check tries on this kernel what the daemon will do, and says what cannot be done."""

import json
import os
import subprocess

import pytest

from faults.unkind import Unkind
from rig.places import BIN, TOOLS

# With ours, the packages' test runs it on what they have installed.
pytestmark = pytest.mark.only("mainline")

# In the order in which they are tried
TRIAL = ["buffer", "plug", "redirect", "frame"]


def check(daemon, prefix=(), **environment):
    """Exit status, and each check's name to its level, text and hint."""
    done = subprocess.run([*prefix, str(BIN / "outcommitctl"), "--json", "--socket", str(daemon.socket_path), "check"],
                          env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    found = {one["check"]: one for one in json.loads(done.stdout)["checks"]}
    assert (done.returncode == 1) == any(one["level"] == "fail" for one in found.values()), done.stdout
    return found


def levels(found, names=None):
    return {name: found[name]["level"] for name in names or found}


def test_a_host_that_can_run_it_passes_every_check(daemon):
    found = check(daemon)
    assert levels(found) == {**{name: "ok" for name in found}, "whose sch_plug": "warn"}, found
    assert "uses mainline's sch_plug" in found["socket"]["text"]
    assert found["whose sch_plug"]["text"].startswith("mainline's")


def test_without_a_daemon_the_kernel_is_tried_all_the_same(daemon):
    daemon.stop()
    found = check(daemon)
    assert found["socket"]["level"] == "warn" and "does not run" in found["socket"]["text"]
    assert set(levels(found, TRIAL).values()) == {"ok"}


def test_without_the_right_to_it_the_check_fails_and_says_why(daemon):
    found = check(daemon, prefix=["setpriv", "--bounding-set=-net_admin", "--"])
    assert levels(found, ["rights", "namespace", *TRIAL]) == {
        "rights": "fail", "namespace": "ok", "buffer": "fail", "plug": "warn", "redirect": "warn", "frame": "warn"}
    assert found["plug"]["text"].startswith("not tried")


@pytest.fixture
def unkind(tmp_path):
    control = Unkind(tmp_path / "unkind")
    yield control
    control.close()


def test_each_step_that_the_kernel_refuses_is_named_and_what_builds_on_it_is_not_tried(daemon, unkind):
    refused = set()
    for skip in range(30):
        unkind.arm("send fails", skip=skip)
        found = check(daemon, LD_PRELOAD=str(TOOLS / "libunkind.so"), UNKIND_CONTROL=str(unkind.path))
        if not unkind.done():
            break
        failed = [name for name in TRIAL if found[name]["level"] == "fail"]
        assert len(failed) == 1 and found[failed[0]]["hint"], (skip, found)
        at = TRIAL.index(failed[0])
        # any IFB will do to try a redirect, so only a frame has to wait for the plug
        tried = ["redirect"] if failed == ["plug"] else []
        assert levels(found, TRIAL) == {**{name: "ok" for name in TRIAL[:at] + tried}, failed[0]: "fail",
                                        **{name: "warn" for name in TRIAL[at + 1:] if name not in tried}}
        refused.add(failed[0])
    assert refused == set(TRIAL)
    assert set(levels(found, TRIAL).values()) == {"ok"}
