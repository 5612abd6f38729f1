# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Silences on a real Alertmanager: by what it does with alerts, exactly those of who is in work, and no longer."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _answer
from ansible_collections.lossless.restart.plugins.modules import alertmanager_silence

from tests.lab.alertmanager import Alertmanager, alertmanager
from tests.lab.demo import wait_for
from tests.lab.stage import LONG, Stage, kill

pytestmark = pytest.mark.timeout(600)

NAMES = ("order-1", "order-2", "order-3")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager") / "server") as found:
        yield found


def ask(server: Alertmanager, *silences: dict[str, Any], check: bool = False, **more: Any) -> dict[str, Any]:
    """As the module is called; for a minute, unless something else is said."""
    params: dict[str, Any] = {"url": server.url, "headers_file": None, "ca_file": None, "timeout": 5.0}
    params |= {"silences": list(silences), "state": "present", "seconds": 60.0, "by": "run 7", "comment": "a restart"}
    return _answer.of(alertmanager_silence.run, {**params, **more}, check)


def left(one: dict[str, Any]) -> float:
    """Seconds until it ends."""
    return datetime.datetime.fromisoformat(one["endsAt"].replace("Z", "+00:00")).timestamp() - time.time()


class TestTheModule:
    @pytest.fixture(autouse=True)
    def nothing(self, server: Alertmanager) -> Iterator[None]:
        server.fire({"instance": "a", "job": "x"}, {"instance": "b", "job": "x"}, {"instance": "ab", "job": "x"})
        yield
        for by in ("run 7", "run 8"):
            ask(server, {"instance": "a"}, {"instance": "b"}, {"instance": "a", "job": "x"}, by=by, state="absent")
        assert not server.silences()

    def test_exactly_one(self, server: Alertmanager) -> None:
        assert ask(server, {"instance": "a"})["changed"]
        assert server.quiet("instance") == {"a"}
        [one] = server.silences()
        assert (one["createdBy"], one["comment"]) == ("run 7", "a restart") and 50 < left(one) <= 60

    def test_again_changes_nothing(self, server: Alertmanager) -> None:
        ask(server, {"instance": "a"})
        before = server.silences()
        assert not ask(server, {"instance": "a"})["changed"] and server.silences() == before
        assert not ask(server, {"instance": "a"}, seconds=10.0)["changed"] and server.silences() == before

    def test_longer(self, server: Alertmanager) -> None:
        ask(server, {"instance": "a"})
        assert ask(server, {"instance": "a"}, seconds=600.0)["changed"]
        [one] = server.silences()
        assert left(one) > 500 and server.quiet("instance") == {"a"}

    def test_ended(self, server: Alertmanager) -> None:
        ask(server, {"instance": "a"}, {"instance": "b"})
        assert server.quiet("instance") == {"a", "b"}
        assert ask(server, {"instance": "a"}, state="absent")["changed"]
        assert server.quiet("instance") == {"b"}
        assert not ask(server, {"instance": "a"}, state="absent")["changed"]

    def test_nobody_elses(self, server: Alertmanager) -> None:
        """One by another, and one of ours that is for more labels, stay as they are."""
        ask(server, {"instance": "a"}, by="run 8")
        ask(server, {"instance": "a", "job": "x"})
        before = server.silences()
        assert not ask(server, {"instance": "a"}, state="absent")["changed"]
        assert server.silences() == before

    def test_it_ends_by_itself(self, server: Alertmanager) -> None:
        ask(server, {"instance": "a"}, seconds=2.0)
        assert server.quiet("instance") == {"a"}
        wait_for("the silence to end", lambda: not server.quiet("instance"))

    def test_check_mode(self, server: Alertmanager) -> None:
        assert ask(server, {"instance": "a"}, check=True)["changed"] and not server.silences()
        ask(server, {"instance": "a"})
        assert ask(server, {"instance": "a"}, check=True, state="absent")["changed"] and len(server.silences()) == 1

    def test_what_is_in_a_value(self, server: Alertmanager) -> None:
        """It is compared as it is, and no pattern."""
        value = 'a".*{}\\&filter=x '
        server.fire({"instance": value})
        ask(server, {"instance": value})
        assert server.quiet("instance") == {value}
        assert ask(server, {"instance": value}, state="absent")["changed"]

    @pytest.mark.parametrize(
        ("silences", "more", "said"),
        [
            ([{}], {}, "silences[0] {} is no mapping of labels to values"),
            ([{"instance": ""}], {}, "an empty value would silence others too"),
            ([{"in-stance": "a"}], {}, "'in-stance' is no name of a label"),
            ([{"instance": 3}], {}, "instance 3 is no text"),
            ([{"instance": "a"}], {"seconds": 0.0}, "seconds 0.0 is not a number from 1 to 86400"),
            ([{"instance": "a"}], {"by": " "}, "by is empty"),
            ([{"instance": "a"}], {"url": "http://127.0.0.1:9"}, "127.0.0.1:9 does not answer: connection refused"),
        ],
    )
    def test_bad_input(self, server: Alertmanager, silences: Any, more: dict[str, Any], said: str) -> None:
        result = ask(server, *silences, **more)
        assert result["failed"] and said in result["msg"] and not server.silences()


