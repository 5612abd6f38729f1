# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger as nodes of a ZooKeeper ensemble, each replaced over the version that was read.

/restart                 the ledger; `begin` makes it where its parent is there
/restart/state           all that counts
/restart/clock           touched to learn the time: the ledger's clock is that of the server that leads
/restart/past/RUN        a past run
/restart/events/RUN/N    a run's events, one a line, in pieces
/restart/journal/N       all events in a chain, in pieces, from line N on
/restart/policy.yml      what the platform team wrote, as is allowed_signers: made by them, with an ACL of their own
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Callable, Generic, TypeVar

from . import _journal, _ledger, _ledger_format, _zookeeper
from ._journal import Head
from ._ledger import Run, State
from ._ledger_directory import BACKWARDS, utc
from ._ledger_nodes import READ, WRITTEN, Nodes, packed
from ._ledger_place import Ensemble
from ._zookeeper import Node

T = TypeVar("T")
# Bytes of events in one node.
_PIECE = 100_000


@dataclass(frozen=True)
class _Written(Generic[T]):
    """A change to be written: its answer, the node that counts, and what goes with it in one step."""

    answer: T
    node: Node
    with_it: list[Node]


class ZooKeeper:
    """A backend: see _ledger.Ledger. dry, found: as for Directory. The session lasts as long as the `with` block.

    clock: the reader's own, used where the ledger's may not be touched: in check mode, and by who may only read.
    """

    def __init__(self, place: Ensemble, *, clock: Callable[[], float], dry: bool = False, found: bool = True) -> None:
        self.place = str(place)
        self._nodes = Nodes(place, dry)
        self._clock = clock
        self._dry = dry
        self._found = found

    def __enter__(self) -> ZooKeeper:
        return self

    def __exit__(self, *_: object) -> None:
        self._nodes.close()

    def snapshot(self) -> State:
        return self._nodes.asked(READ, lambda: self._look()[0])

    def commit(self, change: _ledger.Change, if_revision: int | None = None) -> State:
        def changed() -> State | _Written[State]:
            state, node = self._look(writing=not self._dry)
            if if_revision is not None and if_revision != state.revision:
                raise _ledger.Moved(f"revision {state.revision} instead of {if_revision}")
            new = change(state)
            if new is state or self._dry:
                return _ledger.settled(state, new)
            new = replace(new, id=new.id or str(uuid.uuid4()))
            past = [run for run in new.runs.values() if run.state in _ledger.PAST]
            with_it = [self._filled("past", run.id, _ledger_format.encode_past(run)) for run in past]
            new = _ledger.settled(state, new)
            return _Written(new, replace(node, data=packed(_ledger_format.encode(new))), with_it)

        return self._replaced(changed)

    def past(self, run: str) -> Run | None:
        node = self._nodes.asked(READ, lambda: self._nodes.read(self._nodes.path("past", run)))
        return None if node.data is None else self._nodes.parsed(node, _ledger_format.decode_past)

    def history(self) -> Iterator[Run]:
        names = self._nodes.asked(READ, lambda: self._nodes.children(self._nodes.path("past")))
        for name in reversed(names):
            run = self.past(name)
            if run is not None:
                yield run

    def append(self, run: str, event: Mapping[str, Any]) -> None:
        if self._dry:
            return
        record = {**event, "run": run}
        tried: list[bool] = []

        def changed() -> _Written[None] | None:
            last = self._last_piece()
            # After a lost answer it may be there already, and others may have written behind it.
            if tried and last and _journal.holds((last.data or b"").splitlines(), record):
                return None
            tried.append(True)
            sealed, with_it = self._sealed(record, last)
            return _Written(None, sealed, [*with_it, *(self._logged(run, record) if run else [])])

        self._replaced(changed)

    def _logged(self, run: str, record: Mapping[str, Any]) -> list[Node]:
        """The nodes of a run's events with one more."""
        line, folder = packed(record) + b"\n", self._nodes.path("events", run)
        pieces = self._nodes.children(folder)
        last = self._nodes.read(f"{folder}/{pieces[-1] if pieces else '00000000'}")
        if last.data is not None and len(last.data) + len(line) > _PIECE:
            last = Node(f"{folder}/{int(pieces[-1]) + 1:08}")
        longer = replace(last, data=(last.data or b"") + line)
        return [longer] if pieces else [Node(folder, b""), longer]

    def _sealed(self, record: Mapping[str, Any], last: Node | None) -> tuple[Node, list[Node]]:
        """The journal's last piece with one line more, and what has to be made with it."""
        folder = self._nodes.path("journal")
        head = _head_of(last)
        line = _journal.line(record, head).encode() + b"\n"
        if last is None or len(last.data or b"") + len(line) > _PIECE:
            made = [] if last or self._nodes.exists(folder) else [Node(folder, b"")]
            return Node(f"{folder}/{head.number + 1:012}", line), made
        return replace(last, data=(last.data or b"") + line), []

    def _last_piece(self) -> Node | None:
        folder = self._nodes.path("journal")
        pieces = self._nodes.children(folder)
        return self._nodes.read(f"{folder}/{pieces[-1]}") if pieces else None

    def journal(self, after: int = 0) -> Iterator[tuple[str, list[bytes]]]:
        folder = self._nodes.path("journal")
        for name in _journal.from_line(self._nodes.asked(READ, lambda: self._nodes.children(folder)), after):
            node = self._nodes.asked(READ, partial(self._nodes.read, f"{folder}/{name}"))
            yield node.path, (node.data or b"").splitlines()

    def head(self) -> Head:
        return _head_of(self._nodes.asked(READ, self._last_piece))

    def events(self, run: str) -> list[dict[str, Any]]:
        folder = self._nodes.path("events", run)

        def read() -> list[Node]:
            return [self._nodes.read(f"{folder}/{name}") for name in self._nodes.children(folder)]

        pieces = self._nodes.asked(READ, read)
        lines = [replace(piece, data=line) for piece in pieces for line in (piece.data or b"").splitlines()]
        return [self._nodes.parsed(line, dict) for line in lines]

    def rule(self, name: str) -> tuple[str, bytes | None]:
        path = self._nodes.path(name)

        def read() -> bytes | None:
            node = self._nodes.read(path)
            if node.data is not None:
                self._nodes.closed(path)
            return node.data

        return f"{self.place}/{name}", self._nodes.asked(READ, read)

    def _filled(self, folder: str, name: str, record: Mapping[str, Any]) -> Node:
        """The node with another content, to be written over what it is now."""
        return replace(self._nodes.read(self._nodes.path(folder, name)), data=packed(record))

    def _look(self, writing: bool = False) -> tuple[State, Node]:
        """The state at this moment, and its node. writing: only where it may be written, and made where it is not."""
        self._nodes.trust()
        if writing and self._found:
            self._nodes.make()
        clock = self._nodes.time(writing)
        node = self._nodes.read(self._nodes.path("state"))
        now = max(self._clock(), node.changed) if clock is None else clock
        if node.data is None:
            # Tokens begin at the time, so that a ledger made anew after a loss is not fenced off by its predecessor's.
            return State(token=int(now), at=now), node
        state = self._nodes.parsed(node, _ledger_format.decode)
        if state.at - now > BACKWARDS:
            raise self._nodes.refused(
                f"its servers' clock went back by {state.at - now:.0f} s: {node.path} was written at "
                f"{utc(state.at)} and it is {utc(now)} now. No lease can be judged by it. Set the clocks of all "
                "servers right; then it goes on, at the latest when that time has come again"
            )
        return replace(state, at=max(now, state.at)), node

    def _replaced(self, changed: Callable[[], T | _Written[T]]) -> T:
        """Write what `changed` gives; it reads, and is called again after a conflict or a lost answer.

        A lost answer is neither success nor failure: the node itself tells whether the write is there.
        """
        sent: list[_Written[T]] = []

        def attempt() -> T:
            if sent and self._is_there(sent[0].node):
                return sent[0].answer
            sent.clear()
            given = changed()
            if not isinstance(given, _Written):
                return given
            sent.append(given)
            try:
                self._nodes.write([*given.with_it, given.node])
            except _zookeeper.Conflict:
                sent.clear()
                raise
            return given.answer

        return self._nodes.asked(WRITTEN, attempt)

    def _is_there(self, sent: Node) -> bool:
        """Whether the write came; if not, the node's version is moved on, so that it cannot come any more."""
        node = self._nodes.read(sent.path)
        if (node.data, node.version) == (sent.data, sent.version + 1):
            return True
        if node.data is not None:
            self._nodes.write([node])
        return False


def _head_of(last: Node | None) -> Head:
    """The last line of the journal's last piece."""
    return _journal.head(last.data.splitlines()[-1]) if last and last.data else Head()
