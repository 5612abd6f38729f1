# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What makes an application leave its consumer groups, or join them again: its own endpoint, or a command."""

from __future__ import annotations

import json
import socket
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _command, _grammar, _http, _target

LEAVE, JOIN = "leave", "join"
# The modules' option for one that is told by an endpoint or a command.
OPTION: dict[str, Any] = {
    "type": "dict",
    "options": {
        "url": {"type": "str"},
        "method": {"type": "str", "choices": ["POST", "GET"]},
        "json": {"type": "dict"},
        "headers_file": {"type": "path"},
        "ca_file": {"type": "path"},
        "elsewhere": {"type": "bool"},
        "command": {"type": "list", "elements": "str"},
    },
}
# What Spring Cloud Stream is told. Paused and resumed are none of them: who is paused keeps its partitions.
_BINDING = {LEAVE: "STOPPED", JOIN: "STARTED"}
_WAYS = ("url", "command", "actuator_binding", "none")
_KEYS = {
    "url": {"method", "json", "headers_file", "ca_file", "elsewhere"},
    "command": set[str](),
    "actuator_binding": {"headers_file", "ca_file", "elsewhere"},
    "none": set[str](),
}


class LeverError(Exception):
    """The application did not do as it was told; the message says what it said."""


@dataclass(frozen=True)
class Lever:
    """One of the ways. url: where to; body: what with. None of them: the application cannot be told."""

    what: str
    url: str | None = None
    method: str = "POST"
    body: bytes = b""
    headers_file: str | None = None
    ca_file: str | None = None
    elsewhere: bool = False
    command: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        return self.url is None and not self.command

    @property
    def text(self) -> str:
        """For people, without a secret."""
        if self.command:
            return f"command {self.command[0]}"
        return f"{self.method} {_target.name({'url': self.url})}" if self.url else "none"


def lever(given: Any, what: str) -> Lever:
    """One of `{url}`, `{command}`, `{actuator_binding: {url, name}}` and `{none: true}`. Raises ValueError."""
    if not isinstance(given, Mapping):
        raise ValueError(f"{what} {str(given)[:200]!r} is no mapping, as in {{url: 'http://127.0.0.1:8080/mq/{what}'}}")
    asked = {name: value for name, value in given.items() if value is not None}
    ways = [way for way in _WAYS if way in asked]
    if len(ways) != 1:
        raise ValueError(f"{what} has exactly one of {', '.join(_WAYS)}; this one has {' and '.join(ways) or 'none'}")
    unknown = [str(name) for name in asked if name not in {ways[0], *_KEYS[ways[0]]}]
    if unknown:
        raise ValueError(f"{what} with {ways[0]} does not take {', '.join(unknown)}")
    if ways[0] == "none":
        return Lever(what)
    if ways[0] == "command":
        return Lever(what, command=tuple(_grammar.command(asked["command"], f"{what}: command")))
    return _by_http(ways[0], asked, what)


def _by_http(way: str, asked: Mapping[str, Any], what: str) -> Lever:
    elsewhere = asked.get("elsewhere", False)
    if not isinstance(elsewhere, bool):
        raise ValueError(f"{what}: elsewhere {elsewhere!r} is neither true nor false")
    method, body = asked.get("method", "POST"), b""
    if method not in ("POST", "GET"):
        raise ValueError(f"{what}: method {method!r} is neither POST nor GET")
    if way == "url":
        url, body = _grammar.url(asked["url"], f"{what}: url"), _json(asked, method, what)
    else:
        bindings, name = _binding(asked["actuator_binding"], what)
        url = f"{bindings.rstrip('/')}/{urllib.parse.quote(name, safe='')}"
        body = json.dumps({"state": _BINDING[what]}).encode()
    headers_file, ca_file = (
        _grammar.path(asked[name], f"{what}: {name}") if name in asked else None for name in ("headers_file", "ca_file")
    )
    return Lever(what, url, method, body, headers_file, ca_file, elsewhere)


def _json(asked: Mapping[str, Any], method: str, what: str) -> bytes:
    """What is sent with it."""
    given = asked.get("json")
    if given is None:
        return b""
    if not isinstance(given, Mapping) or method != "POST":
        raise ValueError(f"{what}: json {str(given)[:200]!r} is no mapping to be sent by POST, as in {{status: DOWN}}")
    return json.dumps(given).encode()


def _binding(given: Any, what: str) -> tuple[str, str]:
    if not isinstance(given, Mapping) or set(given) != {"url", "name"}:
        raise ValueError(
            f"{what}: actuator_binding {str(given)[:200]!r} is not {{url, name}}, as in "
            "{url: 'http://127.0.0.1:8081/actuator/bindings', name: order-in-0}"
        )
    return _grammar.url(given["url"], f"{what}: actuator_binding: url"), _grammar.word(
        given["name"], f"{what}: actuator_binding: name"
    )


def readable(one: Lever) -> None:
    """Raise ValueError where it cannot be used on this host: before anything is touched."""
    if one.headers_file:
        _http.headers(one.headers_file)
    if one.ca_file:
        _http.trust(one.ca_file)
    if one.url and not one.elsewhere:
        host = str(urllib.parse.urlsplit(one.url).hostname)
        if not _is_here(host):
            raise ValueError(
                f"{one.what}: {host} is not this host, and another instance's application must not be told: use "
                "127.0.0.1, or say elsewhere: true where it is meant"
            )


def _is_here(host: str) -> bool:
    """Whether it is an address of this host: only one's own can be bound."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise ValueError(f"the name {host} was not resolved: {error.strerror}") from error
    return all(_binds(family, address) for family, _kind, _number, _name, address in found)


def _binds(family: int, address: Any) -> bool:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(address)
        except OSError:
            return False
    return True


def pull(one: Lever, deadline: float) -> str:
    """Tell the application, and wait for its answer for at most `deadline` seconds: what it said. Raises LeverError."""
    if one.command:
        ran = _command.run(one.command, deadline)
        if ran.code != 0:
            how = f"did not end within {deadline:g} s" if ran.code is None else f"ended with status {ran.code}"
            raise LeverError(f"{one.what}: {one.text} {how}: {_command.tail(ran.output)}")
        return f"{one.text} has done it"
    headers = _http.headers(one.headers_file) if one.headers_file else {}
    if one.body:
        headers["Content-Type"] = "application/json"
    try:
        answer = _http.ask(str(one.url), one.method, headers, one.ca_file, time.monotonic() + deadline, one.body)
    except _http.Unreachable as error:
        raise LeverError(f"{one.what}: {one.text}: {error}") from error
    if not 200 <= answer.status < 300:
        raise LeverError(f"{one.what}: {one.text} answers {answer.status}, and not 2xx")
    return f"{one.text} answers {answer.status}"
