# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bad input through the real command: how it gets there, and what a refused run must leave as it was."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.lab.demo import Fleet, Playbook, processes, wait_for

PLAYBOOK = "rolling_restart.yml"
# A run that is not refused ends here, on the busiest machine.
SECONDS = 120.0
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

    def run(self, *words: str, change: Change = dict, extra: Mapping[str, Any] | None = None) -> tuple[int, str]:
        """The real command, with `extra` variables; its exit code and what it printed."""
        more = ["-e", json.dumps(extra)] if extra else []
        inventory = self.inventory(change)
        with Playbook(PLAYBOOK, "-i", str(inventory), *words, *more, log=self._log) as playbook:
            return playbook.wait(SECONDS), playbook.text

    def refused(
        self, *words: str, change: Change = dict, extra: Mapping[str, Any] | None = None, said: tuple[str, ...] = ()
    ) -> str:
        """Run the command; assert that it is refused with one error that says all of `said`, and touches nothing."""
        before = self.state()
        code, text = self.run(*(words or ("-l", self.fleet.service)), change=change, extra=extra)
        assert self.state() == before, text
        assert code != 0, text
        error = only_error(text)
        assert [part for part in said if part not in error] == [], error
        return error

    def state(self) -> dict[str, Any]:
        """Whatever a refused run must leave as it was: files with their modes, processes, reloads."""
        fleet = self.fleet
        found: dict[str, Any] = {}
        for name in (*fleet.balancers, "ledger", "state", "supervisord.conf"):
            top = fleet.folder / name
            for path in sorted([top, *top.rglob("*")]):
                if path.is_file() and not {"logs", "temp"} & set(path.relative_to(fleet.folder).parts):
                    found[str(path)] = (path.read_bytes(), stat.S_IMODE(path.lstat().st_mode), path.stat().st_mtime_ns)
        for name in fleet.balancers:
            log = (fleet.folder / name / "logs" / "error.log").read_text()
            found[name] = (workers(fleet, name), len(re.findall(r"signal 1 \(SIGHUP\) received", log)))
        return {**found, **{name: fleet.pid(name) for name in fleet.instances}}

    @contextlib.contextmanager
    def configured(self, balancer: str, name: str, text: Callable[[str], str], live: bool = True) -> Iterator[None]:
        """One file of a balancer's conf.d, as `text` makes it of what is there; with `live` nginx has read it."""
        path = self.fleet.folder / balancer / "conf.d" / name
        before = path.read_text() if path.exists() else None
        try:
            path.write_text(text(before or ""))
            if live:
                self.reload(balancer)
            yield
        finally:
            if before is None:
                path.unlink()
            else:
                path.write_text(before)
            self.reload(balancer)

    def reload(self, balancer: str) -> None:
        """Until only new workers are left."""
        old = set(workers(self.fleet, balancer))
        self.fleet.reload(balancer)
        wait_for("new workers", lambda: bool(now := set(workers(self.fleet, balancer))) and not now & old)


def workers(fleet: Fleet, balancer: str) -> list[int]:
    running = processes.of_fleet(fleet.folder / balancer)
    return sorted(one.pid for one in running if one.argv[0].startswith("nginx: worker"))


def only_error(text: str) -> str:
    """The one error in what was printed, to its end, without line ends inside it."""
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
            one.get("hosts", {}).get(name, {}).update(variables)

    return change
