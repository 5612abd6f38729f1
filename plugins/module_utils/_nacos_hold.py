# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps instances disabled while their processes are away, which Nacos by itself remembers for a minute.

What is said of an instance that is not registered counts when it registers again. The hold of it ends by who sets it
in, by whoever else enables it while it is there, or with the deadline; who is not back then is let go.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Callable

from . import _files, _poll
from ._nacos import Instance, Missing, NacosError
from ._nacos_client import Client

HELD = "held"


@dataclass(frozen=True)
class Marks:
    """Which hold has a member, in a file for each, or that it was taken out. place: of the service in Nacos."""

    state_dir: str
    place: str

    def put(self, member: str, hold: str) -> None:
        """It is this hold's, whichever had it before."""
        os.makedirs(os.path.dirname(self._path(member)), mode=0o700, exist_ok=True)
        _files.write_json(self._path(member), {"member": member, "hold": hold})

    def begin(self, members: Iterable[str]) -> None:
        """They are taken out: what is said of them may come late, so that it has to be said anew to bring them back."""
        for member in members:
            if not os.path.exists(self._path(member)):
                self.put(member, "")

    def has(self, member: str, hold: str) -> bool:
        """Whether it is still this hold's."""
        try:
            with open(self._path(member), encoding="utf-8") as stream:
                return bool(json.load(stream)["hold"] == hold)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False

    def end(self, members: Iterable[str]) -> bool:
        """They are nobody's; whether one was taken out, or held."""
        there = [path for path in map(self._path, members) if os.path.exists(path)]
        for path in there:
            os.unlink(path)
        return bool(there)

    def _path(self, member: str) -> str:
        name = hashlib.sha256(f"{self.place} {member}".encode()).hexdigest()[:32]
        return os.path.join(self.state_dir, "nacos", f"{name}.json")


class Hold:
    """weights: by member and service the weight that each had. alone: what no other change may come between.

    Servers that do not answer are asked again at the next look. Times are seconds.
    """

    def __init__(
        self,
        client: Client,
        weights: Mapping[str, Mapping[str, float]],
        marks: Marks,
        alone: Callable[[], contextlib.AbstractContextManager[None]],
        clock: _poll.Clock = time,
    ) -> None:
        self._client = client
        self._weights = weights
        self._marks = marks
        self._alone = alone
        self._clock = clock
        self._id = str(uuid.uuid4())
        # By member and service: as it was registered last, who is away now, and who was seen disabled by the last look.
        self._last: dict[tuple[str, str], Instance] = {}
        self._away: set[tuple[str, str]] = set()
        self._out: set[tuple[str, str]] = set()
        self._trouble = ""
        self.result: dict[str, Any] = {"changed": True, "set": 0}

    def run(self, deadline: float, interval: float) -> str:
        """Until nobody is left, or the deadline."""
        with self._alone():
            for member in self._weights:
                self._marks.put(member, self._id)
        outcome = _poll.poll(self._look, lambda left: not left, deadline=deadline, interval=interval, clock=self._clock)
        self.result["waited"] = round(outcome.waited, 3)
        if outcome.ok:
            return "held until they were set by others"
        with contextlib.suppress(NacosError, _files.LockTimeout), self._alone():
            self._let_go()
        return f"held for {deadline:g} s{f'; last: {self._trouble}' if self._trouble else ''}"

    def _look(self) -> list[str]:
        """Who is still held; each of them is kept disabled."""
        try:
            with self._alone():
                mine = self._mine()
                if mine:
                    self._keep(mine)
            self._trouble = ""
            return mine
        except (NacosError, _files.LockTimeout) as error:
            self._trouble = str(error)
            # It may have lost what it knew.
            self._out.clear()
            return list(self._weights)

    def _mine(self) -> list[str]:
        return [member for member in self._weights if self._marks.has(member, self._id)]

    def _keep(self, mine: Sequence[str]) -> None:
        url = self._client.answering()[0]
        for service in {service for weights in self._weights.values() for service in weights}:
            there = {one.member: one for one in self._listed(url, service)}
            for member in mine:
                self._one(url, service, member, there.get(member))

    def _one(self, url: str, service: str, member: str, there: Instance | None) -> None:
        weight = self._weights[member].get(service)
        if weight is None:
            return
        place = (member, service)
        if there is None:
            self._out.discard(place)
            if place in self._last:
                self._away.add(place)
                self._foretell(url, place, False)
            return
        self._last[place] = there
        self._away.discard(place)
        if not there.enabled:
            self._out.add(place)
        elif place in self._out:
            # It has been there all the time: somebody wants it.
            self._marks.end([member])
        else:
            self._client.put(url, service, there, False, weight)
            self.result["set"] += 1

    def _let_go(self) -> None:
        """Nothing of it is to meet who comes to that address another day."""
        mine, url = self._mine(), self._client.answering()[0]
        for place in self._away:
            if place[0] in mine:
                self._foretell(url, place, True)
        self._marks.end(mine)

    def _foretell(self, url: str, place: tuple[str, str], enabled: bool) -> None:
        member, service = place
        # What it had may not be what its next process has.
        one = replace(self._last[place], metadata={})
        # Where the last instance of a service has gone, there is nothing that could remember it.
        with contextlib.suppress(Missing):
            self._client.put_away(url, service, one, enabled, self._weights[member][service])
            self.result["set"] += 1

    def _listed(self, url: str, service: str) -> list[Instance]:
        with contextlib.suppress(Missing):
            return self._client.registered(url, service)
        return []
