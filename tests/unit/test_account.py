# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who came to the ledger's host: what the kernel says, and no variable."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _account
from ansible_collections.lossless.restart.plugins.module_utils._account import Who

UNSET = 2**32 - 1


def proc(folder: Path, uids: Sequence[int], login: int | None = None) -> str:
    """A /proc in which the processes above this one have these real uids, the nearest first."""
    pids = [os.getppid(), *range(900_001, 900_000 + len(uids)), 1]
    for uid, pid, parent in zip(uids, pids, pids[1:], strict=False):
        (folder / str(pid)).mkdir(parents=True)
        (folder / str(pid) / "status").write_text(f"Name:\tsh\nPPid:\t{parent}\nUid:\t{uid}\t0\t0\t0\n")
    if login is not None:
        (folder / "self").mkdir(parents=True)
        (folder / "self" / "loginuid").write_text(str(login))
    return str(folder)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> int:
    """This process runs as the ledger's account."""
    monkeypatch.setattr(os, "geteuid", lambda: 990)
    return 990


@pytest.mark.parametrize(
    ("uids", "login", "found"),
    [
        # sh by sudo, sudo itself, the login's shell, sshd.
        ([990, 0, 1000, 1000, 0], None, 1000),
        ([990, 0, 1000, 1000, 0], UNSET, 1000),
        # The audit subsystem knows better: bob became alice first.
        ([990, 0, 1000, 0, 1001, 0], 1001, 1001),
        ([990, 0, 1000, 0, 1001, 0], None, 1000),
        # Somebody logged in as the account itself, and root.
        ([990, 990, 0], None, 990),
        ([0, 0], None, 990),
        ([990, 0], 990, 990),
    ],
)
def test_the_login(tmp_path: Path, own: int, uids: Sequence[int], login: int | None, found: int) -> None:
    assert _account.uid(proc(tmp_path, uids, login)) == found


def test_no_variable_counts(tmp_path: Path, own: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUDO_USER", "LOGNAME", "USER", "SUDO_UID"):
        monkeypatch.setenv(name, "0" if name == "SUDO_UID" else "root")
    assert _account.uid(proc(tmp_path, [990, 0, 1000, 0])) == 1000


def test_ancestors_that_cannot_be_read(tmp_path: Path, own: int) -> None:
    assert _account.uid(str(tmp_path)) == 990
    (tmp_path / str(os.getppid())).mkdir()
    (tmp_path / str(os.getppid()) / "status").write_text("nothing of the kind")
    assert _account.uid(str(tmp_path) + "/") == 990


def test_a_number_without_a_name(tmp_path: Path, own: int) -> None:
    assert _account.name(proc(tmp_path, [3_999_999, 0])) == "uid 3999999"
    assert _account.who(proc=proc(tmp_path / "b", [3_999_999, 0])) == Who("uid 3999999", [])


def test_here_and_now() -> None:
    """The kernel's own /proc, of this very process."""
    name = _account.name()
    assert pwd.getpwnam(name)
    assert _account.who().name == name and _account.who().groups


class TestAwx:
    ASKED = {"user": "chen", "template": "Restart order-svc", "job": "17"}

    def test_only_a_listed_account_speaks_for_it(self, tmp_path: Path, own: int) -> None:
        where = proc(tmp_path, [0])
        name = _account.name(where)
        assert str(_account.who([name], self.ASKED, where)) == "awx:chen"
        assert _account.who([name], self.ASKED, where).template == "Restart order-svc"
        for accounts in ([], ["awx"], [f"{name}x"]):
            assert not _account.who(accounts, self.ASKED, where).awx

    @pytest.mark.parametrize("user", ["", None, "a\nb", "x" * 201, 7, ["root"]])
    def test_a_name_that_is_none(self, tmp_path: Path, own: int, user: object) -> None:
        where = proc(tmp_path, [0])
        found = _account.who([_account.name(where)], {**self.ASKED, "user": user}, where)
        assert not found.awx and found.name == _account.name(where)
