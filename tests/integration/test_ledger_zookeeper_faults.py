# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger in ZooKeeper while servers die, freeze and come back, and answers are lost or come late.

Whatever happens, a change that was answered is there once, and one that was refused is told as such.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _zookeeper_session
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused, State

from tests.integration.zookeeper_truth import Place, Truth, opened
from tests.lab.demo import wait_for
from tests.lab.proxy import ANSWER, LATE, MULTI, REQUEST, SET, Proxy
from tests.lab.zookeeper import ZooKeeper
from tests.unit.guard_fleet import Fleet
from tests.unit.ledger_semantics import RUN_ID, leasing, run_of
from tests.unit.test_guard_races import FORK, last_place

PAST_THE_SESSION = _zookeeper_session.SESSION + 1.5


@pytest.fixture
def place(ensemble: ZooKeeper, tmp_path: Path) -> Place:
    return Place(ensemble.hosts, tmp_path)


@pytest.fixture
def truth(ensemble: ZooKeeper) -> Iterator[Truth]:
    with Truth(ensemble.hosts) as found:
        yield found


@pytest.fixture
def proxy(ensemble: ZooKeeper) -> Iterator[Proxy]:
    found = Proxy(ensemble.ports[0])
    yield found
    found.close()


@pytest.fixture
def behind(proxy: Proxy, tmp_path: Path, truth: Truth) -> Place:
    """A ledger with one lease, reached by way of the proxy only."""
    place = Place(f"127.0.0.1:{proxy.port}", tmp_path)
    with place.opened() as ledger:
        ledger.commit(leasing("order-1"))
    return place


# Answers that are lost


@pytest.mark.parametrize("what", [ANSWER, REQUEST, LATE])
def test_a_write_without_an_answer_is_made_once(behind: Place, proxy: Proxy, truth: Truth, what: str) -> None:
    """Not taken for done, not taken for failed, and not done again by what comes late."""
    before = truth.state(behind.path)
    with behind.opened(found=False) as ledger:
        proxy.lose(what, MULTI)
        written = ledger.commit(leasing("order-2"))
        proxy.release()
    assert proxy.lost == 1
    after = truth.state(behind.path)
    assert list(after["leases"]) == ["order-1", "order-2"] == list(written.leases)
    assert (after["token"], after["revision"]) == (before["token"] + 1, before["revision"] + 1)
    assert after["leases"]["order-2"]["token"] == written.token


def test_what_comes_late_comes_to_nothing(behind: Place, proxy: Proxy, truth: Truth) -> None:
    """The change is not wanted any more when it is made anew; the first write is still under way then."""
    before = truth.state(behind.path)
    calls: list[int] = []

    def change(state: State) -> State:
        calls.append(1)
        if len(calls) > 1:
            raise Refused("too late")
        return leasing("order-2")(state)

    with behind.opened(found=False) as ledger:
        proxy.lose(LATE, MULTI)
        with pytest.raises(Refused, match="too late"):
            ledger.commit(change)
        proxy.release()
    assert (proxy.lost, len(calls)) == (1, 2)
    assert truth.state(behind.path) == before


@pytest.mark.parametrize("what", [ANSWER, REQUEST])
def test_somebody_wrote_before_it_was_known(behind: Place, place: Place, proxy: Proxy, truth: Truth, what: str) -> None:
    """What another controller wrote meanwhile is not taken for the lost write: the change is made again on that."""
    other = {**place.settings, "ledger": f"zookeeper://{place.hosts}{behind.path}"}
    states: list[State] = []

    def change(state: State) -> State:
        states.append(state)
        return state if "order-2" in state.leases else leasing("order-2")(state)

    def go_on() -> None:
        wait_for("the loss", lambda: proxy.lost == 1 and not proxy.passing.is_set())
        assert ("order-2" in truth.state(behind.path)["leases"]) == (what == ANSWER)
        with opened(other, found=False) as ledger:
            ledger.commit(leasing("order-3"))
        proxy.heal()

    with behind.opened(found=False) as ledger:
        ledger.snapshot()
        proxy.lose(what, MULTI, then=proxy.cut)
        helper = threading.Thread(target=go_on)
        helper.start()
        written = ledger.commit(change)
        helper.join()
    assert len(states) == 2
    assert sorted(written.leases) == ["order-1", "order-2", "order-3"] == sorted(truth.state(behind.path)["leases"])


