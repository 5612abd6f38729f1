# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run would do: measured for real, granting nothing."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import _living, _permission, _plan, _runs, _sweep
from ._ledger import FINISHED, RECENT, Ledger, Refused, Run, State
from ._levels import Level, grouped
from ._params import Params
from ._scene import CAP, Scene, blocked, permitted, refuse_foreign, scene, unliftable, why_no_room


@dataclass(frozen=True)
class Draft:
    """What a plan is made of. order: who is to go, in that order; later: of them, those that others hold now.

    barred: who cannot go, and why. done: by the run that is resumed. ours: the runs whose leases are taken over.
    sizes: of the batches. waits: whether the run waits for room.
    """

    view: Scene
    state: State
    levels: Sequence[Level]
    order: list[str]
    later: Mapping[str, str]
    barred: Mapping[str, str]
    done: list[str]
    resumed: Run | None
    ours: set[str]
    sizes: list[int]
    waits: bool


def plan(ledger: Ledger, params: Params, check: _sweep.Check) -> dict[str, Any]:
    """What a run would do: its batches, the lowest level of each pool, and what is in the way. Grants nothing."""
    state = ledger.snapshot()
    permission = _permission.of(ledger, state, params, params.word("service"))
    view = permitted(permission, scene(params, check, params.glass()))
    sizes = _ruled_pace(params, len(view.wanted))
    waits = params.choice("fit", "refuse", "shrink", "wait") == "wait"
    state = ledger.snapshot()
    refuse_foreign(view, state, ledger.place, params.text("replaces"))
    dead, new, taken = _living.gone(state, params, view.wanted), params.flag("new"), _living.named(state, params)
    resumed = None if new else _runs.to_resume(state, view.service, view.wanted, dead, taken)
    ours = {run.id for run in _runs.abandoned(state, view.service, dead)}
    ours |= {params.run()} if params.has("run") else set()
    levels = view.levels(state, ours, resumed.id if resumed else "")
    barred = blocked(state, view, levels, ours)
    for_good = unliftable(view, levels)
    later = {host: why for host, why in barred.items() if waits and host not in for_good}
    barred = {host: why for host, why in barred.items() if host not in later}
    done = [host for host in view.wanted if resumed and host in resumed.done and host not in state.leases]
    order = [host for host in view.wanted if host not in {*barred, *done}]
    planned = _planned(Draft(view, state, levels, order, later, barred, done, resumed, ours, sizes, waits))
    if taken:
        planned["msg"] = "\n".join([_living.taken_text(taken, state.at), planned["msg"]])
    wish = _permission.wish(params, again=resumed is not None)
    return {
        **planned,
        "expected": _expected(ledger, view.service, sum(map(len, planned["batches"]))),
        "policy": permission.facts(),
        "against": permission.refusals(state, wish),
    }


def _expected(ledger: Ledger, service: str, instances: int) -> float | None:
    """The seconds that so many instances took in the service's newest finished run; None before the first."""
    for run in itertools.islice(ledger.history(), RECENT):
        if run.service == service and run.state == FINISHED and run.ended is not None and run.done:
            return (run.ended - run.began) / len(run.done) * instances
    return None


def _ruled_pace(params: Params, selected: int) -> list[int]:
    try:
        return _plan.parse_pace(params.raw("pace"), selected)
    except ValueError as error:
        raise Refused(str(error)) from error


def _planned(draft: Draft) -> dict[str, Any]:
    view, state, levels = draft.view, draft.state, draft.levels
    sick = {host: seen.saw for host, seen in view.seen.items() if not seen.ok}
    held = [host for host in draft.order if host in state.leases and state.leases[host].run in draft.ours]
    out = [host for host in held if not view.costs(state, levels)[host]]
    made = _batches(draft, held, sick)
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
    result = {
        "changed": False,
        "batches": made.batches,
        "sizes": draft.sizes,
        "notes": made.notes,
        "levels": [level.facts() for level in levels],
        "lowest": lowest,
        "blocked": {**draft.barred, **after},
        "unhealthy": sick,
        "resumed": out,
        "resumes": _resumes(draft.resumed, state),
        "done": draft.done,
    }
    return {**result, "msg": _plan_text(result)}


