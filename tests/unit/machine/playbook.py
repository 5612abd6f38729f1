# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One `ansible-playbook rolling_restart.yml`: the tasks of the playbook and of the roles, in their order.

What a task does is the collection's own action; which hosts go on after one failed is the engine's rule: those of a
batch go through the block, then those that failed go through the rescue, and then no further batch is begun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.lossless.restart.plugins.module_utils import _guard, _target

from . import wires
from .jobs import Job, Process, Result
from .world import POOLS, SERVICES, SOURCES, World, address, host_of

ROOT = Path(__file__).parents[3]
DEFAULTS = yaml.safe_load((ROOT / "roles" / "fleet" / "defaults" / "main.yml").read_text())
RETRIES = 1
PATIENCE = 1
HELD = {"granted": 120.0, "restarting": 300.0, "attaching": 180.0}
FLOOR = "30%"
CAP = {"order": None, "pay": "1"}


@dataclass(frozen=True)
class Command:
    """What a person typed."""

    service: str
    selected: list[str]
    pace: list[int]
    drained: str = "skip"
    new: bool = False
    warmup: bool = False
    fit: str = "refuse"


@dataclass(frozen=True)
class Asked:
    """Who writes to the ledger, by which action. measured: the time of the ticket that it rests on."""

    by: str
    action: str
    measured: float


@dataclass
class Turn:
    """What a batch's hosts have come to. failed: why each of them left the block. spared: there was no room for it."""

    batch: list[str]
    granted: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    spared: set[str] = field(default_factory=set)
    misjudged: set[str] = field(default_factory=set)

    @property
    def living(self) -> list[str]:
        return [host for host in self.batch if host not in self.failed and host not in self.spared]


