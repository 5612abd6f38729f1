# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kind `dubbo` in a service's description: what an entry of instance_traffic may say, and what it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import (
    _dubbo_calls,
    _dubbo_way,
    _grammar,
    _zookeeper_place,
)
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_application import LEVELS

# The keys of an entry besides those that every kind has, and whether they must be there.
KEYS = {
    "registry": True,
    "application": True,
    **dict.fromkeys(("member", "qos", "group", "levels", "auth", "tls", "reader"), False),
    **dict.fromkeys(("via", "attaches", "settle", "calls"), False),
}
# The instance itself is asked what it has registered, before the guard judges.
ASKS = True
POOLED = True

_PORT, _QOS = 20880, 22222
_WAYS = (_dubbo_way.AUTO, _dubbo_way.GRACEFUL, _dubbo_way.QOS)


def check_source(host: str, values: Mapping[str, Any]) -> None:
    """A reader has no variables of its own."""


def pool(entry: Mapping[str, Any]) -> str:
    """The pool's name: the application's."""
    return _grammar.word(entry["application"], "application")


def label(name: str) -> str:
    """An application is often called as its service is."""
    return f"dubbo:{name}"


def sources(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The application's registries, which are one source: it has to be in each of them."""
    registries = entry["registry"] if isinstance(entry["registry"], list) else [entry["registry"]]
    if not registries:
        raise ValueError("registry [] names none: write it as in zookeeper://zk1:2181,zk2:2181")
    for registry in registries:
        _grammar.registry(registry, "registry")
    auth, tls, levels, settle = (entry.get(name) for name in ("auth", "tls", "levels", "settle"))
    if auth is not None:
        _zookeeper_place.auth(auth)
    _zookeeper_place.tls(tls)
    if levels is not None and not (isinstance(levels, list) and levels and set(levels) <= set(LEVELS)):
        raise ValueError(f"levels {levels!r} is no list of {' and '.join(LEVELS)}")
    if settle is not None and (isinstance(settle, bool) or not isinstance(settle, (int, float)) or settle < 0):
        raise ValueError(f"settle {settle!r} is no number of seconds")
    settings = {
        "registries": registries,
        "application": pool(entry),
        "group": _grammar.word(entry.get("group", "dubbo"), "group"),
        **{name: value for name, value in (("auth", auth), ("tls", tls), ("levels", levels)) if value is not None},
        **({} if settle is None else {"settle": settle}),
    }
    reader = _grammar.word(entry.get("reader", "localhost"), "reader")
    return [{"name": f"{pool(entry)} in {' and '.join(registries)}", "host": reader, "settings": settings}]


def member(entry: Mapping[str, Any], address: str) -> str:
    """The instance as the registries list it, by any of its protocols."""
    host = address.rpartition(":")[0]
    found = entry.get("member", f"{host}:{_PORT}")
    _grammar.address(found, "member")
    return str(found)


def own(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is the instance's own: its QoS port, the way out and back, and what counts its calls."""
    port, via = entry.get("qos", _QOS), entry.get("via", _dubbo_way.AUTO)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError(f"qos {port!r} is no port from 1 to 65535")
    if via not in _WAYS:
        raise ValueError(f"via {via!r} is not one of {', '.join(_WAYS)}")
    attaches = entry.get("attaches", _dubbo_way.ITSELF)
    if attaches not in _dubbo_way.ATTACHES:
        raise ValueError(f"attaches {attaches!r} is not one of {', '.join(_dubbo_way.ATTACHES)}")
    calls = entry.get("calls")
    if calls is not None:
        _dubbo_calls.validate(calls)
    return {"qos": port, "via": via, "attaches": attaches, **({} if calls is None else {"calls": dict(calls)})}
