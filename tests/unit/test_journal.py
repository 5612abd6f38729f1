# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal: whatever is done to its lines by hand shows, and so does a cut end where a head stands elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _files, _journal, _ledger_directory
from ansible_collections.lossless.restart.plugins.module_utils._journal import Head
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused

from tests.unit.guard_fleet import BOB, Fleet

Lines = list[bytes]


def chain(count: int, text: str = "x") -> Lines:
    lines: Lines = []
    head = Head()
    for number in range(count):
        lines.append(_journal.line({"event": "step", "at": float(number), "text": text}, head).encode())
        head = _journal.head(lines[-1])
    return lines


def wrong(lines: Lines, *known: Head) -> str:
    return _journal.verify([("j", lines)], known).wrong


def changed(line: bytes, **values: object) -> bytes:
    return json.dumps({**json.loads(line), **values}, sort_keys=True, separators=(",", ":")).encode()


def rewritten(lines: Lines, number: int) -> Lines:
    """Line `number` altered, and all that follow it written anew, so that the chain holds."""
    found, head = lines[: number - 1], _journal.head(lines[number - 2])
    for line in lines[number - 1 :]:
        event = {name: value for name, value in json.loads(line).items() if name not in ("n", "prev")}
        found.append(_journal.line({**event, "text": "y"}, head).encode())
        head = _journal.head(found[-1])
    return found


def test_a_whole_one() -> None:
    lines = chain(5)
    found = _journal.verify([("j/1", lines[:2]), ("j/3", lines[2:])], [_journal.head(line) for line in lines])
    assert (found.lines, found.first, found.head, found.wrong) == (5, 1, _journal.head(lines[-1]), "")
    assert _journal.verify([]) == _journal.Found(0, 0, Head(), "")


def test_an_event_is_found_whatever_was_before_it() -> None:
    lines = chain(3)
    assert _journal.holds(lines, {"event": "step", "at": 1.0, "text": "x"})
    assert not _journal.holds(lines, {"event": "step", "at": 1.0, "text": "y"})
    assert not _journal.holds(lines[:1], {"event": "step", "at": 1.0, "text": "x"})
    assert not _journal.holds([b"no line"], {})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lines: lines[:2] + lines[3:], "j line 3: its number is 4 and that of the line before it 2"),
        (
            lambda lines: lines[:2] + [changed(lines[2], text="y")] + lines[3:],
            "j line 4: line 3, the one before it, was",
        ),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "j line 2: its number is 3"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], "j line 3: its number is 2"),
        (lambda lines: [*lines[:2], b"{}", *lines[3:]], "j line 3: it is no line of a journal"),
        (lambda lines: [*lines[:2], lines[2][:-4], *lines[3:]], "j line 3: it is no line of a journal"),
        (
            lambda lines: [changed(lines[0], prev="a" * 64), *lines[1:]],
            "j line 1: the first line has another one before",
        ),
        (lambda lines: [changed(lines[0], at=9.0), *lines[1:]], "j line 2: line 1, the one before it, was altered"),
        (lambda lines: [*lines[:4], lines[4].replace(b'"x"', b'"x" ')] + chain(0), ""),
    ],
)
def test_done_by_hand(spoil: Callable[[Lines], Lines], said: str) -> None:
    lines = chain(5)
    found = wrong(spoil(lines))
    assert found.startswith(said) and bool(found) is bool(said), found


def test_what_only_a_head_shows() -> None:
    lines = chain(5)
    third, last = _journal.parse_head(str(_journal.head(lines[2]))), _journal.head(lines[4])
    cut, anew, altered = lines[:4], rewritten(lines, 2), [*lines[:4], changed(lines[4], text="y")]
    assert [wrong(each) for each in (cut, anew, altered)] == ["", "", ""]
    assert f"it ends with line 4, and line 5 was there ({last}): its end was cut off" in wrong(cut, last)
    assert "line 3 is not what it was when its head was told" in wrong(anew, third)
    assert "line 5 is not what it was" in wrong(altered, last)
    assert wrong(cut, third) == "" and wrong(lines, third, last) == ""