class Playbook:
    """A controller's process. since: of its run. skew: how far its own clock is off."""

    retries = RETRIES

    def __init__(self, world: World, found: wires.Wires, command: Command, machine: str, pid: int, skew: float) -> None:
        self.world, self.command = world, command
        self._wires = found
        self.owner: Mapping[str, Any] = {
            "name": f"person-{pid}",
            "machine": machine,
            "boot": "b",
            "pid": pid,
            "start": 1,
        }
        self.own: dict[str, Any] = {"description": describe(command)}
        self.leases: dict[str, dict[str, Any]] = {}
        self.process = Process(self.main)
        self.since = 0.0
        self._skew = skew
        self._found: dict[str, dict[str, Any]] = {}
        self._planned: Result = {}

    def __str__(self) -> str:
        return f"{self.owner['machine']}/{self.owner['pid']}"

    def monotonic(self) -> float:
        return self.world.now + self._skew

    # The playbook

    def main(self) -> None:
        for host in self.command.selected:
            self._state(host)
        for source in SOURCES:
            self._read(source)
        self._planned = self._guard(action="plan")
        if self._planned.get("failed") or not self._planned["todo"]:
            return
        begun = self._guard(action="begin")
        if begun.get("failed"):
            return
        self.since = begun["since"]
        for batch in self._planned["batches"]:
            if not self._take(Turn(batch)):
                break
        self._guard(action="finish")

    def _take(self, turn: Turn) -> bool:
        for step in (self._check, self._ask, self._drain, self._restart, self._gate, self._attach, self._verify):
            if turn.living:
                step(turn)
        if turn.failed:
            self._settle(turn)
        return not turn.failed

    def _check(self, turn: Turn) -> None:
        for host in turn.living:
            self._keep(turn, host, self._state(host))

    def _ask(self, turn: Turn) -> None:
        again = True
        while again and turn.living:
            self._all(turn, self._guard(action="ticket", wanted=turn.batch, patience=PATIENCE))
            for source in SOURCES:
                if turn.living:
                    self._all(turn, self._read(source))
            if turn.living:
                asked = self._guard(action="acquire", wanted=turn.batch, held=HELD["granted"])
                turn.granted = asked.get("granted", {})
                self._all(turn, asked)
                again = bool(asked.get("stale") or asked.get("waiting"))
        turn.spared = {host for host in turn.living if host not in turn.granted}

    def _drain(self, turn: Turn) -> None:
        for recheck in (False, True):
            for source in SOURCES:
                if turn.living:
                    steps = ["granted", "restarting"]
                    self._all(turn, self._change(turn.batch, source, steps=steps, state="down", recheck=recheck))

    def _restart(self, turn: Turn) -> None:
        for host in turn.living:
            there = turn.granted[host]["step"] == "attaching"
            if not there:
                renewed = self._guard(action="renew", wanted=[host], step="restarting", held=HELD["restarting"])
                self._keep(turn, host, renewed)
            if host in turn.failed:
                continue
            for _unused in range(RETRIES + 1):
                restarted = self._fence(host) if there else self._start(host, again=False)
                if not restarted.get("failed"):
                    break
            self._keep(turn, host, restarted)

    def _gate(self, turn: Turn) -> None:
        for host in turn.living:
            gate = self._health(host)
            for _unused in range(self.retries):
                if gate.get("failed"):
                    self._keep(turn, host, self._start(host, again=not gate.get("lost")))
                    gate = self._health(host)
            self._keep(turn, host, gate)
            if host not in turn.failed:
                asked = {"action": "renew", "wanted": [host], "step": "attaching", "held": HELD["attaching"]}
                self._keep(turn, host, self._guard(by=host, **asked))

    def _attach(self, turn: Turn) -> None:
        for warmup in [10, None] if self.command.warmup else [None]:
            for source in reversed(SOURCES):
                if turn.living:
                    back = self._change(turn.batch, source, steps=["attaching"], state="before", warmup=warmup)
                    self._all(turn, back)

    def _verify(self, turn: Turn) -> None:
        for host in turn.living:
            judged = self._health(host)
            if judged.get("failed"):
                turn.misjudged.add(host)
            self._keep(turn, host, judged)
            if host not in turn.failed:
                self._keep(turn, host, self._guard(by=host, action="release", wanted=[host], done=True))

    def _out_again(self, turn: Turn) -> None:
        for host in turn.misjudged:
            for source in SOURCES:
                self._change([host], source, steps=["attaching"], state="down")

    def _settle(self, turn: Turn) -> None:
        self._out_again(turn)
        for source in reversed(SOURCES):
            self._change(turn.batch, source, steps=["granted"], state="before")
        for host, why in turn.failed.items():
            self._guard(action="stop", why=f"{host}: {why}")
            self._guard(action="release", wanted=[host], step="granted")

    # Tasks

    def _all(self, turn: Turn, result: Result) -> None:
        """One call for the batch: its failure is everybody's."""
        for host in turn.living:
            self._keep(turn, host, result)

    def _keep(self, turn: Turn, host: str, result: Result) -> None:
        if result.get("failed"):
            turn.failed.setdefault(host, str(result["msg"]))

    def _state(self, host: str) -> Result:
        def call(_args: dict[str, Any]) -> Result:
            return self._call(f"read the process of {host}", lambda: self.world.process(host))

        result = wires.Acts(wires.RESTART, "instance_process", host, call)({"inventory_hostname": host}, state="read")
        self._found.setdefault(host, {})["instance_process"] = result
        return result

    def _health(self, host: str) -> Result:
        return self._call(f"look at the health of {host}", lambda: self.world.health(host))

    def _read(self, source: str) -> Result:
        module = wires.Acts(
            wires.READ, "nginx_upstream_info", source, lambda _args: self._call(f"read {source}", self._of(source))
        )
        return module({"inventory_hostname": source}, batch=self.command.selected)

    def _of(self, source: str) -> Callable[[], Result]:
        return lambda: self.world.read(source)

    def _change(self, hosts: list[str], source: str, **args: Any) -> Result:
        def call(args: dict[str, Any]) -> Result:
            members = args["members"]
            what = "recheck" if args["recheck"] else f"set {', '.join(sorted({one['state'] for one in members}))}"
            names = ", ".join(dict.fromkeys(host_of(one["member"]) for one in members))
            tokens = ", ".join(dict.fromkeys(str(one["token"]) for one in members))
            text = f"{what} {names} at {source} with token {tokens}"
            return self._call(text, lambda: self.world.change(self, source, args))

        module = wires.Acts(wires.CHANGE, "nginx_upstream_member", source, call)
        return module({"inventory_hostname": hosts[0]}, leases=hosts, **{"recheck": False, **args})

    def _start(self, host: str, again: bool) -> Result:
        def call(args: dict[str, Any]) -> Result:
            young = "" if again else f", unless it is younger than {args['older_than']:.1f} s"
            text = f"restart {host} with token {args['token']}{young}"
            return self._call(text, lambda: self.world.restart(self, host, args))

        module = wires.Acts(wires.RESTART, "instance_process", host, call)
        return module({"inventory_hostname": host}, leased=True, again=again)

    def _fence(self, host: str) -> Result:
        def call(args: dict[str, Any]) -> Result:
            text = f"fence {host} off with token {args['token']}"
            return self._call(text, lambda: self.world.fence(host, args))

        module = wires.Acts(wires.RESTART, "instance_process", host, call)
        return module({"inventory_hostname": host}, leased=True, state="fenced")

    def _guard(self, by: str = "localhost", **args: Any) -> Result:
        """by: the host whose task it is."""

        def call(params: dict[str, Any]) -> Result:
            wanted = params.get("wanted") or params.get("planned") or []
            step = params.get("step") or ("done" if params.get("done") else "")
            return self._call(f"{params['action']} {', '.join(wanted)} {step}", lambda: self._ask_ledger(params))

        module = wires.Acts(wires.GUARD, "availability_guard", "ledger", call)
        return module({"inventory_hostname": by, "hostvars": self._found}, **args)

    def _ask_ledger(self, params: dict[str, Any]) -> Result:
        self._wires.asked = Asked(str(self), params["action"], (params.get("ticket") or {}).get("at", 0.0))
        try:
            return _guard.run(params, check=self._probe)
        except _guard.Refused as refusal:
            return {"failed": True, "msg": str(refusal), **refusal.facts}

    def _probe(self, target: Mapping[str, Any], _timeout: float) -> _target.Seen:
        well = self.world.processes[host_of(target["tcp"])].healthy
        return _target.Seen(well, "connected" if well else "refused")

    def _call(self, what: str, effect: Callable[[], Result]) -> Result:
        return self.process.call(Job(f"{self}: {what}", effect))


