# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dubbo_provider_state with a clock of its own: what a process is told, and when an absence or a return is proved."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _dubbo_half, _dubbo_task, _dubbo_turn
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_application import Application
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_proof import Proof
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_qos import QosError
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_registry import RegistryError
from ansible_collections.lossless.restart.plugins.module_utils._fence import Fenced
from ansible_collections.lossless.restart.plugins.module_utils._poll import NotProved
from ansible_collections.lossless.restart.plugins.modules import dubbo_provider_state

from tests.unit.dubbo_nodes import BORN, instance33, url27, url33
from tests.unit.qos_double import Living, ls
from tests.unit.test_dubbo_services import A, B, Tree, applications, both

HOST, OTHER = "10.0.0.3", "10.0.0.4"
ECHO, PAY = "lab.Echo", "g1/lab.Pay:1.0.0"
LATER = BORN + 60_000


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Source:
    """A registry that changes. steps: from which second on it has which tree, or is unreachable (a text)."""

    def __init__(self, clock: Clock, steps: Mapping[float, Tree | str]) -> None:
        self._clock, self._began, self._steps = clock, clock.now, steps
        self.more: list[Tree] = []

    def read(self) -> list[Application]:
        (now,) = [self._steps[at] for at in [max(at for at in self._steps if at <= self._clock.now - self._began)]]
        if isinstance(now, str):
            raise RegistryError(now)
        return applications(now, *self.more)


class Call:
    """One call of the module, on doubles."""

    def __init__(
        self, state: str, qos: Living | None = None, registry: Mapping[float, Tree | str] | None = None, **params: Any
    ) -> None:
        check = params.pop("check", False)
        defaults = {name: one.get("default") for name, one in dubbo_provider_state.SPEC["argument_spec"].items()}
        given: dict[str, Any] = {"qos": qos.port} if qos else {}
        if registry:
            given |= {"registries": ["zookeeper://zk1:2181"], "application": "order-svc", "members": [A]}
        task = _dubbo_task.task({**defaults, "state": state, **given, **params})
        clock = Clock()
        self.source = Source(clock, registry or {})
        proof = Proof(self.source, task.members, task.known, clock, task.services) if registry else None
        change = _dubbo_half.half(task, (), proof, clock)
        self.turn = _dubbo_turn.Turn(task, change, proof, check, clock)

    def run(self) -> dict[str, Any]:
        said = self.turn.run()
        return {**self.turn.result, "msg": said}

    def fails(self, error: type[Exception], text: str) -> dict[str, Any]:
        with pytest.raises(error, match=re.escape(text)):
            self.turn.run()
        return self.turn.result


@contextlib.contextmanager
def process(version: str = "3.3.6", slow: int = 0, **more: bool) -> Iterator[Living]:
    with Living(version, {ECHO: True, PAY: more.get("pay", True)}, slow) as found:
        yield found


def started(timestamp: int = LATER, **more: Any) -> Tree:
    """The instance and its neighbour; the former as a process that was started later."""
    tree = both(OTHER)
    tree.session = 7
    return tree.url(url33(A, timestamp=timestamp, **more)).instance(
        instance33(HOST, registered=timestamp + 800, timestamp=timestamp)
    )


def joined(*urls: str) -> Tree:
    """The neighbour, and a process that registers these on the interface level."""
    return both(OTHER).url(*urls)


HERE, GONE = both(OTHER, HOST), both(OTHER)


@pytest.mark.parametrize(
    ("version", "told", "way"),
    [
        ("3.3.6", ["/gracefulShutdown"], "graceful"),
        ("3.1.5", ["/offline?service=g1%2Flab%5C.Pay%3A1%5C.0%5C.0", "/offline?service=lab%5C.Echo"], "qos"),
        ("2.7.5", ["/offline?service=g1%2Flab%5C.Pay%3A1%5C.0%5C.0", "/offline?service=lab%5C.Echo"], "qos"),
    ],
)
def test_a_process_is_told_to_leave(version: str, told: list[str], way: str) -> None:
    with process(version, slow=3) as one:
        result = Call("out", one).run()
        assert (one.told, result["chose"], result["changed"]) == (told, way, True)
        assert not any(one.registered.values())
        # It was waited for its own word.
        assert result["seconds"] == {"command": 1.5}
        again = Call("out", one).run()
        assert (one.told, again["changed"], again["msg"]) == (told, False, "nothing to change")


