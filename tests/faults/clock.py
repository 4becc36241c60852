# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine's clock is set, forth and back by the same time, and what was written down meanwhile is put right for the judge."""

import ctypes
import re
import struct

JUMP_S = 1_000_000
JUMP_NS = JUMP_S * 1_000_000_000
CAPTURE_HEAD = struct.Struct("=QQ")
CAPTURE_BYTES = 48
CLOCK_REALTIME = 0
ADJ_SETOFFSET = 0x0100


class Timex(ctypes.Structure):
    """struct timex, of which only the time is wanted."""

    _fields_ = [("modes", ctypes.c_uint), ("pad", ctypes.c_int), ("values", ctypes.c_long * 8),
                ("seconds", ctypes.c_long), ("microseconds", ctypes.c_long), ("rest", ctypes.c_byte * 256)]


def jump(direction):
    """Set the clock JUMP_S forward or back, by exactly that."""
    libc = ctypes.CDLL(None, use_errno=True)
    request = Timex(modes=ADJ_SETOFFSET, seconds=direction * JUMP_S)
    if libc.clock_adjtime(CLOCK_REALTIME, ctypes.byref(request)) < 0:
        raise OSError(ctypes.get_errno(), "clock_adjtime")


def straight(time_ns, started_ns):
    """A time of a run that took less than half a jump, without the jump."""
    return time_ns - (time_ns - started_ns + JUMP_NS // 2) // JUMP_NS * JUMP_NS


def undo_jumps(log, records, started_ns):
    with open(log, "r+b") as file:
        data = bytearray(file.read())
        for at in range(0, len(data), CAPTURE_BYTES):
            CAPTURE_HEAD.pack_into(data, at, *(straight(t, started_ns) for t in CAPTURE_HEAD.unpack_from(data, at)))
        file.seek(0)
        file.write(data)
    for path in records:
        text = path.read_text(encoding="ascii")
        text = re.sub(r"(?m)^((?:commit|leaked) .*)$", lambda line: _straight_line(line[1], started_ns), text)
        path.write_text(text, encoding="ascii")


def _straight_line(line, started_ns):
    """Times are the numbers that cannot be epochs or vifs."""
    return " ".join(str(straight(int(word), started_ns)) if word.isdigit() and int(word) > JUMP_NS else word
                    for word in line.split(" "))
