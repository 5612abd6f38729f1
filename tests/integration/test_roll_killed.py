# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller killed before each of its steps, and the same command again: a table of what came of it.

The steps are what a roll says that it is about to do (tests/lab/stage/callbacks/boundary.py), and every task of the
roles with one of the collection's modules has to be among them: a new step is killed before by itself.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from tests.lab.demo import clean
from tests.lab.demo.playbook import ROOT
from tests.lab.stage import Stage
from tests.lab.stage.steps import written

pytestmark = pytest.mark.timeout(1200)

PAIR = {"order-1", "order-2"}
LIMIT = "order-1,order-2"
NEVER = {"url": "http://{{ instance_address }}/internal/status", "expect": {"in_flight": -1}}
EVER = {"url": "http://{{ instance_address }}/internal/status", "expect": {"in_flight": ">= 0"}}
VARIABLES = {
    "instance_warm_up": [EVER],
    "instance_warmup": [50],
    "instance_warmup_seconds": 0.2,
    "instance_dependencies": [EVER],
}
# Modules that change nothing.
LOOKS = ("fleet_description", "health_gate", "nginx_upstream_info", "nginx_member_traffic")


@dataclass(frozen=True)
class Way:
    """A way through the roles: what the command adds, and whether that is mended before the next one."""

    name: str
    words: Mapping[str, Any]
    mended: bool

    def options(self, again: bool = False) -> list[str]:
        return [] if not self.words or (again and self.mended) else ["-e", json.dumps(self.words)]


WAYS = (
    Way("all goes well", {}, False),
    Way("a canary", {"fleet_kind": "canary", "fleet_bake": 5}, False),
    Way("it is never idle", {"instance_idle": [NEVER], "instance_drain_deadline": 4}, True),
    Way(
        "it is not healthy, twice",
        {"instance_health": [NEVER], "instance_health_deadline": 0.5, "instance_restart_retries": 1},
        True,
    ),
    Way(
        "nobody says that it goes on",
        {"fleet_kind": "canary", "fleet_bake": "confirm", "fleet_bake_deadline": 1, "fleet_pace": [1]},
        True,
    ),
    Way("it answers too slowly", {"instance_verify_p95": 0.001}, True),
)


@dataclass(frozen=True)
class Point:
    """Before a step of a way: the number-th of that name."""

    way: Way
    number: int
    step: str

    def environment(self, log: Path) -> dict[str, str]:
        return boundary(log, f"{self.number} {self.step}")


@dataclass(frozen=True)
class Row:
    """What was out when the controller was killed, what the same command then did, and after how many seconds."""

    point: Point
    out: str
    then: str
    seconds: float | None


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.variant)])
def test_killed_before_every_step(tmp_path: Path, capsys: pytest.CaptureFixture[str], every: bool) -> None:
    """Where not every one: of the way on which all goes well, and not those that come after a mere look, before which
    nothing is otherwise than before the look. `make matrix` has all."""
    work: SimpleQueue[Point | None] = SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        rows = pool.submit(killed_one_after_the_other, stage(tmp_path / "fleet"), work)
        points = []
        try:
            for point in planned(tmp_path / "steps", every):
                points.append(point)
                work.put(point)
        finally:
            work.put(None)
        done = rows.result()
    with capsys.disabled():
        print(f"\n{table(done)}")
    assert [row.point for row in done] == points


def stage(folder: Path) -> Stage:
    return Stage(folder, balancers=1, variables=VARIABLES, line_words="max_fails=0 weight=10")


def planned(folder: Path, every: bool) -> Iterator[Point]:
    """Every step of the first way, and those of each other way that were in none before it; or those of the first way
    that come after a step that may change something."""
    folder.mkdir()
    seen: set[str] = set()
    fleet = stage(folder / "fleet")
    with fleet, fleet.watched():
        for way in WAYS:
            ended = fleet.roll(*way.options(), limit=LIMIT, environment=boundary(folder / way.name))
            assert ended.code == (2 if way.mended else 0), ended.text
            steps, modules = (path.read_text().splitlines() for path in logs(folder / way.name))
            for place, step in enumerate(steps):
                changed = place == 0 or modules[place - 1] not in LOOKS
                if (every and step not in seen) or (way is WAYS[0] and (every or changed)):
                    yield Point(way, 1 + steps[:place].count(step), step)
                seen.add(step)
            if way.mended:
                assert fleet.roll(limit=LIMIT).code == 0
    missing = [name for name in written("nginx") if not any(re.fullmatch(name, step) for step in seen)]
    assert not missing, f"no way leads through {missing}: add one, so that it is killed there"


