# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's configuration as nginx reads it: every file, every directive, and the exact bytes it stands on.

Nothing is ever written from here, and nothing is checked that only nginx can judge.
"""

from __future__ import annotations

import bisect
import glob
import os
import re
from dataclasses import dataclass, field
from typing import Iterator, Mapping

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
_DATA_BLOCKS = ("map", "geo", "charset_map", "split_clients")


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


@dataclass(frozen=True)
class Config:
    """A whole configuration. files: path as included -> its bytes. prefix: what relative log and pid paths start from.

    trees: path -> its directives; included: (file, offset) of an `include` -> the paths it brings, in nginx's order.
    """

    path: str
    conf_dir: str
    prefix: str
    files: dict[str, bytes] = field(default_factory=dict)
    trees: dict[str, list[Directive]] = field(default_factory=dict)
    included: dict[tuple[str, int], list[str]] = field(default_factory=dict)

    def walk(self) -> Iterator[tuple[Directive, tuple[Directive, ...]]]:
        """Every directive in nginx's order with the blocks around it, outermost first; includes are followed."""
        yield from self._walk(self.trees[self.path], ())

    def children(self, block: Directive) -> Iterator[Directive]:
        """The directives directly in `block`, those that it includes as well."""
        return (found for found in self._flat(block.block or []))

    def _flat(self, directives: list[Directive]) -> Iterator[Directive]:
        for directive in directives:
            yield directive
            for path in self.included.get((directive.file, directive.start), ()):
                yield from self._flat(self.trees[path])

    def _walk(
        self, directives: list[Directive], parents: tuple[Directive, ...]
    ) -> Iterator[tuple[Directive, tuple[Directive, ...]]]:
        for directive in self._flat(directives):
            yield directive, parents
            if directive.block:
                yield from self._walk(directive.block, (*parents, directive))


def load(config: str, prefix: str | None = None, drafts: Mapping[str, bytes] | None = None) -> Config:
    """Read `config` (absolute path) and all that it includes.

    prefix: nginx's `-p`; None takes the configuration's own folder. drafts: real path -> bytes to read in the file's place.
    Raises ConfigError, also for what cannot be opened.
    """
    path = os.path.abspath(config)
    conf_dir = os.path.dirname(path)
    loaded = Config(path, conf_dir, os.path.join(conf_dir, prefix or ""))
    _read(loaded, path, (), drafts or {})
    return loaded


def parse(data: bytes, path: str) -> list[Directive]:
    """The directives of one file's bytes; includes are not followed. Raises ConfigError."""
    return _Parser(data, path).run()


def _read(config: Config, path: str, stack: tuple[str, ...], drafts: Mapping[str, bytes]) -> None:
    if path in stack:
        raise ConfigError(f"{path} includes itself: {' -> '.join((*stack, path))}")
    if path in config.files:
        return
    by = f" (included by {stack[-1]})" if stack else ""
    draft = drafts.get(os.path.realpath(path)) if drafts else None
    config.files[path] = _bytes(path, by) if draft is None else draft
    config.trees[path] = parse(config.files[path], path)
    for directive in _includes(config.trees[path]):
        paths = _paths(config, directive)
        config.included[directive.file, directive.start] = paths
        for found in paths:
            _read(config, found, (*stack, path), drafts)


def _bytes(path: str, by: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}{by}") from error


def _includes(directives: list[Directive]) -> Iterator[Directive]:
    """The includes that can bring directives: those inside a map and the like bring only data."""
    for directive in directives:
        if directive.name == "include" and len(directive.args) == 1:
            yield directive
        elif directive.block and directive.name not in _DATA_BLOCKS:
            yield from _includes(directive.block)


def _paths(config: Config, include: Directive) -> list[str]:
    pattern = os.path.join(config.conf_dir, include.args[0])
    if not re.search(r"[*?[]", pattern):
        return [pattern]
    return sorted(glob.glob(pattern.replace("[^", "[!")), key=os.fsencode)


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
