# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kind `firewall` in a service's description: an nginx that is not touched, kept out by the instance's own host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _grammar
from ansible_collections.lossless.restart.plugins.plugin_utils import _kind_nginx

# The keys of an entry besides those that every kind has, and whether they must be there.
KEYS = {"upstream": True, "balancers": True, "from": True, "member": False, "command": False}
# The instance's host is asked whether its firewall can be had, before the guard judges.
ASKS = True
POOLED = True

check_source = _kind_nginx.check_source
pool = _kind_nginx.pool
member = _kind_nginx.member


def label(name: str) -> str:
    """The same upstream may be of the kind nginx for somebody else."""
    return f"firewall:{name}"


def sources(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The balancers, which are only read."""
    settings = {"from": _from(entry["from"])}
    return [{**one, "name": f"{one['host']} by firewall", "settings": settings} for one in _kind_nginx.sources(entry)]


def own(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is the instance's own: whom it refuses, and how its firewall is called."""
    command = entry.get("command")
    given = {} if command is None else {"command": _grammar.command(command, "command")}
    return {"from": _from(entry["from"]), **given}


def _from(names: Any) -> list[str]:
    if not isinstance(names, list) or not names:
        raise ValueError(f"from {names!r} is no list of the balancers' addresses, as in ['10.0.0.11', '10.0.0.12']")
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(f"from: {name!r} is no address, as in '10.0.0.11'")
        _grammar.address(f"[{name}]:1" if ":" in name else f"{name}:1", "from")
    return list(names)