@pytest.mark.parametrize("what", [ANSWER, REQUEST, LATE])
def test_an_event_without_an_answer_is_logged_once(behind: Place, proxy: Proxy, truth: Truth, what: str) -> None:
    with behind.opened(found=False) as ledger:
        ledger.append(RUN_ID, {"event": "began"})
        proxy.lose(what, MULTI)
        ledger.append(RUN_ID, {"event": "granted"})
        proxy.release()
        ledger.append(RUN_ID, {"event": "ended"})
    assert proxy.lost == 1
    assert [event["event"] for event in truth.events(behind.path, RUN_ID)] == ["began", "granted", "ended"]


@pytest.mark.parametrize("what", [ANSWER, REQUEST])
def test_somebody_logged_before_it_was_known(
    behind: Place, place: Place, proxy: Proxy, truth: Truth, what: str
) -> None:
    """It is not logged again behind what others wrote meanwhile, and not forgotten where it never came."""
    other = {**place.settings, "ledger": f"zookeeper://{place.hosts}{behind.path}"}

    def go_on() -> None:
        wait_for("the loss", lambda: proxy.lost == 1 and not proxy.passing.is_set())
        with opened(other, found=False) as ledger:
            ledger.append(RUN_ID, {"event": "heard"})
        proxy.heal()

    with behind.opened(found=False) as ledger:
        ledger.append(RUN_ID, {"event": "began"})
        proxy.lose(what, MULTI, then=proxy.cut)
        helper = threading.Thread(target=go_on)
        helper.start()
        ledger.append(RUN_ID, {"event": "granted"})
        helper.join()
    came = ["granted", "heard"] if what == ANSWER else ["heard", "granted"]
    assert [event["event"] for event in truth.events(behind.path, RUN_ID)] == ["began", *came]


def test_the_time_without_an_answer(behind: Place, proxy: Proxy) -> None:
    with behind.opened(found=False) as ledger:
        proxy.lose(ANSWER, SET)
        assert list(ledger.snapshot().leases) == ["order-1"]
    assert proxy.lost == 1


