# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module answers: its function's result, or its failure. The same as a module of its own and in process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

Run = Callable[[dict[str, Any], bool], dict[str, Any]]


class Failed(Exception):
    """The module failed; the message is for people, `facts` are returned beside it."""

    def __init__(self, msg: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(msg)
        self.facts = dict(facts or {})


def of(run: Run, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """The result of `run(params, check_mode)`, with `failed` and `msg` where it raised Failed."""
    try:
        return {"changed": False, **run(params, check_mode)}
    except Failed as failure:
        return {**failure.facts, "failed": True, "msg": str(failure)}


def give(module: Any, run: Run) -> None:
    """Run as `module`, an AnsibleModule, and end it."""
    result = of(run, module.params, module.check_mode)
    for text in result.pop("warnings", None) or []:
        module.warn(text)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
