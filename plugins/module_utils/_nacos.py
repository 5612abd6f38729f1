# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Instances of services in Nacos, and what the servers say of a member. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _grammar, _zookeeper_place
from ._levels import GONE, PARTLY

UP, DOWN = "up", "down"
# By service the member there; None where it is not.
Found = Mapping[str, "Instance | None"]
OPTIONS: Mapping[str, Any] = {
    "servers": {"type": "list", "elements": "str", "required": True},
    "services": {"type": "list", "elements": "str", "required": True},
    "namespace": {"type": "str", "default": "public"},
    "group": {"type": "str", "default": "DEFAULT_GROUP"},
    "cluster": {"type": "str", "default": "DEFAULT"},
    "api": {"type": "str", "choices": ["v1", "v2", "v3"]},
    "auth": {"type": "dict", "options": {"file": {"type": "path", "required": True}}},
    "tls": _zookeeper_place.OPTIONS["tls"],
}


class NacosError(Exception):
    """Nacos cannot be asked, or does not do as it says; the message names the server."""


class Away(NacosError):
    """A server gives no answer now, or too many of them do not; or one does that may just have been started, which
    knows neither its paths nor its users for some seconds."""


class Missing(NacosError):
    """Nacos knows no such service, which is so as well where its last instance has gone."""


@dataclass(frozen=True)
class Place:
    """Where in Nacos."""

    namespace: str
    group: str
    cluster: str

    @property
    def text(self) -> str:
        return f"namespace {self.namespace}, cluster {self.cluster}"


@dataclass(frozen=True)
class Instance:
    """As the servers list it. enabled: what a person or an API said of it; healthy: what the server sees."""

    ip: str
    port: int
    weight: float
    enabled: bool
    healthy: bool
    ephemeral: bool
    cluster: str
    metadata: Mapping[str, str]

    @property
    def member(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    @property
    def state(self) -> str:
        """One with no weight is called by nobody."""
        if not self.enabled or self.weight <= 0:
            return DOWN
        return UP if self.healthy else GONE

    @property
    def shown(self) -> dict[str, Any]:
        return {"member": self.member, "state": self.state, **vars(self)}

    @property
    def facts(self) -> dict[str, Any]:
        return {"enabled": self.enabled, "weight": self.weight}


def check(params: Mapping[str, Any]) -> None:
    """What the options say, without asking anybody. Raises ValueError."""
    for name in ("servers", "services"):
        if not params[name]:
            raise ValueError(f"{name} is empty: name at least one")
        if len(set(params[name])) != len(params[name]):
            raise ValueError(f"{name} names one twice: {', '.join(params[name])}")
    for url in params["servers"]:
        _grammar.url(url, "servers:")
    for service in params["services"]:
        if not service or not service.isprintable() or "@@" in service or " " in service:
            raise ValueError(f"services: {service!r} is no name of a service; its group goes into group")
    for name in ("namespace", "group", "cluster"):
        _grammar.word(params[name], name)
    if params["auth"] is not None:
        _grammar.path(params["auth"]["file"], "auth: file")
    _zookeeper_place.tls(params["tls"])


def state_of(found: Found) -> str:
    """Of a member over all its services: what one of them says that a person took out counts."""
    states = {GONE if one is None else one.state for one in found.values()}
    if DOWN in states:
        return DOWN
    return states.pop() if len(states) == 1 else PARTLY


def reading(
    source: str, pool: str, services: Mapping[str, Sequence[Instance]], members: Sequence[str]
) -> dict[str, Any]:
    """As the guard reads it: the inventory's members, and whoever else is registered."""
    names = [*members, *{one.member: 0 for found in services.values() for one in found if one.member not in members}]
    listed = []
    for name in names:
        found = {service: [one for one in all_ if one.member == name] for service, all_ in services.items()}
        first = {service: ones[0] if ones else None for service, ones in found.items()}
        entry = {
            "member": name,
            "state": state_of(first),
            "weight": max((one.weight for one in first.values() if one), default=None),
            "addresses": [name],
            "ledger": None,
            "known": {service: one.facts for service, one in first.items() if one},
        }
        listed += [entry] * max(1, *(len(ones) for ones in found.values()))
    return {"kind": "nacos", "pool": f"nacos/{pool}", "source": source, "members": listed}
