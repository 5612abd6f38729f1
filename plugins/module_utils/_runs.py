# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs: begin one, or go on with an abandoned one and take over what it left out."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from . import _approval, _ledger, _permission
from ._ledger import Away, Lease, Ledger, Refused, Run, State, note
from ._levels import grouped, moment
from ._living import gone, named, owner_text, resumable, taken_event
from ._params import ADDRESS, Params
from ._permission import Permission

# The steps of a lease whose process may have been restarted already.
RESTARTING, ATTACHING = "restarting", "attaching"


def abandoned(state: State, service: str, dead: set[str]) -> list[Run]:
    """The service's runs that can be resumed; first the one that holds most, among equals the newest."""
    found = [run for run in state.runs.values() if run.service == service and resumable(state, run, dead)]
    return sorted(found, key=lambda run: (len(state.held_by(run.id)), run.began), reverse=True)


def to_resume(state: State, service: str, wanted: Sequence[str], dead: set[str], taken: Run | None) -> Run | None:
    """The run that a command for `wanted` goes on with: the one that it takes over, one that left some of them, or
    one of the same command that did all and could not report it."""
    if taken:
        return taken
    for run in abandoned(state, service, dead):
        unreported = not run.left() and set(wanted) == set(run.asked)
        if {*run.left(), *state.held_by(run.id)} & set(wanted) or unreported:
            return run
    return None


def own(state: State, params: Params, *, granting: bool = False) -> Run:
    """The caller's run. Raises Refused where it is unknown, past, another process's, or stopped and wants more."""
    name = params.run()
    if not state.id:
        raise Away(f"the ledger is empty, and run {name} was in it: it was moved away or wiped. Put it back.", run=name)
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


