# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How members of a Dubbo application stand in its registries: their nodes, and what they offer. Pure.

A member is named by one address, and its process may serve at several, by a protocol each. Its nodes are those at the
address and those of the sessions that have a node there, or had one: so no protocol is forgotten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from . import _dubbo_reading, _dubbo_services, _dubbo_url
from ._dubbo_application import Application, Entry
from ._dubbo_instance import Instance
from ._dubbo_services import UP, Offer, Provider
from ._dubbo_url import Service

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


def offered(offers: Sequence[Offer], member: str, now: Stand) -> list[str]:
    """What a member should offer where nothing is known from before: all that the application offers for certain.

    What a person took from its consumers by a rule stays so.
    """
    here = {address for one in now.nodes[member] for address in addresses(one)}
    return [
        offer.service.key
        for offer in offers
        if (offer.known_by != "mapping" or any(one.address in here for one in offer.providers))
        and not any(one.disabled_by for one in offer.providers if one.address in here)
    ]


def narrowed(now: Stand, read: Sequence[Application], services: Collection[str]) -> Stand:
    """Only the nodes that belong to these services alone, as far as the registry tells; all where none is named."""
    if not services:
        return now
    keep = {member: [one for one in nodes if _belongs(one, read, services)] for member, nodes in now.nodes.items()}
    return replace(now, nodes=keep)


def _belongs(one: Entry, read: Sequence[Application], services: Collection[str]) -> bool:
    if not isinstance(one.said, Instance):
        return one.said.service.key in services
    return bool(_metadata(one, read).keys() & set(map(_dubbo_url.service, services)))


def _metadata(one: Entry, read: Sequence[Application]) -> Mapping[Service, Any]:
    """What an instance offers; nothing where the registry does not say."""
    found = [app.contents.metadata for app in read if app.contents.registry == one.registry]
    revision = one.said.revision if isinstance(one.said, Instance) else ""
    return found[0].get(revision, {}) if found else {}


def untold(now: Stand, read: Sequence[Application], alone: bool = False) -> list[str]:
    """The registries that do not say which services a member's instance offers.

    alone: only those in which the member has nothing on the interface level either.
    """
    found = set()
    for nodes in now.nodes.values():
        urls = {one.registry for one in nodes if not isinstance(one.said, Instance)} if alone else set()
        mute = {one.registry for one in nodes if isinstance(one.said, Instance) and not _metadata(one, read)}
        found |= mute - urls
    return sorted(found)


def unsettled(now: Stand, before: Mapping[str, Known], restarted: bool, services: Collection[str] = ()) -> list[str]:
    """Why the members are not back. restarted: whether by another process than before. services: only these."""
    texts = []
    for member, nodes in now.nodes.items():
        was = before.get(member)
        there = now.services[member]
        texts += [_why(now, member, key) for key in _wanted(now, member, was, services) if key not in there]
        if not nodes:
            texts.append(f"{member} is listed nowhere")
        for one in nodes:
            if one.stale or (restarted and was and was.made(one)):
                texts.append(f"{member} has a node of the process before: {_where(one)}")
    return texts


def _wanted(now: Stand, member: str, was: Known | None, services: Collection[str]) -> list[str]:
    """What the member has to offer."""
    if was is not None:
        return [key for key in was.services if not services or key in services]
    if not services:
        return offered(now.offers, member, now)
    kept = {key for key in services if any(one.disabled_by for one in _of(now, member, key))}
    return [key for key in services if key not in kept]


def _why(now: Stand, member: str, key: str) -> str:
    """Why it is not in traffic."""
    rules = sorted({path for one in _of(now, member, key) for path in one.disabled_by})
    if not rules or any(one.missing or not one.live for one in _of(now, member, key)):
        return f"{key} of {member} is not registered on every level"
    return f"{key} of {member} is taken from its consumers by {', '.join(map(_dubbo_url.shown, rules))}"


def _of(now: Stand, member: str, key: str) -> list[Provider]:
    own = {address for one in now.nodes[member] for address in addresses(one)}
    return [one for offer in now.offers if offer.service.key == key for one in offer.providers if one.address in own]


def registered(now: Stand) -> set[str]:
    """The services that the members have registered on every level, taken from consumers or not."""
    return {
        offer.service.key
        for offer in now.offers
        for member in now.nodes
        if any(one.live and not one.missing for one in _of(now, member, offer.service.key))
    }


def left(now: Stand) -> list[str]:
    """Which nodes members still have."""
    return [f"{member}: {_where(one)}" for member, nodes in now.nodes.items() for one in nodes]


def _where(one: Entry) -> str:
    return f"{one.registry} {_dubbo_url.shown(one.node.path)} (session 0x{one.node.session:x})"
