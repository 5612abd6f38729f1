# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the state check found, and what of it forbids the run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _preflight

GOOD = {"failed": False, "identity": {"pid": 7}, "msg": "runs"}


def checked(process: dict[str, Any] | None, state: dict[str, Any] | None) -> _preflight.Checks:
    registered = {"instance_process": process, "instance_checked": state}
    values = {name: value for name, value in registered.items() if value is not None}
    return _preflight.checks(["order-1"], {"order-1": values})


@pytest.mark.parametrize(
    ("process", "state", "kind", "said"),
    [
        (None, None, "missing", "was not read"),
        ({"failed": True, "msg": "program x does not exist"}, None, "missing", "program x does not exist"),
        ({"failed": True}, GOOD, "missing", "no answer"),
        (GOOD, {"failed": True, "msg": "queue: 7"}, "unfit", "queue: 7"),
        # Nothing runs, which the other look only fails for.
        ({"running": False, "msg": "is not running"}, {"failed": True, "msg": "refused"}, "unfit", "is not running"),
        ({"failed": True, "lost": True, "msg": "unreachable"}, None, "unreachable", "unreachable"),
        (GOOD, {"failed": True, "lost": True, "msg": "unreachable"}, "unreachable", "unreachable"),
        ({"failed": True, "msg": "x"}, {"failed": True, "lost": True, "msg": "y"}, "unreachable", "y"),
    ],
)
def test_what_went_wrong(process: Any, state: Any, kind: str, said: str) -> None:
    found = vars(checked(process, state))
    assert found == {"unreachable": {}, "missing": {}, "unfit": {}, kind: {"order-1": said}}


@pytest.mark.parametrize("state", [None, {"skipped": True}, GOOD])
def test_what_is_well(state: Any) -> None:
    assert vars(checked(GOOD, state)) == {"unreachable": {}, "missing": {}, "unfit": {}}
    assert vars(checked({"skipped": True}, state)) == {"unreachable": {}, "missing": {}, "unfit": {}}


def test_only_the_checked_hosts_are_looked_at() -> None:
    assert vars(_preflight.checks([], {"order-1": {}})) == {"unreachable": {}, "missing": {}, "unfit": {}}


def test_what_forbids_the_run() -> None:
    found = _preflight.Checks(
        unreachable={"order-1": "unreachable"},
        missing={"order-2": "no such unit"},
        unfit={"order-3": "queue: 7", "order-4": "queue: 9", "order-7": "in_flight: 1"},
    )
    plan = {
        "unhealthy": {"order-4": "refused"},
        "resumed": ["order-7"],
        "blocked": {"order-5": "held by run 1", "order-6": "drained"},
    }
    assert _preflight.problems(plan, found, ["order-6"]) == [
        "order-2: no such unit",
        "order-3: queue: 7",
        "order-5: held by run 1",
    ]


def test_identities_come_from_whoever_read_them() -> None:
    first, second = {"identity": {"pid": 1}}, {"identity": {"pid": 2}}
    values = {
        "order-1": {"instance_process": first, "instance_checked": second},
        "order-2": {"instance_process": {"skipped": True}, "instance_checked": second},
        "order-3": {"instance_process": {"identity": None}, "instance_checked": {"skipped": True}},
        "order-4": {},
    }
    assert _preflight.identities(values, values) == {
        "order-1": {"pid": 1},
        "order-2": {"pid": 2},
        "order-3": None,
        "order-4": None,
    }
