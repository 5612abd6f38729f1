# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A target: one thing that is looked at from outside, and what it must say.

One of
`{url, method, status, expect, text, headers_file, ca_file}`, `{tcp: "host:port"}`, `{file: path, text}` and
`{process: {systemd | supervisor | command ...}, address}`, each with an optional `name` and `timeout` (seconds).
A key whose value is None counts as not there.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _expect, _grammar, _http, _process

TIMEOUT = 2.0
# The modules' options for a target that is a URL, and for any.
URL_OPTIONS: dict[str, Any] = {
    "name": {"type": "str"},
    "url": {"type": "str"},
    "method": {"type": "str", "choices": ["GET", "HEAD", "POST"]},
    "status": {"type": "list", "elements": "int"},
    "expect": {"type": "raw"},
    "text": {"type": "str"},
    "headers_file": {"type": "str"},
    "ca_file": {"type": "str"},
    "timeout": {"type": "float"},
}
OPTIONS: dict[str, Any] = {
    **URL_OPTIONS,
    "tcp": {"type": "str"},
    "file": {"type": "str"},
    "process": {"type": "dict"},
    "address": {"type": "str"},
}

_KEYS = {
    "url": {"method", "status", "expect", "text", "headers_file", "ca_file"},
    "tcp": set(),
    "file": {"text"},
    "process": {"address"},
}
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*)(:[0-9]*)?\Z")
_METHODS = ("GET", "HEAD", "POST")


@dataclass(frozen=True)
class Seen:
    """What one look at a target gave: whether it held, and what was seen, for people.

    answered: whether anything was heard of it; a file that is not there says enough. refused: whether the answer was
    that the question is wrong (4xx), or nobody to be trusted: it says nothing of what was asked.
    """

    ok: bool
    saw: str
    answered: bool = True
    refused: bool = False


def validate(target: Any) -> None:
    """Raise ValueError, naming the value and what would be right, for what is no target. Reads nothing."""
    if not isinstance(target, Mapping):
        raise ValueError(f"target {_bare(str(target))!r} is no mapping, as in {{tcp: '10.0.0.3:8080'}}")
    given = _given(target)
    kinds = [kind for kind in _KEYS if kind in given]
    if len(kinds) != 1:
        has = " and ".join(kinds) or ", ".join(map(str, given)) or "nothing"
        raise ValueError(f"a target has exactly one of {', '.join(_KEYS)}; this one has {has}")
    kind = kinds[0]
    what = f"target {name(target)}"
    allowed = _KEYS[kind] | {kind, "name", "timeout"}
    for key in given:
        if key not in allowed:
            raise ValueError(f"{what}: unknown key {key!r}; a target with {kind} takes {', '.join(sorted(allowed))}")
    timeout = given.get("timeout", TIMEOUT)
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout <= 300:
        raise ValueError(f"{what}: timeout {timeout!r} is not a number of seconds above 0 and at most 300")
    if not isinstance(given.get("text", "-"), str) or not given.get("text", "-"):
        raise ValueError(f"{what}: text {given['text']!r} is not a text that must be there, as in 'healthy'")
    _VALIDATE[kind](given, what)


def _validate_url(given: Mapping[str, Any], what: str) -> None:
    try:
        url = _grammar.url(given["url"], f"{what}: url")
    except ValueError:
        if "@" not in str(given["url"]):
            raise
        raise ValueError(f"{what}: its url has a user or password in it: give them by 'headers_file'") from None
    if not url.isascii():
        raise ValueError(f"{what}: url {url!r} has characters other than ASCII: write them as %XX")
    method = given.get("method", "GET")
    if method not in _METHODS:
        raise ValueError(f"{what}: method {method!r} is not one of {', '.join(_METHODS)}")
    for status in _statuses(given):
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError(f"{what}: status {given['status']!r} is no list of numbers from 200 to 599, as in [200]")
    for key in ("headers_file", "ca_file"):
        if key in given:
            _grammar.path(given[key], f"{what}: {key}")
    if "expect" in given:
        _expect.validate(given["expect"], f"{what}: expect")
    if method == "HEAD" and ("expect" in given or "text" in given):
        raise ValueError(f"{what}: the answer to HEAD has no body that expect or text could hold for: use GET")


def _validate_process(given: Mapping[str, Any], what: str) -> None:
    if not isinstance(given["process"], Mapping):
        raise ValueError(f"{what}: process {given['process']!r} is no mapping, as in {{systemd: order-svc}}")
    try:
        _process.service(given["process"], given.get("address"))
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


