# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Leases: plan without granting, grant on a ticket, renew, release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import _floor, _ledger, _levels, _plan, _runs, _sweep
from ._ledger import Lease, Ledger, Refused, Run, State
from ._levels import Level, Pool, moment
from ._params import Params

# Seconds by the ledger's clock after which what was measured on a ticket is too old.
TICKET_AGE = 10.0
GRANTED = "granted"
_STEPS = ("granted", "draining", "drained", "restarting", "gate", "attaching", "verifying")
_CAP = "max_out"


@dataclass(frozen=True)
class Scene:
    """What was asked and measured: everything that a decision needs besides the ledger's state."""

    service: str
    wanted: list[str]
    pools: list[Pool]
    instances: Mapping[str, Mapping[str, Any]]
    readings: list[Mapping[str, Any]]
    seen: Mapping[str, Any]
    cap: int
    include_drained: bool

    def levels(self, state: State) -> list[Level]:
        leased = {host: held_text(state, lease) for host, lease in state.leases.items()}
        return _levels.levels(self.pools, self.instances, self.readings, self.seen, leased)

    def room(self, state: State, levels: Sequence[Level]) -> dict[str, int]:
        """By pool, with the cap over all runs as one more."""
        in_work = sum(lease.service == self.service for lease in state.leases.values())
        return {_CAP: self.cap - in_work, **{level.pool.id: level.room for level in levels}}

    def costs(self, state: State, levels: Sequence[Level]) -> dict[str, frozenset[str]]:
        return {
            host: _levels.costs(host, levels) | (frozenset() if host in state.leases else {_CAP}) for host in self.wanted
        }


def scene(params: Params, check: _sweep.Check) -> Scene:
    """Check what was asked and read, then probe every member of every pool."""
    pools, wanted = params.pools(), params.hosts()
    instances, readings = params.instances(pools), params.readings()
    service = next(pool for pool in pools if pool.id == f"service/{params.word('service')}")
    strange = [host for host in wanted if host not in service.hosts]
    if strange:
        raise Refused(f"{', '.join(strange)}: no instance of {service.name}, which has {len(service.hosts)}")
    cap = params.cap(len(service.hosts))
    drained = params.choice("drained", "skip", "include")
    timeout = params.number("probe_deadline", 0.05, 4, 2)
    wrong = _levels.disagreements(pools, instances, readings)
    if wrong:
        raise Refused(
            f"{'; '.join(wrong[:8])}{f'; and {len(wrong) - 8} more' if len(wrong) > 8 else ''}. "
            "Nothing is taken out while the sources cannot be counted on.",
            disagreements=wrong,
        )
    members = dict.fromkeys(host for pool in pools for host in pool.hosts)
    seen = _sweep.sweep({host: instances[host]["probe"] for host in members}, timeout, check)
    return Scene(service.name, wanted, pools, instances, readings, seen, cap, drained == "include")


def held_text(state: State, lease: Lease) -> str:
    expired = ", EXPIRED" if lease.until < state.at else ""
    owner = state.runs[lease.run].owner["name"]
    return f"run {lease.run} of {owner} since {moment(lease.since, state.at)}, at step {lease.step}{expired}"


def blocked(state: State, view: Scene, levels: Sequence[Level], free_runs: set[str]) -> dict[str, str]:
    """Of the wanted hosts, those that nobody may take now, whatever the room; `free_runs` stand in nobody's way."""
    found = {}
    for host in view.wanted:
        lease = state.leases.get(host)
        if lease is not None and lease.run not in free_runs and lease.until >= state.at:
            found[host] = (
                f"held by {held_text(state, lease)}, until {moment(lease.until, state.at)}. "
                "Wait for that run, or stop it"
            )
        drained = [level.outs[host] for level in levels if host in level.outs and level.outs[host].why == _levels.DRAINED]
        if drained and not view.include_drained:
            found[host] = f"{drained[0].detail}. Whoever drained it puts it back, or ask with drained: include"
    return found


