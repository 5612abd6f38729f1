# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module mq_consumer_pause was asked, checked value by value before anything is looked at. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _grammar, _leased, _lever, _mq_member, _target
from ._lever import JOIN, LEAVE, Lever
from ._mq_member import Known, Member

OUT, IN = "out", "in"
DAY = 86400.0


@dataclass(frozen=True)
class Task:
    """members: by their text. known: what is remembered of them. lever: how the application is told; None where it is
    not. finished: targets that say that it has done as it was told. Seconds, all of them."""

    state: str
    group: str
    members: Mapping[str, Member]
    known: Mapping[str, Known]
    lever: Lever | None
    finished: Sequence[Mapping[str, Any]]
    quiet: float
    restarted: bool
    consumed: bool
    last: bool
    stays: float
    stays_for: float | None
    settle: float
    deadline: float
    interval: float
    recheck: bool
    token: int | None
    ledger: Mapping[str, Any] | None
    state_dir: str

    @property
    def who(self) -> str:
        """For people."""
        return ", ".join(self.members)


def task(params: Mapping[str, Any]) -> Task:
    """Raises ValueError, naming what is wrong."""
    _leased.members(params)
    if params["state"] not in (OUT, IN):
        raise ValueError(f"state {params['state']} goes with leases; without them it is out or in")
    _numbers(params)
    for target in params["finished"]:
        _target.validate(target)
    before = params["before"] or {}
    unknown = [str(name) for name in before if name != "members"]
    if unknown:
        raise ValueError(f"before has {', '.join(unknown)}, and what this module returns has only members")
    members = _members(params)
    return Task(
        group=_grammar.group(params["group"], "group"),
        members=members,
        known=_mq_member.known(before.get("members"), members),
        lever=_wanted(params),
        state_dir=_grammar.path(params["state_dir"], "state_dir"),
        **{
            name: params[name]
            for name in (
                "state",
                "finished",
                "quiet",
                "restarted",
                "consumed",
                "last",
                "stays",
                "stays_for",
                "settle",
                "deadline",
                "interval",
                "recheck",
                "token",
                "ledger",
            )
        },
    )


def _numbers(params: Mapping[str, Any]) -> None:
    for name, least in (
        ("deadline", 0.01),
        ("interval", 0.01),
        ("quiet", 0.0),
        ("settle", 0.0),
        ("stays", 0.0),
        ("stays_for", 0.0),
    ):
        value = params[name]
        if value is not None and not (math.isfinite(value) and least <= value <= DAY):
            raise ValueError(f"{name} {value!r} is not a number of seconds from {least:g} to {DAY:g}")
    if params["quiet"] >= params["deadline"]:
        raise ValueError(f"quiet {params['quiet']:g} s does not fit into deadline {params['deadline']:g} s")


def _members(params: Mapping[str, Any]) -> dict[str, Member]:
    if not params["members"]:
        raise ValueError("members is empty: name the instances by their hosts as the broker sees them")
    found = {text: _mq_member.member(text, "members:") for text in params["members"]}
    if len(found) != len(params["members"]):
        raise ValueError(f"members names one twice: {', '.join(params['members'])}")
    return found


def _wanted(params: Mapping[str, Any]) -> Lever | None:
    """leave to go out, join to come back; a process that has just been started joins by itself."""
    levers = {name: _lever.lever(params[name], name) for name in (LEAVE, JOIN) if params[name] is not None}
    if not levers and params["broker"] is None:
        raise ValueError("neither leave nor join nor broker is named: there is nothing to do")
    if levers and len(params["members"]) > 1:
        raise ValueError(f"leave and join are for one instance, and members are {', '.join(params['members'])}")
    return levers.get(LEAVE if params["state"] == OUT else JOIN)
