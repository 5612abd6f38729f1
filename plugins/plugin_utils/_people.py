# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person's playbooks (status, stop, restore, watchdog) ask of a service's ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.utils.display import Display
from ansible_collections.lossless.restart.plugins.module_utils import _target, _watch, _word
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused
from ansible_collections.lossless.restart.plugins.module_utils._params import Params
from ansible_collections.lossless.restart.plugins.plugin_utils import (
    _alarms,
    _controller,
    _own,
    _pushing,
    _receipt_files,
    _records,
    _signing,
    _status_lines,
)
from ansible_collections.lossless.restart.plugins.plugin_utils._asked import measured

Result = dict[str, Any]


def description(args: Mapping[str, Any], host: str) -> Any:
    """The description of the service that the call names, or that the host is of; None outside these playbooks."""
    service = args.get("service") or (_own.read("services") or {}).get(host)
    return _own.read(f"description {service}")


class _Lost:
    """A ledger whose host was not reached."""

    def __init__(self, why: str) -> None:
        self.why = why

    def snapshot(self) -> Any:
        raise Refused(self.why)


class People:
    """The guard's actions in such a playbook. ask: makes the call with what is given and what is described."""

    def __init__(self, ask: Callable[[Result], Result], described: Mapping[str, Any], check_mode: bool) -> None:
        self._ask = ask
        self._described = described
        self._check_mode = check_mode
        self._service = str(described["service"])

    def do(self, args: Result) -> Result:
        steps: dict[str, Callable[[Result], Result]] = {
            "look": self._look,
            "stop": self._stop,
            "approve": self._approve,
            "history": self._history,
            "journal": self._journal,
            "recover": self._recover,
            "renew": self._renew,
            "release": self._release,
            "finish": self._finish,
        }
        return steps[args["action"]](args)

    def _look(self, args: Result) -> Result:
        asked = {**args, "service": self._service, **measured(self._described, after=0.0)}
        result = self._ask(asked)
        if result.get("failed"):
            # The pools are told without the ledger, and probed from here.
            lost: Any = _Lost(str(result["msg"]))
            try:
                result = _watch.look(lost, Params(asked), _target.check)
            except Refused:
                return result
        fleet = self._described["fleet"]
        dead = set(_controller.dead(result["runs"]))
        runs = [{**run, "life": _alarms.life(run, dead)} for run in result["runs"]]
        gone = any(run["life"] in (_alarms.DEAD, _alarms.SILENT) for run in runs)
        heals = gone and fleet.get("fleet_watchdog_heal") == "healthy"
        found = {**result, "runs": runs, "ledger": f"{fleet['fleet_ledger']} on {fleet['fleet_ledger_host']}"}
        found |= {"push_trouble": self._push(result)}
        found |= {"alarms": _alarms.alarms(found), "heal": self._described["selected"] if heals else []}
        _own.write(f"look {self._service}", found)
        return found

    def _push(self, look: Result) -> str:
        """The watchdog hands the journal on."""
        if self._described.get("entry") != "watchdog" or look["ledger_trouble"] or self._check_mode:
            return ""
        return _pushing.push(self._described["fleet"], self._ask)

    def _stop(self, args: Result) -> Result:
        status = self._ask({"action": "status"})
        if status.get("failed"):
            return status
        fleet = self._described["fleet"]
        reason = f": {fleet['fleet_reason']}" if fleet["fleet_reason"] else ", who gave no reason"
        why = f"by {_controller.owner()['name']}{reason}"
        result = self._ask({**args, "run": fleet["fleet_run"], "why": why})
        if not result.get("failed"):
            dead = [run for run in _controller.dead(status["runs"]) if run in result["stopped"]]
            lines = [("would be so: " if self._check_mode else "") + line for line in result["msg"].splitlines()]
            lines += [f"run {run} is DEAD and ends nothing: see restore.yml -l {self._service}" for run in dead]
            Display().display("\n".join(f"{self._service}: {line}" for line in lines))
        return result

    def _approve(self, args: Result) -> Result:
        """Show what waits; sign the one request that was named, with the person's own key, or let the run go on."""
        fleet = self._described["fleet"]
        if fleet["fleet_run"]:
            return self._go_on(fleet["fleet_run"])
        status = self._ask({"action": "status"})
        if status.get("failed"):
            return status
        mine = [one for one in status["requests"] if one["plan"]["service"] == self._service]
        named = fleet["fleet_approve"]
        if not named:
            lines = [_status_lines.request(one, status["at"]) for one in mine]
            waits = [one for one in status["runs"] if one["service"] == self._service and _status_lines.waits(one)]
            lines += [
                f"  run {one['id']} {_word.waiting_text(one['word'], status['at'])}: "
                + _status_lines.word_command(one["id"], self._service)
                for one in waits
            ]
            Display().display("\n".join(lines or [f"{self._service}: nothing waits for an approval"]))
            return {"changed": False, "msg": f"{len(mine)} requests, {len(waits)} runs"}
        found = [one for one in mine if one["id"] == named]
        if not found:
            return {"failed": True, "msg": f"{self._service} has no request {named}: it was used, or has expired"}
        Display().display(_status_lines.request(found[0], status["at"]))
        if not fleet["fleet_approval_key"]:
            return {"failed": True, "msg": "fleet_approval_key is not set: name your key, as in ~/.ssh/id_ed25519"}
        if self._check_mode:
            return {"changed": True, "msg": f"would sign {named}"}
        try:
            signature = _signing.sign(found[0]["text"], fleet["fleet_approval_key"])
        except ValueError as error:
            return {"failed": True, "msg": str(error)}
        result = self._ask({**args, "request": named, "signature": signature})
        if not result.get("failed"):
            Display().display(result["msg"])
        return result

    def _go_on(self, run: str) -> Result:
        """Let a run go on that waits after its canary."""
        result = self._ask({"action": "go_on", "run": run})
        if not result.get("failed"):
            Display().display(("would be so: " if self._check_mode else "") + result["msg"])
        return result

    def _history(self, args: Result) -> Result:
        """The receipt of the run that was named, once more; else the runs, a line each."""
        fleet = self._described["fleet"]
        if fleet["fleet_run"]:
            result = self._ask({"action": "status", "run": fleet["fleet_run"]})
            lines = [] if result.get("failed") else self._receipt(result, fleet)
        else:
            result = self._ask({**args, **_records.times(fleet)})
            lines = [] if result.get("failed") else _records.list_lines(self._service, result)
        Display().display("\n".join(lines))
        return result

    def _receipt(self, status: Result, fleet: Mapping[str, Any]) -> list[str]:
        name, folder = fleet["fleet_run"], fleet["fleet_receipts"]
        lines = _records.run_lines(status, name)
        if not folder or self._check_mode:
            return lines
        return [*lines, f"  receipt: {_receipt_files.write(folder, _records.facts(status, name), lines)}", ""]

    def _journal(self, args: Result) -> Result:
        heads = [head for head in [self._described["fleet"]["fleet_journal_head"]] if head]
        result = self._ask({**args, "heads": heads})
        if not result.get("failed"):
            Display().display(f"  {result['msg']}\n")
            result["failed"] = not result["whole"]
        return result

    def _recover(self, args: Result) -> Result:
        """Asked for by a person, also what a run kept out on purpose; a timer leaves that alone."""
        result = self._ask({"action": "status"})
        if not result.get("failed"):
            # Hosts compare it with the one that they know.
            replaces = self._described["fleet"]["fleet_ledger_replaces"]
            ledger = {"id": result["id"], "place": result["place"], "replaces": replaces}
            _own.write(f"ledger {self._service}", ledger)
            who = {"dead": _controller.dead_owners(result["runs"]), "owner": _controller.owner()}
            stopped = self._described["entry"] == "restore"
            result = self._ask({**args, **who, "stopped": stopped, **measured(self._described, after=0.0)})
        if result.get("failed"):
            # Said once, and not by every host.
            return {**result, "batch": [self._service]}
        _own.keep_leases(result["granted"], float(args["held"]))
        _own.write(f"recovered {self._service}", result)
        return result

    def _renew(self, args: Result) -> Result:
        """The step is this process's alone: to put back is no step of the run's, which goes on from where it was."""
        step = args.pop("step")
        held = _own.leases(args["wanted"])
        result: Result = {"changed": True, "msg": "would go on", "leases": held}
        if not self._check_mode:
            result = self._ask({**args, **_as(held)})
        if not result.get("failed"):
            leases = {host: {**lease, "step": step} for host, lease in result["leases"].items()}
            _own.keep_leases(leases, float(args["held"]))
        return result

    def _release(self, args: Result) -> Result:
        """What its run had restarted is done by now: it is healthy, in traffic and judged. All else is still to do."""
        held = _own.leases(args["wanted"])
        done = all(_restarted(host, lease) for host, lease in held.items())
        result = self._ask({**args, **_as(held), "done": done})
        if not result.get("failed"):
            _own.end_leases(args["wanted"], _own.RESTORED)
        return result

    def _finish(self, args: Result) -> Result:
        """Bring to an end what was taken over, so that the same command goes on with it. A dead run that still holds
        something stays dead: what is out does not go unnoticed."""
        taken = _own.read(f"recovered {self._service}")
        if not taken or not taken["recovered"]:
            return {"changed": False, "msg": "nothing was taken over"}
        status = self._ask({"action": "status"})
        if status.get("failed"):
            return status
        holding = {run["id"] for run in status["runs"] if run["holds"]}
        ended = [run for run in taken["recovered"] if run not in holding or run in taken["reported"]]
        mine = {"owner": _controller.owner(), "stopped": True}
        results = [self._ask({**args, "run": run, **mine}) for run in ended]
        wrong = [str(result["msg"]) for result in results if result.get("failed")]
        return {"changed": bool(ended), "failed": bool(wrong), "msg": "; ".join(wrong) or f"ended {len(ended)} runs"}


def _restarted(host: str, lease: Mapping[str, Any]) -> bool:
    """Whether the process of now is another than the one that ran when the lease was granted."""
    now = _own.process(host)
    return bool(lease["process"] and now and now != lease["process"])


def _as(held: Mapping[str, Mapping[str, Any]]) -> Result:
    """As the run whose leases these are: this process took them over."""
    runs = {str(lease["run"]) for lease in held.values()}
    if len(runs) != 1:
        raise RuntimeError(f"the leases of {', '.join(held) or 'no host'} are not of one run")
    return {"run": runs.pop(), "owner": _controller.owner()}
