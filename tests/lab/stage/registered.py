# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet whose instances serve nginx and are services of Spring Boot in a registry at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..demo import wait_for
from ..spring.caller import CACHED
from ..spring.service import SERVICE, Service
from ..tls import Authority
from .child import beside
from .stage import Stage


class Registered(Stage):
    """Each instance with a JVM of its own, which is killed with it at once.

    entry: more of the entry in instance_traffic. by: what takes them out, `registry` or `readiness`.
    """

    def __init__(
        self,
        folder: Path,
        registry: str,
        *,
        entry: Mapping[str, Any] | None = None,
        by: str = "registry",
        **more: Any,
    ) -> None:
        super().__init__(folder, **more)
        self.registry = registry
        self.entry = dict(entry or {})
        self.by = by
        self.services: dict[str, Service] = {}

    def write(self) -> None:
        authority = Authority(self.folder / "tls")
        for name, address in self.instances.items():
            home = self.folder / f"{name}-spring"
            home.mkdir(parents=True)
            self.services[name] = Service(home, authority, address.partition(":")[0], self.registry)
        super().write()

    def _command(self, name: str) -> list[str]:
        one = self.services[name]
        return beside(super()._command(name), one.folder, one.command, one.log)

    def _host(self, name: str) -> dict[str, Any]:
        one, values = self.services[name], super()._host(name)
        entry = {
            "kind": "spring",
            "application": SERVICE,
            "actuator": one.actuator,
            "headers_file": str(one.headers),
            "ca_file": str(one.ca),
            "busy": {"tomcat.threads.busy": 0, "executor.active": 0},
            "settle": CACHED + 1,
            # Several JVMs beside it keep the machine busy.
            "timeout": 10,
            **(self._levers(one) if self.by == "readiness" else {}),
            **self.entry,
        }
        work = {"url": "http://{{ instance_address }}/health-extended", "expect": {"status": "healthy"}}
        return {
            **values,
            "instance_traffic": [*values["instance_traffic"], entry],
            "instance_health": [work, self._lives(one)],
        }

    def _levers(self, one: Service) -> dict[str, Any]:
        return {"leave": {"url": f"{one.url}/internal/prepare-shutdown"}, "join": {"url": f"{one.url}/internal/resume"}}

    def _lives(self, one: Service) -> dict[str, Any]:
        """Ready or not by its own switch, it lives."""
        url = f"{one.actuator}/health/liveness"
        return {"url": url, "headers_file": str(one.headers), "ca_file": str(one.ca), "expect": {"status": "UP"}}

    def start_supervisor(self) -> None:
        super().start_supervisor()
        wait_for("every application", lambda: all(one.serves() for one in self.services.values()), 90, 0.5)
