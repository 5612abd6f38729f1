# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long the plan of a large service takes: preflight, four balancers read, every member probed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.lab.demo import Fleet, wait_for
from tests.lab.demo.sessions import spawn

from .figure import Broken, Figure

IN_POOL = 25
LISTENERS = Path(__file__).with_name("listeners.py")


class Listening(Fleet):
    """A fleet whose instances only answer that they are healthy, all in one process."""

    def start_supervisor(self) -> None:
        addresses = self.folder / "addresses"
        addresses.write_text("\n".join(self.instances.values()))
        command = [sys.executable, "-I", "-S", str(LISTENERS), str(addresses)]
        spawn(command, self.folder, self.folder / "logs" / "listeners")
        wait_for("the last instance", lambda: self.healthy(list(self.instances)[-1]))


def measure(folder: Path, sizes: list[int], judge_times: bool, say: Callable[[str], None]) -> Iterator[Figure]:
    """`--check` over all of it. The limit is that of 500 instances."""
    for size in sizes:
        pools = {f"pool_{first // IN_POOL:02}": range(first, first + IN_POOL) for first in range(1, size, IN_POOL)}
        variables = {"instance_restart": {"command": ["/bin/true"]}, "instance_state": [], "fleet_pace": [1, "25%"]}
        with Listening(folder, instances=size, balancers=4, upstreams=pools, variables=variables) as fleet:
            say(f"the plan for {size} instances in {len(pools)} pools on 4 balancers")
            began = time.monotonic()
            code, text = fleet.play("-l", fleet.service, "--check")
            seconds = time.monotonic() - began
        if code or f"restart of {size} of {size} instances" not in text:
            raise Broken(f"no plan for {size} instances, exit code {code}:\n{text[-3000:]}")
        yield Figure(
            f"5. plan for {size} instances in {len(pools)} pools on 4 balancers",
            f"{seconds:.1f} s ({1000 * seconds / size:.0f} ms an instance)",
            "< 20 s",
            seconds < 20 if judge_times else None,
            {"instances": size, "pools": len(pools), "seconds": seconds},
        )
