# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger's records and its directory: nothing is guessed, and whatever dies leaves it whole."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import (
    _files,
    _ledger_directory,
    _ledger_format,
    _ledger_trust,
)
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Lease, Refused, Run, State
from ansible_collections.lossless.restart.plugins.module_utils._ledger_directory import Directory

from tests.unit.guard_fleet import NOON
from tests.unit.ledger_semantics import RUN_ID, Semantics, lease_of, leasing, run_of


@pytest.fixture
def ledger(tmp_path: Path) -> Directory:
    return Directory(str(tmp_path / "ledger"), clock=lambda: NOON)


class TestDirectory(Semantics):
    """With the fixture above."""


def test_the_file_has_every_field_and_no_other() -> None:
    state = replace(State(), leases={"order-1": lease_of("order-1", 1)}, token=1).with_run(run_of())
    record = json.loads(json.dumps(_ledger_format.encode(state)))
    assert _ledger_format.decode(record) == state
    known = {"format", "id", "revision", "token", "at", "runs", "leases", "queue", "policy", "restarted", "requests"}
    assert set(record) == known
    assert set(record["runs"][RUN_ID]) == {field.name for field in fields(Run)}
    assert set(record["leases"]["order-1"]) == {field.name for field in fields(Lease)}


def test_the_format_before_is_read() -> None:
    """It knew no policy, and so its records lack what one leaves behind."""
    state = replace(State(), leases={"order-1": lease_of("order-1", 1)}, token=1).with_run(run_of())
    record = json.loads(json.dumps(_ledger_format.encode(state)))
    old = {name: value for name, value in record.items() if name not in ("policy", "restarted", "requests")}
    for run in old["runs"].values():
        del run["kind"], run["approved"]
    assert _ledger_format.decode({**old, "format": 2}) == state
    past = dict(old["runs"][run_of().id])
    assert _ledger_format.decode_past({**past, "format": 2}) == run_of()
    with pytest.raises(_ledger_format.Corrupt):
        _ledger_format.decode(old)
    with pytest.raises(_ledger_format.Corrupt):
        _ledger_format.decode({**old, "format": 1})


def test_reading_makes_nothing(ledger: Directory, tmp_path: Path) -> None:
    assert ledger.snapshot() == State(token=int(NOON), at=NOON)
    assert ledger.events(RUN_ID) == []
    assert ledger.past(RUN_ID) is None
    assert list(tmp_path.iterdir()) == []


def test_dry_writes_nothing(tmp_path: Path) -> None:
    ledger = Directory(str(tmp_path / "ledger"), clock=lambda: NOON, dry=True)
    assert list(ledger.commit(leasing("order-1")).leases) == ["order-1"]
    ledger.append(RUN_ID, {"event": "began"})
    assert list(tmp_path.iterdir()) == []


def test_first_use_makes_it_for_one_account(ledger: Directory, tmp_path: Path) -> None:
    made = ledger.commit(leasing("order-1"))
    ledger.append(RUN_ID, {"event": "began"})
    assert ledger.snapshot() == made
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {
        "ledger": 0o700,
        "ledger/lock": 0o600,
        "ledger/state.json": 0o600,
        "ledger/runs": 0o700,
        f"ledger/runs/{RUN_ID}.jsonl": 0o600,
        "ledger/journal": 0o700,
        "ledger/journal/000000000001.jsonl": 0o600,
    }


def test_events_only_grow_and_a_torn_line_is_dropped(ledger: Directory, tmp_path: Path) -> None:
    log = tmp_path / "ledger" / "runs" / f"{RUN_ID}.jsonl"
    ledger.append(RUN_ID, {"event": "began"})
    with log.open("ab") as stream:
        stream.write(b'{"event":"gran')
    assert [event["event"] for event in ledger.events(RUN_ID)] == ["began"]
    ledger.append(RUN_ID, {"event": "stopped"})
    assert [event["event"] for event in ledger.events(RUN_ID)] == ["began", "stopped"]
    assert log.read_bytes().count(b"\n") == 2


