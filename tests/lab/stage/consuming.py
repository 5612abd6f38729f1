# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet whose instances serve nginx and consume messages at the same time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..demo import wait_for
from ..mq import accounting, messages
from ..mq.application import answers, url
from ..mq.brokers import Brokers, Consumer, Producer
from ..process import START
from .child import beside
from .stage import Stage


class Consuming(Stage):
    """Each instance with a consumer of its own, which is killed with it at once.

    entry: more of the entry in instance_traffic. consuming: by instance more of its consumer's settings.
    """

    def __init__(
        self,
        folder: Path,
        brokers: Brokers,
        *,
        entry: Mapping[str, Any] | None = None,
        consuming: Mapping[str, Mapping[str, Any]] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(folder, **more)
        self.brokers = brokers
        self.entry = dict(entry or {})
        self.consumers: dict[str, Consumer] = {}
        self._consuming = consuming or {}

    def write(self) -> None:
        for name in self.instances:
            self.consumers[name] = self.brokers.consumer(f"{name}-mq", **self._consuming.get(name, {}))
        super().write()

    def _command(self, name: str) -> list[str]:
        one = self.consumers[name]
        return beside(super()._command(name), one.folder, one.command, one.log)

    def _host(self, name: str) -> dict[str, Any]:
        one, values = self.consumers[name], super()._host(name)
        entry = {
            **self.brokers.entry(one),
            "leave": {"url": url(one, "leave")},
            "join": {"url": url(one, "join")},
            "finished": [{"url": url(one, "status"), "expect": {"finished": True}}],
            **self.entry,
        }
        return {**values, "instance_traffic": [*values["instance_traffic"], entry]}

    def start_supervisor(self) -> None:
        super().start_supervisor()
        wait_for("every consumer", lambda: all(map(answers, self.consumers.values())), START, 0.5)
        self.complete()

    def complete(self) -> None:
        """Wait until everybody is in the group, by its brokers' own tool."""
        everybody = {one.name for one in self.consumers.values()}
        wait_for("everybody in the group", lambda: self.brokers.members() == everybody, START, 0.5)

    def account(self, producer: Producer, leavers: Collection[int]) -> messages.Account:
        """What became of all that was sent, once everything was consumed or nothing comes any more.

        leavers: the pids of the processes that were drained and stopped.
        """
        return accounting.account(producer, [one.journal for one in self.consumers.values()], leavers)

    def consumed(self) -> dict[str, set[int]]:
        """By instance the processes that have consumed something so far."""
        return {name: {step.pid for step in messages.steps([one.journal])} for name, one in self.consumers.items()}
