# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The receipt as values and as a page: what is drawn, and that no text in it becomes anything but text."""

from __future__ import annotations

import html.parser
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _receipt_facts, _receipt_files, _receipt_page

NOON = 1_800_000_000.0
RUN: dict[str, Any] = {
    **{"id": "20270115T080000-7f3a2c", "service": "order-svc", "kind": "rolling", "state": "finished"},
    **{"reason": "a memory leak", "change": "CHG-4711", "glass": "", "why": "", "account": "alice"},
    **{"planned": ["order-1", "order-2"], "done": ["order-1", "order-2"], "began": NOON, "ended": NOON + 100},
    "owner": {"name": "alice@laptop"},
    "approved": {"id": "3f9c1a2b7d40", "by": "bob", "at": NOON - 60, "signature": "x", "plan": {}},
}


def granted(host: str, at: float, count: int, **refused: str) -> dict[str, Any]:
    levels = {"service/order-svc": [4, count, 2], "nginx/order_svc": [4, count, 2]}
    pools = {host: ["service/order-svc", "nginx/order_svc"]}
    return {"event": "granted", "at": at, "tokens": {host: 1}, "levels": levels, "pools": pools, "refused": refused}


def step(name: str, host: str, at: float) -> dict[str, Any]:
    return {"event": "step", "step": name, "hosts": [host], "at": at}


def released(host: str, at: float, done: bool = True) -> dict[str, Any]:
    return {"event": "released", "hosts": [host], "at": at, "done": done}


def turn(host: str, at: float) -> list[dict[str, Any]]:
    return [
        granted(host, at, 3),
        step("restarting", host, at + 10),
        step("attaching", host, at + 30),
        released(host, at + 40),
    ]


EVENTS = [{"event": "began", "at": NOON}, *turn("order-1", NOON + 10), *turn("order-2", NOON + 55)]


def facts(run: Any = None, events: Any = None, held: Any = None, notes: Any = None) -> dict[str, Any]:
    events = EVENTS if events is None else events
    return _receipt_facts.facts(run or RUN, events, held or {}, notes, "17:3f9c1a2b7d40aa10")


def test_what_is_in_it() -> None:
    found = facts()
    assert json.loads(json.dumps(found)) == found
    assert found["approved"] == {"id": "3f9c1a2b7d40", "by": "bob", "at": NOON - 60}, "no signature, and no plan"
    assert [one["ended"] for one in found["instances"]] == ["restarted", "restarted"]
    service = found["pools"][0]
    assert (service["pool"], service["configured"], service["least"], service["lowest"]) == (
        "service/order-svc",
        4,
        2,
        3,
    )
    assert service["levels"] == [
        [NOON + 10, 4],
        [NOON + 10, 3],
        [NOON + 50, 4],
        [NOON + 55, 3],
        [NOON + 95, 4],
    ]


@pytest.mark.parametrize(
    ("events", "held", "ended"),
    [
        ([], {}, "not begun"),
        (turn("order-1", NOON)[:1], {"order-1": "at step granted"}, "out"),
        (turn("order-1", NOON)[:2], {"order-1": "at step restarting"}, "out"),
        ([*turn("order-1", NOON)[:1], released("order-1", NOON + 5, done=False)], {}, "put back"),
        (turn("order-1", NOON), {}, "restarted"),
    ],
)
def test_how_an_instance_ended(events: Any, held: dict[str, str], ended: str) -> None:
    assert facts(events=events, held=held)["instances"][0]["ended"] == ended


def test_a_pool_of_which_it_is_not() -> None:
    """What is released comes back only where it was."""
    events = turn("order-1", NOON)
    events[0]["pools"] = {"order-1": ["service/order-svc"]}
    here = {pool["pool"]: pool["levels"][-1][1] for pool in facts(events=events)["pools"]}
    assert here == {"service/order-svc": 4, "nginx/order_svc": 3}


def test_what_the_process_noted() -> None:
    note = {
        "host": "order-1",
        "task": "Verify | lb-1",
        "msg": "200 requests",
        "failed": False,
        "waited": 0.0,
        "exposed": None,
    }
    note |= {"began": NOON, "ended": NOON + 1}
    failed = {**note, "task": "Gate | wait", "msg": "503", "failed": True, "exposed": 2.5}
    found = facts(notes=[note, note, failed])
    assert found["verified"] == [{"host": "order-1", "said": "200 requests"}]
    assert [one["msg"] for one in found["failures"]] == ["503"] and found["exposed"] == {"order-1": 2.5}