def test_a_torn_first_line(ledger: Directory, tmp_path: Path) -> None:
    ledger.append(RUN_ID, {"event": "began"})
    (tmp_path / "ledger" / "runs" / f"{RUN_ID}.jsonl").write_bytes(b'{"ev')
    assert ledger.events(RUN_ID) == []
    ledger.append(RUN_ID, {"event": "stopped"})
    assert [event["event"] for event in ledger.events(RUN_ID)] == ["stopped"]


def valid(tmp_path: Path) -> tuple[Directory, Path, dict[str, Any]]:
    ledger = Directory(str(tmp_path / "ledger"), clock=lambda: NOON)
    ledger.commit(leasing("order-1"))
    path = tmp_path / "ledger" / "state.json"
    return ledger, path, json.loads(path.read_text("utf-8"))


def spoil(record: dict[str, Any], *keys: str, value: Any = None) -> str:
    for key in keys[:-1]:
        record = record[key]
    record[keys[-1]] = value
    return ""


LEASE = ("leases", "order-1")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text, record: "",
        lambda text, record: text[: len(text) // 2],
        lambda text, record: text + "x",
        lambda text, record: "\0" * 100,
        lambda text, record: "[]",
        lambda text, record: "null",
        lambda text, record: spoil(record, "format", value=99),
        lambda text, record: spoil(record, "format", value="1"),
        lambda text, record: record.pop("format") and "",
        lambda text, record: record.pop("token") and "",
        lambda text, record: spoil(record, "revision", value="7"),
        lambda text, record: spoil(record, "revision", value=True),
        lambda text, record: spoil(record, "new_field", value=1),
        lambda text, record: spoil(record, "leases", value=[]),
        lambda text, record: spoil(record, *LEASE, value="mine"),
        lambda text, record: spoil(record, *LEASE, "until", value="soon"),
        lambda text, record: spoil(record, *LEASE, "until", value=None),
        lambda text, record: spoil(record, *LEASE, "token", value=2**60),
        lambda text, record: spoil(record, *LEASE, "run", value="20270115T080000-bbbbbb"),
        lambda text, record: spoil(record, *LEASE, "host", value="order-2"),
        lambda text, record: spoil(record, "runs", RUN_ID, "planned", value="order-1"),
    ],
)
def test_damage_is_refused_and_left_as_it_is(
    tmp_path: Path, damage: Callable[[str, dict[str, Any]], str | int]
) -> None:
    ledger, path, record = valid(tmp_path)
    before = json.dumps(record)
    text = damage(path.read_text("utf-8"), record)
    path.write_text(json.dumps(record) if json.dumps(record) != before else str(text), "utf-8")
    damaged = path.read_bytes()
    for attempt in (ledger.snapshot, lambda: ledger.commit(leasing("order-2"))):
        with pytest.raises(Refused, match=r"state\.json is damaged or of another version.*move the ledger's directory"):
            attempt()
    assert path.read_bytes() == damaged


def test_damaged_history_and_log(ledger: Directory, tmp_path: Path) -> None:
    ledger.append(RUN_ID, {"event": "began"})
    runs = tmp_path / "ledger" / "runs"
    (runs / f"{RUN_ID}.jsonl").write_text("{\n{}\n")
    with pytest.raises(Refused, match=rf"{RUN_ID}\.jsonl is damaged"):
        ledger.events(RUN_ID)
    history = runs / f"{RUN_ID}.json"
    history.touch(0o600)
    for text in ("{}", "[]", "null", '{"format":1}'):
        history.write_text(text)
        with pytest.raises(Refused, match=rf"{RUN_ID}\.json is damaged"):
            ledger.past(RUN_ID)


def symlink(path: Path) -> None:
    path.rename(path.parent / "real")
    path.symlink_to(path.parent / "real")


