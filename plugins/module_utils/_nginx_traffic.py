# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judges members by the requests that the balancer's own access log says they got."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import _nginx_format


@dataclass(frozen=True)
class Limits:
    """requests: how many at least. error_rate: percent of 5xx, p95: seconds; both must stay below."""

    requests: int
    error_rate: float
    p95: float


@dataclass
class Tally:
    """The requests that one member got."""

    upstream: str
    member: str
    addresses: frozenset[str]
    requests: int = 0
    errors: int = 0
    seconds: array[float] = field(default_factory=lambda: array("d"))

    def note(self, attempt: _nginx_format.Attempt) -> None:
        if attempt.status is None or attempt.address not in self.addresses:
            return
        self.requests += 1
        self.errors += attempt.status >= 500
        if attempt.seconds is not None:
            self.seconds.append(attempt.seconds)

    def verdict(self, limits: Limits) -> str:
        """good, bad or inconclusive. Bad as soon as the requests still wanted cannot make it good any more."""
        if self.errors * 100 >= limits.error_rate * max(self.requests, limits.requests):
            return "bad"
        slow = sum(seconds >= limits.p95 for seconds in self.seconds)
        if slow > spare(max(len(self.seconds), limits.requests)):
            return "bad"
        return "good" if self.requests >= limits.requests else "inconclusive"

    def told(self, limits: Limits) -> dict[str, Any]:
        """The member's part of the result."""
        verdict, slowest = self.verdict(limits), p95(self.seconds)
        rate = 100.0 * self.errors / self.requests if self.requests else 0.0
        time = "no times" if slowest is None else f"P95 {slowest:.3f} s"
        counted = f"{self.requests} requests, {self.errors} answered 5xx ({rate:.1f}%), {time}"
        wanted = {
            "good": "",
            "bad": f": bad, wanted below {limits.error_rate:g}% and below {limits.p95:g} s",
            "inconclusive": f": inconclusive, too few to judge, at least {limits.requests} are wanted",
        }
        return {
            "upstream": self.upstream,
            "member": self.member,
            "requests": self.requests,
            "errors": self.errors,
            "error_rate": round(rate, 3),
            "p95": slowest,
            "verdict": verdict,
            "msg": f"{self.member} in {self.upstream}: {counted}{wanted[verdict]}",
        }


def spare(count: int) -> int:
    """How many of `count` values lie above the 95th percentile, by nearest rank."""
    return count - -(-95 * count // 100)


def p95(values: Sequence[float]) -> float | None:
    """The 95th percentile by nearest rank; None where there is no value."""
    return sorted(values)[len(values) - spare(len(values)) - 1] if values else None


class Count:
    """Takes lines of access logs to the tallies of the members that they tell of."""

    def __init__(self, tallies: Sequence[Tally], readers: Mapping[str, Sequence[re.Pattern[str]]]) -> None:
        self.tallies = tallies
        self.strange: dict[str, int] = {}
        self._readers = readers
        self._ours = sorted({address.encode() for tally in tallies for address in tally.addresses})

    def take(self, lines: Iterable[tuple[str, bytes]]) -> None:
        """Count `lines`, pairs of a log's path and a line; those that fit no format of their log are `strange`."""
        for path, line in lines:
            if not any(address in line for address in self._ours):
                continue
            found = _read(line.decode("latin-1"), self._readers[path])
            if found is None:
                self.strange[path] = self.strange.get(path, 0) + 1
            for attempt in found or ():
                for tally in self.tallies:
                    tally.note(attempt)

    def verdict(self, limits: Limits) -> str:
        """The worst of the members'."""
        verdicts = {tally.verdict(limits) for tally in self.tallies}
        return next((word for word in ("bad", "inconclusive") if word in verdicts), "good")


def _read(line: str, readers: Sequence[re.Pattern[str]]) -> list[_nginx_format.Attempt] | None:
    for reader in readers:
        if match := reader.match(line):
            return _nginx_format.attempts(match.groupdict())
    return None
