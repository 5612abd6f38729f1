# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lock that several processes share, and a file that is whole or not there."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _files

HOLDER = (
    "import fcntl, sys, time; f = open(sys.argv[1], 'r+'); fcntl.flock(f, 2); print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "a.lock")


def hold(path: str) -> subprocess.Popen[bytes]:
    """Another process that has the lock."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE)
    assert holder.stdout and holder.stdout.readline() == b"held\n"
    return holder


def test_a_lock_is_made_and_names_its_holder(path: str) -> None:
    with _files.locked(path, deadline=0, what="the file"):
        assert Path(path).read_text() == f"pid {os.getpid()}\n"
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_lock_keeps_others_out_until_it_is_given_back(path: str) -> None:
    with _files.locked(path, deadline=0, what="the file"):
        with pytest.raises(_files.LockTimeout) as caught, _files.locked(path, deadline=0.1, what="the plan of order"):
            pytest.fail("it was held twice")
        assert str(caught.value) == f"the plan of order: {path} was held by pid {os.getpid()} for more than 0.1 s"
    with _files.locked(path, deadline=0, what="the file"):
        pass


def test_a_lock_is_given_back_by_a_failure(path: str) -> None:
    with pytest.raises(KeyError), _files.locked(path, deadline=0, what="the file"):
        raise KeyError
    with _files.locked(path, deadline=0, what="the file"):
        pass


def test_a_lock_ends_with_its_process(path: str) -> None:
    Path(path).touch()
    holder = hold(path)
    try:
        with (
            pytest.raises(_files.LockTimeout, match="held by an unknown process"),
            _files.locked(path, deadline=0, what="the file"),
        ):
            pass
        holder.send_signal(signal.SIGKILL)
        with _files.locked(path, deadline=10, what="the file"):
            pass
    finally:
        holder.kill()
        holder.communicate()


def test_a_command_that_is_left_behind_does_not_keep_the_lock(path: str) -> None:
    with _files.locked(path, deadline=0, what="the file"):
        left = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with _files.locked(path, deadline=0, what="the file"):
            pass
    finally:
        left.kill()
        left.wait()


def test_a_lock_is_no_way_to_another_file(tmp_path: Path, path: str) -> None:
    (tmp_path / "victim").write_text("precious")
    os.symlink(tmp_path / "victim", path)
    with pytest.raises(OSError) as caught, _files.locked(path, deadline=0, what="the file"):
        pass
    assert caught.value.errno == errno.ELOOP
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_full_disk_does_not_keep_the_lock_away(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with _files.locked(path, deadline=0, what="the file"):
        pass


def test_json_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    _files.write_json(str(target), {"b": [1, "é"], "a": None}, mode=0o640)
    assert json.loads(target.read_text()) == {"a": None, "b": [1, "é"]}
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    before = target.stat().st_ino
    _files.write_json(str(target), {})
    assert target.read_text() == "{}" and target.stat().st_ino != before
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("fails", ["fsync", "rename", "fchmod"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    target = tmp_path / "a.json"
    _files.write_json(str(target), {"old": 1})

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, fails, full)
    with pytest.raises(OSError):
        _files.write_json(str(target), {"new": 1})
    assert target.read_text() == '{"old":1}' and os.listdir(tmp_path) == ["a.json"]


def test_what_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    _files.write_json(str(target), {"old": 1})
    for value in (object(), {"a": {1, 2}}):
        with pytest.raises(TypeError):
            _files.write_json(str(target), value)
    assert target.read_text() == '{"old":1}' and os.listdir(tmp_path) == ["a.json"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    big = {"x": "y" * 200_000}
    _files.write_json(str(target), big)
    writer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; sys.path[:0] = eval(sys.argv[1])\n"
            "from ansible_collections.lossless.restart.plugins.module_utils import _files\n"
            "for _ in range(60): _files.write_json(sys.argv[2], {'x': 'z' * 200_000})",
            repr(sys.path),
            str(target),
        ]
    )
    try:
        deadline = time.monotonic() + 60
        while writer.poll() is None and time.monotonic() < deadline:
            assert len(json.loads(target.read_text())["x"]) == 200_000
    finally:
        writer.kill()
        writer.wait()
    assert writer.returncode == 0 and target.read_text()[6] == "z"
