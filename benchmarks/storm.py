# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Many runs at once over one fleet, their controllers killed at random and started again, and what came of it.

What happened is read from the other side: the observer looks at balancers and instances, the client accounts for its
requests, supervisor's log says when each instance was started, the ledger's files which run held it then.
"""

from __future__ import annotations

import datetime
import json
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.demo import Fleet, Playbook, clean

from .figure import Broken, Figure

FLOOR = 30
SPAWNED = re.compile(r"^([\d-]+ [\d:]+),(\d+) INFO spawned: '([^']+)' with pid", re.MULTILINE)
# Short, so that most of a turn is the collection's own work.
QUICK: Mapping[str, Any] = {
    "fleet_fit": "wait",
    "fleet_wait_deadline": 3600,
    "fleet_pace": [1, 2],
    "instance_state": [],
    "instance_quiet_window": 0.2,
    "instance_health_successes": 2,
    "instance_verify_requests": 5,
}
Event = Mapping[str, Any]


@dataclass(frozen=True)
class Size:
    """seconds: how long controllers are killed. life: the shortest and longest one of a controller, in seconds."""

    runs: int
    instances: int
    seconds: float
    life: tuple[float, float]
    rate: float


class Desk:
    """One controller's desk: the same command again and again, with a selection of its own."""

    def __init__(self, number: int, fleet: Fleet, size: Size, seed: int) -> None:
        names = list(fleet.instances)
        step = max(1, size.instances // size.runs)
        chosen = [names[(number * step + place) % len(names)] for place in range(step * 2)]
        self._words = ("-l", ",".join(chosen))
        self._fleet = fleet
        self._random = random.Random(f"{seed} {number}")
        self._life = size.life
        self.number = number
        self._started: list[Playbook] = []
        self.killed = self.ended = self.refused = 0

    def work(self, until: float) -> None:
        """Start it, and kill it unless it ends before; until that moment. What it left running goes on."""
        while time.monotonic() < until:
            playbook = self._start()
            life = min(self._random.uniform(*self._life), max(1.0, until - time.monotonic()))
            try:
                code = playbook.wait(life)
            except subprocess.TimeoutExpired:
                assert playbook.process
                playbook.process.kill()
                playbook.wait()
                self.killed += 1
            else:
                self.ended += code == 0
                self.refused += code != 0

    def finish(self, seconds: float) -> str:
        """Run it once more and let it end. What it printed, unless it ended well."""
        playbook = self._start()
        with suppress(subprocess.TimeoutExpired):
            if playbook.wait(seconds) == 0:
                return ""
        return playbook.text[-3000:]

    def close(self) -> None:
        """Nothing of it runs after this."""
        for playbook in self._started:
            playbook.end()

    def _start(self) -> Playbook:
        log = self._fleet.folder / f"desk-{self.number}.log"
        playbook = Playbook("rolling_restart.yml", "-i", str(self._fleet.inventory), *self._words, log=log)
        self._started.append(playbook)
        playbook.start()
        return playbook


@dataclass(frozen=True)
class Outcome:
    """What the storm left. twice: a line for each instance that a run restarted more than once."""

    client: Mapping[str, Any]
    lowest: Mapping[str, int]
    least: Mapping[str, int]
    out: list[str]
    leases: list[str]
    twice: list[str]
    restarts: int
    killed: int
    ended: int
    refused: int
    unfinished: list[str]

    @property
    def holds(self) -> bool:
        below = any(self.lowest[pool] < least for pool, least in self.least.items())
        left = self.out or self.leases or self.twice or self.unfinished
        return clean(self.client) and not below and not left and self.restarts > 0 and self.killed > 0


def storm(
    fleet: Fleet,
    size: Size,
    seed: int,
    records: Callable[[], tuple[list[Event], list[str]]],
    say: Callable[[str], None],
) -> Outcome:
    """Let it blow. records: the events of all runs, and the hosts that a lease still holds."""
    desks = [Desk(number, fleet, size, seed) for number in range(size.runs)]
    with ExitStack() as stack, fleet.client(rate=size.rate) as client, fleet.observer() as observer:
        for desk in desks:
            stack.callback(desk.close)
        client.wait(100)
        until = time.monotonic() + size.seconds
        with ThreadPoolExecutor(size.runs) as pool:
            list(pool.map(lambda desk: desk.work(until), desks))
        say(f"{sum(desk.killed for desk in desks)} controllers killed; the same commands again, to their end")
        with ThreadPoolExecutor(size.runs) as pool:
            unfinished = [text for text in pool.map(lambda desk: desk.finish(1200.0), desks) if text]
        fleet.wait_reloaded()
        lowest = observer.lowest
        out = [name for name, state in observer.live()["instances"].items() if state != "in traffic"]
    events, leases = records()
    spawns = spawned(fleet)
    return Outcome(
        client=client.result,
        lowest=lowest,
        least={pool: -(-len(members) * FLOOR // 100) for pool, members in fleet.members.items()},
        out=out,
        leases=leases,
        twice=twice(events, spawns),
        restarts=sum(len(times) - 1 for times in spawns.values()),
        killed=sum(desk.killed for desk in desks),
        ended=sum(desk.ended for desk in desks),
        refused=sum(desk.refused for desk in desks),
        unfinished=unfinished,
    )


def spawned(fleet: Fleet) -> dict[str, list[float]]:
    """When each instance was started, by supervisor's own log; the first time is the fleet's own start."""
    found: dict[str, list[float]] = {name: [] for name in fleet.instances}
    for moment, millis, name in SPAWNED.findall((fleet.folder / "logs" / "supervisord.log").read_text()):
        found[name].append(datetime.datetime.fromisoformat(moment).timestamp() + int(millis) / 1000)
    return found


def twice(events: Iterable[Event], spawns: Mapping[str, list[float]]) -> list[str]:
    """Each run and instance with more than one start while the run was at it."""
    wrong = []
    for run, host, began, ended in turns(sorted(events, key=lambda event: float(event["at"]))):
        times = [moment for moment in spawns[host] if began <= moment <= ended]
        if len(times) > 1:
            wrong.append(f"{host} was started {len(times)} times by run {run}")
    return wrong


def turns(events: Iterable[Event]) -> Iterator[tuple[str, str, float, float]]:
    """(run, host, from, to): from the first restart of a host under a run to its end there, by release or take-over."""
    open_: dict[str, tuple[str, float]] = {}
    for event in events:
        run, at, hosts = str(event["run"]), float(event["at"]), event.get("hosts") or event.get("tokens") or []
        for host in hosts:
            held = open_.get(host)
            if held and (held[0] != run or event["event"] == "released"):
                yield held[0], host, held[1], at
                del open_[host]
            if event["event"] == "step" and event["step"] == "restarting" and host not in open_:
                open_[host] = (run, at)
    for host, (run, at) in open_.items():
        yield run, host, at, time.time()


def figures(backend: str, outcome: Outcome, size: Size) -> Iterator[Figure]:
    """What people read of it."""
    what = f"{backend}: {size.runs} runs at once over {size.instances} instances, {size.seconds / 60:.0f} min"
    low = ", ".join(f"{pool} {count} (floor {outcome.least[pool]})" for pool, count in outcome.lowest.items())
    client = outcome.client
    numbers = vars(outcome)
    yield Figure(what, f"lowest in traffic {low}", "never below the floor", outcome.holds, numbers)
    yield Figure(
        f"{backend}: controllers killed, restarts made",
        f"{outcome.killed} killed, {outcome.ended} ended well, {outcome.refused} not; {outcome.restarts} restarts",
        "> 0 of each",
        outcome.killed > 0 and outcome.restarts > 0,
    )
    yield Figure(
        f"{backend}: requests",
        f"{client['sent']} sent, {client['lost']} lost, {client['duplicated']} duplicated",
        "0 lost, 0 duplicated",
        clean(client),
    )
    left = [*outcome.out, *outcome.leases, *outcome.twice, *outcome.unfinished]
    yield Figure(f"{backend}: left out, held, restarted twice, not finished", str(len(left)), "0", not left)


def fleet_of(folder: Path, size: Size, variables: Mapping[str, Any]) -> Fleet:
    """Three pools that overlap: all, the first two thirds, the last two thirds."""
    third = size.instances // 3
    pools = {
        "order_svc": None,
        "order_admin": range(1, 2 * third + 1),
        "order_pay": range(third + 1, size.instances + 1),
    }
    return Fleet(
        folder,
        instances=size.instances,
        upstreams=pools,
        start_seconds=0.3,
        variables={**QUICK, **variables},
        keepalive_min_timeout="5s",
    )


def directory_records(ledger: Path) -> tuple[list[Event], list[str]]:
    """The events of all runs, and what is held, from the files of a ledger that is a directory."""
    lines = [line for path in ledger.glob("runs/*.jsonl") for line in path.read_text().splitlines()]
    if not lines:
        raise Broken(f"no run left an event in {ledger}")
    return [json.loads(line) for line in lines], list(json.loads((ledger / "state.json").read_text())["leases"])
