# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files are replaced all or none, and what they were is kept."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _rewrite
from ansible_collections.lossless.restart.plugins.module_utils._rewrite import Change, WriteError


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def two(tmp_path: Path) -> dict[str, Change]:
    for name in ("a.conf", "b.conf"):
        (tmp_path / name).write_bytes(b"old " + name.encode())
    return {
        str(tmp_path / "a.conf"): Change(b"old a.conf", b"new a.conf"),
        str(tmp_path / "b.conf"): Change(b"old b.conf", b"a longer text for b.conf"),
    }


def test_all_are_replaced_and_can_be_put_back(tmp_path: Path, two: dict[str, Change]) -> None:
    _rewrite.replace(two)
    assert files(tmp_path) == {"a.conf": b"new a.conf", "b.conf": b"a longer text for b.conf"}
    _rewrite.replace({path: change.undone for path, change in two.items()})
    assert files(tmp_path) == {"a.conf": b"old a.conf", "b.conf": b"old b.conf"}


def test_mode_owner_and_attributes_are_kept(tmp_path: Path, two: dict[str, Change]) -> None:
    path = tmp_path / "a.conf"
    path.chmod(0o604)
    owner = (12345, 54321) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(path, *owner)
    os.setxattr(path, "user.note", b"kept")
    _rewrite.replace(two)
    there = path.stat()
    assert (stat.S_IMODE(there.st_mode), there.st_uid, there.st_gid) == (0o604, *owner)
    assert os.getxattr(path, "user.note") == b"kept"


@pytest.mark.parametrize("name", ["a.conf", "b.conf"])
def test_a_file_that_changed_stops_all(tmp_path: Path, two: dict[str, Change], name: str) -> None:
    (tmp_path / name).write_bytes(b"by hand")
    before = files(tmp_path)
    with pytest.raises(WriteError, match=f"{name} was changed by someone else .* Nothing was changed"):
        _rewrite.replace(two)
    assert files(tmp_path) == before


def test_a_disk_that_fills_up_at_the_second_file(tmp_path: Path, two: dict[str, Change]) -> None:
    before = files(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(b"new a.conf"), hard))
    try:
        with pytest.raises(WriteError, match=r"b\.conf: cannot be written: .* Nothing was changed"):
            _rewrite.replace(two)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path) == before


def test_a_rename_that_fails_at_the_second_file(
    tmp_path: Path, two: dict[str, Change], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rename = files(tmp_path), os.rename

    def failing(source: str, target: str) -> None:
        if target.endswith("b.conf"):
            raise OSError(16, "Device or resource busy")
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(WriteError, match="it is a mount of its own.*What had been written was put back"):
        _rewrite.replace(two)
    assert files(tmp_path) == before


def test_rights_that_cannot_be_kept(tmp_path: Path, two: dict[str, Change], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(file: int, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    before = files(tmp_path)
    monkeypatch.setattr(os, "fchmod", refused)
    with pytest.raises(WriteError, match="SELinux context cannot be kept .Operation not permitted.: run as its owner"):
        _rewrite.replace(two)
    assert files(tmp_path) == before


def test_what_a_killed_run_left_does_not_stand_in_the_way(tmp_path: Path, two: dict[str, Change]) -> None:
    (tmp_path / ".a.conf.lossless-draft").write_bytes(b"half")
    _rewrite.replace(two)
    assert sorted(files(tmp_path)) == ["a.conf", "b.conf"]
