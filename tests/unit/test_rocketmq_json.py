# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What RocketMQ's servers write as JSON and is none."""

from __future__ import annotations

import contextlib
import json

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _rocketmq_json
from hypothesis import given
from hypothesis import strategies as st

KEY = (("brokerName", "a"), ("queueId", 0), ("topic", "t"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{0:"10.0.0.3:10911",1:"x"}', {"0": "10.0.0.3:10911", "1": "x"}),
        ('{{"topic":"t","brokerName":"a","queueId":0}:{"brokerOffset":7}}', {KEY: {"brokerOffset": 7}}),
        (' { "a" : [ 1 , -2.5e3 , true , null , "\\u00fc" ] } ', {"a": [1, -2500.0, True, None, "ü"]}),
        ("{}", {}),
        ("[]", []),
    ],
)
def test_it_is_read(text: str, value: object) -> None:
    assert _rocketmq_json.loads(text.encode()) == value


@given(VALUES)
def test_json_by_the_book_is_read_as_it_is(value: object) -> None:
    assert _rocketmq_json.loads(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a"}',
        '{"a":}',
        "{]",
        "[1 2]",
        "[1,,2]",
        "{} {}",
        "nul",
        '"a',
        "{{}}",
        "\x00",
        "[" * 100,
        "01x",
        '{{"a":{}}:1}',
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        _rocketmq_json.loads(text.encode())


@given(st.binary(max_size=200) | st.text('{}[]:,"0a ', max_size=200).map(str.encode))
def test_anything_at_all_is_a_value_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        _rocketmq_json.loads(data)
