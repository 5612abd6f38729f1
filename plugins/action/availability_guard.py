# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks the ledger on behalf of this one process, and keeps what it granted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible import constants as C
from ansible.utils.display import Display
from ansible_collections.lossless.restart.plugins.plugin_utils import _controller, _own, _preflight, _receipt
from ansible_collections.lossless.restart.plugins.plugin_utils._action import FleetAction

# Seconds for which leases that an earlier run left are held until their batch's turn.
_TAKEN_OVER = 600.0


class ActionModule(FleetAction):
    """Fills in what this process knows: the service's description, its run, what the sources said."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        described, batch = _own.read("description"), args.pop("batch", None)
        if described is None or args.get("action") == "status":
            return self.call(args, variables)
        steps: dict[str, Callable[..., dict[str, Any]]] = {
            "plan": self._plan,
            "begin": self._begin,
            "ticket": self._ticket,
            "acquire": self._acquire,
            "renew": self._renew,
            "release": self._release,
            "stop": self._stop,
            "finish": self._finish,
        }
        step = steps[args["action"]]
        if batch is None:
            return step(args, described, variables)
        return self.once(batch, variables, lambda: step(args, described, variables))

    def _ledger(
        self, args: Mapping[str, Any], described: Mapping[str, Any], variables: dict[str, Any]
    ) -> dict[str, Any]:
        return self.call(
            {"ledger": described["fleet"]["fleet_ledger"], "service": described["service"], **args}, variables
        )

    def _plan(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        fleet = described["fleet"]
        checks = _preflight.checks(described["checked"], variables["hostvars"])
        status = self._ledger({"action": "status"}, described, variables)
        if status.get("failed"):
            return status
        asked = {
            **args,
            "wanted": [host for host in described["selected"] if host not in checks.unreachable],
            "pace": [1] if fleet["fleet_kind"] == "single" else fleet["fleet_pace"],
            "dead": _controller.dead(status["runs"]),
            "new": fleet["fleet_new"],
            **_measured(described, after=0.0),
        }
        plan = self._ledger(asked, described, variables) if asked["wanted"] else _nothing(checks)
        if plan.get("failed"):
            return plan
        warned = [text for note in _own.journal() for text in note["warned"]]
        Display().display("\n".join(_receipt.plan_lines(plan, described, checks, warned)))
        _tell_of_glass(fleet["fleet_break_glass"])
        problems = _preflight.problems(plan, checks, _receipt.drained(plan)) + _unjudged(described)
        replaces = fleet["fleet_ledger_replaces"]
        problems += _preflight.foreign(described["checked"], variables["hostvars"], status, replaces)
        if problems:
            return {"failed": True, "msg": "\n".join(["Nothing was touched:", *problems])}
        todo = [host for batch in plan["batches"] for host in batch]
        _own.write("plan", {"todo": todo, "dead": asked["dead"], "unreachable": checks.unreachable})
        sizes = [len(batch) for batch in plan["batches"]] or [1]
        return {**plan, "todo": [] if self._task.check_mode else todo, "sizes": sizes}

    def _begin(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        plan, fleet = _own.read("plan"), described["fleet"]
        if not plan["todo"]:
            return {"changed": False, "msg": "there is nothing to do"}
        asked = {
            **args,
            "owner": _controller.owner(),
            "reason": fleet["fleet_reason"],
            "change": fleet["fleet_change"],
            "glass": fleet["fleet_break_glass"],
            "planned": plan["todo"],
            "since": fleet["fleet_since"],
            "dead": plan["dead"],
            "new": fleet["fleet_new"],
            "held": _TAKEN_OVER,
        }
        result = self._ledger(asked, described, variables)
        if not result.get("failed"):
            # Ages are counted on this machine's monotonic clock from here on, so that no clock's skew matters.
            ledger = {**result["ledger"], "replaces": fleet["fleet_ledger_replaces"]}
            began = {"id": result["run"], "elapsed": result["elapsed"], "at": time.monotonic()}
            _own.write("run", {**began, "ledger": ledger})
            _own.keep_leases(result["leases"], _TAKEN_OVER)
        return result

    def _ticket(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        asked = {**args, **_run(), "pools": described["pools"], "floor": described["fleet"]["fleet_floor"]}
        result = self._ledger(asked, described, variables)
        if not result.get("failed"):
            # What was waited for the turn is over before the ticket's own moment.
            _own.write("ticket", {"ticket": result["ticket"], "asked": time.monotonic()})
            result["batch"] = args["wanted"]
        return result

    def _acquire(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        ticket = _own.read("ticket")
        identities = _preflight.identities(args["wanted"], variables["hostvars"])
        asked = {**args, **_run(), **ticket, "process": identities, **_measured(described, after=ticket["asked"])}
        asked.pop("asked")
        result = self._ledger(asked, described, variables)
        if result.get("failed"):
            return result
        _own.keep_leases(result["granted"], float(args["held"]))
        if result["granted"]:
            # What an earlier run left and there is no room for now is not to be touched in this batch.
            _own.drop_leases(set(args["wanted"]) - set(result["granted"]))
        result["batch"] = args["wanted"]
        return _in_time(result, described["fleet"]["fleet_wait_deadline"])

    def _renew(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        result = self._ledger({**args, **_run()}, described, variables)
        if not result.get("failed"):
            _own.keep_leases(result["leases"], float(args["held"]))
        return result

    def _release(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        result = self._ledger({**args, **_run()}, described, variables)
        if not result.get("failed"):
            _own.drop_leases(args["wanted"])
        return result

    def _stop(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        return self._ledger({**args, **_run()}, described, variables)

    def _finish(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        plan = _own.read("plan")
        if plan is None:
            return {"failed": True, "msg": "there was no plan: nothing was touched"}
        missed = [f"{host} was not touched: {why}" for host, why in plan["unreachable"].items()]
        if not plan["todo"]:
            return {"changed": False, "failed": bool(missed), "msg": "; ".join(missed) or "there was nothing to do"}
        outcome = self._ledger({**args, **_run()}, described, variables)
        if outcome.get("failed"):
            ledger = f"{described['fleet']['fleet_ledger']} on {self.place(variables)}"
            text = f"the ledger {ledger} does not answer for this run: {outcome['msg']}"
            return {**outcome, "msg": f"{text} Out, as far as this process knows: {_held()}."}
        status = self._ledger({"action": "status", "run": outcome["run"]}, described, variables)
        lines = _receipt.receipt_lines(outcome, status.get("events", []), list(_own.journal()), _controller.age())
        Display().display("\n".join(lines))
        _tell_of_glass(described["fleet"]["fleet_break_glass"])
        missed += [] if outcome["complete"] else [outcome["msg"]]
        return {**outcome, "failed": bool(missed), "msg": "; ".join(missed) or outcome["msg"]}


def _tell_of_glass(why: str) -> None:
    if why:
        Display().display(f"  BROKEN GLASS: {why}\n  This run may go below the floor.\n", color=C.COLOR_ERROR)


def _in_time(result: dict[str, Any], deadline: float) -> dict[str, Any]:
    """The result of a grant; a failure where the batch has waited for it for too long."""
    began = _own.read("waiting")
    if not result["stale"] and not result["waiting"]:
        _own.write("waiting", None)
        return result
    if began is None:
        _own.write("waiting", began := time.monotonic())
    if time.monotonic() - began <= deadline:
        return result
    told = f"nothing was granted within {deadline:g} s (fleet_wait_deadline): {result['msg']}"
    return {**result, "failed": True, "msg": told}


def _nothing(checks: _preflight.Checks) -> dict[str, Any]:
    """The plan where no selected host was reached."""
    empty: dict[str, Any] = {name: {} for name in ("lowest", "blocked", "unhealthy")}
    lists: dict[str, Any] = {name: [] for name in ("batches", "sizes", "notes", "levels", "resumed", "done")}
    return {**empty, **lists, "changed": False, "resumes": None, "msg": "no selected host was reached"}


def _unjudged(described: Mapping[str, Any]) -> list[str]:
    """The pools whose traffic no log tells of, where it is to be verified."""
    if not described["verified"]:
        return []
    return [
        f"{source['name']}: {text}; or set instance_verify_requests to 0, to go on without a look at the traffic"
        for source in described["sources"]
        for texts in (_own.read(f"troubles-{source['name']}") or {}).values()
        for text in texts
    ]


def _held() -> str:
    described = _own.read("description")
    return ", ".join(_own.leases(described["selected"])) or "nothing"


def _run() -> dict[str, Any]:
    """The run that this process began: never one that a variable names."""
    run = _own.read("run")
    if run is None:
        raise RuntimeError("no run was begun")
    return {"run": run["id"], "owner": _controller.owner()}


def _measured(described: Mapping[str, Any], after: float) -> dict[str, Any]:
    """What the guard judges by: the configured pools, and what each source said after that moment."""
    readings: list[Any] = []
    for source in described["sources"]:
        kept = _own.read(f"reading-{source['name']}")
        if kept is None or kept["asked"] < after:
            readings.append({"source": source["name"], "error": "was not read"})
        else:
            readings += kept["readings"]
    fleet = described["fleet"]
    return {
        "floor": fleet["fleet_floor"],
        "max_out": fleet["fleet_max_out"],
        "drained": fleet["fleet_drained"],
        "fit": fleet["fleet_fit"],
        "glass": fleet["fleet_break_glass"],
        "empty": fleet["fleet_break_glass_empty"],
        "replaces": fleet["fleet_ledger_replaces"],
        "pools": described["pools"],
        "instances": {
            host: {name: one[name] for name in ("address", "probe", "points")}
            for host, one in described["instances"].items()
        },
        "readings": readings,
    }
