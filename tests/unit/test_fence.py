# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fence keeps the highest token of each member, and nothing less."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _fence

MEMBER = "nginx order_svc 10.0.0.3:8080"


def records(state: Path) -> list[Path]:
    return sorted((state / "fence").iterdir())


def test_a_newer_token_passes_and_an_older_one_does_not(tmp_path: Path) -> None:
    for token in (3, 3, 7):
        _fence.admit(str(tmp_path), MEMBER, token)
    for token in (6, 0, -1):
        with pytest.raises(_fence.Fenced) as caught:
            _fence.admit(str(tmp_path), MEMBER, token)
        assert str(caught.value).startswith(f"{MEMBER}: token {token} is older than 7")
    _fence.admit(str(tmp_path), MEMBER, 7)
    assert [_fence.read(str(path)).token for path in records(tmp_path)] == [7]


def test_members_do_not_fence_each_other(tmp_path: Path) -> None:
    _fence.admit(str(tmp_path), MEMBER, 9)
    for other in ("nginx order_svc 10.0.0.3:808", "nginx other 10.0.0.3:8080", "instance 10.0.0.3:8080", "../x", "é"):
        _fence.admit(str(tmp_path), other, 1)
    assert len(records(tmp_path)) == 6


def test_a_look_writes_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    _fence.admit(str(state), MEMBER, 4, write=False)
    assert not state.exists()
    _fence.admit(str(state), MEMBER, 4)
    _fence.admit(str(state), MEMBER, 8, write=False)
    with pytest.raises(_fence.Fenced):
        _fence.admit(str(state), MEMBER, 3, write=False)
    assert _fence.read(str(records(state)[0])).token == 4


def test_records_are_for_their_owner_only(tmp_path: Path) -> None:
    _fence.admit(str(tmp_path), MEMBER, 4)
    assert stat.S_IMODE((tmp_path / "fence").stat().st_mode) == 0o700
    assert stat.S_IMODE(records(tmp_path)[0].stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b"{}",
        b'{"format": 1}',
        b'{"format": 1, "token": 9}',
        b'{"format": 2, "token": 9}',
        b'{"format": 2, "token": null, "ledger": "", "place": ""}',
        b'{"format": 2, "token": "many", "ledger": "", "place": ""}',
        b'{"format": 2, "token": [1], "ledger": "", "place": ""}',
        b"\xff\xfe",
    ],
)
def test_a_record_that_cannot_be_read_lets_nobody_through(tmp_path: Path, content: bytes) -> None:
    _fence.admit(str(tmp_path), MEMBER, 1)
    record = records(tmp_path)[0]
    record.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{record}: not a fence record"):
        _fence.admit(str(tmp_path), MEMBER, 99)
    assert record.read_bytes() == content


def test_a_record_that_may_not_be_written_lets_nobody_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        _fence.admit(str(tmp_path), MEMBER, 1)
    assert records(tmp_path) == []


ONE = {"id": "5d2c6c3e-one", "place": "bastion:/ledger"}
OTHER = {"id": "a1b2c3d4-other", "place": "laptop:/ledger"}


def test_another_ledger_is_refused_with_both_names(tmp_path: Path) -> None:
    _fence.admit(str(tmp_path), MEMBER, 7, ONE)
    assert _fence.known(str(tmp_path), MEMBER) == ONE
    for token in (6, 8):
        with pytest.raises(_fence.Fenced) as caught:
            _fence.admit(str(tmp_path), MEMBER, token, OTHER)
        said = str(caught.value)
        assert all(word in said for word in [*ONE.values(), *OTHER.values()])
        assert "-e fleet_ledger_replaces=5d2c6c3e-one" in said
    assert _fence.known(str(tmp_path), MEMBER) == ONE
    _fence.admit(str(tmp_path), "nginx other 10.0.0.3:8080", 1, OTHER)


def test_a_ledger_takes_the_place_of_another_on_purpose(tmp_path: Path) -> None:
    """Their tokens have nothing to do with each other: the new one's count from then on."""
    _fence.admit(str(tmp_path), MEMBER, 7, ONE)
    _fence.admit(str(tmp_path), MEMBER, 3, {**OTHER, "replaces": ONE["id"]})
    _fence.admit(str(tmp_path), MEMBER, 3, OTHER)
    for token, ledger in ((2, OTHER), (9, ONE)):
        with pytest.raises(_fence.Fenced):
            _fence.admit(str(tmp_path), MEMBER, token, ledger)


def test_by_hand_the_ledger_stays(tmp_path: Path) -> None:
    """A call with a token alone, as from a playbook of one's own."""
    _fence.admit(str(tmp_path), MEMBER, 7, ONE)
    _fence.admit(str(tmp_path), MEMBER, 8)
    assert _fence.known(str(tmp_path), MEMBER) == ONE
