# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module mq_consumer_pause does: look, tell the application, prove by the brokers."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from . import _mq_member, _mq_parting, _poll
from ._mq_group import Group
from ._mq_leaving import Telling
from ._mq_proof import Proof
from ._mq_task import OUT, Task
from ._poll import NotProved


class Turn:
    """One call of the module: either half may be missing. `result` is what is known so far, also when it fails."""

    def __init__(
        self, task: Task, telling: Telling | None, proof: Proof | None, check_mode: bool, clock: _poll.Clock = time
    ) -> None:
        self._task = task
        self._telling = telling
        self._proof = proof
        self._check = check_mode
        self._clock = clock
        self._out = task.state == OUT
        self._told: list[str] = []
        self._before: Group | None = None
        self.result: dict[str, Any] = {
            "changed": False,
            "before": {},
            "after": {},
            "waited": 0.0,
            "seconds": {},
            "warnings": [],
        }

    def run(self) -> str:
        """What was found or done, for people. Raises what the parts raise."""
        if self._task.recheck:
            self._look()
            self._still()
            if self._task.consumed and not self._check:
                self._consumed()
            return "; ".join([f"still {self._task.state}", *self._told])
        writes = not self._check
        with self._telling.fenced(writes) if self._telling else contextlib.nullcontext():
            self._look()
            self._do()
        if writes:
            self._prove()
        return "; ".join(self._told)

    def _look(self) -> None:
        """Both halves, before anything is changed; what is wrong with what was asked shows here."""
        task = self._task
        if self._proof is not None:
            self._before = group = self._known(self._proof, self._first(self._proof))
            self._keep("before", group)
            self._keep("after", group)
            self.result["warnings"] += group.warnings
            if self._out and not task.recheck:
                _mq_parting.listed(group, task.members, task.known)
                _mq_parting.alone(group, task.members, task.last)
                self.result["warnings"] += _mq_parting.staying(group, task.members, task.stays_for, task.stays)
        if self._telling is not None and not task.recheck:
            self._telling.look()

    def _first(self, proof: Proof) -> Group:
        """Whoever has been told already has to be waited for, also by brokers that are away for a while."""
        if self._telling is not None or self._task.recheck or self._check:
            return proof.look()
        return proof.first(self._task.deadline, self._task.interval)

    def _known(self, proof: Proof, group: Group) -> Group:
        """The group, once what it says of who is there can be no older than a member that it does not list."""
        task = self._task

        def missing(now: Group) -> bool:
            return self._out and not task.recheck and bool(_mq_parting.nowhere(now, task.members, task.known))

        if not group.stale or not missing(group):
            return group
        settings: dict[str, Any] = {"deadline": group.stale, "interval": task.interval, "clock": self._clock}
        found: Group = _poll.poll(proof.look, lambda now: not missing(now), **settings).last
        return found

    def _keep(self, name: str, group: Group) -> None:
        known = _mq_member.stand(group, self._task.members)
        self.result[name]["members"] = {text: one.facts() for text, one in known.items()}

    def _do(self) -> None:
        telling, task = self._telling, self._task
        if task.lever is not None and task.lever.none:
            self.result["warnings"].append(
                f"{task.who}: it cannot be told to leave {task.group}: what it has in hand when it is stopped may be "
                "cut, and done again by another"
            )
            self._told.append("the application cannot be told")
        elif telling is None:
            self._told += ["nothing would be changed, since nobody is told"] if self._check else []
        elif not telling.wrong or self._is_so():
            self._told.append("nothing to change")
        else:
            self.result["changed"] = True
            if self._check:
                self._told.append(telling.preview())
                return
            said, seconds = telling.tell()
            self._spent("told", seconds)
            self._told.append(said)

    def _is_so(self) -> bool:
        """Whether the brokers have them as asked already."""
        if self._proof is None or self._before is None:
            return False
        there = bool(self._proof.clients(self._before))
        return there != self._out

    def _still(self) -> None:
        """Whether it is still so."""
        if self._proof is None or self._before is None:
            return
        group, restarted = self._before, self._task.restarted
        wrong = self._proof.present(group) if self._out else self._proof.missing(group, restarted)
        if wrong:
            raise NotProved(f"NOT {self._task.state} any more: {'; '.join(wrong)}", 0.0)

    def _prove(self) -> None:
        task = self._task
        try:
            if self._telling is not None and task.finished and self._out:
                told, waited = self._telling.finish()
                self._spent("finished", waited)
                self._told.append(told)
            if self._proof is not None:
                self._prove_at_brokers(self._proof)
        except NotProved as error:
            self.result["waited"] = round(self.result["waited"] + error.waited, 3)
            self._told.append(f"NOT proved {task.state}: {error}")
            raise NotProved("; ".join(self._told), error.waited) from error

    def _prove_at_brokers(self, proof: Proof) -> None:
        task = self._task
        settings = {"deadline": task.deadline, "interval": task.interval}
        # Numbers that may be old have to be new ones by the end.
        settle = max(task.settle, self._before.stale if self._before else 0.0)
        if self._out:
            found = proof.out(settle, **settings)
            how = "gone from the group, and all of it held by others"
        else:
            found = proof.back(task.restarted, task.settle, **settings)
            how = "back in the group, and holding its part"
        self._keep("after", found.group)
        what = "gone" if self._out else "joined"
        self._spent(what, found.ready)
        self._spent("settle", found.total - found.ready)
        self.result["lag"] = found.group.lag
        self._told.append(
            f"{how} after {found.ready:.1f} s and for {found.total - found.ready:.1f} s since; "
            f"{found.group.lag} messages wait"
        )

    def _consumed(self) -> None:
        """Until the members have consumed something."""
        proof, since, task = self._proof, self._before, self._task
        if proof is None or since is None:
            return
        if not proof.waits(since):
            self.result["first_message"] = None
            self._told.append("nothing waits for it")
            return
        outcome = _poll.poll(
            proof.look,
            lambda now: proof.consumed(since, now),
            deadline=task.deadline,
            interval=task.interval,
            clock=self._clock,
        )
        self.result["first_message"] = round(outcome.waited, 3) if outcome.ok else None
        if not outcome.ok:
            raise NotProved(f"after {outcome.waited:.1f} s: nothing was consumed", outcome.waited)
        self._spent("consumed", outcome.waited)
        self._told.append(f"consumes after {outcome.waited:.1f} s")

    def _spent(self, what: str, seconds: float) -> None:
        self.result["seconds"][what] = round(seconds, 3)
        self.result["waited"] = round(self.result["waited"] + seconds, 3)
