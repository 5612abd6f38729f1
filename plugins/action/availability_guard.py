# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks the ledger on behalf of this one process, and keeps what it granted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.utils.display import Display
from ansible_collections.lossless.restart.plugins.module_utils import _ledger_place
from ansible_collections.lossless.restart.plugins.plugin_utils import (
    _alone,
    _asked,
    _bake,
    _controller,
    _gates,
    _news,
    _own,
    _people,
    _preflight,
    _pushing,
    _receipt,
    _receipt_facts,
    _receipt_files,
    _records,
    _silences,
    _telling,
)
from ansible_collections.lossless.restart.plugins.plugin_utils._action import FleetAction

# Seconds for which leases that an earlier run left are held until their batch's turn.
_TAKEN_OVER = 600.0
# What asks for more: it ends with the first Ctrl-C.
_ASKING = ("ticket", "acquire")


class ActionModule(FleetAction):
    """Fills in what this process knows: the service's description, its run, what the sources said."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        batch, person = args.pop("batch", None), _people.description(args, str(variables["inventory_hostname"]))
        described = person or _own.read("description")
        if described is None or (not person and args.get("action") == "status"):
            return self.call(args, variables)
        step = self._for_person if person else self._for_run
        if batch is None:
            return step(args, described, variables)
        return self.once(batch, variables, lambda: step(args, described, variables))

    def _for_run(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Ask for the run, then tell whoever has to hear of it."""
        steps: dict[str, Callable[..., dict[str, Any]]] = {
            "plan": self._plan,
            "begin": self._begin,
            "ticket": self._ticket,
            "acquire": self._acquire,
            "renew": self._renew,
            "release": self._release,
            "stop": self._stop,
            "wait": self._wait,
            "finish": self._finish,
        }
        result = steps[args["action"]](args, described, variables)
        self._tell(args["action"], result, described, variables)
        if args["action"] == "finish" and not _alone.unreached(result):
            self._push(described, variables)
        return result

    def _tell(self, action: str, result: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> None:
        """Tell people what there is to tell, and put on record who was told. It fails nothing."""
        if self._task.check_mode or not _own.read("channels"):
            return
        for event, facts in _news.of(action, result, described["fleet"], _own.journal()):
            told = _telling.tell(event, described, facts)
            if told and not _alone.unreached(result):
                run = {"run": facts["run"]} if facts.get("run") else {}
                about = f"{event}-rehearsal" if facts.get("rehearsal") else event
                kept = self._ledger({"action": "told", "about": about, **run, **told}, described, variables)
                if kept.get("failed"):
                    Display().display(f"  NOT ON RECORD, who was told ({event}): {kept['msg']}")

    def _for_person(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The same for status, stop, restore and watchdog."""
        check_mode, awx = bool(self._task.check_mode), {"awx": _asked.awx(variables)}

        def ask(asked: dict[str, Any]) -> dict[str, Any]:
            return self._ledger({**awx, **asked}, described, variables)

        return _people.People(ask, described, check_mode).do(args)

    def _ledger(
        self, args: Mapping[str, Any], described: Mapping[str, Any], variables: dict[str, Any]
    ) -> dict[str, Any]:
        if args["action"] in _ASKING and _own.halted():
            return {"failed": True, "halted": True, "msg": _own.halted()}
        settings = {name: described["fleet"][f"fleet_ledger_{name}"] for name in _ledger_place.EXTRA}
        asked = {"ledger": described["fleet"]["fleet_ledger"], **settings, "service": described["service"], **args}
        return self.call(asked, variables)

    def _push(self, described: dict[str, Any], variables: dict[str, Any]) -> None:
        trouble = _pushing.push(described["fleet"], lambda asked: self._ledger(asked, described, variables))
        if trouble:
            Display().display(f"  NOT SHIPPED: {trouble}")

    def _silencing(self, variables: dict[str, Any]) -> _silences.Call:
        return lambda args: self.call(args, variables, _silences.MODULE)

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
            "dead": _controller.dead_owners(status["runs"]),
            "owner": _controller.owner(),
            "new": fleet["fleet_new"],
            "take_over": fleet["fleet_take_over"],
            "reason": fleet["fleet_reason"],
            "change": fleet["fleet_change"],
            **_asked.allowed(described, variables),
            **_asked.measured(described, after=0.0),
        }
        plan = self._ledger(asked, described, variables) if asked["wanted"] else _asked.nothing(checks)
        if plan.get("failed"):
            return plan
        warned = [text for note in _own.journal() for text in note["warned"]]
        Display().display("\n".join(_receipt.plan_lines(plan, described, checks, warned)))
        _tell_of_glass(fleet["fleet_break_glass"])
        problems = [*plan.get("against", []), *_gates.closed(fleet, self.call, variables)]
        problems += _preflight.problems(plan, checks, _receipt.drained(plan)) + _asked.unjudged(described)
        replaces = fleet["fleet_ledger_replaces"]
        problems += _preflight.foreign(described["checked"], variables["hostvars"], status, replaces)
        if problems:
            return {"failed": True, "msg": "\n".join(["Nothing was touched:", *problems])}
        todo = [host for batch in plan["batches"] for host in batch]
        planned = todo or _asked.unreported(plan)
        kept = {
            "planned": planned,
            "resumes": plan["resumes"] or {},
            "dead": asked["dead"],
            "unreachable": checks.unreachable,
            "confirm": bool((plan.get("policy") or {}).get("confirm")),
            "service": described["service"],
            **{name: plan.get(name) for name in ("batches", "lowest", "expected")},
        }
        _own.write("plan", kept)
        sizes = [len(batch) for batch in plan["batches"]] or [1]
        only_said = self._task.check_mode or fleet["fleet_rehearse"] or fleet["fleet_ask"]
        return {**plan, "todo": [] if only_said else todo, "sizes": sizes}

    def _begin(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        plan, fleet = _own.read("plan"), described["fleet"]
        if not plan["planned"]:
            return {"changed": False, "msg": "there is nothing to do"}
        if fleet["fleet_rehearse"]:
            return {"changed": False, "rehearsal": True, "planned": plan["planned"], "msg": "a rehearsal begins no run"}
        asked = {
            **args,
            "owner": _controller.owner(),
            "reason": fleet["fleet_reason"],
            "change": fleet["fleet_change"],
            "glass": fleet["fleet_break_glass"],
            "planned": plan["planned"],
            "resumes": plan["resumes"],
            "since": fleet["fleet_since"],
            "dead": plan["dead"],
            "new": fleet["fleet_new"],
            "take_over": fleet["fleet_take_over"],
            "held": _TAKEN_OVER,
            "confirm": fleet["fleet_confirm"],
            "selected": described["selected"],
            "link": _telling.link(fleet),
            **{name: fleet[f"fleet_{name}"] for name in ("pace", "floor", "max_out", "drained", "fit")},
            "empty": fleet["fleet_break_glass_empty"],
            **_asked.allowed(described, variables),
        }
        if fleet["fleet_ask"]:
            result = self._ledger({**asked, "action": "ask"}, described, variables)
            if not result.get("failed"):
                Display().display(f"  {result['msg']}\n")
            return result
        if plan["confirm"] and not asked["confirm"]:
            asked["confirm"] = _confirmed(described["service"])
        result = self._ledger(asked, described, variables)
        if not result.get("failed"):
            ledger = {**result["ledger"], "replaces": fleet["fleet_ledger_replaces"]}
            _own.write("run", {"id": result["run"], "ledger": ledger})
            _own.keep_since(result["elapsed"])
            _own.keep_leases(result["leases"], _TAKEN_OVER)
        return result

    def _ticket(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        # Before the ticket, which is good for some seconds only.
        closed = _gates.closed(described["fleet"], self.call, variables)
        if closed:
            return {"failed": True, "msg": "\n".join(closed)}
        asked = {**args, **_asked.run(), "pools": described["pools"], "floor": described["fleet"]["fleet_floor"]}
        result = self._ledger(asked, described, variables)
        if not result.get("failed"):
            # What was waited for the turn is over before the ticket's own moment.
            _own.write("ticket", {"ticket": result["ticket"], "asked": time.monotonic()})
            result["batch"] = args["wanted"]
        return result

    def _acquire(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        ticket = _own.read("ticket")
        identities = _preflight.identities(args["wanted"], variables["hostvars"])
        asked = {
            **args,
            **_asked.run(),
            **ticket,
            "process": identities,
            **_asked.allowed(described, variables),
            **_asked.measured(described, after=ticket["asked"]),
        }
        asked.pop("asked")
        result = self._ledger(asked, described, variables)
        if result.get("failed"):
            return result
        _own.keep_leases(result["granted"], float(args["held"]))
        if result["granted"]:
            # What an earlier run left and there is no room for now is not to be touched in this batch.
            _own.drop_leases(set(args["wanted"]) - set(result["granted"]))
            _silences.keep(described, result["granted"], float(args["held"]), self._silencing(variables))
        result["batch"] = args["wanted"]
        return _asked.in_time(result, described["fleet"]["fleet_wait_deadline"])

    def _renew(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        result = self._ledger({**args, **_asked.run()}, described, variables)
        if not result.get("failed"):
            _own.keep_leases(result["leases"], float(args["held"]))
            _own.keep_since(result["elapsed"])
            _silences.keep(described, result["leases"], float(args["held"]), self._silencing(variables))
        elif _alone.unanswered(result) and args["step"] == _own.ATTACHING:
            return _alone.attach(args["wanted"], float(args["held"]), result["msg"])
        return result

    def _release(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        only = args.pop("step", None)
        held = [lease["step"] for lease in _own.leases(args["wanted"]).values()]
        if only and held != [only] * len(args["wanted"]):
            return {"changed": False, "msg": f"{', '.join(args['wanted'])}: not at step {only}"}
        undone = [host for host in args["wanted"] if only and _own.undone(host)]
        if undone:
            return {"changed": False, "msg": f"{', '.join(undone)}: not back everywhere, so the lease is kept"}
        result = self._ledger({**args, **_asked.run()}, described, variables)
        if not result.get("failed") or _alone.unanswered(result):
            _own.end_leases(args["wanted"], _own.DONE if args.get("done") else _own.RESTORED)
            _silences.end(described, args["wanted"], self._silencing(variables))
        return result

    def _stop(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        # A signal is the run's own end, whichever host met it first.
        why = _own.halted() or ""
        told = {"why": why} if why and args["why"].endswith(why) else {}
        return self._ledger({**args, **told, **_asked.run()}, described, variables)

    def _wait(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Until a person has said whether the run goes on after its canary; else it is granted nothing more."""
        within = described["fleet"]["fleet_bake_deadline"]

        def ask() -> dict[str, Any]:
            more = {"within": within, "awx": _asked.awx(variables)}
            return self._ledger({**args, **_asked.run(), **more}, described, variables)

        def give(run: str) -> dict[str, Any]:
            more = {"action": "go_on", "run": run, "awx": _asked.awx(variables)}
            return self._ledger(more, described, variables)

        def tell(text: str) -> None:
            self._tell("wait", {"said": text, **_asked.run()}, described, variables)

        ledger = _bake.Ledger(ask, give, tell)
        result, why = _bake.wait(ledger, described["service"], _asked.run()["run"], within)
        if not why:
            return result
        stopped = self._ledger({"action": "stop", "why": why, **_asked.run()}, described, variables)
        return {**stopped, "given": False, "msg": f"{why}; {stopped['msg']}"}

    def _finish(self, args: dict[str, Any], described: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        plan = _own.read("plan")
        if plan is None:
            return {"failed": True, "msg": "there was no plan: nothing was touched"}
        missed = [f"{host} was not touched: {why}" for host, why in plan["unreachable"].items()]
        if not plan["planned"]:
            return {"changed": False, "failed": bool(missed), "msg": "; ".join(missed) or "there was nothing to do"}
        if described["fleet"]["fleet_rehearse"]:
            Display().display("\n".join(_receipt.rehearsal_lines(described["service"], plan, _controller.age())))
            return {
                "changed": False,
                "rehearsal": True,
                "planned": plan["planned"],
                "msg": "; ".join(missed) or "rehearsed",
            }
        if described["fleet"]["fleet_ask"]:
            return {"changed": False, "failed": bool(missed), "msg": "; ".join(missed) or "no run was to be begun"}
        _silences.end(described, plan["planned"], self._silencing(variables))
        outcome = self._ledger({**args, **_asked.run()}, described, variables)
        if outcome.get("failed"):
            ledger = f"{described['fleet']['fleet_ledger']} on {self.place(variables)}"
            return _alone.report(outcome, plan["planned"], ledger)
        status = self._ledger({"action": "status", "run": outcome["run"]}, described, variables)
        lines = _receipt.receipt_lines(outcome, status.get("events", []), list(_own.journal()), _controller.age())
        Display().display("\n".join([*lines, *_filed(described, outcome, status, lines)]))
        _tell_of_glass(described["fleet"]["fleet_break_glass"])
        missed += [] if outcome["complete"] else [outcome["msg"]]
        return {**outcome, "failed": bool(missed), "msg": "; ".join(missed) or outcome["msg"]}


def _filed(
    described: Mapping[str, Any], outcome: Mapping[str, Any], status: Mapping[str, Any], lines: list[str]
) -> list[str]:
    """Where the receipt's files are; a failure to write them fails no run."""
    folder = described["fleet"]["fleet_receipts"]
    if not folder or status.get("failed"):
        return []
    run = _records.run_of(status, outcome["run"])
    receipt = _receipt_facts.facts(
        run, status["events"], outcome["out"], list(_own.journal()), outcome.get("journal", "")
    )
    try:
        return [f"  receipt: {_receipt_files.write(folder, receipt, lines)}", ""]
    except OSError as error:
        return [f"  NOT WRITTEN: the receipt's files: {error.filename or folder}: {error.strerror}", ""]


def _confirmed(service: str) -> str:
    """The service's name as a person types it; empty where there is no terminal, and so nobody to ask."""
    try:
        typed = Display().prompt_until(f"  This is production. Type the name of the service to go on ({service}): ")
    except AnsibleError:
        return ""
    return str(typed.decode(errors="replace")).strip()


def _tell_of_glass(why: str) -> None:
    if why:
        Display().display(f"  BROKEN GLASS: {why}\n  This run may go below the floor.\n", color=C.COLOR_ERROR)
