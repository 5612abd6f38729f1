# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet whose instances have jobs of cron, each in a file of its own that no cron reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .stage import Stage

JOB = "/opt/order/report.sh"
TABLE = (
    f"# by hand\n*/5 * * * * order {JOB} --all\n# 0 3 * * * order {JOB} --old\n0 4 * * * order /opt/order/clean.sh\n"
)


class Timed(Stage):
    """The first entry of an instance's traffic are its jobs. alone: they are the only one."""

    def __init__(self, folder: Path, *, alone: bool = False, **more: Any) -> None:
        super().__init__(folder, **more)
        self.alone = alone

    def table(self, name: str) -> Path:
        """The instance's file."""
        return self.folder / "cron" / name

    @property
    def off(self) -> set[str]:
        """The instances whose file is not as it was at the beginning."""
        return {name for name in self.instances if self.table(name).read_text() != TABLE}

    def write(self) -> None:
        super().write()
        (self.folder / "cron").mkdir()
        for name in self.instances:
            self.table(name).write_text(TABLE)

    def _host(self, name: str) -> dict[str, Any]:
        found = super()._host(name)
        timer = {"kind": "timer", "cron": str(self.table(name)), "lines": JOB}
        found["instance_traffic"] = [timer, *([] if self.alone else found["instance_traffic"])]
        return found
