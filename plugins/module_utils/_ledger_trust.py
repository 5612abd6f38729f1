# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a directory and its files can be trusted to hold the ledger: one account, one host, locks that hold."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable

from ._ledger import Away

MOUNTS = "/proc/self/mountinfo"

_NETWORK = re.compile(r"(nfs4?|cifs|smb3|smbfs|9p|ceph|afs|lustre|gfs2|ocfs2|gpfs|beegfs|glusterfs|virtiofs|fuse.*)\Z")


def untrusted(path: str, mounts: str, reads: bool = False) -> str | None:
    """What is wrong with the directory, or None. reads: for somebody who only reads, as the directory's group may."""
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        return f"cannot be made: its parent {parent} is no directory. Make it first"
    kind = file_system(os.path.realpath(path), mounts)
    if _NETWORK.match(kind):
        return f"is on a file system of type {kind}, on which locks do not hold for all. Use a local disk of one host"
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link. Name the directory itself"
    if not stat.S_ISDIR(found.st_mode):
        return "is no directory"
    reader = reads and for_group(found) and os.access(path, os.R_OK | os.X_OK)
    if found.st_uid != os.geteuid() and not reader:
        return f"belongs to uid {found.st_uid} and this is uid {os.geteuid()}. Become the ledger's account"
    if mode & 0o077 and not for_group(found):
        return f"is open to others (mode {mode:04o}). Look who used it, then chmod 0700"
    return None if mode & 0o700 == 0o700 else f"is not writable for its owner (mode {mode:04o}). chmod 0700"


def for_group(found: os.stat_result) -> bool:
    """Whether the directory was made readable for its group on purpose: mode 2750, and no other."""
    return stat.S_IMODE(found.st_mode) == 0o2750


def file_system(path: str, mounts: str) -> str:
    """The type of the file system that holds `path`, from the kernel's list of mounts: the deepest, the last wins."""
    best, kind = "", ""
    with open(mounts, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            left, _unused, right = line.partition(" - ")
            point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code.group(1), 8)), left.split(" ")[4])
            inside = path == point or path.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, right.split(" ")[0]
    return kind


def written(path: str, owner: int) -> bytes | None:
    """The bytes of a file of root's or `owner`'s that nobody else may change; None where there is none, and where there
    is no directory for it. Raises Away."""
    folder = os.path.dirname(path)
    try:
        above = os.lstat(folder)
    except FileNotFoundError:
        return None
    _only_for(folder, above, owner, stat.S_ISDIR)
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    _only_for(path, found, owner, stat.S_ISREG)
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb") as stream:
        _only_for(path, os.fstat(stream.fileno()), owner, stat.S_ISREG)
        return stream.read()


def _only_for(path: str, found: os.stat_result, owner: int, kind: Callable[[int], bool]) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode) or not kind(found.st_mode):
        raise Away(f"{path} is a symbolic link or of another kind than it must be. Nothing was changed.")
    if found.st_uid not in (0, owner) or mode & 0o022:
        raise Away(
            f"{path} may be changed by others than root and the ledger's account (uid {found.st_uid}, mode "
            f"{mode:04o}): look who did, then chown root and chmod go-w. Nothing was changed."
        )


def private(path: str, directory: os.stat_result | None) -> bytes | None:
    """The bytes of a file of the ledger's account; None where there is none. Raises Refused where others may write it,
    or read it although `directory` is not readable for its group."""
    owner = directory.st_uid if directory else os.geteuid()
    closed = 0o037 if directory and for_group(directory) else 0o077
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != owner or found.st_mode & closed:
            raise Away(
                f"{path} is not a file of uid {owner} alone (uid {found.st_uid}, mode "
                f"{stat.S_IMODE(found.st_mode):04o}): somebody else may have changed it. Nothing was changed."
            )
        return stream.read()
