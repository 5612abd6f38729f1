# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service's providers by instance, as an inventory names them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import _dubbo_url, _grammar
from ._dubbo_application import APPLICATION
from ._dubbo_services import DOWN, UP, Offer, Provider


def named(members: Iterable[str]) -> dict[str, str]:
    """The members of an inventory, as they are written, by the address that a registry has. Raises ValueError."""
    return {_address(one): one for one in members}


def _address(member: str) -> str:
    host, port = _grammar.address(member, "members:")
    return _dubbo_url.address(_dubbo_url.plain_host(host), port)


def members(offer: Offer, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each instance once, by the address of it that is wanted or else its first; `down` where it offers nothing.
    `wanted` as `named` gives it."""
    found: dict[str, list[Provider]] = {address: [] for address in wanted}
    for instance in _instances(offer):
        address = next((one.address for one in instance if one.address in wanted), instance[0].address)
        found.setdefault(address, []).extend(instance)
    return [
        {
            "member": wanted.get(address, address),
            "state": UP if instance and all(one.state == UP for one in instance) else DOWN,
            "weight": next((one.url.weight for one in instance if one.url), None),
            "addresses": [one.address for one in instance] or [address],
            "ledger": None,
        }
        for address, instance in found.items()
    ]


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
