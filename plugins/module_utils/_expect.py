# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an answer must say: dotted paths into a JSON document, each with a value or a comparison.

`{"status": "healthy", "pool.active": "<= 5", "nodes.0": {"up": true}}`: a value is equality with strict types
(`0` is not `"0"`, `1` is not `true`); a text that begins with `<= < >= > !=` compares.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Mapping
from typing import Any, Callable

_COMPARISON = re.compile(r"\s*(<=|>=|!=|<|>)\s*(.*?)\s*\Z", re.DOTALL)
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?\Z")
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}
_SHOWN = 80


class Missing(Exception):
    """The document has nothing at the path; the message says what is there instead."""


def validate(expect: Any, what: str) -> None:
    """Raise ValueError where `expect` is no mapping of paths to values or comparisons."""
    if not isinstance(expect, Mapping) or not expect:
        raise ValueError(
            f"{what} {_show(expect)} is {_kind(expect)}: write a mapping of keys to values, "
            "as in {status: healthy, in_flight: 0}"
        )
    for path, wanted in expect.items():
        if not isinstance(path, str) or not all(path.split(".")):
            raise ValueError(f"{what}: {path!r} is no dotted path, as in 'pool.active' or 'nodes.0.state'")
        _validate_wanted(wanted, f"{what}: {path}")


def _validate_wanted(wanted: Any, what: str) -> None:
    if isinstance(wanted, float) and not math.isfinite(wanted):
        raise ValueError(f"{what}: {wanted} is no number that JSON knows")
    comparison = _COMPARISON.match(wanted) if isinstance(wanted, str) else None
    if comparison and comparison[1] in _ORDER and _number(comparison[2]) is None:
        raise ValueError(f"{what}: comparison {wanted!r} has no number, as in '{comparison[1]} 5'")
    if comparison and not comparison[2]:
        raise ValueError(f"{what}: comparison {wanted!r} has no value, as in '!= down'")


def mismatches(expect: Mapping[str, Any], body: bytes) -> list[str]:
    """What in the JSON answer `body` is not as `expect` wants it, a sentence each; empty where all is."""
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return [f"the answer is no JSON, it begins {excerpt(body)}"]
    return [told for told in (_mismatch(path, wanted, document) for path, wanted in expect.items()) if told]


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _mismatch(path: str, wanted: Any, document: Any) -> str:
    try:
        seen = find(document, path)
    except Missing as missing:
        return str(missing)
    comparison = _COMPARISON.match(wanted) if isinstance(wanted, str) else None
    if comparison:
        held, expected = _compares(comparison[1], comparison[2], seen), wanted.strip()
    else:
        held, expected = same(wanted, seen), _show(wanted)
    if held:
        return ""
    numeric = comparison is not None and comparison[1] in _ORDER
    strange = not _is_number(seen) if numeric else comparison is None and _kind(wanted) != _kind(seen)
    return f"{path}: expected {expected}, saw {_show(seen)}" + (f" ({_kind(seen)})" if strange else "")


def find(document: Any, path: str) -> Any:
    """The value at the dotted `path`: keys of mappings, indexes of lists. Raises Missing.

    A key that itself has dots in it is found where it ends the path.
    """
    node, done, rest = document, "", path
    while rest:
        if isinstance(node, Mapping) and rest in node:
            return node[rest]
        part, _dot, rest = rest.partition(".")
        here = f"{done}.{part}" if done else part
        if isinstance(node, Mapping) and part in node:
            node = node[part]
        elif isinstance(node, list) and re.match(r"[0-9]{1,9}\Z", part) and int(part) < len(node):
            node = node[int(part)]
        else:
            raise Missing(f"{path}: {_absent(node, done or 'the answer', part)}")
        done = here
    return node


def _absent(node: Any, where: str, part: str) -> str:
    if isinstance(node, Mapping):
        keys = sorted(map(str, node))
        more = f" and {len(keys) - 10} more" if len(keys) > 10 else ""
        return f"{where} has no {part!r}, it has {', '.join(key[:_SHOWN] for key in keys[:10]) or 'no keys'}{more}"
    if isinstance(node, list):
        return f"{where} is a list of {len(node)}, it has no {part!r}"
    return f"{where} is {_show(node)} ({_kind(node)}), it has no {part!r}"


def same(wanted: Any, seen: Any) -> bool:
    """Equality as JSON means it: numbers by value, everything else of the same type, through and through."""
    if isinstance(wanted, Mapping) and isinstance(seen, Mapping):
        return wanted.keys() == seen.keys() and all(same(wanted[key], seen[key]) for key in wanted)
    if isinstance(wanted, (list, tuple)) and isinstance(seen, (list, tuple)):
        return len(wanted) == len(seen) and all(map(same, wanted, seen))
    return _kind(wanted) == _kind(seen) and bool(wanted == seen)


def _compares(sign: str, text: str, seen: Any) -> bool:
    if sign == "!=":
        return not same(text, seen) and not same(text, json.dumps(seen)) and not _equals_number(text, seen)
    return _is_number(seen) and _ORDER[sign](seen, _number(text))


def _equals_number(text: str, seen: Any) -> bool:
    number = _number(text)
    return number is not None and number == (_number(seen) if isinstance(seen, str) else seen)


def _number(text: str) -> float | None:
    number = float(text) if _NUMBER.match(text) else math.inf
    return number if math.isfinite(number) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if _is_number(value):
        return "number"
    if isinstance(value, Mapping):
        return "mapping"
    return "list" if isinstance(value, (list, tuple)) else "text"


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def excerpt(body: bytes) -> str:
    """The beginning of `body` for people."""
    return repr(body[:_SHOWN].decode("utf-8", "replace")) if body else "with nothing: it is empty"
