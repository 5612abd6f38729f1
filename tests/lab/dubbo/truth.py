# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What became of providers and of calls: by a client of the registry's own, and by the consumers' accounts."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from .provider import Provider
from .scene import Scene


@contextlib.contextmanager
def client(hosts: str) -> Iterator[KazooClient]:
    found = KazooClient(hosts)
    found.start(30)
    try:
        yield found
    finally:
        found.stop()
        found.close()


def levels(registry: KazooClient, provider: Provider) -> Counter[str]:
    """In how many nodes of each level the provider is registered."""
    found: Counter[str] = Counter()
    for interface in ("lab.Echo", "lab.Echo2"):
        for name in children(registry, f"/dubbo/{interface}/providers"):
            found["interface"] += urlsplit(unquote(name)).port in provider.ports.values()
    for name in children(registry, f"/services/{provider.application}"):
        found["application"] += name in map(provider.address, provider.ports)
    return +found


def children(registry: KazooClient, path: str) -> list[str]:
    try:
        return list(registry.get_children(path))
    except NoNodeError:
        return []


def failed(scene: Scene, since: dict[str, int]) -> dict[str, Counter[str]]:
    """By consumer the reasons of the calls that failed, once those are known that were under way."""
    for consumer in scene.consumers:
        consumer.settle()
    return {
        consumer.name: Counter(call.reason for call in consumer.calls(since[consumer.name]) if not call.ok)
        for consumer in scene.consumers
    }


def so_far(scene: Scene) -> dict[str, int]:
    return {consumer.name: len(consumer.calls()) for consumer in scene.consumers}
