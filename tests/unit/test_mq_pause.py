# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""mq_consumer_pause with a clock of its own: when a leave or a return is proved, and what is refused before."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lossless.restart.plugins.module_utils import _lever, _mq_brokers, _mq_task, _target
from ansible_collections.lossless.restart.plugins.module_utils._answer import Failed
from ansible_collections.lossless.restart.plugins.module_utils._mq_group import EMPTY, MOVING, UNKNOWN, Group
from ansible_collections.lossless.restart.plugins.module_utils._mq_leaving import Telling
from ansible_collections.lossless.restart.plugins.module_utils._mq_proof import Proof
from ansible_collections.lossless.restart.plugins.module_utils._mq_turn import Turn
from ansible_collections.lossless.restart.plugins.module_utils._poll import NotProved
from ansible_collections.lossless.restart.plugins.modules import mq_consumer_pause

from tests.unit.group_double import ALL, ONE, THREE, TWO, WITHOUT_THREE, Brokers, Clock, client, group

SPEC = {name: value for name, value in mq_consumer_pause.SPEC.items() if name != "supports_check_mode"}
KAFKA = {"broker": "kafka", "servers": ["k1:9092"], "group": "orders"}
BACK = group(client(ONE, "a"), client(TWO, "b"), client(THREE, "c", "d", at=":2"))
LEFT = {"members": {THREE: {"ids": [f"{THREE}:1"], "holding": 2}}}


def valid(**params: Any) -> dict[str, Any]:
    """The module's parameters, as the engine checks them; one that is None is not given."""
    given = {**KAFKA, "members": [THREE], "deadline": 20.0, **params}
    given = {name: value for name, value in given.items() if value is not None}
    checked = ArgumentSpecValidator(**SPEC).validate(given)
    assert not checked.error_messages, checked.error_messages
    found: dict[str, Any] = checked.validated_parameters
    return found


class Call:
    """One call of the module, on doubles."""

    def __init__(self, steps: Mapping[float, Group | str], check_mode: bool = False, **params: Any) -> None:
        self.clock = Clock()
        self.task = _mq_task.task(valid(**params))
        proof = Proof(Brokers(self.clock, steps), self.task.members, self.task.known, self.task.last, self.clock)
        self.turn = Turn(self.task, None, proof, check_mode, self.clock)

    def run(self) -> str:
        return self.turn.run()

    def fails(self, *said: str, error: type[Exception] = NotProved) -> None:
        with pytest.raises(error) as failed:
            self.run()
        assert all(part in str(failed.value) for part in said), failed.value


def test_who_has_left_is_out_once_others_have_held_all_of_its_queues_for_a_while() -> None:
    call = Call({0: ALL, 2: WITHOUT_THREE}, state="out")
    assert "gone from the group, and all of it held by others after 2" in call.run()
    assert call.turn.result["before"] == LEFT and call.turn.result["after"]["members"][THREE]["ids"] == []
    assert 2 <= call.turn.result["seconds"]["gone"] < 3 <= call.turn.result["seconds"]["settle"]


def test_who_has_left_before_is_out_where_that_is_known() -> None:
    assert "gone" in Call({0: WITHOUT_THREE}, state="out", before=LEFT).run()
    Call({0: WITHOUT_THREE}, state="out").fails(THREE, "is not in orders", error=ValueError)


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (ALL, ["is in the group still", "holds c, d", "keeps what it holds, and nobody else takes it"]),
        (group(client(ONE, "a"), client(TWO, "b")), ["nobody holds c, d"]),
        (dataclasses.replace(WITHOUT_THREE, state=MOVING), ["in the middle of handing over"]),
        (dataclasses.replace(WITHOUT_THREE, state=UNKNOWN), ["is not known"]),
        (group(state=EMPTY), ["nobody is in orders"]),
        ("k1:9092 does not answer", ["k1:9092 does not answer"]),
        (
            group(client(ONE, "a", "b", "c", "d"), client(TWO), client(THREE, unacked=7)),
            ["has 7 messages that it has not acknowledged"],
        ),
    ],
)
def test_what_is_no_proof_of_a_leave(later: Group | str, said: list[str]) -> None:
    Call({0: ALL, 1: later}, state="out").fails("NOT proved out", *said)


def test_brokers_that_are_away_for_a_while_are_waited_for() -> None:
    assert "gone" in Call({0: "no answer", 5: WITHOUT_THREE}, state="out", before=LEFT).run()
    Call({0: "no answer"}, state="out", before=LEFT).fails("after 20.0 s: no answer")