def describe(command: Command) -> dict[str, Any]:
    """The service as fleet_description hands it on."""
    service = command.service
    pools = {name: hosts for name, hosts in POOLS.items() if set(hosts) & set(SERVICES[service])}
    members = dict.fromkeys(host for hosts in pools.values() for host in hosts)
    fleet = {
        **DEFAULTS,
        **{"fleet_ledger": "/ledger", "fleet_floor": FLOOR, "fleet_max_out": CAP[service], "fleet_reason": ""},
        **{"fleet_drained": command.drained, "fleet_kind": "rolling", "fleet_pace": command.pace},
        **{"fleet_since": None, "fleet_new": command.new, "fleet_fit": command.fit, "fleet_wait_deadline": 12},
        **{"fleet_ledger_auth": None, "fleet_ledger_tls": None, "fleet_journal_push": None},
    }
    return {
        "fleet": fleet,
        "service": service,
        "selected": command.selected,
        "checked": command.selected,
        "cut": [],
        "alerts": {},
        "verified": False,
        "sources": [{"name": name, "kind": "nginx", "pools": listed} for name, listed in SOURCES.items()],
        "pools": [
            {"id": f"service/{service}", "kind": "service", "name": service, "floor": None, "hosts": SERVICES[service]},
            *({"id": f"nginx/{n}", "kind": "nginx", "name": n, "floor": None, "hosts": h} for n, h in pools.items()),
        ],
        "instances": {host: _instance(host, pools) for host in members},
    }


def _instance(host: str, pools: Mapping[str, list[str]]) -> dict[str, Any]:
    points = [
        {"kind": "nginx", "pool": f"nginx/{pool}", "source": source, "member": address(host)}
        for source, listed in SOURCES.items()
        for pool in listed
        if host in pools.get(pool, ())
    ]
    return {"address": address(host), "probe": {"tcp": address(host)}, "points": points}
