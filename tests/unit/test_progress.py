# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person sees while a run goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.callback.progress import CallbackModule


class Seen:
    """The callback, and the lines that it printed, without the time of day."""

    def __init__(self, verbosity: int = 0) -> None:
        self.lines: list[str] = []
        self.callback = CallbackModule()
        display: Any = SimpleNamespace(verbosity=verbosity, display=self.take)
        self.callback._display = display

    def take(self, line: str, color: str | None) -> None:
        assert line[2] == line[5] == ":"
        first, *rest = line[8:].splitlines()
        self.lines += [" ".join(first.split()), *rest]


def result(task: str, host: str = "order-1", module: str = "nginx_upstream_member", **said: Any) -> SimpleNamespace:
    """What the engine hands to a callback."""
    action = module if "." in module else f"lossless.restart.{module}"
    return SimpleNamespace(
        task=SimpleNamespace(action=action, get_name=lambda: f"lossless.restart.instance : {task}", _uuid=task),
        host=SimpleNamespace(get_name=lambda: host),
        result=said,
        is_changed=lambda: bool(said.get("changed")),
    )


DRAIN = "Drain | take it out"


def test_what_was_done_is_one_line() -> None:
    seen = Seen()
    seen.callback.v2_runner_on_ok(result(DRAIN, msg="2 members: one reload", changed=True))
    seen.callback.v2_runner_item_on_ok(result(DRAIN, host="order-2", msg="2 members: one reload", place="lb-1"))
    assert seen.lines == ["Drain order-1 2 members: one reload", "Drain order-2 lb-1: 2 members: one reload"]


def test_a_batch_speaks_once() -> None:
    seen = Seen()
    for host in ("order-1", "order-2"):
        seen.callback.v2_runner_item_on_ok(result(DRAIN, host, msg="done", batch=["order-1", "order-2"]))
    assert seen.lines == ["Drain order-1, order-2 done"]


@pytest.mark.parametrize(
    "quiet",
    [
        result("Guard | read", module="nginx_upstream_info", msg="12 members"),
        result("Preflight | read", module="fleet_description", msg="checked"),
        result("Preflight | keep", module="ansible.builtin.set_fact"),
        result(DRAIN, msg="nothing of this batch is at step granted here", idle=True),
    ],
)
def test_what_is_of_no_interest(quiet: SimpleNamespace) -> None:
    seen, talkative = Seen(), Seen(verbosity=1)
    for one in (seen, talkative):
        one.callback.v2_runner_on_ok(quiet)
    assert seen.lines == [] and len(talkative.lines) == 1


def test_a_loop_speaks_by_its_items() -> None:
    seen = Seen()
    seen.callback.v2_runner_on_ok(result(DRAIN, results=[], msg="All items completed"))
    seen.callback.v2_runner_on_failed(result(DRAIN, results=[], msg="One or more items failed"))
    assert seen.lines == []


def test_every_failure_is_said_whatever_failed() -> None:
    seen = Seen()
    seen.callback.v2_runner_on_failed(result("Preflight | read", module="fleet_description", msg="fleet_floor: no"))
    seen.callback.v2_runner_item_on_failed(result(DRAIN, host="order-2", msg="[emerg]"))
    seen.callback.v2_runner_on_failed(result("Verify | see", module="ansible.builtin.assert"))
    seen.callback.v2_runner_on_unreachable(result("Plan | ask", module="availability_guard", msg="no route"))
    assert seen.lines == [
        "Preflight order-1 FAILED fleet_floor: no",
        "Drain order-2 FAILED [emerg]",
        "Verify order-1 FAILED lossless.restart.instance : Verify | see",
        "Plan order-1 FAILED no route",
    ]


def test_what_is_judged_later_is_said_without_the_word() -> None:
    """A run that is refused has one error, not one for each thing that led to it."""
    seen = Seen()
    for task in ("State check | read the process", "State check | see that it may be touched"):
        seen.callback.v2_runner_on_failed(result(task, module="instance_process", msg="no such unit"), True)
    seen.callback.v2_runner_on_failed(result("Plan | judge", module="availability_guard", msg="Nothing was touched"))
    assert seen.lines == ["State check order-1 no such unit", "Plan order-1 FAILED Nothing was touched"]


def test_what_a_task_told_itself_is_not_said_again() -> None:
    seen = Seen()
    seen.callback.v2_runner_on_failed(result("Verdict | tell", module="fleet_watch", msg="CRITICAL: no", told=True))
    assert seen.lines == []


def test_a_warning_is_shown_once() -> None:
    """Where the engine leaves that to us, and the plan does not say it."""
    seen = Seen()
    warned: dict[str, Any] = {"msg": "done", "warned": ["it was early"], "warnings": [object()]}
    for task in (DRAIN, "Drain | look again"):
        seen.callback.v2_runner_item_on_ok(result(task, **warned))
    seen.callback.v2_runner_on_ok(result("Read", module="nginx_upstream_info", **{**warned, "warned": ["in the plan"]}))
    seen.callback.v2_runner_on_ok(result("Gate | wait", **{**warned, "warned": ["by the engine"], "warnings": []}))
    done = ["Drain order-1 done", "Drain order-1 done", "Gate order-1 done"]
    assert seen.lines == ["Drain order-1 warning: it was early", *done]


def test_lines_are_plain() -> None:
    seen = Seen()
    seen.callback.v2_runner_on_ok(result("Gate | wait", host="o", module="health_gate", msg=" held \n"))
    assert seen.lines == ["Gate o held"]


def test_further_lines_are_set_in() -> None:
    seen = Seen()
    seen.callback.v2_runner_on_failed(result("Plan | judge", msg="Nothing was touched:\norder-1: no"))
    assert seen.lines == ["Plan order-1 FAILED Nothing was touched:", "    order-1: no"]
