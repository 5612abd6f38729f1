# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs: begin or resume one, stop it, finish it, and say what stands in the ledger."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import _ledger
from ._ledger import Lease, Ledger, Refused, Run, State
from ._levels import moment
from ._params import Params

# The steps of a lease whose process may have been restarted already.
RESTARTING, ATTACHING = "restarting", "attaching"


def resumable(state: State, run: Run, dead: set[str]) -> bool:
    """Whether the run has no living process: it stopped and reported, or is dead, or was silent for too long."""
    reported = run.state == _ledger.STOPPED and run.ended is not None
    return reported or run.id in dead or state.silent(run)


def abandoned(state: State, service: str, dead: set[str]) -> list[Run]:
    """The service's runs that can be resumed; first the one that holds most, among equals the newest."""
    found = [run for run in state.runs.values() if run.service == service and resumable(state, run, dead)]
    return sorted(found, key=lambda run: (len(state.held_by(run.id)), run.began), reverse=True)


def to_resume(state: State, service: str, wanted: Sequence[str], dead: set[str]) -> Run | None:
    """The run that a command for `wanted` goes on with: one of which something is left to do among them."""
    for run in abandoned(state, service, dead):
        if {*run.left(), *state.held_by(run.id)} & set(wanted):
            return run
    return None


def own(state: State, params: Params, *, granting: bool = False) -> Run:
    """The caller's run. Raises Refused where it is unknown, past, another process's, or stopped and wants more."""
    name = params.run()
    run = state.runs.get(name)
    if run is None:
        raise Refused(f"run {name} is not in the ledger, or has finished. Nothing was changed.", run=name)
    if run.owner != params.owner():
        raise Refused(
            f"run {name} belongs to another process now: {owner_text(run)}. This one must stop.", run=name, lost=True
        )
    if granting and run.state == _ledger.STOPPED:
        raise Refused(
            f"run {name} was stopped ({run.why or 'no reason given'}): nothing more is granted to it. "
            "The same command resumes it once it has ended.",
            run=name,
            stopped=True,
        )
    return run


def owner_text(run: Run) -> str:
    return f"{run.owner['name']}, pid {run.owner['pid']} on {run.owner['machine']}"


