# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML in which everything knows its line, and every scalar is the text that stands there: 10:30 is no number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, TypeVar

T = TypeVar("T")
_DEEPEST = 20
_PLAIN = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp"))


class Wrong(ValueError):
    """What is wrong, and in which line."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(f"line {line}: {what}")


@dataclass(frozen=True)
class Mark:
    """A value and its line. value: text, a list of marks, or a mapping of marks by text."""

    value: Any
    line: int

    def wrong(self, what: str) -> Wrong:
        return Wrong(what, self.line)

    def text(self, what: str) -> str:
        if not isinstance(self.value, str) or not self.value:
            raise self.wrong(f"{what} must be a text")
        if not self.value.isprintable():
            raise self.wrong(f"{what} {self.value!r} has a line end or a control character in it")
        return self.value

    def flag(self, what: str) -> bool:
        if self.value not in ("true", "false"):
            raise self.wrong(f"{what} must be true or false")
        return bool(self.value == "true")

    def ruled(self, check: Callable[[Any], T]) -> T:
        """The answer of a check that raises ValueError, which gets the line."""
        try:
            return check(self.value)
        except ValueError as error:
            raise self.wrong(str(error)) from None

    def items(self, what: str) -> Sequence[Mark]:
        if not isinstance(self.value, list) or not self.value:
            raise self.wrong(f"{what} must be a list with something in it")
        return self.value

    def texts(self, what: str) -> list[str]:
        return [one.text(f"each of {what}") for one in self.items(what)]

    def keys(self, what: str, *, needed: Sequence[str] = (), known: Sequence[str] = ()) -> Mapping[str, Mark]:
        """A mapping with what is needed, and nothing that is not known. Known is anything where neither is said."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"{what} must be a mapping")
        allowed = [*needed, *known]
        for name, one in self.value.items():
            if allowed and name not in allowed:
                raise one.wrong(f"{what} has the unknown key {name!r}. Known: {', '.join(allowed)}")
        for name in needed:
            if name not in self.value:
                raise self.wrong(f"{what} has no {name}")
        return self.value

    def plain(self) -> Any:
        """The same without lines."""
        if isinstance(self.value, dict):
            return {name: one.plain() for name, one in self.value.items()}
        return [one.plain() for one in self.value] if isinstance(self.value, list) else self.value


def load(text: str) -> Mark:
    """The document. Raises Wrong; ImportError where there is no PyYAML."""
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Wrong(f"this is no YAML: {error.problem or error.context}", mark.line + 1 if mark else 1) from None
    except (yaml.YAMLError, ValueError) as error:
        raise Wrong(f"this is no YAML: {str(error).splitlines()[0]}", 1) from None
    if root is None:
        raise Wrong("it is empty", 1)
    return _mark(root, _DEEPEST)


def _mark(node: Any, deeper: int) -> Mark:
    line = node.start_mark.line + 1
    if deeper == 0:
        raise Wrong("it goes too deep, or contains itself", line)
    if node.id == "sequence":
        return Mark([_mark(one, deeper - 1) for one in node.value], line)
    if node.id == "mapping":
        return Mark(dict(_pairs(node, deeper)), line)
    if node.tag not in _PLAIN:
        raise Wrong(f"the tag {node.tag!r} has no place here", line)
    return Mark(node.value, line)


def _pairs(node: Any, deeper: int) -> Iterator[tuple[str, Mark]]:
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.id != "scalar":
            raise Wrong("a key must be a text", line)
        if key.value in seen:
            raise Wrong(f"the key {key.value!r} is there twice", line)
        seen.add(key.value)
        # A value is where its key stands, which is what a person looks for.
        yield key.value, Mark(_mark(value, deeper - 1).value, line)
