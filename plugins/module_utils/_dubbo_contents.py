# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was read of a Dubbo registry, before anything is made of it."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Callable, TypeVar

from . import _dubbo_url
from ._dubbo_instance import Instance
from ._dubbo_rule import Rule
from ._dubbo_url import ProviderUrl, Service
from ._zookeeper import Node

T = TypeVar("T")


@dataclass(frozen=True)
class Registered:
    """A provider on the interface level. node: of another application it is only a path."""

    url: ProviderUrl
    node: Node


@dataclass(frozen=True)
class Appeared:
    """An instance on the application level."""

    instance: Instance
    node: Node


@dataclass
class Contents:
    """What one registry holds. urls: also other applications'.

    mapped: by interface its applications. metadata: by revision what it offers, by service its protocols.
    interfaces: all there are. applications: all that are named anywhere. malformed: what cannot be read, and why.
    """

    registry: str
    urls: list[Registered] = field(default_factory=list)
    instances: list[Appeared] = field(default_factory=list)
    mapped: dict[str, frozenset[str]] = field(default_factory=dict)
    metadata: dict[str, dict[Service, frozenset[str]]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)
    applications: list[str] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)

    def keep(self, path: str, parse: Callable[..., T], *given: Any) -> list[T]:
        """What `parse` makes of the node at `path`; where it cannot, that is noted."""
        try:
            return [parse(*given)]
        except ValueError as error:
            self.malformed.append(f"{self.registry}: {_dubbo_url.shown(path)}: {error}")
            return []


def instead(name: str, there: Collection[str], shown: int = 8) -> str:
    """What there is instead of `name`: the names that are near it, or else the first of them all."""
    near = difflib.get_close_matches(name, there, 3)
    if near:
        return f"{', '.join(near)}, which is near it"
    more = f" and {len(there) - shown} more" if len(there) > shown else ""
    return ", ".join(sorted(there)[:shown]) + more or "nothing"