def test_what_is_in_an_archive() -> None:
    lines = chain(5)
    found = _journal.verify([("j", lines[2:])])
    assert (found.lines, found.first, found.wrong) == (3, 3, "")
    assert "it begins with line 3, so that nothing can be said" in wrong(lines[2:], _journal.head(lines[0]))


@pytest.mark.parametrize(
    "text", ["", "5", "5:", "0:3f9c1a2b7d40aa10", "5:3F9C1A2B7D40AA10", "5:3f9c1a2b7d40aa1", "x:1"]
)
def test_what_is_no_head(text: str) -> None:
    with pytest.raises(ValueError, match="is no head of a journal"):
        _journal.parse_head(text)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", None),
        (b"torn", None),
        (b"a\n", b"a"),
        (b"a\nb\n", b"b"),
        (b"a\nb\ntorn", b"b"),
        (b"\n", b""),
        (b"x" * 10_000 + b"\n" + b"y" * 9_000 + b"\n", b"y" * 9_000),
        (b"a\n" + b"y" * 20_000 + b"\ntorn" + b"z" * 5_000, b"y" * 20_000),
    ],
)
def test_the_last_line_of_a_file(tmp_path: Path, content: bytes, line: bytes | None) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert _files.last_line(str(path)) == line


class TestAtTheGuard:
    @pytest.fixture
    def fleet(self, tmp_path: Path) -> Fleet:
        fleet = Fleet(tmp_path / "ledger", size=4)
        run = fleet.begin(["order-1"])
        fleet.acquire(run, ["order-1"])
        fleet.ask("release", run=run, wanted=["order-1"], done=True)
        fleet.ask("finish", run=run)
        return fleet

    def events(self, fleet: Fleet) -> list[dict[str, object]]:
        files = sorted((fleet.ledger / "journal").iterdir())
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def test_every_change_is_in_it(self, fleet: Fleet) -> None:
        found = self.events(fleet)
        assert [event["event"] for event in found] == ["began", "granted", "released", "ended"]
        assert [event["n"] for event in found] == [1, 2, 3, 4] and all(event["account"] for event in found)
        answer = fleet.ask("journal")
        assert answer["whole"] and (answer["lines"], answer["first"]) == (4, 1) and answer["head"].startswith("4:")

    def test_so_is_every_refusal(self, fleet: Fleet) -> None:
        run = fleet.begin(owner=BOB)
        with pytest.raises(Refused):
            fleet.acquire(run, fleet.hosts, owner=BOB)
        refusal = self.events(fleet)[-1]
        assert (refusal["event"], refusal["action"], refusal["of"], refusal["owner"]) == (
            "refused",
            "acquire",
            run,
            "bob",
        )
        assert "may take out 2 more" in str(refusal["why"])
        assert fleet.ask("status", run=run)["events"][-1]["event"] == "began", "it is no event of the run"

    def test_a_refusal_is_no_ledger_s_first_line(self, tmp_path: Path) -> None:
        fleet = Fleet(tmp_path / "ledger")
        with pytest.raises(Refused):
            fleet.begin(reason="two\nlines")
        assert list((fleet.ledger / "journal").glob("*")) == [] and not (fleet.ledger / "state.json").exists()

    def test_the_receipt_tells_the_head(self, fleet: Fleet) -> None:
        run = fleet.begin(["order-2"])
        head = fleet.ask("finish", run=run)["journal"]
        assert head == fleet.ask("journal")["head"] and fleet.ask("journal", heads=[head])["whole"]
        fleet.begin(["order-3"], owner=BOB)
        assert fleet.ask("journal", heads=[head])["whole"]
        [file] = (fleet.ledger / "journal").iterdir()
        file.write_bytes(b"".join(file.read_bytes().splitlines(True)[:4]))
        assert fleet.ask("journal")["whole"]
        answer = fleet.ask("journal", heads=[head])
        assert not answer["whole"] and "its end was cut off" in answer["msg"]
        with pytest.raises(Refused, match="is no head of a journal"):
            fleet.ask("journal", heads=["4"])

    def test_altered_by_hand(self, fleet: Fleet) -> None:
        [file] = (fleet.ledger / "journal").iterdir()
        file.write_bytes(file.read_bytes().replace(b'"event":"granted"', b'"event":"refused"'))
        assert f"{file} line 3: line 2, the one before it, was altered" in fleet.ask("journal")["msg"]

    def test_a_power_cut(self, fleet: Fleet) -> None:
        [file] = (fleet.ledger / "journal").iterdir()
        with file.open("ab") as stream:
            stream.write(b'{"event":"began","n":5,"pr')
        assert fleet.ask("journal")["whole"]
        fleet.begin(["order-2"])
        assert fleet.ask("journal")["whole"] and fleet.ask("journal")["lines"] == 5

    def test_it_goes_on_in_another_piece(self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_ledger_directory, "_PIECE", 10)
        fleet.begin(["order-2"])
        fleet.begin(["order-3"], owner=BOB)
        names = [file.name for file in sorted((fleet.ledger / "journal").iterdir())]
        assert names == ["000000000001.jsonl", "000000000005.jsonl", "000000000006.jsonl"]
        assert fleet.ask("journal")["whole"] and fleet.ask("journal")["lines"] == 6
        (fleet.ledger / "journal" / names[1]).unlink()
        assert "its number is 6 and that of the line before it 4" in fleet.ask("journal")["msg"]

    def test_check_mode_adds_nothing(self, fleet: Fleet) -> None:
        before = self.events(fleet)
        fleet.begin(["order-2"], check_mode=True)
        assert self.events(fleet) == before


