# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds `rocketmq`, `kafka` and `rabbitmq` in a service's description: a consumer group of which an instance is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import (
    _grammar,
    _lever,
    _mq_brokers,
    _mq_member,
    _target,
)
from ansible_collections.lossless.restart.plugins.module_utils._lever import JOIN, LEAVE

_BROKERS = ("servers", "group", "queues", "vhost", "auth", "tls")
_SECONDS = ("settle", "stays_for", "stays")
# The keys of an entry besides those that every kind has, and whether they must be there.
KEYS = {
    **dict.fromkeys(("servers", "group", LEAVE), True),
    **dict.fromkeys((*_BROKERS[2:], JOIN, "finished", "quiet", "member", "client", "reader", "last", *_SECONDS), False),
}
ASKS = False
POOLED = True


def check_source(host: str, values: Mapping[str, Any]) -> None:
    """A reader has no variables of its own."""


def pool(entry: Mapping[str, Any]) -> str:
    """The pool's name: the group's."""
    return _grammar.group(entry["group"], "group")


def label(name: str) -> str:
    """A group is often called as its service is."""
    return f"group:{name}"


def sources(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The group's brokers, which are one source."""
    given = {name: entry[name] for name in _BROKERS if entry.get(name) is not None}
    if not isinstance(given["servers"], list):
        given["servers"] = [given["servers"]]
    defaults = {name: option.get("default") for name, option in _mq_brokers.OPTIONS.items()}
    _mq_brokers.check({**defaults, "broker": entry["kind"], **given})
    numbers = {name: _grammar.seconds(entry[name], name) for name in _SECONDS if entry.get(name) is not None}
    settings = {"broker": entry["kind"], **given, **numbers, "last": _flag(entry.get("last", False), "last")}
    where = " and ".join(given["servers"])
    reader = _grammar.word(entry.get("reader", "localhost"), "reader")
    return [{"name": f"{pool(entry)} of {entry['kind']} at {where}", "host": reader, "settings": settings}]


def member(entry: Mapping[str, Any], address: str) -> str:
    """The instance as the brokers see it: its host, and before it its own clients where there are several there."""
    client = entry.get("client", [])
    names = [client] if isinstance(client, str) else client
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"client {client!r} is no name of a client, or list of them")
    host = entry.get("member", address.rpartition(":")[0].strip("[]"))
    text = _mq_member.written(host, names)
    _mq_member.parts(text, "member")
    return text


def own(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is the instance's own: how it is told to leave and to join, and what says that it has finished."""
    levers = {name: _written(entry[name], name) for name in (LEAVE, JOIN) if entry.get(name) is not None}
    finished = entry.get("finished", [])
    if not isinstance(finished, list):
        raise ValueError(f"finished {finished!r} is no list of targets, as in [{{url: ..., expect: {{in_flight: 0}}}}]")
    for target in finished:
        _target.validate(target)
    return {**levers, "finished": finished, "quiet": _grammar.seconds(entry.get("quiet", 0.0), "quiet")}


def _written(given: Any, what: str) -> Any:
    """As the module takes it; none may be written as a word."""
    found = {"none": True} if given == "none" else given
    _lever.lever(found, what)
    return found


def _flag(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{what} {value!r} is neither true nor false")
    return value
