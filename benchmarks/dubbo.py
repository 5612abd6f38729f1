# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m benchmarks.dubbo`: calls that fail while Dubbo's providers are restarted, our way and the usual ones.

Nobody calls again what failed. With ours a provider is killed at once when it is proved to be out, so that its own
shutdown hook cannot have kept a call.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kazoo.client import KazooClient

from tests import lab
from tests.lab import adhoc
from tests.lab.demo import Failed, wait_for
from tests.lab.dubbo import LEVELS, Provider, Scene
from tests.lab.dubbo.scene import RECONNECTED
from tests.lab.dubbo.truth import client, failed, levels, so_far

from .__main__ import ROOT, machine, say
from .figure import Broken, Figure, table

LONGEST = 15 * 60
PROVIDERS = 2
# Of all consumers of a version together, in calls a second; each call takes so many milliseconds.
RATE, WORK, THREADS = 450, 100, 64


@dataclass(frozen=True)
class Stage:
    """An application under calls, and a client of the registry's own."""

    scene: Scene
    registry: KazooClient

    def state(self, state: str, provider: Provider, **more: Any) -> dict[str, Any]:
        """What dubbo_provider_state answers, as a process of its own. Raises Broken."""
        asked = {
            "state": state,
            "qos": provider.qos_port,
            "registries": [f"zookeeper://{self.scene.zookeeper.hosts}"],
            "application": provider.application,
            "members": [provider.address()],
            **more,
        }
        result = adhoc.direct("dubbo_provider_state", asked)
        if result["failed"]:
            raise Broken(result["msg"])
        return result


@dataclass
class Turn:
    """The restart of one provider, and at what moments it was where, in seconds from its begin."""

    stage: Stage
    provider: Provider
    seconds: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def reached(self, what: str) -> None:
        self.seconds[what] = round(time.monotonic() - self.began, 3)


def killed(turn: Turn) -> None:
    turn.provider.kill()
    turn.provider.start()


def told_to_end(turn: Turn) -> None:
    turn.provider.stop()
    turn.provider.start()


def gone(turn: Turn) -> None:
    turn.provider.qos("offline")
    wait_for("gone from the registry", lambda: not levels(turn.stage.registry, turn.provider), 30)
    turn.provider.kill()
    turn.provider.start()


def ours(turn: Turn) -> None:
    idle = [{"url": f"{turn.provider.url('status')}/status", "expect": {"in_flight": 0}}]
    taken = turn.stage.state("out", turn.provider, idle=idle)
    turn.provider.kill()
    turn.reached("out")
    turn.provider.start()
    turn.reached("started")
    turn.stage.state("in", turn.provider, before=taken["before"])
    turn.reached("in")


OURS, BARE = "ours, kill -9 once it is out", "kill -9 alone"
WAYS: dict[str, Callable[[Turn], None]] = {
    BARE: killed,
    "SIGTERM": told_to_end,
    "offline, kill -9 once gone from the registry": gone,
    OURS: ours,
}


@dataclass(frozen=True)
class Roll:
    """What came of one way. failed: by consumer the reasons. twice: how many ids were served more than once.

    lost: answers that no provider accounts for. turns: by restart the moments of it.
    """

    calls: int
    failed: dict[str, dict[str, int]]
    twice: int
    lost: int
    turns: list[dict[str, float]]

    @property
    def failures(self) -> int:
        return sum(sum(reasons.values()) for reasons in self.failed.values())


def roll(stage: Stage, way: Callable[[Turn], None], calls: int) -> Roll:
    """Every provider in turn, and all of them again until there were so many calls."""
    scene, turns = stage.scene, list[dict[str, float]]()
    since = so_far(scene)
    while not turns or made(scene, since) < calls:
        for provider in scene.providers:
            turn = Turn(stage, provider)
            way(turn)
            for consumer in scene.consumers:
                consumer.wait_calls(5, provider.name, RECONNECTED)
            turn.reached("called")
            turns.append(turn.seconds)
    reasons = {name: dict(found) for name, found in failed(scene, since).items()}
    for consumer in scene.consumers:
        consumer.stop()
    served = Counter(one.id for provider in scene.providers for one in provider.served())
    answered = {call.id for consumer in scene.consumers for call in consumer.calls() if call.ok}
    twice = sum(count > 1 for count in served.values())
    return Roll(made(scene, since), reasons, twice, len(answered - set(served)), turns)


def made(scene: Scene, since: dict[str, int]) -> int:
    return sum(so_far(scene).values()) - sum(since.values())


