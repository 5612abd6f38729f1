# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module dubbo_provider_state does: look, change at the QoS port, prove by the registries."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from . import _dubbo_member, _dubbo_parting, _dubbo_quiet, _dubbo_way, _poll
from ._dubbo_calls import Calls
from ._dubbo_half import Half
from ._dubbo_member import Stand
from ._dubbo_proof import Proof
from ._dubbo_switch import OUT
from ._dubbo_task import Task
from ._dubbo_way import REGISTRY, RULE
from ._poll import NotProved

UNCHANGED = "no qos is named: nothing is changed, and rule and registry are taken only where via names them"


class Turn:
    """One call of the module: either half may be missing. `result` is what is known so far, also when it fails."""

    def __init__(
        self, task: Task, change: Half | None, proof: Proof | None, check_mode: bool, clock: _poll.Clock = time
    ) -> None:
        self._task = task
        self._change = change
        self._proof = proof
        self._check = check_mode
        self._clock = clock
        self._out = task.state == OUT
        self._barred = task.via == RULE
        self._calls = Calls(task.calls, clock) if task.calls else None
        self._stand = Stand()
        self._told: list[str] = []
        self.result: dict[str, Any] = {
            "changed": False, "before": {}, "after": {}, "waited": 0.0, "seconds": {}, "warnings": [],
        }  # fmt: skip

    def run(self) -> str:
        """What was found or done, for people. Raises what the parts raise."""
        if self._task.recheck:
            self._look()
            self._still()
            return f"still {self._task.state}"
        writes = not self._check
        with self._change.fenced(writes) if self._change else contextlib.nullcontext():
            self._look()
            self._do()
        if writes:
            self._prove()
        return "; ".join(self._told)

    def _look(self) -> None:
        """Both halves, before anything is changed; what is wrong with what was asked shows here."""
        if self._proof is not None:
            self._stand = self._proof.look()
            self.result["before"]["members"] = self.result["after"]["members"] = self._stand.facts()
            self._asked(self._proof)
        if self._calls is not None and self._out:
            self._calls.read()
        if self._change is not None:
            if self._starting:
                self._spent("started", self._change.wait_started())
            self._change.look()
            self._keep(self._change)
            self.result["warnings"] += self._change.warnings
        elif self._out and self._task.via == _dubbo_way.AUTO:
            self.result.update(chose=None, why=UNCHANGED)
        if self._out and self._proof is not None and not self._task.recheck:
            # A process that has nothing registered is out already, and nowhere to be found.
            if self._change is None or self._change.wrong or self._task.via in _dubbo_way.WRITES:
                _dubbo_parting.listed(self._proof.read, self._stand, self._task.known)
            _dubbo_parting.alone(self._proof.read, self._stand)
            self.result["warnings"] += _dubbo_parting.warnings(self._stand, self._task.services)

    @property
    def _starting(self) -> bool:
        task = self._task
        comes = not self._out and bool(task.was) and task.restarted
        return (task.starting or comes) and not (task.recheck or self._check)

    def _asked(self, proof: Proof) -> None:
        task = self._task
        if task.services and (self._barred or self._change is None):
            _dubbo_parting.asked(proof.read, self._stand, task.known, task.services)
        if task.services and self._out and not self._barred:
            self.result["warnings"] += _dubbo_parting.untold(proof.read, self._stand)
        if not self._out and not self._barred:
            _dubbo_parting.kept(proof.read, task.members)
        if not self._out and task.via == REGISTRY and self._change is None and not task.restarted:
            _dubbo_parting.lost(proof.unsettled(self._stand, False))
        proof.vouched = self._change is not None

    def _keep(self, change: Half) -> None:
        for name in ("before", "after"):
            if name in change.result:
                self.result[name]["services"] = change.result[name]
        self.result.update(
            {name: change.result[name] for name in ("chose", "why", "diff", "written") if name in change.result}
        )

    def _still(self) -> None:
        """Whether it is still so."""
        wrong = list(self._change.wrong) if self._change else []
        if self._proof is not None and self._out:
            wrong += self._proof.present(self._stand, self._barred)
        elif self._proof is not None:
            wrong += self._proof.unsettled(self._stand, self._task.restarted)
        if wrong:
            raise NotProved(f"NOT {self._task.state} any more: {'; '.join(wrong)}", 0.0)

    def _do(self) -> None:
        if self._change is None:
            self._told += ["nothing would be changed, since no qos is named"] if self._check else []
        elif not self._change.wrong:
            self._told.append("nothing to change")
        else:
            # Also of a command whose answer was lost nobody knows that it did nothing.
            self.result["changed"] = True
            self._told.append(self._change.preview() if self._check else self._change.make())
            self._keep(self._change)
            if not self._check:
                self._spent("command", self._change.result["seconds"])
        if self._calls is not None and not self._check:
            self._calls.begin()

    def _prove(self) -> None:
        try:
            if self._proof is not None and self._out:
                self._prove_out(self._proof)
                self._see_quiet()
            elif self._proof is not None:
                self._prove_back(self._proof)
            if self._calls is not None and not self._out:
                self._see_call(self._calls)
        except NotProved as error:
            self.result["waited"] = round(self.result["waited"] + error.waited, 3)
            self._told.append(f"NOT proved {self._task.state}: {error}")
            raise NotProved("; ".join(self._told), error.waited) from error
        finally:
            if self._calls is not None and self._out:
                self.result["last_call"] = self._calls.last

    def _watch(self) -> None:
        if self._calls is not None:
            self._calls.look()

    def _prove_out(self, proof: Proof) -> None:
        settle = self._settle()
        self.result["settle"] = {"seconds": settle.seconds, "why": settle.why}
        proof.watch = self._watch
        task = self._task
        try:
            gone = proof.out(settle.seconds, barred=self._barred, deadline=task.deadline, interval=task.interval)
        finally:
            if not self._barred:
                self.result["gone"] = proof.gone
            else:
                self.result["barred"] = [one.facts() for one in proof.seats(proof.last)]
        self.result["after"]["members"] = gone.stand.facts()
        what = "barred" if self._barred else "absent"
        self._spent(what, gone.ready)
        self._spent("settle", gone.total - gone.ready)
        how = "kept from consumers by rules in" if self._barred else "absent from"
        self._told.append(
            f"{how} every registry after {gone.ready:.1f} s and for {gone.total - gone.ready:.1f} s since "
            f"({settle.why})"
        )

    def _settle(self) -> _dubbo_way.Settle:
        """How long its consumers may still call it."""
        way = self._task.via
        if self._change is not None and not self._barred:
            # Who is out already may have gone by any way.
            way = self._change.result["chose"] if self.result["changed"] else _dubbo_way.QOS
        protocols = _dubbo_member.protocols(one for nodes in self._stand.nodes.values() for one in nodes)
        least = _dubbo_way.settle(way, protocols.union(*(one.protocols for one in self._task.known.values())))
        asked = self._task.settle
        if asked is None:
            return least
        if asked < least.seconds:
            text = f"settle {asked:g} s is less than the {least.seconds:g} s that consumers may need: {least.why}"
            self.result["warnings"].append(text)
        return _dubbo_way.Settle(asked, "as asked")

    def _see_quiet(self) -> None:
        if self._task.idle:
            told, waited = _dubbo_quiet.see(self._task, self._watch, self._clock)
            self._spent("quiet", waited)
            self._told.append(told)

    def _prove_back(self, proof: Proof) -> None:
        task = self._task
        try:
            back = proof.back(task.restarted, deadline=task.deadline, interval=task.interval)
        except NotProved as error:
            hint = ". Deleted nodes come back by a restart, or by qos with restarted: false"
            raise NotProved(f"{error}{hint if task.via == REGISTRY else ''}", error.waited) from error
        self.result["after"]["members"] = back.stand.facts()
        self._spent("registered", back.total)
        self._told.append(f"registered after {back.total:.1f} s, with no node of an earlier process")

    def _see_call(self, calls: Calls) -> None:
        """Until the first one arrives."""
        outcome = _poll.poll(
            calls.look, bool, deadline=self._task.deadline, interval=self._task.interval, clock=self._clock
        )
        self.result["first_call"] = calls.last
        if not outcome.ok:
            what = f"after {outcome.waited:.1f} s: no call arrived"
            raise NotProved(f"{what}. {calls.unread}" if calls.unread else what, outcome.waited)
        self._spent("called", outcome.waited)
        self._told.append(f"called after {calls.last:.1f} s")

    def _spent(self, what: str, seconds: float) -> None:
        self.result["seconds"][what] = round(seconds, 3)
        self.result["waited"] = round(self.result["waited"] + seconds, 3)
