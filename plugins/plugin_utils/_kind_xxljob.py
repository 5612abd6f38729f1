# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kind `xxljob` in a service's description: a group of executors of XXL-JOB of which an instance is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _grammar, _lever, _xxljob
from ansible_collections.lossless.restart.plugins.module_utils._lever import JOIN, LEAVE

# The keys of an entry besides those that every kind has, and whether they must be there.
KEYS = {
    **dict.fromkeys(("admin", "application", "auth"), True),
    **dict.fromkeys(("tls", "jobs", "settle", "member", "reader", LEAVE, JOIN, "headers_file"), False),
}
ASKS = False
POOLED = True

_PORT = 9999


def check_source(host: str, values: Mapping[str, Any]) -> None:
    """A reader has no variables of its own."""


def pool(entry: Mapping[str, Any]) -> str:
    """The pool's name: the group's."""
    return _grammar.word(entry["application"], "application")


def label(name: str) -> str:
    """A group is often called as its service is."""
    return f"xxljob:{name}"


def sources(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The admins, which are one source."""
    admin = entry["admin"] if isinstance(entry["admin"], list) else [entry["admin"]]
    given = {"admin": admin, "application": pool(entry), "auth": entry["auth"]}
    if not isinstance(entry["auth"], Mapping) or set(entry["auth"]) != {"file"}:
        raise ValueError(f"auth {str(entry['auth'])[:200]} is not {{file: PATH}}")
    _xxljob.check({**given, "tls": entry.get("tls")})
    more = {name: entry[name] for name in ("tls", "jobs") if entry.get(name) is not None}
    if not _numbers(more.get("jobs", [])):
        raise ValueError(f"jobs {more['jobs']!r} is no list of the ids of jobs, as in [12, 13]")
    if entry.get("settle") is not None:
        more["settle"] = _grammar.seconds(entry["settle"], "settle")
    reader = _grammar.word(entry.get("reader", "localhost"), "reader")
    name = f"{pool(entry)} at {' and '.join(admin)}"
    return [{"name": name, "host": reader, "settings": {**given, **more}}]


def member(entry: Mapping[str, Any], address: str) -> str:
    """The executor as the group lists it, by any port of the instance's host."""
    found = entry.get("member", f"{address.rpartition(':')[0]}:{_PORT}")
    _grammar.address(found, "member")
    return str(found)


def own(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is the instance's own: how it is told, and what its executor wants to see of who asks."""
    for name in (LEAVE, JOIN):
        if entry.get(name) is not None:
            lever = _lever.lever(entry[name], name)
            if lever.url is None:
                raise ValueError(f"{name} has no url: it is asked from the reader")
    if entry.get("headers_file") is not None:
        _grammar.path(entry["headers_file"], "headers_file")
    return {name: entry[name] for name in (LEAVE, JOIN, "headers_file") if entry.get(name) is not None}


def _numbers(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in given)
