# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service's providers as the guard reads them: a pool with its members. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ._dubbo_application import APPLICATION
from ._dubbo_services import DOWN, UP, Offer, Provider


def members(offer: Offer, wanted: Iterable[str]) -> list[dict[str, Any]]:
    """The service's pool, as the guard takes it: each instance once, by the address that it has in `wanted` or else
    the first of its own. Of what is wanted and offered nowhere it says `down`."""
    names = frozenset(wanted)
    found: dict[str, list[Provider]] = {}
    for instance in _instances(offer):
        found.setdefault(_name(instance, names), []).extend(instance)
    told = [_member(name, instance) for name, instance in found.items()]
    return told + [_member(name, []) for name in sorted(names - set(found))]


def reading(source: str, offer: Offer, wanted: Iterable[str]) -> dict[str, Any]:
    """The service as one of the guard's readings."""
    return {
        "kind": "dubbo",
        "pool": f"dubbo/{offer.service.pool}",
        "source": source,
        "members": members(offer, wanted),
    }


def _member(name: str, instance: Sequence[Provider]) -> dict[str, Any]:
    return {
        "member": name,
        "state": UP if instance and all(one.state == UP for one in instance) else DOWN,
        "weight": next((one.url.weight for one in instance if one.url), None),
        "addresses": [one.address for one in instance] or [name],
        "ledger": None,
    }


def _name(instance: Sequence[Provider], names: frozenset[str]) -> str:
    return next((one.address for one in instance if one.address in names), instance[0].address)


def _instances(offer: Offer) -> list[list[Provider]]:
    """The providers by process: one may serve by several protocols, each on a port of its own."""
    found: dict[str, list[Provider]] = {}
    for one in offer.providers:
        found.setdefault(_process(one), []).append(one)
    return list(found.values())


def _process(one: Provider) -> str:
    """What its providers have in common: their instance on the application level, or else their session. 3.3 names no
    pid, and in containers each is number 1."""
    for entry in reversed(one.entries):
        if entry.level == APPLICATION:
            return entry.node.path
    session = one.entries[-1].node.session
    return f"{one.entries[-1].registry} {session}" if session else one.address
