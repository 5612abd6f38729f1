# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A way to one ZooKeeper server on which requests and answers are lost, come late, or stay away altogether."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

from .demo import wait_for

# Operations as the protocol numbers them.
SET, MULTI = 5, 14
# What is lost of a request: its answer, or itself; or it is kept until it is released.
ANSWER, REQUEST, LATE = "answer", "request", "late"


class Proxy:
    """Passes everything on, but for what `lose` names; `cut` stops all of it until `heal`."""

    def __init__(self, port: int) -> None:
        self.target = ("127.0.0.1", port)
        self.passing = threading.Event()
        self.passing.set()
        self.lost = 0
        self.then: Callable[[], None] = lambda: None
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._rule: tuple[str, int] | None = None
        self._lines: list[_Line] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, what: str, operation: int, then: Callable[[], None] = lambda: None) -> None:
        """Of the next such request. The client's connection ends with it; its session lives on at the server.

        then: called when it is lost, before the client knows.
        """
        self._rule = (what, operation)
        self.then = then

    def release(self) -> None:
        """Let what was kept come to the server now, and wait for its answers."""
        for line in self._lines:
            line.release()

    def cut(self) -> None:
        """Nothing comes through any more, and nobody is told."""
        self.passing.clear()

    def heal(self) -> None:
        self.passing.set()

    def close(self) -> None:
        self.heal()
        _end(self._server)
        for line in self._lines:
            line.close()

    def taken(self, operation: int) -> str | None:
        """What is to become of the request; only of one."""
        if self._rule is None or self._rule[1] != operation:
            return None
        what, self._rule = self._rule[0], None
        self.lost += 1
        return what

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._lines.append(_Line(self, self._server.accept()[0]))


class _Line:
    """One client's connection, and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = socket.create_connection(proxy.target)
        self._unwanted: set[int] = set()
        self._kept: list[bytes] = []
        self._answered: set[int] = set()
        for way in (self._up, self._down):
            threading.Thread(target=way, daemon=True).start()

    def release(self) -> None:
        for frame in self._kept:
            self._server.sendall(frame)
        wait_for("answers to what came late", lambda: {_number(frame) for frame in self._kept} <= self._answered)
        self._kept.clear()

    def close(self) -> None:
        _end(self._client)
        _end(self._server)

    def _up(self) -> None:
        for place, frame in enumerate(_frames(self._client)):
            self._proxy.passing.wait()
            # The first message opens the session, and has no number and no operation.
            what = self._proxy.taken(struct.unpack(">i", frame[8:12])[0]) if place else None
            if what == ANSWER:
                self._unwanted.add(_number(frame))
            if what == LATE:
                self._kept.append(frame)
            if what in (REQUEST, LATE):
                self._proxy.then()
                return _end(self._client)
            with contextlib.suppress(OSError):
                self._server.sendall(frame)
        if not self._unwanted:
            _end(self._server)
        return None

    def _down(self) -> None:
        for place, frame in enumerate(_frames(self._server)):
            self._proxy.passing.wait()
            if place:
                self._answered.add(_number(frame))
            if place and _number(frame) in self._unwanted:
                self._proxy.then()
                _end(self._client)
            with contextlib.suppress(OSError):
                self._client.sendall(frame)
        _end(self._client)


def _number(frame: bytes) -> int:
    """By which a request and its answer know each other."""
    return int(struct.unpack(">i", frame[4:8])[0])


def _frames(line: socket.socket) -> Iterator[bytes]:
    """Whole messages, each with its length in front, until the line ends."""
    with contextlib.suppress(OSError), line.makefile("rb") as stream:
        while head := stream.read(4):
            yield head + stream.read(struct.unpack(">i", head)[0])


def _end(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
