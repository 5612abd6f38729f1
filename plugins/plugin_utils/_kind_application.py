# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds `application` and `spring` in a service's description: an application told by its own endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _actuator, _application, _grammar

_ACTUATOR = ("actuator", "status", "busy", "headers_file", "ca_file", "timeout")
_GENERAL = ("leave", "join", "serving", "finished", "settle")
# The keys of an entry besides those that every kind has, and whether they must be there.
KEYS = {"application": True, **dict.fromkeys((*_ACTUATOR, *_GENERAL, "member", "reader"), False)}
# The instance itself is asked whether it can be told and asked, before the guard judges.
ASKS = True
POOLED = True


def check_source(host: str, values: Mapping[str, Any]) -> None:
    """A reader has no variables of its own."""


def pool(entry: Mapping[str, Any]) -> str:
    """The pool's name: the application's."""
    return _grammar.word(entry["application"], "application")


def label(name: str) -> str:
    """An application is often called as its service is."""
    return f"application:{name}"


def sources(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The instances themselves, which are one source: each is asked for its own word."""
    reader = _grammar.word(entry.get("reader", "localhost"), "reader")
    return [{"name": f"{pool(entry)} by {entry['kind']} endpoints", "host": reader, "settings": {}}]


def member(entry: Mapping[str, Any], address: str) -> str:
    """The instance's name in the pool."""
    return _grammar.member(entry.get("member", address), "member")


def own(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is the instance's own: all its endpoints."""
    spring = entry["kind"] == "spring"
    if spring and "actuator" not in entry:
        raise ValueError("actuator is missing: write its address, as in http://127.0.0.1:8081/actuator")
    if not spring:
        _refuse(entry, _ACTUATOR, "is for the kind spring")
        for name in ("leave", "serving"):
            if entry.get(name) is None:
                raise ValueError(f"{name} is missing: an application needs leave and serving")
    if entry.get("settle") is None and not (spring and entry.get("leave") is None):
        raise ValueError(
            "settle is missing: the seconds for which those who send requests may go on after it said that it takes "
            "none; 0 where only balancers send, and they are named here too"
        )
    found = _actuator.endpoints(entry) if spring else {name: entry.get(name) for name in _GENERAL[:4]}
    _application.application(found)
    settle = _grammar.seconds(entry.get("settle", _actuator.CACHED), "settle")
    return {**{name: value for name, value in found.items() if value is not None}, "settle": settle}


def _refuse(entry: Mapping[str, Any], names: tuple[str, ...], why: str) -> None:
    for name in names:
        if name in entry:
            raise ValueError(f"{name} {why}")
