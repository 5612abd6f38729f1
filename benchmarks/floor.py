# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m benchmarks.floor`: that the floor cannot be pierced, on each backend, and what a grant takes."""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kazoo.client import KazooClient
from kazoo.security import make_digest_acl_credential

from tests import lab
from tests.lab.demo import Failed

from . import grants, schedules
from .__main__ import ROOT, machine, say
from .figure import Broken, Figure, table
from .storm import Event, Size, directory_records, figures, fleet_of, storm

FULL = Size(runs=8, instances=20, seconds=600.0, life=(8.0, 75.0), rate=200.0)
USER, PASSWORD = "restart", "hunter2"


def on_directory(folder: Path, size: Size, seed: int) -> Iterator[Figure]:
    with fleet_of(folder / "fleet", size, {}) as fleet:
        ledger = fleet.folder / "ledger"
        yield from figures("directory", storm(fleet, size, seed, lambda: directory_records(ledger), say), size)


def on_zookeeper(folder: Path, size: Size, seed: int) -> Iterator[Figure]:
    """Three servers, one of which may be lost at any time: the leader is not killed here, but in the tests."""
    folder.mkdir(parents=True)
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(f"{USER}:{PASSWORD}\n")
    with lab.zookeeper(folder / "zookeeper", servers=3) as servers:
        variables: dict[str, Any] = {
            "fleet_ledger": f"zookeeper://{servers.hosts}/restart",
            "fleet_ledger_host": None,
            "fleet_ledger_auth": {"scheme": "digest", "file": str(secret)},
            "fleet_ledger_readers": [make_digest_acl_credential("audit", "eyes0nly")],
        }
        with fleet_of(folder / "fleet", size, variables) as fleet:
            yield from figures("ZooKeeper", storm(fleet, size, seed, lambda: node_records(servers.hosts), say), size)


def node_records(hosts: str) -> tuple[list[Event], list[str]]:
    """The events of all runs, and what is held, from the ledger's own nodes."""
    client = KazooClient(hosts, auth_data=[("digest", f"{USER}:{PASSWORD}")])
    client.start()
    try:
        events: list[Event] = []
        for run in client.get_children("/restart/events"):
            for piece in client.get_children(f"/restart/events/{run}"):
                data = client.get(f"/restart/events/{run}/{piece}")[0]
                events += [json.loads(line) for line in data.splitlines()]
        return events, list(json.loads(client.get("/restart/state")[0])["leases"])
    finally:
        client.stop()
        client.close()


BACKENDS = {"directory": on_directory, "zookeeper": on_zookeeper}


def measured(backends: list[str], size: Size, seed: int, stories: int) -> Iterator[Figure]:
    """Every part in a folder of its own, which is gone afterwards unless something broke."""
    yield from schedules.measure(stories, seed, say)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        say("grants beside 500 leases and 10,000 past runs")
        yield from grants.measure(Path(folder), leases=500, past=10_000, judge=True)
    for backend in backends:
        say(f"{backend}: {size.runs} runs at once, controllers killed for {size.seconds:.0f} s, seed {seed}")
        parent = Path(tempfile.mkdtemp(prefix="bench-"))
        try:
            found = list(BACKENDS[backend](parent / "storm", size, seed))
        except (Broken, Failed) as error:
            print(error, file=sys.stderr)
            found = [Figure(f"{backend}: could not be measured", f"see {parent}", "", False)]
        yield from found
        if all(figure.ok for figure in found):
            shutil.rmtree(parent)
        else:
            say(f"what is left of it: {parent}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor")
    parser.add_argument("--minutes", type=float, default=FULL.seconds / 60, help="how long controllers are killed")
    parser.add_argument("--runs", type=int, default=FULL.runs, help="how many at once")
    parser.add_argument("--instances", type=int, default=FULL.instances)
    parser.add_argument("--backends", default=",".join(BACKENDS), help="directory, zookeeper")
    parser.add_argument("--schedules", type=int, default=100_000, help="of the state machine")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the killer")
    parser.add_argument("--json", type=Path, default=ROOT / ".cache" / "bench-floor.json", help="where the numbers go")
    options = parser.parse_args()
    size = dataclasses.replace(FULL, seconds=60 * options.minutes, runs=options.runs, instances=options.instances)
    began = time.monotonic()
    found = list(measured(options.backends.split(","), size, options.seed, options.schedules))
    document = {
        "machine": machine(),
        "seed": options.seed,
        "seconds": round(time.monotonic() - began, 1),
        "figures": [dataclasses.asdict(figure) for figure in found],
    }
    options.json.parent.mkdir(exist_ok=True)
    options.json.write_text(json.dumps(document, indent=1, default=str) + "\n")
    print(f"\n{table(found)}\n\nseed {options.seed}; the numbers: {options.json}")
    failed = [figure.what for figure in found if figure.ok is False]
    print(f"FAILED: {'; '.join(failed)}" if failed else "The floor holds.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
