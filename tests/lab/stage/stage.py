# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small fleet whose commands have moments, and everything that a test sees of it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ansible_collections.lossless.restart.plugins.module_utils import _guard

from ..demo import Client, Fleet, Observer, Playbook, processes, wait_for
from ..demo.observer import pools_of
from .moments import Moments
from .ssh import Hosts

# Short, so that a roll is mostly the collection's own work.
QUICK: Mapping[str, Any] = {
    "fleet_pace": [2],
    "instance_state": [],
    "instance_quiet_window": 0.2,
    "instance_health_successes": 2,
    "instance_verify_requests": 5,
}
POOL = "order_svc"
# Nothing takes so long, even on a busy machine.
LONG = 400.0
TAKEN = re.compile(r" (\S+:8080) ")


@dataclass
class Ended:
    """A playbook that ended: its exit code and what it printed."""

    code: int
    text: str


class Stage(Fleet):
    """A fleet of few.

    ssh: reached by SSH, by way of `hosts` that can be killed. variables: the group's, over QUICK. own: each instance's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        instances: int = 3,
        balancers: int = 2,
        ssh: bool = False,
        variables: Mapping[str, Any] | None = None,
        own: Mapping[str, Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        options.setdefault("upstreams", {POOL: None})
        options.setdefault("keepalive_min_timeout", "1s")
        super().__init__(
            folder, instances=instances, balancers=balancers, variables={**QUICK, **(variables or {})}, **options
        )
        self.moments = Moments()
        self.own = own or {}
        self._played = 0
        addresses = {**self.instances, **self.balancers}
        places = {name: address.partition(":")[0] for name, address in addresses.items()}
        self.hosts = Hosts(self.folder.with_name(f"{self.folder.name}-ssh"), places) if ssh else None

    def described(self) -> dict[str, Any]:
        content = super().described()
        children = content["all"]["children"]
        restart = children[self.service]["vars"]["instance_restart"]
        restart["supervisorctl"] = self.moments.command("supervisorctl", restart["supervisorctl"])
        for name, values in children["lb"]["hosts"].items():
            values["nginx_test"] = self.moments.command(f"{name} test", values["nginx_test"])
            values["nginx_reload"] = self.moments.command(name, values["nginx_reload"])
            values["nginx_show_version"] = self.moments.command(f"{name} version", values["nginx_show_version"])
        for name, more in self.own.items():
            children[self.service]["hosts"][name].update(more)
        if self.hosts:
            for hosts in (children[self.service]["hosts"], children["lb"]["hosts"]):
                for values in hosts.values():
                    values.update(self.hosts.variables())
        return content

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.callback(self.moments.close)
            super().__enter__()
            stack.callback(self.stop)
            if self.hosts:
                stack.enter_context(self.hosts)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def watched(self, rate: float = 60) -> Iterator[tuple[Client, Observer]]:
        """With its client and observer; the moments are checked at the end. rate: requests a second."""
        with self.client(rate=rate, connections=16) as client, self.observer() as observer:
            client.wait(50)
            yield client, observer
        self.moments.check()

    def playbook(
        self,
        *words: str,
        name: str = "rolling_restart.yml",
        environment: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> Playbook:
        """As in Fleet, each with a log of its own."""
        self._played += 1
        log = self.folder / f"playbook-{self._played}.log"
        return Playbook(name, "-i", str(self.inventory), *words, log=log, environment=environment, before=before)

    def roll(
        self,
        *words: str,
        limit: str = "order-svc",
        seconds: float = LONG,
        environment: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run the playbook to its end."""
        with self.playbook("-l", limit, *words, environment=environment) as playbook:
            return Ended(playbook.wait(seconds), playbook.text)

    # What can be seen from outside

    def down(self) -> set[tuple[str, str]]:
        """(balancer, instance) for every line of any upstream that takes no new work, as the files say."""
        names = {address: name for name, address in self.instances.items()}
        return {
            (balancer, names[member])
            for balancer in self.balancers
            for members in pools_of(self.folder / balancer).values()
            for member, up in members.items()
            if not up
        }

    def takers(self, balancer: str) -> set[str]:
        """The instances to which the balancer sends the client's requests from now on, by its access log."""
        self.wait_reloaded()
        log = self.folder / balancer / "logs" / "access.log"
        offset = log.stat().st_size
        enough = 15 * len(self.instances)

        def lines() -> list[str]:
            with log.open() as stream:
                stream.seek(offset)
                return stream.readlines()

        wait_for(f"{enough} requests at {balancer}", lambda: len(lines()) > enough)
        names = {address: name for name, address in self.instances.items()}
        return {names[found[1]] for found in map(TAKEN.search, lines()) if found}

    def starts(self) -> dict[str, int]:
        """How often each instance's process was started, by supervisor's own log."""
        log = (self.folder / "logs" / "supervisord.log").read_text()
        return {name: log.count(f"spawned: '{name}' with pid") for name in self.instances}

    def pids(self) -> dict[str, int]:
        return {name: self.pid(name) for name in self.instances}

    def reloads(self) -> dict[str, int]:
        """By each balancer's error log."""
        return {
            name: (self.folder / name / "logs" / "error.log").read_text().count("signal 1 (SIGHUP) received")
            for name in self.balancers
        }

    def files(self) -> dict[str, bytes]:
        """Every file that a roll could write, with its bytes: configurations, ledger, state. Not the journal, which has
        each refusal on record."""
        found = [*(self.folder / "state").rglob("*"), *(self.folder / "ledger").rglob("*")]
        kept = [path for path in found if path.is_file() and path.parent.name != "journal"]
        return {**self.configurations(), **{str(path): path.read_bytes() for path in kept}}

    def configurations(self) -> dict[str, bytes]:
        """Every byte of the balancers' configurations."""
        return {
            str(path): path.read_bytes()
            for balancer in self.balancers
            for path in [self.folder / balancer / "nginx.conf", *(self.folder / balancer / "conf.d").iterdir()]
        }

    def status(self, **more: Any) -> dict[str, Any]:
        """What stands in the ledger."""
        return _guard.run({"action": "status", "ledger": f"{self.folder}/ledger", "service": self.service, **more})

    def held(self) -> dict[str, str]:
        """What the ledger says is out: host -> step."""
        return {lease["host"]: lease["step"] for lease in self.status()["leases"]}

    def runs(self) -> list[str]:
        """The states of the runs that have not finished."""
        return [run["state"] for run in self.status()["runs"]]

    # Hands

    def describe(self, entry: Mapping[str, Any], instance: str = "") -> None:
        """Write the inventory with this in the instance's last traffic point, or in everybody's."""
        content = self.described()
        for name, values in content["all"]["children"][self.service]["hosts"].items():
            if instance in ("", name):
                values["instance_traffic"][-1].update(entry)
        self.inventory.write_text(json.dumps(content))

    def owned(self, **owner: object) -> None:
        """Let the ledger say so of the process that makes its one run."""
        path = self.folder / "ledger" / "state.json"
        state = json.loads(path.read_text())
        [run] = state["runs"].values()
        run["owner"].update(owner)
        path.write_text(json.dumps(state))

    def die(self, instance: str) -> None:
        """The process ends at once, and supervisor does not start it again."""
        self.switch(instance, "fail_start")
        os.kill(self.pid(instance), signal.SIGKILL)

    def kill_balancer(self, balancer: str) -> None:
        """Its nginx and the way there are gone."""
        if self.hosts:
            self.hosts.kill(balancer)
        for process in processes.of_fleet(self.folder / balancer):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def by_hand(self, instance: str, words: str, balancers: Sequence[str] = ()) -> None:
        """Take it out, or put it back, as a person does: edit and reload."""
        for balancer in balancers or self.balancers:
            self.line(balancer, POOL, instance, words)
            self.reload(balancer)
