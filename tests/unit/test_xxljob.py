# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kind xxljob: what the admin's pages say, who goes out of a list and comes back, and what an executor answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _answer, _http, _xxljob, _xxljob_executor
from ansible_collections.lossless.restart.plugins.modules import xxljob_executor_info, xxljob_executor_state
from ansible_collections.lossless.restart.plugins.plugin_utils import _kind_xxljob

from tests.lab.xxljob.admin_double import APPLICATION, PASSWORD, USER, AdminDouble

A, B, C = "10.0.0.3:9999", "10.0.0.4:9999", "10.0.0.5:9999"
LISTED = [f"http://{A}/", f"http://{B}/", C]
DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("leases", "source", "ledger", "jobs", "tls"), None),
    **{"steps": [], "settle": 0.0, "recheck": False, "cut": False, "deadline": 1.0, "interval": 0.02},
}


class Lab:
    def __init__(self, admin: AdminDouble, folder: Path) -> None:
        self.admin, self.folder = admin, folder
        self.busy: dict[str, list[int]] = {}
        self.secret = folder / "secret"
        self.secret.write_text(f"{USER}:{PASSWORD}\n")
        self.secret.chmod(0o600)

    @property
    def server(self) -> dict[str, Any]:
        return {"admin": [self.admin.url], "application": APPLICATION, "auth": {"file": str(self.secret)}, "tls": None}

    def state(self, state: str, *members: str, check: bool = False, **more: Any) -> dict[str, Any]:
        executors = [{"member": one, "address": None, **more.pop("own", {})} for one in members]
        params = {**DEFAULTS, **self.server, "executors": executors, "everybody": [A, B, C], "state": state}
        return _answer.of(xxljob_executor_state.run, {**params, "state_dir": str(self.folder), **more}, check)

    def info(self, **more: Any) -> dict[str, Any]:
        return _answer.of(xxljob_executor_info.run, {**self.server, "members": [], "source": None, **more}, False)


@pytest.fixture(params=[False, True], ids=["2.4", "3.4"])
def lab(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with AdminDouble(new=request.param, every=60.0) as admin:
        admin.addresses = list(LISTED)
        made = Lab(admin, tmp_path)
        monkeypatch.setattr(
            _xxljob_executor, "busy", lambda url, _headers, jobs: made.busy.get(_xxljob.name_of(url), [])
        )
        yield made


def test_who_is_in_the_group(lab: Lab) -> None:
    found = lab.info(source="here", members=[A, "10.0.0.9:9999"])
    assert found["addresses"] == LISTED and found["automatic"]
    [reading] = found["readings"]
    assert [(one["member"], one["state"]) for one in reading["members"]] == [
        *[(A, "up"), ("10.0.0.9:9999", "gone")],
        *[(B, "up"), (C, "up")],
    ]
    assert reading["members"][0]["known"] == {"address": LISTED[0]} and reading["pool"] == f"xxljob/{APPLICATION}"


def test_by_the_list_others_stay_and_the_last_back_makes_it_automatic(lab: Lab) -> None:
    assert lab.state("out", A, check=True)["changed"] and lab.admin.automatic
    first = lab.state("out", A)
    assert not first.get("failed") and lab.admin.addresses == LISTED[1:] and not lab.admin.automatic, first
    second = lab.state("out", B)
    assert not second.get("failed") and lab.admin.addresses == [C], second
    assert not lab.state("out", B, own={"address": LISTED[1]})["changed"]
    # While another one is out, an automatic list would bring it back.
    back = lab.state("in", A, own={"address": LISTED[0]})
    assert not back.get("failed") and lab.admin.addresses == [C, LISTED[0]] and not lab.admin.automatic, back
    lab.admin._beats = dict.fromkeys(LISTED, 1e12)
    back = lab.state("in", B, own={"address": LISTED[1]})
    assert not back.get("failed") and lab.admin.automatic and not list(lab.folder.glob("xxljob/*")), back
    assert not lab.state("in", B, own={"address": LISTED[1]})["changed"]


def test_a_list_that_a_person_has_set_stays_set(lab: Lab) -> None:
    lab.admin.by_hand(list(LISTED))
    assert lab.state("out", A)["changed"]
    assert lab.state("in", A, own={"address": LISTED[0]})["changed"] and not lab.admin.automatic


def test_jobs_are_waited_for(lab: Lab) -> None:
    lab.busy[A] = [12]
    late = lab.state("out", A, deadline=0.2)
    assert late["failed"] and f"job 12 runs or waits at {A}" in late["msg"], late
    cut = lab.state("out", A, own={"address": LISTED[0]}, deadline=0.2, cut=True)
    assert not cut.get("failed") and cut["cut"] == [f"job 12 runs or waits at {A}"], cut


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"executors": []}, "executors [] names nobody"),
        ({"executors": [{"member": "10.0.0.9:9999"}]}, "10.0.0.9:9999 is not in the group"),
        ({"executors": [{"member": "order-1"}]}, "executors: member"),
        ({"executors": [{"member": A, "leave": {"command": ["true"]}}]}, "has no url"),
        ({"executors": [{"member": A, "headers_file": "/nowhere/it"}]}, "/nowhere/it"),
        ({"application": "nix"}, "has no group of executors called 'nix'"),
        ({"settle": 3.0}, "settle 3 s does not fit into deadline 1 s"),
        ({"admin": ["http://127.0.0.1:1/x"]}, "connection refused"),
        ({"auth": None}, "auth is missing"),
        ({"recheck": True}, "takes jobs again"),
        ({"state": "down"}, "goes with leases"),
    ],
)
def test_refused(lab: Lab, more: dict[str, Any], said: str) -> None:
    state, rest = more.get("state", "out"), {name: value for name, value in more.items() if name != "state"}
    found = lab.state(state, A, **rest)
    assert found["failed"] and said in found["msg"], found
    assert lab.admin.automatic and lab.admin.addresses == LISTED