def test_one_that_does_not_leave() -> None:
    with process(slow=1000) as one:
        result = Call("out", one, deadline=10).fails(
            QosError, "after 10 s the process says that g1/lab.Pay:1.0.0 is still registered; lab.Echo is still"
        )
        assert result["changed"]


def test_check_mode_asks_and_tells_nothing(tmp_path: Path) -> None:
    with process() as one:
        result = Call("out", one, check=True, token=3, state_dir=str(tmp_path)).run()
        assert (one.told, result["changed"], list(tmp_path.iterdir())) == ([], True, [])
        assert result["msg"].startswith("would be taken out by gracefulShutdown (Dubbo 3.3.6 has")
        assert result["diff"]["before"].startswith(f"{PAY}: zookeeper application Y zookeeper interface Y\n")
        assert result["diff"]["after"].endswith(f"{ECHO}: zookeeper application N zookeeper interface N\n")


def test_a_token_that_is_too_old(tmp_path: Path) -> None:
    with process() as one:
        Call("in", one, token=7, state_dir=str(tmp_path)).run()
        for check in (False, True):
            Call("out", one, token=6, state_dir=str(tmp_path), check=check).fails(Fenced, "token 6 is older than 7")
        assert one.told == []


@pytest.mark.parametrize("fresh", [False, True], ids=["the same process", "one that registered all of it"])
def test_only_what_was_registered_comes_back(fresh: bool) -> None:
    with process(pay=False) as one:
        before = Call("out", one).run()["before"]
    with process(pay=fresh) as one:
        one.registered[ECHO] = fresh
        result = Call("in", one, before=before).run()
        assert one.registered == {ECHO: True, PAY: False} and result["changed"]
        assert not Call("in", one, before=before).run()["changed"]
        # Without a word of what was, all of it.
        Call("in", one).run()
        assert one.registered == {ECHO: True, PAY: True}


def test_a_service_that_the_new_process_has_not() -> None:
    with process() as one:
        before = Call("out", one).run()["before"]
    with Living("3.3.6", {ECHO: False}) as one:
        Call("in", one, before=before).fails(ValueError, f"before has {PAY}, and this process has only {ECHO}")
        assert one.told == []


class Starting(Living):
    """A process that has just been started. looks: what `ls` says until it is told, the last one lasts."""

    def __init__(self, *looks: Mapping[str, str]) -> None:
        super().__init__("3.3.6", {ECHO: False, PAY: False})
        self._looks = list(looks)

    def answer(self, target: str) -> tuple[int, str]:
        if target != "/ls" or self.told:
            return super().answer(target)
        now = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        return 200, ls(list(now.items()))


NOT_YET = "zookeeper-A(N)/zookeeper-I(N)"


def before(pay: bool = True) -> dict[str, Any]:
    with process(pay=pay) as one:
        return dict(Call("out", one).run()["before"])


def test_a_process_that_waits_is_told_as_soon_as_it_can_be() -> None:
    """Its services come one after the other, and of each the levels."""
    looks = [{}, {ECHO: ""}, {ECHO: NOT_YET}, {ECHO: NOT_YET, PAY: "zookeeper-A(N)"}, {ECHO: NOT_YET, PAY: NOT_YET}]
    with Starting(*looks) as one:
        result = Call("in", one, before=before(), attaches="online").run()
        assert result["seconds"]["started"] == 2.0 and result["warnings"] == []
        assert one.registered == {ECHO: True, PAY: True}


