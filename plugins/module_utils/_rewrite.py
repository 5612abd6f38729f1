# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replace files of others whole, with owner, mode and SELinux context as they were, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass

from . import _files

_KERNELS_OWN = ("security.ima", "security.evm")


class WriteError(Exception):
    """A file could not be replaced, or changed under us; the files are as they were, or the text says which is not."""


@dataclass(frozen=True)
class Change:
    """What a file held when it was read, and what it shall hold."""

    old: bytes
    new: bytes

    @property
    def undone(self) -> Change:
        return Change(self.new, self.old)


def replace(changes: Mapping[str, Change]) -> None:
    """Replace every file (real path -> Change), or none: all drafts are written before the first is renamed.

    Raises WriteError, also where a file holds other bytes than `old`.
    """
    drafts: dict[str, str] = {}
    done: dict[str, Change] = {}
    try:
        for path, change in changes.items():
            _refuse_changed(path, change)
            drafts[path] = _draft_name(path)
            _write_draft(path, drafts[path], change.new)
        for path, change in changes.items():
            _refuse_changed(path, change)
            os.rename(drafts[path], path)
            done[path] = change.undone
        for folder in sorted({os.path.dirname(path) for path in changes}):
            _files.sync_folder(folder)
    except (OSError, WriteError) as error:
        for draft in drafts.values():
            with contextlib.suppress(OSError):
                os.unlink(draft)
        kept = _put_back(done)
        said = f"{path}: {_reason(error)}" if isinstance(error, OSError) else str(error)
        raise WriteError(said + kept) from error


def _put_back(done: Mapping[str, Change]) -> str:
    if not done:
        return " Nothing was changed."
    try:
        replace(done)
    except WriteError as error:
        return f" AND {', '.join(done)} could not be put back: {error}"
    return " What had been written was put back."


def _refuse_changed(path: str, change: Change) -> None:
    with open(path, "rb") as stream:
        if stream.read() != change.old:
            raise WriteError(f"{path} was changed by someone else while we worked on it: look at it, then try again.")


def _draft_name(path: str) -> str:
    """Beside the file, and hidden, so that no `include *.conf` finds it."""
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.lossless-draft")


def _write_draft(path: str, draft: str, data: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(draft)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            _keep_rights(path, stream.fileno())
            os.fsync(stream.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def _keep_rights(path: str, draft: int) -> None:
    """Give the draft the owner, group, mode and extended attributes (SELinux context, ACLs) of the file at `path`."""
    there, ours = os.stat(path), os.fstat(draft)
    try:
        if (there.st_uid, there.st_gid) != (ours.st_uid, ours.st_gid):
            os.fchown(draft, there.st_uid, there.st_gid)
        os.fchmod(draft, there.st_mode & 0o7777)
        for name in _attributes(path):
            value = os.getxattr(path, name)
            if name not in _attributes(draft) or os.getxattr(draft, name) != value:
                os.setxattr(draft, name, value)
    except OSError as error:
        owner = f"owner {there.st_uid}:{there.st_gid}, mode {there.st_mode & 0o7777:04o} and SELinux context"
        raise WriteError(f"{path}: its {owner} cannot be kept ({error.strerror}): run as its owner or root.") from error


def _attributes(file: str | int) -> list[str]:
    try:
        return [name for name in os.listxattr(file) if name not in _KERNELS_OWN]
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return []
        raise


def _reason(error: OSError) -> str:
    hint = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "the file may not grow that large here",
        errno.EBUSY: "it is a mount of its own, which cannot be replaced as a whole",
    }.get(error.errno or 0, error.strerror)
    return f"cannot be written: {hint}."
