# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who waits for whom: first come, first served among those that fit, and nobody for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _queue
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused

from tests.unit.guard_fleet import ALICE, Fleet

ALL = [f"order-{number}" for number in range(1, 5)]


class Asking:
    """One controller: its run, and one try after another to be granted what it wants."""

    def __init__(self, fleet: Fleet, pid: int, wanted: list[str]) -> None:
        self.fleet = fleet
        self.owner = {**ALICE, "pid": pid}
        self.wanted = wanted
        self.run = fleet.begin(wanted, owner=self.owner)

    def ticket(self) -> dict[str, Any]:
        """Whatever has to be waited for is not waited for here: the clock stands still."""
        described = self.fleet.described()
        wanted: dict[str, Any] = {"wanted": self.wanted, "pools": described["pools"], "floor": "30%"}
        return self.fleet.ask("ticket", run=self.run, owner=self.owner, patience=0.001, **wanted)

    def ask(self, fit: str = "wait") -> dict[str, Any]:
        ticket = self.ticket()["ticket"]
        return self.fleet.ask(
            "acquire", run=self.run, owner=self.owner, wanted=self.wanted, ticket=ticket, held=600, fit=fit
        )

    def granted(self, fit: str = "wait") -> bool:
        return bool(self.ask(fit)["granted"])

    def release(self) -> None:
        self.fleet.ask("release", run=self.run, owner=self.owner, wanted=self.wanted, done=True)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Four, of which two must stay."""
    return Fleet(tmp_path / "ledger", size=4)


def queue(fleet: Fleet) -> list[str]:
    waiting = fleet.ask("status")["queue"]
    return [one["run"] for one in waiting]


def test_what_fits_is_granted_at_once(fleet: Fleet) -> None:
    assert Asking(fleet, 1, ALL[:2]).granted()
    assert queue(fleet) == []


def test_the_first_is_served_first(fleet: Fleet) -> None:
    first, second, third = (Asking(fleet, pid, hosts) for pid, hosts in enumerate((ALL[:2], ALL[2:], ALL[2:]), 1))
    assert first.granted()
    assert not second.granted() and not third.granted()
    assert queue(fleet) == [second.run, third.run]
    first.release()
    assert not third.granted(), "it would fit, but so does the second, which came before"
    assert second.granted()
    assert queue(fleet) == [third.run]


def test_a_stale_ticket_keeps_its_place(fleet: Fleet) -> None:
    """Whoever was overtaken while it measured is the next, though others ask more quickly."""
    slow, quick, other = Asking(fleet, 1, ALL[:1]), Asking(fleet, 2, ALL[1:2]), Asking(fleet, 3, ALL[2:3])
    old = slow.ticket()["ticket"]
    assert quick.granted("refuse")
    stale = fleet.ask("acquire", run=slow.run, owner=slow.owner, wanted=slow.wanted, ticket=old, held=60)
    assert stale["stale"] and not stale["granted"]
    assert other.ticket()["waiting"]
    assert not other.granted("refuse")
    assert slow.granted("refuse") and not other.granted("wait")


def test_a_run_that_ends_before_it_gets_its_place_is_told_so(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its module was on its way for long; another process has brought the run to its end meanwhile."""
    late = Asking(fleet, 1, ALL[:1])
    assert late.granted()
    late.release()

    def ended(*_: object) -> list[str]:
        fleet.ask("finish", run=late.run, owner=late.owner)
        return ["somebody"]

    monkeypatch.setattr(_queue, "in_the_way", ended)
    with pytest.raises(Refused, match="is not in the ledger, or has finished. Nothing was changed"):
        late.ticket()


def test_other_pools_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """The queue is one of pools: behind a large wish in one pool nobody of another one waits."""
    fleet = Fleet(tmp_path / "ledger", size=10, pools={"left": ALL, "right": [f"order-{n}" for n in range(5, 9)]})
    holder, waits, free = Asking(fleet, 1, ALL[:2]), Asking(fleet, 2, ALL[2:3]), Asking(fleet, 3, ["order-5"])
    assert holder.granted() and not waits.granted()
    assert free.granted()


def test_who_finds_no_room_lets_the_others_pass_for_a_minute(fleet: Fleet) -> None:
    holder, large, small = Asking(fleet, 1, ALL[:1]), Asking(fleet, 2, ALL[1:3]), Asking(fleet, 3, ALL[3:])
    assert holder.granted()
    assert not large.granted()
    assert small.granted()
    small.release()
    fleet.now += _queue.PATIENCE / 2
    assert not large.granted()
    fleet.now += _queue.PATIENCE / 2
    assert not large.granted()
    again = Asking(fleet, 4, ALL[3:])
    assert not again.granted(), "a large wish is starved by small ones"
    holder.release()
    assert not again.granted() and large.granted()
    large.release()
    assert again.granted()


def test_nobody_waits_for_one_whom_no_lease_keeps_out(fleet: Fleet) -> None:
    """Two are sick: the large wish waits for people, not for runs, and keeps nobody back."""
    fleet.sick = {"order-1"}
    large, small = Asking(fleet, 2, ALL[1:3]), Asking(fleet, 3, ALL[3:])
    assert not large.granted()
    fleet.now += _queue.PATIENCE
    assert not large.granted()
    assert small.granted()


def test_a_run_that_asks_no_more_is_forgotten(fleet: Fleet) -> None:
    holder, gone, later = Asking(fleet, 1, ALL[:2]), Asking(fleet, 2, ALL[2:]), Asking(fleet, 3, ALL[2:])
    assert holder.granted() and not gone.granted()
    holder.release()
    fleet.now += _queue.FORGOTTEN + 1
    assert later.granted()
    assert queue(fleet) == []


def test_whoever_holds_something_is_not_kept_back(fleet: Fleet) -> None:
    """Resumed for order-3 alone, it still holds order-1, for which the first in the queue waits."""
    gone = Asking(fleet, 1, [ALL[0], ALL[2]])
    gone.wanted = ALL[:1]
    assert gone.granted()
    first = Asking(fleet, 2, ALL[:1])
    assert not first.granted()
    fleet.now += _queue.PATIENCE
    assert not first.granted()
    resumed = Asking.__new__(Asking)
    resumed.fleet, resumed.owner, resumed.wanted = fleet, {**ALICE, "pid": 9}, [ALL[2]]
    resumed.run = fleet.begin(resumed.wanted, owner=resumed.owner, dead=[gone.owner])
    assert resumed.run == gone.run
    assert resumed.granted()


def test_what_a_reported_run_holds_is_anybodys(fleet: Fleet) -> None:
    holder, waits = Asking(fleet, 1, ALL[:1]), Asking(fleet, 2, ALL[:1])
    assert holder.granted() and not waits.granted()
    token = fleet.leases()["order-1"]["token"]
    fleet.ask("finish", run=holder.run, owner=holder.owner)
    assert waits.granted()
    assert fleet.leases()["order-1"]["run"] == waits.run
    assert fleet.leases()["order-1"]["token"] > token