def test_what_was_offline_is_not_told_to_come() -> None:
    with Starting({ECHO: NOT_YET, PAY: NOT_YET}) as one:
        Call("in", one, before=before(pay=False), attaches="online").run()
        assert one.registered == {ECHO: True, PAY: False}


def test_one_that_has_fewer_places_than_before() -> None:
    """It is left the time in which others register themselves."""
    with Starting({ECHO: "zookeeper-I(N)", PAY: "zookeeper-I(N)"}) as one:
        result = Call("in", one, before=before(), attaches="online").run()
        assert result["seconds"]["started"] == 3.0 and one.registered == {ECHO: True, PAY: True}


@pytest.mark.parametrize("attaches", ["itself", "online"])
def test_one_that_did_not_wait_is_named(attaches: str) -> None:
    with process() as one:
        result = Call("in", one, before=before(), attaches=attaches).run()
        early = f"qos port {one.port}: attaches is online, and it had registered {PAY}, {ECHO} before it was told"
        assert [text[: len(early)] for text in result["warnings"]] == ([early] if attaches == "online" else [])
        # The same process as before has nothing to wait for.
        again = Call("in", one, before=before(), attaches=attaches, restarted=False).run()
        assert again["warnings"] == []


@pytest.mark.parametrize(
    ("settle", "registry", "waited", "after"),
    [
        (None, {0: HERE, 1.2: GONE}, 7.5, 1.5),
        (1, {0: HERE, 1.2: GONE}, 2.5, 1.5),
        (3, {0: HERE, 1: GONE, 3: HERE, 4: GONE}, 7.0, 4.0),
        (3, {0: HERE, 1: GONE, 3: "zk1 is unreachable", 4: GONE}, 7.0, 1.0),
    ],
    ids=["by default", "as asked", "it comes back in between", "the registry is away in between"],
)
def test_out_is_an_absence_that_lasts(settle: float | None, registry: Any, waited: float, after: float) -> None:
    result = Call("out", registry=registry, settle=settle).run()
    assert result["waited"] == waited and not result["changed"]
    assert result["settle"]["seconds"] == (settle or 6)
    assert [(one["member"], one["level"]) for one in result["gone"]] == [(A, "application"), (A, "interface")]
    assert {one["after"] for one in result["gone"]} == {after}
    assert result["before"]["members"][A]["services"] == [ECHO] and result["after"]["members"][A]["nodes"] == []


@pytest.mark.parametrize(
    ("registry", "named"),
    [
        ({0: HERE}, "NOT proved out: after 16.0 s: 10.0.0.3:20880: zookeeper://zk1:2181 /services/order-svc/10.0.0.3"),
        (
            {0: HERE, 2: Tree().mapping("lab.Echo").url(url33(A))},
            "after 16.0 s: 10.0.0.3:20880: zookeeper://zk1:2181 /",
        ),
        ({0: HERE, 2: "zk1 is unreachable"}, "NOT proved out: after 16.0 s: zk1 is unreachable"),
        ({0: HERE, 12: GONE}, "NOT proved out: after 16.0 s: it is so, but not yet for 6 s"),
    ],
)
def test_the_deadline_names_what_is_there(registry: Any, named: str) -> None:
    result = Call("out", registry=registry, deadline=10).fails(NotProved, named)
    assert result["gone"] and result["waited"] == 16.0


def test_another_protocol_of_the_same_process() -> None:
    """It is seen by its session, though only one address is named; before, too, where that has gone first."""
    tri = url33(f"{HOST}:50051", scheme="tri")
    whole, half = joined(url33(A), tri), joined(tri)
    result = Call("out", registry={0: whole, 1: half}, deadline=5).fails(NotProved, "50051")
    assert result["settle"]["seconds"] == 11 and result["settle"]["why"].startswith("protocol tri")
    before = result["before"]
    Call("out", registry={0: half}, deadline=5, before=before).fails(NotProved, "50051")
    assert Call("out", registry={0: half, 1: GONE}, before=before).run()["seconds"] == {"absent": 1.0, "settle": 11.0}


