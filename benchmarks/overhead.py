# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a roll costs besides the waits that the service needs: time, reloads, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.lab.demo import Fleet, clean

from .figure import Broken, Figure, Roll, roll
from .memory import Sampler

RATE = 300.0
RELOAD = "signal 1 (SIGHUP) received"
BATCH = 5


def measure(
    folder: Path, instances: int, one_by_one: int, judge_times: bool, say: Callable[[str], None]
) -> Iterator[Figure]:
    """One by one over some of the fleet, then in batches of five over what of it they fit, at 10 forks, in traffic."""
    in_batches = instances // BATCH * BATCH
    with Fleet(folder, instances=instances, upstreams={"order_svc": None}, start_seconds=0.5) as fleet:
        with fleet.client(rate=RATE) as client, Sampler(fleet.inventory) as sampler:
            client.wait(200)
            say(f"{one_by_one} of {instances} instances, one by one")
            single = counted(fleet, one_by_one, 1)
            say(f"{in_batches} of {instances} instances, in batches of {BATCH}")
            batches = counted(fleet, in_batches, BATCH)
        if not clean(client.result):
            raise Broken(f"requests were lost while the overhead was measured: {client.losses[:5]}")
    yield overhead("one by one", single[0], 5.0, judge_times)
    yield overhead(f"in batches of {BATCH}", batches[0], 2.0, judge_times)
    yield reloads("one by one", single[1], one_by_one)
    yield reloads(f"in batches of {BATCH}", batches[1], in_batches // BATCH)
    size, processes = sampler.largest
    yield Figure(
        f"4. memory (PSS) of controller and forks, {instances} instances, 10 forks",
        f"{size:.0f} MB in {processes} processes",
        "< 300 MB",
        0 < size < 300,
        {"megabytes": size, "processes": processes},
    )


def counted(fleet: Fleet, instances: int, batch: int) -> tuple[Roll, dict[str, int]]:
    """A roll over the first so many, and how many reloads each balancer saw meanwhile, as its own log says."""
    selected = ",".join(list(fleet.instances)[:instances])
    before = {balancer: reloaded(fleet, balancer) for balancer in fleet.balancers}
    done = roll(fleet, instances, "-l", selected, "-e", f'{{"fleet_pace": [{batch}]}}')
    return done, {balancer: reloaded(fleet, balancer) - count for balancer, count in before.items()}


def reloaded(fleet: Fleet, balancer: str) -> int:
    return (fleet.folder / balancer / "logs" / "error.log").read_text().count(RELOAD)


def overhead(how: str, done: Roll, limit: float, judge: bool) -> Figure:
    return Figure(
        f"2. own overhead, {done.instances} instances {how}",
        f"{done.overhead:.2f} s an instance ({done.seconds:.0f} s, {done.waited:.0f} s of them waits)",
        f"<= {limit:g} s",
        done.overhead <= limit if judge else None,
        {"seconds": done.seconds, "waited": done.waited, "instances": done.instances, "overhead": done.overhead},
    )


def reloads(how: str, seen: dict[str, int], batches: int) -> Figure:
    return Figure(
        f"3. reloads, {batches} batches {how}",
        ", ".join(f"{balancer} {count}" for balancer, count in seen.items()),
        f"{2 * batches} at each balancer",
        set(seen.values()) == {2 * batches},
        {"reloads": seen, "batches": batches},
    )
