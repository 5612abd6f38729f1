# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A request that takes a minute."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from ..demo import Fleet, wait_for

REQUEST = "GET /work?id=long-{number} HTTP/1.1\r\nHost: fleet\r\nConnection: close\r\n\r\n"
PATIENCE = 5.0


class _Request:
    """One request on a connection of its own; end: its status, or `closed`; empty while it is in flight."""

    def __init__(self, address: str, number: int) -> None:
        host, _unused, port = address.partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=90)
        self.socket.sendall(REQUEST.format(number=number).encode())
        self.end = ""
        self.thread = threading.Thread(target=self._wait, daemon=True)
        self.thread.start()

    def _wait(self) -> None:
        answer = b""
        with self.socket, contextlib.suppress(OSError):
            while data := self.socket.recv(4096):
                answer += data
        self.end = answer.split()[1].decode() if answer else "closed"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()


@contextlib.contextmanager
def long_request(fleet: Fleet, instance: str, through: str = "") -> Iterator[Callable[[], str]]:
    """It is in flight at `instance` throughout the block, sent there or through a balancer that serves nobody yet.

    Gives a function that says how it ended: with a status, `closed`, or empty where it has not.
    """
    fleet.switch(instance, "slow", 60)
    address = fleet.balancers[through] if through else fleet.instances[instance]
    # A balancer takes its members in turn: one of so many goes to each.
    requests = [_Request(address, number) for number in range(len(fleet.instances) if through else 1)]
    try:
        wait_for("the long request", lambda: fleet.get(instance, "/internal/status")["in_flight"] == 1)
        wait_for("the short ones", lambda: sum(not one.end for one in requests) == 1)
        fleet.switch(instance, "slow", None)
        [held] = [one for one in requests if not one.end]

        def ended() -> str:
            held.thread.join(PATIENCE)
            return held.end

        yield ended
    finally:
        for one in requests:
            one.close()
