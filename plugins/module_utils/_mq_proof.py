# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Proves by its brokers that instances have left a consumer group, or are back in it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from . import _mq_member, _poll
from ._mq_group import EMPTY, MOVING, UNKNOWN, Consumer, Group, MqError, Reader
from ._mq_member import Known, Member
from ._poll import NotProved

_SHOWN = 5
_LOOKS = 3
STRANDED = (
    "a consumer that only pauses or is suspended keeps what it holds, and nobody else takes it: let the application "
    "close its consumer"
)


@dataclass(frozen=True)
class Waited:
    """How a proof went. ready: after how many seconds it was so for good. total: with the window in which it stayed."""

    ready: float
    total: float
    group: Group


class Proof:
    """Of these members, by their text. before: what is known of them. alone: whether nobody has to do their work while
    they are out. last: how the group was at the last look."""

    def __init__(
        self,
        reader: Reader,
        members: Mapping[str, Member],
        before: Mapping[str, Known],
        alone: bool = False,
        clock: _poll.Clock = time,
    ) -> None:
        self._reader = reader
        self._members = members
        self._before = dict(before)
        self._alone = alone
        self._clock = clock
        self._lags: list[int] = []
        self.last: Group | None = None

    def look(self) -> Group:
        """Raises MqError."""
        self.last = self._reader.read()
        return self.last

    def first(self, deadline: float, interval: float) -> Group:
        """A look, as soon as there can be one. Raises NotProved."""

        def read() -> Group | str:
            try:
                return self.look()
            except MqError as error:
                return str(error)

        outcome = _poll.poll(
            read, lambda found: isinstance(found, Group), deadline=deadline, interval=interval, clock=self._clock
        )
        if isinstance(outcome.last, Group):
            return outcome.last
        raise NotProved(f"after {outcome.waited:.1f} s: {outcome.last}", outcome.waited)

    def clients(self, group: Group) -> list[Consumer]:
        """All of the members' that are in the group. Raises ValueError."""
        return [one for who in self._members.values() for one in _mq_member.clients(group, who)]

    def present(self, group: Group) -> list[str]:
        """Why the members are not out, or somebody else does not do their work."""
        found = [_there(who.text, one) for who in self._members.values() for one in _mq_member.clients(group, who)]
        left = [] if self._alone and not group.consumers else _unheld(group)
        return [*found, *_unsettled(group), *left]

    def missing(self, group: Group, restarted: bool) -> list[str]:
        """Why the members are not back. restarted: whether by another process than before."""
        found = []
        for who in self._members.values():
            was = self._before.get(who.text)
            old = was.ids if was and restarted else frozenset()
            found += [
                f"{who.text} has a client of the process before in the group still: {one.id}"
                for one in group.consumers
                if one.id in old
            ]
            found += _absent(group, who, was, _mq_member.clients(group, who, old))
        return [*found, *_unsettled(group), *_unheld(group)]

    def out(self, settle: float, *, deadline: float, interval: float) -> Waited:
        """Until the members have left, and others have held all of theirs for `settle` seconds without falling behind.

        They have to by the deadline. Raises NotProved.
        """
        self._lags = []
        return self._until(lambda group: self.present(group) or self._behind(group), settle, deadline, interval)

    def back(self, restarted: bool, settle: float, *, deadline: float, interval: float) -> Waited:
        """Until they are in the group and hold their part. Raises NotProved."""
        return self._until(lambda group: self.missing(group, restarted), settle, deadline, interval)

    def waits(self, group: Group) -> bool:
        """Whether messages wait in what the members hold; also where the broker does not say it."""
        return any(group.lags.get(share, 1) for share in group.held(self.clients(group)))

    def consumed(self, since: Group, now: Group) -> bool:
        """Whether the members have consumed something between two looks."""
        mine, before = self.clients(now), {one.id: one.done for one in self.clients(since)}
        counted = [(before.get(one.id) or 0, one.done) for one in mine if one.done is not None]
        if counted:
            return any(count > was for was, count in counted)
        held = now.held(mine)
        moved = any(now.done.get(share, 0) > since.done.get(share, 0) for share in held)
        fell = sum(now.lags.get(share, 0) for share in held) < sum(since.lags.get(share, 0) for share in held)
        return moved or fell

    def _behind(self, group: Group) -> list[str]:
        """That more waits now, over some looks, than at any before since the members were gone. What is committed once
        in a while comes and goes in between."""
        if self._alone and not group.consumers:
            return []
        self._lags.append(group.lag)
        last, before = self._lags[-_LOOKS:], self._lags[:-_LOOKS]
        if not before or min(last) <= max(before):
            return []
        return [f"the group falls behind: {self._lags[0]} messages waited, and {group.lag} do now"]

    def _until(self, wrong: Callable[[Group], list[str]], window: float, deadline: float, interval: float) -> Waited:
        began = self._clock.monotonic()
        good_since: float | None = None
        shape: object = None

        def read() -> list[str]:
            nonlocal good_since, shape
            try:
                group = self.look()
                found = wrong(group)
                seen = {one.id: one.holds for one in group.consumers}
                if not found and shape is not None and seen != shape:
                    found = ["the group's clients, or what they hold, change from one look to the next"]
                shape = seen
            except (MqError, ValueError) as error:
                found, shape = [str(error)], None
            now = self._clock.monotonic()
            good_since = None if found else good_since or now
            return found

        outcome = _poll.poll(
            read,
            lambda found: not found,
            deadline=deadline + window,
            interval=interval,
            successes=2,
            window=window,
            clock=self._clock,
        )
        if not outcome.ok or self.last is None:
            what = "; ".join(outcome.last) or f"it is so, but not yet for {window:g} s"
            raise NotProved(f"after {outcome.waited:.1f} s: {what}", outcome.waited)
        return Waited((good_since or began) - began, outcome.waited, self.last)


def _there(member: str, one: Consumer) -> str:
    text = f"{member} is in the group still, as {one.id}"
    if one.unacked:
        text += f", and has {one.unacked} messages that it has not acknowledged"
    if one.holds:
        text += f", and holds {_listed(one.holds)}: {STRANDED}"
    return text


def _unsettled(group: Group) -> list[str]:
    if group.state == MOVING:
        return [f"{group.name} is in the middle of handing over what its clients hold"]
    return [f"what the clients of {group.name} hold is not known"] if group.state == UNKNOWN else []


def _unheld(group: Group) -> list[str]:
    """What nobody holds. While that is not known, it says nothing."""
    left = group.shares - group.held() if group.state not in (MOVING, UNKNOWN) else frozenset()
    if group.state == EMPTY:
        return [f"nobody is in {group.name}, and {_listed(group.shares) or 'nothing'} waits for somebody"]
    return [f"nobody holds {_listed(left)}"] if left else []


def _absent(group: Group, who: Member, was: Known | None, mine: tuple[Consumer, ...]) -> list[str]:
    """Why a member's own clients are not all there, or have nothing."""
    wanted = max(len(was.ids) if was else 1, len(who.names), 1)
    if len(mine) < wanted:
        return [f"{who.text} has {len(mine)} of {wanted} clients in the group"]
    held = bool(group.held(mine))
    # Where there are more clients than shares, somebody has none.
    short = len(group.consumers) > len(group.shares)
    return [] if held or short or (was and not was.holding) else [f"{who.text} is in the group, and holds nothing yet"]


def _listed(shares: frozenset[str]) -> str:
    named = sorted(shares)
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return f"{', '.join(named[:_SHOWN])}{more}"
