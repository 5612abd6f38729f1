# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The three labs for the tests of groups: what is asked of a module, and who does something wrong when it is told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _local

from tests import lab
from tests.lab.demo import wait_for
from tests.lab.mq.application import url
from tests.lab.zookeeper import HOST

LABS: Mapping[str, Any] = {"rocketmq": lab.rocketmq, "kafka": lab.kafka, "rabbitmq": lab.rabbitmq}
# A member that was killed is given up by Kafka after its session; the others' connections tell.
GIVEN_UP = 90.0
_KEYS = ("servers", "group", "queues", "auth")


class Groups:
    """One lab with three consumers, which a test leaves as they were."""

    def __init__(self, scene: Any) -> None:
        self.scene = scene
        self.consumers = scene.consumers
        self._count = 0

    def asked(self, consumer: Any, **more: Any) -> dict[str, Any]:
        """The brokers' part of a module's arguments, for one member."""
        entry = self.scene.entry(consumer)
        given = {name: entry[name] for name in _KEYS if name in entry}
        return {"broker": self.scene.kind, **given, "members": [member(consumer)], **more}

    def run(self, module: str, asked: Mapping[str, Any], check: bool = False) -> dict[str, Any]:
        """What is None is not given."""
        return _local.run(module, {name: value for name, value in asked.items() if value is not None}, check)

    def info(self, **more: Any) -> dict[str, Any]:
        return self.run("mq_consumer_info", self.asked(self.consumers[0], **more))

    def pause(self, consumer: Any, state: str, **more: Any) -> dict[str, Any]:
        """Both halves at once, as a playbook of somebody's own has them."""
        settings = {"deadline": 30.0, "leave": {"url": url(consumer, "leave")}, "join": {"url": url(consumer, "join")}}
        return self.run("mq_consumer_pause", self.asked(consumer, state=state, **{**settings, **more}))

    def everybody(self) -> None:
        """Wait until the three are in the group and nobody else, by the brokers' own tool, and each holds its part."""
        names = {one.name for one in self.consumers}
        wait_for("the three in the group", lambda: self.scene.members() == names, GIVEN_UP, 0.5)
        wait_for("each to hold its part", self._settled, GIVEN_UP, 0.5)

    def _settled(self) -> bool:
        found = self.info()
        assert not found.get("failed"), found["msg"]
        return found["state"] == "stable" and found["unheld"] == [] and all(one["holds"] for one in found["consumers"])

    @contextlib.contextmanager
    def another(self, **settings: Any) -> Iterator[Any]:
        """One more consumer, in the group; killed afterwards."""
        self._count += 1
        one = self.scene.consumer(f"odd-{self._count}", **settings)
        try:
            one.start()
            wait_for("one more in the group", lambda: one.name in self.scene.members(), GIVEN_UP, 0.5)
            wait_for(
                "the broker's word of it", lambda: len(self.info()["consumers"]) > len(self.consumers), GIVEN_UP, 0.5
            )
            wait_for("it to hold its part", self._settled, GIVEN_UP, 0.5)
            yield one
        finally:
            one.resume()
            one.kill()


def member(consumer: Any) -> str:
    """As a module takes it."""
    return f"{consumer.name}@{HOST}"


@contextlib.contextmanager
def groups(kind: str, folder: Path, **settings: Any) -> Iterator[Groups]:
    folder.mkdir(exist_ok=True)
    with LABS[kind](folder, **settings) as scene:
        found = Groups(scene)
        found.everybody()
        yield found
