# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real Dubbo on loopback: providers, and consumers that account for every call. In Java: see java/lab."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..demo import wait_for
from ..java import Server, classes, place
from ..nginx import free_port
from ..zookeeper import HOST, ZooKeeper

SOURCES = Path(__file__).parent / "java"
ECHO, ECHO2 = "lab.Echo", "g1/lab.Echo2:1.0.0"
PROTOCOLS = {"3.3": ("dubbo", "tri"), "2.7": ("dubbo",)}
LEVELS = {"3.3": ("application", "interface"), "2.7": ("interface",)}
# Without an interface that it may look at, Dubbo registers 127.0.0.1.
PROPERTIES = {"dubbo.network.interface.ignored": ".*", "dubbo.application.register-mode": "all"}
LEVEL = "dubbo.application.service-discovery.migration"
OPTIONS = {
    "3.3": (),
    "2.7": tuple(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("lang", "math", "util")),
}


class Served(NamedTuple):
    """A call that a provider finished; times in seconds since the epoch."""

    began: float
    ended: float
    id: str
    service: str
    pid: int


class Call(NamedTuple):
    """A call that a consumer made. where: the provider's name, and its pid; reason: why it failed."""

    at: float
    seconds: float
    id: str
    ok: bool
    where: str = ""
    pid: int = 0
    reason: str = ""
    message: str = ""


def address(zk: ZooKeeper, group: str = "") -> str:
    """An ensemble as Dubbo's users write it."""
    first, *others = zk.hosts.split(",")
    words = [*(["backup=" + ",".join(others)] if others else []), *([f"group={group}"] if group else [])]
    return f"zookeeper://{first}" + ("?" + "&".join(words) if words else "")


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
    ) -> None:
        self.application = application
        self.services = tuple(services)
        self.ports = {protocol: free_port() for protocol in protocols or PROTOCOLS[version]}
        self.qos_port, self.status_port = free_port(), free_port()
        self.account = folder / "calls.tsv"
        words = [f"name={name}", f"application={application}", f"calls={self.account}"]
        words += [f"qos={self.qos_port}", f"status={self.status_port}"]
        words += [f"protocol={protocol}:{port}" for protocol, port in self.ports.items()]
        words += [f"service={service}" for service in services]
        java = words_of(version, "Provider", properties, registries, words)
        super().__init__(name, folder, f"dubbo-{version}", java, self._serves, _own(version))

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

    def _serves(self) -> bool:
        try:
            said = self.published()
        except OSError:
            return False
        return said.keys() == set(self.services) and not any("N" in text for text in said.values())


class Consumer(Server):
    """Calls one service at one level, each id once, at an even rate over all threads, without any retry."""

    def __init__(
        self,
        folder: Path,
        registries: Sequence[str],
        *,
        version: str = "3.3",
        name: str = "consumer",
        level: str = "",
        service: str = ECHO,
        protocol: str = "dubbo",
        threads: int = 32,
        rate: int = 100,
        work: int = 200,
        timeout: int = 5000,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self.level = level or LEVELS[version][0]
        assert self.level in LEVELS[version], f"Dubbo {version} has no level {level}"
        self.account = folder / "calls.tsv"
        self._result, self._threads = folder / "result.json", threads
        words = [f"application={name}", f"service={service}", f"protocol={protocol}", f"threads={threads}"]
        words += [f"rate={rate}", f"work={work}", f"timeout={timeout}"]
        words += [f"calls={self.account}", f"result={self._result}"]
        asked = {LEVEL: f"FORCE_{self.level.upper()}", **(properties or {})}
        java = words_of(version, "Consumer", asked, registries, words)
        super().__init__(name, folder, f"dubbo-{version}", java, lambda: bool(self.calls()), _own(version))

    def calls(self, since: int = 0) -> list[Call]:
        """What became of each call, in the order of their ends; less so many of the first."""
        return [_call(fields) for fields in lines(self.account)[since:]]

    def wait_calls(self, count: int, provider: str = "", seconds: float = 60.0) -> None:
        """Until so many more calls were answered, by this provider where one is named."""
        since = len(self.calls())

        def answered() -> bool:
            return sum(call.ok and provider in ("", call.where) for call in self.calls(since)) >= count

        wait_for(f"{count} calls of {self.name} answered by {provider or 'anybody'}", answered, seconds)

    def settle(self, seconds: float = 60.0) -> None:
        """Until every call that began before is accounted for: each thread has ended one that began since."""
        now, since = time.time(), len(self.calls())

        def settled() -> bool:
            return len({call.id.split("-")[1] for call in self.calls(since) if call.at > now}) == self._threads

        wait_for(f"the calls of {self.name} to end", settled, seconds)

    def finish(self) -> dict[str, Any]:
        """End it when no call is in flight. sent, ok, failed, and by name the reasons and the providers."""
        self.stop()
        found: dict[str, Any] = json.loads(self._result.read_text())
        return found


def words_of(
    version: str,
    main: str,
    properties: Mapping[str, str] | None,
    registries: Sequence[str],
    arguments: Sequence[str],
) -> list[str]:
    """The JVM's options, the main class and its arguments."""
    asked = [f"-D{name}={value}" for name, value in {**PROPERTIES, **(properties or {})}.items()]
    return [*OPTIONS[version], *asked, f"lab.{main}", *[f"registry={one}" for one in registries], *arguments]


def lines(account: Path) -> list[list[str]]:
    """The fields of every complete line."""
    text = account.read_text() if account.exists() else ""
    return [line.split("\t") for line in text[: text.rfind("\n") + 1].splitlines()]


def _call(fields: Sequence[str]) -> Call:
    at, millis, id_, outcome, *rest = fields
    when, seconds = int(at) / 1000, int(millis) / 1000
    if outcome == "ok":
        return Call(when, seconds, id_, True, where=rest[0], pid=int(rest[1]))
    return Call(when, seconds, id_, False, reason=rest[0], message=rest[1])


def _own(version: str) -> Path:
    return classes(f"dubbo-{version}", SOURCES)


@contextlib.contextmanager
def dubbo_provider(registries: Sequence[str], folder: Path | None = None, **settings: Any) -> Iterator[Provider]:
    """A provider inside the block; the settings are those of Provider."""
    with place(folder, "dubbo-provider") as where:
        provider = Provider(where, registries, **settings)
        try:
            provider.start()
            yield provider
        finally:
            provider.kill()


@contextlib.contextmanager
def dubbo_consumer(registries: Sequence[str], folder: Path | None = None, **settings: Any) -> Iterator[Consumer]:
    """A consumer inside the block; the settings are those of Consumer."""
    with place(folder, "dubbo-consumer") as where:
        consumer = Consumer(where, registries, **settings)
        try:
            consumer.start()
            yield consumer
        finally:
            consumer.stop()
