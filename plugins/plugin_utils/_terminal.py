# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last rows of a terminal, kept for oneself: all else that is printed scrolls above them, whoever prints it.

By the scrolling region of a VT100 (DECSTBM), as apt does for its progress bar. Each change is one write, which nobody
else's can get into, and leaves the cursor where it was.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

_SAVE, _RESTORE, _WHOLE, _CLEAR = "\x1b7", "\x1b8", "\x1b[r", "\x1b[2K"


class Terminal:
    """Rows at the end of the terminal `fd`, from `open` to `close`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rows = 0
        self._height = 0
        self._lock = threading.Lock()

    def size(self) -> tuple[int, int]:
        """(width, height) now."""
        size = os.get_terminal_size(self._fd)
        return size.columns, size.lines

    def open(self, rows: int) -> None:
        with self._lock:
            self._keep(rows)

    def _keep(self, rows: int) -> None:
        self._rows, self._height = rows, self.size()[1]
        # Make room first: what stands in these rows moves up.
        self._write("\n" * rows + f"\x1b[{rows}A" + _SAVE + f"\x1b[1;{self._height - rows}r" + _RESTORE)

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines there. A terminal of another height gets its region anew."""
        with self._lock:
            if not self._rows:
                return
            if self.size()[1] != self._height:
                self._write(_SAVE + _WHOLE + _RESTORE)
                self._keep(self._rows)
            first = self._height - self._rows + 1
            drawn = "".join(f"\x1b[{first + n};1H{_CLEAR}{line}" for n, line in enumerate(lines[: self._rows]))
            self._write(_SAVE + drawn + _RESTORE)

    def close(self) -> None:
        """Give the rows back, empty. A second time it does nothing."""
        with self._lock:
            if not self._rows:
                return
            first = self._height - self._rows + 1
            cleared = "".join(f"\x1b[{first + number};1H{_CLEAR}" for number in range(self._rows))
            self._rows = 0
            self._write(_SAVE + _WHOLE + cleared + _RESTORE)

    def _write(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self._fd, data) :]
