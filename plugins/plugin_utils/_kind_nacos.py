# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kind `nacos` in a service's description: services in Nacos, as Spring Cloud's and Dubbo's, of an instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _grammar, _nacos

_PLACE = ("namespace", "group", "cluster", "api", "auth", "tls")
# The keys of an entry besides those that every kind has, and whether they must be there.
KEYS = {"servers": True, "services": True, **dict.fromkeys((*_PLACE, "member", "reader", "settle"), False)}
ASKS = False
POOLED = True
# For how long Spring Cloud LoadBalancer sends to whom it knows, by default: seconds.
_CACHED = 35.0


def check_source(host: str, values: Mapping[str, Any]) -> None:
    """A reader has no variables of its own."""


def pool(entry: Mapping[str, Any]) -> str:
    """The pool's name: that of its first service."""
    return str(_names(entry, "services")[0])


def label(name: str) -> str:
    """A service in Nacos is often called as the whole is."""
    return f"nacos:{name}"


def sources(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The servers of Nacos, which are one source."""
    given = {name: entry[name] for name in _PLACE if entry.get(name) is not None}
    names = {name: _names(entry, name) for name in ("servers", "services")}
    defaults = {name: option.get("default") for name, option in _nacos.OPTIONS.items()}
    settings = {**names, **given}
    _nacos.check({**defaults, **settings})
    reader = _grammar.word(entry.get("reader", "localhost"), "reader")
    where = f"{pool(entry)} in {given.get('namespace', 'public')} at {' and '.join(names['servers'])}"
    return [
        {
            "name": where,
            "host": reader,
            "settings": {**settings, "settle": _grammar.seconds(entry.get("settle", _CACHED), "settle")},
        }
    ]


def member(entry: Mapping[str, Any], address: str) -> str:
    """The instance as Nacos lists it."""
    found = entry.get("member", address)
    _grammar.address(found, "member")
    return str(found)


def own(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is the instance's own: nothing."""
    return {}


def _names(entry: Mapping[str, Any], name: str) -> list[Any]:
    given = entry[name]
    found = given if isinstance(given, list) else [given]
    if not found or not all(isinstance(one, str) and one for one in found):
        raise ValueError(f"{name} {given!r} is no name, or list of them")
    return found
