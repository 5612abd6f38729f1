# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service that is restarted by plain commands, and known by its pid file or by the address where it listens."""

from __future__ import annotations

from collections.abc import Sequence

from ._command import Ran, tail
from ._process_host import Host, Identity, ProcessError
from ._process_listener import listener
from ._process_service import Seen


class Plain:
    """A service with a pid file, or with a listening address (host, port); and the commands it is restarted by."""

    def __init__(
        self,
        host: Host,
        pid_file: str | None,
        address: tuple[str, int] | None,
        stop: Sequence[str] | None = None,
        start: Sequence[str] | None = None,
    ) -> None:
        self.label = f"service of {pid_file}" if pid_file else "service at {}:{}".format(*address or ("?", 0))
        self._host = host
        self._pid_file = pid_file
        self._address = address
        self._stop = list(stop) if stop else None
        self._start = list(start) if start else []

    def read(self) -> Seen:
        """The process, if there is one; ProcessError for a pid file that cannot be read or is none."""
        process = self._by_file(self._pid_file) if self._pid_file else self._by_address()
        return Seen(process, "running" if process else "not running", process is None)

    def ways(self) -> tuple[list[str] | None, list[str]]:
        """The commands that the user gave."""
        return self._stop, self._start

    def refused(self, ran: Ran) -> str:
        """A command's exit status."""
        return "" if ran.code == 0 else f"exit status {ran.code}: {tail(ran.output)}"

    def _by_address(self) -> Identity | None:
        return listener(self._host, *self._address) if self._address else None

    def _by_file(self, path: str) -> Identity | None:
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                text = stream.read(100)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ProcessError(f"pid file {path} cannot be read: {error.strerror}") from None
        # A service that has just opened its pid file has not written it yet.
        word = text.split()[0] if text.split() else "0"
        if not word.isdigit() or len(word) > 9:
            raise ProcessError(f"pid file {path}: {word[:40]!r} is no process number")
        return self._host.process(int(word)) if int(word) else None
