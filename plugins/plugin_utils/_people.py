# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person's playbooks (status, stop, restore, watchdog) ask of a service's ledger."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ansible.utils.display import Display
from ansible_collections.lossless.restart.plugins.module_utils import _target, _watch
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused
from ansible_collections.lossless.restart.plugins.module_utils._params import Params
from ansible_collections.lossless.restart.plugins.plugin_utils import _alarms, _controller, _own
from ansible_collections.lossless.restart.plugins.plugin_utils._measured import measured

Result = dict[str, Any]
Ask = Callable[[Result, Mapping[str, Any], dict[str, Any]], Result]


def description(args: Mapping[str, Any], host: str) -> Any:
    """The description of the service that the call names, or that the host is of; None outside these playbooks."""
    service = args.get("service") or (_own.read("services") or {}).get(host)
    return _own.read(f"description {service}")


def steps(ask: Ask, check_mode: bool, described: Mapping[str, Any]) -> dict[str, Callable[..., Result]]:
    """What the actions of the guard do instead in such a playbook."""
    if "entry" not in described:
        return {}
    found = {"look": _look, "stop": _stop, "recover": _recover, "finish": _finish}
    kept = {"renew": _renew, "release": _release}
    return {
        **{name: functools.partial(step, ask) for name, step in found.items()},
        **{name: functools.partial(step, ask, check_mode) for name, step in kept.items()},
    }


class _Lost:
    """A ledger whose host was not reached."""

    def __init__(self, why: str) -> None:
        self.why = why

    def snapshot(self) -> Any:
        raise Refused(self.why)


def _look(ask: Ask, args: Result, described: Mapping[str, Any], variables: dict[str, Any]) -> Result:
    asked = {**args, "service": described["service"], **measured(described, after=0.0)}
    result = ask(asked, described, variables)
    if result.get("failed"):
        # The pools are told without the ledger, and probed from here.
        lost: Any = _Lost(str(result["msg"]))
        try:
            result = _watch.look(lost, Params(asked), _target.check)
        except Refused:
            return result
    dead = set(_controller.dead(result["runs"]))
    runs = [{**run, "life": _alarms.life(run, dead)} for run in result["runs"]]
    found = {**result, "runs": runs, "ledger": f"{described['fleet']['fleet_ledger']} on {described['ledger_host']}"}
    gone = any(run["life"] in (_alarms.DEAD, _alarms.SILENT) for run in runs)
    heals = described["fleet"].get("fleet_watchdog_heal") == "healthy"
    found |= {"alarms": _alarms.alarms(found), "heal": described["selected"] if gone and heals else []}
    _own.write(f"look {described['service']}", found)
    return found


def _stop(ask: Ask, args: Result, described: Mapping[str, Any], variables: dict[str, Any]) -> Result:
    fleet = described["fleet"]
    reason = f": {fleet['fleet_reason']}" if fleet["fleet_reason"] else ", who gave no reason"
    asked = {**args, "run": fleet["fleet_run"], "why": f"stopped by {_controller.owner()['name']}{reason}"}
    result = ask(asked, described, variables)
    if not result.get("failed"):
        Display().display("\n".join(f"{described['service']}: {line}" for line in result["msg"].splitlines()))
    return result


def _recover(ask: Ask, args: Result, described: Mapping[str, Any], variables: dict[str, Any]) -> Result:
    """Asked for by a person, also what a run kept out on purpose; a timer leaves that alone."""
    status = ask({"action": "status"}, described, variables)
    if status.get("failed"):
        return status
    who = {"dead": _controller.dead(status["runs"]), "owner": _controller.owner()}
    asked = {**args, **who, "stopped": described["entry"] == "restore", **measured(described, after=0.0)}
    result = ask(asked, described, variables)
    if not result.get("failed"):
        _own.keep_leases(result["granted"], float(args["held"]))
        _own.write(f"recovered {described['service']}", result)
    return result


def _renew(ask: Ask, check_mode: bool, args: Result, described: Mapping[str, Any], variables: dict[str, Any]) -> Result:
    """In check mode nothing was taken over: the step is kept for this process alone, to show what it would do."""
    held = _own.leases(args["wanted"])
    if check_mode:
        result: Result = {"changed": True, "msg": "would go on", "leases": held}
        result["leases"] = {host: {**lease, "step": args["step"]} for host, lease in held.items()}
    else:
        result = ask({**args, **_as(held)}, described, variables)
    if not result.get("failed"):
        _own.keep_leases(result["leases"], float(args["held"]))
    return result


def _release(
    ask: Ask, check_mode: bool, args: Result, described: Mapping[str, Any], variables: dict[str, Any]
) -> Result:
    if check_mode:
        return {"changed": True, "msg": f"would release {', '.join(args['wanted'])}"}
    result = ask({**args, **_as(_own.leases(args["wanted"]))}, described, variables)
    if not result.get("failed"):
        _own.drop_leases(args["wanted"])
    return result


def _as(held: Mapping[str, Mapping[str, Any]]) -> Result:
    """As the run whose leases these are: this process took them over."""
    runs = {str(lease["run"]) for lease in held.values()}
    if len(runs) != 1:
        raise RuntimeError(f"the leases of {', '.join(held) or 'no host'} are not of one run")
    return {"run": runs.pop(), "owner": _controller.owner()}


def _finish(ask: Ask, args: Result, described: Mapping[str, Any], variables: dict[str, Any]) -> Result:
    """Bring to an end what was taken over, so that the same command goes on with it. A dead run that still holds
    something is left as that: what is out does not go unnoticed."""
    taken = _own.read(f"recovered {described['service']}") or {"recovered": [], "reported": []}
    status = ask({"action": "status"}, described, variables)
    if status.get("failed"):
        return status
    holding = {run["id"] for run in status["runs"] if run["holds"]}
    ended = [run for run in taken["recovered"] if run not in holding or run in taken["reported"]]
    results = [ask({**args, "run": run, "owner": _controller.owner()}, described, variables) for run in ended]
    wrong = [str(result["msg"]) for result in results if result.get("failed")]
    return {"changed": bool(ended), "failed": bool(wrong), "msg": "; ".join(wrong) or f"ended {len(ended)} runs"}
