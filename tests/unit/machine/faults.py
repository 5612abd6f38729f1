# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Faults planted in the collection's own code, each of which the state machine has to find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.action import nginx_upstream_member
from ansible_collections.lossless.restart.plugins.module_utils import (
    _fence,
    _floor,
    _grant,
    _guard,
    _hold,
    _ledger,
    _levels,
    _plan,
    _runs,
    _scene,
)
from ansible_collections.lossless.restart.plugins.module_utils._params import Params

from .ledger import Session

Plant = Callable[[pytest.MonkeyPatch], None]


def grant_without_the_revision(patch: pytest.MonkeyPatch) -> None:
    """The ticket's revision is not looked at: what was read before the probes is what is decided and written on."""
    snapshot, commit = Session.snapshot, Session.commit
    seen: dict[Session, _ledger.State] = {}

    def read(self: Session) -> _ledger.State:
        seen[self] = snapshot(self)
        return seen[self]

    def write(self: Session, change: _ledger.Change, if_revision: int | None = None) -> _ledger.State:
        if if_revision is None:
            return commit(self, change)
        return commit(self, lambda state: change(replace(seen[self], at=state.at)))

    patch.setattr(Session, "snapshot", read)
    patch.setattr(Session, "commit", write)
    patch.setattr(_grant, "_stale", lambda state, asked: state.at - asked["at"] > _grant.TICKET_AGE)


def renew_after_expiry(patch: pytest.MonkeyPatch) -> None:
    held = _hold._held
    patch.setattr(_hold, "_held", lambda state, *rest: replace(held(state, *rest), until=state.at + 1))


def slip_in_the_floor(patch: pytest.MonkeyPatch) -> None:
    def least(total: int, floor: Fraction) -> int:
        return total * floor.numerator // floor.denominator

    patch.setattr(_floor, "least_in", least)


def n_counted_from_what_was_found(patch: pytest.MonkeyPatch) -> None:
    def least(self: _levels.Level) -> int:
        return _floor.least_in(self.in_traffic, self.pool.floor)

    patch.setattr(_levels.Level, "least", property(least))


def put_back_to_up(patch: pytest.MonkeyPatch) -> None:
    member = nginx_upstream_member._member

    def up(point: dict[str, Any], state: str | None, warmup: int | None) -> dict[str, Any]:
        found = member(point, state, warmup)
        return {**found, "state": "up"} if state == "before" else found

    patch.setattr(nginx_upstream_member, "_member", up)


def tokens_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_fence, "admit", lambda *_, **__: None)


def token_kept_at_a_take_over(patch: pytest.MonkeyPatch) -> None:
    taken = _runs.taken_over
    patch.setattr(_runs, "taken_over", lambda lease, *rest: replace(taken(lease, *rest), token=lease.token))


def lease_dropped_when_it_expires(patch: pytest.MonkeyPatch) -> None:
    granted = _grant._granted

    def forgetful(state: _ledger.State, *rest: Any) -> _ledger.State:
        living = {host: lease for host, lease in state.leases.items() if lease.until >= state.at}
        return granted(replace(state, leases=living), *rest)

    patch.setattr(_grant, "_granted", forgetful)


def age_of_the_ticket_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_grant, "TICKET_AGE", 1e9)


def unhealthy_counted_as_in_traffic(patch: pytest.MonkeyPatch) -> None:
    why = _levels._why

    def blind(*found: Any) -> Any:
        out = why(*found)
        return None if out and out.why == _levels.UNHEALTHY else out

    patch.setattr(_levels, "_why", blind)


def run_taken_from_a_living_process(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_runs, "resumable", lambda *_: True)


def release_of_what_others_hold(patch: pytest.MonkeyPatch) -> None:
    def release(ledger: _ledger.Ledger, params: Params) -> dict[str, Any]:
        def change(state: _ledger.State) -> _ledger.State:
            run = state.runs.get(params.run())
            if run is None:
                return state
            done = [*run.done, *params.hosts()] if params.flag("done") else run.done
            left = {host: lease for host, lease in state.leases.items() if host not in params.hosts()}
            return replace(state, leases=left).with_run(replace(run, done=done))

        ledger.commit(change)
        return {"changed": True, "msg": "released", "warnings": [], "released": params.hosts()}

    patch.setitem(_guard.ACTIONS, "release", release)


def one_pool_is_enough(patch: pytest.MonkeyPatch) -> None:
    def fits(hosts: Any, costs: _plan.Costs, room: _plan.Room) -> bool:
        return any(room[pool] > 0 for host in hosts for pool in costs[host])

    patch.setattr(_plan, "fits", fits)


def stopped_run_granted_more(patch: pytest.MonkeyPatch) -> None:
    own = _runs.own
    patch.setattr(_runs, "own", lambda state, params, granting=False: own(state, params))


def leases_counted_as_out_where_they_serve(patch: pytest.MonkeyPatch) -> None:
    levels = _scene.Scene.levels
    patch.setattr(_scene.Scene, "levels", lambda self, state, *_: levels(self, state))


FAULTS: Mapping[str, Plant] = MappingProxyType(
    {
        plant.__name__: plant
        for plant in (
            grant_without_the_revision,
            renew_after_expiry,
            slip_in_the_floor,
            n_counted_from_what_was_found,
            put_back_to_up,
            tokens_not_checked,
            token_kept_at_a_take_over,
            lease_dropped_when_it_expires,
            age_of_the_ticket_not_checked,
            unhealthy_counted_as_in_traffic,
            run_taken_from_a_living_process,
            release_of_what_others_hold,
            one_pool_is_enough,
            stopped_run_granted_more,
            leases_counted_as_out_where_they_serve,
        )
    }
)
