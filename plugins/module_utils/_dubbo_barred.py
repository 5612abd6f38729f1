# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What rules have to take from consumers so that a member is out, and whether they do. Pure.

A rule is heard by the consumers of the registry that it stands in, by the exact name of a service, with group and
version. So each service of a member needs one in each registry in which the member is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import _dubbo_member, _dubbo_url
from ._dubbo_application import APPLICATION, Application, Entry
from ._dubbo_member import Stand
from ._dubbo_services import Offer
from ._dubbo_url import Place, ProviderUrl, Service
from ._dubbo_warnings import version

# Before, a service's rule had another name, and before 2.7 another form.
_HEEDED_SINCE = (2, 7, 4)
# Of 3.3.6, four rolls by a rule with calls of 0.2 s under way.
BROKEN = (
    "a disabled rule breaks the calls that consumers of the application level have under way (16 of 9,043 where it was "
    "measured): take it out by qos where that can be"
)


@dataclass(frozen=True)
class Seat:
    """A service of a member in one registry. addresses: as consumers know them.

    certain: whether its group and version are known. by: the rules that take all its addresses from all consumers.
    """

    member: str
    registry: str
    service: Service
    addresses: tuple[str, ...]
    certain: bool
    by: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        return {
            "member": self.member,
            "registry": self.registry,
            "service": self.service.key,
            "by": list(map(_dubbo_url.shown, self.by)),
        }


def seats(read: Sequence[Application], now: Stand, services: Collection[str]) -> list[Seat]:
    """Of every member that is registered. services: only these, by their keys; none means all."""
    found = []
    for member, nodes in now.nodes.items():
        own = {address for one in nodes for address in _dubbo_member.addresses(one)}
        for application in read:
            for offer in now.offers:
                places = [
                    one for one in sorted(application.places(offer.service)) if _dubbo_url.address(*one[1:]) in own
                ]
                found += [
                    _seat(member, application, offer, service, places) for service in _named(offer, services) if places
                ]
    return found


def _named(offer: Offer, services: Collection[str]) -> list[Service]:
    """What of an offer is asked for. Who names a service knows more than a mapping, which has its interface only."""
    if not services:
        return [offer.service]
    asked = [_dubbo_url.service(key) for key in services]
    if offer.known_by == "mapping":
        return [one for one in asked if one.interface == offer.service.interface]
    return [one for one in asked if one == offer.service]


def _seat(member: str, one: Application, offer: Offer, service: Service, places: Sequence[Place]) -> Seat:
    entries = [entry for place in places for entry in one.entries(offer.service, place)]
    rules = [[rule for rule in one.contents.rules if not rule.only and rule.disables(service, *place[1:])]
             for place in places]  # fmt: skip
    by = sorted({rule.path for found in rules for rule in found}) if all(rules) else []
    certain = offer.known_by != "mapping" or service != offer.service
    return Seat(member, one.contents.registry, service, tuple(_addresses(places, entries)), certain, tuple(by))


def _addresses(places: Sequence[Place], entries: Sequence[Entry]) -> list[str]:
    """As they may stand in the URLs that consumers compare them with, to the letter."""
    found = {_dubbo_url.address(*place[1:]) for place in places} | {f"{host}:{port}" for _what, host, port in places}
    for entry in entries:
        if isinstance(entry.said, ProviderUrl):
            found.add(_dubbo_url.split(_dubbo_url.decoded(entry.node.path.rpartition("/")[2]))[1])
    return sorted(found)


def open_(found: Sequence[Seat]) -> list[str]:
    """What consumers may still call."""
    return [
        f"{one.service} of {one.member} is taken from consumers by no rule in {one.registry}"
        for one in found
        if not one.by
    ]


def check(found: Sequence[Seat], now: Stand, services: Collection[str]) -> None:
    """Raise ValueError where a rule could not be written, or would take another provider too."""
    old = {one.release for nodes in now.nodes.values() for one in nodes if () < version(one.release) < _HEEDED_SINCE}
    if old:
        raise ValueError(
            f"via rule: consumers of Dubbo {', '.join(sorted(old))} do not listen to rules as they are since 2.7.4: "
            "take it out by qos"
        )
    for one in found:
        if not one.certain:
            raise ValueError(
                f"{one.registry} names {one.service} by its interface alone, and a rule needs its group and version: "
                "name it by services, or take it out by qos"
            )
    for member, nodes in now.nodes.items():
        if nodes and not services and not any(one.member == member for one in found):
            raise ValueError(f"nothing says what {member} offers, so that no rule can name it: take it out by qos")
    for text in (text for one in found for text in _taken_too(one, now)):
        raise ValueError(text)


def _taken_too(seat: Seat, now: Stand) -> Iterator[str]:
    """Consumers of Dubbo 2 look for a provider's address anywhere in what the rule says."""
    joined = ",".join(seat.addresses)
    for offer in now.offers:
        for one in offer.providers if offer.service == seat.service else ():
            address = f"{one.place[1]}:{one.place[2]}"
            if address in joined and address not in seat.addresses:
                yield (
                    f"a rule for {joined} takes {address} too, which is a part of it, from consumers of Dubbo 2: "
                    "take it out by qos"
                )


def warnings(now: Stand) -> list[str]:
    """What a rule breaks."""
    levels = {one.level for nodes in now.nodes.values() for one in nodes}
    return [BROKEN] if APPLICATION in levels else []
