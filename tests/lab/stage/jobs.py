# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet whose instances serve nginx and are executors of XXL-JOB at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from ..demo import wait_for
from ..process import START
from ..xxljob.admin_double import APPLICATION, JOBS, PASSWORD, USER, AdminDouble
from ..xxljob.executor import Executor
from .child import beside
from .stage import Stage


class Jobs(Stage):
    """Each instance with a JVM of its own, which is killed with it at once.

    entry: more of the entry in instance_traffic. by: what takes them out, their application's `endpoint` or the `list`.
    """

    def __init__(
        self,
        folder: Path,
        admin: AdminDouble,
        *,
        entry: Mapping[str, Any] | None = None,
        by: str = "endpoint",
        **more: Any,
    ) -> None:
        super().__init__(folder, **more)
        self.admin = admin
        self.entry = dict(entry or {})
        self._by = by
        self.executors: dict[str, Executor] = {}

    def write(self) -> None:
        for name, address in self.instances.items():
            home = self.folder / f"{name}-xxljob"
            home.mkdir(parents=True)
            self.executors[name] = Executor(home, self.admin, address.partition(":")[0])
        secret = self.folder / "xxljob"
        secret.write_text(f"{USER}:{PASSWORD}\n")
        secret.chmod(0o600)
        super().write()

    def _command(self, name: str) -> list[str]:
        one = self.executors[name]
        return beside(super()._command(name), one.folder, one.command, one.log)

    def _host(self, name: str) -> dict[str, Any]:
        one, values = self.executors[name], super()._host(name)
        entry = {
            "kind": "xxljob",
            "admin": self.admin.url,
            "application": APPLICATION,
            "auth": {"file": str(self.folder / "xxljob")},
            "member": one.member,
            "headers_file": str(one.headers),
            **({"leave": {"url": one.url("leave")}} if self._by == "endpoint" else {}),
            **self.entry,
        }
        return {**values, "instance_traffic": [*values["instance_traffic"], entry]}

    def start_supervisor(self) -> None:
        super().start_supervisor()
        wait_for("every executor", self.all_get_jobs, START, 0.2)

    def all_get_jobs(self) -> bool:
        """Whether everybody gets jobs."""
        return self.admin.registered == {one.member for one in self.executors.values()}

    def journal(self) -> dict[str, list[str]]:
        """By job what became of it, in order."""
        found: dict[str, list[str]] = {}
        for one in self.executors.values():
            for line in one.journal.read_text().splitlines() if one.journal.exists() else []:
                what, _space, name = line.partition(" ")
                found.setdefault(name, []).append(what)
        return found


class Giver:
    """Gives a job every so many seconds, each of up to so many milliseconds; lost: those that could not be given."""

    def __init__(self, fleet: Jobs, *, every: float = 0.25, longest: int = 1500) -> None:
        self.fleet, self.every, self.longest = fleet, every, longest
        self.given: list[str] = []
        self.lost: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._give, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _give(self) -> None:
        while not self._over.wait(self.every):
            length = int.from_bytes(os.urandom(2), "big") % self.longest
            try:
                self.given.append(self.fleet.admin.trigger(JOBS[length % len(JOBS)], length))
            except OSError as error:
                self.lost.append(str(error))
