# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""By which pattern QoS takes one service, and which others with it. Pure.

QoS compares the whole of a name with a regular expression, and versions differ in the name: `group/interface:version`
up to 2.7.5, `interface:version` from 2.7.6, only `interface` in later 2.7 where the version is set at the service
itself, and since 3.0 either `group/interface:version` or `interface:version`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ._dubbo_url import Service


@dataclass(frozen=True)
class Pattern:
    """takes: every service of the process that it may match."""

    text: str
    takes: frozenset[Service]


def patterns(service: Service, there: Collection[Service], modern: bool) -> list[Pattern]:
    """Those that may match `service` among those that are there, the narrowest first. modern: since 3.0."""
    alike = [one for one in there if one.interface == service.interface]
    versioned = {one for one in alike if one.version == service.version}
    own = Pattern(re.escape(service.key), frozenset({service}))
    plain = Service(service.interface, "", service.version)
    if modern:
        return [own if service.group or not service.version else Pattern(own.text, frozenset({service, *versioned}))]
    found = [own] if service.group else []
    if service.version:
        found.append(Pattern(re.escape(plain.key), frozenset({service, *versioned})))
    return [*found, Pattern(re.escape(service.interface), frozenset({service, *alike}))]
