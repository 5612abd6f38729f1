# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run would do: measured for real, granting nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import _plan, _runs, _sweep
from ._ledger import FINISHED, Ledger, Refused, Run, State
from ._levels import Level, grouped
from ._params import Params
from ._scene import CAP, Scene, blocked, scene, why_no_room


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
    planned = _planned(view, state, levels, order, barred, done, resumed, ours, sizes)
    return {**planned, "expected": _expected(ledger, view.service, sum(map(len, planned["batches"])))}


def _expected(ledger: Ledger, service: str, instances: int) -> float | None:
    """The seconds that so many instances took in the service's newest finished run; None before the first."""
    for run in ledger.recent():
        if run.service == service and run.state == FINISHED and run.ended is not None and run.done:
            return (run.ended - run.began) / len(run.done) * instances
    return None


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
    sick = {host: seen.saw for host, seen in view.seen.items() if not seen.ok}
    rest = sorted((host for host in order if host not in first), key=lambda host: host not in sick)
    # What is out now and belongs to this run comes back with its batch.
    back = {
        host: frozenset(level.pool.id for level in levels if host in level.outs)
        | ({CAP} if host in state.leases else frozenset())
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
        "resumes": _resumes(resumed, state),
        "done": done,
    }
    return {**result, "msg": _plan_text(result)}


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