def begin(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Create a run, or go on with an abandoned one of the same service and take its leases over."""
    before = ledger.snapshot()
    chosen: dict[str, Any] = {}

    def change(state: State) -> State:
        chosen.clear()
        same = [r for r in state.runs.values() if r.service == params.word("service") and _is_owners(r, params)]
        if same:
            chosen.update(id=same[0].id, resumed=False, taken={})
            return state
        return _begun(state, params, chosen)

    state = ledger.commit(change)
    run, taken = state.runs[chosen["id"]], chosen["taken"]
    left_out = _left_out(state, run)
    if run.id not in before.runs or chosen["resumed"]:
        event = {"event": "resumed" if chosen["resumed"] else "began", "owner": run.owner, "planned": run.asked}
        ledger.append(run.id, {"at": state.at, **event, "taken": {h: one.token for h, one in taken.items()}})
    done = len(run.planned) - len(run.left())
    what = f"resuming run {run.id} of {moment(run.began, state.at)}, {done} of {len(run.planned)} done"
    msg = what if chosen["resumed"] else f"run {run.id} began"
    return {
        "changed": state is not before,
        "msg": "; ".join([msg, *(f"{host}: {text}" for host, text in left_out.items())]),
        "run": run.id,
        "resumed": chosen["resumed"],
        "since": run.since,
        "began": run.began,
        "elapsed": max(0.0, state.at - run.since),
        "planned": run.asked,
        "done": run.done,
        "leases": {host: vars(lease) for host, lease in taken.items()},
        "left_out": left_out,
    }


def _is_owners(run: Run, params: Params) -> bool:
    """Whether this very process began the run: an answer was lost, and it asks again."""
    return run.state == _ledger.RUNNING and run.owner == params.owner() and run.asked == params.hosts()


def _begun(state: State, params: Params, chosen: dict[str, Any]) -> State:
    service, wanted, dead, new = params.word("service"), params.hosts(), params.dead(), params.flag("new")
    old = None if new else to_resume(state, service, wanted, dead)
    run = _new_run(state, params) if old is None else _again(state, params, old)
    sources = abandoned(state, service, dead)
    gone = {one.id for one in sources}
    taken: dict[str, Lease] = {}
    for host, lease in state.leases.items():
        if lease.run in gone and host in wanted:
            token = state.token + len(taken) + 1
            taken[host] = taken_over(lease, run, token, state.at, params.number("held", 1, 86400, 600))
    after = replace(state, token=state.token + len(taken), leases={**state.leases, **taken}).with_run(run)
    chosen.update(id=run.id, resumed=old is not None, taken=taken)
    return _closed(after, [one for one in sources if one.id != run.id], set(wanted), new)


def _closed(state: State, sources: Sequence[Run], wanted: set[str], new: bool) -> State:
    """Past are the abandoned runs that hold nothing and have nothing left that the new one does not do."""
    for run in sources:
        if not state.held_by(run.id) and (new or set(run.left()) <= wanted):
            state = state.with_run(replace(run, state=_ledger.SUPERSEDED, ended=state.at))
    return state


def taken_over(lease: Lease, run: Run, token: int, now: float, held: float) -> Lease:
    """The lease in the hands of `run`, with a new token that fences its former holder off. What was there before
    stays. What another run had restarted is to be restarted again, and stays out until its gate holds."""
    step = RESTARTING if lease.step == ATTACHING and lease.run != run.id else lease.step
    return replace(lease, run=run.id, token=token, until=now + held, step=step, reason=run.reason)


def _new_run(state: State, params: Params) -> Run:
    now = state.at
    since = params.number("since", 0, 1e11, now)
    if since > now + 5:
        raise Refused(f"since {since!r} is {since - now:.0f} s ahead of the ledger's clock: nothing would be left alone")
    return Run(
        id=time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + "-" + secrets.token_hex(3),
        service=params.word("service"),
        owner=params.owner(),
        reason=params.text("reason"),
        state=_ledger.RUNNING,
        since=since,
        planned=params.hosts(),
        asked=params.hosts(),
        done=[],
        began=now,
        heartbeat=now,
        ended=None,
        why="",
    )


def _again(state: State, params: Params, old: Run) -> Run:
    asked = params.hosts()
    return replace(
        old,
        owner=params.owner(),
        reason=params.text("reason") or old.reason,
        state=_ledger.RUNNING,
        planned=list(dict.fromkeys([*old.planned, *asked])),
        asked=asked,
        heartbeat=state.at,
        ended=None,
        why="",
    )


def _left_out(state: State, run: Run) -> dict[str, str]:
    """What other runs of the service hold out, and the run itself beside what it was asked for."""
    found = {}
    for host, lease in state.leases.items():
        if lease.service == run.service and (lease.run != run.id or host not in run.asked):
            found[host] = f"out by run {lease.run} since {moment(lease.since, state.at)}, at step {lease.step}"
    return found


def stop(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Grant nothing more to a run. With `owner` only for its own process; a person stops without."""
    name, why = params.run(), params.remark("why")

    def change(state: State) -> State:
        if name not in state.runs:
            return state
        run = own(state, params) if params.has("owner") else state.runs[name]
        if run.state == _ledger.STOPPED:
            return state
        return state.with_run(replace(run, state=_ledger.STOPPED, why=why))

    before = ledger.snapshot()
    _known(ledger, before, name)
    state = ledger.commit(change)
    changed = name in before.runs and before.runs[name].state != _ledger.STOPPED
    if changed:
        ledger.append(name, {"at": state.at, "event": "stopped", "why": why})
    return {"changed": changed, "msg": f"run {name} is granted nothing more", "run": name}


def finish(ledger: Ledger, params: Params) -> dict[str, Any]:
    """A run's process has reported: past if all is done and nothing held, else to be resumed by the same command."""
    name = params.run()
    before = ledger.snapshot()
    past = _known(ledger, before, name)
    if past is not None:
        return {"changed": False, **_outcome(past, {}, before)}

    def change(state: State) -> State:
        run = own(state, params)
        complete = not run.left() and not state.held_by(name)
        why = run.why or ("" if complete else params.remark("why") or "it ended before all was done")
        after = _ledger.FINISHED if complete else _ledger.STOPPED
        return state.with_run(replace(run, state=after, ended=state.at, heartbeat=state.at, why=why))

    state = ledger.commit(change)
    run = state.runs.get(name) or ledger.past(name) or before.runs[name]
    result = _outcome(run, state.held_by(name), state)
    ledger.append(name, {"at": state.at, "event": "ended", "state": run.state, "done": run.done, "left": run.left()})
    return {"changed": True, **result}


def _known(ledger: Ledger, state: State, name: str) -> Run | None:
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
    parts += [f"stopped: {run.why}"] if run.why else []
    return {
        "msg": "; ".join(parts),
        "run": run.id,
        "state": run.state,
        "complete": not left and not out,
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


def status(ledger: Ledger, params: Params) -> dict[str, Any]:
    """What stands in the ledger; with `run` also that run's events."""
    state = ledger.snapshot()
    runs = [
        {**vars(run), "silent": state.silent(run), "holds": list(state.held_by(run.id))} for run in state.runs.values()
    ]
    leases = [
        {**vars(lease), "age": state.at - lease.since, "expired": lease.until < state.at}
        for lease in state.leases.values()
    ]
    lines = [_run_line(state, run) for run in state.runs.values()]
    lines += [_lease_line(state, lease) for lease in state.leases.values()]
    result = {
        "changed": False,
        "msg": "\n".join(lines) or "no run is live and nothing is held out",
        "id": state.id,
        "revision": state.revision,
        "at": state.at,
        "runs": runs,
        "leases": leases,
    }
    if params.has("run"):
        result.update(past=_past(ledger, state, params.run()), events=ledger.events(params.run()))
    return result


def _past(ledger: Ledger, state: State, name: str) -> dict[str, Any] | None:
    past = _known(ledger, state, name)
    return None if past is None else dict(vars(past))


def _run_line(state: State, run: Run) -> str:
    silent = f", not heard of since {moment(run.heartbeat, state.at)}" if state.silent(run) else ""
    done = len(run.planned) - len(run.left())
    return (
        f"{run.service}: run {run.id} of {owner_text(run)}, {run.state}{f' ({run.why})' if run.why else ''}, "
        f"began {moment(run.began, state.at)}, {done} of {len(run.planned)} done{silent}"
    )


def _lease_line(state: State, lease: Lease) -> str:
    expired = " (EXPIRED)" if lease.until < state.at else ""
    return (
        f"{lease.service}: {lease.host} is out by run {lease.run} since {moment(lease.since, state.at)}, "
        f"at step {lease.step}, until {moment(lease.until, state.at)}{expired}"
    )
