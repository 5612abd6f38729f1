# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""mq_consumer_pause on an application of Spring Cloud Stream, which knows nothing of leaving: by Actuator's binding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _local

from tests import lab
from tests.lab.demo import wait_for
from tests.lab.kafka.scene import GROUP, TOPIC, Scene
from tests.lab.mq import accounting, messages
from tests.lab.mq.application import url
from tests.lab.spring.application import BINDING, Application
from tests.lab.zookeeper import HOST

pytestmark = pytest.mark.timeout(300)
OTHERS = {"order-1", "order-2"}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    (tmp_path / "kafka").mkdir()
    with lab.kafka(tmp_path / "kafka", consumers=len(OTHERS)) as made:
        yield made


@pytest.fixture
def application(scene: Scene, tmp_path: Path) -> Iterator[Application]:
    folder = tmp_path / "order-3"
    folder.mkdir()
    one = Application(folder, scene.servers, GROUP, TOPIC)
    try:
        one.start()
        wait_for("it to be in the group", lambda: one.client in scene.members(), 60, 0.5)
        yield one
    finally:
        one.kill()


def pause(scene: Scene, application: Application, state: str, **more: Any) -> dict[str, Any]:
    lever = {"actuator_binding": {"url": application.bindings, "name": BINDING}}
    words: list[dict[str, Any]] = [
        {"url": f"{application.bindings}/{BINDING}", "expect": {"0.state": "stopped"}},
        {"url": url(application, "status"), "expect": {"in_flight": 0}},
    ]
    asked: dict[str, Any] = {"broker": "kafka", "servers": scene.servers, "group": GROUP, "leave": lever, "join": lever}
    asked |= {"members": [f"{application.client}@{HOST}"], "finished": words, "quiet": 0.5, "deadline": 30.0}
    return _local.run("mq_consumer_pause", {**asked, "state": state, **more}, False)


def test_nothing_is_lost(scene: Scene, application: Application) -> None:
    """Killed right after it has left."""
    producer = scene.produce(2000, 100)
    mine = {application.client}
    journals = [application.journal, *(one.journal for one in scene.consumers)]
    wait_for("all to consume", lambda: all(messages.steps([journal]) for journal in journals), 60)
    leaver = application.pid
    left = pause(scene, application, "out")
    assert not left.get("failed") and left["changed"] and scene.members() == OTHERS, left["msg"]
    application.kill()
    application.start()
    wait_for("it to be back by itself", lambda: scene.members() == OTHERS | mine, 60, 0.5)
    back = pause(scene, application, "in", before=left["before"])
    assert not back.get("failed"), back["msg"]
    account = accounting.account(producer, journals, {leaver})
    assert account.sent == 2000 and account.clean, account.text()


def test_who_was_told_to_leave_is_told_to_join(scene: Scene, application: Application) -> None:
    left = pause(scene, application, "out")
    assert not left.get("failed") and scene.members() == OTHERS, left["msg"]
    back = pause(scene, application, "in", before=left["before"])
    assert not back.get("failed") and back["changed"] and scene.members() == OTHERS | {application.client}, back["msg"]


def test_a_binding_that_it_has_not(scene: Scene, application: Application) -> None:
    """Actuator says nothing of it, and the broker does."""
    lever = {"actuator_binding": {"url": application.bindings, "name": "ordre-in-0"}}
    result = pause(scene, application, "out", leave=lever, finished=[], deadline=8.0)
    assert result.get("failed") and "NOT proved out" in result["msg"], result["msg"]
    assert application.client in scene.members()
