# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base of the actions: a lost connection is a failure, a batch is one call, nothing changes without a lease."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.lossless.restart.plugins.action import (
    dubbo_provider_state,
    instance_process,
    mq_consumer_pause,
    nginx_upstream_info,
)
from ansible_collections.lossless.restart.plugins.action import nginx_upstream_member as member
from ansible_collections.lossless.restart.plugins.plugin_utils import _action, _own

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Calls:
    """What the modules were called with, and what they answer."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []
        self.answer: Answer = lambda args: {"changed": True, "msg": "done"}

    def run(
        self, kind: type[_action.FleetAction], host: str, args: dict[str, Any], delegate: str | None = None
    ) -> dict[str, Any]:
        """One task of this kind on `host`, as the engine runs it."""
        return self.action(kind, args, delegate).run(task_vars={"inventory_hostname": host})

    def action(
        self, kind: type[_action.FleetAction], args: dict[str, Any], delegate: str | None = None
    ) -> _action.FleetAction:
        task: Any = SimpleNamespace(
            args=args, action=f"lossless.restart.{kind.__module__.rpartition('.')[2]}", delegate_to=delegate,
            async_val=0, check_mode=False, _uuid="task-1", get_name=lambda: "role : Step | do it",
        )  # fmt: skip
        connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"))
        nothing: Any = None
        action = kind(task, connection, nothing, nothing, nothing, nothing)

        def execute(
            module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any], wrap_async: bool
        ) -> dict[str, Any]:
            assert not wrap_async
            self.made.append(module_args)
            return self.answer(module_args)

        vars(action)["_execute_module"] = execute
        return action


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path))
    return Calls()


def lose(_args: dict[str, Any]) -> dict[str, Any]:
    raise AnsibleConnectionFailure("ssh: connection refused")


@pytest.mark.parametrize("answer", [lose, lambda _args: {"unreachable": True, "msg": "ssh: connection refused"}])
@pytest.mark.parametrize(("delegate", "place"), [(None, "order-1"), ("lb-1", "lb-1")])
def test_a_lost_connection_is_a_failure_that_names_the_host(
    calls: Calls, answer: Answer, delegate: str | None, place: str
) -> None:
    calls.answer = answer
    result = calls.run(_action.FleetAction, "order-1", {}, delegate)
    assert result["failed"] and result["lost"] and "unreachable" not in result
    assert result["msg"].startswith(f"{place} is unreachable: ") and "connection refused" in result["msg"]


def test_a_host_that_died_under_its_module_is_not_cleaned_up(calls: Calls) -> None:
    """The engine cleans up once the action is done: a connection lost there would make the host unreachable."""
    action = calls.action(_action.FleetAction, {})
    asked: list[str] = []

    def lost(path: str) -> None:
        asked.append(path)
        raise AnsibleConnectionFailure("ssh: connection refused")

    vars(action)["_remove_tmp_path"] = lost
    action.cleanup()
    assert asked == ["/nowhere"]


def test_only_plain_values_come_back(calls: Calls) -> None:
    """A batch's result is kept as JSON; the engine's own objects would not go into it."""
    calls.answer = lambda _args: {
        "failed": True,
        "msg": "no",
        "exception": object(),
        "invocation": {},
        "warnings": ["w"],
    }
    result = calls.run(_action.FleetAction, "order-1", {})
    assert json.loads(json.dumps(result)) == {"failed": True, "msg": "no", "warned": ["w"]}


def test_waits_and_failures_are_noted(calls: Calls) -> None:
    calls.answer = lambda _args: {"failed": True, "waited": 2.5, "msg": "x" * 3000}
    calls.run(_action.FleetAction, "order-1", {}, "lb-1")
    (note,) = _own.journal()
    assert (note["host"], note["place"], note["task"]) == ("order-1", "lb-1", "Step | do it")
    assert (note["waited"], note["failed"], len(note["msg"])) == (2.5, True, 2000)


def test_a_source_is_read_once_for_a_batch_and_kept(calls: Calls) -> None:
    calls.answer = lambda _args: {"readings": [{"pool": "nginx/order_svc"}], "log_troubles": {}}
    began = time.monotonic()
    for host in ("order-1", "order-2"):
        calls.run(nginx_upstream_info.ActionModule, host, {"source": "lb-1", "batch": ["order-1", "order-2"]}, "lb-1")
    assert calls.made == [{"source": "lb-1"}]
    kept = _own.read("reading-lb-1")
    assert kept["readings"] == [{"pool": "nginx/order_svc"}] and kept["asked"] >= began


def test_a_source_that_is_not_read_is_kept_as_that(calls: Calls) -> None:
    calls.answer = lose
    assert calls.run(nginx_upstream_info.ActionModule, "order-1", {}, "lb-1")["failed"]
    (reading,) = _own.read("reading-lb-1")["readings"]
    assert reading["source"] == "lb-1" and "connection refused" in reading["error"]


def test_a_failure_to_read_names_the_source(calls: Calls) -> None:
    calls.answer = lambda _args: {"failed": True, "msg": "upstream order_svc is given twice"}
    result = calls.run(nginx_upstream_info.ActionModule, "order-1", {}, "lb-1")
    assert result["msg"] == "lb-1: upstream order_svc is given twice"
    assert _own.read("reading-lb-1")["readings"] == [{"source": "lb-1", "error": "upstream order_svc is given twice"}]


def point(host: str, state: str = "up", source: str = "lb-1", weight: int = 10) -> dict[str, Any]:
    place = {"kind": "nginx", "pool": "nginx/order_svc", "source": source, "member": f"10.0.0.{host[-1]}:8080"}
    return {**place, "state": state, "weight": weight}


PROCESS = {"pid": 4711, "start": 99, "boot": "b"}
OTHER = {**PROCESS, "pid": 5001}


def grant(host: str, step: str = "granted", held: float = 60.0, *points: dict[str, Any]) -> None:
    before = list(points or [point(host), point(host, source="lb-2")])
    _own.keep_leases({host: {"step": step, "token": int(host[-1]), "before": before, "process": PROCESS}}, held)


def change(calls: Calls, hosts: list[str], delegate: str = "lb-1", **args: Any) -> list[dict[str, Any]]:
    given = {"leases": hosts, "steps": ["granted"], "state": "down", **args}
    return [calls.run(member.ActionModule, host, dict(given), delegate) for host in hosts]


def test_a_batch_is_one_call_with_the_members_that_were_granted(calls: Calls) -> None:
    grant("order-1")
    grant("order-2")
    grant("order-3", step="restarting")
    results = change(calls, ["order-1", "order-2", "order-3", "order-4"])
    wanted = [
        {"upstream": "order_svc", "member": f"10.0.0.{number}:8080", "token": number, "state": "down"}
        for number in (1, 2)
    ]
    assert calls.made == [{"members": wanted}]
    assert all(result["changed"] and result["batch"] == ["order-1", "order-2"] for result in results)


def test_without_a_lease_nothing_is_called(calls: Calls) -> None:
    (result,) = change(calls, ["order-1"])
    assert not result["changed"] and "nothing of this batch is at step granted here" in result["msg"]
    assert calls.made == []


def test_a_failed_call_fails_every_host_of_the_batch(calls: Calls) -> None:
    grant("order-1")
    calls.answer = lambda _args: {"failed": True, "msg": "nginx: [emerg]"}
    assert [result["failed"] for result in change(calls, ["order-1", "order-2"])] == [True, True]
    assert len(calls.made) == 1


def test_an_expired_lease_takes_nothing_out_and_still_puts_back(calls: Calls) -> None:
    grant("order-1", "granted", -1.0)
    (result,) = change(calls, ["order-1"])
    assert result["failed"] and "this run's lease has expired. Nothing was changed" in result["msg"]
    assert calls.made == []
    (result,) = change(calls, ["order-1"], state="before")
    assert result["changed"] and calls.made[0]["members"][0]["state"] == "up"


@pytest.mark.parametrize(
    ("state", "warmup", "weight", "wanted"),
    [("up", None, 10, 10), ("up", 50, 10, 5), ("up", 10, 1, 1), ("down", None, 3, 3), ("drain", 50, 4, 2)],
)
def test_what_was_there_comes_back(calls: Calls, state: str, warmup: int | None, weight: int, wanted: int) -> None:
    grant("order-1", "attaching", 60.0, point("order-1", state, weight=weight))
    more: dict[str, Any] = {"warmup": warmup} if warmup else {}
    change(calls, ["order-1"], steps=["attaching"], state="before", **more)
    (sent,) = calls.made[0]["members"]
    assert (sent["state"], sent["weight"]) == (state, wanted)


def restart(calls: Calls, **args: Any) -> dict[str, Any]:
    return calls.run(instance_process.ActionModule, "order-1", {"leased": True, **args})


@pytest.mark.parametrize(
    ("lease", "said"),
    [
        (None, "the ledger has granted this run no lease for it. Nothing was changed"),
        (("granted", 60.0), "its lease is at step granted, not restarting. Nothing was changed"),
        (("attaching", 60.0), "its lease is at step attaching, not restarting"),
        (("restarting", -1.0), "this run's lease has expired. Nothing was changed"),
    ],
)
def test_no_restart_without_a_lease_that_is_at_it(calls: Calls, lease: tuple[str, float] | None, said: str) -> None:
    if lease:
        grant("order-1", *lease)
    result = restart(calls)
    assert result["failed"] and said in result["msg"] and result["msg"].startswith("order-1: ")
    assert calls.made == []


def test_only_what_is_older_than_the_run_is_restarted(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ages alone: a clock that is set by an hour meanwhile changes nothing."""
    grant("order-1", "restarting")
    ledger = {"id": "5d2c", "place": "bastion:/ledger", "replaces": ""}
    _own.write("run", {"id": "R", "ledger": ledger})
    _own.keep_since(100.0)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    restart(calls)
    restart(calls, again=True)
    first, second = calls.made
    assert first["token"] == 1 and 100.0 <= first["older_than"] < 130.0
    assert first["ledger"] == ledger
    assert first["process"] == PROCESS
    assert not {"older_than", "process"} & set(second) and "leased" not in first and "again" not in second


