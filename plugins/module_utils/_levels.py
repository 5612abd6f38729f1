# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many of each pool are in traffic, who is out and why. Pure.

Everything is counted from the configured members, never from those that were found.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Protocol

from . import _floor

LEASED, DRAINED, BACKUP, UNHEALTHY = "leased", "drained", "backup", "unhealthy"
# What a registry says of a member that has nothing registered, or not all that it should have: one that is dead or
# loses its sessions one by one, or that somebody took offline.
GONE, PARTLY = "gone", "partly"
LEFT = (GONE, PARTLY)
_NAMED = 5

# What each source says of a member, by (pool, source, member).
Said = Mapping[tuple[str, str, str], Mapping[str, Any]]


class Seen(Protocol):
    """What a probe saw."""

    @property
    def ok(self) -> bool: ...

    @property
    def saw(self) -> str: ...


@dataclass(frozen=True)
class Pool:
    """A set of instances among which work is shared. hosts: all configured ones. share: the floor as it was written.

    within: the pool of which it is a part, by whose traffic points its members are judged; empty for one of its own.
    """

    id: str
    kind: str
    name: str
    floor: Fraction
    share: str
    hosts: tuple[str, ...]
    within: str = ""


class Glass(enum.Enum):
    """Whether a run may go below the floor: not; down to one; and where a pool has one member, down to none."""

    WHOLE, BROKEN, EMPTY = "whole", "broken", "empty"


@dataclass(frozen=True)
class Out:
    """A member that is not in traffic: why (one of the constants above), and in words."""

    host: str
    why: str
    detail: str


@dataclass(frozen=True)
class Level:
    """Where a pool stands: `outs` by host, in the pool's order. glass: whether its asker may go below the floor."""

    pool: Pool
    outs: Mapping[str, Out]
    glass: Glass = Glass.WHOLE

    def with_leases(self, leased: Mapping[str, str], going: Collection[str] = ()) -> Level:
        """The same with what leases hold as out. `leased`: what to say of each host; those in `going` are out only
        where they do not serve."""
        held = {host: Out(host, LEASED, text) for host, text in leased.items() if self._holds(host, going)}
        both = {**self.outs, **held}
        return replace(self, outs={host: both[host] for host in self.pool.hosts if host in both})

    def _holds(self, host: str, going: Collection[str]) -> bool:
        return host not in going or host in self.outs

    @property
    def configured(self) -> int:
        return len(self.pool.hosts)

    @property
    def in_traffic(self) -> int:
        return self.configured - len(self.outs)

    @property
    def least(self) -> int:
        return _floor.least_in(self.configured, self.pool.floor)

    @property
    def bound(self) -> int:
        """How many must stay for the run that asks: the floor; with broken glass one, or none of a pool of one."""
        if self.glass is Glass.WHOLE:
            return self.least
        return 0 if self.glass is Glass.EMPTY and self.configured == 1 else min(self.least, 1)

    @property
    def room(self) -> int:
        """How many more may be taken out; negative where there is none even of what is out."""
        return self.in_traffic - self.bound

    def text(self) -> str:
        named = grouped({host: out.detail for host, out in self.outs.items()})
        outs = f"{len(self.outs)} out ({'; '.join(named)})" if named else "0 out"
        more = f"may take out {self.room} more" if self.room >= 0 else f"BELOW ITS FLOOR by {-self.room}"
        broken = "" if self.glass is Glass.WHOLE else f", BROKEN GLASS leaves {self.bound}"
        return (
            f"{self.pool.name}: {self.configured} configured, {self.in_traffic} in traffic, {outs}; "
            f"floor {self.pool.share} = {self.least}{broken}; {more}"
        )

    def facts(self) -> dict[str, Any]:
        return {
            "pool": self.pool.id,
            "name": self.pool.name,
            "configured": self.configured,
            "in_traffic": self.in_traffic,
            "out": {host: {"why": out.why, "detail": out.detail} for host, out in self.outs.items()},
            "floor": self.pool.share,
            "least": self.least,
            "room": max(0, self.room),
            "below": max(0, self.least - self.in_traffic),
            "msg": self.text(),
        }


def grouped(said: Mapping[str, str]) -> list[str]:
    """`a, b: text` for the hosts of which the same is to be said; of many only the first are named."""
    hosts: dict[str, list[str]] = {}
    for host, text in said.items():
        hosts.setdefault(text, []).append(host)
    return [f"{_listed(names)}: {text}" for text, names in hosts.items()]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED + 1 else ""
    return ", ".join(names[:_NAMED] if more else names) + more


def moment(at: float, now: float) -> str:
    """A time by the ledger's clock for people, in UTC; with its date where it is more than half a day away."""
    return time.strftime("%H:%MZ" if abs(now - at) < 43200 else "%Y-%m-%d %H:%MZ", time.gmtime(at))


def points_of(pool: Pool, instance: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The instance's traffic points in the pool; in the service as a whole all of them."""
    return [
        point for point in instance["points"] if pool.kind == "service" or point["pool"] == (pool.within or pool.id)
    ]


def levels(
    pools: Sequence[Pool],
    instances: Mapping[str, Mapping[str, Any]],
    said: Said,
    seen: Mapping[str, Seen],
    glass: Glass = Glass.WHOLE,
) -> list[Level]:
    """The level of each pool by its sources and probes alone. Sources must agree first."""
    return [Level(pool, _outs(pool, instances, said, seen), glass) for pool in pools]


def _outs(
    pool: Pool, instances: Mapping[str, Mapping[str, Any]], said: Said, seen: Mapping[str, Seen]
) -> dict[str, Out]:
    outs = {}
    for host in pool.hosts:
        points = points_of(pool, instances[host])
        words = {(p["source"], p["pool"]): said[p["pool"], p["source"], p["member"]] for p in points}
        why = _why(host, words, seen[host])
        if why is not None:
            outs[host] = why
    return outs


def _why(host: str, words: Mapping[tuple[str, str], Mapping[str, Any]], seen: Seen) -> Out | None:
    states = {place: word["state"] for place, word in words.items()}
    if seen.ok and set(states.values()) == {"up"}:
        return None
    places = ", ".join(
        f"{word['state']} in {pool} at {source}{_saw(word)}"
        for (source, pool), word in words.items()
        if word["state"] != "up"
    )
    if not seen.ok and set(states.values()) <= {"up", *LEFT}:
        return Out(host, UNHEALTHY, f"unhealthy: {seen.saw}")
    if set(states.values()) - {"up", "backup"}:
        return Out(host, DRAINED, f"drained by hand ({places})")
    if places:
        return Out(host, BACKUP, f"backup only ({places})")
    if not seen.ok:
        return Out(host, UNHEALTHY, f"unhealthy: {seen.saw}")
    return None


def _saw(word: Mapping[str, Any]) -> str:
    """What a source that asks the member itself has seen of it."""
    return f": {word['saw']}" if word.get("saw") else ""


def costs(host: str, found: Sequence[Level]) -> frozenset[str]:
    """The pools in which taking `host` out costs room: those in which it is in traffic now."""
    return frozenset(level.pool.id for level in found if host in level.pool.hosts and host not in level.outs)
