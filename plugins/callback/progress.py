# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Progress for people: one line for each thing that happened."""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: stdout
short_description: One line for each step of each instance
version_added: "0.1.0"
description:
  - Prints what the collection's modules did, as time, step, instance and what happened, and failures of any task.
  - Prints plain lines, without moving the cursor, so that the output is the same in a terminal, a file and a log.
  - Other tasks are shown with C(-v).
author:
  - The lossless.restart authors (@lossless-restart)
requirements:
  - Set it as stdout callback in the configuration, as in C(stdout_callback = lossless.restart.progress).
"""

import time
from typing import Any

from ansible import constants as C
from ansible.plugins.callback import CallbackBase

_OURS = "lossless.restart."
# What was read on the way is of no interest while it goes well.
_QUIET = frozenset(
    {
        "application_info",
        "nacos_instance_info",
        "nginx_upstream_info",
        "dubbo_provider_info",
        "firewall_member_info",
        "mq_consumer_info",
        "xxljob_executor_info",
        "fleet_description",
        "fleet_watch",
        "availability_guard",
    }
)


class CallbackModule(CallbackBase):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "lossless.restart.progress"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._said: set[tuple[str, str, str]] = set()

    def v2_runner_on_ok(self, result: Any) -> None:
        if "results" not in result.result:
            self._tell(result, result.result, C.COLOR_CHANGED if result.is_changed() else None)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._tell(result, result.result, C.COLOR_CHANGED if result.is_changed() else None)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if "results" not in result.result:
            # What is ignored is judged later: the word stands only before what ends a turn or the run.
            head = "" if ignore_errors or result.result.get("halted") else "FAILED "
            self._tell(result, result.result, C.COLOR_WARN if ignore_errors else C.COLOR_ERROR, True, head)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._tell(result, result.result, C.COLOR_ERROR, failed=True)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._tell(result, result.result, C.COLOR_UNREACHABLE, failed=True)

    def v2_runner_retry(self, result: Any) -> None:
        self._tell(result, result.result, C.COLOR_WARN, failed=True)

    def _tell(self, result: Any, outcome: Any, color: str | None, failed: bool = False, head: str = "FAILED ") -> None:
        module = str(result.task.action).removeprefix(_OURS)
        ours = str(result.task.action).startswith(_OURS)
        quiet = module in _QUIET and not outcome.get("waiting")
        if ours and not quiet:
            self._warn(result, outcome)
        dull = not ours or quiet or outcome.get("idle")
        if (dull and not failed or outcome.get("told")) and self._display.verbosity == 0:
            return
        text = str(outcome.get("msg") or result.task.get_name()).strip()
        host = result.host.get_name()
        batch = outcome.get("batch")
        who = ", ".join(batch) if batch else host
        place = str(outcome.get("place", ""))
        text = text if text.startswith(place) else f"{place}: {text}"
        name = result.task.get_name().rsplit(" : ", 1)[-1]
        step = name.partition(" | ")[0]
        # A step's tasks may all fail for one reason.
        same = (step if failed else result.task._uuid, who, text)
        if same in self._said:
            return
        self._said.add(same)
        head = head if failed else ""
        text = text.replace("\n", "\n    ")
        self._display.display(f"{time.strftime('%H:%M:%S')}  {step:<12} {who:<10}  {head}{text}", color=color)

    def _warn(self, result: Any, outcome: Any) -> None:
        """What the engine keeps for its callbacks since 2.19; before, it shows it itself. Each text once."""
        step = result.task.get_name().rsplit(" : ", 1)[-1].partition(" | ")[0]
        host = result.host.get_name()
        for text in outcome.get("warned", []) if outcome.get("warnings") else []:
            if ("", "", text) not in self._said:
                self._said.add(("", "", text))
                line = f"{time.strftime('%H:%M:%S')}  {step:<12} {host:<10}  warning: {text}"
                self._display.display(line, color=C.COLOR_WARN)
