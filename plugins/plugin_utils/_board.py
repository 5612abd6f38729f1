# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run is at, as a few lines for a terminal. Pure. Times are seconds of one monotonic clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Narrower than this, or lower, nothing of use can be shown.
LEAST_WIDTH, LEAST_HEIGHT = 40, 12
# So many pools are shown, those with the least room first.
_POOLS = 3
_DONE = ("done", "restored")


@dataclass(frozen=True)
class Doing:
    """What is done with an instance: its step, what in it, and since when it is at the step."""

    step: str
    what: str
    since: float


@dataclass
class View:
    """What is known of the run. doing: by host, of the batch in work. leases: by host {step, expires}. levels: of each
    pool at the last grant, as the guard gives them. waits: why the batch has to wait; empty where it does not."""

    service: str
    run: str
    planned: Sequence[str]
    began: float
    expected: float | None = None
    doing: dict[str, Doing] = field(default_factory=dict)
    leases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    levels: Sequence[Mapping[str, Any]] = ()
    waits: str = ""

    @property
    def done(self) -> int:
        return sum(lease["step"] == "done" for lease in self.leases.values())

    def in_work(self) -> list[str]:
        """In the order of the plan."""
        return [host for host in self.planned if host in self.doing and _step(self, host) not in _DONE]


def rows(batch: int, pools: int, height: int) -> int:
    """How many lines the board takes on a terminal of that height; 0 where it is too low for one."""
    if height < LEAST_HEIGHT:
        return 0
    return min(1 + batch + min(pools, _POOLS), height // 2)


def lines(view: View, now: float, width: int, count: int, rule: str = "-") -> list[str]:
    """Exactly `count` lines of at most `width`: the run, each instance in work, the pools."""
    in_work = view.in_work()
    pools = sorted(view.levels, key=lambda one: _in_traffic(view, one) - one["least"])[:_POOLS]
    free = max(1, count - 1 - len(pools))
    told = [_instance(view, host, now, width) for host in in_work]
    if view.waits:
        told.append(f" waits: {view.waits}")
    if len(told) > free:
        told = [*told[: free - 1], f" and {len(told) - free + 1} more in work"]
    found = [_run(view, now, width, rule), *told, *(_pool(view, one) for one in pools)]
    return [line[:width] for line in [*found, *[""] * count][:count]]


def _run(view: View, now: float, width: int, rule: str) -> str:
    left = _left(view, now)
    parts = [view.service, f"{view.done} of {len(view.planned)} done", _clock(now - view.began)]
    parts += [f"about {_clock(left)} left"] if left is not None else []
    text = f"{rule * 2} {', '.join(parts)}, run {view.run} "
    return text + rule * (width - len(text))


def _left(view: View, now: float) -> float | None:
    """By the last finished run; without one, by how long this one takes."""
    passed = now - view.began
    if view.expected:
        return max(0.0, view.expected - passed)
    return passed / view.done * (len(view.planned) - view.done) if view.done else None


def _instance(view: View, host: str, now: float, width: int) -> str:
    doing, lease = view.doing[host], view.leases.get(host)
    ends = f"  at most {_clock(lease['expires'] - now)} more" if lease else ""
    text = f" {host:<12} {doing.step:<11} {_clock(now - doing.since):>6}  {doing.what}"
    return text[: width - len(ends)].ljust(width - len(ends)) + ends


def _step(view: View, host: str) -> str:
    return str(view.leases.get(host, {}).get("step", ""))


def _in_traffic(view: View, level: Mapping[str, Any]) -> int:
    """Those that have come back since the grant are in traffic again."""
    back = [host for host in level["out"] if _step(view, host) in _DONE]
    return int(level["in_traffic"]) + len(back)


def _pool(view: View, level: Mapping[str, Any]) -> str:
    count = _in_traffic(view, level)
    below = "  BELOW ITS FLOOR" if count < level["least"] else ""
    return f" {level['name']}: {count} of {level['configured']} in traffic, floor {level['least']}{below}"


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
