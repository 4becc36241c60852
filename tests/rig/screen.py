# SPDX-License-Identifier: GPL-2.0-or-later
"""A table that grows: in place with its last rows on a terminal, sparsely line by line on anything else."""

import sys

LIVE_ROWS = 12
PLAIN_EVERY = 10
STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


class Screen:
    def __init__(self, terminal, out=sys.stdout):
        self.terminal, self.out = terminal, out
        self.rows, self.drawn, self.count = [], 0, 0

    def style(self, text, *names):
        if not self.terminal or not names:
            return text
        codes = ";".join(STYLES[name] for name in names)
        return f"\x1b[{codes}m{text}\x1b[0m"

    def say(self, text="", *names):
        """A line that stays."""
        self.rows, self.drawn = [], 0
        self._write(self.style(text, *names) + "\n")

    def row(self, text, *names, important=False):
        """A row of the table. On a pipe only every tenth is shown, and what is important."""
        self.count += 1
        if not self.terminal:
            if important or self.count % PLAIN_EVERY == 1:
                self._write(text + "\n")
            return
        self.rows = (self.rows + [self.style(text, *names)])[-LIVE_ROWS:]
        up = f"\x1b[{self.drawn}A" if self.drawn else ""
        self._write(up + "".join(f"\x1b[2K{line}\n" for line in self.rows))
        self.drawn = len(self.rows)

    def _write(self, text):
        self.out.write(text)
        self.out.flush()
