# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module dubbo_provider_state for the leases of a batch: each process at its own port, then the registries.

Without `registries` it is the half that tells a process, on its host, or with `first_call` waits until it is called,
where something counts its calls. With them it is the proof, once for the batch,
of those that did as they were told: one that does not answer keeps nobody else waiting.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import LeasedAction

_PROCESS, _REGISTRIES = "process of ", "registries of "


class ActionModule(LeasedAction):
    """See plugins/plugin_utils/_action.py."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        self.half = _REGISTRIES if args.get("registries") else _PROCESS
        self._first_call = args.pop("first_call", False)
        result = super().act(args, variables)
        # On the instance's own host, or from anywhere: which registries these are the description says.
        return {**result, "place": "" if self.half == _PROCESS else "registries"} if "place" in result else result

    def members(self, points: list[dict[str, Any]], state: str | None, warmup: int | None) -> dict[str, Any]:
        wanted = "in" if state == "before" else "out"
        if self.half == _PROCESS:
            points = [point for point in points if "calls" in point or not self._first_call]
            watched = {"calls": points[0]["calls"]} if points and self._first_call else {}
            return {**_told(points[0], wanted), **watched} if points else {"members": []}
        points = [point for point in points if _way(point) and (wanted == "out" or point["state"] != "gone")]
        return {
            "members": [point["member"] for point in points],
            "before": {"members": {point["member"]: point["known"] for point in points}},
            "via": "graceful" if all(_way(point) == "graceful" for point in points) else "qos",
            "state": wanted,
        }

    def made(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        if self.half == _REGISTRIES:
            return super().made(args, variables)
        result = self._tell(args, variables)
        # Of one that did not answer nobody knows.
        came = args["state"] == "out" and (result.get("failed") or result["changed"])
        return {**result, **(_own.exposed(str(variables["inventory_hostname"])) if came else {})}

    def _tell(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        host = str(variables["inventory_hostname"])
        place = _place(host, args.pop("pool"))
        _own.write(place, None)
        result = super().made({**args, **_own.ledger(host)}, variables)
        if not result.get("failed"):
            # Who is out already may have gone by any way.
            _own.write(place, result.get("chose", "qos") if result["changed"] else "qos")
        return result


def _told(point: dict[str, Any], state: str) -> dict[str, Any]:
    """What the process is told."""
    return {
        "members": [point["member"]],
        "before": {"services": point.get("services", {})},
        "state": state,
        # A lease of an earlier version has none.
        "attaches": point.get("attaches", "itself"),
        **{name: point[name] for name in ("qos", "via", "token", "pool")},
    }


def _way(point: dict[str, Any]) -> str | None:
    """The way that its process went; None where it was not told, or did not do it."""
    way: str | None = _own.read(_place(point["host"], point["pool"]))
    return way


def _place(host: str, pool: str) -> str:
    return f"way {host} {pool}"