def why_no_room(host: str, view: Scene, state: State, levels: Sequence[Level]) -> str:
    """Why the floor or the cap keeps `host` in traffic, and who can lift it."""
    for level in levels:
        if host not in level.pool.hosts or host in level.outs:
            continue
        if _floor.max_out(level.configured, level.pool.floor) == 0:
            return (
                f"{level.pool.name}: {level.configured} configured and floor {level.pool.share} = {level.least}: none may "
                "ever be out. Add an instance, or lower the floor of this pool"
            )
        if level.room <= 0:
            return level.text() + ". Wait until one of these is back, or repair it"
    if view.room(state, levels)[_CAP] <= 0:
        return f"{view.service}: {view.cap} may be in work at once over all runs (max_out), and are. Wait for one"
    return "no room beside the others that were wanted with it. Ask for fewer at once, or with fit: shrink"


def ticket(ledger: Ledger, params: Params) -> dict[str, Any]:
    """What a measurement must be made on: the revision and the ledger's clock before it."""
    state = ledger.snapshot()
    return {
        "changed": False,
        "msg": f"ticket for revision {state.revision}",
        "ticket": {"ledger": state.id, "revision": state.revision, "at": state.at},
    }


def plan(ledger: Ledger, params: Params, check: _sweep.Check) -> dict[str, Any]:
    """What a run would do: its batches, the lowest level of each pool, and what is in the way. Grants nothing."""
    view = scene(params, check)
    sizes = _ruled_pace(params, len(view.wanted))
    state = ledger.snapshot()
    dead, new = params.dead(), params.flag("new")
    resumed = None if new else _runs.to_resume(state, view.service, view.wanted, dead)
    ours = {run.id for run in _runs.abandoned(state, view.service, dead)}
    ours |= {params.run()} if params.has("run") else set()
    levels = view.levels(state)
    barred = blocked(state, view, levels, ours)
    done = [host for host in view.wanted if resumed and host in resumed.done and host not in state.leases]
    order = [host for host in view.wanted if host not in barred and host not in done]
    return _planned(view, state, levels, order, barred, done, resumed, ours, sizes)


def _ruled_pace(params: Params, selected: int) -> list[int]:
    try:
        return _plan.parse_pace(params.raw("pace"), selected)
    except ValueError as error:
        raise Refused(str(error)) from error


def _planned(
    view: Scene,
    state: State,
    levels: Sequence[Level],
    order: list[str],
    barred: dict[str, str],
    done: list[str],
    resumed: Run | None,
    ours: set[str],
    sizes: list[int],
) -> dict[str, Any]:
    first = [host for host in order if host in state.leases and state.leases[host].run in ours]
    sick = {host: seen.saw for host, seen in view.seen.items() if not seen.ok and host not in state.leases}
    rest = sorted((host for host in order if host not in first), key=lambda host: host not in sick)
    # What is out now and belongs to this run comes back with its batch.
    back = {
        host: frozenset(level.pool.id for level in levels if host in level.outs)
        | ({_CAP} if host in first else frozenset())
        for host in order
    }
    made = _plan.batches(first, rest, sizes, view.costs(state, levels), view.room(state, levels), back)
    after = {host: why_no_room(host, view, state, levels) for host in made.left}
    lowest = {
        level.pool.id: {
            "name": level.pool.name,
            "configured": level.configured,
            "in_traffic": level.in_traffic + made.lowest[level.pool.id],
            "least": level.least,
        }
        for level in levels
    }
    resumes = None
    if resumed is not None:
        resumes = {"run": resumed.id, "since": resumed.since, "began": resumed.began, "done": resumed.done}
        resumes["planned"] = resumed.planned
    result = {
        "changed": False,
        "batches": made.batches,
        "sizes": sizes,
        "notes": made.notes,
        "levels": [level.facts() for level in levels],
        "lowest": lowest,
        "blocked": {**barred, **after},
        "unhealthy": sick,
        "resumed": first,
        "resumes": resumes,
        "done": done,
    }
    return {**result, "msg": _plan_text(result, state)}


def _plan_text(result: Mapping[str, Any], state: State) -> str:
    lines = []
    if result["resumes"]:
        run = result["resumes"]
        finished = len(set(run["done"]) & set(run["planned"]))
        lines.append(
            f"resuming run {run['run']} of {moment(run['began'], state.at)}, {finished} of {len(run['planned'])} done"
        )
    lines += [level["msg"] for level in result["levels"]]
    for number, batch in enumerate(result["batches"], 1):
        lines.append(f"batch {number}: {', '.join(_marked(host, result) for host in batch)}")
    lines += result["notes"]
    for low in result["lowest"].values():
        lines.append(f"{low['name']}: lowest {low['in_traffic']} of {low['configured']} in traffic, floor {low['least']}")
    lines += [f"blocked: {host}: {why}" for host, why in result["blocked"].items()]
    return "\n".join(lines)


