# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger: what every controller shares. Its records, and the one interface that a backend has.

A record that is not exactly as written here is refused, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Protocol

from . import _account
from ._journal import Head

RUNNING, STOPPED, FINISHED, SUPERSEDED = "running", "stopped", "finished", "superseded"
# What is known of the process that makes a run.
OWNER = ("name", "machine", "boot", "pid", "start")
# Runs that have left the ledger's state for its history.
PAST = (FINISHED, SUPERSEDED)
# What a platform team writes beside the ledger: the policy, and ssh's public keys of those who may approve.
POLICY, SIGNERS = "policy.yml", "allowed_signers"
# Seconds for which a run that holds no lease is taken to be alive after it was last heard of.
SILENCE = 300.0


# So many past runs are looked through for what a run takes.
RECENT = 20


class Refused(Exception):
    """Nothing was changed; the message says why and what to do, `facts` the same for machines."""

    # Whether it is the ledger that says so.
    answered = True

    def __init__(self, msg: str, **facts: Any) -> None:
        super().__init__(msg)
        self.facts = {"answered": self.answered, **facts}


class Away(Refused):
    """The ledger cannot be reached, read or written: what it would say is not known."""

    answered = False


class Moved(Exception):
    """The ledger's revision is not the one that the change was made for."""


@dataclass(frozen=True)
class Run:
    """One execution. Times are seconds by the ledger's clock.

    owner: {name, machine, boot, pid, start}. since: only older processes are restarted. planned: every host that it is
    to restart, asked: those that its last command named. ended: when its process had finished reporting.
    account: who came to the ledger's host, as that host knows it. change: the change or incident that it is done for.
    glass: why it may go below the floor; empty where it may not. kind: single, rolling, canary or forced. approved: the
    request and whose word it has, {id, by, at, until, plan, signature}; empty where none was needed. word: that it
    waits for a person's after its canary, {since, until, early}, and whose it has, {by, at}.
    """

    id: str
    service: str
    owner: Mapping[str, Any]
    account: str
    reason: str
    change: str
    glass: str
    state: str
    since: float
    planned: list[str]
    asked: list[str]
    done: list[str]
    began: float
    heartbeat: float
    ended: float | None
    why: str
    kind: str = "rolling"
    approved: Mapping[str, Any] = field(default_factory=dict)
    word: Mapping[str, Any] = field(default_factory=dict)

    def left(self) -> list[str]:
        """The planned hosts that are not done."""
        return [host for host in self.planned if host not in set(self.done)]


@dataclass(frozen=True)
class Lease:
    """The right of one run to hold one host out. before: its traffic points as they were before the first grant,
    [{kind, pool, source, member, state, weight}]. process: the identity before the restart."""

    host: str
    run: str
    service: str
    token: int
    since: float
    until: float
    step: str
    reason: str
    pools: list[str]
    before: list[Any]
    process: Mapping[str, Any] | None


@dataclass(frozen=True)
class Waiting:
    """A run in the queue, by its place. pools: what it wants room in. since: when it came; seen: when it last asked.

    why: what kept it from a grant when it measured, at that revision; empty where the ledger had moved on meanwhile.
    """

    run: str
    place: int
    hosts: list[str]
    pools: list[str]
    since: float
    seen: float
    revision: int
    why: str


@dataclass(frozen=True)
class Request:
    """A plan that waits for another person's word, or has it. plan: all that was asked for, and by whom.

    until: when it is forgotten. approved: {by, at, signature}; empty before. It is gone once a run began on it.
    job: the number of AWX's job that asked; empty where a person did.
    """

    id: str
    plan: Mapping[str, Any]
    since: float
    until: float
    approved: Mapping[str, Any]
    job: str = ""


@dataclass(frozen=True)
class State:
    """All of the ledger at one revision. at: the ledger's clock when it was read or written.

    The revision grows when a lease is granted, released or taken over, and then only. queue: by run. policy: the
    version that a run began under last; empty before the first. restarted: by service, when one of its instances was
    restarted last.
    """

    id: str = ""
    revision: int = 0
    token: int = 0
    at: float = 0.0
    runs: Mapping[str, Run] = field(default_factory=dict)
    leases: Mapping[str, Lease] = field(default_factory=dict)
    queue: Mapping[str, Waiting] = field(default_factory=dict)
    policy: str = ""
    restarted: Mapping[str, float] = field(default_factory=dict)
    requests: Mapping[str, Request] = field(default_factory=dict)

    def with_run(self, run: Run) -> State:
        return replace(self, runs={**self.runs, run.id: run})

    def held_by(self, run: str) -> dict[str, Lease]:
        return {host: lease for host, lease in self.leases.items() if lease.run == run}

    def silent(self, run: Run) -> bool:
        """Whether nothing was heard of the run for longer than it said it would need."""
        until = [lease.until for lease in self.leases.values() if lease.run == run.id]
        return self.at > max([run.heartbeat + SILENCE, *until])


Change = Callable[[State], State]


class Ledger(Protocol):
    """What a backend does. Every error is Refused and leaves the state as it was."""

    @property
    def place(self) -> str:
        """Where it is, for people."""

    def snapshot(self) -> State:
        """The state now; an empty one where there is none yet. Writes nothing."""

    def commit(self, change: Change, if_revision: int | None = None) -> State:
        """Replace the state by `change(state)`, as one step; raises Moved where the revision is another one.

        `change` is pure and may be called again. What it raises goes through, and nothing is written; nor is it
        where the state comes back as it was. Runs in a PAST state go to the history.
        """

    def past(self, run: str) -> Run | None:
        """A run of the history."""

    def history(self) -> Iterator[Run]:
        """The runs of the history, the newest first."""

    def append(self, run: str, event: Mapping[str, Any]) -> None:
        """Add one event to the journal, and to a run's log where it is of one: `run` is empty where not."""

    def journal(self, after: int = 0) -> Iterator[tuple[str, list[bytes]]]:
        """The journal's lines in their order, piece by piece, each with its place; from the piece on that has the line
        behind number `after`."""

    def head(self) -> Head:
        """The journal's last line."""

    def events(self, run: str) -> list[dict[str, Any]]:
        """A run's log, oldest first."""

    def rule(self, name: str) -> tuple[str, bytes | None]:
        """What the platform team wrote beside the ledger, POLICY or SIGNERS: its place, and its bytes; None where there
        is none. Refused is what others than they and the ledger's account may write. No run can say where it is."""


def settled(old: State, new: State) -> State:
    """`new` with the revision that its leases ask for, and without what is past: what a backend writes."""
    moved = {h: lease.token for h, lease in old.leases.items()} != {h: lease.token for h, lease in new.leases.items()}
    live = {name: run for name, run in new.runs.items() if run.state not in PAST}
    queue = {name: one for name, one in new.queue.items() if name in live and live[name].state == RUNNING}
    return replace(new, revision=old.revision + moved, runs=live, queue=queue)


def note(ledger: Ledger, run: str, event: Mapping[str, Any]) -> list[str]:
    """Add an event after its change was made. What keeps it out of the log is a warning: the change stands."""
    try:
        ledger.append(run, {"account": _account.name(), **event})
    except Refused as error:
        return [f"the ledger was changed, but its event is not in the log of run {run}: {error}"]
    return []
