# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How members of a Dubbo application stand in its registries: their nodes, and what they offer. Pure.

A member is named by one address, and its process may serve at several, by a protocol each. Its nodes are those at the
address and those of the sessions that have a node there, or had one: so no protocol is forgotten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import _dubbo_reading, _dubbo_services, _dubbo_url
from ._dubbo_application import Application, Entry
from ._dubbo_instance import Instance
from ._dubbo_services import UP, Offer

# Which registry's, and its number; 0 is nobody's.
Session = tuple[str, int]


@dataclass(frozen=True)
class Known:
    """What is known of a member from before: its services, and what tells its process from another."""

    services: tuple[str, ...] = ()
    sessions: frozenset[Session] = frozenset()
    timestamps: frozenset[int] = frozenset()
    protocols: frozenset[str] = frozenset()

    def made(self, entry: Entry) -> bool:
        """Whether that process made the node. A session that was lost and renewed leaves the time of its start."""
        return session(entry) in self.sessions or entry.said.timestamp in self.timestamps


@dataclass(frozen=True)
class Stand:
    """By member its nodes, and its services that are in traffic."""

    nodes: Mapping[str, Sequence[Entry]] = field(default_factory=dict)
    services: Mapping[str, Sequence[str]] = field(default_factory=dict)
    offers: Sequence[Offer] = ()

    def facts(self) -> dict[str, Any]:
        return {
            member: {
                "services": list(self.services[member]),
                "protocols": sorted(protocols(nodes)),
                "nodes": [one.facts() for one in nodes],
            }
            for member, nodes in self.nodes.items()
        }


def known(before: Mapping[str, Any] | None, members: Iterable[str]) -> dict[str, Known]:
    """What `facts` gave, of those of these members that it has. Raises ValueError for what it never gave."""
    try:
        return {member: _known((before or {})[member]) for member in members if member in (before or {})}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"before: members are not as this module returns them ({type(error).__name__}: {error})"
        ) from error


def _known(given: Mapping[str, Any]) -> Known:
    nodes = given["nodes"]
    return Known(
        tuple(map(str, given["services"])),
        frozenset((str(node["registry"]), int(node["session"], 16)) for node in nodes if int(node["session"], 16)),
        frozenset(int(node["timestamp"]) for node in nodes if node["timestamp"] is not None),
        frozenset(given["protocols"]),
    )


def stand(read: Sequence[Application], members: Mapping[str, str], sessions: Mapping[str, set[Session]]) -> Stand:
    """members: as they are written, by address. sessions: by member those that are known to be its own."""
    at: dict[str, list[Entry]] = defaultdict(list)
    of: dict[Session, list[Entry]] = defaultdict(list)
    for entry in (one for application in read for one in application.all()):
        if entry.node.session:
            of[session(entry)].append(entry)
        for address in addresses(entry):
            at[address].append(entry)
    nodes = {}
    for address, member in members.items():
        own = {session(entry) for entry in at[address]} | sessions.get(member, set())
        found = [*at[address], *(entry for one in sorted(own) for entry in of[one])]
        nodes[member] = list({(one.registry, one.node.path): one for one in found}.values())
    offers = _dubbo_services.offers(read)
    return Stand(nodes, _serving(offers, members), offers)


def _serving(offers: Sequence[Offer], members: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {member: [] for member in members.values()}
    for offer in offers:
        for one in _dubbo_reading.members(offer, members):
            if one["state"] == UP and one["member"] in found:
                found[one["member"]].append(offer.service.key)
    return found


def session(entry: Entry) -> Session:
    return entry.registry, entry.node.session


def addresses(entry: Entry) -> set[str]:
    """Where the node says that calls are taken."""
    said = entry.said
    ports = {said.port, *said.endpoints.values()} if isinstance(said, Instance) else {said.port}
    return {_dubbo_url.address(said.host, port) for port in ports}


def protocols(nodes: Iterable[Entry]) -> set[str]:
    """By which the nodes say that calls are taken."""
    found: set[str] = set()
    for said in (one.said for one in nodes):
        found |= set(said.endpoints) if isinstance(said, Instance) else {said.protocol}
    return found


def left(now: Stand) -> list[str]:
    """Which nodes members still have."""
    return [f"{member}: {where(one)}" for member, nodes in now.nodes.items() for one in nodes]


def where(one: Entry) -> str:
    """A node, for people."""
    return f"{one.registry} {_dubbo_url.shown(one.node.path)} (session 0x{one.node.session:x})"
