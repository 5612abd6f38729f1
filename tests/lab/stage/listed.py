# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet whose instances serve nginx and are registered in Nacos at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..demo import wait_for
from ..nacos.server import PASSWORD, SERVICE, USER, Nacos, Registered
from ..process import START
from .child import beside
from .stage import Stage

# Its clients are told at once, and keep no list of their own: seconds.
SETTLE = 2


class Listed(Stage):
    """Each instance with a JVM of its own, which is killed with it at once. watcher: a consumer.

    entry: more of the entry in instance_traffic.
    """

    def __init__(self, folder: Path, nacos: Nacos, *, entry: Mapping[str, Any] | None = None, **more: Any) -> None:
        super().__init__(folder, **more)
        self.nacos = nacos
        self.entry = dict(entry or {})
        self.registered: dict[str, Registered] = {}

    @property
    def watcher(self) -> Registered:
        return self._watcher

    def write(self) -> None:
        for name, address in self.instances.items():
            self.registered[name] = self._made(f"{name}-nacos", address.partition(":")[0], 3.0)
        self._watcher = self._made("watcher", next(iter(self.balancers.values())).partition(":")[0], 0.0)
        secret = self.folder / "nacos"
        secret.write_text(f"{USER}:{PASSWORD}\n")
        secret.chmod(0o600)
        super().write()

    def _made(self, name: str, address: str, weight: float) -> Registered:
        home = self.folder / name
        home.mkdir(parents=True)
        return Registered(home, self.nacos, address, weight)

    def _command(self, name: str) -> list[str]:
        one = self.registered[name]
        return beside(super()._command(name), one.folder, one.command, one.log)

    def _host(self, name: str) -> dict[str, Any]:
        values = super()._host(name)
        entry = {
            "kind": "nacos",
            "servers": [self.nacos.url],
            "services": SERVICE,
            "member": self.registered[name].member,
            "settle": SETTLE,
            **({"auth": {"file": str(self.folder / "nacos")}} if self.nacos.version == 3 else {}),
            **self.entry,
        }
        return {**values, "instance_traffic": [*values["instance_traffic"], entry]}

    def start_supervisor(self) -> None:
        super().start_supervisor()
        self.watcher.start()
        wait_for("everybody registered", lambda: len(self.watcher.seen()) == len(self.instances), START, 0.2)

    def stop(self) -> None:
        if hasattr(self, "_watcher"):
            self._watcher.kill()
        super().stop()

    def there(self) -> dict[str, tuple[bool, float, str]]:
        """By instance what the server has: enabled, weight, metadata."""
        names = {one.member: name for name, one in self.registered.items()}
        return {
            names[member]: (one["enabled"], one["weight"], str(one["metadata"]))
            for member, one in self.nacos.registered().items()
        }
