# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one base of the collection's actions.

1. A lost connection, of the host or of a delegate, is an ordinary failure, so that a rescue always runs.
2. With `leases`, one call serves the whole batch, and nothing is changed that the ledger did not grant.
3. What a source said of its pools is kept for the guard; every wait is noted for the report.
"""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.lossless.restart.plugins.module_utils import _files
from ansible_collections.lossless.restart.plugins.plugin_utils import _local, _own

# How long a worker waits for the call that another one makes for the batch.
_BATCH_DEADLINE = 3600.0


class NotGranted(Exception):
    """The call would change what the ledger has not granted to this run."""


class FleetAction(ActionBase):
    """Runs the module of the same name."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        began = time.time()
        try:
            result = self.act(dict(self._task.args), variables)
        except NotGranted as refusal:
            result = {"failed": True, "msg": str(refusal)}
        except _files.LockTimeout as error:
            result = {"failed": True, "msg": str(error)}
        self._note(result, began, variables)
        return result

    def cleanup(self, force: bool = False) -> None:
        """A host that died under its module keeps its files: a lost connection here would pass every rescue by."""
        try:
            ActionBase.cleanup(self, force)
        except AnsibleConnectionFailure as error:
            Display().vvv(str(error))

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """What the action does with the task's arguments."""
        return self.call(args, variables)

    def call(self, args: dict[str, Any], variables: dict[str, Any], module: str | None = None) -> dict[str, Any]:
        """Run the module where the task runs; a lost connection is a failure that names the host."""
        name = module or self._task.action
        try:
            if _local.serves(self, variables):
                result = _local.run(name, args, bool(self._task.check_mode))
            else:
                beside = bool(self._task.async_val)
                result = self._execute_module(name, module_args=args, task_vars=variables, wrap_async=beside)
        except AnsibleConnectionFailure as error:
            result = {"failed": True, "lost": True, "msg": f"{self.place(variables)} is unreachable: {error}"}
        if result.pop("unreachable", False):
            result |= {"failed": True, "lost": True, "msg": f"{self.place(variables)} is unreachable: {result['msg']}"}
        result.pop("invocation", None)
        result.pop("deprecations", None)
        # An object of the engine's, with what led to the failure; what it says to people stands in msg.
        Display().vvv(str(result.pop("exception", "")))
        result["warned"] = [_text(warning) for warning in result.pop("warnings", None) or []]
        for text in result["warned"]:
            Display().warning(text)
        return result

    def found(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """As `call`, of a module that says which process it found or started at the instance: that is kept."""
        asked = time.monotonic()
        result = self.call(args, variables)
        _own.keep_process(str(variables["inventory_hostname"]), result, asked)
        return result

    def place(self, variables: dict[str, Any]) -> str:
        """The inventory's name of the host on which the task runs."""
        return str(self._task.delegate_to or variables["inventory_hostname"])

    def once(self, hosts: list[str], variables: dict[str, Any], call: Any) -> dict[str, Any]:
        """Make one call for the batch `hosts`."""
        key = f"{self._task._uuid} {self.place(variables)} {sorted(hosts)}"
        return _own.once(key, str(variables["inventory_hostname"]), _BATCH_DEADLINE, call)

    def _note(self, result: dict[str, Any], began: float, variables: dict[str, Any]) -> None:
        """Keep the waits and failures for the report."""
        _own.note(
            {
                "host": variables["inventory_hostname"],
                "place": self.place(variables),
                "task": self._task.get_name().rsplit(" : ", 1)[-1],
                "began": began,
                "ended": time.time(),
                "waited": float(result.get("waited") or 0.0),
                # That a run was stopped is no failure of whoever meets it first.
                "failed": bool(result.get("failed")) and not result.get("halted") and not result.get("stopped"),
                "msg": str(result.get("msg", ""))[:2000],
                "warned": result.get("warned", []),
                "exposed": result.get("exposed"),
            }
        )


class SourceAction(FleetAction):
    """For modules that read a source: its readings are kept for the guard."""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        batch = args.pop("batch", None)
        if batch is None:
            return self._read(args, variables)
        return self.once(batch, variables, lambda: self._read(args, variables))

    def _read(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        asked = time.monotonic()
        result = self.call(args, variables)
        source = str(args.get("source") or self.place(variables))
        readings = result.get("readings", [])
        _own.write(f"troubles-{source}", result.get("log_troubles", {}))
        if result.get("failed"):
            said = str(result.get("msg", "no answer"))
            readings = [{"source": source, "error": said}]
            result["msg"] = said if said.startswith(source) else f"{source}: {said}"
        _own.write(f"reading-{source}", {"asked": asked, "readings": readings})
        return result


class LeasedAction(FleetAction):
    """For modules whose members come from the leases that this run was granted.

    `leases`: the hosts of the batch; `steps`: only those whose lease is at one of them; `source`: only their traffic
    points there, by default where the task runs.
    `state: before` puts back what was there when the lease was granted, `warmup` with that share of its weight.
    """

    changes = True
    # Which half of it, of a module that does its work by halves.
    half = ""

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        hosts = args.pop("leases", None)
        if hosts is None:
            return self.call(args, variables)
        return self.once(hosts, variables, lambda: self._leased(hosts, args, variables))

    def _leased(self, hosts: list[str], args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        steps, state, warmup = args.pop("steps"), args.pop("state", None), args.pop("warmup", None)
        source = args.pop("source", None) or self.place(variables)
        chosen = {host: lease for host, lease in _own.leases(hosts).items() if lease["step"] in steps}
        points = [
            {**point, "token": lease["token"], "host": host, "step": lease["step"]}
            for host, lease in chosen.items()
            for point in lease["before"]
            if point["source"] == source
        ]
        named = self.members(points, state, warmup)
        if not named["members"]:
            return {
                "changed": False,
                "idle": True,
                "msg": f"nothing of this batch is at step {' or '.join(steps)} here",
            }
        if self.changes and state != "before":
            _refuse_expired(chosen)
        result = self.made({**args, **named}, variables)
        if self.changes:
            _own.keep_outcome(sorted(chosen), f"{self.half}{self._task.action} {source}", not result.get("failed"))
        return {**result, "batch": sorted(chosen), "place": self.place(variables)}

    def made(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Make the call for the whole batch."""
        return self.call(args, variables)

    def members(self, points: list[dict[str, Any]], state: str | None, warmup: int | None) -> dict[str, Any]:
        """The module's arguments that name the members: each point is {kind, pool, member, state, weight, token}."""
        raise NotImplementedError


def _text(warning: Any) -> str:
    """A warning as text: the engine hands them over as objects."""
    return str(warning.event.msg if hasattr(warning, "event") else warning)


def granted(host: str, steps: tuple[str, ...]) -> dict[str, Any]:
    """The lease of `host` that this run was granted and that is at one of `steps`; raises NotGranted."""
    lease = _own.leases([host]).get(host)
    if lease is None:
        raise NotGranted(
            f"{host}: the ledger has granted this run no lease for it. Nothing was changed. Run the playbook."
        )
    if lease["step"] not in steps:
        raise NotGranted(
            f"{host}: its lease is at step {lease['step']}, not {' or '.join(steps)}. Nothing was changed."
        )
    _refuse_expired({host: lease})
    return lease


def _refuse_expired(leases: dict[str, dict[str, Any]]) -> None:
    for host, lease in leases.items():
        if lease["expires"] < time.monotonic():
            raise NotGranted(f"{host}: this run's lease has expired. Nothing was changed. Run the same command again.")