def _marked(host: str, result: Mapping[str, Any]) -> str:
    if host in result["resumed"]:
        return f"{host} (left out by an earlier run)"
    return f"{host} (unhealthy: {result['unhealthy'][host]})" if host in result["unhealthy"] else host


def acquire(ledger: Ledger, params: Params, check: _sweep.Check) -> dict[str, Any]:
    """Grant leases by compare-and-set on the ticket. A stale ticket grants nothing: measure again."""
    asked: Mapping[str, Any] = params.raw("ticket")
    shrink = params.choice("fit", "refuse", "shrink") == "shrink"
    held = params.number("held", 1, 86400)
    before = ledger.snapshot()
    run = _runs.own(before, params, granting=True)
    if _stale(before, asked):
        return _stale_result(before, asked)
    view = scene(params, check)
    if view.service != run.service:
        raise Refused(f"run {run.id} is one of {run.service}, not of {view.service}")
    decided: dict[str, Any] = {}

    def change(state: State) -> State:
        decided.clear()
        if _stale(state, asked):
            decided["stale"] = True
            return state
        own = _runs.own(state, params, granting=True)
        return _granted(state, view, own, params, shrink, held, decided)

    try:
        state = ledger.commit(change, if_revision=asked["revision"])
    except _ledger.Moved:
        return _stale_result(ledger.snapshot(), asked)
    if decided.get("stale"):
        return _stale_result(state, asked)
    return _grant_result(ledger, run, view, state, decided)


def _stale(state: State, asked: Mapping[str, Any]) -> bool:
    same = asked.get("ledger") == state.id and asked.get("revision") == state.revision
    return not same or not -1 <= state.at - asked["at"] <= TICKET_AGE


def _stale_result(state: State, asked: Mapping[str, Any]) -> dict[str, Any]:
    age = state.at - asked["at"]
    why = f"is {age:.1f} s old" if asked.get("revision") == state.revision else "is older than another run's change"
    msg = f"the ticket {why}: nothing was granted. Take a new one and measure again."
    return {"changed": False, "msg": msg, "stale": True, "granted": {}, "refused": {}, "levels": []}


def _granted(
    state: State, view: Scene, run: Run, params: Params, shrink: bool, held: float, decided: dict[str, Any]
) -> State:
    levels = view.levels(state)
    mine = set(state.held_by(run.id))
    refused = blocked(state, view, levels, {run.id})
    refused.update({h: f"not in the plan of run {run.id}" for h in view.wanted if h not in run.planned and h not in mine})
    free = [host for host in view.wanted if host not in refused]
    room = view.room(state, levels)
    chosen = _plan.largest(free, view.costs(state, levels), room)
    refused.update({host: why_no_room(host, view, state, levels) for host in free if host not in chosen})
    if refused and (not shrink or not chosen):
        text = "; ".join(f"{host}: {why}" for host, why in refused.items())
        raise Refused(
            f"{text}. Nothing was granted.", refused=refused, stale=False, levels=[one.facts() for one in levels]
        )
    after = state
    for host in chosen:
        after = _with_lease(after, view, run, host, params, held)
    after = after.with_run(replace(run, heartbeat=state.at))
    decided.update(granted=chosen, refused=refused, levels=view.levels(after))
    return after


def _with_lease(state: State, view: Scene, run: Run, host: str, params: Params, held: float) -> State:
    """What the run holds it keeps, with its `before`; what a silent run left is taken over; all else is new."""
    old = state.leases.get(host)
    if old is not None and old.run == run.id:
        lease, token = replace(old, until=state.at + held), state.token
    elif old is not None:
        token = state.token + 1
        lease = _runs.taken_over(old, run, token, state.at, held)
    else:
        token = state.token + 1
        lease = _new_lease(state, view, run, host, params, held)
    return replace(state, token=token, leases={**state.leases, host: lease})


def _new_lease(state: State, view: Scene, run: Run, host: str, params: Params, held: float) -> Lease:
    process = params.raw("process").get(host) if params.has("process") else None
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
        process=process,
    )


