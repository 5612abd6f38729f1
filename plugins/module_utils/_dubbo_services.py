# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who offers each service of an application, over all its registries. Pure.

A provider is in traffic where it is registered in every registry on every level that is wanted of it, by a process that
may be alive, and no rule takes it from all consumers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import _dubbo_url
from ._dubbo_application import LEVELS, Application, Entry
from ._dubbo_url import Place, ProviderUrl, Service

UP, DOWN = "up", "down"


@dataclass(frozen=True)
class Provider:
    """One place of a service. entries: its nodes, the newest last.

    missing: `level in registry` for each that is wanted and not there. disabled_by: the nodes that take it from all
    consumers.
    """

    place: Place
    application: str
    entries: tuple[Entry, ...]
    missing: tuple[str, ...]
    disabled_by: tuple[str, ...]

    @property
    def address(self) -> str:
        return _dubbo_url.address(*self.place[1:])

    @property
    def live(self) -> list[Entry]:
        return [one for one in self.entries if not one.stale]

    @property
    def url(self) -> ProviderUrl | None:
        """The newest that it has on the interface level."""
        urls = [one.said for one in self.entries if isinstance(one.said, ProviderUrl)]
        return urls[-1] if urls else None

    @property
    def release(self) -> str:
        return next((one.release for one in reversed(self.entries) if one.release), "")

    @property
    def state(self) -> str:
        return DOWN if self.missing or self.disabled_by or not self.live else UP

    def facts(self) -> dict[str, Any]:
        protocol, host, port = self.place
        newest = self.entries[-1].said
        return {
            "member": self.address,
            "state": self.state,
            "protocol": protocol,
            "host": host,
            "port": port,
            "application": self.application,
            "release": self.release,
            "pid": self.url.pid if self.url else None,
            "timestamp": self.url.timestamp if self.url else newest.timestamp,
            "weight": self.url.weight if self.url else None,
            "levels": [level for level in LEVELS if any(one.level == level for one in self.live)],
            "missing": list(self.missing),
            "disabled_by": list(map(_dubbo_url.shown, self.disabled_by)),
            "stale": [_dubbo_url.shown(one.node.path) for one in self.entries if one.stale],
            "nodes": [one.facts() for one in self.entries],
        }


@dataclass(frozen=True)
class Offer:
    """A service with its providers. known_by: what says that there is such a service.

    others: other applications that have a provider of it. mapped: those that only the mapping names beside them.
    """

    service: Service
    known_by: str
    providers: tuple[Provider, ...]
    others: tuple[str, ...]
    mapped: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        return {
            "service": self.service.key,
            "interface": self.service.interface,
            "group": self.service.group,
            "version": self.service.version,
            "known_by": self.known_by,
            "providers": [one.facts() for one in self.providers],
            "others": list(self.others),
            "mapped": list(self.mapped),
        }


def offers(applications: Sequence[Application], interfaces: Sequence[str] = ()) -> list[Offer]:
    """The application's services as its registries have them, or only those of these interfaces."""
    known: dict[Service, str] = {}
    for one in applications:
        for service, known_by in one.services.items():
            if known.get(service, "mapping") == "mapping":
                known[service] = known_by
    # What one registry knows by its interface alone, another may know with group and version.
    exact = {service.interface for service, known_by in known.items() if known_by != "mapping"}
    return [
        Offer(service, known_by, _providers(applications, service), *_others(applications, service))
        for service, known_by in sorted(known.items(), key=lambda item: item[0].key)
        if (not interfaces or service.interface in interfaces)
        and (known_by != "mapping" or service.interface not in exact)
    ]


def _providers(applications: Sequence[Application], service: Service) -> tuple[Provider, ...]:
    where = sorted({place for one in applications for place in one.places(service)})
    return tuple(_provider(applications, service, place) for place in where)


def _provider(applications: Sequence[Application], service: Service, place: Place) -> Provider:
    entries = [entry for one in applications for entry in one.entries(service, place)]
    entries.sort(key=lambda one: (not one.stale, one.node.order))
    there = {(entry.registry, entry.level) for entry in entries if not entry.stale}
    missing = [
        f"{level} in {one.contents.registry}"
        for one in applications
        for level in LEVELS
        if level in one.wanted(service, place) and (one.contents.registry, level) not in there
    ]
    rules = [rule for one in applications for rule in one.contents.rules]
    disabled = [entry.node.path for entry in entries if entry.disabled and not entry.stale]
    disabled += [rule.path for rule in rules if not rule.only and rule.disables(service, *place[1:])]
    return Provider(place, applications[0].name, tuple(entries), tuple(missing), tuple(dict.fromkeys(disabled)))


def _others(applications: Sequence[Application], service: Service) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Other applications that offer it: by their providers' nodes, and beside them by the mapping alone."""
    own = {applications[0].name}
    urls = {
        found.url.application for one in applications for found in one.contents.urls if found.url.service == service
    }
    mapped = {name for one in applications for name in one.contents.mapped.get(service.interface, ())}
    return tuple(sorted(urls - own)), tuple(sorted(mapped - urls - own))
