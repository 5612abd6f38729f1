# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The half of dubbo_provider_state that changes something, by the way that is asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from . import _poll
from ._dubbo_change import Change
from ._dubbo_proof import Proof
from ._dubbo_renewal import Renewal
from ._dubbo_switch import OUT
from ._dubbo_task import Task
from ._dubbo_way import REGISTRY, RULE
from ._dubbo_writes import Nodes, Place, Rules


class Half(Protocol):
    """What changes something: at a process's QoS port, or in the registries. result: what is known of it so far."""

    result: dict[str, Any]

    def fenced(self, write: bool) -> AbstractContextManager[None]: ...

    def wait_started(self) -> float: ...

    def look(self) -> None: ...

    @property
    def wrong(self) -> list[str]: ...

    @property
    def warnings(self) -> list[str]: ...

    def preview(self) -> str: ...

    def make(self) -> str: ...


def half(task: Task, places: Sequence[Place], proof: Proof | None, clock: _poll.Clock = time) -> Half | None:
    """None where nothing is changed. Rules need no QoS, and neither do nodes to be deleted."""
    if task.via == RULE and proof is not None:
        return Rules(task, places, proof)
    if task.via == REGISTRY and proof is not None and task.state == OUT:
        return Nodes(task, places, proof)
    if task.port is None:
        return None
    if task.via == REGISTRY and proof is not None:
        return Renewal(task, task.port, proof, clock)
    return Change(task, task.port, clock)