class Page(html.parser.HTMLParser):
    """Its elements, and every text in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            f"{name}={value}" for name, value in attrs if name in ("href", "src", "action") or name[:2] == "on"
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page() -> None:
    page = Page(_receipt_page.page(facts()))
    assert page.links == [] and "script" not in page.tags
    assert page.tags.count("path") == 2 and page.tags.count("rect") == 3 + 2 * 3
    for text in ("order-svc: rolling restart", "2 of 2 restarted", "alice (alice@laptop)", "by bob", "CHG-4711"):
        assert text in page.text, text
    assert "lowest 3 of 4, floor 2" in page.text and "17:3f9c1a2b7d40aa10" in page.text


def test_what_is_drawn() -> None:
    text = _receipt_page.page(facts())
    # 100 s in 1000 units, four members in 100: at 10 s from 4 to 3, back at 50 s.
    assert 'd="M0 0.0H100.0V25.0H500.0V0.0H550.0V25.0H950.0V0.0H1000.0"' in text
    assert 'y1="50.0" y2="50.0"' in text
    assert re.search(r'class="drain" x="100.0" width="100.0".*\n.*class="restart" x="200.0" width="200.0"', text)


def test_what_is_still_out_is_said_once() -> None:
    run = {**RUN, "done": [], "planned": ["order-1", "order-2"], "state": "stopped", "why": "stopped by bob"}
    page = Page(_receipt_page.page(facts(run, turn("order-1", NOON)[:2], {"order-1": "at step restarting"})))
    assert "0 of 2 restarted; still out: order-1; not done: order-2" in " ".join(page.text.split())


NASTY = "</title><script>alert(1)</script><img src=x onerror=alert(1)> {{ 7 * 7 }} {% raw %} \x1b[31m\x00 \u202e \"'&"


def test_no_text_is_more_than_text() -> None:
    run = {**RUN, **dict.fromkeys(("reason", "change", "glass", "why", "account", "service"), NASTY)}
    run |= {"planned": [NASTY], "owner": {"name": NASTY}, "done": []}
    began = {"event": "began", "at": NOON, "link": NASTY, "awx": {NASTY: NASTY}}
    events = [began, granted(NASTY, NOON, 3, **{NASTY: NASTY})]
    note = {"host": NASTY, "task": "Verify", "msg": NASTY, "failed": True, "waited": 0.0, "exposed": 1.0, "ended": NOON}
    text = _receipt_page.page(facts(run, events, {NASTY: NASTY}, [note]))
    page = Page(text)
    assert page.links == [] and not {"script", "img"} & set(page.tags)
    assert "alert(1)" in page.text and "{{ 7 * 7 }}" in page.text and "49" not in page.text
    assert "\x00" not in text and "\x1b" not in text and "\u202e" not in text


def test_a_reason_of_a_megabyte() -> None:
    assert len(_receipt_page.page(facts({**RUN, "why": "x" * 1_000_000}))) < 1_100_000


def test_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "receipts"
    for _again in range(2):
        page = _receipt_files.write(str(folder), facts(), ["", "RECEIPT", ""])
    assert page == f"{folder}/{RUN['id']}.html"
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{RUN['id']}.{ending}" for ending in ("html", "json", "txt")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    assert json.loads((folder / names[1]).read_text()) == facts() and (folder / names[2]).read_text() == "RECEIPT\n"
    with pytest.raises(FileNotFoundError):
        _receipt_files.write(str(tmp_path / "a" / "b"), facts(), [])


def test_where_it_was_begun_last() -> None:
    """A resumed run has several commands; the newest counts. Older records say nothing of it."""
    assert (facts()["link"], facts()["awx"]) == ("", {})
    begun = {"event": "began", "at": NOON, "link": "https://ci.test/7", "awx": {}}
    resumed = {"event": "resumed", "at": NOON + 1, "link": "", "awx": {"user": "eve", "job": "12"}}
    found = facts(events=[begun, *EVENTS[1:], resumed])
    assert (found["link"], found["awx"]) == ("", {"user": "eve", "job": "12"})
    page = _receipt_page.page(found)
    assert "<dt>AWX job</dt><dd>12</dd>" in page and "<dt>from</dt>" not in page
    assert "<dt>from</dt><dd>https://ci.test/7</dd>" in _receipt_page.page(facts(events=[begun, *EVENTS[1:]]))
