# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""timer_pause: what is switched off and on again, what is waited for, and what is refused before."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import (
    _answer,
    _timer,
    _timer_cron,
    _timer_systemd,
    _timer_turn,
)
from ansible_collections.lossless.restart.plugins.module_utils._command import Ran
from ansible_collections.lossless.restart.plugins.module_utils._timer_error import TimerError
from ansible_collections.lossless.restart.plugins.modules import timer_pause

TABLE = """# /opt/order/report.sh is the report, \xe4 by whom it concerns
SHELL=/bin/sh
*/5 * * * * deploy /opt/order/report.sh --all
  # 0 3 * * * deploy /opt/order/report.sh --old
0 3 * * *\tdeploy /opt/order/clean.sh
@daily deploy /opt/order/report.sh
"""
REPORT = "/opt/order/report.sh"


class Scheduler:
    """An application's own, by HTTP."""

    def __init__(self) -> None:
        self.paused, self.running, self.obeys = False, 0, True
        self.asked: list[str] = []
        scheduler = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                scheduler.asked += [self.path] if self.command == "POST" else []
                if self.command == "POST" and scheduler.obeys:
                    scheduler.paused = self.path == "/pause"
                body = json.dumps({"paused": scheduler.paused, "running": scheduler.running}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def entry(self) -> dict[str, Any]:
        base = f"http://127.0.0.1:{self.server.server_address[1]}"
        return {
            "pause": {"url": f"{base}/pause"},
            "resume": {"url": f"{base}/resume"},
            "paused": [{"url": base, "expect": {"paused": True}}],
            "finished": [{"url": base, "expect": {"running": 0}}],
        }


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    one = Scheduler()
    yield one
    one.server.shutdown()
    one.server.server_close()


class Lab:
    """Two lines of a file of cron's, and what the module does with them."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "order"
        self.file.write_bytes(TABLE.encode("latin-1"))
        self.file.chmod(0o640)
        self.entry = {"cron": str(self.file), "lines": REPORT}
        self.state_dir = folder / "state"

    def call(self, state: str, *timers: Mapping[str, Any], check: bool = False, **more: Any) -> dict[str, Any]:
        params = {"leases": None, "sick": False, "recheck": False, "cut": False, "token": None, "ledger": None, **more}
        params = {"address": "10.0.0.3:8080", "deadline": 2.0, "interval": 0.05, **params, "timers": list(timers)}
        return _answer.of(timer_pause.run, {**params, "state": state, "state_dir": str(self.state_dir)}, check)

    @property
    def text(self) -> str:
        return self.file.read_bytes().decode("latin-1")

    @property
    def records(self) -> list[Path]:
        return list(self.state_dir.glob("timers/*.json"))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(_timer_turn, "SETTLE", 0.1)
    return Lab(tmp_path)


def test_lines_of_cron_are_off_and_as_they_were_again(lab: Lab) -> None:
    done = lab.call("paused", lab.entry)
    assert not done.get("failed") and done["changed"], done
    mark = _timer_cron.MARK
    wanted = TABLE.replace("*/5", f"{mark}*/5").replace("@daily", f"{mark}@daily")
    assert lab.text == wanted and lab.file.stat().st_mode & 0o777 == 0o640
    assert list(done["before"].values()) == ["on"] and list(done["after"].values()) == ["off"]
    again = lab.call("paused", lab.entry)
    assert not again.get("failed") and not again["changed"] and lab.text == wanted
    assert not lab.call("paused", lab.entry, recheck=True).get("failed")
    # Whoever restores need not know which they were.
    back = lab.call("restored")
    assert not back.get("failed") and back["changed"] and lab.text == TABLE
    assert lab.records == []
    assert not lab.call("restored")["changed"]


def test_what_a_person_changes_meanwhile_is_kept(lab: Lab) -> None:
    lab.call("paused", lab.entry)
    lab.file.write_bytes(lab.file.read_bytes() + b"1 1 * * * deploy /opt/order/new.sh\n")
    lab.call("restored")
    assert lab.text == TABLE + "1 1 * * * deploy /opt/order/new.sh\n"


def test_what_was_off_stays_off(lab: Lab, scheduler: Scheduler) -> None:
    commented = "\n".join(f"#{line}" for line in TABLE.splitlines())
    lab.file.write_bytes(commented.encode("latin-1"))
    scheduler.paused = True
    done = lab.call("paused", lab.entry, scheduler.entry)
    assert not done.get("failed") and not done["changed"]
    assert not lab.call("restored")["changed"]
    assert lab.text == commented and scheduler.paused and scheduler.asked == []


def test_check_mode_says_what_would_be_done(lab: Lab, scheduler: Scheduler) -> None:
    said = lab.call("paused", lab.entry, scheduler.entry, check=True)
    assert said["changed"] and "would switch off" in said["msg"]
    assert set(said["diff"]["before"]["timers"].values()) == {"on"}
    assert set(said["diff"]["after"]["timers"].values()) == {"off"}
    assert lab.text == TABLE and scheduler.asked == [] and not lab.state_dir.exists()
    lab.call("paused", lab.entry)
    off = lab.text
    said = lab.call("restored", check=True)
    assert said["changed"] and "would switch on" in said["msg"] and lab.text == off and lab.records


def test_an_application_s_scheduler(lab: Lab, scheduler: Scheduler) -> None:
    scheduler.running = 1
    threading.Timer(0.4, lambda: setattr(scheduler, "running", 0)).start()
    done = lab.call("paused", scheduler.entry, deadline=10.0)
    assert not done.get("failed") and scheduler.paused and done["waited"] > 0.3, done
    back = lab.call("restored")
    assert not back.get("failed") and not scheduler.paused and scheduler.asked == ["/pause", "/resume"]


def test_a_new_process_starts_with_its_scheduler_on(lab: Lab, scheduler: Scheduler) -> None:
    lab.call("paused", scheduler.entry)
    scheduler.paused = False
    back = lab.call("restored")
    assert not back.get("failed") and not back["changed"] and scheduler.asked == ["/pause"]


def test_one_that_answers_200_and_does_nothing(lab: Lab, scheduler: Scheduler, monkeypatch: Any) -> None:
    monkeypatch.setattr(_timer_turn, "STEP", 0.3)
    scheduler.obeys = False
    done = lab.call("paused", scheduler.entry)
    assert done["failed"] and "was switched off, and is on still" in done["msg"]
    fine = lab.call("paused", scheduler.entry, sick=True)
    assert not fine.get("failed"), fine


def test_one_that_does_not_answer(lab: Lab, scheduler: Scheduler) -> None:
    """Nobody knows whether it is on: it is not switched, and what was switched off is not forgotten."""
    dead = {
        name: json.loads(json.dumps(value).replace("127.0.0.1", "127.0.0.2")) for name, value in scheduler.entry.items()
    }
    done = lab.call("paused", dead)
    assert done["failed"] and "does not answer: " in done["msg"] and lab.records == []
    fine = lab.call("paused", lab.entry, dead, sick=True)
    assert not fine.get("failed"), fine
    assert not lab.call("restored").get("failed") and lab.text == TABLE
    lab.call("paused", scheduler.entry)
    scheduler.server.server_close()
    scheduler.server.shutdown()
    back = lab.call("restored")
    assert back["failed"] and "does not answer: " in back["msg"] and lab.records


def test_a_job_that_does_not_end(lab: Lab, scheduler: Scheduler) -> None:
    scheduler.running = 1
    done = lab.call("paused", lab.entry, scheduler.entry, deadline=0.3)
    assert done["failed"] and "a job still runs: " in done["msg"] and "running" in done["msg"]
    assert scheduler.paused and lab.text != TABLE and lab.records
    cut = lab.call("paused", lab.entry, scheduler.entry, deadline=0.3, cut=True)
    assert not cut.get("failed") and len(cut["cut"]) == 1 and cut["cut"][0] in cut["msg"]
    lab.call("restored")
    assert not scheduler.paused and lab.text == TABLE


def test_who_is_switched_on_by_somebody_else_is_seen(lab: Lab, scheduler: Scheduler) -> None:
    lab.call("paused", scheduler.entry)
    scheduler.paused = False
    done = lab.call("paused", scheduler.entry, recheck=True)
    assert done["failed"] and "somebody else switched it on" in done["msg"] and scheduler.asked == ["/pause"]


def test_an_older_lease_switches_nothing(lab: Lab) -> None:
    ledger = {"id": "a", "place": "bastion", "replaces": ""}
    lab.call("paused", lab.entry, token=7, ledger=ledger)
    off = lab.text
    done = lab.call("restored", token=6, ledger=ledger)
    assert done["failed"] and "token 6 is older than 7" in done["msg"] and lab.text == off


def test_what_cannot_be_put_back_is_kept_for_the_next_time(lab: Lab) -> None:
    lab.call("paused", lab.entry)
    away = lab.file.rename(lab.file.with_name("away"))
    done = lab.call("restored")
    assert done["failed"] and "cannot be read" in done["msg"] and lab.records
    away.rename(lab.file)
    assert not lab.call("restored").get("failed") and lab.text == TABLE


REFUSED: list[tuple[Any, str]] = [
    ({}, "has exactly one of systemd, cron, pause; this one has none"),
    ({"systemd": "a.timer", "cron": "/etc/cron.d/a"}, "this one has systemd and cron"),
    ({"systemd": "order.service"}, "'order.service' is no timer unit: write order.timer"),
    ({"systemd": "a b.timer"}, "'a b.timer' is no name"),
    ({"systemd": "a.timer", "systemctl": []}, "systemctl [] is no command"),
    ({"systemd": "a.timer", "lines": "x"}, "a timer with systemd does not take lines"),
    ({"cron": "/etc/cron.d/a"}, "a timer with cron needs lines"),
    ({"cron": "etc/a", "lines": "x"}, "'etc/a' is not an absolute path"),
    ({"cron": "/etc/cron.d/a", "lines": " "}, "lines ' ' is no text"),
    ({"cron": "/etc/cron.d/a", "lines": "a\nb"}, "is no text"),
    ({"pause": {"url": "http://h/p"}, "paused": [{"tcp": "h:1"}]}, "a timer with pause needs resume"),
    ({"pause": {"url": "http://h/p"}, "resume": {"none": True}, "paused": [{"tcp": "h:1"}]}, "neither url nor command"),
    ({"pause": {"url": "ftp://h/p"}, "resume": {"url": "http://h/r"}, "paused": [{"tcp": "h:1"}]}, "ftp://h/p"),
    (
        {"pause": {"url": "http://h/p"}, "resume": {"url": "http://h/r"}, "paused": []},
        "paused [] is no list of targets",
    ),
    ({"pause": {"url": "http://h/p"}, "resume": {"url": "http://h/r"}, "paused": [{"tcp": "h"}]}, "no port"),
    ("order.timer", "'order.timer' is no mapping"),
]


@pytest.mark.parametrize(("entry", "said"), REFUSED, ids=lambda value: str(value)[:60])
def test_entries_that_are_refused(entry: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        _timer.timer(entry)
    assert said in str(refused.value)


def test_arguments_that_are_refused(lab: Lab) -> None:
    calls: list[tuple[str, list[Any], dict[str, Any], str]] = [
        ("paused", [], {}, "timers is empty"),
        ("paused", [lab.entry, lab.entry], {}, "one is named twice"),
        ("paused", [lab.entry], {"deadline": 0.0}, "deadline 0.0"),
        ("paused", [lab.entry], {"address": "10.0.0.3"}, "no port"),
        ("down", [lab.entry], {}, "call the module by its full name"),
        ("read", [{"cron": "/nonexistent/order", "lines": "x"}], {}, "cannot be read"),
        ("paused", [{**lab.entry, "lines": "/opt/order/other.sh"}], {}, "no line of"),
    ]
    for state, timers, more, said in calls:
        done = lab.call(state, *timers, **more)
        assert done["failed"] and said in done["msg"], done
    assert lab.text == TABLE and lab.records == []


def test_a_record_that_cannot_be_read_is_an_error(lab: Lab) -> None:
    lab.call("paused", lab.entry)
    lab.records[0].write_text("{}")
    done = lab.call("restored")
    assert done["failed"] and "not a record of timers" in done["msg"]


class Systemctl:
    """Answers as systemctl does."""

    def __init__(self, **shown: str) -> None:
        self.shown = shown
        self.ran: list[list[str]] = []

    def __call__(self, command: Sequence[str], timeout: float) -> Ran:
        self.ran.append(list(command))
        if "show" not in command:
            return Ran(0, "")
        return Ran(0, "".join(f"{name}={value}\n" for name, value in self.shown.items()))


@pytest.mark.parametrize(
    ("active", "sub", "runs"),
    [
        ("inactive", "dead", False),
        ("failed", "failed", False),
        ("active", "exited", False),
        ("active", "running", True),
        ("activating", "start", True),
        ("deactivating", "stop-sigterm", True),
    ],
)
def test_a_job_of_systemd_runs_until_it_has_ended(active: str, sub: str, runs: bool) -> None:
    shown = Systemctl(LoadState="loaded", ActiveState=active, SubState=sub, Unit="order-report.service")
    unit = _timer_systemd.Systemd("order-report.timer", ["systemctl"], shown)
    assert bool(unit.running(1.0)) == runs


@pytest.mark.parametrize(("load", "said"), [("not-found", "does not exist"), ("masked", "unmask it"), ("", "nothing")])
def test_a_timer_unit_that_cannot_be_used(load: str, said: str) -> None:
    shown = Systemctl(LoadState=load, ActiveState="inactive", Unit="")
    with pytest.raises(TimerError, match=said):
        _timer_systemd.Systemd("order-report.timer", ["systemctl"], shown).check(1.0)


def test_only_what_changes_is_done_by_sudo() -> None:
    shown = Systemctl(LoadState="loaded", ActiveState="active", Unit="order-report.service")
    unit = _timer_systemd.Systemd("order-report.timer", ["sudo", "-n", "systemctl"], shown)
    assert unit.on(1.0)
    unit.switch(False, 1.0)
    assert [command[:3] for command in shown.ran] == [
        ["systemctl", "show", "--no-pager"],
        ["sudo", "-n", "systemctl"],
    ]
