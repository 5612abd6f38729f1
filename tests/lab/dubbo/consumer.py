# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Consumers of the lab's Dubbo, and their account of every call."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..demo import wait_for
from ..java import Place, Server
from .jvm import ECHO, LEVEL, LEVELS, command, lines, own


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
        java = command(version, "Consumer", asked, registries, words)
        super().__init__(name, folder, f"dubbo-{version}", java, lambda: bool(self.calls()), own(version))

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


def _call(fields: Sequence[str]) -> Call:
    at, millis, id_, outcome, *rest = fields
    when, seconds = int(at) / 1000, int(millis) / 1000
    if outcome == "ok":
        return Call(when, seconds, id_, True, where=rest[0], pid=int(rest[1]))
    return Call(when, seconds, id_, False, reason=rest[0], message=rest[1])


@contextlib.contextmanager
def dubbo_consumer(registries: Sequence[str], folder: Path | None = None, **settings: Any) -> Iterator[Consumer]:
    """A consumer inside the block; the settings are those of Consumer."""
    with Place(folder, "dubbo-consumer") as where:
        consumer = Consumer(where, registries, **settings)
        try:
            consumer.start()
            yield consumer
        finally:
            consumer.stop()