def test_both_halves() -> None:
    with process() as one:
        result = Call("out", one, {0: HERE, 1: GONE}).run()
        assert result["changed"] and result["seconds"] == {"command": 0.0, "absent": 1.0, "settle": 1.0}
        # Who is out already may have gone by any way, and is nowhere to be found.
        again = Call("out", one, {0: GONE}).run()
        assert not again["changed"] and again["settle"]["seconds"] == 11
        known = Call("out", one, {0: GONE}, before=result["before"]).run()
        assert not known["changed"] and known["settle"]["seconds"] == 6
        assert one.told == ["/gracefulShutdown"]


@pytest.mark.parametrize(
    ("registry", "text"),
    [
        (GONE, f"members: {A} is listed nowhere; order-svc has {B}, which is near it. Where it is out already, say so"),
        (Tree(), "application 'order-svc' is not there; it has nothing"),
    ],
)
def test_who_is_nowhere_is_not_proved_out(registry: Tree, text: str) -> None:
    with process() as one:
        Call("out", one, {0: registry}).fails(ValueError, text)
        Call("out", None, {0: registry}).fails(ValueError, text)
        assert one.told == []


def test_an_address_that_another_application_has_too() -> None:
    shared = both(HOST, OTHER).url(url27(A, "lab.Pay", "pay"))
    text = f"members: {A} is registered in zookeeper://zk1:2181 by pay too, and only one of them can be there: remove /"
    with process() as one:
        Call("out", one, {0: shared}).fails(ValueError, text)
        assert one.told == []
    assert Call("in", registry={0: shared}).run()["changed"] is False


def test_a_registry_that_has_nothing_of_the_application() -> None:
    call = Call("out", registry={0: HERE})
    call.source.more = [Tree("zookeeper://blue:2181")]
    call.fails(ValueError, "zookeeper://blue:2181: application 'order-svc' is not there; it has nothing")


def test_every_registry_is_looked_at() -> None:
    call = Call("out", registry={0: HERE, 1: GONE}, deadline=5)
    call.source.more = [Tree("zookeeper://blue:2181").url(url33(A))]
    assert {one["after"] for one in call.fails(NotProved, f"after 11.0 s: {A}: zookeeper://blue:2181 /")["gone"]} == {
        1.0, None,
    }  # fmt: skip


def test_before_says_who_was_there() -> None:
    before = Call("out", registry={0: HERE}, check=True).run()["before"]
    assert Call("out", registry={0: Tree()}, before=before).run()["seconds"] == {"absent": 0.0, "settle": 6.0}
    Call("out", registry={0: GONE}, before=before, recheck=True).run()
    Call("out", registry={0: HERE}, before=before, recheck=True).fails(NotProved, f"NOT out any more: {A}: zookeeper")


def test_back_is_another_process_on_every_level() -> None:
    before = Call("out", registry={0: HERE}, check=True).run()["before"]
    half = started()
    half.contents.instances.pop()
    result = Call("in", registry={0: GONE, 1: half, 2: started()}, before=before).run()
    assert result["seconds"] == {"registered": 2.0} and not result["changed"]
    assert result["after"]["members"][A]["services"] == [ECHO]
    Call("in", registry={0: half}, before=before, deadline=5).fails(
        NotProved, f"NOT proved in: after 5.0 s: {ECHO} of {A} is not registered on every level"
    )


@pytest.mark.parametrize(
    "registry",
    [
        HERE,
        started(timestamp=BORN),
        both(OTHER, HOST).after().url(url33(A, timestamp=LATER)),
    ],
    ids=[
        "it never left",
        "its session is new, and the time of its start is not",
        "its node waits for its session's end",
    ],
)
def test_a_node_of_the_process_before(registry: Tree) -> None:
    before = Call("out", registry={0: HERE}, check=True).run()["before"]
    Call("in", registry={0: registry}, before=before, deadline=5).fails(
        NotProved, f"{A} has a node of the process before: zookeeper://zk1:2181 /"
    )