def test_brokers_that_list_newcomers_late_are_asked_again() -> None:
    late = dataclasses.replace(WITHOUT_THREE, stale=6.0)
    steps: dict[float, Group | str] = {0: late, 4: dataclasses.replace(ALL, stale=6.0), 5: late}
    call = Call(steps, state="out")
    assert "gone" in call.run() and call.turn.result["before"] == LEFT
    Call({0: late}, state="out").fails(THREE, "is not in orders", error=ValueError)


def test_a_group_that_falls_behind_is_no_place_to_leave() -> None:
    steps = {float(at): group(client(ONE, "a", "c"), client(TWO, "b", "d"), lag=10 * at) for at in range(1, 40)}
    Call({0.0: ALL, **steps}, state="out").fails("the group falls behind")


def test_a_lag_that_comes_and_goes_is_none() -> None:
    lags: dict[float, int] = {at: 10 + 20 * (at % 5) for at in range(1, 40)}
    steps = {at: group(client(ONE, "a", "c"), client(TWO, "b", "d"), lag=lag) for at, lag in lags.items()}
    assert "gone" in Call({0: ALL, **steps}, state="out").run()


def test_one_that_joins_again_by_itself_is_not_out() -> None:
    """Within the window in which it has to stay away; once it is gone for good, that is proved."""
    call = Call({0: ALL, 1: WITHOUT_THREE, 3: BACK, 6: WITHOUT_THREE}, state="out")
    assert "gone" in call.run() and call.turn.result["seconds"]["gone"] >= 6
    call = Call({0: ALL, 1: WITHOUT_THREE, 3: BACK}, state="out")
    call.fails("is in the group still")


def test_members_that_flap_keep_a_leave_from_being_proved() -> None:
    """Each look is good, and none is as the one before: nobody holds anything for long."""
    other = group(client(ONE, "a", "d"), client(TWO, "b", "c"))
    steps = {at / 2: WITHOUT_THREE if at % 2 else other for at in range(2, 60)}
    Call({0: ALL, **steps}, state="out").fails("change from one look to the next")


def test_the_last_of_a_group_stays_unless_it_is_allowed() -> None:
    only = group(client(THREE, "a", "b", "c", "d"))
    Call({0: only}, state="out").fails("nobody else is in orders", "last: true", error=ValueError)
    assert "gone" in Call({0: only, 1: group(state=EMPTY, lag=9)}, state="out", last=True).run()


def test_clients_of_one_address_are_told_apart_by_name() -> None:
    two = (client(THREE, "c"), client(THREE, "d", at=":9", names=("pay",)))
    both = group(client(ONE, "a"), client(TWO, "b"), *two)
    Call({0: both}, state="out").fails("has 2 clients there", "name the instance's own by 'client'", error=ValueError)
    after = group(client(ONE, "a"), client(TWO, "b", "c"), two[1])
    assert "gone" in Call({0: both, 1: after}, state="out", members=[f"{THREE}@order@{THREE}"]).run()
    same = group(client(ONE, "a", "b"), client(THREE, "c"), client(THREE, "d", at=":9"))
    named = Call({0: same}, state="out", members=[f"{THREE}@order@{THREE}"])
    named.fails("is the name of 2 clients", error=ValueError)


def test_a_static_member_needs_to_be_known_for_how_long_it_stays() -> None:
    static = group(client(ONE, "a"), client(TWO, "b"), client(THREE, "c", "d", stays=True))
    Call({0: static}, state="out").fails("static member", "session.timeout.ms", error=ValueError)
    Call({0: static}, state="out", stays_for=45.0).fails("in 45 s", "stays allows 10 s", error=ValueError)
    call = Call({0: static, 9: WITHOUT_THREE}, state="out", stays_for=9.0)
    assert "gone" in call.run() and "in 9 s" in call.turn.result["warnings"][0]


def test_who_is_back_is_another_client_and_holds_its_part() -> None:
    call = Call({0: WITHOUT_THREE, 4: BACK}, state="in", before=LEFT)
    assert "back in the group, and holding its part after 4" in call.run()


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (WITHOUT_THREE, ["has 0 of 1 clients in the group"]),
        (ALL, ["a client of the process before"]),
        (group(client(ONE, "a", "c"), client(TWO, "b", "d"), client(THREE, at=":2")), ["holds nothing yet"]),
        (dataclasses.replace(BACK, state=MOVING), ["in the middle"]),
    ],
)
def test_what_is_no_proof_of_a_return(later: Group, said: list[str]) -> None:
    Call({0: WITHOUT_THREE, 1: later}, state="in", before=LEFT).fails("NOT proved in", *said)