@pytest.mark.parametrize(("age", "spared"), [(99.0, True), (101.0, False), (100.0, False)])
def test_what_was_restarted_already_is_spared_by_name(calls: Calls, age: float, spared: bool) -> None:
    """However late the module looks. Not where it may be older by the little that an age may be wrong."""
    grant("order-1", "restarting")
    _own.keep_since(100.0)
    calls.answer = lambda _args: {"identity": OTHER, "age": age, "msg": "is RUNNING"}
    calls.run(instance_process.ActionModule, "order-1", {"state": "read"})
    restart(calls)
    assert calls.made[-1]["spare"] == (OTHER if spared else None)


@pytest.mark.parametrize("step", ["granted", "restarting", "attaching"])
@pytest.mark.parametrize("running", [True, False])
def test_an_instance_is_fenced_under_a_lease_at_any_step(calls: Calls, step: str, running: bool) -> None:
    """And must run, since it is to be put back."""
    grant("order-1", step)
    calls.answer = lambda _args: {"running": running, "msg": "is STOPPED"}
    assert bool(restart(calls, state="fenced").get("failed")) is not running
    assert calls.made == [{"state": "fenced", "token": 1}]


def test_no_instance_is_fenced_without_a_lease(calls: Calls) -> None:
    assert restart(calls, state="fenced")["failed"] and calls.made == []