def a_file(path: Path) -> None:
    path.rename(path.parent / "real")
    path.touch(0o600)


def parentless(path: Path) -> None:
    path.rename(path.parent.parent / f"gone-{time.monotonic_ns()}")
    path.parent.rmdir()


def linked_state(path: Path) -> None:
    (path / "state.json").rename(path.parent / "elsewhere")
    (path / "state.json").symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (symlink, "is a symbolic link"),
        (a_file, "is no directory"),
        (lambda path: path.chmod(0o750), r"is open to others \(mode 0750\)"),
        (lambda path: path.chmod(0o702), r"is open to others \(mode 0702\)"),
        (lambda path: path.chmod(0o500), r"is not writable for its owner \(mode 0500\)"),
        (parentless, "its parent .* is no directory"),
        (lambda path: (path / "state.json").chmod(0o644), r"state\.json is not a file of uid \d+ alone .*mode 0644"),
        (linked_state, "Too many levels of symbolic links"),
    ],
)
def test_what_cannot_be_trusted(tmp_path: Path, change: Callable[[Path], Any], said: str) -> None:
    folder = tmp_path / "parent" / "ledger"
    folder.parent.mkdir()
    ledger = Directory(str(folder), clock=lambda: NOON)
    ledger.commit(leasing("order-1"))
    change(folder)
    for attempt in (ledger.snapshot, lambda: ledger.commit(leasing("order-2"))):
        with pytest.raises(Refused, match=said):
            attempt()


