# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One HTTP request whose time and size are bounded, whatever the server does.

No redirects are followed, no proxies of the environment used, at most 64 KiB of an answer are read.
"""

from __future__ import annotations

import functools
import http.client
import io
import re
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

LIMIT = 64 * 1024

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")


class Unreachable(Exception):
    """No complete answer came; the message says what came instead."""


class Untrusted(Unreachable):
    """Its certificate is not one of those whom this host trusts."""


@dataclass(frozen=True)
class Answer:
    """An answer: its status, its `Location` (empty where there is none), and at most 64 KiB of its body."""

    status: int
    location: str
    body: bytes
    cut: bool


def ask(
    url: str, method: str, headers: Mapping[str, str], ca_file: str | None, limit: float, body: bytes = b""
) -> Answer:
    """Send one request and read its answer before the monotonic time `limit`. Raises Unreachable."""
    parts = urllib.parse.urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    sock = connect(str(parts.hostname), port, limit)
    try:
        if parts.scheme == "https":
            sock = _encrypted(sock, str(parts.hostname), ca_file, limit)
        sock.settimeout(_left(limit))
        sock.sendall(_request(parts, method, headers, body))
        return _answer(sock, method, limit)
    except ssl.SSLCertVerificationError as error:
        raise Untrusted(f"certificate refused: {error.verify_message}") from error
    except socket.timeout as error:
        raise Unreachable("no whole answer in time") from error
    except http.client.IncompleteRead as error:
        raise Unreachable("the answer broke off before its end") from error
    except http.client.HTTPException as error:
        raise Unreachable(f"no HTTP answer: {type(error).__name__} {str(error)[:80]!r}") from error
    except (OSError, ValueError) as error:
        raise Unreachable(_reason(error)) from error
    finally:
        sock.close()


def connect(host: str, port: int, limit: float) -> socket.socket:
    """A TCP connection made before the monotonic time `limit`. Raises Unreachable."""
    last: Exception = OSError(f"{host} has no address")
    for family, address in _addresses(host, port, limit):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(_left(limit))
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            last = error
    if isinstance(last, socket.timeout):
        raise Unreachable("no connection in time") from last
    raise Unreachable(_reason(last)) from last


def _addresses(host: str, port: int, limit: float) -> list[tuple[int, Any]]:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return [(family, (host, port))]
    return _resolved(host, port, limit)


def _resolved(host: str, port: int, limit: float) -> list[tuple[int, Any]]:
    """The resolver has no deadline of its own: it runs in a thread that may be left behind."""
    found: list[tuple[int, Any]] = []
    failed: list[str] = []

    def resolve() -> None:
        try:
            found.extend((info[0], info[4]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            failed.append(_reason(error))

    resolver = threading.Thread(target=resolve, daemon=True)
    resolver.start()
    resolver.join(max(0.0, limit - time.monotonic()))
    if not found:
        raise Unreachable(f"the name {host} was not resolved: {failed[0] if failed else 'no answer in time'}")
    return found


def _encrypted(sock: socket.socket, host: str, ca_file: str | None, limit: float) -> socket.socket:
    sock.settimeout(_left(limit))
    return trust(ca_file).wrap_socket(sock, server_hostname=host)


@functools.lru_cache(maxsize=16)
def trust(ca_file: str | None) -> ssl.SSLContext:
    """What certificates are checked with: those in `ca_file`, else the system's. Raises ValueError."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ValueError(f"ca_file {ca_file!r} has no certificates that can be read: {_reason(error)}") from error


def _request(parts: urllib.parse.SplitResult, method: str, headers: Mapping[str, str], body: bytes) -> bytes:
    sent = {"Host": parts.netloc, "User-Agent": "lossless.restart", "Accept": "*/*", "Accept-Encoding": "identity"}
    sent |= {name.title(): value for name, value in headers.items()}
    sent |= {"Connection": "close"} | ({"Content-Length": str(len(body))} if method == "POST" else {})
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def _answer(sock: socket.socket, method: str, limit: float) -> Answer:
    # The response only asks its socket for a file to read from.
    response = http.client.HTTPResponse(cast(socket.socket, _Timed(sock, limit)), method=method)
    with response:
        response.begin()
        body = response.read(LIMIT)
        cut = len(body) == LIMIT and bool(response.read(1))
        if response.length and not cut:
            raise http.client.IncompleteRead(body, response.length)
        return Answer(response.status, response.getheader("Location") or "", body, cut)


class _Timed(io.RawIOBase):
    """The bytes of a socket, each wait for them no longer than until `limit`."""

    def __init__(self, sock: socket.socket, limit: float) -> None:
        self._sock = sock
        self._limit = limit

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._limit))
        return self._sock.recv_into(buffer)


def _left(limit: float) -> float:
    left = limit - time.monotonic()
    if left <= 0:
        raise socket.timeout("timed out")
    return left


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)[:200].lower()


def headers(path: str) -> dict[str, str]:
    """The headers in the file at `path`, a line `Name: value` each; blank lines and `#` comments are skipped.

    Raises ValueError that names the line and shows nothing of it: it may be a secret.
    """
    try:
        with open(path, encoding="latin-1", newline="\n") as stream:
            lines = stream.read(LIMIT).split("\n")
    except OSError as error:
        raise ValueError(f"headers_file {path!r} cannot be read: {error.strerror}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        line = line.rstrip("\r")
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.match(name) or not _VALUE.match(value):
            raise ValueError(f"headers_file {path!r}: line {number} is no header, write 'Name: value'")
        found[name] = value.strip(" \t")
    return found
