# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger in memory, with what either backend promises and no more.

`directory`: the state is read and replaced under one lock. `zookeeper`: it is read, and written only if nobody wrote
meanwhile; between the two anything may happen, and a session that was quiet for too long writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _ledger
from ansible_collections.lossless.restart.plugins.module_utils._journal import Head
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Away, Change, Run, State

from .jobs import pause

DIRECTORY, ZOOKEEPER = "directory", "zookeeper"
SESSION = 10.0


class Memory:
    """All that the backend keeps. watch: told of every write, by whom it was asked, with the state before and after."""

    def __init__(self, kind: str, clock: Callable[[], float], watch: Callable[[Any, State, State], None]) -> None:
        self.kind, self.clock, self._watch = kind, clock, watch
        self.version = 0
        self.state = State(id="ledger-1", token=1)
        self.past: dict[str, Run] = {}
        self.log: dict[str, list[dict[str, Any]]] = {}

    def read(self) -> State:
        return replace(self.state, at=self.clock())

    def write(self, by: Any, old: State, new: State) -> State:
        self.past.update({run.id: run for run in new.runs.values() if run.state in _ledger.PAST})
        self.version += 1
        self.state = _ledger.settled(old, new)
        self._watch(by, old, self.state)
        return self.state


class Session:
    """One module's way to it, a backend as _ledger.Ledger says. by: who asks."""

    def __init__(self, memory: Memory, by: Any) -> None:
        self._memory, self._by = memory, by

    @property
    def place(self) -> str:
        return "in memory"

    def snapshot(self) -> State:
        pause()
        return self._memory.read()

    def commit(self, change: Change, if_revision: int | None = None) -> State:
        pause()
        memory = self._memory
        while True:
            version, state = memory.version, memory.read()
            if if_revision is not None and if_revision != state.revision:
                raise _ledger.Moved("another one came first")
            new = change(state)
            if new is state:
                return state
            if memory.kind == ZOOKEEPER:
                pause()
                if memory.clock() - state.at > SESSION:
                    raise Away("the session was lost")
                if version != memory.version:
                    continue
            return memory.write(self._by, state, new)

    def past(self, run: str) -> Run | None:
        return self._memory.past.get(run)

    def history(self) -> Iterator[Run]:
        return reversed(list(self._memory.past.values()))

    def append(self, run: str, event: Mapping[str, Any]) -> None:
        self._memory.log.setdefault(run, []).append({**event, "run": run})

    def journal(self, after: int = 0) -> Iterator[tuple[str, list[bytes]]]:
        return iter(())

    def head(self) -> Head:
        return Head()

    def events(self, run: str) -> list[dict[str, Any]]:
        return self._memory.log.get(run, [])

    def rule(self, name: str) -> tuple[str, bytes | None]:
        return f"in memory/{name}", None
