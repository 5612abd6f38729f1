# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The expectations on a JSON answer, as tables."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _expect

ANSWER = {
    "status": "healthy",
    "in_flight": 0,
    "load": 0.5,
    "ready": True,
    "since": None,
    "count": "0",
    "pool": {"active": 3, "names": ["a", "b"]},
    "nodes": [{"up": True}, {"up": False}],
    "db.pool": {"idle": 2},
}

HOLDS: list[dict[str, Any]] = [
    {"status": "healthy"},
    {"in_flight": 0},
    {"in_flight": 0.0},
    {"ready": True},
    {"since": None},
    {"count": "0"},
    {"pool": {"active": 3, "names": ["a", "b"]}},
    {"pool.names": ["a", "b"]},
    {"pool.names.1": "b"},
    {"nodes.1.up": False},
    {"pool.active": "<= 3"},
    {"pool.active": "<4"},
    {"pool.active": ">= 3"},
    {"pool.active": "> 2.5"},
    {"load": "< 1e0"},
    {"status": "!= down"},
    {"in_flight": "!= 1"},
    {"since": "!= 0"},
    {"db.pool": {"idle": 2}},
    {"status": "healthy", "in_flight": "<= 0", "pool.active": 3},
]

FAILS: list[tuple[dict[str, Any], str]] = [
    ({"status": "up"}, 'status: expected "up", saw "healthy"'),
    ({"in_flight": 1}, "in_flight: expected 1, saw 0"),
    ({"count": 0}, 'count: expected 0, saw "0" (text)'),
    ({"in_flight": "0"}, 'in_flight: expected "0", saw 0 (number)'),
    ({"in_flight": False}, "in_flight: expected false, saw 0 (number)"),
    ({"ready": 1}, "ready: expected 1, saw true (boolean)"),
    ({"since": 0}, "since: expected 0, saw null (null)"),
    ({"pool": {"active": 3}}, 'pool: expected {"active": 3}, saw {"active": 3, "names": ["a", "b"]}'),
    ({"pool.names": ["b", "a"]}, 'pool.names: expected ["b", "a"], saw ["a", "b"]'),
    ({"nodes": [{"up": 1}, {"up": 0}]}, 'nodes: expected [{"up": 1}, {"up": 0}], saw [{"up": true}, {"up": false}]'),
    ({"pool.active": "<= 2"}, "pool.active: expected <= 2, saw 3"),
    ({"pool.active": "< 3"}, "pool.active: expected < 3, saw 3"),
    ({"pool.active": "> 3"}, "pool.active: expected > 3, saw 3"),
    ({"count": "<= 5"}, 'count: expected <= 5, saw "0" (text)'),
    ({"ready": ">= 1"}, "ready: expected >= 1, saw true (boolean)"),
    ({"status": "!= healthy"}, 'status: expected != healthy, saw "healthy"'),
    ({"in_flight": "!= 0"}, "in_flight: expected != 0, saw 0"),
    ({"count": "!= 0"}, 'count: expected != 0, saw "0"'),
    ({"ready": "!= true"}, "ready: expected != true, saw true"),
    ({"since": "!= null"}, "since: expected != null, saw null"),
    (
        {"inflight": 0},
        "inflight: the answer has no 'inflight', it has count, db.pool, in_flight, load, nodes, pool, "
        "ready, since, status",
    ),
    ({"pool.busy": 0}, "pool.busy: pool has no 'busy', it has active, names"),
    ({"nodes.2.up": True}, "nodes.2.up: nodes is a list of 2, it has no '2'"),
    ({"nodes.-1.up": True}, "nodes.-1.up: nodes is a list of 2, it has no '-1'"),
    ({"status.code": 1}, "status.code: status is \"healthy\" (text), it has no 'code'"),
]

REFUSED: list[tuple[Any, str]] = [
    (["in_flight"], "write a mapping"),
    ("healthy", "write a mapping"),
    ({}, "write a mapping"),
    (None, "write a mapping"),
    ({"in_flight": "<= five"}, "'<= five' has no number"),
    ({"in_flight": ">="}, "'>=' has no number"),
    ({"in_flight": "< 1_0"}, "has no number"),
    ({"in_flight": "> nan"}, "has no number"),
    ({"in_flight": "!= "}, "has no value"),
    ({"in_flight": float("nan")}, "no number that JSON knows"),
    ({"a..b": 1}, "no dotted path"),
    ({"": 1}, "no dotted path"),
    ({0: 1}, "no dotted path"),
]


@pytest.mark.parametrize("expect", HOLDS, ids=str)
def test_holds(expect: dict[str, Any]) -> None:
    _expect.validate(expect, "expect")
    assert _expect.mismatches(expect, json.dumps(ANSWER).encode()) == []


@pytest.mark.parametrize(("expect", "told"), FAILS, ids=str)
def test_fails_and_says_why(expect: dict[str, Any], told: str) -> None:
    _expect.validate(expect, "expect")
    assert _expect.mismatches(expect, json.dumps(ANSWER).encode()) == [told]


@pytest.mark.parametrize(("expect", "told"), REFUSED, ids=str)
def test_refused(expect: Any, told: str) -> None:
    with pytest.raises(ValueError, match="expect") as caught:
        _expect.validate(expect, "expect")
    assert told in str(caught.value)


NO_JSON = [b"", b"ok", b'{"a": NaN}', b"\xff\xfe\xff", b"[" * 60000, b'{"a": 1']


@pytest.mark.parametrize("body", NO_JSON, ids=lambda body: repr(body[:9]))
def test_no_json(body: bytes) -> None:
    [told] = _expect.mismatches({"a": 1}, body)
    assert told.startswith("the answer is no JSON, it begins ")
    assert len(told) < 500


def test_every_mismatch_is_told() -> None:
    assert len(_expect.mismatches({"status": 1, "in_flight": 5, "load": 0.5}, json.dumps(ANSWER).encode())) == 2


def test_a_document_that_is_a_list() -> None:
    assert _expect.mismatches({"0.state": "up"}, b'[{"state": "up"}]') == []
    assert _expect.mismatches({"state": "up"}, b'[{"state": "up"}]') == [
        "state: the answer is a list of 1, it has no 'state'"
    ]


def test_long_values_are_cut() -> None:
    [told] = _expect.mismatches({"a": 1}, json.dumps({"a": "x" * 5000}).encode())
    assert len(told) < 200