def begin(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Create a run, or go on with an abandoned one of the same service and take its leases over."""
    chosen: dict[str, Any] = {}
    service, before = params.word("service"), ledger.snapshot()
    permission = _permission.of(ledger, before, params, service)
    approval = _approval.needed(ledger, before, params, service, permission)

    def change(state: State) -> State:
        chosen.clear()
        same = [run for run in state.runs.values() if _is_the_callers(run, params)]
        if same:
            chosen.update(id=same[0].id, resumed=False, changed=False)
            return state
        chosen.update(changed=True)
        return _begun(state, params, chosen, permission, approval)

    try:
        state = ledger.commit(change)
    except _approval.Missing as missing:
        request, why = _approval.ask(ledger, missing.needed)
        raise Refused(why, approval=request.id) from missing
    run, resumed, taken = state.runs[chosen["id"]], bool(chosen["resumed"]), chosen.get("taken")
    leases = {host: vars(lease) for host, lease in state.held_by(run.id).items() if host in run.asked}
    left_out = _left_out(state, run)
    warnings = []
    if chosen["changed"]:
        event: dict[str, Any] = {"event": "resumed" if resumed else "began", "owner": run.owner, "account": run.account}
        event |= {"planned": run.asked, "reason": run.reason, "change": run.change, "glass": run.glass}
        event |= {"kind": run.kind, "policy": state.policy, "approved": run.approved}
        event |= {"awx": params.texts("awx"), "link": params.remark("link", ADDRESS)}
        tokens = {host: lease["token"] for host, lease in leases.items()}
        warnings = note(ledger, taken.id, taken_event(taken, run, state.at)) if taken else []
        warnings += note(ledger, run.id, {"at": state.at, **event, "tokens": tokens})
    msg = resumed_text(run, state.at) if resumed else f"run {run.id} began{_instead(run, params)}"
    return {
        "changed": chosen["changed"],
        "msg": "; ".join([msg, *grouped(left_out)]),
        "warnings": warnings,
        "run": run.id,
        "ledger": {"id": state.id, "place": ledger.place},
        "resumed": resumed,
        "since": run.since,
        "began": run.began,
        "elapsed": elapsed(run, state.at),
        "planned": run.asked,
        "done": run.done,
        "leases": leases,
        "left_out": left_out,
        "journal": str(ledger.head()),
    }


def _instead(run: Run, params: Params) -> str:
    """Why it is not the run that the plan was to resume."""
    seen = params.resumes().get("run", run.id)
    return f", since run {seen}, which was to be resumed, has gone on meanwhile" if seen != run.id else ""


def elapsed(run: Run, now: float) -> float:
    """Seconds since the moment that only younger processes are spared."""
    return max(0.0, now - run.since)


def resumed_text(run: Run, now: float) -> str:
    done = len(run.planned) - len(run.left())
    return f"resuming run {run.id} of {moment(run.began, now)}, {done} of {len(run.planned)} done"


def _is_the_callers(run: Run, params: Params) -> bool:
    """Whether this very process began the run already: the answer was lost, and it asks again."""
    asked = (params.word("service"), params.owner(), params.hosts("planned"))
    return run.state == _ledger.RUNNING and (run.service, run.owner, run.asked) == asked


def _begun(
    state: State, params: Params, chosen: dict[str, Any], permission: Permission, approval: _approval.Needed | None
) -> State:
    service, planned, new = params.word("service"), params.hosts("planned"), params.flag("new")
    dead, taken = gone(state, params, planned), named(state, params)
    old = None if new else _old(state, params, dead, taken)
    _permit(state, params, permission, old)
    state, approved = _approval.take(state, approval, old)
    run = _new_run(state, params) if old is None else _again(state, params, old)
    run = replace(run, account=str(permission.who), approved=approved)
    others = [one for one in abandoned(state, service, dead) if one.id != run.id]
    ended = {one.id for one in others}
    held = params.number("held", 1, 86400, 600)
    ours: dict[str, Lease] = {}
    # What it does not go on with is left to whoever wants it: it must not hold that for longer.
    for host, lease in state.leases.items():
        if lease.run in {run.id, *ended} and host in planned:
            ours[host] = taken_over(lease, run, state.token + len(ours) + 1, state.at, held)
    token, policy = state.token + len(ours), permission.version or state.policy
    after = replace(state, token=token, leases={**state.leases, **ours}, policy=policy).with_run(run)
    chosen.update(id=run.id, resumed=old is not None, taken=taken)
    return _closed(after, others, set(planned), new)


def _permit(state: State, params: Params, permission: Permission, old: Run | None) -> None:
    """Refuse what the policy does not allow."""
    service = params.word("service")
    wrong = permission.refusals(state, _permission.wish(params, again=old is not None))
    if permission.rules and permission.rules.confirm and params.text("confirm") != service:
        what = f"{service} is {permission.rules.environment}: say its name once more, as in -e fleet_confirm={service}"
        wrong.append(permission.rules.told("confirm", what))
    if wrong:
        raise Refused("\n".join(["The policy does not allow this. Nothing was touched:", *wrong]), rules=wrong)


def _old(state: State, params: Params, dead: set[str], taken: Run | None) -> Run | None:
    """The run to go on with: that of the plan, as the plan saw it, or none. What is planned is what that had not done,
    so that another one would do again what it has done."""
    service = params.word("service")
    if not params.has("resumes"):
        return to_resume(state, service, params.hosts("planned"), dead, taken)
    seen = params.resumes()
    same = [run for run in abandoned(state, service, dead) if (run.id, run.done) == (seen.get("run"), seen.get("done"))]
    return same[0] if same else None


def _closed(state: State, others: Sequence[Run], planned: set[str], new: bool) -> State:
    """Past are the abandoned runs that hold nothing and have nothing left that the new one does not do."""
    for run in others:
        if not state.held_by(run.id) and (new or set(run.left()) <= planned):
            state = state.with_run(replace(run, state=_ledger.SUPERSEDED, ended=state.at))
    return state


def taken_over(lease: Lease, run: Run, token: int, now: float, held: float) -> Lease:
    """The lease in the hands of `run`, with a new token that fences its former holder off. What was there before
    stays. What another run had restarted is to be restarted again, whatever process that has become, and stays out
    until its gate holds; unless `run` was done with it before."""
    after = replace(lease, run=run.id, token=token, until=now + held, reason=run.reason)
    if lease.run == run.id:
        return after
    if lease.host in run.done:
        return replace(after, step=ATTACHING)
    return replace(after, process=None, step=RESTARTING if lease.step == ATTACHING else lease.step)


def _new_run(state: State, params: Params) -> Run:
    now = state.at
    since = params.number("since", 0, 1e11, now)
    if since > now + 5:
        raise Refused(f"since {since!r} is {since - now:.0f} s ahead of the ledger's clock. Name a past moment")
    return Run(
        id=_new_id(state, now),
        service=params.word("service"),
        owner=params.owner(),
        account="",
        reason=params.text("reason"),
        change=params.text("change"),
        glass=params.text("glass"),
        state=_ledger.RUNNING,
        since=since,
        planned=params.hosts("planned"),
        asked=params.hosts("planned"),
        done=[],
        began=now,
        heartbeat=now,
        ended=None,
        why="",
        kind=params.kind(),
    )


def _new_id(state: State, now: float) -> str:
    """An id that no live run has; past ones began earlier."""
    while True:
        found = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + "-" + secrets.token_hex(3)
        if found not in state.runs:
            return found


def _again(state: State, params: Params, old: Run) -> Run:
    asked = params.hosts("planned")
    return replace(
        old,
        owner=params.owner(),
        reason=params.text("reason") or old.reason,
        change=params.text("change") or old.change,
        glass=params.text("glass"),
        word={},
        state=_ledger.RUNNING,
        planned=list(dict.fromkeys([*old.planned, *asked])),
        asked=asked,
        heartbeat=state.at,
        ended=None,
        why="",
        kind=params.kind(),
    )


def _left_out(state: State, run: Run) -> dict[str, str]:
    """What other runs of the service hold out, and the run itself beside what it was asked for."""
    found = {}
    for host, lease in state.leases.items():
        if lease.service == run.service and (lease.run != run.id or host not in run.asked):
            found[host] = f"out by run {lease.run} since {moment(lease.since, state.at)}, at step {lease.step}"
    return found
