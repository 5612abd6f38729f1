# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Proves by its registries that members of a Dubbo application are out, or back."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Protocol

from . import _dubbo_back, _dubbo_barred, _dubbo_member, _dubbo_single, _dubbo_url, _poll
from ._dubbo_application import Application
from ._dubbo_barred import Seat
from ._dubbo_member import Known, Stand
from ._dubbo_registry import RegistryError
from ._dubbo_writing import WritableRegistry
from ._poll import NotProved


class Source(Protocol):
    """The application as each of its registries has it now. Raises RegistryError."""

    def read(self) -> list[Application]: ...


class Registries:
    """Those of one application, held open. Raises ValueError where one is written wrong."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._name, self._levels = params["application"], params["levels"]
        self.all = [
            WritableRegistry(address, params["group"], params["auth"], params["tls"])
            for address in params["registries"]
        ]

    def read(self) -> list[Application]:
        return [Application(self._name, one.read(self._name), self._levels) for one in self.all]

    def close(self) -> None:
        for one in self.all:
            one.close()


@dataclass(frozen=True)
class Waited:
    """How a proof went. ready: after how many seconds it was so for good. total: with the window in which it stayed."""

    ready: float
    total: float
    stand: Stand


class Proof:
    """Of these members, named by address. before: what is known of them. services: only of these; none means all.

    watch: called at each look. vouched: whether the process says itself which services it has registered. last: how
    they stood at the last look, of which `read` is what was read.
    """

    def __init__(
        self,
        source: Source,
        members: Mapping[str, str],
        before: Mapping[str, Known],
        clock: _poll.Clock = time,
        services: Collection[str] = (),
    ) -> None:
        self._source = source
        self._members = members
        self._before = before
        self._clock = clock
        self._services = services
        self.vouched = False
        self.watch: Callable[[], Any] = lambda: None
        self._sessions = {member: set(one.sessions) for member, one in before.items()}
        self._nodes: dict[tuple[str, str], dict[str, Any]] = {}
        self.last = Stand()
        self.read: Sequence[Application] = ()

    def look(self) -> Stand:
        """Raises RegistryError."""
        self.read = self._source.read()
        self.last = _dubbo_member.stand(self.read, self._members, self._sessions)
        for member, nodes in self.last.nodes.items():
            self._sessions.setdefault(member, set()).update(map(_dubbo_member.session, nodes))
            for one in self._narrowed(self.last).nodes[member]:
                said = {"member": member, "registry": one.registry, "level": one.level}
                self._nodes[one.registry, one.node.path] = {**said, "path": _dubbo_url.shown(one.node.path)}
        return self.last

    def out(self, settle: float, *, barred: bool, deadline: float, interval: float) -> Waited:
        """Until the members were out for `settle` seconds; they have to be by the deadline."""
        return self._until(lambda now: self.present(now, barred), settle, deadline=deadline, interval=interval)

    def present(self, now: Stand, barred: bool) -> list[str]:
        """Why the members are not out. barred: whether by rules, and not by an absence."""
        if barred:
            return _dubbo_barred.open_(self.seats(now))
        unseen = _dubbo_single.untold(now, self.read, alone=True) if self._services and not self.vouched else []
        return [
            *_dubbo_member.left(self._narrowed(now)),
            *(f"{one} has nothing that tells single services from each other: ask its qos as well" for one in unseen),
        ]

    def seats(self, now: Stand) -> list[Seat]:
        return _dubbo_barred.seats(self.read, now, self._services)

    def _narrowed(self, now: Stand) -> Stand:
        return _dubbo_single.narrowed(now, self.read, self._services)

    def back(self, restarted: bool, *, deadline: float, interval: float) -> Waited:
        """Until they are registered as before, if `restarted` by another process, and no old node is left."""

        return self._until(lambda now: self.unsettled(now, restarted), 0.0, deadline=deadline, interval=interval)

    def unsettled(self, now: Stand, restarted: bool) -> list[str]:
        """Why they are not back."""
        return _dubbo_back.unsettled(now, self._before, restarted, self._services)

    @property
    def gone(self) -> list[dict[str, Any]]:
        """Every node that was seen, with the seconds after which it was absent; null for those that are there."""
        return [{"after": None, **node} for node in self._nodes.values()]

    def _until(self, wrong: Any, window: float, *, deadline: float, interval: float) -> Waited:
        began = self._clock.monotonic()
        good_since: float | None = None

        def read() -> list[str]:
            nonlocal good_since
            self.watch()
            try:
                found: list[str] = wrong(self.look())
            except RegistryError as error:
                found = [str(error)]
            now = self._clock.monotonic()
            self._note(round(now - began, 3))
            good_since = None if found else good_since or now
            return found

        outcome = _poll.poll(
            read, lambda found: not found, deadline=deadline + window, interval=interval, window=window,
            clock=self._clock,
        )  # fmt: skip
        if not outcome.ok:
            what = "; ".join(outcome.last) or f"it is so, but not yet for {window:g} s"
            raise NotProved(f"after {outcome.waited:.1f} s: {what}", outcome.waited)
        return Waited((good_since or began) - began, outcome.waited, self.last)

    def _note(self, after: float) -> None:
        """Since when each node is absent."""
        there = {(one.registry, one.node.path) for nodes in self._narrowed(self.last).nodes.values() for one in nodes}
        for place, node in self._nodes.items():
            if place in there:
                node.pop("after", None)
            else:
                node.setdefault("after", after)
