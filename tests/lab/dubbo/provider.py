# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Providers of the lab's Dubbo."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..java import Place, Server
from ..nginx import free_port
from ..zookeeper import HOST
from .jvm import ECHO, PROTOCOLS, WAITS, command, lines, own


class Served(NamedTuple):
    """A call that a provider finished; times in seconds since the epoch."""

    began: float
    ended: float
    id: str
    service: str
    pid: int


class Provider(Server):
    """One instance of an application. It keeps its ports, and its account of calls, when it is started again."""

    # Dubbo waits for 10 by itself when it is told to end.
    grace = 30.0

    def __init__(
        self,
        folder: Path,
        registries: Sequence[str],
        *,
        version: str = "3.3",
        name: str = "provider",
        application: str = "echo-svc",
        services: Sequence[str] = (ECHO,),
        protocols: Sequence[str] = (),
        properties: Mapping[str, str] | None = None,
        place: Provider | None = None,
        waits: bool = False,
    ) -> None:
        """place: of another one, at whose ports it is to be. waits: until QoS tells it to register."""
        self.application = application
        self.services = tuple(services)
        free = {protocol: free_port() for protocol in protocols or PROTOCOLS[version]}
        self.ports: dict[str, int] = place.ports if place else free
        self.qos_port: int = place.qos_port if place else free_port()
        self.status_port: int = place.status_port if place else free_port()
        self.account = folder / "calls.tsv"
        words = [f"name={name}", f"application={application}", f"calls={self.account}"]
        words += [f"qos={self.qos_port}", f"status={self.status_port}"]
        words += [f"protocol={protocol}:{port}" for protocol, port in self.ports.items()]
        words += [f"service={service}" for service in services]
        asked = {**(WAITS[version] if waits else {}), **(properties or {})}
        java = command(version, "Provider", asked, registries, words)
        ready = self.came if waits else self.serves
        super().__init__(name, folder, f"dubbo-{version}", java, ready, own(version))

    def address(self, protocol: str = "dubbo") -> str:
        return f"{HOST}:{self.ports[protocol]}"

    def url(self, what: str) -> str:
        """Of `qos`, or of `status`."""
        return f"http://{HOST}:{self.qos_port if what == 'qos' else self.status_port}"

    def qos(self, command: str) -> tuple[int, str]:
        """Status and text; `offline?x=lab.Echo`, for one."""
        try:
            with urllib.request.urlopen(f"{self.url('qos')}/{command}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def published(self) -> dict[str, str]:
        """What QoS says of each service: Y and N, on 3.x for each registry and level."""
        _status, text = self.qos("ls")
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
        return {row[0]: row[1] for row in rows if len(row) == 2 and row[0] in self.services}

    def status(self) -> dict[str, int]:
        """pid, in_flight, served (since this process started), last (when the last call began, in ms)."""
        with urllib.request.urlopen(f"{self.url('status')}/status", timeout=30) as answer:
            found: dict[str, int] = json.load(answer)
        return found

    def served(self) -> list[Served]:
        return [
            Served(int(began) / 1000, int(ended) / 1000, id_, service, int(pid))
            for began, ended, id_, service, pid in lines(self.account)
        ]

    def serves(self) -> bool:
        try:
            said = self.published()
        except OSError:
            return False
        return said.keys() == set(self.services) and not any("N" in text for text in said.values())

    def ready(self) -> bool:
        """Whether every service could be registered, or is."""
        try:
            said = self.published()
        except OSError:
            return False
        return said.keys() == set(self.services) and all(said.values())

    def came(self) -> bool:
        """Whether it serves, after it was told to as a deployment does it."""
        return self.ready() and self.qos("online")[0] == 200 and self.serves()


@contextlib.contextmanager
def dubbo_provider(registries: Sequence[str], folder: Path | None = None, **settings: Any) -> Iterator[Provider]:
    """A provider inside the block; the settings are those of Provider."""
    with Place(folder, "dubbo-provider") as where:
        provider = Provider(where, registries, **settings)
        try:
            provider.start()
            yield provider
        finally:
            provider.kill()
