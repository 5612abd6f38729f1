# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a ZooKeeper that is Dubbo's registry holds of one application, on both levels; and the rules that bar it.

    /ROOT/INTERFACE/providers/URL       the interface level
    /ROOT/INTERFACE/configurators/URL   rules of before 2.7
    /services/APPLICATION/HOST:PORT     the application level
    /ROOT/mapping/INTERFACE             which applications offer it
    /ROOT/metadata/APPLICATION/REVISION what one of them offers, where it stores that here
    /ROOT/config/dubbo/KEY.configurators

ROOT is the registry's group, `dubbo` unless said. With a group of its own the application level is below it too, since
Dubbo 3.0.9.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import _dubbo_instance, _dubbo_rule, _dubbo_url, _grammar, _zookeeper, _zookeeper_access, _zookeeper_place
from ._dubbo_contents import Appeared, Contents, Registered, instead
from ._zookeeper import Node

GROUP = "dubbo"
# What is beside the interfaces.
BESIDE = ("config", "mapping", "metadata", "services")


class RegistryError(Exception):
    """It cannot be read, or has not what was asked for; the message says what it has instead."""


class Registry:
    """One registry, as its users write it. Raises ValueError where that is wrong."""

    def __init__(self, address: str, group: str = GROUP, auth: Any = None, tls: Any = None) -> None:
        servers, self._chroot = _grammar.registry(address, "registries:")
        self._group = _grammar.word(group, "group")
        scheme, file = _zookeeper_place.auth(auth) if auth else (None, "")
        certificates = _zookeeper_place.tls(tls)
        _zookeeper_access.check(f"the registry {address}", scheme, certificates)
        identity = _zookeeper_access.identity(scheme, file) if scheme else None
        self.name = address
        self._who = f"{identity.scheme} user {identity.user!r}" if identity else "somebody without auth"
        self._zookeeper = _zookeeper.ZooKeeper(servers, identity, certificates)
        self._at = "/"

    @property
    def _root(self) -> str:
        return f"{self._chroot}/{self._group}"

    @property
    def _applications(self) -> str:
        return f"{self._chroot}/services" if self._group == GROUP else self._root

    def close(self) -> None:
        self._zookeeper.close()

    def read(self, application: str) -> Contents:
        """All that it has of the application. Raises RegistryError."""
        try:
            return self._zookeeper.again(lambda: self._read(application))
        except _zookeeper.Unreachable as error:
            raise RegistryError(f"{self.name} is unreachable: {error}") from error
        except _zookeeper.Denied as error:
            raise RegistryError(
                f"{self.name}: {self._at} cannot be read by {self._who}: {error}. Give an identity that may, by auth"
            ) from error

    def _read(self, application: str) -> Contents:
        self._find_root()
        self._zookeeper.catch_up(self._chroot or "/")
        found = Contents(self.name)
        self._read_providers(found, application)
        self._read_instances(found, application)
        self._read_mapping(found, application)
        self._read_metadata(found, application)
        self._read_rules(found, application)
        return found

    def _find_root(self) -> None:
        """Raises RegistryError where there is no such chroot or group."""
        parent = self._chroot.rpartition("/")[0] or "/"
        if self._chroot and not self._is_there(self._chroot):
            there = instead(self._chroot.rpartition("/")[2], self._below(parent))
            raise RegistryError(f"{self.name}: the chroot {self._chroot} is not there; {parent} has {there}")
        if not any(self._is_there(path) for path in (self._root, self._applications)):
            there = instead(self._group, self._below(self._chroot or "/"))
            raise RegistryError(
                f"{self.name}: the group {self._group!r} is not there; {self._chroot or '/'} has {there}. "
                "Name the group that the providers' registry has, and its chroot"
            )

    def _read_providers(self, found: Contents, application: str) -> None:
        names = [name for name in self._below(self._root) if name not in BESIDE]
        below = self._all_below([f"{self._root}/{name}/providers" for name in names])
        found.interfaces = sorted(_dubbo_url.decoded(folder.split("/")[-2]) for folder in below)
        urls = {
            f"{folder}/{name}": url
            for folder, nodes in below.items()
            for name in nodes
            for url in found.keep(f"{folder}/{name}", _dubbo_url.parse, name)
        }
        found.applications = sorted({url.application for url in urls.values()})
        ours = {path: url for path, url in urls.items() if url.application == application}
        found.urls = [Registered(urls[node.path], node) for node in self._nodes(ours)]
        found.urls += [Registered(url, Node(path)) for path, url in urls.items() if path not in ours]

    def _read_instances(self, found: Contents, application: str) -> None:
        there = self._below(self._applications)
        if self._group != GROUP:
            there = [name for name in there if name not in BESIDE and name not in found.interfaces]
        found.applications = sorted({*found.applications, *there})
        folder = f"{self._applications}/{application}"
        if application in there:
            nodes = self._nodes([f"{folder}/{name}" for name in self._below(folder)])
            found.instances = [
                Appeared(one, node)
                for node in nodes
                for one in found.keep(node.path, _dubbo_instance.parse, node.data or b"")
            ]

    def _read_mapping(self, found: Contents, application: str) -> None:
        folder = f"{self._root}/mapping"
        names = self._below(folder)
        nodes = self._nodes([f"{folder}/{name}" for name in names])
        mapping = {node.path.rpartition("/")[2]: _dubbo_instance.applications(node.data or b"") for node in nodes}
        found.mapped = {name: applications for name, applications in mapping.items() if application in applications}
        found.interfaces = sorted({*found.interfaces, *names})
        found.applications = sorted({*found.applications, *(one for all_ in mapping.values() for one in all_)})

    def _read_metadata(self, found: Contents, application: str) -> None:
        revisions = {one.instance.revision for one in found.instances} - {""}
        folder = f"{self._root}/metadata/{application}"
        releases = {}
        for node in self._nodes([f"{folder}/{revision}" for revision in sorted(revisions)]):
            revision = node.path.rpartition("/")[2]
            for offered in found.keep(node.path, _dubbo_instance.services, node.data or b""):
                found.metadata[revision] = offered
                releases[revision] = _dubbo_instance.release(node.data or b"")
        found.instances = [_with_release(one, releases.get(one.instance.revision, "")) for one in found.instances]

    def _read_rules(self, found: Contents, application: str) -> None:
        """Of both forms. Those of other interfaces are nobody's business here, nor what is wrong with them."""
        interfaces = {one.url.service.interface for one in found.urls if one.url.application == application}
        interfaces |= {
            *found.mapped,
            *(service.interface for offered in found.metadata.values() for service in offered),
        }
        folders = [f"{self._root}/{urllib.parse.quote_plus(name)}/configurators" for name in sorted(interfaces)]
        for folder, names in self._all_below(folders).items():
            for name in names:
                path = f"{folder}/{name}"
                found.rules += sum(found.keep(path, _dubbo_rule.from_override, path, name), [])
        folder = f"{self._root}/config/dubbo"
        names = [name for name in self._below(folder) if _dubbo_rule.concerns(name, interfaces)]
        for node in self._nodes([f"{folder}/{name}" for name in names]):
            found.rules += sum(found.keep(node.path, _dubbo_rule.from_config, node.path, node.data or b""), [])

    def _is_there(self, path: str) -> bool:
        self._at = path
        return self._zookeeper.exists(path)

    def _below(self, path: str) -> list[str]:
        self._at = path
        return self._zookeeper.children(path)

    def _all_below(self, paths: Sequence[str]) -> Mapping[str, list[str]]:
        self._at = f"{self._root}/*"
        return self._zookeeper.children_all(paths)

    def _nodes(self, paths: Iterable[str]) -> list[Node]:
        wanted = list(paths)
        self._at = wanted[0] if wanted else self._at
        return self._zookeeper.read_all(wanted)


def _with_release(one: Appeared, release: str) -> Appeared:
    return replace(one, instance=replace(one.instance, release=one.instance.release or release))
