# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module mq_consumer_pause for the leases of a batch: each application on its own host, then the brokers.

Without `broker` it is the half that tells an application. With it, it is the proof, once for the batch, of those that
did as they were told: one that does not answer keeps nobody else waiting.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _own
from ansible_collections.lossless.restart.plugins.plugin_utils._action import LeasedAction

_APPLICATION, _BROKERS = "application of ", "brokers of "
_IN, _OUT = "in", "out"
_NOBODY: dict[str, Any] = {"members": []}


class ActionModule(LeasedAction):
    """See plugins/plugin_utils/_action.py."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        self.half = _BROKERS if args.get("broker") else _APPLICATION
        self._restarted = bool(args.get("restarted"))
        result = super().act(args, variables)
        # On the instance's own host, or from anywhere: which brokers these are the description says.
        return {**result, "place": "" if self.half == _APPLICATION else "brokers"} if "place" in result else result

    def members(self, points: list[dict[str, Any]], state: str | None, warmup: int | None) -> dict[str, Any]:
        wanted = _IN if state == "before" else _OUT
        if self.half == _APPLICATION:
            return _told(points[0], wanted, self._restarted) if points else _NOBODY
        if wanted == _IN:
            points = [point for point in points if not _was_out(point)]
        else:
            points = [point for point in points if _has_left(point) or _was_out(point)]
        return {"members": [point["member"] for point in points], "before": _before(points), "state": wanted}

    def made(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        if self.half == _BROKERS:
            return super().made(args, variables)
        host, place = str(variables["inventory_hostname"]), args.pop("place")
        _own.write(place, None)
        result = super().made({**args, **_own.ledger(host)}, variables)
        out, fine = args["state"] == _OUT, not result.get("failed")
        # Who cannot be told leaves when it is stopped: that cannot be proved before.
        _own.write(place, out and fine and not args["leave"].get("none"))
        # Of one that did not answer nobody knows.
        came = out and (not fine or result["changed"])
        return {**result, **(_own.exposed(host) if came else {})}


def _told(point: dict[str, Any], wanted: str, restarted: bool) -> dict[str, Any]:
    """What the application is told, if anything. A process that has just been started joins by itself, also where a
    person had let the one before it leave; but not one that was told to leave after its gate had failed."""
    fresh = point["step"] != _own.GRANTED and (restarted or wanted == _OUT)
    if _was_out(point):
        wanted = _OUT
        lever = {"leave": point["leave"]} if fresh else {}
    elif wanted == _OUT:
        lever = {"leave": point["leave"]}
    else:
        lever = {"join": point["join"]} if point.get("join") else {}
    if not lever:
        return _NOBODY
    return {
        "members": [point["member"]],
        "before": _before([point]),
        "state": wanted,
        "finished": point["finished"],
        "quiet": point["quiet"],
        "token": point["token"],
        "place": _place(point),
        **lever,
    }


def _before(points: list[dict[str, Any]]) -> dict[str, Any]:
    return {"members": {point["member"]: point["known"] for point in points if "known" in point}}


def _was_out(point: dict[str, Any]) -> bool:
    """Whether it was not in the group when its lease was granted."""
    return bool(point["state"] == "gone")


def _has_left(point: dict[str, Any]) -> bool:
    """Whether its application was told to leave, and said that it has."""
    return bool(_own.read(_place(point)))


def _place(point: dict[str, Any]) -> str:
    return f"left {point['host']} {point['pool']}"
