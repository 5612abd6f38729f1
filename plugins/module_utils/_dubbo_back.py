# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether members of a Dubbo application are back in its registries, and what they should offer there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from . import _dubbo_url
from ._dubbo_member import Known, Stand, addresses, where
from ._dubbo_services import Offer, Provider


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
                texts.append(f"{member} has a node of the process before: {where(one)}")
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
    found = {(member, offer.service.key) for offer in now.offers for member in now.nodes}
    return {key for member, key in found if _whole(_of(now, member, key))}


def _whole(providers: Sequence[Provider]) -> bool:
    return bool(providers) and all(one.live and not one.missing for one in providers)
