# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who this controller is, and of whom it may say that he is dead."""

from __future__ import annotations

import getpass
import os
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _process_host
from ansible_collections.lossless.restart.plugins.plugin_utils import _controller


@pytest.fixture
def me() -> dict[str, Any]:
    return _controller.owner()


def test_the_owner_is_the_process_that_the_action_works_for(me: dict[str, Any]) -> None:
    process = _process_host.Host().process(os.getppid())
    assert process and (me["pid"], me["start"], me["boot"]) == (process.pid, process.start, process.boot)
    assert me["name"].endswith(f"@{os.uname().nodename}")


def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 1000740000")

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert _controller.owner()["name"] == f"uid {os.getuid()}@{os.uname().nodename}"


@pytest.mark.parametrize(
    ("changed", "dead"),
    [
        ({}, False),
        ({"start": 1}, True),
        ({"pid": 2**22 + 1}, True),
        ({"boot": "before"}, True),
        # Somewhere else: nothing can be said of a process there, however much else is the same.
        ({"machine": "another", "start": 1}, False),
    ],
)
def test_only_a_process_of_this_machine_can_be_known_to_be_dead(
    me: dict[str, Any], changed: dict[str, Any], dead: bool
) -> None:
    run = {"id": "20260101T000000-abcdef", "owner": {**me, **changed}}
    assert _controller.dead([run]) == ([run["id"]] if dead else [])


@pytest.mark.parametrize("what", ["name", "space"])
def test_containers_of_one_image_are_other_machines(
    me: dict[str, Any], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """They share the machine id; a process of the other one must not seem dead because its pid is not here."""
    real = os.uname()
    other = os.uname_result((real.sysname, "elsewhere", real.release, real.version, real.machine))
    if what == "name":
        monkeypatch.setattr(os, "uname", lambda: other)
    else:
        monkeypatch.setattr(os, "readlink", lambda path: "pid:[1]")
    gone = {"id": "20260101T000000-abcdef", "owner": {**me, "start": 1}}
    assert _controller.dead([gone]) == []


def test_how_long_the_command_has_run() -> None:
    process = _process_host.Host().process(os.getppid())
    assert process and 0 <= _controller.age() <= _process_host.age(process)
