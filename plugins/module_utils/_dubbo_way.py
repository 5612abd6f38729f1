# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which way out an instance of Dubbo takes, and how long its consumers may call it after that. Pure.

Measured with consumers that account for every call, on 2.7.23 and 3.3.6, from when the registry had nothing any more:

    gracefulShutdown, dubbo protocol    last call after 0.1 s: consumers are told on their own connections
    offline, dubbo protocol             up to 4.9 s: a consumer of 3.x hears of changes once in 5 s
    either way, tri protocol            up to 8.8 s: it has no such message, and needs two notifications
    a disabled rule                     0.1 s, but calls of the application level that are under way break

It is the consumers' version that matters, and nothing here knows it: consumers of 2.x hear at once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ._dubbo_warnings import version

AUTO, GRACEFUL, QOS, RULE, REGISTRY = "auto", "graceful", "qos", "rule", "registry"
# Those that write to the registries themselves; never chosen, only asked for.
WRITES = (RULE, REGISTRY)
WAYS = (AUTO, GRACEFUL, QOS, *WRITES)
DUBBO = "dubbo"
# How a process that starts comes into traffic: by itself, or by `online` when it is told.
ITSELF, ONLINE = "itself", "online"
ATTACHES = (ITSELF, ONLINE)

_GRACEFUL_SINCE = (3, 2, 1)
_TOLD, _ONE_NOTIFICATION, _TWO_NOTIFICATIONS = 1.0, 6.0, 11.0


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why, for people."""

    what: str
    why: str


@dataclass(frozen=True)
class Settle:
    """Seconds throughout which nothing of the instance may be in the registry, and why so many."""

    seconds: float
    why: str


def choose(via: str, release: str | None, some: bool = False) -> Choice:
    """The way out of a process of this release; None is one before 2.7.7, which cannot say it. Raises ValueError.

    some: whether only some of its services leave.
    """
    shown = f"Dubbo {release or 'before 2.7.7'}"
    has = version(release or "") >= _GRACEFUL_SINCE
    if via == GRACEFUL and not has:
        raise ValueError(
            f"via graceful: this process is {shown}, and gracefulShutdown is there from 3.2.1 on: use via qos, or auto"
        )
    if via != AUTO:
        return Choice(via, "as asked")
    if some:
        return Choice(QOS, "only some services leave, and gracefulShutdown takes all of them")
    if has:
        return Choice(GRACEFUL, f"{shown} has gracefulShutdown, by which consumers hear on their own connections")
    return Choice(QOS, f"{shown} has no gracefulShutdown, which is there from 3.2.1 on")


def settle(way: str, protocols: Collection[str]) -> Settle:
    """What consumers need; protocols: by which the instance served, none where that is not known."""
    if way == RULE:
        return Settle(_ONE_NOTIFICATION, "consumers of Dubbo 3 may be busy with a notification, one in 5 s")
    others = sorted(set(protocols) - {DUBBO})
    if others or not protocols:
        what = f"protocol {', '.join(others)}" if others else "its protocols are not known"
        return Settle(_TWO_NOTIFICATIONS, f"{what}: consumers may need two notifications, 5 s apart")
    if way == GRACEFUL:
        return Settle(_TOLD, "gracefulShutdown tells consumers of the dubbo protocol on their own connections")
    return Settle(_ONE_NOTIFICATION, "consumers of Dubbo 3 hear of changes once in 5 s")
