# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bytes of one `server` line: a word goes in or out, and every other byte stays where it is. Pure."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from ._nginx_conf import Token
from ._nginx_upstream import Server

_FLAGS = ("down", "drain")
_NUMBER = re.compile(rb"\d+")
_REST_OF_LINE = re.compile(rb"[ \t]*(?:#[^\n]*?)?(\r?\n|\Z)")


@dataclass(frozen=True)
class Edit:
    """Bytes `start` to `end` of a file become `text`."""

    start: int
    end: int
    text: bytes


def apply(data: bytes, edits: list[Edit]) -> bytes:
    """`data` with all `edits` made; they do not overlap, and those at one place keep their order."""
    parts, at = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        parts += [data[at : edit.start], edit.text]
        at = edit.end
    return b"".join([*parts, data[at:]])


def changed_lines(old: bytes, new: bytes) -> tuple[str, str]:
    """The lines that differ, before and after, and no others: a configuration may hold secrets elsewhere."""
    before, after = (data.decode("utf-8", "replace").splitlines(keepends=True) for data in (old, new))
    if len(before) == len(after):
        pairs = [pair for pair in zip(before, after) if pair[0] != pair[1]]
        return "".join(pair[0] for pair in pairs), "".join(pair[1] for pair in pairs)
    head = len(os.path.commonprefix([before, after]))
    tail = len(os.path.commonprefix([before[head:][::-1], after[head:][::-1]]))
    return "".join(before[head : len(before) - tail]), "".join(after[head : len(after) - tail])


def flag(data: bytes, server: Server, wanted: str) -> list[Edit]:
    """Make `wanted` (down, drain or nothing) the only one of these words on the line."""
    tokens = [token for token in server.line.tokens[2:] if token.text in _FLAGS]
    keep = next((token for token in tokens if token.text == wanted), tokens[0] if tokens and wanted else None)
    edits = [_without(data, server, token) for token in tokens if token is not keep]
    if keep and keep.text != wanted:
        edits.append(Edit(keep.start, keep.end, wanted.encode()))
    elif wanted and not keep:
        end = server.line.tokens[-1].end
        edits.append(Edit(end, end, b" " + wanted.encode()))
    return edits


def weight(data: bytes, server: Server, wanted: int, written: bool | None) -> list[Edit]:
    """Set the weight. 1 is nginx's default: `written` says whether it is to stand in the file all the same.

    None leaves a `weight=1` that is there, and takes away what stands where we put a weight; elsewhere `weight=1` keeps
    its place, so that setting the old weight again gives the old bytes.
    """
    token, place = server.weight_token, _last_parameter(server)
    if token is None:
        return [Edit(place.end, place.end, f" weight={wanted}".encode())] if wanted != 1 or written else []
    if written is None:
        at = server.line.tokens.index(token)
        before = server.line.tokens[at - 1]
        flagged = at > 2 and before.text in _FLAGS
        ours = token is place and not flagged and data[before.end : token.start] == b" "
        written = server.weight == 1 or not ours
    if wanted == 1 and not written:
        return [_without(data, server, token)]
    number = _NUMBER.search(data, token.start, token.end)
    if server.weight == wanted or number is None:
        return []
    return [Edit(number.start(), number.end(), str(wanted).encode())]


def line_after(data: bytes, server: Server, text: str) -> Edit:
    """Put the directive `text` after the line of `server`, indented as that is; on the same line if others follow."""
    begin = data.rfind(b"\n", 0, server.line.start) + 1
    indent = data[begin : server.line.start]
    rest = _REST_OF_LINE.match(data, server.line.end)
    if indent.strip(b" \t") or rest is None:
        return Edit(server.line.end, server.line.end, b" " + text.encode())
    newline = rest.group(1)
    if newline:
        return Edit(rest.end(), rest.end(), indent + text.encode() + newline)
    ending = b"\r\n" if data[:begin].endswith(b"\r\n") else b"\n"
    return Edit(rest.end(), rest.end(), ending + indent + text.encode())


def without_line(data: bytes, server: Server) -> Edit:
    """Take the directive away with its line; what else stands on that line stays, comments as well."""
    start, end = server.line.start, server.line.end
    begin = data.rfind(b"\n", 0, start) + 1
    if data[begin:start].strip(b" \t"):
        while data[start - 1 : start] in (b" ", b"\t"):
            start -= 1
        return Edit(start, end, b"")
    rest = re.compile(rb"[ \t]*(\r?\n|\Z)").match(data, end)
    if rest is None:
        while data[end : end + 1] in (b" ", b"\t"):
            end += 1
        return Edit(start, end, b"")
    if not rest.group(1):
        begin -= 2 if data[:begin].endswith(b"\r\n") else 1
    return Edit(max(begin, 0), rest.end(), b"")


def _last_parameter(server: Server) -> Token:
    """The last word that is no flag: a weight goes behind it, and so before any flag."""
    member, *parameters = server.line.tokens[1:]
    return next((token for token in reversed(parameters) if token.text not in _FLAGS), member)


def _without(data: bytes, server: Server, token: Token) -> Edit:
    """Take `token` away with the spaces before it, but never so that what follows ends up in a comment."""
    tokens = server.line.tokens
    before = tokens[tokens.index(token) - 1].end
    if b"#" not in data[before : token.start]:
        return Edit(before, token.end, b"")
    start = token.start
    while data[start - 1 : start] in (b" ", b"\t"):
        start -= 1
    return Edit(start, token.end, b"")
