# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""mq_consumer_pause with real brokers and real applications, of which some do not do as they are told.

Whether it is so is asked of the brokers' own tools, and of the application's own endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.mq_groups import LABS, Groups, groups, member
from tests.lab.demo import wait_for
from tests.lab.mq.application import status, tell, url
from tests.lab.zookeeper import HOST

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", params=LABS)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groups]:
    with groups(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


def test_out_and_in_again(found: Groups) -> None:
    one = found.consumers[0]
    finished = [{"url": url(one, "status"), "expect": {"finished": True}}]
    left = found.pause(one, "out", finished=finished)
    assert not left.get("failed") and left["changed"] and "gone from the group" in left["msg"], left["msg"]
    assert one.name not in found.scene.members() and status(one)["finished"]
    assert left["before"]["members"][member(one)]["holding"] > 0
    again = found.pause(one, "out", finished=finished, before=left["before"])
    assert not again.get("failed") and not again["changed"], again["msg"]
    back = found.pause(one, "in", finished=finished, before=left["before"])
    assert not back.get("failed") and back["changed"] and "back in the group" in back["msg"], back["msg"]
    found.everybody()


def test_a_preview_tells_nobody(found: Groups) -> None:
    one = found.consumers[0]
    asked = found.asked(one, state="out", leave={"url": url(one, "leave")})
    result = found.run("mq_consumer_pause", asked, check=True)
    assert not result.get("failed") and result["changed"] and "would be told to leave" in result["msg"], result
    assert status(one)["consuming"] and one.name in found.scene.members()


STRANDED = "keeps what it holds, and nobody else takes it"
STILL = "is in the group still"


# What is about the application alone is tried where the brokers are quickest.
QUIRKS = {
    "rocketmq": {"suspend": ["answers 200", STRANDED]},
    "kafka": {"suspend": ["answers 200", STRANDED], "nothing": ["answers 200", STILL]},
    "rabbitmq": {
        "nothing": ["answers 200", STILL],
        "rejoin": ["answers 200", STILL],
        "hang": ["leave: POST", "no whole answer in time"],
    },
}


def test_one_that_does_not_do_as_it_was_told_is_found_out(found: Groups) -> None:
    """By the brokers: it gives no word of its own."""
    for quirk, said in QUIRKS[found.scene.kind].items():
        with found.another(quirk=quirk) as one:
            result = found.pause(one, "out", deadline=12.0)
            assert result.get("failed") and all(part in result["msg"] for part in said), result["msg"]
            assert quirk == "rejoin" or one.name in found.scene.members()
        found.everybody()


def test_the_last_one_stays(found: Groups) -> None:
    """Unless that is meant."""
    others = found.consumers[1:]
    for other in others:
        tell(other, "leave")
    one = found.consumers[0]
    wait_for("one alone", lambda: found.scene.members() == {one.name}, 60, 0.5)
    wait_for("the broker's word of it", lambda: len(found.info()["consumers"]) == 1, 30, 0.5)
    result = found.pause(one, "out")
    assert result.get("failed") and "nobody else is in order-consumer" in result["msg"], result["msg"]
    assert status(one)["consuming"]
    result = found.pause(one, "out", last=True)
    assert not result.get("failed") and found.scene.members() == set(), result["msg"]
    for consumer in found.consumers:
        tell(consumer, "join")
    found.everybody()


def test_clients_that_cannot_be_told_from_each_other(found: Groups) -> None:
    one = found.consumers[0]
    result = found.pause(one, "out", members=[HOST])
    assert result.get("failed") and "name the instance's own by 'client'" in result["msg"], result["msg"]
    result = found.pause(one, "out", members=[f"stranger@{HOST}"])
    assert result.get("failed") and f"stranger@{HOST} is not in order-consumer" in result["msg"], result["msg"]
    assert status(one)["consuming"]


def test_an_endpoint_on_another_host_is_not_told(found: Groups) -> None:
    one = found.consumers[0]
    result = found.pause(one, "out", leave={"url": "http://192.0.2.1:8080/leave"})
    assert result.get("failed") and "192.0.2.1 is not this host" in result["msg"], result["msg"]


def test_one_that_is_frozen_is_not_gone(found: Groups) -> None:
    with found.another() as one:
        one.pause()
        result = found.pause(one, "out", leave=None, deadline=3.0)
        assert result.get("failed") and "NOT proved out" in result["msg"], result["msg"]
        assert one.name in found.scene.members()


def test_members_that_come_and_go_are_waited_for(found: Groups) -> None:
    """As long as one flaps there is no proof; then there is."""
    one, flapping = found.consumers[0], found.consumers[1]
    tell(flapping, "leave")
    tell(flapping, "join")
    result = found.pause(one, "out", deadline=60.0)
    assert not result.get("failed"), result["msg"]
    assert found.scene.members() == {other.name for other in found.consumers[1:]}
    tell(one, "join")
    found.everybody()
