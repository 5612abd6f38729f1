# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The end of a run: granted nothing more, reported, past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import _account, _ledger, _living, _runs
from ._ledger import Lease, Ledger, Refused, Run, State, note
from ._levels import moment
from ._params import Params


def stop(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Grant nothing more to a run, without `run` to every one of the service that goes on. With `owner` only for its
    own process; a person stops without."""
    why = params.remark("why")
    stopped: dict[str, Run] = {}

    def change(state: State) -> State:
        stopped.clear()
        for run in _to_stop(ledger, state, params):
            stopped[run.id] = replace(run, state=_ledger.STOPPED, why=why)
        return replace(state, runs={**state.runs, **stopped}) if stopped else state

    # A person may stop what there is not; that makes no ledger.
    state = ledger.snapshot()
    if params.has("owner") or _to_stop(ledger, state, params):
        state = ledger.commit(change)
    event = {"at": state.at, "event": "stopped", "why": why, "account": _account.name()}
    warnings = [text for name in stopped for text in note(ledger, name, event)]
    lines = [_stopped_line(run, state) for run in stopped.values()]
    said = f"run {params.run()} is granted nothing more" if params.has("run") else "no run goes on: nothing to stop"
    return {"changed": bool(stopped), "msg": "\n".join(lines) or said, "warnings": warnings, "stopped": list(stopped)}


def _to_stop(ledger: Ledger, state: State, params: Params) -> list[Run]:
    if not params.has("run"):
        service = params.word("service")
        return [run for run in state.runs.values() if run.service == service and run.state != _ledger.STOPPED]
    name = params.run()
    if known(ledger, state, name) is not None:
        return []
    run = _runs.own(state, params) if params.has("owner") else state.runs[name]
    if params.has("service") and run.service != params.word("service"):
        raise Refused(f"run {name} is one of {run.service}, not of {params.word('service')}. Nothing was changed.")
    return [] if run.state == _ledger.STOPPED else [run]


def _stopped_line(run: Run, state: State) -> str:
    done = len(run.planned) - len(run.left())
    held = ", ".join(state.held_by(run.id))
    work = f"what it holds it still ends: {held}" if held else "it holds nothing"
    return (
        f"run {run.id} of {_living.owner_text(run)}, began {moment(run.began, state.at)}, {done} of {len(run.planned)} "
        f"done, is granted nothing more; {work}"
    )


def finish(ledger: Ledger, params: Params) -> dict[str, Any]:
    """A run's process has reported: past if all is done and nothing held, else to be resumed by the same command. With
    `stopped` it is to be resumed in any case: nobody has told who began it that all is done."""
    name = params.run()
    found: dict[str, Run] = {}

    def change(state: State) -> State:
        found.clear()
        past = known(ledger, state, name)
        if past is not None:
            _refuse_others(past, params)
            found["past"] = past
            return state
        run = _runs.own(state, params)
        complete = not run.left() and not state.held_by(name)
        why = run.why or ("" if complete else params.remark("why") or "it ended before all was done")
        after = _ledger.FINISHED if complete and not params.flag("stopped") else _ledger.STOPPED
        found["ended"] = replace(run, state=after, ended=state.at, heartbeat=state.at, why=why)
        return state.with_run(found["ended"])

    state = ledger.commit(change)
    if "past" in found:
        return {"changed": False, "warnings": [], **_outcome(found["past"], {}, state), "journal": str(ledger.head())}
    run = found["ended"]
    event = {"at": state.at, "event": "ended", "state": run.state, "done": run.done, "left": run.left()}
    warnings = note(ledger, name, event)
    outcome = _outcome(run, state.held_by(name), state)
    return {"changed": True, "warnings": warnings, **outcome, "journal": str(ledger.head())}


def _refuse_others(past: Run, params: Params) -> None:
    if past.owner != params.owner():
        told = f"run {past.id} was taken over and ended by another process: {_living.owner_text(past)}"
        raise Refused(f"{told}. This one was granted nothing after that.", run=past.id, lost=True)


def known(ledger: Ledger, state: State, name: str) -> Run | None:
    """The run of the history, None where it is live. Raises Refused where it is neither."""
    if name in state.runs:
        return None
    past = ledger.past(name)
    if past is None:
        raise Refused(f"run {name} is not in the ledger. Nothing was changed.", run=name)
    return past


def _outcome(run: Run, held: Mapping[str, Lease], state: State) -> dict[str, Any]:
    done = [host for host in run.asked if host in set(run.done)]
    left = [host for host in run.asked if host not in set(run.done)]
    out = {host: f"at step {lease.step} since {moment(lease.since, state.at)}" for host, lease in held.items()}
    parts = [f"run {run.id}: {len(done)} of {len(run.asked)} done"]
    parts += [f"not done: {', '.join(left)}"] if left else []
    parts += ["still out: " + ", ".join(f"{host} ({text})" for host, text in out.items())] if out else []
    parts += [f"stopped: {run.why.removeprefix('stopped ')}"] if run.why else []
    return {
        "msg": "; ".join(parts),
        "run": run.id,
        "state": run.state,
        "complete": not left and not set(out) & set(run.asked),
        "planned": run.asked,
        "done": done,
        "left": left,
        "remaining": run.left(),
        "out": out,
        "why": run.why,
        "since": run.since,
        "began": run.began,
        "ended": run.ended,
    }
