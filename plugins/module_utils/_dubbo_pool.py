# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Dubbo application as the guard reads it: a pool of instances, and its services as parts of it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from . import _dubbo_member
from ._dubbo_application import Application, Entry
from ._dubbo_instance import Instance
from ._dubbo_member import Stand
from ._dubbo_services import DOWN, UP, Offer, Provider
from ._dubbo_url import ProviderUrl, Service
from ._levels import GONE, PARTLY


def reading(source: str, read: Sequence[Application], members: Mapping[str, str]) -> dict[str, Any]:
    """The application as one of the guard's readings. members: as they are written, by address.

    A member is up where all that it offers is up. parts: by service the members that offer it, or might: who is gone
    does not say what it offered.
    """
    now = _dubbo_member.stand(read, members, {})
    offers = _certain(now.offers)
    told = {(one.contents.registry, revision) for one in read for revision in one.contents.metadata}
    theirs = {member: _providers(offers, now.nodes[member], told) for member in members.values()}
    states = {member: _state(now, member, theirs[member]) for member in members.values()}
    facts = now.facts()
    listed = [
        {**_member(member, states[member], now.nodes[member]), "known": _known(facts[member])}
        for member in members.values()
    ]
    return {
        "kind": "dubbo",
        "pool": f"dubbo/{read[0].name}",
        "source": source,
        "members": [*listed, *_strangers(read, now)],
        "parts": {
            offer.service.pool: [m for m in members.values() if states[m] == GONE or offer.service in theirs[m]]
            for offer in offers
        },
    }


def _certain(offers: Sequence[Offer]) -> list[Offer]:
    """The mapping is never cleaned: what only that knows counts where nothing else is known."""
    return [offer for offer in offers if offer.known_by != "mapping"] or list(offers)


def _providers(
    offers: Sequence[Offer], nodes: Sequence[Entry], told: Collection[tuple[str, str]]
) -> dict[Service, list[Provider]]:
    """By service, where the process of these nodes offers it. told: by registry the revisions that say what they offer.

    One whose revision does not say it, and that is on the interface level with others, offers what it has there.
    """
    found: dict[Service, list[Provider]] = defaultdict(list)
    live = [one for one in nodes if not one.stale]
    own = {(one.registry, one.node.path) for one in live}
    urls = {one.said.service for one in live if isinstance(one.said, ProviderUrl)}
    says = any((one.registry, one.said.revision) in told for one in live if isinstance(one.said, Instance))
    for offer in offers:
        for provider in offer.providers:
            certain = says or not urls or offer.service in urls
            if certain and own & {(one.registry, one.node.path) for one in provider.entries}:
                found[offer.service].append(provider)
    return found


def _state(now: Stand, member: str, offered: Mapping[Service, Sequence[Provider]]) -> str:
    if all(one.stale for one in now.nodes[member]):
        return GONE
    providers = [one for several in offered.values() for one in several]
    if not providers or any(one.disabled_by for one in providers):
        return DOWN
    return UP if all(one.state == UP for one in providers) else PARTLY


def _member(name: str, state: str, nodes: Iterable[Entry]) -> dict[str, Any]:
    addresses = {address for one in nodes for address in _dubbo_member.addresses(one)}
    return {"member": name, "state": state, "weight": None, "addresses": sorted(addresses) or [name], "ledger": None}


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What tells its process from another later, and what it offered: as short as can be, since a lease keeps it."""
    names = ("registry", "session", "timestamp")
    nodes = dict.fromkeys(tuple(one[name] for name in names) for one in facts["nodes"])
    return {**facts, "nodes": [dict(zip(names, values)) for values in nodes]}


def _strangers(read: Sequence[Application], now: Stand) -> list[dict[str, Any]]:
    """The application's instances that are no members, each by the first of its addresses."""
    ours = {(one.registry, one.node.path) for nodes in now.nodes.values() for one in nodes}
    found: list[list[Entry]] = []
    for one in (entry for application in read for entry in application.all()):
        if not one.stale and (one.registry, one.node.path) not in ours:
            mine = [nodes for nodes in found if any(_of_one(one, other) for other in nodes)]
            found = [nodes for nodes in found if nodes not in mine] + [
                [one, *(node for nodes in mine for node in nodes)]
            ]
    return [_member(min(a for one in nodes for a in _dubbo_member.addresses(one)), UP, nodes) for nodes in found]


def _of_one(one: Entry, other: Entry) -> bool:
    """Whether two nodes are of one process: by a session or by an address."""
    same = bool(one.node.session) and _dubbo_member.session(one) == _dubbo_member.session(other)
    return same or bool(_dubbo_member.addresses(one) & _dubbo_member.addresses(other))
