# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m benchmarks.mq`: messages that suffer while their consumers are restarted, our way and the usual ones.

With ours a consumer is killed at once when it is proved to be out, so that no hook of its can have kept a message.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests import lab
from tests.lab import adhoc
from tests.lab.demo import Failed, wait_for
from tests.lab.mq import messages
from tests.lab.mq.accounting import account
from tests.lab.mq.application import tell, url
from tests.lab.zookeeper import HOST

from .__main__ import ROOT, machine, say
from .figure import Broken, Figure, table

LABS: dict[str, Any] = {"rocketmq": lab.rocketmq, "kafka": lab.kafka, "rabbitmq": lab.rabbitmq}
CONSUMERS = 3
# Messages a second, and how many the usual ways get.
RATE, FEW = 100, 3000
JOINED = 120.0


@dataclass(frozen=True)
class Turn:
    """The restart of one consumer."""

    scene: Any
    consumer: Any

    def module(self, state: str, **more: Any) -> dict[str, Any]:
        """What mq_consumer_pause answers, as a process of its own. Raises Broken."""
        entry = self.scene.entry(self.consumer)
        asked = {name: entry[name] for name in ("servers", "group", "queues", "auth") if name in entry}
        member = f"{self.consumer.name}@{HOST}"
        result = adhoc.direct(
            "mq_consumer_pause", {"state": state, "broker": self.scene.kind, **asked, "members": [member], **more}
        )
        if result["failed"]:
            raise Broken(result["msg"])
        return result


def killed(turn: Turn) -> None:
    turn.consumer.kill()
    turn.consumer.start()


def told_to_end(turn: Turn) -> None:
    turn.consumer.stop()
    turn.consumer.start()


def shut_down(turn: Turn) -> None:
    tell(turn.consumer, "leave")
    killed(turn)


def ours(turn: Turn) -> None:
    finished = [{"url": url(turn.consumer, "status"), "expect": {"finished": True}}]
    left = turn.module("out", leave={"url": url(turn.consumer, "leave")}, finished=finished)
    killed(turn)
    turn.module("in", before=left["before"])


@dataclass(frozen=True)
class Way:
    """settings: of the consumers. harms: whether it is known to."""

    name: str
    act: Callable[[Turn], None]
    harms: bool
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


OURS = Way("ours, kill -9 once it is out", ours, False)
BARE = Way("kill -9", killed, True)
USUAL = (BARE, Way("SIGTERM", told_to_end, True))
WAYS: dict[str, tuple[Way, ...]] = {
    "rocketmq": (*USUAL, Way("shutdown() with its default, kill -9", shut_down, True, {"await_ms": 0}), OURS),
    "kafka": (*USUAL, OURS),
    "rabbitmq": (*USUAL, OURS),
}


@dataclass(frozen=True)
class Result:
    account: messages.Account
    restarts: int
    seconds: float


def roll(scene: Any, way: Way, count: int) -> Result:
    """Every consumer in turn while messages are sent, and with ours all of them again until the last was sent."""
    producer, leavers, began = scene.produce(count, RATE), set[int](), time.monotonic()
    names = {one.name for one in scene.consumers}
    restarts = 0
    while not restarts or (way is OURS and producer.alive):
        for consumer in scene.consumers:
            wait_for("all in the group", lambda: scene.members() == names, JOINED, 0.5)
            wait_for("it to consume", partial(_goes_on, consumer, producer), JOINED)
            leavers.add(consumer.pid)
            way.act(Turn(scene, consumer))
            restarts += 1
    seconds = time.monotonic() - began
    return Result(account(producer, [one.journal for one in scene.consumers], leavers), restarts, seconds)


def _goes_on(consumer: Any, producer: Any) -> bool:
    """Whether it has something in hand, or will have nothing any more."""
    return busy(consumer) or not producer.alive


def busy(consumer: Any) -> bool:
    """Whether a handler of this very process is at work."""
    mine = [step for step in messages.steps([consumer.journal]) if step.pid == consumer.pid]
    began = sum(step.event == messages.BEGAN for step in mine)
    return began > sum(step.event in (messages.ENDED, messages.INTERRUPTED) for step in mine)


def judged(kind: str, way: Way, result: Result, count: int) -> Figure:
    """What people read of a way."""
    found = result.account
    what = f"{kind}: {way.name}, {result.restarts} restarts"
    numbers = {
        **{name: len(value) for name, value in vars(found).items() if isinstance(value, list)},
        **{"sent": found.sent, "restarts": result.restarts, "seconds": round(result.seconds, 1)},
    }
    if way.harms:
        harm = bool(found.lost or found.cut or found.interrupted or found.again_after_leaver)
        return Figure(what, found.text(), "does harm, or the comparison is broken", harm, numbers)
    holds = found.sent >= count and found.clean
    return Figure(what, found.text(), f"none lost, cut, interrupted or again of {count}", holds, numbers)


def measured(kinds: list[str], count: int) -> Iterator[Figure]:
    """Each way on servers of its own, whose folder is gone afterwards unless it broke."""
    for kind in kinds:
        for way in WAYS[kind]:
            say(f"{kind}: {way.name}")
            folder = Path(tempfile.mkdtemp(prefix="bench-mq-"))
            wanted = count if way is OURS else min(FEW, count)
            try:
                with LABS[kind](folder, consumers=CONSUMERS, **way.settings) as scene:
                    result = roll(scene, way, wanted)
            except (Broken, Failed, AssertionError) as error:
                print(error, file=sys.stderr)
                yield Figure(f"{kind}: {way.name}: could not be measured", f"see {folder}", "", False)
                continue
            yield judged(kind, way, result, wanted)
            shutil.rmtree(folder)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mq")
    parser.add_argument("--messages", type=int, default=20_000, help="how many while ours rolls, for each broker")
    parser.add_argument("--brokers", default=",".join(LABS), help="which of them")
    parser.add_argument("--json", type=Path, default=ROOT / ".cache" / "bench-mq.json", help="where the numbers go")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    figures = list(measured(options.brokers.split(","), options.messages))
    seconds = time.monotonic() - began
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
