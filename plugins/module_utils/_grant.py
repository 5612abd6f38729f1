# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The grant: leases by compare-and-set on a ticket that was taken before measuring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import _ledger, _levels, _permission, _plan, _queue, _runs, _sweep, _ticket
from ._ledger import Lease, Ledger, Refused, Run, State
from ._levels import Glass, Level, grouped
from ._params import Params
from ._scene import Scene, blocked, permitted, refuse_foreign, scene, unliftable, why_no_room

# Seconds by the ledger's clock after which what was measured on a ticket is too old.
TICKET_AGE = 10.0
GRANTED = "granted"


def acquire(ledger: Ledger, params: Params, check: _sweep.Check) -> dict[str, Any]:
    """Grant leases by compare-and-set on the ticket. A stale ticket grants nothing: measure again.

    fit: `refuse` grants all that is wanted or fails, `shrink` grants the largest safe part, `wait` keeps a place in
    the queue until all of it fits.
    """
    asked, fit = params.ticket(), params.choice("fit", "refuse", "shrink", "wait")
    held = params.number("held", 1, 86400)
    before = ledger.snapshot()
    run = _runs.own(before, params, granting=True)
    if _stale(before, asked):
        return _again(ledger, params, asked)
    permission = _permission.of(ledger, before, params, run.service)
    wrong = _permission.still(permission, before, run)
    if wrong:
        raise Refused("\n".join(["The policy does not allow this any more. Nothing was granted:", *wrong]), rules=wrong)
    view = permitted(permission, scene(params, check, _glass(run, params)))
    if view.service != run.service:
        raise Refused(f"run {run.id} is one of {run.service}, not of {view.service}")
    refuse_foreign(view, before, ledger.place, params.text("replaces"))
    decided: dict[str, Any] = {}

    def change(state: State) -> State:
        decided.clear()
        if _stale(state, asked):
            decided["stale"] = True
            return state
        own = _runs.own(state, params, granting=True)
        return _granted(state, view, own, params, fit, held, decided)

    try:
        state = ledger.commit(change, if_revision=asked["revision"])
    except _ledger.Moved:
        decided["stale"] = True
    if decided.get("stale"):
        return _again(ledger, params, asked)
    if "waits" in decided:
        return _nothing(_ticket.waiting_text(state, run.id, decided["pools"], decided["waits"]), waiting=True)
    return _grant_result(ledger, run, view, state, decided)


def _glass(run: Run, params: Params) -> Glass:
    """Whether the run may go below the floor, which must be on record since it began."""
    asked = params.glass()
    if asked is not Glass.WHOLE and not run.glass:
        raise Refused(
            f"run {run.id} began without glass: no floor is broken that is not on record. Nothing was granted."
        )
    return asked


def _stale(state: State, asked: Mapping[str, Any]) -> bool:
    same = (asked["ledger"], asked["revision"]) == (state.id, state.revision)
    return not same or not 0 <= state.at - asked["at"] <= TICKET_AGE


