# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A restart is proved by another process: every way in which it is not one, on a clock of our own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.lossless.restart.plugins.module_utils._command import Ran
from ansible_collections.lossless.restart.plugins.module_utils._process_host import Host, Identity, ProcessError
from ansible_collections.lossless.restart.plugins.module_utils._process_restart import Done, NotRestarted, Restart
from ansible_collections.lossless.restart.plugins.module_utils._process_service import Seen

OLD = Identity(7, 100, "boot")
NEW = Identity(8, 1000_00, "boot")
NEXT = Identity(9, 1001_00, "boot")
EARLIER = Identity(6, 99, "boot")
RUNS = Seen(OLD, "running", False)
DOWN = Seen(None, "stopped", True, "on request")
GONE = Seen(None, "gone", True)
BACK = Seen(NEW, "running", False)
BEGAN = 1000.0


class World(Host):
    """A clock, the processes that live, and a service whose readings follow a list of (seconds, reading)."""

    label = "unit order"

    def __init__(self, *readings: tuple[float, Seen], apart: bool = True, takes: float = 0.0, fails: str = "") -> None:
        super().__init__()
        self.now = BEGAN
        self.readings = readings
        self.apart = apart
        self.takes = takes
        self.fails = fails
        self.ran: list[str] = []
        self.immortal: set[Identity] = set()

    def monotonic(self) -> float:
        self.now += 1e-6
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def read(self) -> Seen:
        return [seen for at, seen in self.readings if BEGAN + at <= self.now + 1e-9][-1]

    def lives(self, identity: Identity) -> bool:
        return identity in self.immortal or self.read().process == identity

    def ways(self) -> tuple[list[str] | None, list[str]]:
        return (["stop"], ["start"]) if self.apart else (None, ["restart"])

    def refused(self, ran: Ran) -> str:
        return ran.output

    def run(self, command: Sequence[str], timeout: float) -> Ran:
        self.ran.append(command[0])
        self.now += min(self.takes, timeout)
        if self.takes > timeout:
            return Ran(None, "half a word")
        return Ran(0, "exit status 5: no" if command[0] == self.fails else "")

    def restart(self, deadline: float = 10.0) -> Done:
        made = Restart(self, deadline=deadline, host=self, runner=self.run, now=lambda: self.now * 100, clock=self)
        return made.do(self.read())


def test_stopped_then_started() -> None:
    world = World((0, RUNS), (0.5, DOWN), (1.4, BACK), takes=0.75)
    done = world.restart()
    assert (done.before, done.after, done.status, world.ran) == (OLD, NEW, "running", ["stop", "start"])


@pytest.mark.parametrize("seen", [DOWN, GONE])
def test_what_is_down_is_only_started(seen: Seen) -> None:
    world = World((0, seen), (0.2, BACK), takes=0.2)
    assert (world.restart().before, world.ran) == (None, ["start"])


def test_one_command_where_they_cannot_be_apart() -> None:
    world = World((0, RUNS), (0.4, GONE), (2.0, BACK), apart=False)
    done = world.restart()
    assert (done.after, world.ran) == (NEW, ["restart"])
    assert done.waited == pytest.approx(2.0 + 0.3, abs=0.15)


@pytest.mark.parametrize(
    ("world", "ran", "says"),
    [
        (
            World((0, RUNS), apart=False),
            ["restart"],
            "was not restarted: after 10 s it is running, pid 7, the old pid 7",
        ),
        (World((0, RUNS)), ["stop"], "is not stopped after 10 s: it is running, pid 7, the old pid 7 is still alive"),
        (World((0, RUNS), takes=99), ["stop"], "`stop` did not end within 10 s; it is running, pid 7, the old pid 7"),
        (World((0, RUNS), fails="stop"), ["stop"], "`stop` failed, exit status 5: no; it is running, pid 7"),
        (
            World((0, RUNS), (1, DOWN), fails="start"),
            ["stop", "start"],
            "`start` failed, exit status 5: no; it is stopped",
        ),
        (World((0, RUNS), (1, DOWN)), ["stop", "start"], "did not come back: it is stopped (on request)"),
        (World((0, RUNS), (1, GONE)), ["stop", "start"], "did not come back: it is gone"),
        (
            World((0, RUNS), (9.995, DOWN), takes=9.99),
            ["stop"],
            "is stopped (on request): no time was left for `start`",
        ),
        (World((0, GONE), (1, BACK), (1.2, DOWN)), ["start"], "started as pid 8, which did not last: it is stopped"),
        (
            World((0, GONE), (1, BACK), (1.2, Seen(NEXT, "running", False))),
            ["start"],
            "started as pid 8, which did not last: it is running, pid 9",
        ),
        (
            World((0, RUNS), (1, Seen(EARLIER, "running", False)), apart=False),
            ["restart"],
            "did not come back: it is running, pid 6",
        ),
    ],
)
def test_what_is_no_restart(world: World, ran: list[str], says: str) -> None:
    with pytest.raises(NotRestarted) as caught:
        world.restart()
    assert str(caught.value).startswith(f"unit order {says}")
    assert world.ran == ran and caught.value.touched
    assert caught.value.waited <= 11


def test_an_old_process_that_stays_beside_the_new_one_is_no_restart() -> None:
    world = World((0, RUNS), (1, BACK), apart=False)
    world.immortal.add(OLD)
    with pytest.raises(NotRestarted, match="did not come back: it is running, pid 8, the old pid 7 is still alive"):
        world.restart()


def test_a_supervisor_that_goes_away_in_between_is_told_with_what_was_done() -> None:
    class Leaving(World):
        def read(self) -> Seen:
            if self.now > BEGAN + 0.5:
                raise ProcessError("supervisord cannot be asked")
            return super().read()

    world = Leaving((0, RUNS), takes=1)
    with pytest.raises(NotRestarted, match="^supervisord cannot be asked$") as caught:
        world.restart()
    assert caught.value.touched and caught.value.waited == pytest.approx(1, abs=0.01)
