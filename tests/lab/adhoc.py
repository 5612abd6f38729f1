# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running one module by Ansible, as a person does, and what it answered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE: Mapping[str, object] = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


def command(
    module: str, arguments: Mapping[str, Any], host: Mapping[str, object] | None = None, *options: str
) -> tuple[list[str], dict[str, str]]:
    """The command line and environment that run `lossless.restart.<module>` on a host with these variables."""
    line = [
        str(Path(sys.executable).parent / "ansible"),
        "instance",
        "-i",
        "instance,",
        "-e",
        json.dumps(dict(host or HERE)),
    ]
    line += ["-m", f"lossless.restart.{module}", "-a", json.dumps(dict(arguments)), *options]
    collections = str(ROOT / ".venv" / "collections")
    return line, {**os.environ, "ANSIBLE_COLLECTIONS_PATH": collections, "ANSIBLE_NOCOLOR": "1"}


def call(
    module: str, arguments: Mapping[str, Any], host: Mapping[str, object] | None = None, *options: str
) -> dict[str, Any]:
    """What the module answers; with `failed: true` where it fails."""
    line, environment = command(module, arguments, host, *options)
    done = subprocess.run(
        line, env=environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False
    )
    return answer(done.stdout, done.stderr)


def printed(line: list[str], environment: dict[str, str]) -> str:
    """All that a command of `command` prints, whether it succeeds or not."""
    done = subprocess.run(
        line,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.stdout


def answer(output: str, errors: str) -> dict[str, Any]:
    """The answer in what `ansible` printed."""
    head, found, body = output.partition(" => ")
    assert found, f"no answer: {output} {errors}"
    return {"failed": "FAILED" in head or "UNREACHABLE" in head, **json.loads(body)}


_DIRECT = """
import runpy, sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), "legacy"
runpy.run_module("ansible_collections.lossless.restart.plugins.modules." + sys.argv[1], run_name="__main__")
"""


def direct(module: str, arguments: Mapping[str, Any], *, check: bool = False) -> dict[str, Any]:
    """What the module answers when it is run here without a controller: the same module, at a tenth of the cost."""
    given = {"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check}}
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".venv" / "collections")}
    done = subprocess.run(
        [sys.executable, "-c", _DIRECT, module],
        env=environment,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, f"no answer: {done.stderr}"
    found: dict[str, Any] = {"failed": False, **json.loads(done.stdout)}
    return found
