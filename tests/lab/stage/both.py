# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet whose instances serve nginx and are Dubbo providers at the same time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..demo import wait_for
from ..dubbo import ECHO, ECHO2, Provider, address
from ..process import START
from ..zookeeper import ZooKeeper
from .child import beside
from .stage import Stage

APPLICATION = "echo-svc"


class Both(Stage):
    """Each instance with a JVM of its own, which is killed with it at once: no hook of Dubbo's has a say in its end.

    services: those of an instance, where they are not both. providers: how many have Dubbo, all by default.
    entry: more of the entry in instance_traffic. waits: whose providers register nothing until they are told to.
    """

    def __init__(
        self,
        folder: Path,
        zookeeper: ZooKeeper,
        *,
        version: str = "3.3",
        protocols: Sequence[str] = ("dubbo",),
        services: Mapping[str, Sequence[str]] | None = None,
        providers: int | None = None,
        entry: Mapping[str, Any] | None = None,
        waits: Collection[str] = (),
        **more: Any,
    ) -> None:
        super().__init__(folder, **more)
        self.zookeeper = zookeeper
        self.entry = dict(entry or {})
        self.providers: dict[str, Provider] = {}
        self._version = version
        self._protocols = protocols
        self._services = services or {}
        self._names = list(self.instances)[:providers]
        self._waits = waits

    def write(self) -> None:
        for name in self._names:
            home = self.folder / f"{name}-dubbo"
            home.mkdir(parents=True)
            self.providers[name] = Provider(
                home,
                [address(self.zookeeper)],
                version=self._version,
                name=name,
                application=APPLICATION,
                services=self._services.get(name, (ECHO, ECHO2)),
                protocols=self._protocols,
                waits=name in self._waits,
            )
        super().write()

    def _command(self, name: str) -> list[str]:
        if name not in self.providers:
            return super()._command(name)
        provider = self.providers[name]
        return beside(super()._command(name), provider.folder, provider.command, provider.log)

    def _host(self, name: str) -> dict[str, Any]:
        if name not in self.providers:
            return super()._host(name)
        provider = self.providers[name]
        entry = {
            "kind": "dubbo",
            "registry": f"zookeeper://{self.zookeeper.hosts}",
            "application": APPLICATION,
            "member": provider.address(),
            "qos": provider.qos_port,
            "calls": {"url": f"{provider.url('status')}/status", "field": "served"},
            **self.entry,
        }
        values = super()._host(name)
        both = {"url": "http://{{ instance_address }}/internal/status", "expect": {"in_flight": 0}}
        return {
            **values,
            "instance_traffic": [*values["instance_traffic"], entry],
            "instance_probe": {"url": f"{provider.url('status')}/status"},
            "instance_idle": [both, {"url": f"{provider.url('status')}/status", "expect": {"in_flight": 0}}],
        }

    def start_supervisor(self) -> None:
        super().start_supervisor()
        here = {name: one.came if name in self._waits else one.serves for name, one in self.providers.items()}
        wait_for("every provider", lambda: all(serves() for serves in here.values()), START, 0.5)
