# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module nginx_member_traffic for the members of a batch's leases, and sorts its verdicts by host."""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import LeasedAction

_WORST_FIRST = ("bad", "inconclusive", "good")


class ActionModule(LeasedAction):
    """See plugins/plugin_utils/_action.py."""

    changes = False

    def members(self, points: list[dict[str, Any]], state: str | None, warmup: int | None) -> dict[str, Any]:
        return {
            "members": [
                {"upstream": point["pool"].partition("/")[2], "member": point["member"]}
                for point in points
                if point["kind"] == "nginx" and point["state"] == "up"
            ]
        }

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        hosts = args.get("leases", [])
        result = super().act(args, variables)
        return {**result, "hosts": _by_host(hosts, result.get("members", []))}


def _by_host(hosts: list[str], judged: list[dict[str, Any]]) -> dict[str, Any]:
    """For each host the worst verdict on one of its members."""
    found = {}
    for host, lease in _own.leases(hosts).items():
        names = {point["member"] for point in lease["before"]}
        mine = [one for one in judged if one["member"] in names]
        found[host] = min(mine, key=lambda one: _WORST_FIRST.index(one["verdict"]), default=_UNJUDGED)
    return found


_UNJUDGED = {"verdict": "inconclusive", "msg": "no balancer sends it anything that could be judged"}