_VALIDATE: dict[str, Any] = {
    "url": _validate_url,
    "tcp": lambda given, what: _grammar.address(given["tcp"], f"{what}: tcp"),
    "file": lambda given, what: _grammar.path(given["file"], f"{what}: file"),
    "process": _validate_process,
}


def readable(target: Mapping[str, Any]) -> None:
    """Raise ValueError where a file that the request needs cannot be read here, or holds no headers."""
    given = _given(target)
    if "headers_file" in given:
        _http.headers(given["headers_file"])
    if "ca_file" in given:
        _http.trust(given["ca_file"])


def name(target: Mapping[str, Any]) -> str:
    """What people call the target: its own name, or the address without query, user and password."""
    given = _given(target)
    if "name" in given:
        return str(given["name"])
    if "url" in given:
        return _bare(str(given["url"]))
    if "process" in given:
        restart = given["process"]
        words = list(restart.values()) if isinstance(restart, Mapping) else [restart]
        return f"process {next((word for word in words if isinstance(word, str)), given.get('address', ''))}"
    return f"file {given['file']}" if "file" in given else f"tcp {given.get('tcp')}"


def check(target: Mapping[str, Any], timeout: float = TIMEOUT) -> Seen:
    """Look once at a target that `validate` has passed; never raises for what the other side does.

    timeout: seconds for the whole look; the target's own may make it shorter. Safe to call from many threads.
    """
    given = _given(target)
    limit = time.monotonic() + min(timeout, given.get("timeout", timeout))
    here = "file" in given or "process" in given
    try:
        if "url" in given:
            return _check_url(given, limit)
        if "tcp" in given:
            _http.connect(*_grammar.address(given["tcp"], "tcp"), limit).close()
            return Seen(True, "connected")
        return _check_file(given) if "file" in given else _check_process(given)
    except OSError as error:
        return Seen(False, (error.strerror or str(error)).lower(), here)
    except _http.Untrusted as error:
        return Seen(False, str(error), here, refused=True)
    except (_http.Unreachable, _process.ProcessError, ValueError) as error:
        return Seen(False, str(error), here)


def _check_url(given: Mapping[str, Any], limit: float) -> Seen:
    headers = _http.headers(given["headers_file"]) if "headers_file" in given else {}
    answer = _http.ask(given["url"], given.get("method", "GET"), headers, given.get("ca_file"), limit)
    if answer.status not in _statuses(given):
        to = f", a redirect to {_bare(answer.location)!r}, which is not followed" if answer.location else ""
        wanted = " or ".join(map(str, _statuses(given)))
        return Seen(False, f"expected status {wanted}, saw {answer.status}{to}", refused=400 <= answer.status < 500)
    if "expect" in given:
        if answer.cut:
            return Seen(False, "the answer is longer than 64 KiB: too long to compare")
        wrong = _expect.mismatches(given["expect"], answer.body)
        if wrong:
            return Seen(False, "; ".join(wrong[:5]))
    if "text" in given:
        return _holds(given["text"], answer.body, answer.cut)
    return Seen(True, "as expected" if "expect" in given else f"status {answer.status}")


def _check_file(given: Mapping[str, Any]) -> Seen:
    handle = os.open(given["file"], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return Seen(False, "it is no regular file")
        if "text" not in given:
            return Seen(True, "it is there")
        body = stream.read(_http.LIMIT + 1)
    return _holds(given["text"], body[: _http.LIMIT], len(body) > _http.LIMIT)


def _check_process(given: Mapping[str, Any]) -> Seen:
    found = _process.identity(_given(given["process"]), given.get("address"))
    return Seen(found is not None, f"runs as pid {found.pid}" if found else "it does not run")


def _holds(text: str, body: bytes, cut: bool) -> Seen:
    if text.encode() in body:
        return Seen(True, f"{text!r} is there")
    where = "the first 64 KiB" if cut else "it"
    return Seen(False, f"{text!r} is not in {where}, which begins {_expect.excerpt(body)}")


def _statuses(given: Mapping[str, Any]) -> list[Any]:
    statuses = given.get("status", [200])
    return list(statuses) if isinstance(statuses, (list, tuple)) and statuses else [statuses]


def _bare(url: str) -> str:
    """A URL as it may be shown: without query, user and password."""
    shown = url.split("?", 1)[0].split("#", 1)[0][:200]
    scheme, mark, rest = shown.partition("://")
    authority = rest.partition("/")[0]
    if mark and _AUTHORITY.match(authority):
        return shown
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else shown.rpartition("@")[2]


def _given(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if value is not None}
