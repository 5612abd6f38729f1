# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of cron: a mark before a line makes a comment of it, and is taken away again.

cron looks for a changed table before it starts what is due, each minute.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from . import _grammar, _rewrite
from ._timer_error import TimerError

MARK = "#lossless.restart# "
_DAEMONS = ("cron", "crond", "CRON", "cronie")


class Cron:
    """Those lines of a file of cron's, the system's or a user's, that have `lines` in them and are no comments."""

    inside = False

    def __init__(self, path: str, lines: str) -> None:
        self.label = f"{lines!r} in {path}"
        self._path = path
        self._lines = lines.encode()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Cron:
        """Raises ValueError."""
        lines = given["lines"]
        if not isinstance(lines, str) or not lines.strip() or not lines.isprintable():
            raise ValueError(f"lines {lines!r} is no text that the lines have in them, as in '/opt/order/report.sh'")
        return cls(_grammar.path(given["cron"], "cron"), lines)

    def check(self, deadline: float) -> None:
        if not any(self._lines in line for line in self._read().splitlines()):
            raise TimerError(f"no line of {self._path} has {self._lines.decode()!r} in it")

    def on(self, deadline: float) -> bool:
        return any(self._active(line) for line in self._read().splitlines())

    def switch(self, on: bool, deadline: float) -> None:
        old = self._read()
        new = b"".join(self._switched(line, on) for line in old.splitlines(keepends=True))
        try:
            _rewrite.replace({os.path.realpath(self._path): _rewrite.Change(old, new)})
        except _rewrite.WriteError as error:
            raise TimerError(str(error)) from error

    def running(self, deadline: float) -> list[str]:
        """What runs below cron, and names the text in its command line."""
        return [f"pid {pid}: {line}" for pid, line in _below_cron() if self._lines.decode() in line]

    def _read(self) -> bytes:
        try:
            with open(self._path, "rb") as stream:
                return stream.read()
        except OSError as error:
            raise TimerError(f"{self._path} cannot be read: {error.strerror}") from error

    def _active(self, line: bytes) -> bool:
        return self._lines in line and not line.lstrip().startswith(b"#")

    def _switched(self, line: bytes, on: bool) -> bytes:
        mark = MARK.encode()
        if on:
            return line[len(mark) :] if line.startswith(mark) and self._lines in line else line
        return mark + line if self._active(line) else line


def _below_cron(proc: str = "/proc") -> Iterator[tuple[int, str]]:
    """Every process that a cron daemon has started, itself or by others: (pid, its command line)."""
    parents, names = {}, {}
    for entry in os.listdir(proc):
        if entry.isdigit():
            try:
                with open(os.path.join(proc, entry, "stat"), encoding="utf-8", errors="replace") as stream:
                    head, _bracket, rest = stream.read().rpartition(")")
            except OSError:
                continue
            names[int(entry)] = head.partition("(")[2]
            parents[int(entry)] = int(rest.split()[1])
    for pid in parents:
        above = parents.get(pid, 0)
        while above and names.get(above) not in _DAEMONS:
            above = parents.get(above, 0)
        if above and names[pid] not in _DAEMONS:
            yield pid, _line(os.path.join(proc, str(pid), "cmdline"))


def _line(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return stream.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""