class TestARoll:
    @pytest.fixture(scope="class")
    def fleet(self, server: Alertmanager, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
        variables = {
            "fleet_alertmanager": {"url": server.url},
            "fleet_pace": [2],
            "instance_alerts": {"name": "{{ inventory_hostname }}"},
            "instance_verify_requests": 0,
        }
        with Stage(tmp_path_factory.mktemp("silences") / "fleet", balancers=1, variables=variables) as found:
            server.fire(*({"name": name} for name in NAMES))
            yield found

    def test_who_is_in_work(self, server: Alertmanager, fleet: Stage) -> None:
        seen: dict[str, set[str]] = {}

        def look(name: str) -> None:
            seen[name] = server.quiet("name")

        for name in NAMES:
            fleet.moments.before(f"supervisorctl start {name}", 1, partial(look, name))
        ended = fleet.roll()
        assert ended.code == 0, ended.text
        assert seen == {"order-1": {"order-1", "order-2"}, "order-2": {"order-1", "order-2"}, "order-3": {"order-3"}}
        assert not server.quiet("name") and not server.silences()

    def test_after_a_failure(self, server: Alertmanager, fleet: Stage) -> None:
        """What stays out is no secret: its alerts fire."""
        fleet.switch("order-1", "fail_start")
        ended = fleet.roll()
        assert ended.code == 2 and "NOT DONE, lease kept: order-1" in ended.text, ended.text
        assert not server.quiet("name") and not server.silences()
        fleet.switch("order-1", "fail_start", None)
        assert fleet.roll().code == 0 and not server.silences()

    def test_after_a_kill(self, server: Alertmanager, fleet: Stage) -> None:
        """It ends with the lease at the latest; the same command goes on, and ends its own."""
        with fleet.playbook("-l", "order-1") as playbook:
            wait_for("order-1 to be silenced", lambda: server.quiet("name") == {"order-1"}, seconds=LONG)
            kill(playbook)
        until = fleet.status()["leases"][0]["until"]
        [one] = server.silences()
        assert left(one) <= until - time.time() + 10
        ended = fleet.roll(limit="order-1")
        assert ended.code == 0 and not fleet.held(), ended.text

    def test_nobody_there(self, fleet: Stage) -> None:
        """It is said, and nothing else is different."""
        ended = fleet.roll("-e", json.dumps({"fleet_alertmanager": {"url": "http://127.0.0.1:9"}}), limit="order-3")
        assert ended.code == 0, ended.text
        assert "NOT SILENCED: order-3: 127.0.0.1:9 does not answer" in ended.text

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"instance_alerts": {"name": "x"}}, "instance_alerts {'name': 'x'} are those of order-1 too"),
            ({"instance_alerts": {}}, "instance_alerts does not say which alerts are its own"),
            ({"instance_alerts": {"name": ""}}, "an empty value would silence others too"),
            ({"fleet_alertmanager": {"url": "am:9093"}}, "fleet_alertmanager: url 'am:9093' is no http or https URL"),
        ],
    )
    def test_bad_input(self, fleet: Stage, given: dict[str, Any], said: str) -> None:
        before = fleet.files()
        ended = fleet.roll("-e", json.dumps(given))
        assert ended.code == 2 and said in " ".join(ended.text.split()), ended.text
        assert fleet.files() == before
