# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells people what became of a run, once for each thing; that somebody could not be told fails nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.utils.display import Display
from ansible_collections.lossless.restart.plugins.plugin_utils import _channels, _controller, _own, _words

# Where a pipeline's job says where it is shown: GitLab, Jenkins.
_LINKS = ("CI_JOB_URL", "BUILD_URL")


def link(fleet: Mapping[str, Any]) -> str:
    """Where people find more about the run."""
    found = [os.environ[name] for name in _LINKS if os.environ.get(name)]
    return str(fleet["fleet_link"] or next(iter(found), ""))


def tell(event: str, described: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Tell whoever wants to know of such an event, once. {heard, unheard}: names, and by name why not; {} where that is
    nobody."""
    fleet, channels = described["fleet"], _own.read("channels") or []
    wanted = [one for one in channels if event in one.get("events", _words.EVENTS)]
    if not wanted or _own.read(f"told {event}"):
        return {}
    _own.write(f"told {event}", True)
    known = {
        "service": described["service"],
        "who": _controller.owner()["name"],
        "reason": fleet["fleet_reason"],
        "change": fleet["fleet_change"],
        "users": fleet["fleet_used_by"],
        "link": link(fleet),
    }
    title, body = _words.message(event, {**known, **facts}, fleet["fleet_language"])
    failed = _channels.send(wanted, title, body)
    for name, why in failed.items():
        # Said here and now: it is no failure of the task's.
        Display().display(f"  NOT TOLD ({event}): {name}: {why}")
    return {"heard": [one["name"] for one in wanted if one["name"] not in failed], "unheard": failed}
