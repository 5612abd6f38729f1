# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal as it arrives at Loki and Elasticsearch: every line, whatever happens meanwhile, and each once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _ledger_directory, _push
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused

from tests.lab.demo import wait_for
from tests.lab.logs_double import TENANT, Logs, logs
from tests.lab.process import Process
from tests.lab.stage import LONG, Stage
from tests.lab.zookeeper import ZooKeeper
from tests.unit.guard_fleet import Fleet

pytestmark = pytest.mark.timeout(600)

KINDS = ("loki", "elasticsearch")


@pytest.fixture(scope="module")
def server() -> Iterator[Logs]:
    with logs() as found:
        yield found


@pytest.fixture(autouse=True)
def nothing(server: Logs) -> None:
    server.clear()


def journal(folder: Path) -> list[str]:
    """The ledger's own, line by line."""
    pieces = sorted((folder / "journal").glob("*.jsonl"))
    return [line for path in pieces for line in path.read_text().splitlines()]


def taken(server: Logs, kind: str) -> list[str]:
    """What arrived, in its order."""
    if kind == "loki":
        return sorted(server.lines, key=lambda line: json.loads(line)["n"])
    return [one["line"] for one in sorted(server.documents.values(), key=lambda one: one["n"])]


class TestTheGuard:
    """On a ledger of some runs."""

    @pytest.fixture
    def fleet(self, tmp_path: Path) -> Fleet:
        found = Fleet(tmp_path / "ledger", size=6)
        for host in found.hosts[:3]:
            found.begin([host], reason='"quoted" \u91cd\u542f')
            found.now += 1
        return found

    def push(self, fleet: Fleet, server: Logs, kind: str, **more: Any) -> dict[str, Any]:
        to = {"kind": kind, "url": server.url, **more}
        return fleet.ask("push", push=to, cursor=str(fleet.ledger / "journal" / "pushed.json"))

    @pytest.mark.parametrize("kind", KINDS)
    def test_all_of_it_once(self, fleet: Fleet, server: Logs, kind: str) -> None:
        first = self.push(fleet, server, kind)
        assert (first["pushed"], first["left"], first["trouble"]) == (3, 0, "")
        assert taken(server, kind) == journal(fleet.ledger)
        asked = server.requests
        assert self.push(fleet, server, kind)["pushed"] == 0 and server.requests == asked
        fleet.begin([fleet.hosts[3]])
        assert self.push(fleet, server, kind)["pushed"] == 1
        assert taken(server, kind) == journal(fleet.ledger)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("down", [400, 401, 404, 429, 500, 503])
    def test_while_it_is_down(self, fleet: Fleet, server: Logs, kind: str, down: int) -> None:
        """Nothing is lost, and nothing fails."""
        server.down = down
        found = self.push(fleet, server, kind)
        assert (found["pushed"], found["left"]) == (0, 3) and f"answered {down}" in found["trouble"]
        server.down = 0
        assert self.push(fleet, server, kind)["pushed"] == 3
        assert taken(server, kind) == journal(fleet.ledger)

    @pytest.mark.parametrize("kind", KINDS)
    def test_down_in_the_middle(self, fleet: Fleet, server: Logs, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_push, "_LINES", 1)
        server.down, server.after = 503, 2
        found = self.push(fleet, server, kind)
        assert (found["pushed"], found["left"]) == (2, 1)
        server.down = 0
        assert self.push(fleet, server, kind)["pushed"] == 1
        assert taken(server, kind) == journal(fleet.ledger)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_lost_cursor(self, fleet: Fleet, server: Logs, kind: str) -> None:
        """All of it comes again, and is there once."""
        self.push(fleet, server, kind)
        (fleet.ledger / "journal" / "pushed.json").write_text("{")
        assert self.push(fleet, server, kind)["pushed"] == 3
        assert taken(server, kind) == journal(fleet.ledger)

    def test_from_piece_to_piece(self, fleet: Fleet, server: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of older pieces nothing is read any more."""
        monkeypatch.setattr(_ledger_directory, "_PIECE", 10)
        for host in fleet.hosts[3:]:
            fleet.begin([host])
            self.push(fleet, server, "loki")
        assert taken(server, "loki") == journal(fleet.ledger)
        sorted((fleet.ledger / "journal").glob("*.jsonl"))[0].write_text("damaged\n")
        fleet.begin(fleet.hosts)
        assert self.push(fleet, server, "loki")["pushed"] == 1

    def test_whose_it_is(self, fleet: Fleet, server: Logs, tmp_path: Path) -> None:
        (tmp_path / "headers").write_text(f"{TENANT}: platform\n")
        more = {"labels": {"job": "restarts", "site": "north"}, "headers_file": str(tmp_path / "headers")}
        self.push(fleet, server, "loki", **more)
        assert list(server.streams) == ['{"job": "restarts", "site": "north"}'] and server.tenants == {"platform"}

    def test_what_is_searched_for(self, fleet: Fleet, server: Logs) -> None:
        self.push(fleet, server, "elasticsearch", index="audit-restarts")
        [(index, _id), *_more] = server.documents
        [document, *_others] = server.documents.values()
        assert index == "audit-restarts" and document["reason"] == '"quoted" \u91cd\u542f'
        assert document["@timestamp"].endswith("Z") and document["event"] == "began"

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"kind": "kafka"}, "kind 'kafka' is neither loki nor elasticsearch"),
            ({"url": "loki:3100"}, "url 'loki:3100' is no http or https URL"),
            ({"index": "Restarts"}, "index 'Restarts' is no name of an index"),
            ({"labels": {"job": 3}}, "labels {'job': 3} is no mapping of texts"),
            ({"headers_file": "x"}, "headers_file"),
        ],
    )
    def test_bad_input(self, fleet: Fleet, server: Logs, more: dict[str, Any], said: str) -> None:
        with pytest.raises(Refused) as raised:
            fleet.ask("push", push={"kind": "loki", "url": server.url, **more}, cursor="/nowhere/cursor.json")
        assert said in str(raised.value) and not server.requests

    def test_a_cursor_that_cannot_be_kept(self, fleet: Fleet, server: Logs) -> None:
        found = fleet.ask("push", push={"kind": "loki", "url": server.url}, cursor="/nowhere/cursor.json")
        assert "/nowhere/cursor.json cannot be written: No such file or directory" in found["trouble"]


def test_from_zookeeper(zookeeper: ZooKeeper, server: Logs, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("restart:hunter2\n")
    settings = {
        "ledger": f"zookeeper://{zookeeper.hosts}/{tmp_path.name}",
        "auth": {"scheme": "digest", "file": str(secret)},
    }
    fleet = Fleet(tmp_path / "ledger", size=3)
    fleet.settings = settings
    for host in fleet.hosts:
        fleet.begin([host])
    to = {"kind": "elasticsearch", "url": server.url}
    assert fleet.ask("push", push=to, cursor=str(tmp_path / "cursor.json"))["pushed"] == 3
    assert [json.loads(line)["n"] for line in taken(server, "elasticsearch")] == [1, 2, 3]


class TestARoll:
    @pytest.fixture(scope="class")
    def fleet(self, server: Logs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
        variables = {"fleet_journal_push": {"kind": "loki", "url": server.url}, "instance_verify_requests": 0}
        with Stage(tmp_path_factory.mktemp("shipped") / "fleet", balancers=1, variables=variables) as found:
            yield found

    def watchdog(self, fleet: Stage) -> tuple[int, str]:
        with fleet.playbook("-l", "order-svc", name="watchdog.yml") as playbook:
            return playbook.wait(LONG), playbook.text

    def test_at_its_end(self, server: Logs, fleet: Stage) -> None:
        ended = fleet.roll(limit="order-1")
        assert ended.code == 0 and "NOT SHIPPED" not in ended.text, ended.text
        assert taken(server, "loki") == journal(fleet.folder / "ledger")

    def test_while_nobody_takes_it(self, server: Logs, fleet: Stage) -> None:
        """The roll goes on; the watchdog makes it an alarm, and hands it over once it is taken again."""
        server.down = 503
        ended = fleet.roll(limit="order-2")
        assert ended.code == 0 and "NOT SHIPPED: 0 lines of the journal were taken" in ended.text, ended.text
        code, text = self.watchdog(fleet)
        assert code == 2 and "the journal is not taken" in text and "CRITICAL" in text
        server.down = 0
        code, text = self.watchdog(fleet)
        assert code == 0 and "OK" in text, text
        lines = journal(fleet.folder / "ledger")
        # What was taken before this test is not in sight of a stand-in that was cleared.
        assert taken(server, "loki") == lines[-len(server.lines) :] and len(server.lines) > 5

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"kind": "loki"}, "url"),
            ({"kind": "kafka", "url": "http://x"}, "kafka"),
            ({"kind": "loki", "url": "x"}, "fleet_journal_push: url 'x' is no http or https URL"),
        ],
    )
    def test_bad_input(self, fleet: Stage, given: dict[str, Any], said: str) -> None:
        before = fleet.files()
        ended = fleet.roll("-e", json.dumps({"fleet_journal_push": given}))
        assert ended.code == 2 and said in " ".join(ended.text.split()), ended.text
        assert fleet.files() == before


def test_rsyslog_as_it_is_documented(tmp_path: Path) -> None:
    """The real one, from the file to the file: what was written while it was stopped too, from piece to piece."""
    fleet = Fleet(tmp_path / "ledger", size=9)
    text = (Path(__file__).parents[2] / "docs" / "journal.md").read_text()
    block = next(block for block in text.split("```") if "imfile" in block)
    out, work = tmp_path / "out.jsonl", tmp_path / "work"
    work.mkdir()
    for documented, here in (
        ("/var/lib/lossless_restart/ledger", fleet.ledger),
        ("/var/log/lossless_restart.jsonl", out),
        ("/var/spool/rsyslog", work),
    ):
        assert documented in block
        block = block.replace(documented, str(here))
    (tmp_path / "rsyslog.conf").write_text(block)

    def collected() -> list[str]:
        return out.read_text().splitlines() if out.exists() else []

    def begin(count: int) -> None:
        for _unused in range(count):
            fleet.begin([fleet.hosts.pop()], reason="x" * 200)

    words = ["rsyslogd", "-n", "-f", str(tmp_path / "rsyslog.conf"), "-i", str(tmp_path / "pid")]
    begin(2)
    for _unused in range(2):
        daemon = Process("rsyslog", tmp_path, words, (tmp_path / "pid").exists)
        daemon.start()
        begin(2)
        wait_for("all of it", lambda: collected() == journal(fleet.ledger))
        daemon.stop()
        begin(1)
