# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Groups of Kafka that are not of the classic kind, and members that stay when they have left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.mq_groups import Groups, groups, member
from tests.lab.demo import wait_for
from tests.lab.kafka.scene import TOPIC
from tests.lab.kafka.server import sharing
from tests.lab.mq.application import status

pytestmark = pytest.mark.timeout(600)
# Seconds, of the lab's consumers.
SESSION = 15.0


@pytest.fixture(scope="module", params=["classic", "consumer"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groups]:
    """consumer: of KIP-848."""
    with groups("kafka", tmp_path_factory.mktemp(request.param), consumers=2, protocol=request.param) as made:
        yield made


def test_one_leaves_and_comes_back(found: Groups) -> None:
    one = found.consumers[0]
    assert {listed["facts"]["type"] for listed in found.info()["consumers"]} == {found.scene.protocol}
    left = found.pause(one, "out")
    assert not left.get("failed") and found.scene.members() == {found.consumers[1].name}, left["msg"]
    back = found.pause(one, "in", before=left["before"])
    assert not back.get("failed"), back["msg"]
    found.everybody()


def test_a_static_member_stays_for_as_long_as_it_is_said(found: Groups) -> None:
    with found.another(instance="static-1") as one:
        refused = found.pause(one, "out")
        assert refused.get("failed") and "is a static member of order-consumer" in refused["msg"], refused["msg"]
        assert status(one)["consuming"]
        if found.scene.protocol == "classic":
            left = found.pause(one, "out", stays_for=SESSION, stays=SESSION, deadline=60.0)
            assert not left.get("failed") and one.name not in found.scene.members(), left["msg"]
            assert left["seconds"]["gone"] > SESSION / 2 and member(one) in left["msg"]


def test_a_group_that_shares_messages_is_of_another_type(found: Groups) -> None:
    """A share group: no client holds a partition there, and who asks for groups of consumers is not told of it."""
    with sharing(found.scene.servers, TOPIC, "sharers", found.scene.folder):
        wait_for("the group", lambda: "sharers" in found.scene.listing(), 60, 0.5)
        result = found.info(group="sharers")
        assert result["failed"] and "lists no such group of consumers" in result["msg"], result["msg"]


def test_one_of_two_brokers_is_down(tmp_path: Path) -> None:
    """Each partition has a copy at the other, which leads it after a while; then all is as it was."""
    with groups("kafka", tmp_path / "two", brokers=2, consumers=2) as found:
        found.scene.brokers[1].kill()
        wait_for("the group to be settled again", lambda: settled(found), 90, 0.5)
        left = found.pause(found.consumers[0], "out", deadline=60.0)
        assert not left.get("failed") and found.scene.members() == {found.consumers[1].name}, left["msg"]


def settled(found: Groups) -> bool:
    """Where it is not, the module says so and does not guess."""
    said = found.info()
    return not said.get("failed") and said["state"] == "stable" and said["unheld"] == []
