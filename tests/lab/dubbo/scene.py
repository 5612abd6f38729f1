# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An application with its callers: ZooKeeper, providers, and a consumer at each level that the version has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..java import Place, Server
from ..zookeeper import ZooKeeper
from .consumer import Consumer
from .jvm import ECHO, ECHO2, LEVELS, address
from .provider import Provider

# A consumer tries a connection anew once in a minute, after its provider was killed.
RECONNECTED = 120.0


class Scene:
    def __init__(
        self, folder: Path, version: str, servers: int, providers: int, levels: Sequence[str], calls: dict[str, Any]
    ) -> None:
        self.folder, self.version = folder, version
        self.zookeeper = ZooKeeper(_made(folder / "zookeeper"), servers=servers)
        self.registries = [address(self.zookeeper)]
        names = [f"provider-{number + 1}" for number in range(providers)]
        common: dict[str, Any] = {"registries": self.registries, "version": version}
        self.providers = [Provider(_made(folder / name), name=name, services=(ECHO, ECHO2), **common) for name in names]
        self.consumers = [
            Consumer(_made(folder / f"{level}-caller"), name=f"{level}-caller", level=level, **common, **calls)
            for level in levels
        ]

    def start(self) -> None:
        self.zookeeper.start()
        self.complete()

    def complete(self) -> None:
        """Start who is not there, and wait until every consumer reaches every provider."""
        _start(self.providers)
        _start(self.consumers)
        for consumer in self.consumers:
            for provider in self.providers:
                consumer.wait_calls(1, provider.name, RECONNECTED)

    def stop(self) -> None:
        for consumer in self.consumers:
            consumer.stop()
        for provider in self.providers:
            provider.kill()
        self.zookeeper.stop()


def _start(servers: Sequence[Server]) -> None:
    """All at once."""
    missing = [server for server in servers if not server.alive]
    for server in missing:
        server.launch()
    for server in missing:
        server.wait()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@contextlib.contextmanager
def dubbo(
    folder: Path | None = None,
    *,
    version: str = "3.3",
    servers: int = 1,
    providers: int = 2,
    called: bool = True,
    **calls: Any,
) -> Iterator[Scene]:
    """All of it inside the block. servers: of ZooKeeper; called: by consumers; calls: their settings."""
    with Place(folder, f"dubbo-{version}") as where:
        scene = Scene(where, version, servers, providers, LEVELS[version] if called else (), calls)
        try:
            scene.start()
            yield scene
        finally:
            scene.stop()
