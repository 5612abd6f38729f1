# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Conditions on what Prometheus says, by answers such as it gives; the real one is asked in the integration tests."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _api, _http, _prometheus

SERVER = _prometheus.Server(_api.Api("http://prom:9090/", {}, None, 5.0))
NOW = 1_800_000_000.0


class Answers:
    """What a double of the server answers, by query; and what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.data: Any = None
        self.raw: Any = None
        monkeypatch.setattr(_http, "ask", self.answer)

    def answer(self, url: str, method: str, headers: Any, ca_file: Any, limit: float, body: bytes) -> _http.Answer:
        fields = dict(urllib.parse.parse_qsl(body.decode()))
        self.asked.append((url, fields))
        if fields["query"] == "time()":
            return self.of({"resultType": "scalar", "result": [NOW, str(NOW)]})
        return self.raw if self.raw else self.of(self.data)

    @staticmethod
    def of(data: Any, **more: Any) -> _http.Answer:
        return _http.Answer(200, "", json.dumps({"status": "success", "data": data, **more}).encode(), False)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    return Answers(monkeypatch)


def vector(*values: str) -> dict[str, Any]:
    return {
        "resultType": "vector",
        "result": [{"metric": {"__name__": "up", "i": str(n)}, "value": [NOW, one]} for n, one in enumerate(values)],
    }


def matrix(*series: dict[float, str]) -> dict[str, Any]:
    """Of each series its values by seconds ago."""
    return {
        "resultType": "matrix",
        "result": [{"metric": {}, "values": [[NOW - ago, one] for ago, one in values.items()]} for values in series],
    }


def ask(comparison: str, **more: Any) -> tuple[bool, str]:
    return SERVER.ask(_prometheus.gate({"query": "up", "comparison": comparison, **more}, "gates[0]"))


@pytest.mark.parametrize(
    ("comparison", "value", "ok"),
    [
        ("< 0.01", "0.009", True),
        ("< 0.01", "0.01", False),
        ("<= 0.01", "0.01", True),
        (">= 3", "3", True),
        ("> 3", "3", False),
        ("== 0", "0", True),
        ("== 0", "-0", True),
        ("!= 0", "0", False),
        ("> 1e3", "+Inf", True),
        ("< -1.5e-3", "-Inf", True),
    ],
)
def test_comparisons(answers: Answers, comparison: str, value: str, ok: bool) -> None:
    answers.data = vector(value)
    assert ask(comparison)[0] is ok


def test_every_series_counts(answers: Answers) -> None:
    answers.data = vector("0", "0.5", "0.7")
    assert ask("< 0.1") == (False, "up{i='1'} was 0.5, and must be < 0.1 (and 1 more values)")


def test_a_scalar(answers: Answers) -> None:
    answers.data = {"resultType": "scalar", "result": [NOW, "4"]}
    assert ask("> 3") == (True, "4 is > 3")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (vector(), "the query gives nothing"),
        (vector("1", "NaN"), "up{i='1'} is NaN"),
        ({"resultType": "string", "result": [NOW, "x"]}, "the query gives a string, and no numbers"),
        (None, "the query gives a NoneType, and no numbers"),
    ],
)
def test_what_is_not_known(answers: Answers, data: Any, why: str) -> None:
    answers.data = data
    assert ask("> -1") == (False, f"not known: {why}")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (_http.Answer(400, "", b'{"status": "error", "error": "parse error"}', False), "prom:9090: parse error"),
        (_http.Answer(502, "", b"<html>", False), "prom:9090 answered 502, and not in JSON"),
        (_http.Answer(200, "", b"[]", False), "prom:9090 answered 200, and not as Prometheus does"),
        (_http.Answer(200, "", b"{" * 99, True), "longer than 64 KiB"),
        (Answers.of(vector("1"), warnings=["partial response"]), "prom:9090 warned: partial response"),
    ],
)
def test_other_answers(answers: Answers, answer: _http.Answer, why: str) -> None:
    answers.raw = answer
    ok, saw = ask("> 0")
    assert not ok and why in saw


class TestLasting:
    """`for`: at each of its moments, by the server's own clock."""

    def test_all_the_time(self, answers: Answers) -> None:
        answers.data = matrix({float(ago): "1" for ago in range(11)})
        assert ask("> 0", **{"for": 10}) == (True, "1 is > 0")
        url, fields = answers.asked[-1]
        assert url == "http://prom:9090/api/v1/query_range"
        assert fields == {"query": "up", "start": f"{NOW - 10:.3f}", "end": f"{NOW:.3f}", "step": "1.000"}

    def test_at_most_31_moments(self, answers: Answers) -> None:
        answers.data = matrix({10.0 * n: "1" for n in range(31)})
        assert ask("> 0", **{"for": 300})[0]
        assert answers.asked[-1][1]["step"] == "10.000"

    def test_not_a_while_ago(self, answers: Answers) -> None:
        answers.data = matrix({float(ago): "0" if ago == 7 else "1" for ago in range(11)})
        assert ask("> 0", **{"for": 10}) == (False, "was 0 7 s ago, and must be > 0")

    def test_a_gap_is_not_known(self, answers: Answers) -> None:
        answers.data = matrix({float(ago): "1" for ago in range(11) if ago != 4})
        assert ask("> 0", **{"for": 10}) == (False, "not known: it has values for 10 of 11 moments of the last 10 s")

    def test_series_that_come_and_go(self, answers: Answers) -> None:
        answers.data = matrix({float(n): "1" for n in range(5)}, {float(n): "2" for n in range(5, 11)})
        assert ask("> 0", **{"for": 10})[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"query": " ", "comparison": "< 1"}, "query ' ' is no PromQL"),
        ({"query": "up", "comparison": "1"}, "comparison '1' is none with a number, as in '< 0.01'"),
        ({"query": "up", "comparison": "< x"}, "comparison '< x' is none"),
        ({"query": "up", "comparison": "< 1 or true"}, "is none"),
        ({"query": "up", "comparison": "< nan"}, "is none"),
        ({"query": "up", "comparison": "< 1", "for": -1.0}, "for -1.0 is not a number of seconds from 0 to 86400"),
        ({"query": "up", "comparison": "< 1", "for": float("nan")}, "for nan is not a number"),
    ],
)
def test_what_is_no_gate(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="gates\\[0\\]: ") as raised:
        _prometheus.gate(given, "gates[0]")
    assert said in str(raised.value)
