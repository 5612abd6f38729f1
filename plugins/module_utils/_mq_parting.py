# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to be known before an instance leaves a consumer group: that it is there, and who takes over. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from . import _mq_member
from ._mq_group import Consumer, Group
from ._mq_member import Known, Member


def nowhere(group: Group, members: Mapping[str, Member], known: Mapping[str, Known]) -> list[str]:
    """The members that are not in the group and were not before."""
    return [text for text, who in members.items() if text not in known and not _mq_member.clients(group, who)]


def listed(group: Group, members: Mapping[str, Member], known: Mapping[str, Known]) -> None:
    """Raise ValueError where one is nowhere: an absence proves nothing of a wrong name."""
    missing = nowhere(group, members, known)
    if missing:
        there = ", ".join(_mq_member.shown(one) for one in group.consumers[:5])
        raise ValueError(
            f"members: {', '.join(missing)} is not in {group.name}, which has {there or 'nobody'}. Where it has left "
            "already, say so by before"
        )


def alone(group: Group, members: Mapping[str, Member], allowed: bool) -> None:
    """Raise ValueError where nobody would be left, unless that is allowed."""
    going = _going(group, members)
    if going and len(going) == len(group.consumers) and not allowed:
        raise ValueError(
            f"{', '.join(members)}: nobody else is in {group.name}, so that its messages would wait for somebody: "
            "start another instance first, or say last: true where that is meant"
        )


def staying(group: Group, members: Mapping[str, Member], stays_for: float | None, allowed: float) -> list[str]:
    """What is to be said of members that keep what they hold for a while after they have left.

    Raises ValueError where that is longer than allowed, or where nobody says how long it is.
    """
    staying_ = [one for one in _going(group, members) if one.stays]
    if not staying_:
        return []
    who = ", ".join(one.names[0] if one.names else one.id for one in staying_)
    what = (
        f"{who} is a static member of {group.name}: when it has left, nobody takes what it holds until its session ends"
    )
    if stays_for is None:
        raise ValueError(f"{what}. Say how long that is by stays_for, its session.timeout.ms in seconds")
    if stays_for > allowed:
        raise ValueError(f"{what}, in {stays_for:g} s, and stays allows {allowed:g} s")
    return [f"{what}, in {stays_for:g} s"]


def _going(group: Group, members: Mapping[str, Member]) -> list[Consumer]:
    return [one for who in members.values() for one in _mq_member.clients(group, who)]
