# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to be known before an instance of Dubbo goes out: that it is there at all, and who misses it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from . import (
    _dubbo_application,
    _dubbo_contents,
    _dubbo_member,
    _dubbo_single,
    _dubbo_switch,
    _dubbo_url,
    _dubbo_warnings,
)
from ._dubbo_application import Application
from ._dubbo_member import Known, Stand
from ._dubbo_services import UP, Offer

# The versions whose consumers go on calling the last providers that they knew, unless told otherwise.
_EMPTY_PROTECTION = ((3, 0), (3, 2))


def listed(read: Sequence[Application], now: Stand, known: Mapping[str, Known]) -> None:
    """Raise ValueError where a member, or in a registry the application, is nowhere and was not before.

    An absence proves nothing of a wrong name.
    """
    unknown = [member for member in now.nodes if member not in known]
    nowhere = [member for member in unknown if not now.nodes[member]]
    for nothing in filter(None, map(_dubbo_application.absent, read if unknown else [])):
        raise ValueError(nothing)
    if not nowhere:
        return
    there = {address for one in read for entry in one.all() for address in _dubbo_member.addresses(entry)}
    raise ValueError(
        f"members: {', '.join(nowhere)} is listed nowhere; {read[0].name} has "
        f"{_dubbo_contents.instead(nowhere[0], sorted(there))}. Where it is out already, say so by before"
    )


def alone(read: Sequence[Application], now: Stand) -> None:
    """Raise ValueError where another application says to be at a member's address.

    Its nodes would be left, and consumers call by them what is to be out.
    """
    going = _going(now)
    for one in read:
        for found in one.contents.urls:
            url = found.url
            address = _dubbo_url.address(url.host, url.port)
            if url.application != one.name and address in going:
                raise ValueError(
                    f"members: {address} is registered in {one.contents.registry} by {url.application} too, and only "
                    f"one of them can be there: remove {_dubbo_url.shown(found.node.path)}, or wait until its session "
                    "ends"
                )


def asked(read: Sequence[Application], now: Stand, known: Mapping[str, Known], services: Collection[str]) -> None:
    """Raise ValueError where one of these services is none of the application's."""
    there = {offer.service.key for offer in now.offers}.union(*(one.services for one in known.values()))
    vague = {offer.service.interface for offer in now.offers if offer.known_by == "mapping"}
    for key in services:
        if key not in there and _dubbo_url.service(key).interface not in vague:
            raise ValueError(f"services: {read[0].name} has no {key}; it has {', '.join(sorted(there))}")


def untold(read: Sequence[Application], now: Stand) -> list[str]:
    """Where the absence of a single service cannot be seen."""
    return [
        f"{registry} does not say which services an instance offers: whether a single one is out can be seen on the "
        "interface level and by qos alone"
        for registry in _dubbo_single.untold(now, read)
    ]


def kept(read: Sequence[Application], members: Mapping[str, str]) -> None:
    """Raise ValueError where a rule of ours keeps one of the members out."""
    for rule in (rule for one in read for rule in one.contents.rules if rule.ours in members):
        path = _dubbo_url.shown(rule.path)
        raise ValueError(
            f"{members[rule.ours]} is kept from its consumers by {path}, written by via rule: put it back so"
        )


def lost(missing: Sequence[str]) -> None:
    """Raise ValueError where nodes were deleted and nothing here brings them back."""
    if missing:
        raise ValueError(
            f"{'; '.join(missing)}: deleted nodes are made by their process alone: restart it, or name its qos, so "
            "that it is given offline and then online"
        )


def warnings(now: Stand, services: Collection[str] = ()) -> list[str]:
    """Which services lose their last provider, and what the providers' versions are known for."""
    going = _going(now)
    leaving = [offer for offer in now.offers if not services or offer.service.key in services]
    found = [text for offer in leaving for text in _last(offer, going)]
    return list(dict.fromkeys([*found, *_dubbo_warnings.of_versions(now.offers)]))


def _going(now: Stand) -> set[str]:
    return {address for nodes in now.nodes.values() for one in nodes for address in _dubbo_member.addresses(one)}


def _last(offer: Offer, going: set[str]) -> Iterator[str]:
    serving = [one for one in offer.providers if one.state == UP]
    addresses = {one.address for one in serving}
    if not addresses or addresses - going or offer.others:
        return
    text = f"{offer.service}: {', '.join(sorted(addresses))} is the last that offers it"
    since, before = _EMPTY_PROTECTION
    kept = sorted({one.release for one in serving if since <= _dubbo_warnings.version(one.release) < before})
    if kept:
        text += f", and consumers of Dubbo {', '.join(kept)} go on calling their last provider (empty protection)"
    yield text


def early(who: str, said: _dubbo_switch.Said) -> list[str]:
    """That a process did not wait until it was told `online`."""
    there = sorted(key for key, where in said.items() if any(one.yes for one in where))
    text = (
        f"{who}: attaches is online, and it had registered {', '.join(there)} before it was told: unless a run that "
        "was cut off had told it, it registers by itself at its start. Dubbo 3.2.5 and later wait with "
        "dubbo.application.manual-register=true and dubbo.provider.delay=-1, Dubbo 2.7 with "
        "dubbo.provider.register=false"
    )
    return [text] if there else []


def partly(said: _dubbo_switch.Said) -> list[str]:
    """That what somebody took from one level comes back on all of them."""
    keys = _dubbo_switch.partly(said)
    return [f"{key} is registered on some of its levels only, and would come back on all of them" for key in keys]
