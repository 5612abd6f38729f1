# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads what RocketMQ's servers write as JSON and is none: numbers and whole objects as the keys of an object. Pure.

`{0:"10.0.0.3:10911"}`, `{{"brokerName":"a","queueId":0,"topic":"t"}:{"brokerOffset":7}}`: fastjson writes a map by its
keys' own type.
"""

from __future__ import annotations

import json
import re
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}
_STRING = json.JSONDecoder()
_DEPTH = 32


def loads(data: bytes) -> Any:
    """Lists, dicts, text, numbers. The key of a dict is text, or, where it was an object, the sorted pairs of that.

    Raises ValueError.
    """
    reader = _Reader(data.decode("utf-8"))
    found = reader.value(0)
    if reader.peek():
        raise ValueError(f"more than one value, at {reader.at}")
    return found


def _pairs(key: dict[Any, Any]) -> tuple[tuple[Any, Any], ...]:
    if any(isinstance(value, (dict, list)) for value in key.values()):
        raise ValueError("a key that has more than plain values in it")
    return tuple(sorted(key.items(), key=str))


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        match = _SPACE.match(self._text, self.at)
        self.at = match.end() if match else self.at
        return self._text[self.at : self.at + 1]

    def value(self, depth: int) -> Any:
        if depth > _DEPTH:
            raise ValueError(f"deeper than {_DEPTH} levels, at {self.at}")
        first = self.peek()
        if first == "{":
            return self._object(depth)
        if first == "[":
            return self._list(depth)
        if first == '"':
            found, self.at = _STRING.raw_decode(self._text, self.at)
            return found
        for word, meaning in _WORDS.items():
            if self._text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        return self._number()

    def _number(self) -> Any:
        match = _NUMBER.match(self._text, self.at)
        if not match:
            raise ValueError(f"no value at {self.at}: {self._text[self.at : self.at + 20]!r}")
        self.at = match.end()
        return json.loads(match.group())

    def _object(self, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        self.at += 1
        while self.peek() != "}":
            if found:
                self._take(",")
            key = self.value(depth + 1)
            if isinstance(key, dict):
                key = _pairs(key)
            self._take(":")
            found[key if isinstance(key, tuple) else str(key)] = self.value(depth + 1)
        self.at += 1
        return found

    def _list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self.at += 1
        while self.peek() != "]":
            if found:
                self._take(",")
            found.append(self.value(depth + 1))
        self.at += 1
        return found

    def _take(self, mark: str) -> None:
        if self.peek() != mark:
            raise ValueError(f"no {mark!r} at {self.at}: {self._text[self.at : self.at + 20]!r}")
        self.at += 1