def test_what_belongs_to_another_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, path, _unused = valid(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(Refused, match=r"belongs to uid \d+ and this is uid \d+\. Become the ledger's account"):
        ledger.snapshot()
    with pytest.raises(Refused, match=r"state\.json is not a file of uid \d+ alone"):
        _ledger_trust.private(str(path), None)


MOUNTS = """\
22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:40 / /srv/nfs rw shared:1 - nfs4 fs:/export rw
31 22 0:41 / /srv/nfs/local rw - tmpfs tmpfs rw
32 22 0:42 / /srv/with\\040space rw - fuse.sshfs a:/b rw
33 22 0:43 / /over rw - nfs old:/ rw
34 33 254:1 / /over rw - xfs /dev/vdb rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/ledger", "ext4"),
        ("/srv/nfs", "nfs4"),
        ("/srv/nfs/ledger", "nfs4"),
        ("/srv/nfsx/ledger", "ext4"),
        ("/srv/nfs/local/ledger", "tmpfs"),
        ("/srv/with space/ledger", "fuse.sshfs"),
        ("/over/ledger", "xfs"),
    ],
)
def test_file_system(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert _ledger_trust.file_system(path, str(mounts)) == kind


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "glusterfs"])
def test_network_file_systems(tmp_path: Path, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 0:1 / / rw - {kind} fs:/ rw\n")
    ledger = Directory(str(tmp_path / "ledger"), mounts=str(mounts))
    for attempt in (ledger.snapshot, lambda: ledger.commit(leasing("order-1"))):
        with pytest.raises(Refused, match=f"file system of type {kind}, on which locks do not hold"):
            attempt()
    assert not (tmp_path / "ledger").exists()


def test_the_clock_may_go_back_a_little_and_no_more(tmp_path: Path) -> None:
    now = NOON
    ledger = Directory(str(tmp_path / "ledger"), clock=lambda: now)
    ledger.commit(leasing("order-1"))
    now = NOON - 4
    assert ledger.snapshot().at == NOON
    now = NOON - 3600
    for attempt in (ledger.snapshot, lambda: ledger.commit(leasing("order-2"))):
        with pytest.raises(Refused, match=r"went back by 3600 s.*2027-01-15 08:00:00Z.*07:00:00Z"):
            attempt()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_write_that_fails_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    ledger, path, _unused = valid(tmp_path)
    before = path.read_bytes()

    def fail(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(Refused, match=f"{os.strerror(code)}.*Its state is as it was"):
            ledger.commit(leasing("order-2"))
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".draft-*"))
    assert list(ledger.snapshot().leases) == ["order-1"]


def test_no_room_for_a_larger_file(tmp_path: Path) -> None:
    """For real: the kernel refuses to write more than the old state's size."""
    ledger, path, _unused = valid(tmp_path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), hard))
    try:
        with pytest.raises(Refused, match="File too large.*Its state is as it was"):
            ledger.commit(leasing("order-2"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert path.read_bytes() == before


def test_busy_is_said_with_the_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, path, _unused = valid(tmp_path)
    monkeypatch.setattr(_ledger_directory, "_LOCK_DEADLINE", 0.05)
    with (
        _files.locked(str(path.parent / "lock"), deadline=1, what="test"),
        pytest.raises(Refused, match=f"busy.*pid {os.getpid()}.*Try again"),
    ):
        ledger.commit(leasing("order-2"))


def count_up(path: str, times: int) -> None:
    ledger = Directory(path, clock=lambda: NOON)
    for _unused in range(times):
        ledger.commit(lambda state: replace(state, token=state.token + 1).with_run(run_of()))


def test_no_commit_of_several_processes_is_lost(tmp_path: Path) -> None:
    path = str(tmp_path / "ledger")
    spawn = multiprocessing.get_context("fork")
    workers = [spawn.Process(target=count_up, args=(path, 50)) for _unused in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert Directory(path, clock=lambda: NOON).snapshot().token == int(NOON) + 200


WRITER = """
import sys
from tests.unit.test_ledger import leasing, run_of, NOON, RUN_ID
from ansible_collections.lossless.restart.plugins.module_utils._ledger_directory import Directory
from dataclasses import replace
ledger = Directory(sys.argv[1], clock=lambda: NOON)
number = 0
while True:
    number += 1
    ledger.commit(leasing(f"order-{number % 50}"))
    ledger.append(RUN_ID, {"event": "granted", "number": number})
    ledger.commit(lambda state: state.with_run(run_of(f"20270115T080000-{number % 1000:06}", "finished")))
    print(number, flush=True)
"""


def test_kill_in_the_middle_leaves_a_readable_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = Directory(str(path), clock=lambda: NOON)
    token = 0
    for pause in range(12):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        ) as writer:
            assert writer.stdout is not None and writer.stdout.readline()
            # Another moment of its work each time; any will do.
            time.sleep(0.0007 * pause)
            writer.kill()
        state = ledger.snapshot()
        assert state.token > token
        token = state.token
        assert all(event["event"] == "granted" for event in ledger.events(RUN_ID))
    ledger.commit(leasing("order-1"))
    assert not list(path.rglob(".draft-*"))


def test_a_group_may_read_what_was_made_for_it(tmp_path: Path) -> None:
    """Mode 2750 is a decision of an administrator's; 0750 may be a slip, and is refused."""
    path = tmp_path / "ledger"
    path.mkdir()
    path.chmod(0o2750)
    ledger = Directory(str(path), clock=lambda: NOON)
    made = ledger.commit(lambda state: leasing("order-1")(state).with_run(replace(run_of(), state="running")))
    ledger.append(RUN_ID, {"event": "began"})
    assert ledger.snapshot() == made
    modes = {str(one.relative_to(path)): one.stat().st_mode & 0o7777 for one in path.rglob("*")}
    folders = {"runs": 0o2750, "journal": 0o2750}
    logs = {f"runs/{RUN_ID}.jsonl": 0o640, "journal/000000000001.jsonl": 0o640}
    assert modes == {"lock": 0o600, "state.json": 0o640, **folders, **logs}
    (path / "state.json").chmod(0o660)
    with pytest.raises(Refused, match="mode 0660.: somebody else may have changed it"):
        ledger.snapshot()