def test_cut_off(behind: Place, proxy: Proxy, truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing comes through: refused in time, as unknown; what was under way may come when the way is free again."""
    monkeypatch.setattr(_zookeeper_session, "DEADLINE", 2.0)
    before = truth.state(behind.path)
    with behind.opened(found=False) as ledger:
        ledger.snapshot()
        proxy.cut()
        began = time.monotonic()
        with pytest.raises(Refused, match="is unreachable: .*Whether its last change was written is not known"):
            ledger.commit(leasing("order-2"))
        with pytest.raises(Refused, match="is unreachable: .*Nothing more is granted"):
            ledger.snapshot()
        assert time.monotonic() - began < 30
        assert truth.state(behind.path) == before
        proxy.heal()
        assert list(ledger.commit(leasing("order-3")).leases) == ["order-1", "order-3"]
    assert list(truth.state(behind.path)["leases"]) == ["order-1", "order-3"]


def test_a_suspended_connection(behind: Place, proxy: Proxy, truth: Truth) -> None:
    """It comes back by itself between reading and writing: what was read before is not written over, but read anew."""
    seen: list[float] = []
    with behind.opened(found=False) as ledger:

        def change(state: State) -> State:
            seen.append(state.at)
            if len(seen) == 1:
                client = ledger._nodes._session._client
                assert client
                proxy.cut()
                wait_for("the loss to be seen", lambda: not client.connected)
                proxy.heal()
                wait_for("the connection", lambda: client.connected)
            return leasing("order-2")(state)

        written = ledger.commit(change)
    assert len(seen) == 2 and written.at == seen[1] > seen[0] + 1
    assert truth.state(behind.path)["at"] == written.at


# Servers that die


class Leasing:
    """Processes that each write one lease after the other, for as long as the block."""

    def __init__(self, place: Place, processes: int) -> None:
        with place.opened() as ledger:
            self._first = ledger.commit(lambda state: state.with_run(run_of())).token
        self._place = place
        self._over = FORK.Event()
        self._answered, self._refused = FORK.Value("i", 0), FORK.Value("i", 0)
        self._workers = [FORK.Process(target=self._write, args=(number,)) for number in range(processes)]

    def __enter__(self) -> Leasing:
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for worker in self._workers:
            worker.join(60)
            worker.kill()

    def goes_on(self, commits: int) -> None:
        """So many more are answered."""
        enough = self._answered.value + commits
        wait_for(f"{commits} more commits", lambda: self._answered.value >= enough, 60)

    def check(self, truth: Truth) -> None:
        """What was answered is there, once; of what was refused it was said that nobody knows."""
        assert [worker.exitcode for worker in self._workers] == [0] * len(self._workers)
        state = truth.state(self._place.path)
        assert self._answered.value <= len(state["leases"]) <= self._answered.value + self._refused.value
        assert state["token"] - self._first == len(state["leases"])

    def _write(self, worker: int) -> None:
        for number in count(1):
            if self._over.is_set():
                return
            self._lease(f"order-{worker}-{number}")

    def _lease(self, host: str) -> None:
        """As the guard does: what is there already is not written again."""
        try:
            with self._place.opened(found=False) as ledger:
                ledger.commit(lambda state: state if host in state.leases else leasing(host)(state))
            told = self._answered
        except Refused as error:
            assert "Whether its last change was written is not known" in str(error), error
            told = self._refused
        with told.get_lock():
            told.value += 1


@pytest.fixture(autouse=True)
def _serving(ensemble: ZooKeeper) -> Iterator[None]:
    """Whatever a test did to the servers, the next one finds all three."""
    yield
    for server in ensemble.servers:
        if server.paused:
            server.resume()
        if not server.alive:
            server.launch()
    for server in ensemble.servers:
        server.wait()


def test_the_leader_is_killed(ensemble: ZooKeeper, place: Place, truth: Truth) -> None:
    """Twice in the middle of commits by four processes: none that was answered is lost, and none is done twice."""
    with Leasing(place, 4) as leases:
        for _unused in range(2):
            leases.goes_on(10)
            leader = ensemble.leader()
            leader.kill()
            leases.goes_on(10)
            leader.start()
    leases.check(truth)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_server_freezes(ensemble: ZooKeeper, place: Place, truth: Truth, number: int) -> None:
    """Past the session's time, whether it leads or follows; when it goes on, what it still had to do is void."""
    with Leasing(place, 3) as leases:
        leases.goes_on(10)
        ensemble.servers[number].pause()
        time.sleep(PAST_THE_SESSION)
        leases.goes_on(10)
        ensemble.servers[number].resume()
        leases.goes_on(10)
    leases.check(truth)


def test_all_restarted(ensemble: ZooKeeper, place: Place, truth: Truth) -> None:
    with place.opened() as ledger:
        written = ledger.commit(leasing("order-1"))
        ledger.append(RUN_ID, {"event": "began"})
    for server in ensemble.servers:
        server.stop()
    for server in ensemble.servers:
        server.launch()
    with place.opened(found=False) as ledger:
        assert ledger.commit(leasing("order-2")).id == written.id
        ledger.append(RUN_ID, {"event": "granted"})
    assert list(truth.state(place.path)["leases"]) == ["order-1", "order-2"]
    assert [event["event"] for event in truth.events(place.path, RUN_ID)] == ["began", "granted"]


def test_two_of_three_gone(ensemble: ZooKeeper, place: Place, truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a majority nothing is granted, and nothing is read that may be old."""
    monkeypatch.setattr(_zookeeper_session, "DEADLINE", 1.5)
    with place.opened() as ledger:
        ledger.commit(leasing("order-1"))
    gone = [ensemble.follower(), ensemble.leader()]
    for server in gone:
        server.kill()
    for dry in (False, True):
        with place.opened(found=False, dry=dry) as ledger:
            for attempt in (ledger.snapshot, partial(ledger.commit, leasing("order-2"))):
                with pytest.raises(Refused, match="is unreachable"):
                    attempt()
    for server in gone:
        server.launch()
    monkeypatch.undo()
    with place.opened(found=False) as ledger:
        assert list(ledger.commit(leasing("order-3")).leases) == ["order-1", "order-3"]
    assert list(truth.state(place.path)["leases"]) == ["order-1", "order-3"]


# The guard


@pytest.mark.parametrize("attempt", range(3))
def test_the_last_place_is_given_once(place: Place, truth: Truth, attempt: int) -> None:
    last_place(Fleet(Path("by settings"), size=3, settings=place.settings))
    assert len(truth.state(place.path)["leases"]) == 2
