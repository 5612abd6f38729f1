# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module nacos_instance_state does: disable instances, or enable them as they were, and prove it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _poll
from ._nacos import Away, Found, Instance, Missing, NacosError
from ._nacos_client import Client

OUT, IN = "out", "in"
# As floats come back from JSON.
_EQUAL = 1e-6


@dataclass(frozen=True)
class Wanted:
    """One member: by service whether it is enabled and its weight; a service that is not there is left alone."""

    member: str
    services: Mapping[str, tuple[bool, float]]


class Turn:
    """One call. before: by member what was there, as the module returned it; without it what is there now. share:
    percent of the weight. anew: set all once, whatever is read: a list may be older than the last change, and that
    may come late. `result` is what is known so far, also when it fails. Times are seconds."""

    def __init__(
        self,
        client: Client,
        services: Sequence[str],
        members: Sequence[str],
        before: Mapping[str, Mapping[str, Any]],
        *,
        share: float = 100.0,
        anew: bool = False,
        check: bool = False,
        clock: _poll.Clock = time,
    ) -> None:
        self._client = client
        self._services = services
        self._members = members
        self._known = before
        self._share = share
        self._anew = {(member, service) for member in members for service in services} if anew else set()
        self._check = check
        self._clock = clock
        self.result: dict[str, Any] = {"changed": False, "before": {}, "after": {}, "waited": 0.0, "warnings": []}

    def run(self, state: str, *, settle: float, deadline: float, interval: float, recheck: bool) -> str:
        """Do it and say it. Servers that give no answer are waited for, except before anything is taken out. Raises
        NacosError."""
        patience = 0.0 if self._check or (state == OUT and not recheck) else deadline
        now = self._reached(patience, interval)
        self.result["before"] = {"members": _facts(now)}
        self._refuse_strangers(now)
        wanted = [self._wanted(member, now[member], state) for member in self._members]
        wrong = _wrong(now, wanted)
        if self._check:
            self.result.update(changed=bool(wrong), after=self.result["before"])
            return f"would set {'; '.join(wrong)}" if wrong else "would change nothing"
        # Who is not registered may be about to: its server was restarted.
        altered = _altered(now, wanted)
        if recheck and altered:
            raise NacosError(f"somebody else has changed it: {'; '.join(altered)}")
        outcome = _poll.poll(
            lambda: self._left(wanted, write=not recheck),
            lambda left: not left,
            deadline=deadline,
            interval=interval,
            window=0.0 if recheck or state == IN else settle,
            clock=self._clock,
        )
        self.result["waited"] = round(outcome.waited, 3)
        if not outcome.ok:
            why = "; ".join(outcome.last) or f"it had not been so throughout {settle:g} s"
            raise NacosError(f"NOT proved {state} within {deadline:g} s: {why}")
        who = f"{len(self._members)} of {', '.join(self._services)}"
        count = len(self._client.urls) - len(self._client.silent)
        return f"{who} {'proved' if self.result['changed'] else 'seen'} {state} at {count} servers"

    def _reached(self, patience: float, interval: float) -> dict[str, dict[str, Instance | None]]:
        """How it is now, as soon as enough servers answer."""
        away: list[Away] = []

        def read() -> dict[str, dict[str, Instance | None]] | None:
            try:
                return self._read(self._client.answering()[0])
            except Away as error:
                away[:] = [error]
                return None

        outcome = _poll.poll(
            read, lambda found: found is not None, deadline=patience, interval=interval, clock=self._clock
        )
        if outcome.last is None:
            raise away[0]
        self.result["warnings"] = [f"{url} does not answer: {why}" for url, why in self._client.silent.items()]
        return outcome.last

    def _wanted(self, member: str, now: Found, state: str) -> Wanted:
        """What was there before is put back; a service that it did not have then is left alone."""
        known = self._known.get(member)
        if known is None:
            known = {service: one.facts for service, one in now.items() if one}
        if state == OUT:
            return Wanted(member, {service: (False, one["weight"]) for service, one in known.items()})
        wanted = {}
        for service, one in known.items():
            enabled = one["enabled"] or member not in self._known
            wanted[service] = enabled, one["weight"] * (self._share / 100 if enabled else 1)
        return Wanted(member, wanted)

    def _left(self, wanted: Sequence[Wanted], write: bool) -> list[str]:
        """What is not as it should be, a sentence each, by every server that answers; it is set where it is not."""
        try:
            urls = self._client.answering()
            now = self._read(urls[0])
            if write:
                for one in wanted:
                    self._set(urls[0], one, now[one.member])
            wrong = _wrong(now, wanted)
            for url in urls:
                for service in self._services:
                    seen = self._client.seen(url, service)
                    wrong += [text for one in wanted for text in _unseen(one, service, seen, url)]
            self.result["after"] = {"members": _facts(now)}
            return wrong
        except Away as error:
            return [str(error)]

    def _set(self, url: str, one: Wanted, now: Found) -> None:
        for service, (enabled, weight) in one.services.items():
            there = now[service]
            # What is registered again only later is set then.
            anew = (one.member, service) in self._anew
            if there is not None and (anew or not _as(there, enabled, weight)):
                self._client.put(url, service, there, enabled, weight)
                self._anew.discard((one.member, service))
                self.result["changed"] = True

    def _read(self, url: str) -> dict[str, dict[str, Instance | None]]:
        listed = {service: self._listed(url, service) for service in self._services}
        found: dict[str, dict[str, Instance | None]] = {}
        for member in self._members:
            found[member] = {}
            for service, ones in listed.items():
                mine = [one for one in ones if one.member == member]
                if len(mine) > 1:
                    clusters = " and ".join(one.cluster for one in mine)
                    raise NacosError(f"{member} is in {service} twice, in clusters {clusters}: name one by cluster")
                found[member][service] = mine[0] if mine else None
        return found

    def _listed(self, url: str, service: str) -> list[Instance]:
        try:
            return self._client.registered(url, service)
        except Missing:
            # Of one that had instances the last may have gone.
            if not self._known:
                raise
            return []

    def _refuse_strangers(self, now: Mapping[str, Found]) -> None:
        for member, found in now.items():
            if member not in self._known and not any(found.values()):
                raise NacosError(
                    f"{member} is not registered in {', '.join(self._services)}: look at member, and at cluster"
                )