def test_the_last_one_cannot_go_by_the_list(lab: Lab) -> None:
    found = lab.state("out", A, B, C)
    assert found["failed"] and "the admin takes no empty list: use leave" in found["msg"] and lab.admin.automatic


def test_a_wrong_password(lab: Lab) -> None:
    lab.secret.write_text("admin:nix\n")
    found = lab.info()
    assert found["failed"] and "does not let the user 'admin' in: wrong password" in found["msg"], found


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"code": 200, "msg": None}, False),
        ({"code": 500, "msg": "job thread is running or has trigger queue."}, True),
        (
            {"code": 500, "msg": "The access token is wrong."},
            "does not say whether job 12 runs: The access token is wrong.",
        ),
        ({"status": "UP"}, "does not answer as an executor"),
        (_http.Unreachable("connection refused"), False),
        (ConnectionRefusedError(), False),
        (_http.Unreachable("no whole answer in time"), "no whole answer in time"),
    ],
)
def test_what_an_executor_answers(monkeypatch: pytest.MonkeyPatch, answer: Any, said: bool | str) -> None:
    def ask(*_: Any) -> _http.Answer:
        if isinstance(answer, Exception):
            raise answer
        return _http.Answer(200, "", json.dumps(answer).encode(), False)

    monkeypatch.setattr(_http, "ask", ask)
    if isinstance(said, bool):
        assert _xxljob_executor.busy("http://10.0.0.3:9999/", {}, [12]) == ([12] if said else [])
        return
    with pytest.raises(_xxljob.XxlJobError) as error:
        _xxljob_executor.busy("http://10.0.0.3:9999/", {}, [12])
    assert said in str(error.value)


ENTRY = {
    "kind": "xxljob",
    "admin": "http://xxl:8080/xxl-job-admin",
    "application": "order-jobs",
    "auth": {"file": "/a"},
}


def test_an_entry() -> None:
    [source] = _kind_xxljob.sources({**ENTRY, "jobs": [12]})
    assert source["settings"] == {
        **{"admin": [ENTRY["admin"]], "application": "order-jobs", "auth": {"file": "/a"}, "jobs": [12]},
    }
    assert _kind_xxljob.member(ENTRY, "10.0.0.3:8080") == A
    leave = {"url": "http://10.0.0.3:8080/leave"}
    assert _kind_xxljob.own({**ENTRY, "leave": leave}) == {"leave": leave}
