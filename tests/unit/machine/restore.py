# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One `ansible-playbook restore.yml`: the tasks of roles/instance/tasks/back.yml and roles/fleet/tasks/ended.yml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .playbook import HELD, Command, Playbook, Turn, describe
from .wires import Wires
from .world import SERVICES, World


class Restore(Playbook):
    """What a person types where a run cannot go on: what was left out of the service goes back, if it is healthy."""

    retries = 0

    def __init__(self, world: World, found: Wires, service: str, machine: str, pid: int, skew: float) -> None:
        hosts = SERVICES[service]
        super().__init__(world, found, Command(service, hosts, []), machine, pid, skew)
        self.own: dict[str, Any] = {
            "services": dict.fromkeys(hosts, service),
            f"description {service}": {**describe(self.command), "entry": "restore"},
        }

    def main(self) -> None:
        hosts = self.command.selected
        taken = self._guard(by=hosts[0], action="recover", wanted=hosts, held=HELD["restarting"])
        self._back(taken.get("granted", {}))
        self._guard(by=hosts[0], action="finish")

    def _back(self, granted: Mapping[str, Mapping[str, Any]]) -> None:
        turn = Turn(list(granted), granted)
        for step in (self._fence_off, self._gate, self._attach, self._verify):
            step(turn)
        self._out_again(turn)

    def _fence_off(self, turn: Turn) -> None:
        for host in turn.living:
            self._keep(turn, host, self._fence(host))
