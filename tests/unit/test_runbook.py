# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever the collection refuses or fails with stands in docs/runbook.md, and nothing else does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (`+) ?(.+?) ?\1 \|", re.MULTILINE)
# What is put in where the message is written, as opposed to what the page leaves open.
FILLED = "\0"
# Of a pattern so many letters have to be there, or it would stand for everything.
LEAST = 5


def text(node: ast.expr) -> str:
    """What is certain of a message; FILLED for the rest."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) if isinstance(part, ast.Constant) else FILLED for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text(node.left) + text(node.right)
    return FILLED


def errors(trees: Iterable[ast.AST]) -> set[str]:
    """The names of all exceptions that are made here, and of those of Python's own that are raised."""
    bases: dict[str, set[str]] = {}
    for node in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        named = {base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases}
        bases[node.name] = bases.get(node.name, set()) | named
    found = {"Exception", "ValueError", "RuntimeError", "OSError", "AnsibleError"}
    while more := {name for name, its in bases.items() if its & found} - found:
        found |= more
    return found


def said(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """The first argument of every exception and of what helps to make one, and what a result fails with. What cannot
    happen, which is an AssertionError, is not printed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            helped = text(node.exc.args[0])
            if name_of(node.exc).lstrip("_")[:1].islower() and " " in helped:
                yield helped
        if isinstance(node, ast.Call) and node.args and name_of(node) in known:
            yield text(node.args[0])
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            named = {key.value: value for key, value in pairs if isinstance(key, ast.Constant)}
            if "failed" in named and "msg" in named:
                yield text(named["msg"])


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else str(getattr(call.func, "id", ""))


def messages() -> dict[str, str]:
    """By message where it is. Those of which nothing is certain are made of others, which are here themselves."""
    trees = {path: ast.parse(path.read_text()) for path in sorted((ROOT / "plugins").rglob("*.py"))}
    known = errors(trees.values())
    return {
        message: path.name
        for path, tree in trees.items()
        for message in said(tree, known)
        if sum(one.isalpha() for one in message) >= LEAST
    }


def patterns() -> dict[str, re.Pattern[str]]:
    """By what the page writes, with an ellipsis for what it leaves open, what it matches."""
    rows = [row for _quotes, row in ROW.findall((ROOT / "docs" / "runbook.md").read_text())]
    return {row: re.compile(".*".join(map(re.escape, row.replace("\\|", "|").split("…"))), re.DOTALL) for row in rows}


# Once: there are hundreds of both.
MESSAGES, PATTERNS = messages(), patterns()


@pytest.mark.parametrize(("message", "place"), MESSAGES.items(), ids=lambda one: one.replace(FILLED, "…")[:60])
def test_each_message_is_there(message: str, place: str) -> None:
    assert any(pattern.fullmatch(message) for pattern in PATTERNS.values()), f"{place}: {message!r}"


def test_each_row_is_of_a_message_and_says_something() -> None:
    for row, pattern in PATTERNS.items():
        assert sum(one.isalpha() for one in row) >= LEAST, row
        assert any(pattern.fullmatch(message) for message in MESSAGES), row
