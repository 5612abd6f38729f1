# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps of a roll as the playbook and the roles' task files have them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..demo.playbook import ROOT

# The kinds to which a process comes back by itself.
RETURNING = yaml.safe_load((ROOT / "roles" / "instance" / "vars" / "main.yml").read_text())["instance_returning"]


def written(kind: str) -> list[str]:
    """The steps that the task files of a roll have where all traffic points are of this kind, as patterns."""
    names = []
    for task in followed(ROOT / "playbooks" / "rolling_restart.yml", kind, set()):
        variables = task.get("vars", {})
        names += [variables[name] for name in ("instance_judging",) if name in variables]
        names += [variables["instance_change"]["name"]] if "instance_change" in variables else []
        if any(key.startswith("lossless.restart.") for key in task) and not task["name"].startswith("{{"):
            names.append(task["name"])
    return [".*".join(map(re.escape, re.split(r"{{.*?}}", name))) for name in dict.fromkeys(names)]


def followed(path: Path, kind: str, seen: set[Path]) -> Iterator[Mapping[str, Any]]:
    """The tasks of a file, and of those that it includes or imports."""
    seen.add(path)
    for task in tasks(yaml.safe_load(path.read_text())):
        if "instance_returning" in str(task.get("loop")) and kind not in RETURNING:
            continue
        yield task
        for key in ("import_role", "include_role", "import_tasks", "include_tasks"):
            for other in files(path, kind, task.get(f"ansible.builtin.{key}")):
                if other.exists() and other not in seen:
                    yield from followed(other, kind, seen)


def files(path: Path, kind: str, named: Any) -> list[Path]:
    """The task files that a task names."""
    if isinstance(named, str):
        return [path.parent / named.replace("{{ instance_kind }}", kind)]
    role = named["name"].rpartition(".")[2] if named else ""
    return [ROOT / "roles" / role / "tasks" / f"{named['tasks_from']}.yml"] if named else []


def tasks(found: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """All of a play's or a file's, those in blocks too."""
    for task in found:
        yield task
        for name in ("tasks", "block", "rescue"):
            yield from tasks(task.get(name, []))