def test_the_history_of_a_service(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "ledger", size=4)
    runs = []
    for host in fleet.hosts[:3]:
        runs.append(fleet.begin([host]))
        fleet.acquire(runs[-1], [host])
        fleet.ask("release", run=runs[-1], wanted=[host], done=True)
        if host != "order-3":
            fleet.ask("finish", run=runs[-1])
        fleet.now += 3600
    began = fleet.now - 3 * 3600

    def listed(**params: object) -> list[str]:
        return [run["id"] for run in fleet.ask("history", **params)["runs"]]

    assert listed() == runs[::-1]
    assert listed(begin=began + 1800) == runs[:0:-1] and listed(end=began + 1800) == runs[:1]
    assert listed(service="cart") == []


# Who was told


def test_who_was_told_is_on_record(tmp_path: Path) -> None:
    """With the run, also once it is past; printable, whatever the reason was."""
    fleet = Fleet(tmp_path / "ledger")
    run = fleet.begin(["order-1"])
    fleet.ask("told", about="started", run=run, heard=["mail"], unheard={"ops": "no\x1b answer\n"})
    fleet.acquire(run, ["order-1"])
    fleet.ask("release", run=run, wanted=["order-1"], done=True)
    assert fleet.ask("finish", run=run)["complete"]
    fleet.ask("told", about="done", run=run, heard=["mail", "ops"])
    told = [event for event in fleet.ask("status", run=run)["events"] if event["event"] == "told"]
    assert [(event["about"], event["told"], event["untold"]) for event in told] == [
        ("started", ["mail"], {"ops": "no  answer"}),
        ("done", ["mail", "ops"], {}),
    ]
    assert fleet.ask("journal")["whole"]


def test_who_was_told_of_a_refusal(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "ledger")
    fleet.begin(["order-1"])
    fleet.ask("told", about="refused", heard=["mail"])
    assert '"about":"refused"' in (tmp_path / "ledger" / "journal" / "000000000001.jsonl").read_text()


def test_where_nothing_is_on_record(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "ledger")
    assert "no ledger yet" in fleet.ask("told", about="refused", heard=["mail"])["msg"]
    assert not (tmp_path / "ledger").exists()
    fleet.begin(["order-1"])
    with pytest.raises(Refused, match="run 20260101T000000-abcdef is not in the ledger"):
        fleet.ask("told", about="done", run="20260101T000000-abcdef")


def test_where_a_run_is_shown_is_on_record(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "ledger")
    begun = fleet.ask("begin", planned=["order-1"], link="https://ci.test/\x07job/7", awx={"user": "eve", "job": None})
    [began] = fleet.ask("status", run=begun["run"])["events"]
    assert (began["link"], began["awx"]) == ("https://ci.test/ job/7", {"user": "eve"})
    assert begun["journal"] == fleet.ask("journal")["head"]
