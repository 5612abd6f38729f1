# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's grammar: the directives of one file and the exact bytes that each stands on. Pure."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""(?P<space>[ \t\r\n]+|\#[^\n]*)
       |(?P<end>[;{}])
       |(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
       |(?P<word>(?!["'])(?:[^ \t\r\n;{\\$]|\\.|\$\{*)+)""",
    re.DOTALL | re.VERBOSE,
)
_LUA = re.compile(
    rb"""--\[(?P<c>=*)\[.*?\](?P=c)\] | --[^\n]* | \[(?P<s>=*)\[.*?\](?P=s)\]
       | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | (?P<brace>[{}])""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(rb"""\\(["'\\trn])""")
_ESCAPED = {b"t": b"\t", b"r": b"\r", b"n": b"\n"}


class ConfigError(ValueError):
    """The configuration cannot be read; the text names file and line."""


@dataclass(frozen=True)
class Token:
    """One word of a directive: its text without quotes and escapes, and its bytes' place, quotes included."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Directive:
    """One directive: `end` is the offset after its `;` or closing brace; `block` is None where it has none."""

    name: str
    args: list[str]
    file: str
    start: int
    end: int
    block: list[Directive] | None
    tokens: list[Token]
    line: int

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def parse(data: bytes, path: str) -> list[Directive]:
    """The directives of one file's bytes; includes are not followed. Raises ConfigError."""
    return _Parser(data, path).run()


class _Parser:
    def __init__(self, data: bytes, path: str) -> None:
        self.data = data
        self.path = path
        self.at = 0
        self.newlines = [found.start() for found in re.finditer(rb"\n", data)]

    def run(self) -> list[Directive]:
        return self._directives(None)

    def _directives(self, opened: int | None) -> list[Directive]:
        """Directives until the end of the file, or of the block that was opened at `opened`."""
        found: list[Directive] = []
        tokens: list[Token] = []
        while True:
            match = _TOKEN.match(self.data, self.at)
            if match is None:
                self._refuse_rest(tokens, opened)
                return found
            kind, text = match.lastgroup, match.group()
            self.at = match.end()
            if kind == "space":
                continue
            if kind != "end":
                tokens.append(self._token(match))
            elif text == b"}":
                if opened is None or tokens:
                    raise self._error(match.start(), 'unexpected "}"')
                return found
            elif not tokens:
                raise self._error(match.start(), f'unexpected "{text.decode()}"')
            else:
                found.append(self._directive(tokens, text == b"{", match.start()))
                tokens = []

    def _directive(self, tokens: list[Token], has_block: bool, opened: int) -> Directive:
        name, block = tokens[0].text, None
        if has_block and name.endswith("_by_lua_block"):
            block = []
            self._skip_lua(opened)
        elif has_block:
            block = self._directives(opened)
        args = [token.text for token in tokens[1:]]
        start = tokens[0].start
        return Directive(name, args, self.path, start, self.at, block, tokens, self._line(start))

    def _token(self, match: re.Match[bytes]) -> Token:
        raw = match.group()
        if match.lastgroup == "quoted":
            raw = raw[1:-1]
            following = self.data[self.at : self.at + 1]
            if following and following not in b" \t\r\n;{)":
                raise self._error(self.at, f"unexpected {following!r} after a quoted word")
        if b"\\" in raw:
            raw = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), raw)
        return Token(raw.decode("utf-8", "surrogateescape"), match.start(), match.end())

    def _skip_lua(self, opened: int) -> None:
        depth = 1
        for match in _LUA.finditer(self.data, self.at):
            if match["brace"]:
                depth += 1 if match["brace"] == b"{" else -1
            if depth == 0:
                self.at = match.end()
                return
        raise self._error(opened, "a Lua block is opened here and never closed")

    def _refuse_rest(self, tokens: list[Token], opened: int | None) -> None:
        if self.at < len(self.data):
            raise self._error(self.at, "a quote or an escape is opened here and never closed")
        if tokens:
            raise self._error(tokens[0].start, f'"{tokens[0].text}" has no ";" or "{{" before the end of the file')
        if opened is not None:
            raise self._error(opened, "a block is opened here and never closed")

    def _line(self, offset: int) -> int:
        return bisect.bisect_left(self.newlines, offset) + 1

    def _error(self, offset: int, text: str) -> ConfigError:
        return ConfigError(f"{self.path}:{self._line(offset)}: {text}")
