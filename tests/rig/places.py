# SPDX-License-Identifier: GPL-2.0-or-later
"""Where things are, how a command is run so that its failure says what it said, and as whom."""

import contextlib
import os
import pathlib
import subprocess

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("OUTCOMMIT_BUILD", REPO / "build"))
BIN = BUILD / "bin"
TOOLS = BUILD / "tests"


def run(*command, stdin=None, check=True):
    """stdout of COMMAND."""
    done = subprocess.run([str(word) for word in command], input=stdin, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout


def inside(namespace):
    """The words that run what follows them in a network namespace."""
    return ["nsenter", f"--net=/run/netns/{namespace}", "--"]


@contextlib.contextmanager
def as_user(uid):
    """For a moment: to a daemon, who a client is, is who it was when it connected."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
