# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages: one catalogue for both languages, and neutral whatever stands in them."""

from __future__ import annotations

import string
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _channels, _news, _robots, _words
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid

FACTS: dict[str, Any] = {
    "service": "order-svc",
    "who": "alice@ctl-1",
    "reason": "CVE-2026-1",
    "planned": 10,
    "done": 7,
    "left": ["order-9", "order-10"],
    "out": ["order-8 (at step restarting)"],
    "said": ["order-8: Gate: 503"],
    "run": "20261123T120301-7f3a2c",
    "journal": "1234:3f9c1a2b7d40aa10",
    "link": "https://ci.example.com/jobs/7",
}
FLEET = {"fleet_break_glass": "", "fleet_wait_deadline": 600.0}


def fields(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("catalogue", [_words._TITLES, _words._THEN, _words._FACTS])
def test_the_same_in_each_language(catalogue: Any) -> None:
    assert set(catalogue) == set(_words.LANGUAGES)
    english = {name: fields(text) for name, text in catalogue["en"].items()}
    assert all({name: fields(text) for name, text in words.items()} == english for words in catalogue.values())


@pytest.mark.parametrize("catalogue", [_words._TITLES, _words._THEN])
def test_every_event(catalogue: Any) -> None:
    assert all(set(words) == set(_words.EVENTS) for words in catalogue.values())


def test_a_message() -> None:
    assert _words.message("failed", FACTS, "en") == (
        "order-svc: restart FAILED, 7 of 10 done",
        "by alice@ctl-1\n"
        "because: CVE-2026-1\n"
        "order-8: Gate: 503\n"
        "not done: order-9, order-10\n"
        "STILL OUT OF TRAFFIC: order-8 (at step restarting)\n"
        "Mend the cause, then run the same command again: it goes on, and restarts nobody twice.\n"
        "run 20261123T120301-7f3a2c\n"
        "journal: 1234:3f9c1a2b7d40aa10\n"
        "https://ci.example.com/jobs/7",
    )


def test_a_message_in_chinese() -> None:
    title, body = _words.message("failed", FACTS, "zh")
    assert title == "order-svc：重启失败，已完成 7/10"
    assert "仍在流量之外：order-8 (at step restarting)" in body and "order-8: Gate: 503" in body


@pytest.mark.parametrize("language", _words.LANGUAGES)
def test_a_rehearsal_says_so(language: str) -> None:
    title, _body = _words.message("started", {**FACTS, "rehearsal": True}, language)
    assert title.startswith(_words._REHEARSAL[language]) and title != _words.message("started", FACTS, language)[0]


def test_neutral_whatever_stands_in_it() -> None:
    """Escapes of a terminal, line ends, a right-to-left mark, marks of templates: a line each, of what can be seen."""
    evil = "\x1b[31mred\r\nsecond\u202eback {{ 1 + 1 }} {done} %s"
    title, body = _words.message("failed", {**FACTS, "reason": evil, "said": [evil]}, "en")
    assert title == "order-svc: restart FAILED, 7 of 10 done"
    assert all(line.isprintable() for line in body.splitlines())
    assert "because:  [31mred  second back {{ 1 + 1 }} {done} %s" in body


def test_short_whatever_stands_in_it() -> None:
    title, body = _words.message("refused", {**FACTS, "reason": "x" * 1_000_000, "said": ["why\n" * 1000]}, "en")
    assert len(title + body) < 1200 and "and 994 more" in body


# What there is to tell

BEGUN = {"run": "r-1", "planned": ["order-1"], "journal": "7:ab", "resumed": False, "msg": "run r-1 began"}
DONE = {"run": "r-1", "planned": ["order-1"], "done": ["order-1"], "left": [], "out": {}, "why": "", "msg": "all"}
LEFT = {**DONE, "failed": True, "done": [], "left": ["order-1"], "why": "stopped by Ctrl-C"}
FAILED = {"host": "order-1", "task": "Gate", "msg": "503\nagain", "failed": True}


def told(action: str, answer: dict[str, Any], notes: Any = (), **fleet: Any) -> list[str]:
    return [event for event, _facts in _news.of(action, answer, {**FLEET, **fleet}, list(notes))]


def test_what_is_told() -> None:
    assert told("plan", {"failed": True, "msg": "a pool is below its floor"}) == ["refused"]
    assert told("begin", {"failed": True, "msg": "frozen"}) == ["refused"]
    assert told("begin", {"failed": True, "msg": "needs another one", "approval": "abc"}) == ["approval"]
    assert told("begin", BEGUN) == ["started"]
    assert told("begin", BEGUN, fleet_break_glass="all are down") == ["glass", "started"]
    assert told("begin", {"rehearsal": True, "planned": ["order-1"]}) == ["started"]
    assert told("finish", {"rehearsal": True, "planned": ["order-1"]}) == ["done"]
    assert told("acquire", {"waiting": True, "msg": "waiting"}) == ["waiting"]
    assert told("finish", DONE) == ["done"]
    assert told("finish", LEFT) == ["stopped"]
    assert told("finish", LEFT, [FAILED]) == ["failed"]
    assert told("finish", {**LEFT, "why": ""}) == ["failed"]
    assert told("finish", {"failed": True, "answered": False, "msg": "the ledger does not answer"}) == ["failed"]


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("plan", {"msg": "good"}),
        ("begin", {"changed": False, "msg": "there is nothing to do"}),
        ("acquire", {"waiting": False, "granted": {"order-1": {}}, "msg": "granted"}),
        ("finish", {"changed": False, "failed": False, "msg": "there was nothing to do"}),
        ("renew", {"failed": True, "msg": "lost"}),
        ("release", {"msg": "released"}),
    ],
)
def test_what_is_not_told(action: str, answer: dict[str, Any]) -> None:
    assert told(action, answer) == []


def test_what_failed_is_said_in_one_line() -> None:
    [(_event, facts)] = _news.of("finish", LEFT, FLEET, [FAILED])
    assert facts["said"] == ["order-1: Gate: 503 again"]


# Whom


def test_names() -> None:
    given: list[dict[str, Any]] = [
        {"kind": "wecom", "url": "https://a", "name": None},
        {"kind": "apprise", "url_file": "/b", "name": "mail"},
    ]
    assert [one["name"] for one in _channels.checked(given)] == ["wecom 1", "mail"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"kind": "wecom"}, r"fleet_notify\[0\] has no address: write url_file, url_env or url"),
        ({"kind": "wecom", "url": "s3cret", "url_file": "/a"}, r"fleet_notify\[0\] has url and url_file: write one"),
        (
            {"kind": "wecom", "url": "s3cret", "secret": "s3cret"},
            "only kind dingtalk has a secret, and this one is wecom",
        ),
    ],
)
def test_a_bad_entry(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said) as raised:
        _channels.checked([entry])
    assert "s3cret" not in str(raised.value)


def test_two_of_one_name() -> None:
    with pytest.raises(Invalid, match="names 'ops' twice"):
        _channels.checked([{"kind": "wecom", "url": "a", "name": "ops"}, {"kind": "wecom", "url": "b", "name": "ops"}])


def test_a_signature() -> None:
    """As DingTalk's own sample computes it, with openssl: printf '1577808000000\\nSECxyz' | openssl dgst -sha256 -hmac
    SECxyz -binary | base64."""
    assert (
        _robots.signed("SECxyz", 1577808000.0)
        == "timestamp=1577808000000&sign=iTAi3muMJZGZzU4loEnI1SoKyVbiSKKP0iI9zEcBI5c%3D"
    )