def test_a_stale_node_is_known_by_the_registry_alone() -> None:
    registry = both(OTHER, HOST).after().url(url33(A, timestamp=LATER))
    Call("in", registry={0: registry}, deadline=5).fails(NotProved, f"{A} has a node of the process before")


def test_an_instance_that_offers_nothing_is_out() -> None:
    empty = both(OTHER).instance(instance33(HOST, revision="0"))
    assert Call("out", registry={0: HERE, 1: empty}).run()["seconds"]["absent"] == 1.0


def test_back_without_a_restart() -> None:
    before = Call("out", registry={0: HERE}, check=True).run()["before"]
    assert Call("in", registry={0: GONE, 2: HERE}, before=before, restarted=False).run()["waited"] == 2.0


def test_a_service_that_was_out_before_is_not_waited_for() -> None:
    others = (url27(B), url27(B, "lab.Pay"))
    was = Tree().url(*others).after().url(url27(A))
    now = Tree().url(*others).after().after().url(url27(A, timestamp=LATER))
    before = Call("out", registry={0: was}, check=True).run()["before"]
    Call("in", registry={0: now}, before=before).run()
    Call("in", registry={0: now}, deadline=5).fails(NotProved, f"lab.Pay of {A} is not registered on every level")


def test_what_is_warned_of() -> None:
    alone = Tree().url(url33(A, release="3.1.5"))
    (last, bug) = Call("out", registry={0: alone}, check=True).run()["warnings"]
    assert last == (
        f"{ECHO}: {A} is the last that offers it, and consumers of Dubbo 3.1.5 go on calling their last provider "
        "(empty protection)"
    )
    assert "12044" in bug
    result = Call("out", registry={0: HERE, 1: GONE}, settle=2).run()
    assert result["warnings"] == ["settle 2 s is less than the 6 s that consumers may need: "
                                  "consumers of Dubbo 3 hear of changes once in 5 s"]  # fmt: skip


def test_a_quiet_window(tmp_path: Path) -> None:
    idle = [{"file": str(tmp_path / "idle")}]
    call = Call("out", registry={0: HERE, 1: GONE}, idle=idle, deadline=5)
    result = call.fails(NotProved, "did not hold throughout 2 s within 5 s")
    assert result["waited"] == 1 + 6 + 5
    (tmp_path / "idle").touch()
    assert Call("out", registry={0: HERE, 1: GONE}, idle=idle).run()["seconds"]["quiet"] == 2.0


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"qos": 0}, "qos 0 is no port from 1 to 65535"),
        ({"deadline": 0}, "deadline 0 is not a number of seconds from 0.01 to 86400"),
        ({"settle": -1}, "settle -1 is not a number of seconds from 0 to 86400"),
        ({"quiet": 90.0}, "quiet 90 s does not fit into deadline 90 s"),
        ({"idle": [{"tcp": "x"}]}, "tcp 'x' has no port"),
        ({"before": {"pid": 1}}, "before has pid, and what this module returns has only services and members"),
        ({"before": {"services": {ECHO: True}}}, "before: services are not as this module returns them"),
        ({"before": {"members": {A: {}}}}, "before: members are not as this module returns them (KeyError: 'nodes')"),
        ({"state_dir": "x"}, "state_dir 'x' is not an absolute path"),
        ({"registries": []}, "registries is empty"),
        ({"members": []}, "members is empty: name the instances by the addresses that the registry has"),
        ({"members": [A, A]}, f"members names one twice: {A}, {A}"),
        ({"members": ["order-3"]}, "members: 'order-3' has no port"),
        ({"application": "a b"}, "application 'a b' is no name"),
    ],
)
def test_arguments(params: dict[str, Any], said: str) -> None:
    defaults = {name: one.get("default") for name, one in dubbo_provider_state.SPEC["argument_spec"].items()}
    asked = {"state": "out", "qos": 22222, "registries": ["zookeeper://zk1:2181"], "application": "a", "members": [A]}
    with pytest.raises(ValueError, match=re.escape(said)):
        _dubbo_task.task({**defaults, **asked, **params})
