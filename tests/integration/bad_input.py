# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bad input through the real command: how it gets there, and what a refused run must leave as it was."""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.lab.demo import Fleet, Playbook, processes, wait_for

PLAYBOOK = "rolling_restart.yml"
SERVICE = ("-l", "order-svc")
# A run that is not refused ends here, on the busiest machine.
SECONDS = 300.0
Change = Callable[[dict[str, Any]], object]


class Refusals:
    """Runs that must be refused, on one fleet that they share: three instances, two balancers, two upstreams."""

    def __init__(self, folder: Path) -> None:
        self.fleet = Fleet(folder / "fleet", instances=3, upstreams={"order_svc": None, "order_admin": 2})
        self.ledger = self.fleet.folder / "ledger"
        self._inventory = folder / "hosts.yml"
        self._log = folder / "playbook.log"

    def inventory(self, change: Change) -> Path:
        """The fleet's inventory with a change made to it."""
        described = copy.deepcopy(self.fleet.described())
        change(described)
        self._inventory.write_text(json.dumps(described))
        return self._inventory

    def run(self, words: Sequence[str], change: Change = dict) -> tuple[int, str]:
        """The real command; its exit code and what it printed."""
        inventory = str(self.inventory(change))
        with Playbook(PLAYBOOK, "-i", inventory, *words, log=self._log) as playbook:
            return playbook.wait(SECONDS), playbook.text

    def refused(self, words: Sequence[str] = SERVICE, change: Change = dict, said: Sequence[str] = ()) -> str:
        """What the command printed, once it is clear that its one error says all of `said`, and nothing was touched."""
        before = self.seen()
        code, text = self.run(words, change)
        assert self.seen() == before, text
        assert code != 0, text
        error = only_error(text)
        assert [part for part in said if part not in error] == [], error
        return text

    def put_back(
        self, words: Sequence[str], change: Change = dict, said: Sequence[str] = (), held: Sequence[str] = ()
    ) -> str:
        """As `refused`, of what shows only while it is done: the run began, and all is again as it was before it.

        held: the instances whose lease is kept nevertheless.
        """
        before = self.kept()
        code, text = self.run(words, change)
        assert code != 0 and "Traceback" not in text, text
        assert self.kept() == before, text
        assert list(json.loads((self.ledger / "state.json").read_text())["leases"]) == list(held), text
        error = " ".join(text.partition("FAILED")[2].split())
        assert [part for part in said if part not in error] == [], error
        return text

    def kept(self) -> dict[str, Any]:
        """The balancers' configurations with their modes, and the instances' processes."""
        found: dict[str, Any] = {name: self.fleet.pid(name) for name in self.fleet.instances}
        for name in self.fleet.balancers:
            folder = self.fleet.folder / name
            for path in [folder / "nginx.conf", *folder.joinpath("conf.d").iterdir()]:
                found[str(path)] = (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        return found

    def seen(self) -> dict[str, Any]:
        """And that nothing was so much as written or reloaded: times, workers, reloads, ledger, state."""
        found = self.kept()
        folders = [self.ledger, self.fleet.folder / "state"]
        folders += [self.fleet.folder / name / "conf.d" for name in self.fleet.balancers]
        for path in (path for folder in folders for path in folder.rglob("*")):
            if path.is_file() and path.name != "lock":
                found[str(path)] = (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
        for name in self.fleet.balancers:
            log = (self.fleet.folder / name / "logs" / "error.log").read_text()
            found[name] = (self.workers(name), log.count("signal 1 (SIGHUP) received"))
        return found

    def workers(self, balancer: str) -> list[int]:
        running = processes.of_fleet(self.fleet.folder / balancer)
        return sorted(one.pid for one in running if one.argv[0].startswith("nginx: worker"))

    @contextlib.contextmanager
    def configured(
        self, balancer: str, change: Callable[[str], str], name: str = "upstreams.conf", live: bool = True
    ) -> Iterator[None]:
        """One file of a balancer's conf.d as `change` makes it of what is there; with `live` nginx has read it."""
        path = self.fleet.folder / balancer / "conf.d" / name
        before = path.read_text() if path.exists() else None
        try:
            path.write_text(change(before or ""))
            if live:
                self.reload(balancer)
            yield
        finally:
            path.unlink() if before is None else path.write_text(before)
            self.reload(balancer)

    def reload(self, balancer: str) -> None:
        """Until only new workers are left."""
        old = set(self.workers(balancer))
        self.fleet.reload(balancer)

        def done() -> bool:
            now = set(self.workers(balancer))
            return bool(now) and not now & old

        wait_for("only new workers", done)

    def fresh(self) -> None:
        """Without a ledger, and without what the hosts remember of one."""
        shutil.rmtree(self.fleet.folder / "state" / "fence", ignore_errors=True)
        if self.ledger.is_symlink() or self.ledger.is_file():
            self.ledger.unlink()
        elif self.ledger.exists():
            self.ledger.chmod(0o700)
            shutil.rmtree(self.ledger)


def only_error(text: str) -> str:
    """The one error in what was printed, to its end, on one line."""
    assert "Traceback" not in text and "[ERROR]" not in text, text
    assert text.count("FAILED") == 1, text
    return " ".join(text.partition("FAILED")[2].split())


def group(**variables: Any) -> Change:
    """Variables of the service's group."""
    return lambda described: described["all"]["children"]["order-svc"]["vars"].update(variables)


def host(name: str, **variables: Any) -> Change:
    """Variables of one host."""

    def change(described: dict[str, Any]) -> None:
        for one in described["all"]["children"].values():
            if name in one["hosts"]:
                one["hosts"][name].update(variables)

    return change


def without(name: str) -> Change:
    """The service's group without a variable."""
    return lambda described: described["all"]["children"]["order-svc"]["vars"].pop(name)


def another_group(name: str, hosts: Mapping[str, Any]) -> Change:
    return lambda described: described["all"]["children"].update({name: {"hosts": dict(hosts)}})


def every(*changes: Change) -> Change:
    def change(described: dict[str, Any]) -> None:
        for one in changes:
            one(described)

    return change


def traffic(*upstreams: str, **more: Any) -> list[dict[str, Any]]:
    """instance_traffic: one entry for each upstream, by default order_svc alone."""
    balancers = "{{ groups['lb'] }}"
    return [{"kind": "nginx", "upstream": name, "balancers": balancers, **more} for name in upstreams or ("order_svc",)]
