# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The button as people press it, each by a login of their own."""

from __future__ import annotations

import json
import re

from tests.lab.logins import Logins
from tests.lab.stage import LONG, Ended, Stage


class Button:
    """A fleet under a policy, and its people."""

    def __init__(self, fleet: Stage, people: Logins) -> None:
        self.fleet, self.people, self.change = fleet, people, 0

    @property
    def good(self) -> tuple[str, ...]:
        """What has to be said, with a change of each test's own, so that no approval is left from another one."""
        return ("-e", f"fleet_change=CHG-{self.change}", "-e", "fleet_confirm=order-svc")

    def press(self, who: str, *words: str, name: str = "rolling_restart.yml", **environment: str) -> Ended:
        words = ("-l", "order-svc", *words)
        before = self.people.before(who)
        with self.fleet.playbook(*words, name=name, environment=environment, before=before) as playbook:
            return Ended(playbook.wait(LONG), playbook.text)

    def refused(
        self, who: str, *words: str, name: str = "rolling_restart.yml", nothing: bool = False, **environment: str
    ) -> str:
        """What was said, once it is clear that no process was restarted and no balancer touched. nothing: it may also
        do nothing at all, and be content with that."""
        starts, reloads, files = self.fleet.starts(), self.fleet.reloads(), self.fleet.configurations()
        ended = self.press(who, *words, name=name, **environment)
        assert ended.code != 0 or nothing, ended.text
        assert (self.fleet.starts(), self.fleet.reloads(), self.fleet.configurations()) == (starts, reloads, files)
        assert not self.fleet.held() and not self.fleet.runs(), ended.text
        return ended.text

    def approve(self, who: str, request: str, key: str = "", *words: str) -> Ended:
        key = str(self.people.key(key or who))
        return self.press(
            who, "-e", f"fleet_approve={request}", "-e", f"fleet_approval_key={key}", *words, name="approve.yml"
        )

    def ask(self, *words: str) -> str:
        """Alice asks; the id of her request."""
        found = re.search(r"fleet_approve=([0-9a-f]{12})", self.refused("alice", *self.good, *words))
        assert found
        return found[1]

    def requests(self) -> list[str]:
        """As they stand in the ledger's file."""
        return list(json.loads((self.fleet.folder / "ledger" / "state.json").read_text())["requests"])
