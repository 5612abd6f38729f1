# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A playbook as a child whose every process can be found again and ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import processes

ROOT = Path(__file__).parents[3]
MARK = "LOSSLESS_DEMO_PLAYBOOK"


class Playbook:
    """`ansible-playbook WORDS` in playbooks/, in a session of its own, so that a Ctrl-C is ours to hand on.

    log: the file that takes its output; None: it goes where ours goes.
    environment: more variables for it. before: the words of a command that starts it, before its own.
    As a context manager it runs inside the block, and nothing of it runs after.
    """

    def __init__(
        self,
        *words: str,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> None:
        self.words = words
        self.before = before
        self.log = log
        self.environment = dict(environment or {})
        self.mark = f"{os.getpid()}-{id(self)}"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        return [*self.before, str(Path(sys.executable).parent / "ansible-playbook"), *self.words]

    @property
    def surroundings(self) -> dict[str, Any]:
        """Its folder and its environment, as subprocess takes them."""
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "playbooks" / "ansible.cfg"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            **self.environment,
            MARK: self.mark,
        }
        return {"cwd": ROOT / "playbooks", "env": environment}

    def start(self) -> None:
        output = self.log.open("wb") if self.log else None
        try:
            self.process = subprocess.Popen(
                self.command,
                **self.surroundings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            if output:
                output.close()

    def wait(self, seconds: float | None = None) -> int:
        """Its exit code, once it ended. Raises subprocess.TimeoutExpired."""
        assert self.process
        return self.process.wait(seconds)

    def end(self) -> None:
        """It and whatever it started, modules under way included. At a first SIGTERM it would finish its batch."""
        processes.end(lambda: processes.marked(f"{MARK}={self.mark}"), grace=0.0)

    @property
    def text(self) -> str:
        """What it printed so far; only with a log."""
        return self.log.read_text() if self.log else ""

    def __enter__(self) -> Playbook:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
