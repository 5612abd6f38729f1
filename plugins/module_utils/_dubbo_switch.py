# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells one process of Dubbo to leave the registries or to come back, and waits until it says so itself."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import _dubbo_url, _dubbo_way, _poll
from ._dubbo_qos import Published, Qos, QosError
from ._dubbo_url import Service

OUT, IN = "out", "in"

# By key where each service is registered, as its process says.
Said = Mapping[str, Sequence[Published]]


def facts(said: Said) -> dict[str, list[dict[str, Any]]]:
    """As modules return it."""
    return {
        key: [{"registry": one.registry, "level": one.level, "registered": one.yes} for one in where]
        for key, where in said.items()
    }


def wanted(said: Said, state: str, before: Mapping[str, bool], services: Collection[str] = ()) -> dict[str, bool]:
    """By key whether a service is to be registered. before: how it was; what is not there was. services: only these.

    Raises ValueError where a service that is asked for or is to come back is not there at all.
    """
    strange = sorted(set(services) - set(said))
    if strange:
        raise ValueError(f"services: this process has no {', '.join(strange)}; it has {', '.join(sorted(said))}")
    if services:
        return {key: there for key, there in wanted(said, state, before).items() if key in services}
    if state == OUT:
        return dict.fromkeys(said, False)
    lost = sorted(key for key, was in before.items() if was and key not in said)
    if lost:
        raise ValueError(f"before has {', '.join(lost)}, and this process has only {', '.join(sorted(said)) or 'none'}")
    return {key: before.get(key, True) for key, where in said.items() if where}


def leaving(said: Said, goal: Mapping[str, bool]) -> list[Service]:
    """What is registered somewhere and should not be."""
    return _services(key for key, there in goal.items() if not there and any(one.yes for one in said[key]))


def coming(said: Said, goal: Mapping[str, bool]) -> list[Service]:
    """What is not registered everywhere and should be."""
    return _services(key for key, there in goal.items() if there and not all(one.yes for one in said[key]))


def _services(keys: Iterable[str]) -> list[Service]:
    return [_dubbo_url.service(key) for key in sorted(keys)]


def tell(qos: Qos, way: str, said: Said, goal: Mapping[str, bool]) -> None:
    """Give the commands, those to leave first. way: GRACEFUL only where all of them leave. Raises QosError."""
    leave, come = leaving(said, goal), coming(said, goal)
    if leave and way == _dubbo_way.GRACEFUL:
        qos.graceful_shutdown()
    elif leave:
        qos.offline(leave)
    if come:
        qos.online(come)


def wait(
    qos: Qos, goal: Mapping[str, bool], *, deadline: float, interval: float, clock: _poll.Clock = time
) -> tuple[dict[str, list[Published]], float]:
    """Until the process says that all is as it should be: what it said, and the seconds. Raises QosError."""
    outcome = _poll.poll(
        qos.services, lambda said: not other(said, goal), deadline=deadline, interval=interval, clock=clock
    )
    if not outcome.ok:
        raise QosError(f"after {deadline:g} s the process says that {'; '.join(other(outcome.last, goal))}")
    return outcome.last, outcome.waited


def other(said: Said, goal: Mapping[str, bool]) -> list[str]:
    """What is not as it should be."""
    known = {key: there for key, there in goal.items() if key in said}
    texts = [f"{key} is there no more" for key in sorted(set(goal) - set(known))]
    texts += [f"{one} is still registered" for one in leaving(said, known)]
    return texts + [f"{one} is not registered everywhere" for one in coming(said, known)]


def partly(said: Said) -> list[str]:
    """The services that are registered on some of their levels only."""
    return sorted(key for key, where in said.items() if len({one.yes for one in where}) > 1)


def expected(said: Said, goal: Mapping[str, bool]) -> dict[str, list[Published]]:
    """What it will say."""
    return {key: [replace(one, yes=goal.get(key, one.yes)) for one in where] for key, where in said.items()}


def text(said: Said) -> str:
    """For people, a line for each service."""
    return "".join(f"{key}: {' '.join(map(_level, said[key])) or 'nowhere'}\n" for key in sorted(said))


def _level(one: Published) -> str:
    where = " ".join(filter(None, (one.registry, one.level)))
    return f"{where}{' ' if where else ''}{'Y' if one.yes else 'N'}"