def _again(ledger: Ledger, params: Params, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing was granted on a stale ticket. The run keeps its place, so that it is not overtaken for ever."""
    run, pools = params.run(), _ticket.pools_of(params)

    def join(state: State) -> State:
        _runs.own(state, params, granting=True)
        return _queue.joined(state, run, params.hosts(), pools, "")

    state = ledger.commit(join)
    age = state.at - asked["at"]
    why = f"is {age:.1f} s old" if asked["revision"] == state.revision else "is older than another run's change"
    return _nothing(f"the ticket {why}: nothing was granted. Take a new one and measure again.", stale=True)


def _nothing(msg: str, stale: bool = False, waiting: bool = False) -> dict[str, Any]:
    return {
        "changed": False,
        "msg": msg,
        "stale": stale,
        "waiting": waiting,
        "granted": {},
        "refused": {},
        "levels": [],
    }


def _granted(
    state: State, view: Scene, run: Run, params: Params, fit: str, held: float, decided: dict[str, Any]
) -> State:
    levels = view.levels(state, {run.id}, run.id)
    mine = set(state.held_by(run.id))
    pools = _ticket.pools_of(params)
    strange = [host for host in view.wanted if host not in run.planned and host not in mine]
    refused = blocked(state, view, levels, {run.id}) | dict.fromkeys(strange, f"not in the plan of run {run.id}")
    for_good = {*strange, *unliftable(view, levels)}
    free = [host for host in view.wanted if host not in refused]
    chosen = _chosen(view, state, levels, free)
    refused.update({host: why_no_room(host, view, state, levels) for host in free if host not in chosen})
    # What it holds already it may always go on with.
    ahead = [] if set(view.wanted) <= mine else _queue.in_the_way(state, run.id, pools, view.fitting(state, levels))
    if ahead or (refused and fit == "wait" and not for_good & set(refused)):
        first = [f"run {ahead[0].run} came before and wants {', '.join(ahead[0].hosts)}"] if ahead else []
        decided.update(waits="; ".join(first + grouped(refused)), pools=pools)
        return _queue.joined(state, run.id, view.wanted, pools, decided["waits"])
    if refused and (fit != "shrink" or not chosen):
        facts = [level.facts() for level in levels]
        raise Refused(f"{'; '.join(grouped(refused))}. Nothing was granted.", refused=refused, levels=facts)
    after = _queue.left(state, run.id)
    for host in chosen:
        after = _with_lease(after, view, run, host, params, held)
    after = after.with_run(replace(run, heartbeat=state.at))
    decided.update(granted=chosen, refused=refused, levels=view.levels(after))
    return after


def _chosen(view: Scene, state: State, levels: Sequence[Level], free: Sequence[str]) -> list[str]:
    """The largest safe part of `free`: of what is leased, what fits as it serves; of the rest, what fits beside all of
    that, whether it was chosen or not, since it may be on its way out."""
    leased = [host for host in free if host in state.leases]
    new = [host for host in free if host not in state.leases]
    beside = view.levels(state)
    found = {
        *_plan.largest(leased, view.costs(state, levels), view.room(state, levels)),
        *_plan.largest(new, view.costs(state, beside), view.room(state, beside)),
    }
    return [host for host in free if host in found]


def _with_lease(state: State, view: Scene, run: Run, host: str, params: Params, held: float) -> State:
    """What the run holds it keeps, with its `before`; what a silent run left is taken over; all else is new."""
    old = state.leases.get(host)
    if old is not None and old.run == run.id:
        process = old.process or params.process(host)
        lease, token = replace(old, until=state.at + held, process=process), state.token
    elif old is not None:
        token = state.token + 1
        lease = _runs.taken_over(old, run, token, state.at, held)
    else:
        token = state.token + 1
        lease = _new_lease(state, view, run, host, params, held)
    return replace(state, token=token, leases={**state.leases, host: lease})


def _new_lease(state: State, view: Scene, run: Run, host: str, params: Params, held: float) -> Lease:
    return Lease(
        host=host,
        run=run.id,
        service=run.service,
        token=state.token + 1,
        since=state.at,
        until=state.at + held,
        step=GRANTED,
        reason=run.reason,
        pools=[pool.id for pool in view.pools if host in pool.hosts],
        before=_before(host, view),
        process=params.process(host),
    )


def _before(host: str, view: Scene) -> list[dict[str, Any]]:
    """Each traffic point of the host as its source reads now."""
    found = []
    for point in view.instances[host]["points"]:
        now = view.said[point["pool"], point["source"], point["member"]]
        state = _stood(now["state"], view.seen[host].ok)
        known = {"known": now["known"]} if "known" in now else {}
        found.append({**point, "state": state, "weight": now.get("weight"), **known})
    return found


def _stood(said: str, well: bool) -> str:
    """The state to go back to. What left a registry with its process comes back with the next one."""
    if not well and said in _levels.LEFT:
        return "up"
    return "down" if said == _levels.PARTLY else said


def _grant_result(ledger: Ledger, run: Run, view: Scene, state: State, decided: Mapping[str, Any]) -> dict[str, Any]:
    granted = {host: vars(state.leases[host]) for host in decided["granted"]}
    levels = [level.facts() for level in decided["levels"]]
    short = {one["pool"]: [one["configured"], one["in_traffic"], one["least"]] for one in levels}
    tokens = {host: lease["token"] for host, lease in granted.items()}
    pools = {host: lease["pools"] for host, lease in granted.items()}
    event = {"event": "granted", "tokens": tokens, "refused": decided["refused"], "levels": short, "pools": pools}
    warnings = _ledger.note(ledger, run.id, {"at": state.at, "revision": state.revision, **event})
    parts = [f"granted {', '.join(granted)}", *(f"not {text}" for text in grouped(decided["refused"]))]
    return {
        "changed": True,
        "msg": "; ".join(parts) + "\n" + "\n".join(level["msg"] for level in levels),
        "warnings": warnings,
        "stale": False,
        "waiting": False,
        "granted": granted,
        "refused": decided["refused"],
        "levels": levels,
    }
