# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The service's own conditions, on a real Prometheus: before the plan, and before each batch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _answer
from ansible_collections.lossless.restart.plugins.modules import prometheus_gate

from tests.lab.prometheus import Prometheus, prometheus
from tests.lab.stage import Stage

pytestmark = pytest.mark.timeout(600)

GATE = {"name": "failures", "query": "failures", "comparison": "< 0.01"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with prometheus(tmp_path_factory.mktemp("prometheus") / "server") as found:
        yield found


def ask(server: Prometheus, *gates: dict[str, Any], **more: Any) -> dict[str, Any]:
    params = {"url": server.url, "gates": list(gates), "headers_file": None, "ca_file": None, "timeout": 5.0, **more}
    return _answer.of(prometheus_gate.run, params, False)


class TestTheModule:
    def test_it_holds(self, server: Prometheus) -> None:
        server.say(failures="0.002")
        result = ask(server, GATE, {"query": "sum(failures) + 1", "comparison": "> 1"})
        assert result["ok"] and result["msg"] == "failures: 0.002 is < 0.01; sum(failures) + 1: 1.002 is > 1"

    def test_it_does_not(self, server: Prometheus) -> None:
        server.say(failures="0.03")
        result = ask(server, GATE)
        assert result["failed"] and "was 0.03, and must be < 0.01" in result["msg"] and "order-svc" in result["msg"]

    def test_nothing_is_not_known(self, server: Prometheus) -> None:
        result = ask(server, {"query": "no_such", "comparison": "< 1"})
        assert result["failed"] and result["msg"] == "no_such: not known: the query gives nothing"
        assert ask(server, {"query": "count(no_such) or vector(0)", "comparison": "< 1"})["ok"]

    def test_not_a_number(self, server: Prometheus) -> None:
        server.say(failures="0")
        result = ask(server, {"query": "failures / failures", "comparison": "< 1"})
        assert result["failed"] and "is NaN" in result["msg"]

    def test_what_is_no_query(self, server: Prometheus) -> None:
        result = ask(server, {"query": "rate(", "comparison": "< 1"})
        assert result["failed"] and "parse error" in result["msg"]

    def test_for_as_long_as_nothing_was_known(self, server: Prometheus) -> None:
        """It has run for some seconds, and so says nothing of the last hour."""
        server.say(failures="0")
        result = ask(server, {**GATE, "for": 3600.0})
        assert result["failed"] and "moments of the last 3600 s" in result["msg"]

    def test_for_some_time(self, server: Prometheus) -> None:
        """A breach that is over fails it for as long as it is in sight, as the server itself remembers it."""
        server.say(failures="0.5")
        server.say(failures="0")
        assert ask(server, GATE)["ok"]
        result = ask(server, {**GATE, "query": "max_over_time(failures[1m])"})
        assert result["failed"] and "was 0.5" in result["msg"]

    def test_nobody_there(self, server: Prometheus) -> None:
        result = ask(server, GATE, url="http://127.0.0.1:9")
        assert result["failed"] and "127.0.0.1:9 does not answer: connection refused" in result["msg"]

    @pytest.mark.parametrize("more", [{"url": "ftp://x"}, {"timeout": 0.0}, {"headers_file": "x"}, {"gates": []}])
    def test_bad_input(self, server: Prometheus, more: dict[str, Any]) -> None:
        assert ask(server, GATE, **more)["failed"]


class TestARoll:
    @pytest.fixture(scope="class")
    def fleet(self, server: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
        variables = {
            "fleet_prometheus": {"url": server.url},
            "fleet_gates": [GATE],
            "fleet_pace": [1],
            "instance_verify_requests": 0,
        }
        with Stage(tmp_path_factory.mktemp("gates") / "fleet", balancers=1, variables=variables) as found:
            yield found

    def test_nothing_is_begun(self, server: Prometheus, fleet: Stage) -> None:
        server.say(failures="0.03")
        before = fleet.files()
        ended = fleet.roll()
        assert ended.code == 2 and "Nothing was touched" in ended.text, ended.text
        assert "fleet_gates: failures: failures{" in ended.text and "was 0.03, and must be < 0.01" in ended.text
        assert fleet.files() == before

    def test_it_stops_before_the_next_batch(self, server: Prometheus, fleet: Stage) -> None:
        """The batch in work comes back; the rest is left, and the same command goes on once it is well."""
        server.say(failures="0")
        starts = fleet.starts()
        fleet.moments.before("supervisorctl start order-1", 1, lambda: server.say(failures="0.5"))
        ended = fleet.roll()
        assert ended.code == 2 and "was 0.5, and must be < 0.01" in ended.text, ended.text
        assert fleet.starts() == {**starts, "order-1": starts["order-1"] + 1}
        assert not fleet.down() and not fleet.held() and fleet.runs() == ["stopped"]
        server.say(failures="0")
        ended = fleet.roll()
        assert ended.code == 0 and "resuming run" in ended.text, ended.text
        assert fleet.starts() == {name: count + 1 for name, count in starts.items()}

    def test_nobody_to_ask(self, fleet: Stage) -> None:
        ended = fleet.roll("-e", json.dumps({"fleet_prometheus": {"url": "http://127.0.0.1:9"}}))
        assert ended.code == 2 and "127.0.0.1:9 does not answer" in ended.text and "Nothing was touched" in ended.text

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"fleet_prometheus": None}, "fleet_prometheus does not say whom to ask"),
            ({"fleet_prometheus": {"url": "prom:9090"}}, "fleet_prometheus: url 'prom:9090' is no http or https URL"),
            ({"fleet_gates": [{"query": "up", "comparison": "1"}]}, "fleet_gates[0]: comparison '1' is none"),
            ({"fleet_gates": [{"query": "up"}]}, "comparison"),
            ({"fleet_gates": [{"query": "up", "comparison": "< 1", "by": 1}]}, "by"),
        ],
    )
    def test_bad_input(self, fleet: Stage, given: dict[str, Any], said: str) -> None:
        before = fleet.files()
        ended = fleet.roll("-e", json.dumps(given))
        assert ended.code == 2 and said in " ".join(ended.text.split()), ended.text
        assert fleet.files() == before
