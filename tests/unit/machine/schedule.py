# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet in memory on which many controllers roll at once, and everything may go wrong between any two of their steps.

`play(data)` turns bytes into one such story and raises `judge.Violation` where a promise was broken. What
decides is the collection's own code, from its actions to its fences; what it decides about (`world`), the network and
the processes (`jobs`) and the ledger's disk (`ledger`) are in memory, with one clock that only the story moves.

A story out of bytes: each move is two of them, which move and of whom. Zeros are a roll in which nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _guard

from .jobs import Job, Result
from .judge import Judge, Violation
from .ledger import DIRECTORY, ZOOKEEPER, Memory, Session
from .playbook import Asked, Command, Playbook
from .restore import Restore
from .wires import Wires
from .world import HOSTS, SERVICES, SOURCES, World

CONTROLLERS = 4
MACHINES = ("ctl-1", "ctl-2")
LOST: Result = {"failed": True, "msg": "the connection was lost", "lost": True}
SECONDS = (1, 4, 15, 70, 150, 310, 700)
# A step takes a moment, so that nothing is as old as something else.
MOMENT = 0.05
PATIENCE = 5000


class Story:
    """Everything that is there, and what may happen to it."""

    def __init__(self, wires: Wires, backend: str, tell: Callable[[str], None]) -> None:
        self.world = World()
        self.judge = Judge(self.world, self.lives)
        self.world.watch = self.judge
        self.memory = Memory(backend, lambda: self.world.now, self.judge.wrote)
        self.controllers: list[Playbook] = []
        self.started: list[Playbook] = []
        self.frozen: set[Playbook] = set()
        self.left: list[Job] = []
        self._wires = wires
        self._pids = 100
        self._tell = tell
        wires.files.clear()
        wires.alive = self.lives
        wires.clock = lambda: self.world.now
        wires.passes = self.passes
        wires.session = lambda by: Session(self.memory, by)

    def lives(self, owner: Mapping[str, Any]) -> bool:
        return any(one.owner == owner for one in self.controllers)

    # Moves

    def play(self, move: int, whom: int) -> None:
        for most, act in MOVES:
            if move < most:
                return act(self, whom)
        raise AssertionError("unreachable")

    def start(self, whom: int) -> None:
        """Somebody types a command."""
        if len(self.controllers) >= CONTROLLERS:
            return
        service = "pay" if whom & 3 == 3 else "order"
        hosts = SERVICES[service]
        chosen = [host for number, host in enumerate(hosts) if not whom >> 2 & 1 or (whom >> 3) + number & 1]
        drained = "include" if whom >> 4 & 3 == 3 else "skip"
        fit = ("refuse", "wait", "shrink", "wait")[whom // 5 % 4]
        command = Command(service, chosen, [1 + (whom >> 6 & 1)], drained, whom >> 5 == 7, whom >> 7 == 1, fit)
        self.command(command, MACHINES[whom >> 1 & 1], 1000.0 * (whom & 7))

    def command(self, command: Command, machine: str, skew: float) -> Playbook:
        return self._typed(Playbook(self.world, self._wires, command, machine, self._pid(), skew), str(command))

    def restore(self, service: str, machine: str, skew: float) -> Playbook:
        controller = Restore(self.world, self._wires, service, machine, self._pid(), skew)
        return self._typed(controller, f"restore of {service}")

    def _pid(self) -> int:
        self._pids += 1
        return self._pids

    def _typed(self, controller: Playbook, what: str) -> Playbook:
        self._say(f"{controller} starts {what}")
        self.controllers.append(controller)
        self.started.append(controller)
        self._resume(controller)
        return controller

    def go(self, whom: int) -> None:
        """A controller goes on for some steps."""
        controller = self._one(whom)
        for _unused in range(1 + whom // 24):
            if controller in self.controllers:
                self.step(controller)

    def step(self, controller: Playbook) -> None:
        """To its next question."""
        job = controller.process.job
        assert job is not None
        if job.result is None:
            self._say(job.what)
        while job.result is None:
            self._work(job)
        self._answer(controller, job.result)

    def half(self, whom: int) -> None:
        """A part of a step: its module waits somewhere, or its answer does."""
        controller = self._one(whom)
        job = controller.process.job
        assert job is not None
        if job.result is None:
            self._say(f"{job.what} (a part of it)")
            self._work(job)
        else:
            self._answer(controller, job.result)

    def lose(self, whom: int) -> None:
        """The question or its answer is lost. A module that has begun comes to its end before that is noticed."""
        controller = self._one(whom)
        job = controller.process.job
        assert job is not None
        self._say(f"LOST: {job.what}")
        while job.begun and job.result is None:
            self._work(job)
        self._answer(controller, dict(LOST))

    def kill(self, whom: int) -> None:
        """A controller is gone; its module may have been begun."""
        controller = self._one(whom)
        job = controller.process.job
        assert job is not None
        self._say(f"KILLED: {controller} at: {job.what}")
        self.controllers.remove(controller)
        if job.result is None and (job.begun or whom & 128):
            self.left.append(job)

    def freeze(self, whom: int) -> None:
        """A controller stands still, or goes on again: SIGSTOP and SIGCONT."""
        if self.controllers:
            controller = self.controllers[whom % len(self.controllers)]
            self._say(f"{controller} is {'continued' if controller in self.frozen else 'stopped by a signal'}")
            self.frozen ^= {controller}

    def stop(self, whom: int) -> None:
        """A person stops a run."""
        runs = list(self.memory.state.runs)
        if runs:
            name = runs[whom % len(runs)]
            self._say(f"a person stops run {name}")
            params = {"action": "stop", "ledger": "/ledger", "run": name, "why": "by hand"}
            self._wires.asked = Asked("a person", "stop", 0.0)
            Job("stop", lambda: _guard.run(params)).end()

    def late(self, whom: int) -> None:
        """A module that nobody waits for comes to its end."""
        if self.left:
            job = self.left.pop(whom % len(self.left))
            self._say(f"LATE: {job.what}")
            while job.result is None:
                self._work(job)

    def wait(self, whom: int) -> None:
        seconds = SECONDS[whom % len(SECONDS)]
        self._say(f"{seconds} s pass")
        self.world.now += seconds

    def passes(self, seconds: float) -> None:
        self.world.now += seconds

    def health(self, whom: int) -> None:
        host = HOSTS[whom % len(HOSTS)]
        well = self.world.processes[host].well
        self._say(f"{host} {'falls ill' if well else 'gets well'}")
        self.world.turn_ill(host, not well)

    def spoil(self, whom: int) -> None:
        host = HOSTS[whom % len(HOSTS)]
        self._say(f"{host} will not come up well from its next restart")
        self.world.spoiled.add(host)

    def hand(self, whom: int) -> None:
        """A person drains a member that no run holds, or puts it back."""
        place = list(self.world.lines)[whom % len(self.world.lines)]
        if place[2] not in self.memory.state.leases:
            line = self.world.lines[place]
            self._say(f"a person {'drains' if line.state == 'up' else 'puts back'} {place}")
            self.world.drain_by_hand(place, back=line.state != "up")

    def reach(self, whom: int) -> None:
        source = list(SOURCES)[whom % len(SOURCES)]
        self._say(f"{source} cannot be reached, or can again")
        self.world.unreachable ^= {source}

    # At the end

    def end(self) -> None:
        """Nothing goes wrong any more. Whoever lives ends; the same commands again leave nothing out."""
        self.world.unreachable.clear()
        self.world.spoiled.clear()
        for host in HOSTS:
            self.world.turn_ill(host, True)
        for job in [one for one in self.left if one.begun and "restart" in one.what]:
            job.end()
            self.left.remove(job)
        self._all_to_their_end()
        self.wait(len(SECONDS) - 1)
        self._all_again()
        # Of more than may be out at once no run can go on with any that serves anywhere: it says so, and what to type.
        left = [service for service in SERVICES if self.memory.state.leases.keys() & set(SERVICES[service])]
        for service in left:
            self.restore(service, MACHINES[0], 0.0)
            self._all_to_their_end()
        if left:
            self._all_again()
        while self.left:
            self.late(0)
        self.judge.end()

    def _all_again(self) -> None:
        """The same commands, and what a person drained is put back."""
        typed: set[str] = set()
        for service in (*SERVICES, *SERVICES):
            for place in self.world.lines:
                if place[2] not in self.memory.state.leases:
                    self.world.drain_by_hand(place, back=True)
            if self.memory.state.runs or service not in typed:
                typed.add(service)
                self.command(Command(service, SERVICES[service], [4]), MACHINES[0], 0.0)
                self._all_to_their_end()

    def _all_to_their_end(self) -> None:
        for _unused in range(PATIENCE):
            if not self.controllers:
                return
            self.step(self.controllers[0])
            self.controllers.append(self.controllers.pop(0)) if self.controllers else None
        raise Violation(f"{', '.join(map(str, self.controllers))} do not come to an end")

    # Parts

    def _one(self, whom: int) -> Playbook:
        if not self.controllers:
            self.start(0)
        moving = [one for one in self.controllers if one not in self.frozen] or self.controllers
        return moving[whom % len(moving)]

    def _work(self, job: Job) -> None:
        self.world.now += MOMENT
        job.step()

    def _answer(self, controller: Playbook, result: Result) -> None:
        if result.get("failed"):
            self._say(f"    {controller}: {str(result['msg'])[:160]}")
        self._resume(controller, result)

    def _resume(self, controller: Playbook, result: Result | None = None) -> None:
        self._wires.controller = controller
        if not controller.process.go_on(result):
            self._say(f"{controller} ends")
            self.controllers.remove(controller)

    def _say(self, text: str) -> None:
        self._tell(text)


Act = Callable[[Story, int], None]
WEIGHTS: tuple[tuple[int, Act], ...] = (
    (116, Story.go),
    (24, Story.start),
    (24, Story.half),
    (16, Story.wait),
    (14, Story.kill),
    (12, Story.lose),
    (10, Story.health),
    (10, Story.hand),
    (6, Story.late),
    (12, Story.freeze),
    (5, Story.spoil),
    (4, Story.stop),
    (3, Story.reach),
)


def _limits() -> Iterator[tuple[int, Act]]:
    most = 0
    for weight, act in WEIGHTS:
        most += weight
        yield most, act


MOVES = tuple(_limits())
assert MOVES[-1][0] == 256


def play(wires: Wires, data: bytes) -> None:
    """One story. Raises Violation with all of it."""
    try:
        _play(wires, data, lambda _text: None)
    except Violation:
        lines: list[str] = []
        try:
            _play(wires, data, lines.append)
        except Violation as violation:
            raise Violation("\n".join([str(violation), *lines])) from None
        raise


def _play(wires: Wires, data: bytes, tell: Callable[[str], None]) -> None:
    backend = ZOOKEEPER if data[:1] > b"\x7f" else DIRECTORY
    story = Story(wires, backend, tell)
    try:
        for number in range(1, len(data) - 1, 2):
            story.play(data[number], data[number + 1])
        story.end()
    finally:
        for controller in story.started:
            controller.process.leave()
