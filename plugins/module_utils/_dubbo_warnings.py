# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person should know of an application before one of its instances goes out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from . import _dubbo_url
from ._dubbo_application import Application
from ._dubbo_rule import Rule
from ._dubbo_services import UP, Offer, Provider

# Dubbo's own issues: number, from and before which version, by which protocol alone, and what happens.
BUGS = (
    (6680, (2, 6, 0), (2, 6, 10), "", "QoS offline leaves a service registered that has its group from its provider"),
    (9986, (3, 0, 0), (3, 0, 8), "", "QoS offlineApp leaves the instance on the application level"),
    (10610, (3, 0, 0), (3, 1, 1), "", "a process that ends leaves its instance on the application level"),
    (12044, (3, 0, 0), (3, 1, 10), "", "QoS online fails after offline"),
    (16067, (3, 0, 12), (3, 0, 13), "tri", "after QoS offlineApp and onlineApp consumers find no provider"),
    (16397, (3, 3, 6), (3, 3, 7), "tri", "calls that arrive while it shuts down fail with UNIMPLEMENTED"),
)


def of(applications: Sequence[Application], offers: Sequence[Offer]) -> list[str]:
    """All of them, each once."""
    found = [text for offer in offers for text in _of_offer(offer)]
    found += of_versions(offers)
    found += _of_places(applications)
    found += [
        _of_rule(rule) for one in applications for rule in one.contents.rules if rule.only and _is_of(rule, offers)
    ]
    found += [
        f"{one.contents.registry} has instances of {one.name}, and nothing that says what they offer: no mapping"
        for one in applications
        if one.contents.instances and not one.services
    ]
    found += [f"not read: {text}" for one in applications for text in one.contents.malformed]
    return list(dict.fromkeys(found))


def _is_of(rule: Rule, offers: Sequence[Offer]) -> bool:
    return any(rule.service in (None, offer.service) for offer in offers)


def _of_rule(rule: Rule) -> str:
    providers = " ".join(rule.providers) or "every provider"
    path = _dubbo_url.shown(rule.path)
    return f"rule {path} takes {providers} from consumers of {rule.only} alone: that counts as in traffic"


def _of_offer(offer: Offer) -> Iterator[str]:
    service = offer.service
    serving = sorted({one.address for one in offer.providers if one.state == UP})
    if offer.known_by == "mapping":
        what = "its group and version are not known" if offer.providers else "nothing else of it is registered"
        why = "what instances offer stands in themselves (metadata-type local), or it was taken offline or is no more"
        yield f"{service}: only the mapping names it, {what}: {why}"
    if len(serving) == 1 and not offer.others:
        yield f"{service}: {serving[0]} is the only provider: without it nobody offers this service"
    if offer.others:
        others = ", ".join(name or "one without a name" for name in offer.others)
        yield f"{service}: other applications offer it too: {others}"
    if offer.mapped:
        yield f"{service}: the mapping names {', '.join(offer.mapped)} too, which may offer its interface or did once"
    for one in offer.providers:
        if any(entry.stale for entry in one.entries):
            yield (
                f"{service}: {one.address} has a node of an earlier process, which consumers may call until its "
                "session ends"
            )


def of_versions(offers: Sequence[Offer]) -> Iterator[str]:
    """The bugs that the providers' versions are known for."""
    providers = {
        (one.release, one.place[0]): one for offer in offers for one in offer.providers if one.live and one.release
    }
    for number, since, before, protocol, text in BUGS:
        hit = sorted({one.release for one in providers.values() if _has(one, since, before, protocol)})
        if hit:
            yield f"Dubbo {', '.join(hit)}: {text} (apache/dubbo issue {number})"


def _has(one: Provider, since: tuple[int, ...], before: tuple[int, ...], protocol: str) -> bool:
    return protocol in ("", one.place[0]) and since <= version(one.release) < before


def version(release: str) -> tuple[int, ...]:
    """`3.2.0-beta.4` as (3, 2, 0); empty where it is no version."""
    numbers = re.match(r"\d+(\.\d+)*", release)
    return tuple(map(int, numbers.group().split("."))) if numbers else ()


def _of_places(applications: Sequence[Application]) -> Iterator[str]:
    """Of addresses at which several applications say to be: only one of them can listen there."""
    for one in applications:
        names: dict[tuple[str, int], set[str]] = {}
        for found in one.contents.urls:
            names.setdefault(found.url.place[1:], set()).add(found.url.application)
        for (host, port), there in sorted(names.items()):
            if one.name in there and len(there) > 1:
                yield f"{host} port {port} is registered by {', '.join(sorted(there))}: only one of them can be there"
