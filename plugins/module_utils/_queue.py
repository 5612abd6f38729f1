# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The queue of runs that want a grant: first come, first served among those that fit. Pure.

Two runs stand in each other's way where they want room in the same pool. Whoever came first and has to measure again,
or would fit now, keeps the later ones back. Whoever finds no room lets them pass, but only for `PATIENCE` seconds while
others hold leases there, so that many small wishes cannot starve a large one. What is held back are grants, never
releases: of these there are as many as there are leases, so that a moment comes in which the ledger stands still for
the first. A run asks for all of a batch at once. Whoever holds something already, having gone on with a run that was
killed, is not kept back, since the first may wait for just that: so no two wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Callable

from ._ledger import State, Waiting

# Seconds for which one that finds no room lets later ones pass.
PATIENCE = 60.0
# Seconds after which one that was not heard of any more is no longer in the queue.
FORGOTTEN = 30.0


def alive(state: State) -> dict[str, Waiting]:
    """Those of the queue that still ask."""
    return {name: one for name, one in state.queue.items() if state.at - one.seen <= FORGOTTEN}


def before(state: State, run: str, pools: Sequence[str]) -> list[Waiting]:
    """Who came before `run`, or before anybody new, and wants room in one of `pools`; the first comes first."""
    mine = alive(state).get(run)
    others = [one for name, one in alive(state).items() if name != run and set(one.pools) & set(pools)]
    return sorted((one for one in others if mine is None or one.place < mine.place), key=lambda one: one.place)


def in_the_way(
    state: State, run: str, pools: Sequence[str], fits: Callable[[Waiting], bool] = lambda one: False
) -> list[Waiting]:
    """Those before `run` whom it must not pass. fits: whether there is room for one now, as far as it was measured."""
    if state.held_by(run):
        return []
    return [one for one in before(state, run, pools) if not one.why or fits(one) or _overtaken(state, one)]


def _overtaken(state: State, one: Waiting) -> bool:
    """Whether it has waited long enough, and what it waits for is in the hands of others."""
    held = any(lease.run != one.run and set(lease.pools) & set(one.pools) for lease in state.leases.values())
    return held and state.at - one.since >= PATIENCE


def joined(state: State, run: str, hosts: Sequence[str], pools: Sequence[str], why: str) -> State:
    """With `run` in the queue: at the place that it has, or at the end. why: see Waiting."""
    old = alive(state).get(run)
    last = max([one.place for one in state.queue.values()], default=0)
    place, since = (old.place, old.since) if old else (last + 1, state.at)
    mine = Waiting(run, place, list(hosts), list(pools), since, state.at, state.revision, why[:2000])
    beat = replace(state.runs[run], heartbeat=state.at)
    return replace(state, queue={**alive(state), run: mine}).with_run(beat)


def asking(state: State, run: str) -> State:
    """With `run` heard of again, at its place and for its reason."""
    mine = alive(state)[run]
    beat = replace(state.runs[run], heartbeat=state.at)
    return replace(state, queue={**alive(state), run: replace(mine, seen=state.at)}).with_run(beat)


def left(state: State, run: str) -> State:
    """Without `run`, and without those that do not ask any more."""
    if not state.queue:
        return state
    return replace(state, queue={name: one for name, one in alive(state).items() if name != run})