def _batches(draft: Draft, held: list[str], sick: Mapping[str, str]) -> _plan.Batches:
    """The batches that there is room for, what is held first; where the run waits for room, the others after them."""
    costs, room = draft.view.costs(draft.state, draft.levels), draft.view.room(draft.state, draft.levels)
    first, stuck = _first(draft, held, costs)
    # The guard counts as out what is held and cannot go on.
    room = {pool: count - sum(pool in costs[host] for host in stuck) for pool, count in room.items()}
    rest = [host for host in draft.order if host not in {*first, *stuck, *draft.later}]
    rest.sort(key=lambda host: (host not in held, host not in sick))
    # What is out now and belongs to this run comes back with its batch.
    back = {
        host: frozenset(level.pool.id for level in draft.levels if host in level.outs)
        | ({CAP} if host in draft.state.leases else frozenset())
        for host in draft.order
    }
    made = _plan.batches(first, rest, draft.sizes, costs, room, back)
    made = replace(made, left=[*stuck, *made.left])
    late = [*made.left, *draft.later]
    if not draft.waits or not late:
        return made
    most = {level.pool.id: level.configured - level.bound for level in draft.levels} | {CAP: draft.view.cap}
    all_in = {
        host: frozenset({CAP, *(level.pool.id for level in draft.levels if host in level.pool.hosts)}) for host in late
    }
    more = _plan.batches([], late, draft.sizes[-1:], all_in, most, all_in)
    if not more.batches:
        return made
    note = f"waits for room, for each of them: {', '.join(host for batch in more.batches for host in batch)}"
    lowest = {pool: min(low, -max(0, room[pool])) if pool != CAP else low for pool, low in made.lowest.items()}
    return _plan.Batches([*made.batches, *more.batches], more.left, [*made.notes, note], lowest)


def _first(draft: Draft, held: list[str], costs: _plan.Costs) -> tuple[list[str], list[str]]:
    """Of what is held, who goes first, and who cannot go at all.

    The guard counts all that is held as out. What serves of it may go only while that leaves no pool below its floor,
    and has to wait for the others to be back.
    """
    room = {level.pool.id: level.room for level in draft.view.levels(draft.state)}
    pools = {level.pool.id: level.pool.hosts for level in draft.levels}
    turns: list[list[str]] = []
    waiting = list(held)
    while going := [host for host in waiting if all(room.get(pool, 0) >= 0 for pool in costs[host])]:
        turns.append(going)
        waiting = [host for host in waiting if host not in going]
        room = {pool: count + sum(host in pools[pool] for host in going) for pool, count in room.items()}
    return (turns[0] if turns else []), waiting


def _resumes(run: Run | None, state: State) -> dict[str, Any] | None:
    if run is None:
        return None
    facts = {"run": run.id, "since": run.since, "began": run.began, "done": run.done, "planned": run.planned}
    return {**facts, "msg": _runs.resumed_text(run, state.at)}


def _plan_text(result: Mapping[str, Any]) -> str:
    lines = [result["resumes"]["msg"]] if result["resumes"] else []
    lines += [level["msg"] for level in result["levels"]]
    for number, batch in enumerate(result["batches"], 1):
        lines.append(f"batch {number}: {', '.join(_marked(host, result) for host in batch)}")
    lines += result["notes"]
    for low in result["lowest"].values():
        least = f"{low['in_traffic']} of {low['configured']}"
        lines.append(f"{low['name']}: at the lowest {least} in traffic, floor {low['least']}")
    lines += [f"blocked: {text}" for text in grouped(result["blocked"])]
    return "\n".join(lines)


def _marked(host: str, result: Mapping[str, Any]) -> str:
    if host in result["resumed"]:
        return f"{host} (left out by an earlier run)"
    return f"{host} (unhealthy: {result['unhealthy'][host]})" if host in result["unhealthy"] else host