def test_where_there_are_more_clients_than_queues_somebody_has_none() -> None:
    full = group(client(ONE, "a"), client(TWO, "b"), client(THREE, at=":2"), shares="ab")
    assert "back" in Call({0: full}, state="in", before=LEFT).run()


@pytest.mark.parametrize(("steps", "holds"), [({0: WITHOUT_THREE}, True), ({0: BACK}, False)])
def test_it_is_looked_at_once_more_just_before_the_stop(steps: Mapping[float, Group], holds: bool) -> None:
    call = Call(steps, state="out", before=LEFT, recheck=True)
    if holds:
        assert call.run() == "still out"
    else:
        call.fails("NOT out any more", f"as {THREE}:2")


def test_whether_it_consumes() -> None:
    waits, fewer = (dataclasses.replace(BACK, lags={"c": lag}, done={"c": 7}) for lag in (5, 2))
    assert "consumes after 2" in Call({0: waits, 2: fewer}, state="in", recheck=True, consumed=True).run()
    nothing = dataclasses.replace(BACK, lags=dict.fromkeys("abcd", 0))
    assert "nothing waits for it" in Call({0: nothing}, state="in", recheck=True, consumed=True).run()
    idle = Call({0: waits}, state="in", recheck=True, consumed=True)
    idle.fails("nothing was consumed")
    assert idle.turn.result["first_message"] is None


def test_nothing_is_waited_for_in_check_mode() -> None:
    call = Call({0: ALL}, check_mode=True, state="out")
    assert call.run() == "nothing would be changed, since nobody is told"
    assert not call.turn.result["changed"] and call.clock.now == 1000.0


URL = "http://127.0.0.1:1/leave"


