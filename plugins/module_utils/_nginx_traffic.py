# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judges members by the requests that the balancer's own access log says they got."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from . import _nginx_format

# Seconds. Where all answer at once, a few milliseconds are many times as long.
NOTICED = 0.1


@dataclass(frozen=True)
class Worse:
    """What a member may be worse by than the others. error_rate: percent of 5xx more. slowdown: times their P95."""

    error_rate: float
    slowdown: float


@dataclass(frozen=True)
class Limits:
    """requests: how many at least. error_rate: percent of 5xx, p95: seconds; both must stay below."""

    requests: int
    error_rate: float
    p95: float
    worse: Worse | None = None

    def beside(self, others: Tally | None) -> Limits:
        """The same for who is judged against the others; as they are where too few requests tell of these."""
        slowest = p95(others.seconds) if others else None
        if not self.worse or not others or slowest is None or others.requests < self.requests:
            return self
        least = max(slowest * self.worse.slowdown, slowest + NOTICED)
        return replace(self, error_rate=others.error_rate + self.worse.error_rate, p95=least)


@dataclass
class Tally:
    """The requests that one member got. others: those of all in its upstream that are not judged."""

    upstream: str
    member: str
    addresses: frozenset[str]
    others: Tally | None = None
    requests: int = 0
    errors: int = 0
    seconds: array[float] = field(default_factory=lambda: array("d"))

    @property
    def error_rate(self) -> float:
        """Percent of answers of 500 and above."""
        return 100.0 * self.errors / self.requests if self.requests else 0.0

    @property
    def counted(self) -> str:
        """For people."""
        slowest = p95(self.seconds)
        time = "no times" if slowest is None else f"P95 {slowest:.3f} s"
        return f"{self.requests} requests, {self.errors} answered 5xx ({self.error_rate:.1f}%), {time}"

    def note(self, attempt: _nginx_format.Attempt) -> None:
        if self.others:
            self.others.note(attempt)
        if attempt.status is None or attempt.address not in self.addresses:
            return
        self.requests += 1
        self.errors += attempt.status >= 500
        if attempt.seconds is not None:
            self.seconds.append(attempt.seconds)

    def verdict(self, limits: Limits) -> str:
        """good, bad or inconclusive. Bad as soon as the requests still wanted cannot make it good any more."""
        limits = limits.beside(self.others)
        if self.errors * 100 >= limits.error_rate * max(self.requests, limits.requests):
            return "bad"
        slow = sum(seconds >= limits.p95 for seconds in self.seconds)
        if slow > spare(max(len(self.seconds), limits.requests)):
            return "bad"
        return "good" if self.requests >= limits.requests else "inconclusive"

    def told(self, limits: Limits) -> dict[str, Any]:
        """The member's part of the result."""
        verdict, own = self.verdict(limits), limits.beside(self.others)
        compared = f" beside the others' {self.others.counted}" if self.others and own is not limits else ""
        wanted = {
            "good": "",
            "bad": f": bad, wanted below {own.error_rate:.3g}% and below {own.p95:.3g} s{compared}",
            "inconclusive": f": inconclusive, too few to judge, at least {limits.requests} are wanted",
        }
        return {
            "upstream": self.upstream,
            "member": self.member,
            "requests": self.requests,
            "errors": self.errors,
            "error_rate": round(self.error_rate, 3),
            "p95": p95(self.seconds),
            "verdict": verdict,
            "msg": f"{self.member} in {self.upstream}: {self.counted}{wanted[verdict]}",
        }


def spare(count: int) -> int:
    """How many of `count` values lie above the 95th percentile, by nearest rank."""
    return count - -(-95 * count // 100)


def p95(values: Sequence[float]) -> float | None:
    """The 95th percentile by nearest rank; None where there is no value."""
    return sorted(values)[len(values) - spare(len(values)) - 1] if values else None


class Count:
    """Takes lines of access logs to the tallies of the members that they tell of."""

    def __init__(
        self, tallies: Sequence[Tally], readers: Mapping[str, Sequence[re.Pattern[str]]], began: float | None = None
    ) -> None:
        """began: requests that certainly or perhaps began before are not counted, in seconds since the epoch."""
        self.tallies = tallies
        self._began = began
        self.strange: dict[str, int] = {}
        self._readers = readers
        told_of = [*tallies, *(tally.others for tally in tallies if tally.others)]
        self._ours = sorted({address.encode() for tally in told_of for address in tally.addresses})

    def take(self, lines: Iterable[tuple[str, bytes]]) -> None:
        """Count `lines`, pairs of a log's path and a line; those that fit no format of their log are `strange`."""
        for path, line in lines:
            if not any(address in line for address in self._ours):
                continue
            found = self._read(line.decode("latin-1"), self._readers[path])
            if found is None:
                self.strange[path] = self.strange.get(path, 0) + 1
            for attempt in found or ():
                for tally in self.tallies:
                    tally.note(attempt)

    def verdict(self, limits: Limits) -> str:
        """The worst of the members'."""
        verdicts = {tally.verdict(limits) for tally in self.tallies}
        return next((word for word in ("bad", "inconclusive") if word in verdicts), "good")

    def _read(self, line: str, readers: Sequence[re.Pattern[str]]) -> list[_nginx_format.Attempt] | None:
        for reader in readers:
            if match := reader.match(line):
                fields = match.groupdict()
                at = None if self._began is None else _nginx_format.began(fields)
                return _nginx_format.attempts(fields) if at is None or at >= (self._began or 0.0) else []
        return None
