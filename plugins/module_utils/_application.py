# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An application that its own endpoints tell to take no more work, and that says itself whether it does."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _gate, _lever, _target
from ._lever import JOIN, LEAVE, Lever

SERVING, FINISHED = "serving", "finished"
# Whether it takes work: it says so, it says that it does not, nothing is heard of it.
UP, DOWN, GONE = "up", "down", "gone"


class ApplicationError(Exception):
    """It cannot be asked, or did not do as it was told; the message says what it said."""


@dataclass(frozen=True)
class Application:
    """leave, join: how it is told. serving: what holds while it takes work. finished: what holds once it has done all
    that it had taken."""

    leave: Lever | None
    join: Lever | None
    serving: Sequence[Mapping[str, Any]]
    finished: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Word:
    """What it says of itself, one of the states above, and in words."""

    state: str
    saw: str


def application(given: Mapping[str, Any]) -> Application:
    """From {leave, join, serving, finished}, of which only serving has to be there. Raises ValueError."""
    levers = {name: _lever.lever(given[name], name) for name in (LEAVE, JOIN) if given.get(name) is not None}
    for name, lever in levers.items():
        if lever.none:
            raise ValueError(f"{name} has neither url nor command: what cannot be told has no traffic point of its own")
    return Application(levers.get(LEAVE), levers.get(JOIN), _targets(given, SERVING, 1), _targets(given, FINISHED, 0))


def _targets(given: Mapping[str, Any], name: str, least: int) -> list[Mapping[str, Any]]:
    found = given.get(name) or []
    if not isinstance(found, list) or len(found) < least:
        raise ValueError(f"{name} {found!r} is no list of targets, as in [{{url: ..., expect: {{status: UP}}}}]")
    for target in found:
        _target.validate(target)
    return found


def usable(one: Application) -> None:
    """Raise ValueError where a file that it needs cannot be read here, or a lever means another host."""
    for lever in (one.leave, one.join):
        if lever is not None:
            _lever.readable(lever)
    for target in [*one.serving, *one.finished]:
        _target.readable(target)


def word(serving: Sequence[Mapping[str, Any]]) -> Word:
    """Ask it once whether it takes work. Raises ApplicationError where it refuses the question, which says nothing."""
    seen = _looks(serving)
    silent = [text for text, one in seen.items() if not one.answered]
    if silent:
        return Word(GONE, "; ".join(silent))
    wrong = [text for text, one in seen.items() if not one.ok]
    return Word(DOWN, "; ".join(wrong)) if wrong else Word(UP, "; ".join(seen))


def unfinished(finished: Sequence[Mapping[str, Any]]) -> list[str]:
    """What it has not done yet, a sentence each. Raises ApplicationError where it refuses the question."""
    return [text for text, one in _looks(finished).items() if not one.ok]


def _looks(targets: Sequence[Mapping[str, Any]]) -> dict[str, _target.Seen]:
    """All at once, by what was seen."""
    limits = [target.get("timeout") or _target.TIMEOUT for target in targets]
    looks = [functools.partial(_target.check, target, limit) for target, limit in zip(targets, limits)]
    seen = _gate.sweep(looks, max(limits, default=0.0))
    found = {f"{_target.name(target)}: {one.saw}": one for target, one in zip(targets, seen)}
    for text, one in found.items():
        if one.refused:
            raise ApplicationError(
                f"{text}. That says nothing of its work: look at the address, the headers and the certificates"
            )
    return found
