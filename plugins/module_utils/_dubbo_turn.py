# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module dubbo_provider_state does: look, change at the QoS port, prove by the registries."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from . import _dubbo_member, _dubbo_parting, _dubbo_quiet, _dubbo_way, _poll
from ._dubbo_change import Change
from ._dubbo_member import Stand
from ._dubbo_proof import NotProved, Proof
from ._dubbo_switch import OUT
from ._dubbo_task import Task


class Turn:
    """One call of the module: either half may be missing. `result` is what is known so far, also when it fails."""

    def __init__(
        self, task: Task, change: Change | None, proof: Proof | None, check_mode: bool, clock: _poll.Clock = time
    ) -> None:
        self._task = task
        self._change = change
        self._proof = proof
        self._check = check_mode
        self._clock = clock
        self._out = task.state == OUT
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
        if self._proof is not None and writes:
            self._prove(self._proof)
        return "; ".join(self._told)

    def _look(self) -> None:
        """Both halves, before anything is changed; what is wrong with what was asked shows here."""
        if self._proof is not None:
            self._stand = self._proof.look()
            self.result["before"]["members"] = self.result["after"]["members"] = self._stand.facts()
        if self._change is not None:
            self._change.look()
            self._keep(self._change)
        if self._out and self._change is not None:
            self.result["warnings"] += _dubbo_parting.partly(self._change.said)
        if self._out and self._proof is not None and not self._task.recheck:
            # A process that has nothing registered is out already, and nowhere to be found.
            if self._change is None or self._change.wrong:
                _dubbo_parting.listed(self._proof.read, self._stand, self._task.known)
            _dubbo_parting.alone(self._proof.read, self._stand)
            self.result["warnings"] += _dubbo_parting.warnings(self._stand)

    def _keep(self, change: Change) -> None:
        result = change.result
        self.result["before"]["services"], self.result["after"]["services"] = result["before"], result["after"]
        self.result.update({name: result[name] for name in ("chose", "why", "diff") if name in result})

    def _still(self) -> None:
        """Whether it is still so."""
        wrong = list(self._change.wrong) if self._change else []
        if self._out:
            wrong += _dubbo_member.left(self._stand)
        else:
            wrong += _dubbo_member.unsettled(self._stand, self._task.known, self._task.restarted)
        if wrong:
            raise NotProved(f"NOT {self._task.state} any more: {'; '.join(wrong)}", 0.0)

    def _do(self) -> None:
        if self._change is None:
            self._told += ["nothing would be changed, since no qos is named"] if self._check else []
            return
        if not self._change.wrong:
            self._told.append("nothing to change")
            return
        # Also of a command whose answer was lost nobody knows that it did nothing.
        self.result["changed"] = True
        self._told.append(self._change.preview() if self._check else self._change.make())
        self._keep(self._change)
        if not self._check:
            self._spent("command", self._change.result["seconds"])

    def _prove(self, proof: Proof) -> None:
        try:
            if self._out:
                self._prove_out(proof)
                self._see_quiet()
            else:
                self._prove_back(proof)
        except NotProved as error:
            self.result["waited"] = round(self.result["waited"] + error.waited, 3)
            self._told.append(f"NOT proved {self._task.state}: {error}")
            raise NotProved("; ".join(self._told), error.waited) from error

    def _prove_out(self, proof: Proof) -> None:
        settle = self._settle()
        self.result["settle"] = {"seconds": settle.seconds, "why": settle.why}
        try:
            gone = proof.out(settle.seconds, deadline=self._task.deadline, interval=self._task.interval)
        finally:
            self.result["gone"] = proof.gone
        self.result["after"]["members"] = gone.stand.facts()
        self._spent("absent", gone.ready)
        self._spent("settle", gone.total - gone.ready)
        self._told.append(
            f"absent from every registry after {gone.ready:.1f} s and for {gone.total - gone.ready:.1f} s since "
            f"({settle.why})"
        )

    def _settle(self) -> _dubbo_way.Settle:
        """How long its consumers may still call it."""
        way = self._task.via
        if self._change is not None:
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
            told, waited = _dubbo_quiet.see(self._task, self._clock)
            self._spent("quiet", waited)
            self._told.append(told)

    def _prove_back(self, proof: Proof) -> None:
        task = self._task
        back = proof.back(task.restarted, deadline=task.deadline, interval=task.interval)
        self.result["after"]["members"] = back.stand.facts()
        self._spent("registered", back.total)
        self._told.append(f"registered after {back.total:.1f} s, with no node of an earlier process")

    def _spent(self, what: str, seconds: float) -> None:
        self.result["seconds"][what] = round(seconds, 3)
        self.result["waited"] = round(self.result["waited"] + seconds, 3)