def _wrong(now: Mapping[str, Found], wanted: Sequence[Wanted]) -> list[str]:
    """What is not as it should be, a sentence each."""
    absent = [
        f"{one.member} is not registered in {service}"
        for one in wanted
        for service, (enabled, _weight) in one.services.items()
        if enabled and now[one.member][service] is None
    ]
    return [*absent, *_altered(now, wanted)]


def _altered(now: Mapping[str, Found], wanted: Sequence[Wanted]) -> list[str]:
    """The same of what is registered."""
    found = []
    for one in wanted:
        for service, (enabled, weight) in one.services.items():
            there = now[one.member][service]
            if there is not None and not _as(there, enabled, weight):
                is_, should = _text(there.enabled, there.weight), _text(enabled, weight)
                found.append(f"{one.member} in {service} {is_}, not {should}")
    return found


def _as(there: Instance, enabled: bool, weight: float) -> bool:
    return there.enabled == enabled and (not enabled or abs(there.weight - weight) < _EQUAL)


def _unseen(one: Wanted, service: str, seen: set[str], url: str) -> list[str]:
    enabled, weight = one.services.get(service, (False, 0.0))
    called = enabled and weight > 0
    if called == (one.member in seen):
        return []
    return [f"{url} {'does not show' if called else 'shows'} {one.member} to consumers of {service}"]


def _text(enabled: bool, weight: float) -> str:
    return f"{'enabled' if enabled else 'disabled'} with weight {weight:g}"


def _facts(now: Mapping[str, Found]) -> dict[str, Any]:
    return {
        member: {service: one.facts for service, one in found.items() if one is not None}
        for member, found in now.items()
    }
