# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module xxljob_executor_state does: no new jobs for executors, wait for those that run, and back."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _files, _lever, _poll, _xxljob_executor
from ._lever import Lever, LeverError
from ._xxljob import Group, XxlJobError, name_of
from ._xxljob_admin import Admin

OUT, IN = "out", "in"
_PULL = 15.0


@dataclass(frozen=True)
class Executor:
    """One of them. leave, join: how its application stops and starts to register it; without leave the group's list is
    set by hand. headers: what it wants to see of who asks it. address: as it was listed; None where that is unknown."""

    member: str
    leave: Lever | None
    join: Lever | None
    headers: Mapping[str, str]
    address: str | None


class Turn:
    """One call for a group. everybody: the names of all who belong to it. record: path of the file that remembers on
    this host that the list was automatic before it was set by hand. `result` is what is known so far, also when it
    fails. Times are seconds."""

    def __init__(
        self,
        admin: Admin,
        application: str,
        executors: Sequence[Executor],
        everybody: Sequence[str],
        record: str,
        *,
        jobs: Sequence[int] | None,
        check: bool = False,
        clock: _poll.Clock = time,
    ) -> None:
        self._admin = admin
        self._application = application
        self._executors = executors
        self._everybody = everybody
        self._record = record
        self._jobs = jobs
        self._check = check
        self._clock = clock
        self.result: dict[str, Any] = {"changed": False, "before": {}, "waited": 0.0, "cut": []}

    def run(self, state: str, *, settle: float, deadline: float, interval: float, recheck: bool, cut: bool) -> str:
        """Do it and say it. Raises XxlJobError."""
        group = self._admin.group(self._application)
        self.result["before"] = {"members": {one.member: {"address": group.of(one.member)} for one in self._executors}}
        missing = [one for one in self._executors if not group.of(one.member) and one.address is None]
        if missing:
            raise XxlJobError(f"{_names(missing)} is not in the group {self._application}: look at member")
        wrong = [one for one in self._executors if bool(group.of(one.member)) != (state == IN)]
        if self._check:
            self.result["changed"] = bool(wrong)
            return f"would {'take out' if state == OUT else 'put back'} {_names(wrong) or 'nobody'}"
        if recheck and wrong:
            how = "takes jobs again" if state == OUT else "takes no jobs any more"
            raise XxlJobError(f"{_names(wrong)} {how}: somebody else has changed it")
        if state == OUT:
            return self._out(group, [] if recheck else wrong, settle, deadline, interval, recheck, cut)
        return self._back(group, [] if recheck else wrong, deadline, interval)

    def _out(
        self,
        group: Group,
        going: Sequence[Executor],
        settle: float,
        deadline: float,
        interval: float,
        recheck: bool,
        cut: bool,
    ) -> str:
        levers = [one.leave for one in going if one.leave is not None]
        if levers and not group.automatic:
            raise XxlJobError(
                f"a person has set the addresses of the group {self._application} by hand, so that {_names(going)} "
                "would stay in it whatever its application does: set them to automatic, or leave out leave"
            )
        jobs = list(self._jobs) if self._jobs is not None else self._admin.jobs(group)
        urls = {one.member: one.address or group.of(one.member) or "" for one in self._executors}
        # Whether they can be asked is seen before anything is changed.
        self._left(jobs, urls)
        for lever in levers:
            self._pull(lever)
        self._by_hand(group, [one for one in going if one.leave is None])
        outcome = _poll.poll(
            lambda: [*self._listed(), *self._left(jobs, urls)],
            lambda left: not left,
            deadline=deadline,
            interval=interval,
            window=0.0 if recheck else settle,
            clock=self._clock,
        )
        self.result["waited"] = round(outcome.waited, 3)
        if outcome.ok:
            return f"{_names(self._executors)} gets no jobs, and none of {len(jobs)} runs or waits there"
        left = "; ".join(outcome.last) or "a job that has just ended"
        still = self._listed()
        if still or not cut:
            raise XxlJobError(f"NOT proved out within {deadline:g} s: {left}")
        self.result["cut"] = outcome.last
        return f"not waited for any longer after {outcome.waited:.1f} s, and cut: {left}"

    def _back(self, group: Group, coming: Sequence[Executor], deadline: float, interval: float) -> str:
        for one in coming:
            if one.join is not None:
                self._pull(one.join)
        self._by_list(group, [one for one in coming if one.leave is None])
        outcome = _poll.poll(
            self._unlisted, lambda left: not left, deadline=deadline, interval=interval, clock=self._clock
        )
        self.result["waited"] = round(outcome.waited, 3)
        if not outcome.ok:
            raise XxlJobError(
                f"NOT proved in within {deadline:g} s: {', '.join(outcome.last)} is not in the group. Executors "
                "register every 30 s, and the admin reads them every 30 s"
            )
        return f"{_names(self._executors)} is in the group"

    def _by_hand(self, group: Group, going: Sequence[Executor]) -> None:
        """Set the list to those who stay; that it was automatic is on record before."""
        if not going:
            return
        names = {one.member for one in going}
        stay = [address for address in group.addresses if name_of(address) not in names]
        if not stay:
            raise XxlJobError(
                f"{_names(going)} is all that the group has, and the admin takes no empty list: use leave"
            )
        if group.automatic:
            os.makedirs(os.path.dirname(self._record), mode=0o700, exist_ok=True)
            _files.write_json(self._record, {"automatic": self._application})
        self._admin.set(group, False, stay)
        self.result["changed"] = True

    def _by_list(self, group: Group, coming: Sequence[Executor]) -> None:
        """Add them to a list that was set by hand; once everybody is in it again, it is automatic as before."""
        if not coming or group.automatic:
            return
        addresses = [*group.addresses, *(one.address for one in coming if one.address)]
        whole = set(self._everybody) <= {name_of(one) for one in addresses}
        automatic = whole and os.path.exists(self._record)
        self._admin.set(group, automatic, addresses)
        self.result["changed"] = True
        if automatic:
            os.unlink(self._record)

    def _pull(self, lever: Lever) -> None:
        try:
            _lever.pull(lever, _PULL)
        except LeverError as error:
            raise XxlJobError(str(error)) from error
        self.result["changed"] = True

    def _listed(self) -> list[str]:
        group = self._admin.group(self._application)
        return [f"{one.member} is in the group still" for one in self._executors if group.of(one.member)]

    def _unlisted(self) -> list[str]:
        group = self._admin.group(self._application)
        return [one.member for one in self._executors if not group.of(one.member)]

    def _left(self, jobs: Sequence[int], urls: Mapping[str, str]) -> list[str]:
        found = {
            one.member: _xxljob_executor.busy(urls[one.member], one.headers, jobs)
            for one in self._executors
            if urls[one.member]
        }
        return [f"job {job} runs or waits at {member}" for member, busy in found.items() for job in busy]


def _names(executors: Sequence[Executor]) -> str:
    return ", ".join(one.member for one in executors)
