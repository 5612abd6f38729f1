# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks RocketMQ's servers, by read requests alone. Nothing but the standard library."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from . import _grammar, _http, _rocketmq_frame
from ._mq_group import MqError
from ._rocketmq_frame import Answer, Credentials, FrameError

# The only requests that are ever sent (RequestCode.java).
ROUTE, CONNECTIONS, STATS, RUNNING = 105, 203, 208, 307
_ALLOWED = (ROUTE, CONNECTIONS, STATS, RUNNING)
# What they answer (ResponseCode.java). DENIED: by the access control of 4.9 and 5.
OK, DENIED, NO_TOPIC, NOT_ONLINE = 0, 16, 17, 206
# Seconds. A client that is frozen is answered for after ten.
PATIENCE = 15.0
_CLASS = re.compile(r"^(?:\w+\.)+\w+: ")
# What a server may send beside the answers that are waited for.
_STRANGE = 1000


class Line:
    """One connection to one server, made when it is needed first."""

    def __init__(
        self,
        address: str,
        who: Credentials | None = None,
        tls: ssl.SSLContext | None = None,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._who = who
        self._tls = tls
        self._patience = patience
        self._clock = clock
        self._socket: socket.socket | None = None
        self._numbers = itertools.count(1)

    def ask(self, code: int, fields: Mapping[str, str]) -> Answer:
        """One request. Raises MqError where no answer comes, or the server refuses who asks."""
        return self.ask_all(code, [fields])[0]

    def ask_all(self, code: int, each: Sequence[Mapping[str, str]]) -> list[Answer]:
        """Several requests at once, and their answers in the same order."""
        if code not in _ALLOWED:
            raise ValueError(f"request {code} is not one that only reads")
        limit = self._clock() + self._patience
        try:
            found = self._exchange(code, each, limit)
        except (OSError, FrameError) as error:
            self.close()
            raise MqError(f"{self.address}: {self._why(error)}") from error
        for one in found:
            if one.code == DENIED or (one.code != OK and "AclException" in one.remark):
                self.close()
                raise MqError(f"{self.address} refuses {self._name()}: {_first(one.remark)}. Look at auth: file")
        return found

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _exchange(self, code: int, each: Iterable[Mapping[str, str]], limit: float) -> list[Answer]:
        line = self._connected(limit)
        frames = {next(self._numbers): fields for fields in each}
        line.settimeout(self._left(limit))
        for number, fields in frames.items():
            line.sendall(_rocketmq_frame.request(code, number, fields, self._who))
        found: dict[int, Answer] = {}
        for _unused in range(len(frames) + _STRANGE):
            if len(found) == len(frames):
                return [found[number] for number in frames]
            size = _rocketmq_frame.length(self._read(line, _rocketmq_frame.LENGTH, limit))
            one = _rocketmq_frame.answer(self._read(line, size, limit))
            if one.is_answer and one.opaque in frames:
                found[one.opaque] = one
        raise FrameError("sends much, and none of it answers what was asked")

    def _connected(self, limit: float) -> socket.socket:
        if self._socket is None:
            host, port = _grammar.address(self.address, "a server's address")
            try:
                plain = _http.connect(host, port, limit)
            except _http.Unreachable as error:
                raise FrameError(str(error)) from error
            plain.settimeout(self._left(limit))
            self._socket = self._encrypted(plain, host)
        return self._socket

    def _encrypted(self, plain: socket.socket, host: str) -> socket.socket:
        if self._tls is None:
            return plain
        try:
            return self._tls.wrap_socket(plain, server_hostname=host)
        except OSError:
            with contextlib.suppress(OSError):
                plain.close()
            raise

    def _read(self, line: socket.socket, size: int, limit: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            line.settimeout(self._left(limit))
            part = line.recv(min(size - len(data), 65536))
            if not part:
                raise FrameError("closed the connection" + ("" if self._tls else ". Where it wants TLS, give tls"))
            data += part
        return bytes(data)

    def _left(self, limit: float) -> float:
        left = limit - self._clock()
        if left <= 0:
            raise socket.timeout("timed out")
        return left

    def _name(self) -> str:
        return f"the access key {self._who.access_key!r}" if self._who else "requests without auth"

    def _why(self, error: Exception) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is refused: {error.verify_message}"
        if isinstance(error, ssl.SSLError):
            return f"no TLS there: {error.reason or error}"
        if isinstance(error, socket.timeout):
            return f"no whole answer within {self._patience:g} s"
        return str(getattr(error, "strerror", None) or error)[:200]


def _first(remark: str) -> str:
    """What a server says, without its stack."""
    text = _CLASS.sub("", remark.split("\n")[0]).split(", org.apache")[0]
    return text.rstrip(". ")[:200] or "no reason given"
