# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger's own account on a real host: operators become it by sudo, auditors read, others see nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import adhoc, systemd

LEDGER = "/var/lib/lossless_restart/ledger"
DOCUMENT = Path(__file__).parents[2] / "docs" / "ledger.md"
ALICE = {"name": "alice@laptop", "machine": "m1", "boot": "b1", "pid": 7, "start": 5}
BOB = {"name": "bob@awx", "machine": "m2", "boot": "b2", "pid": 8, "start": 6}


def sudoers() -> str:
    """The file as the documentation has it."""
    found = re.search(r"```sudoers\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def bastion() -> Iterator[systemd.Machine]:
    with systemd.host() as machine:
        machine.run(["groupadd", "restart-operators"])
        machine.run(["groupadd", "restart-auditors"])
        machine.run(["useradd", "--system", "--create-home", "lossless"])
        for name, groups in (("alice", "restart-operators"), ("bob", "restart-operators"), ("carol", ""), ("dave", "")):
            machine.run(["useradd", "--create-home", *(["--groups", groups] if groups else []), name])
        machine.run(["usermod", "--append", "--groups", "restart-auditors", "carol"])
        machine.write("/etc/sudoers.d/lossless-restart", sudoers(), mode=0o440)
        machine.run(["visudo", "--check", "--file=/etc/sudoers.d/lossless-restart"])
        machine.run(["install", "--directory", "--owner=lossless", "--mode=0755", "/var/lib/lossless_restart"])
        yield machine


def ask(bastion: systemd.Machine, user: str, action: str, become: str = "lossless", **params: Any) -> dict[str, Any]:
    """What the guard on the ledger's host answers to `user`, who becomes the ledger's account."""
    arguments = {"action": action, "ledger": LEDGER, "service": "order-svc", **params}
    return adhoc.call("availability_guard", arguments, bastion.variables(user, become))


def test_operators_share_it_and_keep_their_names(bastion: systemd.Machine) -> None:
    began = ask(bastion, "alice", "begin", owner=ALICE, planned=["order-1"])
    assert not began["failed"], began
    assert not ask(bastion, "bob", "begin", owner=BOB, planned=["order-2"])["failed"]
    said = bastion.run(["stat", "--format=%U %a", LEDGER, f"{LEDGER}/state.json"])
    assert said.split("\n")[:2] == ["lossless 700", "lossless 600"]
    state = json.loads(bastion.run(["cat", f"{LEDGER}/state.json"]))
    assert {run["owner"]["name"]: run["account"] for run in state["runs"].values()} == {
        "alice@laptop": "alice",
        "bob@awx": "bob",
    }


def test_nobody_reads_it_by_another_way(bastion: systemd.Machine) -> None:
    before = bastion.run(["sha256sum", f"{LEDGER}/state.json"])
    for user in ("alice", "carol", "dave"):
        answer = ask(bastion, user, "status", become="")
        assert answer["failed"] and "Become the ledger's account" in answer["msg"], answer
    refused = ask(bastion, "dave", "status")
    assert refused["failed"] and "sudo: a password is required" in refused["module_stderr"], refused
    assert bastion.run(["sha256sum", f"{LEDGER}/state.json"]) == before


def test_auditors_read_and_do_nothing_else(bastion: systemd.Machine) -> None:
    bastion.run(["chgrp", "--recursive", "restart-auditors", LEDGER])
    bastion.run(["chmod", "2750", LEDGER])
    # From now on what is written is for the group too.
    assert not ask(bastion, "alice", "begin", owner={**ALICE, "pid": 9}, planned=["order-3"])["failed"]
    answer = ask(bastion, "carol", "status", become="")
    assert not answer["failed"] and len(answer["runs"]) == 3, answer
    run = answer["runs"][0]
    stopped = ask(bastion, "carol", "stop", become="", run=run["id"], why="an auditor's whim")
    assert stopped["failed"] and "Become the ledger's account" in stopped["msg"], stopped
    answer = ask(bastion, "dave", "status", become="")
    assert answer["failed"] and "Become the ledger's account" in answer["msg"], answer


POLICY = """
format: 1
contact: the platform team
environments:
  production:
    may:
      - {users: [alice], groups: [restart-seniors], kinds: [rolling]}
    approval: false
    confirm: false
"""
RULES = "/etc/lossless_restart/policy.yml"


def begin(bastion: systemd.Machine, user: str, pid: int) -> dict[str, Any]:
    return ask(bastion, user, "begin", owner={**ALICE, "name": user, "pid": pid}, planned=[f"order-{pid}"])


def test_a_policy_knows_people_by_their_login(bastion: systemd.Machine) -> None:
    bastion.write(RULES, POLICY)
    assert not begin(bastion, "alice", 11)["failed"]
    answer = begin(bastion, "bob", 12)
    assert answer["failed"] and "bob (groups bob, restart-operators) may not do rolling" in answer["msg"], answer
    assert f"may ({RULES} line 6)" in answer["msg"] and "Who can lift it: the platform team" in answer["msg"]
    bastion.run(["groupadd", "restart-seniors"])
    bastion.run(["usermod", "--append", "--groups", "restart-seniors", "bob"])
    assert not begin(bastion, "bob", 12)["failed"]


def test_a_policy_that_others_may_write(bastion: systemd.Machine) -> None:
    bastion.write(RULES, POLICY)
    for spoil, mend in (
        (["chown", "bob", RULES], ["chown", "lossless", RULES]),
        (["chmod", "0664", RULES], ["chmod", "0644", RULES]),
        (["chown", "bob", "/etc/lossless_restart"], ["chown", "root", "/etc/lossless_restart"]),
    ):
        bastion.run(spoil)
        answer = begin(bastion, "alice", 13)
        assert answer["failed"] and "may be changed by others than root and the ledger's account" in answer["msg"]
        bastion.run(mend)
    assert not begin(bastion, "alice", 13)["failed"]
    bastion.run(["rm", RULES])
    answer = begin(bastion, "alice", 14)
    assert answer["failed"] and "is gone, and runs began under one" in answer["msg"], answer
    assert not ask(bastion, "alice", "status")["failed"]
