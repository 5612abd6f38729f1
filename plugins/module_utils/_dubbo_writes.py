# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The half of dubbo_provider_state that writes to registries: rules that bar members, or the end of their nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from . import _dubbo_barred, _dubbo_entry, _dubbo_fence, _dubbo_url, _dubbo_way
from ._dubbo_barred import Seat
from ._dubbo_proof import Proof
from ._dubbo_switch import OUT
from ._dubbo_task import Task
from ._dubbo_url import Service
from ._dubbo_writing import Bytes, Plan, Written

DELETED = (
    "the process is not told that its nodes are deleted: its ls still says Y, and QoS online does not bring it back. A "
    "restart does, or state in by registry with qos, which gives offline and then online"
)


class Place(Protocol):
    """A registry that can be written. Raises RegistryError."""

    name: str

    def rule_path(self, service: Service) -> str: ...

    def rule_paths(self) -> list[str]: ...

    def change(self, paths: Sequence[str], plan: Plan, write: bool) -> list[Written]: ...


class Writes:
    """result: what the module returns of it, known so far."""

    way = ""

    def __init__(self, task: Task, places: Sequence[Place], proof: Proof) -> None:
        self._task = task
        self._places = places
        self._proof = proof
        self._found: list[Written] = []
        self.result: dict[str, Any] = {}

    def fenced(self, write: bool) -> AbstractContextManager[None]:
        return _dubbo_fence.fenced(self._task, {one: f"dubbo member {one}" for one in self._task.members}, write)

    def look(self, patient: bool = False) -> float:
        """What is to be changed. Raises RegistryError, or ValueError."""
        if self._task.state == OUT:
            self.result.update(chose=self.way, why="as asked")
        self._keep(self._all(write=False))
        return 0.0

    @property
    def wrong(self) -> list[str]:
        return [f"{one.path} is not as it should be" for one in self._found]

    @property
    def warnings(self) -> list[str]:
        return []

    def preview(self) -> str:
        return f"would be {self._told()}"

    def make(self) -> str:
        """What was done, for people. It is done when the registry says so."""
        self._keep(self._all(write=True))
        self.result["seconds"] = 0.0
        return self._told()

    def _told(self) -> str:
        raise NotImplementedError

    def _paths(self, place: Place) -> Iterable[str]:
        """Which nodes may be changed."""
        raise NotImplementedError

    def _plan(self, path: str, data: bytes | None) -> bytes | None:
        """What one of them shall hold. Raises ValueError."""
        raise NotImplementedError

    def _all(self, write: bool) -> list[Written]:
        """Of all registries, after all of them were looked at."""
        return [one for place in self._places for one in place.change(list(self._paths(place)), self._of(place), write)]

    def _of(self, place: Place) -> Plan:
        def plan(there: Bytes) -> Mapping[str, bytes | None]:
            found = {}
            for path, data in there.items():
                try:
                    found[path] = self._plan(path, data)
                except ValueError as error:
                    raise ValueError(f"{place.name}: {_dubbo_url.shown(path)}: {error}") from error
            return found

        return plan

    def _keep(self, found: list[Written]) -> None:
        self._found = found
        self.result["written"] = [one.facts() for one in found]
        self.result["diff"] = [_diff(one) for one in found]


def _diff(one: Written) -> dict[str, str]:
    header = f"{one.registry} {_dubbo_url.shown(one.path)}"
    before, after = ((data or b"").decode(errors="replace") for data in (one.before, one.after))
    return {"before_header": header, "before": before, "after_header": header, "after": after}


class Rules(Writes):
    """Takes members from all their consumers by entries of our own in rules, and takes those out again."""

    way = _dubbo_way.RULE

    def look(self, patient: bool = False) -> float:
        self._seats: list[Seat] = []
        if self._task.state == OUT:
            self._seats = _dubbo_barred.seats(self._proof.read, self._proof.last, self._task.services)
            _dubbo_barred.check(self._seats, self._proof.last, self._task.services)
        return super().look()

    @property
    def warnings(self) -> list[str]:
        return _dubbo_barred.warnings(self._proof.last) if self._task.state == OUT else []

    def _told(self) -> str:
        if self._task.state == OUT:
            return f"taken out by {len(self._found)} rules (as asked)"
        return f"put back: entries of {len(self._found)} rules taken out"

    def _paths(self, place: Place) -> Iterable[str]:
        named = {place.rule_path(_dubbo_url.service(key)) for key in self._task.services}
        if self._task.state == OUT:
            return sorted({place.rule_path(one.service) for one in self._seats if one.registry == place.name})
        return [path for path in place.rule_paths() if not named or path in named]

    def _plan(self, path: str, data: bytes | None) -> bytes | None:
        own = self._task.members
        if self._task.state != OUT:
            ours = set(own) & set(_dubbo_entry.members(data or b""))
            return _dubbo_entry.removed(data, ours) if data and ours else data
        written = {member: address for address, member in own.items()}
        there = [one for one in self._seats if path.endswith(f"/{one.service.rule_key}.configurators")]
        taken = {written[one.member]: one.addresses for one in there}
        return _dubbo_entry.added(data, there[0].service, taken)


class Nodes(Writes):
    """Deletes the nodes of members. It never makes one: those belong to the session of the process."""

    way = _dubbo_way.REGISTRY

    def look(self, patient: bool = False) -> float:
        kept = [one for one in self._entries() if not one.node.session]
        if kept:
            path = _dubbo_url.shown(kept[0].node.path)
            raise ValueError(
                f"via registry: {path} is persistent, so that it is not its process that keeps it: see to it"
            )
        return super().look()

    @property
    def warnings(self) -> list[str]:
        return [DELETED]

    def _told(self) -> str:
        return f"taken out by the end of {len(self._found)} nodes (as asked)"

    def _entries(self) -> Collection[Any]:
        return [one for nodes in self._proof.last.nodes.values() for one in nodes]

    def _paths(self, place: Place) -> Iterable[str]:
        return sorted({one.node.path for one in self._entries() if one.registry == place.name})

    def _plan(self, path: str, data: bytes | None) -> bytes | None:
        return None
