# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""application_state and application_info: what is told and waited for, what proves nothing, what is refused before."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _actuator, _answer
from ansible_collections.lossless.restart.plugins.modules import application_info, application_state
from ansible_collections.lossless.restart.plugins.plugin_utils import _kind_application

PARAMS: dict[str, Any] = {
    **dict.fromkeys(("leases", "source", "leave", "join", "serving", "token", "ledger"), None),
    **{"steps": [], "pool": "", "member": "10.0.0.3:8080", "finished": [], "settle": 0.0, "recheck": False},
    **{"cut": False, "deadline": 2.0, "interval": 0.02},
}


class App:
    """One that does as it is told, by HTTP. obeys: whether it does. status: of its answers to a question."""

    def __init__(self) -> None:
        self.serving, self.in_flight, self.obeys, self.status = True, 0, True, 200
        self.told: list[tuple[str, str]] = []
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                app.told.append((self.path, self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()))
                if app.obeys:
                    app.serving = self.path == "/join"
                self.answer(200, {})

            def do_GET(self) -> None:
                self.answer(app.status, {"serving": app.serving, "in_flight": app.in_flight})

            def answer(self, status: int, body: Any) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def entry(self) -> dict[str, Any]:
        return {
            "leave": {"url": f"{self.base}/leave", "json": {"why": "restart"}},
            "join": {"url": f"{self.base}/join"},
            "serving": [{"url": self.base, "expect": {"serving": True}}],
            "finished": [{"url": self.base, "expect": {"in_flight": 0}}],
        }


@pytest.fixture
def app() -> Iterator[App]:
    one = App()
    yield one
    one.server.shutdown()
    one.server.server_close()


class Lab:
    def __init__(self, app: App, folder: Path) -> None:
        self.app = app
        self.folder = folder

    def state(self, state: str, check: bool = False, **more: Any) -> dict[str, Any]:
        params = {**PARAMS, **self.app.entry, "state_dir": str(self.folder), "state": state, **more}
        return _answer.of(application_state.run, params, check)


@pytest.fixture
def lab(app: App, tmp_path: Path) -> Lab:
    return Lab(app, tmp_path)


def test_it_leaves_once_and_comes_back(app: App, lab: Lab) -> None:
    left = lab.state("out", settle=0.1)
    assert not left.get("failed") and left["changed"] and (left["before"], left["after"]) == ("up", "down"), left
    assert app.told == [("/leave", '{"why": "restart"}')] and left["seconds"]["settle"] >= 0.1
    again = lab.state("out")
    assert not again["changed"] and not again.get("failed") and len(app.told) == 1
    assert not lab.state("out", recheck=True).get("failed")
    back = lab.state("in")
    assert back["changed"] and app.told[1:] == [("/join", "")] and back["after"] == "up"
    assert not lab.state("in")["changed"] and not lab.state("in", recheck=True).get("failed")
    assert app.told[2:] == []


def test_check_mode_tells_nobody(app: App, lab: Lab) -> None:
    would = lab.state("out", check=True)
    assert would["changed"] and would["after"] == "down" and "would be told by POST" in would["msg"], would
    assert would["diff"] == {"before": {"application": "up"}, "after": {"application": "down"}}
    assert not lab.state("in", check=True)["changed"] and app.told == []


def test_what_it_has_is_waited_for(app: App, lab: Lab) -> None:
    app.in_flight = 1
    late = lab.state("out", deadline=0.2)
    assert late["failed"] and "has not finished within 0.2 s" in late["msg"] and "in_flight" in late["msg"], late
    cut = lab.state("out", deadline=0.2, cut=True)
    assert not cut.get("failed") and len(cut["cut"]) == 1, cut
    threading.Timer(0.2, lambda: setattr(app, "in_flight", 0)).start()
    done = lab.state("out")
    assert not done.get("failed") and done["cut"] == [], done


def test_one_that_says_yes_and_does_nothing_is_found_out(app: App, lab: Lab) -> None:
    app.obeys = False
    left = lab.state("out", deadline=0.3)
    assert left["failed"] and "was told to, and after" in left["msg"] and "it takes work" in left["msg"], left
    app.serving = False
    back = lab.state("in", deadline=0.3)
    assert back["failed"] and "it takes no work" in back["msg"], back


def test_one_that_cannot_be_told_to_join_needs_a_restart(app: App, lab: Lab) -> None:
    app.serving = False
    back = lab.state("in", join=None, deadline=0.2)
    assert back["failed"] and "so it needs a restart" in back["msg"] and app.told == [], back
    threading.Timer(0.2, lambda: setattr(app, "serving", True)).start()
    assert not lab.state("in", join=None)["changed"]


def test_who_comes_back_meanwhile_is_noticed(app: App, lab: Lab) -> None:
    found = lab.state("out", recheck=True)
    assert found["failed"] and "it takes work again" in found["msg"] and app.told == [], found
    app.serving = False
    found = lab.state("in", recheck=True)
    assert found["failed"] and "it was told to take work" in found["msg"] and app.told == [], found


@pytest.mark.parametrize("state", ["out", "in", "read"])
def test_a_refusal_is_no_answer(app: App, lab: Lab, state: str) -> None:
    app.status = 401
    found = lab.state(state)
    assert found["failed"] and "saw 401. That says nothing of its work" in found["msg"] and app.told == [], found


