# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one Dubbo application has in one registry: which nodes are live, what it offers where, and what is wanted. Pure.

- A node is **stale** where its place (protocol, host and port) has a newer one of another session: the process that
  made it is gone, and the node only waits for its session to end. An only node says nothing of that.
- On the application level an instance does not say what it offers. Its metadata does where they are stored in the
  registry; else the mapping does, which has interfaces only, is never cleaned, and knows nothing of single instances.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from . import _dubbo_contents, _dubbo_url
from ._dubbo_contents import Appeared, Contents, Registered
from ._dubbo_instance import Instance
from ._dubbo_url import Place, ProviderUrl, Service
from ._zookeeper import Node

INTERFACE, APPLICATION = "interface", "application"
LEVELS = (APPLICATION, INTERFACE)
# The revision of an instance that offers nothing.
NOTHING = "0"


@dataclass(frozen=True)
class Entry:
    """One node of a provider. said: what stands in it. release: of Dubbo, empty where it does not say."""

    registry: str
    level: str
    node: Node
    said: ProviderUrl | Instance
    stale: bool

    @property
    def release(self) -> str:
        return self.said.release

    @property
    def pid(self) -> int | None:
        return self.said.pid if isinstance(self.said, ProviderUrl) else None

    @property
    def disabled(self) -> bool:
        return isinstance(self.said, ProviderUrl) and self.said.disabled

    def facts(self) -> dict[str, Any]:
        return {
            "registry": self.registry,
            "level": self.level,
            "path": _dubbo_url.shown(self.node.path),
            "pid": self.pid,
            "timestamp": self.said.timestamp,
            "session": f"0x{self.node.session:x}",
            "created": self.node.created,
            "stale": self.stale,
        }


class Application:
    """levels: on which it is to be registered; none where that is to be seen from what is there."""

    def __init__(self, name: str, contents: Contents, levels: Collection[str] = ()) -> None:
        self.name = name
        self.contents = contents
        self._levels = frozenset(levels)
        self.urls = sorted(
            (one for one in contents.urls if one.url.application == name), key=lambda one: one.node.order
        )
        self._of: dict[Service, list[Registered]] = defaultdict(list)
        self._at: dict[Place, list[Registered]] = defaultdict(list)
        self._protocols: dict[Service, set[str]] = defaultdict(set)
        for one in self.urls:
            self._of[one.url.service].append(one)
            self._at[one.url.place].append(one)
            self._protocols[one.url.service].add(one.url.protocol)
        self._mapped = {one.url.service for one in self.urls if one.url.mapped}
        self._stale = {one.node.path for one in self.urls if self._replaced(one)}
        self.live = [one for one in self.urls if one.node.path not in self._stale]
        self._appeared: dict[Place, list[Appeared]] = defaultdict(list)
        for instance in contents.instances:
            for place in places(instance):
                self._appeared[place].append(instance)
        self._stale |= {one.node.path for one in contents.instances if self._outlived(one)}
        self.services = self._services()

    def _replaced(self, one: Registered) -> bool:
        """Whether a later process has its place. What outlives its session is so only if it is of the same service."""
        here = self._at[one.url.place]
        if one.node.session:
            return one.node.session != [other.node.session for other in here if other.node.session][-1]
        return any(other.url.service == one.url.service and other.node.order > one.node.order for other in here)

    def _outlived(self, one: Appeared) -> bool:
        """Whether the process at the instance's place began after the instance was registered, by that host's clock."""
        urls = [url.url for place in places(one) for url in self._at[place] if url.node.path not in self._stale]
        began = [url.timestamp for url in urls if url.timestamp is not None]
        registered = one.instance.registered
        return registered is not None and bool(began) and registered < min(began)

    def _services(self) -> dict[Service, str]:
        """What it offers, and what says so: interface, metadata or mapping. The last knows no group and version."""
        found = {service: "metadata" for offered in self.contents.metadata.values() for service in offered}
        found.update(dict.fromkeys(self._of, INTERFACE))
        exact = {service.interface for service in found}
        found.update({Service(name): "mapping" for name in self.contents.mapped if name not in exact})
        return found

    def all(self) -> list[Entry]:
        """Every node of it, less instances that offer nothing."""
        instances = [one for one in self.contents.instances if one.instance.revision != NOTHING]
        found = [self._entry(APPLICATION, one.node, one.instance) for one in instances]
        return found + [self._entry(INTERFACE, one.node, one.url) for one in self.urls]

    def places(self, service: Service) -> set[Place]:
        """Where the service is, or was until its node's session ends."""
        found = {one.url.place for one in self._of.get(service, ())}
        return found.union(*(self._offered(service, one) for one in self.contents.instances))

    def entries(self, service: Service, place: Place) -> list[Entry]:
        """Its nodes, the application level first."""
        found = [
            self._entry(APPLICATION, one.node, one.instance)
            for one in self._appeared.get(place, ())
            if place in self._offered(service, one)
        ]
        return found + [
            self._entry(INTERFACE, one.node, one.url) for one in self._at.get(place, ()) if one.url.service == service
        ]

    def _entry(self, level: str, node: Node, said: ProviderUrl | Instance) -> Entry:
        return Entry(self.contents.registry, level, node, said, node.path in self._stale)

    def wanted(self, service: Service, place: Place) -> frozenset[str]:
        """On which levels the service is to be at this place. A URL says whether its process uses both."""
        if service not in self.services and service.interface not in self.contents.mapped:
            return frozenset()
        if self._levels:
            return self._levels
        here = [one for one in self._at.get(place, ()) if one.node.path not in self._stale]
        own = [one for one in here if one.url.service == service] or here
        mapped = any(one.url.mapped for one in own or self.live)
        if mapped and self._by_application(service):
            return frozenset(LEVELS)
        if own:
            return frozenset({INTERFACE})
        if place in self._appeared:
            return frozenset({APPLICATION})
        used = {INTERFACE: bool(self.live), APPLICATION: self._by_application(service)}
        return frozenset(level for level, is_used in used.items() if is_used)

    def _by_application(self, service: Service) -> bool:
        """Whether consumers can come to it over the application level."""
        return bool(self.contents.instances) or service.interface in self.contents.mapped

    def _offered(self, service: Service, one: Appeared) -> set[Place]:
        """The places at which the instance offers the service, as far as can be told."""
        if one.instance.revision == NOTHING:
            return set()
        metadata = self.contents.metadata.get(one.instance.revision)
        if metadata is not None:
            return {place for place in places(one) if place[0] in metadata.get(service, ())}
        if service.interface not in self.contents.mapped and service not in self._mapped:
            return set()
        protocols = self._protocols.get(service)
        return {place for place in places(one) if not protocols or place[0] in protocols}


def places(one: Appeared) -> set[Place]:
    """Every place at which the instance takes calls."""
    instance = one.instance
    return {(protocol, instance.host, port) for protocol, port in instance.endpoints.items()}


def absent(found: Application) -> str:
    """Why there is nothing to be said of the application; empty where there is something."""
    if found.services or found.contents.instances:
        return ""
    known, what = found.contents.applications, f"{found.contents.registry}: application {found.name!r}"
    if found.name in known:
        return "; ".join([f"{what} has nothing registered there now", *found.contents.malformed])
    return f"{what} is not there; it has {_dubbo_contents.instead(found.name, known)}"
