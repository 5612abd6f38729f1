# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that several runs share: a lock with a deadline, and a write that is whole or not there."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from . import _poll


class LockTimeout(Exception):
    """Another process held the lock until the deadline."""


@contextlib.contextmanager
def locked(path: str, *, deadline: float, what: str) -> Iterator[None]:
    """Hold an exclusive lock on `path` (made where it is missing, mode 0600); `what` is for the error's reader.

    deadline in seconds. The kernel drops the lock with its process, so that a killed run blocks nobody.
    Raises LockTimeout naming the holder.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if not _poll.poll(lambda: _try_lock(handle), bool, deadline=deadline, interval=0.02).ok:
            holder = os.pread(handle, 200, 0).decode("utf-8", "replace").strip() or "an unknown process"
            raise LockTimeout(f"{what}: {path} was held by {holder} for more than {deadline:g} s")
        # Who holds it is for people only: a full disk must not keep anything from being put back.
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"pid {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def lock_of(state_dir: str, kind: str, name: str) -> str:
    """The path of the lock for what is called `name`, whatever is in it; its folder is made where it is missing."""
    folder = os.path.join(state_dir, "locks")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return os.path.join(folder, f"{kind}-{hashlib.sha256(name.encode()).hexdigest()[:32]}.lock")


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_json(path: str, value: Any, *, mode: int = 0o600, drafts: str | None = None) -> None:
    """Replace `path` by `value` as JSON: readers see the old file or the new one, also after a power cut.

    drafts: the folder where it is written first, on the same file system; by default the file's own.
    """
    write_text(path, json.dumps(value, sort_keys=True, separators=(",", ":")), mode=mode, drafts=drafts)


def write_text(path: str, text: str, *, mode: int = 0o600, drafts: str | None = None) -> None:
    """Replace `path` by `text`, as `write_json` does."""
    folder = os.path.dirname(path)
    handle, draft = tempfile.mkstemp(prefix=".draft-", dir=drafts or folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.rename(draft, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        raise
    sync_folder(folder)


def append_line(path: str, line: str, *, mode: int = 0o600) -> None:
    """Add `line` to the file at `path`, so that it survives a power cut; what one left of a last line is dropped."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "r+b") as stream:
        os.fchmod(handle, mode)
        _whole_lines(stream)
        stream.write(line.encode() + b"\n")
        stream.flush()
        os.fsync(handle)


def last_line(path: str) -> bytes | None:
    """The last line that has an end, without it; None where there is none. Only as much is read as it takes."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb") as stream:
        size, tail = stream.seek(0, os.SEEK_END), b""
        while True:
            step = min(size, max(4096, len(tail)))
            size = stream.seek(size - step)
            tail = stream.read(step) + tail
            end = tail.rfind(b"\n")
            begin = tail.rfind(b"\n", 0, max(end, 0))
            if end >= 0 and (begin >= 0 or size == 0):
                return tail[begin + 1 : end]
            if size == 0:
                return None


def _whole_lines(stream: Any) -> None:
    """Go to the end of the last line that has one."""
    size = stream.seek(0, os.SEEK_END)
    if not size:
        return
    stream.seek(size - 1)
    if stream.read(1) != b"\n":
        stream.seek(0)
        stream.truncate(stream.read().rfind(b"\n") + 1)
        stream.seek(0, os.SEEK_END)


def sync_folder(folder: str) -> None:
    """Make a rename or a new file in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