@pytest.mark.parametrize(
    ("answer", "exposed"),
    [
        ({"changed": True, "chose": "qos"}, True),
        ({"changed": False}, False),
        ({"changed": False, "failed": True}, True),
    ],
    ids=["taken out again", "it had waited", "it gives no answer"],
)
def test_what_came_back_before_its_gate(calls: Calls, answer: dict[str, Any], exposed: bool) -> None:
    place = {"kind": "dubbo", "source": "s", "pool": "dubbo/s", "member": "10.0.0.3:20880", "qos": 1, "via": "auto"}
    grant("order-1", "restarting", 60.0, place)
    _own.note({"host": "order-1", "task": "Restart | restart the process", "ended": time.time() - 4})
    calls.answer = lambda _args: {**answer, "msg": "done"}
    asked = {"leases": ["order-1"], "source": "s", "steps": ["restarting"], "state": "down"}
    result = calls.run(dubbo_provider_state.ActionModule, "order-1", asked)
    assert ("exposed" in result) == exposed
    # A lease of an earlier version does not say it.
    assert calls.made[-1]["attaches"] == "itself"


LEAVE, JOIN = {"url": "http://127.0.0.1:8080/leave"}, {"url": "http://127.0.0.1:8080/join"}
KNOWN = {"ids": ["c-1"], "holding": 2}
CLIENT = {
    **{"kind": "kafka", "source": "s", "pool": "kafka/orders", "member": "10.0.0.3", "known": KNOWN, "state": "up"},
    **{"leave": LEAVE, "join": JOIN, "finished": [], "quiet": 0.0},
}


