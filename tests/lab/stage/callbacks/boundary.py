# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A callback for tests: notes each step of a roll that is about to begin, and kills its own process before one of them.

A step is a task with one of the collection's modules. BOUNDARY_LOG: the file for their names, a line each; beside
it one for their modules, LOG.modules.
BOUNDARY_KILL: `NUMBER NAME` of the step before which SIGKILL comes; the first of that name is 1.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "boundary"

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if not str(task.action).startswith("lossless.restart."):
            return
        step = task.get_name().rsplit(" : ", 1)[-1]
        log = Path(os.environ["BOUNDARY_LOG"])
        for path, text in ((log, step), (log.with_name(f"{log.name}.modules"), task.action.rpartition(".")[2])):
            with path.open("a") as stream:
                stream.write(f"{text}\n")
        if os.environ["BOUNDARY_KILL"] == f"{log.read_text().splitlines().count(step)} {step}":
            os.kill(os.getpid(), signal.SIGKILL)
