# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module of the collection in the action's own process: the same code without the start of a Python, 0.3 s each."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lossless.restart.plugins.module_utils import _answer

_PREFIX = "lossless.restart."


def serves(action: Any, variables: Mapping[str, Any]) -> bool:
    """Whether the engine would run the module in just such a process: here, as this user, with this Python."""
    task, connection = action._task, action._connection
    if getattr(connection, "transport", "") != "local" or connection.become or task.async_val or any(task.environment):
        return False
    values = variables
    if task.delegate_to:
        values = variables.get("ansible_delegated_vars", {}).get(task.delegate_to, {})
    python = values.get("ansible_python_interpreter")
    return bool(python) and action._templar.template(python) == sys.executable


def run(module: str, args: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """What the module answers to these arguments, which are checked as the engine would."""
    name = f"ansible_collections.lossless.restart.plugins.modules.{module.removeprefix(_PREFIX)}"
    code = importlib.import_module(name)
    spec = {key: value for key, value in code.SPEC.items() if key != "supports_check_mode"}
    # It fills suboptions in where they stand, and YAML lets two arguments be one object.
    given = {name: dict(value) if isinstance(value, dict) else value for name, value in args.items()}
    checked = ArgumentSpecValidator(**spec).validate(given)
    if checked.error_messages:
        return {"failed": True, "msg": "; ".join(checked.error_messages)}
    return _answer.of(code.run, checked.validated_parameters, check_mode)
