# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger as a directory on one host, guarded by a file lock.

`state.json` is all that counts: it is replaced as a whole. `runs/ID.json` is a past run, `runs/ID.jsonl` a run's
events. `journal/N.jsonl` has all events in a chain, from line N on. The directory and all in it belong to one account,
0700 and 0600, on a file system whose locks hold. Where an administrator gave the directory a group and mode 2750, that
group may read all of it, and new files are 0640.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Callable, TypeVar

from . import _files, _journal, _ledger, _ledger_format, _ledger_trust
from ._journal import Head
from ._ledger import Away, Run, State

# Seconds by which the clock may go back (a time server's small corrections) before the ledger is refused.
BACKWARDS = 5.0

_LOCK_DEADLINE = 10.0
# Where the platform team's files are, on the ledger's host. It is no setting: no run can have others.
RULES = "/etc/lossless_restart"

T = TypeVar("T")
# Bytes of a piece of the journal, after which another one is begun.
_PIECE = 8_000_000


class Directory:
    """A backend: see _ledger.Ledger.

    dry: write nothing, and answer as if it had. found: make the directory where it is missing; a ledger that vanishes
    in the middle of a run must not come back empty. reads: for an account that may only read.
    """

    def __init__(
        self,
        path: str,
        *,
        clock: Callable[[], float] = time.time,
        dry: bool = False,
        found: bool = True,
        reads: bool = False,
        mounts: str = _ledger_trust.MOUNTS,
    ) -> None:
        self._path = path
        self._clock = clock
        self._dry = dry
        self._found = found
        self._reads = reads
        self._mounts = mounts
        self._last: tuple[bytes, State] | None = None

    @property
    def place(self) -> str:
        return f"{os.uname().nodename}:{self._path}"

    def snapshot(self) -> State:
        with self._explained("cannot be read"):
            self._check()
            return self._read()

    def commit(self, change: _ledger.Change, if_revision: int | None = None) -> State:
        with self._writing():
            state = self._read()
            if if_revision is not None and if_revision != state.revision:
                raise _ledger.Moved(f"revision {state.revision} instead of {if_revision}")
            new = change(state)
            if new is state or self._dry:
                return _ledger.settled(state, new)
            new = replace(new, id=new.id or str(uuid.uuid4()))
            for run in new.runs.values():
                if run.state in _ledger.PAST:
                    past = _ledger_format.encode_past(run)
                    _files.write_json(self._in_runs(run.id, "json"), past, mode=self._mode(), drafts=self._path)
            new = _ledger.settled(state, new)
            _files.write_json(self._in("state.json"), _ledger_format.encode(new), mode=self._mode())
            return new

    def past(self, run: str) -> Run | None:
        path = self._in_runs(run, "json")
        with self._explained("cannot be read"):
            data = self._private(path)
        return None if data is None else _parsed(path, data, _ledger_format.decode_past)

    def history(self) -> Iterator[Run]:
        with self._explained("cannot be read"):
            names = os.listdir(self._in("runs")) if os.path.isdir(self._in("runs")) else []
        for name in sorted((name for name in names if name.endswith(".json")), reverse=True):
            run = self.past(name[: -len(".json")])
            if run is not None:
                yield run

    def append(self, run: str, event: Mapping[str, Any]) -> None:
        if self._dry:
            return
        record = {**event, "run": run}
        with self._writing():
            self._seal(record)
            if run:
                line = json.dumps(record, sort_keys=True, separators=(",", ":"))
                _files.append_line(self._in_runs(run, "jsonl"), line, mode=self._mode())

    def _seal(self, record: Mapping[str, Any]) -> None:
        """Add it to the journal. What a power cut left of a last line is dropped, and its number given again."""
        pieces = self._pieces()
        head = _head_of(pieces)
        path = pieces[-1] if pieces else ""
        if not path or os.path.getsize(path) > _PIECE:
            path = self._in("journal", f"{head.number + 1:012}.jsonl")
        _files.append_line(path, _journal.line(record, head), mode=self._mode())

    def journal(self, after: int = 0) -> Iterator[tuple[str, list[bytes]]]:
        with self._explained("cannot be read"):
            for path in _journal.from_line(self._pieces(), after):
                yield path, (self._private(path) or b"").split(b"\n")[:-1]

    def head(self) -> Head:
        with self._explained("cannot be read"):
            return _head_of(self._pieces())

    def _pieces(self) -> list[str]:
        folder = self._in("journal")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return [os.path.join(folder, name) for name in sorted(names) if name.endswith(".jsonl")]

    def events(self, run: str) -> list[dict[str, Any]]:
        path = self._in_runs(run, "jsonl")
        with self._explained("cannot be read"):
            data = self._private(path) or b""
        # What stands behind the last line end was torn by a power cut.
        return [_parsed(path, line, dict) for line in data.split(b"\n")[:-1]]

    def rule(self, name: str) -> tuple[str, bytes | None]:
        path = os.path.join(RULES, name)
        with self._explained(f"is held by rules that cannot be read, {path}"):
            owner = os.stat(self._path).st_uid if os.path.isdir(self._path) else os.geteuid()
            return path, _ledger_trust.written(path, owner)

    def _private(self, path: str) -> bytes | None:
        return _ledger_trust.private(path, os.stat(self._path) if os.path.isdir(self._path) else None)

    def _mode(self) -> int:
        """Of new files."""
        return 0o640 if _ledger_trust.for_group(os.stat(self._path)) else 0o600

    def _in(self, *names: str) -> str:
        return os.path.join(self._path, *names)

    def _in_runs(self, run: str, ending: str) -> str:
        return os.path.join(self._path, "runs", f"{run}.{ending}")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock; make the directory where it is missing and may be made."""
        with self._explained("cannot be written"):
            self._check()
            if self._dry:
                yield
                return
            for folder in (*([self._path] if self._found else []), self._in("runs"), self._in("journal")):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder, 0o700)
                    if folder != self._path and _ledger_trust.for_group(os.stat(self._path)):
                        os.chmod(folder, 0o2750)
                    _files.sync_folder(os.path.dirname(folder))
            self._check()
            with _files.locked(self._in("lock"), deadline=_LOCK_DEADLINE, what="waiting for the ledger"):
                _sweep_drafts(self._path)
                yield

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except _files.LockTimeout as error:
            raise Away(f"the ledger is busy: {error}. Nothing was changed. Try again.", ledger=self._path) from error
        except OSError as error:
            full = " Make room there." if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else ""
            raise Away(
                f"ledger {self._path} {what}: {error.strerror} ({error.filename or self._path}). "
                f"Its state is as it was.{full}",
                ledger=self._path,
            ) from error

    def _read(self) -> State:
        path = self._in("state.json")
        now = self._clock()
        data = self._private(path)
        if data is None:
            # Tokens begin at the time, so that a ledger made anew after a loss is not fenced off by its predecessor's.
            return State(token=int(now), at=now)
        state = self._decoded(path, data)
        if state.at - now > BACKWARDS:
            raise Away(
                f"the clock of the ledger's host went back by {state.at - now:.0f} s: {path} was written at "
                f"{utc(state.at)} and it is {utc(now)} now. No lease can be judged by it. Set the clock right; if "
                "it is right now, see that no run is live and set 'at' in that file to the present time.",
                ledger=self._path,
            )
        return replace(state, at=max(now, state.at))

    def _decoded(self, path: str, data: bytes) -> State:
        """What stands in the file; not decoded anew while it is what was read last."""
        if self._last is None or self._last[0] != data:
            self._last = data, _parsed(path, data, _ledger_format.decode)
        return self._last[1]

    def _check(self) -> None:
        """Refuse a directory that cannot be trusted; one that is not there yet is fine where its parent is."""
        wrong = _ledger_trust.untrusted(self._path, self._mounts, self._reads)
        if wrong:
            raise Away(f"ledger {self._path} {wrong}. Nothing was changed.", ledger=self._path)


def _head_of(pieces: Sequence[str]) -> Head:
    """The last whole line of the journal's files, which stand in their order."""
    for path in reversed(pieces):
        line = _files.last_line(path)
        if line is not None:
            return _journal.head(line)
    return Head()


def _sweep_drafts(folder: str) -> None:
    """Remove the drafts of killed writers: whoever holds the lock is the only writer."""
    for name in os.listdir(folder):
        if name.startswith(".draft-"):
            os.unlink(os.path.join(folder, name))


def utc(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(at))


def _parsed(path: str, data: bytes, decode: Callable[[Any], T]) -> T:
    try:
        return decode(json.loads(data))
    except (ValueError, TypeError) as error:
        raise Away(
            f"{path} is damaged or of another version: {error}. Nothing was changed, and nothing is guessed. Put a "
            "good copy back; or see that no run is live, look at the balancers for what is out, and move the ledger's "
            "directory away: the next run begins an empty one and measures anew.",
            ledger=os.path.dirname(path),
        ) from error
