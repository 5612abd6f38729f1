# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Follows log files through rotation: renamed and opened anew, or copied and truncated.

A position is `{path, inode, offset, mark}`: everything of that file before `offset` has been read. `mark` is a hash
of the bytes just before it, by which a file is known again after it was copied, and told from one that has its number.
A path has several positions while older files of it may still grow.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

_CHUNK = 1 << 18
_MARKED = 64


@dataclass
class Position:
    path: str
    inode: int
    offset: int
    mark: str


def end(path: str) -> dict[str, Any]:
    """The position at the end of the last whole line of the file at `path`; inode 0 where there is none yet.

    Where it may not be read it is the end as the folder tells it: who only asks for the position must not fail.
    """
    try:
        with open(path, "rb") as stream:
            inode, size = os.fstat(stream.fileno()).st_ino, os.fstat(stream.fileno()).st_size
            stream.seek(max(0, size - _CHUNK))
            tail = stream.read(_CHUNK)[: min(size, _CHUNK)]
            offset = size - len(tail) + tail.rfind(b"\n") + 1
            return asdict(Position(path, inode, offset, _mark(stream, offset)))
    except OSError:
        inode, size = _inode_and_size(path)
        return asdict(Position(path, inode, size, ""))


class Follower:
    """Reads what was written since `since`; a path that is not in it is read from its end on."""

    def __init__(self, paths: Iterable[str], since: Iterable[Mapping[str, Any]]) -> None:
        given = list(since)
        self._known: dict[str, list[Position]] = {}
        for path in paths:
            positions = [one for one in given if one["path"] == path] or [end(path)]
            self._known[path] = [
                Position(path, int(one["inode"]), int(one["offset"]), str(one.get("mark", ""))) for one in positions
            ]

    def positions(self) -> list[dict[str, Any]]:
        """Where the next reading goes on."""
        return [asdict(position) for positions in self._known.values() for position in positions]

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Each new line with the path of its log, without its end. Raises OSError where a file may not be read."""
        for path in self._known:
            for line in self._read(path):
                yield path, line

    def _read(self, path: str) -> Iterator[bytes]:
        """The older files first, then the one at the path."""
        known, kept = self._known[path], []
        current, _size = _inode_and_size(path)
        for position in known:
            file = path if position.inode == current else _renamed(path, position.inode)
            if position.inode and file and _holds(file, position):
                kept.append(position)
                if file != path:
                    yield from _lines(file, position)
            elif copy := _copied(path, position):
                yield from _lines(copy, position)
        if current and all(position.inode != current for position in kept):
            kept.append(Position(path, current, 0, ""))
        self._known[path] = kept or known
        for position in kept:
            if position.inode == current:
                yield from _lines(path, position)


def _lines(file: str, position: Position) -> Iterator[bytes]:
    """The whole lines from `position` to the present end, which it then stands at."""
    with contextlib.suppress(FileNotFoundError), open(file, "rb") as stream:
        left = os.fstat(stream.fileno()).st_size - position.offset
        stream.seek(position.offset)
        rest = b""
        while left > 0 and (chunk := stream.read(min(_CHUNK, left))):
            left -= len(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            position.offset += sum(len(line) + 1 for line in whole)
            yield from whole
            if len(rest) > _CHUNK:
                # No line of ours is that long: give it up piece by piece.
                position.offset += len(rest)
                rest = b""
        position.mark = _mark(stream, position.offset)


def _mark(stream: BinaryIO, offset: int) -> str:
    start = max(0, offset - _MARKED)
    stream.seek(start)
    return hashlib.sha256(stream.read(offset - start)).hexdigest()[:16] if offset else ""


def _holds(file: str, position: Position) -> bool:
    """Whether `file` still begins with what was read up to the position."""
    try:
        with open(file, "rb") as stream:
            if os.fstat(stream.fileno()).st_size < position.offset:
                return False
            return not position.mark or _mark(stream, position.offset) == position.mark
    except FileNotFoundError:
        return False


def _renamed(path: str, inode: int) -> str:
    return next((file for file, number in _neighbours(path) if number == inode), "")


def _copied(path: str, position: Position) -> str:
    """The copy that was made of the file before it was truncated, if it is still there."""
    if not position.mark:
        return ""
    return next((file for file, _number in _neighbours(path) if file != path and _holds(file, position)), "")


def _neighbours(path: str) -> Iterator[tuple[str, int]]:
    """The files beside `path` whose names begin with its name, the newest first."""
    folder, name = os.path.split(path)
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if entry.name.startswith(name) and entry.is_file()]
        pairs = sorted(((entry.stat().st_mtime, entry.path, entry.inode()) for entry in found), reverse=True)
    return iter([(file, number) for _time, file, number in pairs])


def _inode_and_size(path: str) -> tuple[int, int]:
    """Of the file at `path`; zeros where there is none."""
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_ino, found.st_size
    return 0, 0
