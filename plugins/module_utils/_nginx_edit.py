# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bytes of one `server` line: a word goes in or out, and every other byte stays where it is. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ._nginx_conf import Token
from ._nginx_upstream import Server

_FLAGS = ("down", "drain")
_REST_OF_LINE = re.compile(rb"[ \t]*(?:#[^\n]*)?(\r?\n|\Z)")


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


def flag(data: bytes, server: Server, wanted: str) -> list[Edit]:
    """Make `wanted` (down, drain or nothing) the only one of these words on the line."""
    tokens = [token for token in server.line.tokens[2:] if token.text in _FLAGS]
    keep = next((token for token in tokens if token.text == wanted), tokens[0] if tokens and wanted else None)
    edits = [_without(data, server, token) for token in tokens if token is not keep]
    if keep and keep.text != wanted:
        edits.append(Edit(keep.start, keep.end, wanted.encode()))
    elif wanted and not keep:
        edits.append(_added(server, wanted))
    return edits


def weight(data: bytes, server: Server, wanted: int, written: bool | None) -> list[Edit]:
    """Set the weight. 1 is nginx's default: `written` says whether it is to stand in the file all the same.

    None leaves a `weight=1` that is there, and takes away what stands where we put a weight; elsewhere `weight=1` keeps
    its place, so that setting the old weight again gives the old bytes.
    """
    token = server.weight_token
    if token is None:
        return [_added(server, f"weight={wanted}")] if wanted != 1 or written else []
    if written is None:
        written = server.weight == 1 or not _as_added(data, server, token)
    if wanted == 1 and not written:
        return [_without(data, server, token)]
    return [] if server.weight == wanted else [Edit(token.start, token.end, f"weight={wanted}".encode())]


def line_after(data: bytes, server: Server, text: str) -> Edit:
    """Put the directive `text` after the line of `server`, indented as that is; on the same line where others follow."""
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


def _added(server: Server, word: str) -> Edit:
    end = server.line.tokens[-1].end
    return Edit(end, end, b" " + word.encode())


def _as_added(data: bytes, server: Server, token: Token) -> bool:
    """Whether `token` stands as _added would have put it: after one space, with nothing but flags behind it."""
    at = server.line.tokens.index(token)
    last = all(later.text in _FLAGS for later in server.line.tokens[at + 1 :])
    return last and data[server.line.tokens[at - 1].end : token.start] == b" "


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
