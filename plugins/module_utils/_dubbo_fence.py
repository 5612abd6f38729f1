# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lets a change of dubbo_provider_state through, or not: under a lock, and only by who holds the lease."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

from . import _fence, _files
from ._dubbo_task import Task


@contextlib.contextmanager
def fenced(task: Task, members: Mapping[str, str], write: bool) -> Iterator[None]:
    """members: what is changed, for people, by the word that names its lock. Nothing where no token says of a lease."""
    with contextlib.ExitStack() as stack:
        for name, member in sorted(members.items()) if task.token is not None else ():
            if write:
                folder = os.path.join(task.state_dir, "locks")
                os.makedirs(folder, mode=0o700, exist_ok=True)
                path = os.path.join(folder, f"dubbo-{name}.lock")
                stack.enter_context(_files.locked(path, deadline=task.deadline, what=f"another change at {member}"))
            if task.token is not None:
                _fence.admit(task.state_dir, member, task.token, task.ledger, write=write)
        yield
