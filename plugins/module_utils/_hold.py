# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work under a lease: go on to its next step, give it back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import _runs
from ._ledger import Lease, Ledger, Refused, Run, State, note
from ._params import Params
from ._scene import held_text


def renew(ledger: Ledger, params: Params) -> dict[str, Any]:
    """Go on to the next step of work that was granted; a stopped run may end what it began. An expired lease is not
    renewed: its run acquires again, and so measures again."""
    hosts, held = params.hosts(), params.number("held", 1, 86400)
    step = params.word("step") if params.has("step") else ""

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
    event = {"at": state.at, "event": "step", "step": step, "hosts": hosts}
    warnings = note(ledger, params.run(), event) if step else []
    leases = {host: vars(state.leases[host]) for host in hosts}
    msg = f"{', '.join(hosts)}: {f'at step {step}, ' if step else ''}held for {held:g} s more"
    elapsed = _runs.elapsed(state.runs[params.run()], state.at)
    return {"changed": True, "msg": msg, "warnings": warnings, "leases": leases, "elapsed": elapsed}


def _held(state: State, run: Run, host: str, params: Params) -> Lease:
    lease = state.leases.get(host)
    if lease is None or lease.run != run.id:
        now = f"held by {held_text(state, lease)}" if lease else "not held by anybody"
        raise Refused(f"{host}: run {run.id} has no lease of it any more; it is {now}. This run must stop.", lost=True)
    token = params.token(host)
    if token not in (None, lease.token):
        raise Refused(f"{host}: token {token} is not {lease.token}, the lease's. This run must stop.", lost=True)
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
        restarted = {**state.restarted, run.service: state.at} if done else state.restarted
        leases = {h: o for h, o in state.leases.items() if h not in given}
        return replace(state, leases=leases, restarted=restarted).with_run(after)

    state = ledger.commit(change)
    event = {"at": state.at, "event": "released", "hosts": given, "done": done}
    warnings = note(ledger, params.run(), event) if given else []
    msg = f"released {', '.join(given)}" if given else f"{', '.join(hosts)}: not held by run {params.run()}"
    return {"changed": bool(given), "msg": msg, "warnings": warnings, "released": given}