def _before(host: str, view: Scene) -> list[dict[str, Any]]:
    """Each traffic point of the host as its source reads now."""
    said = {
        (reading["pool"], reading["source"], member["member"]): member
        for reading in view.readings
        for member in reading["members"]
    }
    found = []
    for point in view.instances[host]["points"]:
        now = said[point["pool"], point["source"], point["member"]]
        found.append({**point, "state": now["state"], "weight": now.get("weight")})
    return found


def _grant_result(ledger: Ledger, run: Run, view: Scene, state: State, decided: Mapping[str, Any]) -> dict[str, Any]:
    granted = {host: vars(state.leases[host]) for host in decided["granted"]}
    levels = [level.facts() for level in decided["levels"]]
    short = {one["pool"]: [one["configured"], one["in_traffic"], one["least"]] for one in levels}
    tokens = {host: lease["token"] for host, lease in granted.items()}
    event = {"event": "granted", "tokens": tokens, "refused": decided["refused"], "levels": short}
    ledger.append(run.id, {"at": state.at, "revision": state.revision, **event})
    parts = [f"granted {', '.join(granted)}", *(f"not {host}: {why}" for host, why in decided["refused"].items())]
    return {
        "changed": True,
        "msg": "; ".join(parts) + "\n" + "\n".join(level["msg"] for level in levels),
        "stale": False,
        "granted": granted,
        "refused": decided["refused"],
        "levels": levels,
    }


def renew(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Go on to the next step of work that was granted; a stopped run may end what it began. An expired lease is not
    renewed: its run acquires again, and so measures again."""
    hosts, held = params.hosts(), params.number("held", 1, 86400)
    step = params.choice("step", "", *_STEPS) if params.has("step") else ""

    def change(state: State) -> State:
        run = _runs.own(state, params)
        leases = {host: _held(state, run, host, params) for host in hosts}
        for host, lease in leases.items():
            if lease.until < state.at:
                raise Refused(
                    f"{host}: its lease expired {state.at - lease.until:.0f} s ago. Nothing was changed. "
                    "Take a ticket, measure and acquire it again.",
                    expired=True,
                )
        renewed = {h: replace(one, step=step or one.step, until=state.at + held) for h, one in leases.items()}
        beat = replace(run, heartbeat=state.at)
        return replace(state, leases={**state.leases, **renewed}).with_run(beat)

    state = ledger.commit(change)
    if step:
        ledger.append(params.run(), {"at": state.at, "event": "step", "step": step, "hosts": hosts})
    leases = {host: vars(state.leases[host]) for host in hosts}
    msg = f"{', '.join(hosts)}: {f'at step {step}, ' if step else ''}held for {held:g} s more"
    return {"changed": True, "msg": msg, "leases": leases}


def _held(state: State, run: Run, host: str, params: Params) -> Lease:
    lease = state.leases.get(host)
    if lease is None or lease.run != run.id:
        now = f"held by {held_text(state, lease)}" if lease else "not held by anybody"
        raise Refused(f"{host}: run {run.id} has no lease of it any more; it is {now}. This run must stop.", lost=True)
    tokens = params.raw("tokens") if params.has("tokens") else {}
    if tokens.get(host, lease.token) != lease.token:
        raise Refused(f"{host}: token {tokens[host]} is not {lease.token}, the lease's. This run must stop.", lost=True)
    return lease


def release(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Give leases back, with `done` as restarted and in traffic again. What is not held is no error."""
    hosts, done = params.hosts(), params.flag("done")
    given: list[str] = []

    def change(state: State) -> State:
        given[:] = []
        name = params.run()
        mine = state.held_by(name) if name in state.runs else {}
        if not set(hosts) & set(mine):
            return state
        run = _runs.own(state, params)
        given[:] = [host for host in hosts if host in mine and _held(state, run, host, params)]
        finished = list(dict.fromkeys([*run.done, *given])) if done else run.done
        after = replace(run, done=finished, heartbeat=state.at)
        return replace(state, leases={h: o for h, o in state.leases.items() if h not in given}).with_run(after)

    state = ledger.commit(change)
    if given:
        ledger.append(params.run(), {"at": state.at, "event": "released", "hosts": given, "done": done})
    msg = f"released {', '.join(given)}" if given else f"{', '.join(hosts)}: not held by run {params.run()}"
    return {"changed": bool(given), "msg": msg, "released": given}


def unused() -> Counter[str]:
    return Counter()
