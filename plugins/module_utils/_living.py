# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which runs have no living process: reported, proved dead, silent for too long, or taken over by name. Pure.

A process of another machine cannot be proved dead. Whoever knows that it is names its run, on the record; the tokens
fence it off where it lives after all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import _ledger
from ._ledger import Refused, Run, State
from ._levels import moment
from ._params import Params


def owner_text(run: Run) -> str:
    return f"{run.owner['name']}, pid {run.owner['pid']}"


def resumable(state: State, run: Run, dead: set[str]) -> bool:
    """Whether the run has no living process: it stopped and reported, or is dead, or was silent for too long."""
    return reported(run) or run.id in dead or state.silent(run)


def reported(run: Run) -> bool:
    """Whether it stopped, and its process ended in order."""
    return run.state == _ledger.STOPPED and run.ended is not None


def proved(state: State, params: Params) -> set[str]:
    """The ids of the runs that are in the hands of a process which the caller proved to be dead."""
    dead = params.dead()
    return {run.id for run in state.runs.values() if run.owner in dead}


def gone(state: State, params: Params, wanted: Sequence[str]) -> set[str]:
    """The ids of the runs that the caller proved dead, and of the one that it takes over for the hosts `wanted`."""
    dead, run = proved(state, params), named(state, params)
    if run is None:
        return dead
    if run.service != params.word("service"):
        raise Refused(
            f"run {run.id} is one of {run.service}, not of {params.word('service')}. {_NOT_TAKEN}", run=run.id
        )
    here = run.owner["machine"] == params.owner()["machine"]
    if here and run.id not in dead and not reported(run):
        raise Refused(
            f"run {run.id} lives: {owner_text(run)}, on this machine. {_NOT_TAKEN} Wait for it, or press Ctrl-C there.",
            run=run.id,
        )
    if not {*run.left(), *state.held_by(run.id)} & set(wanted):
        raise Refused(f"run {run.id} has left none of the selected hosts. {_NOT_TAKEN} Select those that it has left.")
    return dead | {run.id}


_NOT_TAKEN = "Nothing was taken over. Nothing was touched."


def named(state: State, params: Params) -> Run | None:
    """The run that the caller names to be taken over; None where it names none."""
    name = params.take_over()
    if name and name not in state.runs:
        raise Refused(f"run {name} is not in the ledger, or has finished. {_NOT_TAKEN}", run=name)
    return state.runs[name] if name else None


def taken_text(run: Run, now: float) -> str:
    """For the plan."""
    return f"taking over run {run.id} of {owner_text(run)}, last heard of {moment(run.heartbeat, now)}"


def taken_event(run: Run, by: Run, at: float) -> dict[str, Any]:
    """For the log of the run that was taken over: from whom, by whom, and why."""
    who = {"from": run.owner, "by": by.id, "owner": by.owner, "account": by.account}
    return {"at": at, "event": "taken over", **who, "why": by.reason, "change": by.change}
