# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which nodes of members belong to single services, as far as registries tell. Pure.

On the interface level each service has nodes of its own. On the application level an instance has one for all of them,
and only metadata in the registry say what it offers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import _dubbo_url
from ._dubbo_application import Application, Entry
from ._dubbo_instance import Instance
from ._dubbo_member import Stand
from ._dubbo_url import Service


def narrowed(now: Stand, read: Sequence[Application], services: Collection[str]) -> Stand:
    """Only the nodes that belong to these services alone, as far as the registry tells; all where none is named."""
    if not services:
        return now
    keep = {member: [one for one in nodes if _belongs(one, read, services)] for member, nodes in now.nodes.items()}
    return replace(now, nodes=keep)


def _belongs(one: Entry, read: Sequence[Application], services: Collection[str]) -> bool:
    if not isinstance(one.said, Instance):
        return one.said.service.key in services
    return bool(_metadata(one, read).keys() & set(map(_dubbo_url.service, services)))


def _metadata(one: Entry, read: Sequence[Application]) -> Mapping[Service, Any]:
    """What an instance offers; nothing where the registry does not say."""
    found = [app.contents.metadata for app in read if app.contents.registry == one.registry]
    revision = one.said.revision if isinstance(one.said, Instance) else ""
    return found[0].get(revision, {}) if found else {}


def untold(now: Stand, read: Sequence[Application], alone: bool = False) -> list[str]:
    """The registries that do not say which services a member's instance offers.

    alone: only those in which the member has nothing on the interface level either.
    """
    found = set()
    for nodes in now.nodes.values():
        urls = {one.registry for one in nodes if not isinstance(one.said, Instance)} if alone else set()
        mute = {one.registry for one in nodes if isinstance(one.said, Instance) and not _metadata(one, read)}
        found |= mute - urls
    return sorted(found)
