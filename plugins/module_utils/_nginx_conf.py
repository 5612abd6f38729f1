# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's configuration as nginx reads it: every file, every directive, and the exact bytes it stands on.

Nothing is ever written from here, and nothing is checked that only nginx can judge.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ._nginx_parse import ConfigError, Directive, Token, parse

__all__ = ["Config", "ConfigError", "Directive", "Token", "context", "load", "parse"]

_DATA_BLOCKS = ("map", "geo", "charset_map", "split_clients")


def context(parents: Sequence[Directive]) -> str:
    """http or stream, of what stands in these blocks; empty outside of both."""
    return next((parent.name for parent in parents if parent.name in ("http", "stream")), "")


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

    def unchanged(self) -> bool:
        """Whether every file that was read holds the same bytes still; files that are new are not looked for."""
        try:
            return all(_bytes(path, "") == data for path, data in self.files.items())
        except ConfigError:
            return False

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

    prefix: nginx's `-p`; None takes the configuration's own folder. drafts: real path -> bytes to read in place of the
    file. Raises ConfigError, also for what cannot be opened.
    """
    path = os.path.abspath(config)
    conf_dir = os.path.dirname(path)
    loaded = Config(path, conf_dir, os.path.join(conf_dir, prefix) if prefix else conf_dir)
    _read(loaded, path, (), drafts or {})
    return loaded


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
