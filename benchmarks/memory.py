# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much memory the controller and its forks hold together while a playbook runs."""

from __future__ import annotations

import contextlib
import re
import threading
from pathlib import Path

from tests.lab.demo import processes

PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)
INTERVAL = 0.25


class Sampler:
    """Looks four times a second at every `ansible-playbook` process with this inventory. largest: MB, and how many."""

    def __init__(self, inventory: Path) -> None:
        self.inventory = str(inventory)
        self.largest = (0.0, 0)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self) -> None:
        while not self.ended.wait(INTERVAL):
            sizes = [size(one.pid) for one in processes.running() if self.inventory in one.argv]
            self.largest = max(self.largest, (sum(sizes) / 1024, len(sizes)))

    def __enter__(self) -> Sampler:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()


def size(pid: int) -> int:
    """Kilobytes of its own, and its share of what it shares with others; 0 where it is gone."""
    with contextlib.suppress(OSError):
        found = PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
        return int(found[1]) if found else 0
    return 0