@contextlib.contextmanager
def staged(folder: Path, version: str) -> Iterator[Stage]:
    """Its consumers on every level, and one by tri where the version has it: together at RATE."""
    rate = RATE // (len(LEVELS[version]) + (version == "3.3"))
    calls: dict[str, Any] = {"rate": rate, "work": WORK, "threads": THREADS}
    with contextlib.ExitStack() as stack:
        scene = stack.enter_context(lab.dubbo(made_of(folder / "scene"), version=version, providers=PROVIDERS, **calls))
        if version == "3.3":
            caller = {"name": "tri-caller", "protocol": "tri", "level": "application"}
            tri = lab.dubbo_consumer(scene.registries, made_of(folder / "tri"), **caller, **calls)
            scene.consumers.append(stack.enter_context(tri))
            scene.complete()
        yield Stage(scene, stack.enter_context(client(scene.zookeeper.hosts)))


def made_of(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def release(provider: Provider) -> str:
    """Dubbo's version, as the process says."""
    found = re.search(r'dubbo version "([^"]+)"', provider.qos("version")[1])
    if not found:
        raise Broken(f"{provider.name} does not say its version")
    return found[1]


def judged(version: str, name: str, result: Roll, calls: int) -> Iterator[Figure]:
    """What people read of a way."""
    what = f"Dubbo {version}: {name}, {len(result.turns)} restarts"
    by = ", ".join(f"{consumer} {sum(reasons.values())}" for consumer, reasons in result.failed.items())
    value = f"{result.calls} calls, {result.failures} failed ({by}), {result.twice} served twice"
    numbers = {**dataclasses.asdict(result), "seconds_a_restart": a_restart(result)}
    if name == BARE:
        yield Figure(what, value, "fails calls, or the comparison is broken", result.failures > 0, numbers)
    elif name != OURS:
        yield Figure(what, value, "for comparison", None, numbers)
    else:
        holds = result.calls >= calls and not result.failures and not result.twice and not result.lost
        yield Figure(what, value, f"0 failed, 0 served twice of >= {calls}", holds, numbers)
        yield Figure(f"Dubbo {version}: {name}, seconds of one restart", steps(result), "for comparison", None)


def a_restart(result: Roll) -> float:
    return round(sum(turn["called"] for turn in result.turns) / len(result.turns), 1)


def steps(result: Roll) -> str:
    """The mean, and what of it each step took."""
    means = {what: sum(turn[what] for turn in result.turns) / len(result.turns) for what in result.turns[0]}
    ends = list(means.values())
    parts = [f"{what} {end - start:.1f}" for what, start, end in zip(means, [0.0, *ends], ends, strict=False)]
    return f"{a_restart(result)} ({', '.join(parts)})"


def measured(versions: list[str], calls: int) -> Iterator[Figure]:
    """Each way on servers of its own, whose folder is gone afterwards unless it broke."""
    for version in versions:
        for name, way in WAYS.items():
            say(f"Dubbo {version}: {name}")
            folder = Path(tempfile.mkdtemp(prefix="bench-dubbo-"))
            try:
                with staged(folder, version) as stage:
                    full = release(stage.scene.providers[0])
                    result = roll(stage, way, calls if name == OURS else 0)
            except (Broken, Failed, AssertionError) as error:
                print(error, file=sys.stderr)
                yield Figure(f"Dubbo {version}: {name}: could not be measured", f"see {folder}", "", False)
                continue
            yield from judged(full, name, result, calls)
            shutil.rmtree(folder)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dubbo")
    parser.add_argument("--calls", type=int, default=20_000, help="how many at least while ours rolls, a version")
    parser.add_argument("--versions", default=",".join(LEVELS), help="of Dubbo")
    parser.add_argument("--json", type=Path, default=ROOT / ".cache" / "bench-dubbo.json", help="where the numbers go")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    figures = list(measured(options.versions.split(","), options.calls))
    seconds = time.monotonic() - began
    if seconds > LONGEST:
        figures.append(Figure("the whole", f"{seconds / 60:.0f} min", "<= 15 min", False))
    document = {
        "machine": machine(),
        "seconds": round(seconds, 1),
        "figures": [dataclasses.asdict(figure) for figure in figures],
    }
    options.json.parent.mkdir(exist_ok=True)
    options.json.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\n{table(figures)}\n\n{seconds / 60:.1f} minutes; the numbers: {options.json}")
    broken = [figure.what for figure in figures if figure.ok is False]
    print(f"FAILED: {'; '.join(broken)}" if broken else "All figures hold.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
