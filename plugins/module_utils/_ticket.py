# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ticket that a measurement is made on, taken when it is a run's turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import _poll, _queue, _runs
from ._ledger import Ledger, State
from ._levels import grouped
from ._params import Params
from ._scene import left_text

# Seconds between two looks of one that waits for its turn, and after which it says again that it is there.
_INTERVAL = 0.25
_HEARD = 5.0


def ticket(ledger: Ledger, params: Params) -> dict[str, Any]:
    """What a measurement must be made on: the revision and the ledger's clock before it.

    With `patience` the run keeps its place in the queue, and the ticket comes when it is its turn or the seconds are
    over: a grant on it may then be refused for those that came before.
    """
    if not params.number("patience", 0, 300, 0):
        return _made(ledger.snapshot())
    turn = _turn(ledger, params)
    mine = _queue.alive(turn.last).get(params.run())
    told = {"waiting": True, "msg": waiting_text(turn.last, params.run(), mine.pools, mine.why)} if mine else {}
    return {**_made(turn.last), "waited": round(turn.waited, 3), **told}


def _made(state: State) -> dict[str, Any]:
    return {
        "changed": False,
        "msg": f"ticket for revision {state.revision}",
        "ticket": {"ledger": state.id, "revision": state.revision, "at": state.at},
    }


def _turn(ledger: Ledger, params: Params) -> _poll.Outcome[State]:
    run, pools = params.run(), pools_of(params)
    return _poll.poll(
        lambda: _look(ledger, params, run, pools),
        lambda state: _ready(state, run, pools),
        deadline=params.number("patience", 0, 300),
        interval=_INTERVAL,
    )


def pools_of(params: Params) -> list[str]:
    """The pools of what is wanted."""
    wanted = set(params.hosts())
    return [pool.id for pool in params.pools() if wanted & set(pool.hosts)]


def _look(ledger: Ledger, params: Params, run: str, pools: Sequence[str]) -> State:
    """The state; where the run has to wait, with it in the queue, heard of just now."""

    def join(now: State) -> State:
        _runs.own(now, params, granting=True)
        return _queue.joined(now, run, params.hosts(), pools, "")

    state = ledger.snapshot()
    _runs.own(state, params, granting=True)
    mine = _queue.alive(state).get(run)
    if mine is None and _queue.in_the_way(state, run, pools):
        return ledger.commit(join)
    if mine and state.at - mine.seen > _HEARD:
        return ledger.commit(lambda now: _queue.asking(now, run) if run in _queue.alive(now) else now)
    return state


def _ready(state: State, run: str, pools: Sequence[str]) -> bool:
    """Whether nobody is in the way, and something may have changed since the run found no room."""
    mine = _queue.alive(state).get(run)
    moved = mine is None or not mine.why or mine.revision != state.revision
    return moved and not _queue.in_the_way(state, run, pools)


def waiting_text(state: State, run: str, pools: Sequence[str], why: str) -> str:
    """For people: the place in the queue, what is missing, and who holds it for how long."""
    ahead = _queue.before(state, run, pools)
    place = f"waiting, {len(ahead) + 1} in the queue"
    behind = f" behind {', '.join(f'run {one.run}' for one in ahead)}" if ahead else ""
    held = {host: left_text(state, lease) for host, lease in state.leases.items() if lease.run != run}
    shared = {host: text for host, text in held.items() if set(state.leases[host].pools) & set(pools)}
    return "; ".join([place + behind, *([why] if why else []), *grouped(shared)])