class Application:
    """A double of an application and its own word: out from the moment on at which it is told, or never."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, out: bool, obeys: bool = True) -> None:
        self.out, self.told, self._obeys = out, list[str](), obeys
        monkeypatch.setattr(_lever, "pull", self._pull)
        monkeypatch.setattr(_target, "check", self._check)

    def _pull(self, lever: _lever.Lever, _deadline: float) -> str:
        self.told.append(lever.what)
        if self._obeys:
            self.out = lever.what == "leave"
        return f"{lever.text} answers 200"

    def _check(self, _target_: Mapping[str, Any], _timeout: float) -> _target.Seen:
        return _target.Seen(self.out, f"consuming is {not self.out}")


FINISHED = [{"url": "http://127.0.0.1:1/status", "expect": {"consuming": False}}]


def half(check_mode: bool = False, **params: Any) -> tuple[str, dict[str, Any]]:
    """The half of a call that tells the application."""
    clock = Clock()
    task = _mq_task.task(valid(**{"broker": None, "servers": None, **params}))
    telling = Telling(task, task.lever, clock) if task.lever and not task.lever.none else None
    turn = Turn(task, telling, None, check_mode, clock)
    try:
        return turn.run(), turn.result
    except NotProved as error:
        return str(error), turn.result


@pytest.mark.parametrize(
    ("state", "out", "finished", "told"),
    [
        ("out", False, FINISHED, ["leave"]),
        ("out", True, FINISHED, []),
        ("out", True, [], ["leave"]),
        ("in", True, FINISHED, ["join"]),
        ("in", False, FINISHED, []),
        ("in", False, [], ["join"]),
    ],
)
def test_an_application_is_told_what_it_does_not_say_of_itself(
    monkeypatch: pytest.MonkeyPatch, state: str, out: bool, finished: list[Any], told: list[str]
) -> None:
    application = Application(monkeypatch, out)
    said, result = half(state=state, finished=finished, leave={"url": URL}, join={"url": URL})
    assert application.told == told and result["changed"] == bool(told), said


def test_one_that_answers_and_does_nothing_is_found_out_by_its_own_word(monkeypatch: pytest.MonkeyPatch) -> None:
    Application(monkeypatch, out=False, obeys=False)
    said, _result = half(state="out", finished=FINISHED, leave={"url": URL}, deadline=5.0)
    assert "answers 200" in said and "NOT proved out" in said and "consuming is True" in said


def test_one_that_cannot_be_told_is_warned_of() -> None:
    said, result = half(state="out", leave={"none": True})
    assert said == "the application cannot be told" and "may be cut, and done again" in result["warnings"][0]


def test_a_preview_tells_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    application = Application(monkeypatch, out=False)
    said, result = half(check_mode=True, state="out", finished=FINISHED, leave={"url": URL})
    assert said == f"would be told to leave by POST {URL}" and result["changed"] and not application.told


def test_a_lower_token_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    application = Application(monkeypatch, out=False)
    ledger = {"id": "l-1", "place": "/ledger", "replaces": ""}
    settings: dict[str, Any] = {"state": "out", "leave": {"url": URL}, "state_dir": str(tmp_path), "ledger": ledger}
    half(**settings, token=7)
    params = valid(**{"broker": None, "servers": None, **settings, "token": 6})
    with pytest.raises(Failed, match="token 6"):
        mq_consumer_pause.run(params, False)
    assert application.told == ["leave"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"members": []}, "members is empty"),
        ({"members": [THREE, THREE]}, "names one twice"),
        ({"members": ["a@"]}, "is no instance"),
        ({"state": "down"}, "goes with leases"),
        ({"leases": ["order-1"]}, "resolved by the collection's action plugin"),
        ({"broker": None}, "there is nothing to do"),
        ({"deadline": -1.0}, "deadline -1.0 is not a number of seconds"),
        ({"quiet": 30.0}, "quiet 30 s does not fit into deadline 20 s"),
        ({"before": {"other": 1}}, "before has other"),
        ({"before": {"members": {THREE: 1}}}, "not as this module returns them"),
        ({"leave": {"url": "ftp://h/"}}, "leave: url"),
        ({"leave": {}}, "exactly one of url, command, actuator_binding, none"),
        ({"leave": {"url": URL, "none": True}}, "exactly one of"),
        ({"leave": {"command": ["x"], "elsewhere": True}}, "does not take elsewhere"),
        ({"leave": {"actuator_binding": {"url": URL}}}, "is not {url, name}"),
        ({"leave": {"url": URL}, "members": [ONE, TWO]}, "for one instance"),
        ({"leave": {"url": "http://192.0.2.1/leave"}}, "192.0.2.1 is not this host"),
        ({"servers": []}, "servers is empty"),
        ({"servers": ["k1"]}, "has no port"),
        ({"queues": ["q"]}, "queues are RabbitMQ's"),
        ({"broker": "rabbitmq", "servers": ["http://mq:15672"]}, "queues is empty"),
        ({"group": "a b"}, "group 'a b' is no name"),
    ],
)
def test_bad_values_are_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], said: str
) -> None:
    def reader(given: Mapping[str, Any]) -> Brokers:
        _mq_brokers.check(given)
        return Brokers(Clock(), {0: ALL})

    monkeypatch.setattr(_mq_brokers, "reader", reader)
    application = Application(monkeypatch, out=False)
    with pytest.raises(Failed) as refused:
        mq_consumer_pause.run(valid(**{"state": "out", **params}), False)
    assert said in str(refused.value) and not application.told


@pytest.mark.parametrize(("program", "told"), [("true", True), ("false", False)])
def test_an_application_may_be_told_by_a_command(program: str, told: bool) -> None:
    params = valid(broker=None, servers=None, state="out", leave={"command": [program]})
    if told:
        result = mq_consumer_pause.run(params, False)
        assert result["changed"] and result["msg"] == f"{THREE}: command {program} has done it"
    else:
        with pytest.raises(Failed, match="command false ended with status 1"):
            mq_consumer_pause.run(params, False)


@pytest.mark.parametrize(("state", "word"), [("out", "STOPPED"), ("in", "STARTED")])
def test_a_binding_of_spring_is_stopped_and_never_paused(state: str, word: str) -> None:
    """A double of the actuator's endpoint."""
    heard: list[tuple[str, str, bytes]] = []

    class Actuator(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.path, self.headers["Content-Type"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Actuator) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        bindings = f"http://127.0.0.1:{server.server_port}/actuator/bindings"
        lever = {"actuator_binding": {"url": bindings, "name": "order-in-0"}}
        given = valid(broker=None, servers=None, state=state, leave=dict(lever), join=dict(lever))
        result = mq_consumer_pause.run(given, False)
        server.shutdown()
    assert result["changed"] and "answers 204" in result["msg"]
    ((path, kind, body),) = heard
    assert (path, kind) == ("/actuator/bindings/order-in-0", "application/json")
    assert json.loads(body) == {"state": word}
