# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands in the ledger, for people and for machines. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _approval, _queue
from ._ending import known
from ._ledger import Lease, Ledger, Run, State, Waiting
from ._levels import moment
from ._living import owner_text
from ._params import Params
from ._word import waiting_text


def status(ledger: Ledger, params: Params) -> dict[str, Any]:
    """What stands in the ledger; with `run` also that run's events."""
    state = ledger.snapshot()
    lines = [_run_line(state, run) for run in state.runs.values()]
    lines += [_lease_line(state, lease) for lease in state.leases.values()]
    queue = sorted(_queue.alive(state).values(), key=lambda one: one.place)
    lines += [_queue_line(state, one) for one in queue]
    lines += [request_line(one, state.at) for one in _approval.facts(state)]
    result = {
        "changed": False,
        "msg": "\n".join(lines) or "no run is live and nothing is held out",
        "place": ledger.place,
        **facts(state),
    }
    if params.has("run"):
        result.update(past=_past(ledger, state, params.run()), events=ledger.events(params.run()))
    return result


def facts(state: State, service: str | None = None) -> dict[str, Any]:
    """The runs, leases and queue that stand in the ledger, or those of one service, for machines."""
    runs = {name: run for name, run in state.runs.items() if service in (None, run.service)}
    queue = sorted(_queue.alive(state).values(), key=lambda one: one.place)
    return {
        "id": state.id,
        "revision": state.revision,
        "at": state.at,
        "runs": [
            {**vars(run), "silent": state.silent(run), "holds": list(state.held_by(run.id))} for run in runs.values()
        ],
        "leases": [
            {**vars(lease), "age": state.at - lease.since, "expired": lease.until < state.at}
            for lease in state.leases.values()
            if service in (None, lease.service)
        ],
        "queue": [dict(vars(one)) for one in queue if one.run in runs],
        "requests": [one for one in _approval.facts(state) if service in (None, one["plan"]["service"])],
    }


def request_line(one: Mapping[str, Any], now: float) -> str:
    """An approval that waits, or was given and waits to be used."""
    plan, until = one["plan"], moment(one["until"], now)
    has = f"has the word of {one['by']}" if one["by"] else "waits for another person's word"
    what = f"{plan['kind']} of {', '.join(plan['hosts'])}, asked for by {plan['by']}"
    return f"{plan['service']}: request {one['id']}, {what}, {has}, until {until}"


def _past(ledger: Ledger, state: State, name: str) -> dict[str, Any] | None:
    past = known(ledger, state, name)
    return None if past is None else dict(vars(past))


def _run_line(state: State, run: Run) -> str:
    silent = f", not heard of since {moment(run.heartbeat, state.at)}" if state.silent(run) else ""
    done = len(run.planned) - len(run.left())
    word = f", {waiting_text(run.word, state.at)}" if run.word and not run.word.get("by") else ""
    return (
        f"{run.service}: run {run.id} of {owner_text(run)}, {run.state}{f' ({run.why})' if run.why else ''}, "
        f"began {moment(run.began, state.at)}, {done} of {len(run.planned)} done{word}{silent}"
    )


def _queue_line(state: State, one: Waiting) -> str:
    why = f": {one.why}" if one.why else ""
    run = state.runs[one.run]
    return f"{run.service}: run {run.id} waits since {moment(one.since, state.at)} for {', '.join(one.hosts)}{why}"


def _lease_line(state: State, lease: Lease) -> str:
    expired = " (EXPIRED)" if lease.until < state.at else ""
    return (
        f"{lease.service}: {lease.host} is out by run {lease.run} since {moment(lease.since, state.at)}, "
        f"at step {lease.step}, until {moment(lease.until, state.at)}{expired}"
    )