def leave(
    calls: Calls, step: str, state: str, point: dict[str, Any] | None = None, **args: Any
) -> list[dict[str, Any]]:
    """What the module is called with in both halves of a task."""
    grant("order-1", step, 60.0, {**CLIENT, **(point or {})})
    asked = {"leases": ["order-1"], "source": "s", "steps": [step], "state": state, "group": "orders", **args}
    before = len(calls.made)
    calls.run(mq_consumer_pause.ActionModule, "order-1", dict(asked))
    calls.run(mq_consumer_pause.ActionModule, "order-1", {**asked, "broker": "kafka"}, "localhost")
    return calls.made[before:]


def test_an_application_is_told_to_leave_and_the_brokers_prove_it(calls: Calls) -> None:
    told, proved = leave(calls, "granted", "down")
    assert (told["state"], told["leave"], told["token"], told["members"]) == ("out", LEAVE, 1, ["10.0.0.3"])
    assert (proved["state"], proved["members"]) == ("out", ["10.0.0.3"]) and "leave" not in proved
    assert told["before"] == proved["before"] == {"members": {"10.0.0.3": KNOWN}}


def test_one_that_did_not_do_as_it_was_told_keeps_nobody_else_waiting(calls: Calls) -> None:
    calls.answer = lambda _args: {"failed": True, "changed": True, "msg": "answers 500"}
    assert [args["state"] for args in leave(calls, "granted", "down")] == ["out"]


def test_one_that_cannot_be_told_is_not_proved_to_be_out(calls: Calls) -> None:
    (told,) = leave(calls, "granted", "down", {"leave": {"none": True}})
    assert told["leave"] == {"none": True}


def test_a_process_that_was_started_joins_by_itself(calls: Calls) -> None:
    """Unless it says that it has left, as it does where it was told to after its gate had failed."""
    told, proved = leave(calls, "attaching", "before", restarted=True)
    assert (told["join"], told["finished"]) == (JOIN, []) and proved["state"] == "in" and proved["restarted"]
    (proved,) = leave(calls, "attaching", "before", {"join": None}, restarted=True)
    assert proved["state"] == "in"


def test_one_that_was_not_restarted_is_told_to_join_again(calls: Calls) -> None:
    told, proved = leave(calls, "granted", "before", restarted=False)
    assert (told["join"], told["state"], proved["state"]) == (JOIN, "in", "in") and "leave" not in told
    (proved,) = leave(calls, "granted", "before", {"join": None}, restarted=False)
    assert proved["state"] == "in"


def test_one_that_a_person_had_let_leave_stays_out(calls: Calls) -> None:
    """It is proved to be out before, is not told, and its new process is let leave as well."""
    away = {"state": "gone", "known": {"ids": [], "holding": 0}}
    (proved,) = leave(calls, "granted", "down", away)
    assert proved["state"] == "out"
    (told,) = leave(calls, "attaching", "before", away, restarted=True)
    assert (told["state"], told["leave"]) == ("out", LEAVE)
    assert leave(calls, "granted", "before", away, restarted=False) == []


def test_one_that_came_back_before_its_gate_is_let_leave_again(calls: Calls) -> None:
    _own.note({"host": "order-1", "task": "Restart | restart the process", "ended": time.time() - 4})
    told, _proved = leave(calls, "restarting", "down")
    assert told["leave"] == LEAVE
    assert [note["exposed"] for note in _own.journal() if note.get("exposed")] != []