def logs(log: Path) -> tuple[Path, Path]:
    """The files with the steps of a roll, and with the module of each."""
    return log, log.with_name(f"{log.name}.modules")


def boundary(log: Path, kill: str = "") -> dict[str, str]:
    """The environment in which a roll notes its steps, and is killed before one of them."""
    plugins = str(ROOT / "tests" / "lab" / "stage" / "callbacks")
    return {"ANSIBLE_CALLBACK_PLUGINS": plugins, "BOUNDARY_LOG": str(log), "BOUNDARY_KILL": kill}


def killed_one_after_the_other(fleet: Stage, work: SimpleQueue[Point | None]) -> list[Row]:
    rows = []
    with fleet, fleet.watched() as (client, observer):
        while (point := work.get()) is not None:
            rows.append(killed_and_again(fleet, point))
        assert fleet.takers("lb-1") == set(fleet.instances)
    assert clean(client.result), client.losses
    assert observer.lowest == {"order_svc": 1}
    return rows


def killed_and_again(fleet: Stage, point: Point) -> Row:
    starts, files = fleet.starts(), fleet.files()
    log = fleet.folder / f"steps-{threading.get_ident()}"
    log.unlink(missing_ok=True)
    killed = fleet.roll(*point.way.options(), limit=LIMIT, environment=point.environment(log))
    at = time.time()
    assert killed.code == -9 and log.read_text().splitlines()[-1] == point.step, f"{point}: {killed.text}"
    runs, out = fleet.status()["runs"], {name for _unused, name in fleet.down()}
    assert out <= set(fleet.held()) <= PAIR, point
    if not runs:
        # Byte for byte as before: the same command again is the roll that it would have been.
        assert fleet.files() == files and fleet.starts() == starts
        return Row(point, "-", "nothing was touched", None)
    again = fleet.roll(*point.way.options(again=True), limit=LIMIT)
    assert again.code == 0, f"{point}: {again.text}"
    assert "resuming run" in again.text, f"{point}: {again.text}"
    assert fleet.starts() == {name: count + (name in PAIR) for name, count in starts.items()}, f"{point}: {again.text}"
    assert fleet.down() == set() and fleet.held() == {} and fleet.runs() == [], point
    [resumed] = [one["at"] for one in fleet.status(run=runs[0]["id"])["events"] if one["event"] == "resumed"]
    return Row(point, ", ".join(sorted(out)) or "-", told(again.text), resumed - at)


def told(text: str) -> str:
    """What the second command did, by its own lines."""
    restarted = re.findall(r"Restart +(order-\d) .* was restarted and is now", text)
    alone = re.findall(r"Restart +(order-\d) .* was left alone", text)
    parts = [f"restarted {', '.join(sorted(restarted))}"] if restarted else []
    parts += [f"left alone {', '.join(sorted(alone))}"] if alone else []
    parts += ["drained"] if re.search(r"Drain .*: 1 file, one reload", text) else []
    parts += ["put back"] if re.search(r"Attach .*: 1 file, one reload", text) else []
    return "; ".join(parts) or "reported"


def table(rows: Sequence[Row]) -> str:
    width = max(len(row.point.step) for row in rows)
    lines = [f"{'killed before':<{width}}  {'out then':<16}  {'s':>4}  the same command again"]
    way = ""
    for row in rows:
        if row.point.way.name != way:
            way = row.point.way.name
            lines.append(f"-- {way}")
        seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
        lines.append(f"{row.point.step:<{width}}  {row.out:<16}  {seconds:>4}  {row.then}")
    return "\n".join(lines)