def test_another_runs_lease_is_refused(app: App, lab: Lab) -> None:
    ledger = {"id": "1", "place": "/a", "replaces": ""}
    assert not lab.state("out", token=7, ledger=ledger).get("failed")
    old = lab.state("in", token=6, ledger=ledger)
    assert old["failed"] and len(app.told) == 1, old


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"member": None}, "member is missing"),
        ({"settle": 3.0}, "settle 3 s does not fit into deadline 2 s"),
        ({"deadline": 0.0}, "deadline 0.0 is no number of seconds"),
        ({"leave": {"none": True}}, "leave has neither url nor command"),
        ({"leave": None}, "leave is missing"),
        ({"leave": {"url": "http://127.0.0.1:1/", "json": "DOWN"}}, "json 'DOWN' is no mapping"),
        ({"serving": []}, "serving [] is no list of targets"),
        ({"leave": {"url": "http://127.0.0.1:1/"}}, "connection refused"),
        ({"leave": {"url": "http://198.51.100.1:1/"}}, "is not this host"),
        ({"leave": {"url": "http://127.0.0.1:1/", "headers_file": "/nowhere/it"}}, "/nowhere/it"),
        ({"serving": [{"url": "http://127.0.0.1:1/"}]}, "it does not answer"),
        ({"state": "down"}, "are for the action plugin"),
    ],
)
def test_refused(app: App, lab: Lab, more: dict[str, Any], said: str) -> None:
    found = lab.state(**{"state": "out", **more})
    assert found["failed"] and said in found["msg"] and app.told == [] and app.serving, found


def info(*members: tuple[str, str], source: str | None = None) -> dict[str, Any]:
    asked = [{"member": name, "serving": [{"url": url, "expect": {"serving": True}}]} for name, url in members]
    return _answer.of(application_info.run, {"members": asked, "pool": "spring/order-svc", "source": source}, False)


def test_who_takes_work(app: App) -> None:
    nobody = "http://127.0.0.1:1"
    found = info(("10.0.0.3:8080", app.base), ("127.0.0.1:1", nobody), source="order-svc by spring endpoints")
    assert {name: one["state"] for name, one in found["instances"].items()} == {
        **{"10.0.0.3:8080": "up", "127.0.0.1:1": "gone"}
    }
    assert found["warnings"] == [f"127.0.0.1:1 does not answer: {nobody}: connection refused"]
    [reading] = found["readings"]
    assert (reading["pool"], reading["kind"], reading["source"]) == (
        *("spring/order-svc", "spring"),
        "order-svc by spring endpoints",
    )
    app.serving = False
    found = info(("10.0.0.3:8080", app.base))
    assert found["instances"]["10.0.0.3:8080"]["state"] == "down" and "readings" not in found
    app.status = 403
    found = info(("10.0.0.3:8080", app.base))
    assert found["failed"] and "10.0.0.3:8080: " in found["msg"] and "saw 403" in found["msg"]


def test_one_that_is_there_and_cannot_be_asked_is_an_error(app: App) -> None:
    found = info((app.base.removeprefix("http://"), "http://127.0.0.1:1"))
    assert found["failed"] and "it is there, and this host cannot ask it" in found["msg"], found
    assert "members names one twice: a:1, a:1" in info(("a:1", app.base), ("a:1", app.base))["msg"]
    assert "members is empty" in info()["msg"]


SPRING = {"kind": "spring", "application": "order-svc", "actuator": "http://10.0.0.3:8081/actuator/"}


def test_actuator_by_the_registry_and_by_readiness() -> None:
    found = _kind_application.own({**SPRING, "ca_file": "/etc/ca.pem", "busy": {"executor.active": 1}})
    base, files = "http://10.0.0.3:8081/actuator", {"ca_file": "/etc/ca.pem"}
    assert found == {
        "leave": {"url": f"{base}/serviceregistry", "json": {"status": "DOWN"}, **files},
        "join": {"url": f"{base}/serviceregistry", "json": {"status": "UP"}, **files},
        "serving": [{"url": f"{base}/serviceregistry", "text": "UP", **files}],
        "finished": [{"url": f"{base}/metrics/executor.active", "expect": {"measurements.0.value": "<= 1"}, **files}],
        "settle": _actuator.CACHED,
    }
    leave = {"url": "http://10.0.0.3:8080/internal/prepare-shutdown"}
    found = _kind_application.own({**SPRING, "leave": leave, "settle": 5, "timeout": 8})
    assert found == {
        "leave": leave,
        "serving": [{"url": f"{base}/health/readiness", "expect": {"status": "UP"}, "timeout": 8}],
        "finished": [],
        "settle": 5.0,
    }


GENERAL = {"kind": "application", "application": "order-svc", "leave": {"url": "http://10.0.0.3/x"}, "settle": 0}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"kind": "spring", "application": "order-svc"}, "actuator is missing"),
        ({**SPRING, "actuator": "order-1:8081"}, "actuator 'order-1:8081' is"),
        ({**SPRING, "status": "STOPPED"}, "status 'STOPPED' is not one of DOWN, OUT_OF_SERVICE"),
        ({**SPRING, "settle": "35"}, "settle '35' is no number of seconds"),
        ({**SPRING, "leave": {"url": "http://10.0.0.3/x"}}, "settle is missing"),
        ({**SPRING, "busy": ["executor.active"]}, "busy ['executor.active'] is no mapping of meters"),
        ({**SPRING, "busy": {"executor.active": "0"}}, "busy: executor.active '0' is no number from 0 on"),
        (GENERAL, "serving is missing"),
        ({**GENERAL, "serving": "UP"}, "serving 'UP' is no list of targets"),
        ({**GENERAL, "serving": [{"tcp": "10.0.0.3:1"}], "actuator": "http://x/"}, "actuator is for the kind spring"),
        ({**GENERAL, "serving": [{"tcp": "10.0.0.3:1"}], "settle": None}, "settle is missing"),
    ],
)
def test_an_entry_that_cannot_be_meant(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        _kind_application.own(entry)
    assert said in str(error.value)
