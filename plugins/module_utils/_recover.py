# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs left out that have no living process any more: taken over, to be put back and not to be restarted.

The leases stay those of their run, so that the same command goes on with it later; what was put back is not done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import _account, _ledger, _living, _runs, _sweep
from ._ledger import Lease, Ledger, Run, State, note
from ._levels import grouped, moment
from ._params import Params


def recover(ledger: Ledger, params: Params, check: _sweep.Check) -> dict[str, Any]:
    """Take over the leases of the wanted hosts that such runs left, where a probe finds the host healthy; where it was
    about to be restarted, whatever the probe finds: what the dead run left running there may still start it.

    The caller owns those runs from now on, and they are granted nothing more. With `stopped` also runs that stopped
    and reported: these kept out what they kept out on purpose.
    """
    wanted, held = params.hosts(), params.number("held", 1, 86400)
    probes = {host: one["probe"] for host, one in params.instances(params.pools()).items()}
    state = ledger.snapshot()
    left = _left(state, params)
    seen = _sweep.sweep({host: probes[host] for host in left}, params.number("probe_deadline", 0.05, 4, 2), check)
    taken: dict[str, Lease] = {}
    runs: dict[str, Run] = {}
    reported: list[str] = []

    def change(state: State) -> State:
        free = {h: lease for h, lease in _left(state, params).items() if lease.step == _runs.RESTARTING or _ok(seen, h)}
        own = _to_own(state, params, free)
        reported[:] = [run.id for run in own if _living.reported(run)]
        runs.clear()
        runs.update({run.id: _owned(run, state, params) for run in own})
        taken.clear()
        for number, (host, lease) in enumerate(free.items(), 1):
            taken[host] = replace(lease, token=state.token + number, until=state.at + held)
        if not runs:
            return state
        token, leases = state.token + len(taken), {**state.leases, **taken}
        return replace(state, token=token, runs={**state.runs, **runs}, leases=leases)

    if left or _to_own(state, params, {}):
        state = ledger.commit(change)
    kept = {host: why for host in wanted if host not in taken for why in _kept(state, host, params, seen)}
    parts = [f"took over {', '.join(taken)}"] if taken else []
    return {
        "changed": bool(runs),
        "msg": "; ".join([*parts, *grouped({h: one["detail"] for h, one in kept.items()})]) or "nothing was left out",
        "warnings": _noted(ledger, state, runs, taken),
        "granted": {host: vars(lease) for host, lease in taken.items()},
        "kept": kept,
        "recovered": list(runs),
        "reported": reported,
    }


def _noted(ledger: Ledger, state: State, runs: Mapping[str, Run], taken: Mapping[str, Lease]) -> list[str]:
    warnings: list[str] = []
    for run in runs.values():
        tokens = {host: lease.token for host, lease in taken.items() if lease.run == run.id}
        event = {"at": state.at, "event": "recovered", "owner": run.owner, "tokens": tokens}
        warnings += note(ledger, run.id, event)
    return warnings


def _ok(seen: Mapping[str, Any], host: str) -> bool:
    return host in seen and bool(seen[host].ok)


def _free(state: State, run: Run, params: Params) -> bool:
    """Whether the run is the caller's to take over."""
    if run.service != params.word("service"):
        return False
    if run.owner == params.owner():
        return True
    return _living.resumable(state, run, _living.proved(state, params)) and (
        params.flag("stopped") or not _living.reported(run)
    )


def _left(state: State, params: Params) -> dict[str, Lease]:
    """What runs without a process hold, of the wanted hosts."""
    wanted = [host for host in params.hosts() if host in state.leases]
    return {h: state.leases[h] for h in wanted if _free(state, state.runs[state.leases[h].run], params)}


def _to_own(state: State, params: Params, taken: Mapping[str, Lease]) -> list[Run]:
    """The runs of what is taken over, and the dead ones that hold nothing: they are brought to an end."""
    holders = {lease.run for lease in taken.values()}
    return [
        run
        for run in state.runs.values()
        if _free(state, run, params) and (run.id in holders or not (_living.reported(run) or state.held_by(run.id)))
    ]


def _owned(run: Run, state: State, params: Params) -> Run:
    owner, account = params.owner(), _account.name()
    gone = f"its process was gone, last heard of {moment(run.heartbeat, state.at)}; {owner['name']} restored"
    why = run.why or gone
    return replace(run, owner=owner, account=account, state=_ledger.STOPPED, heartbeat=state.at, ended=None, why=why)


def _kept(state: State, host: str, params: Params, seen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Why a host that a lease holds out was not taken over; `left`: whether anybody still cares for it."""
    lease = state.leases.get(host)
    if lease is None:
        return []
    run = state.runs[lease.run]
    if host in seen and not seen[host].ok:
        return [{"left": True, "detail": f"unhealthy: {seen[host].saw}. Left out by run {run.id}"}]
    if _living.reported(run):
        return [{"left": True, "detail": f"kept out by run {run.id}, which stopped: {run.why}"}]
    return [{"left": False, "detail": f"run {run.id} of {_living.owner_text(run)} is at work with it"}]
