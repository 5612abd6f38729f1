# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rolling_restart.yml behind balancers that nobody touches, in a network of its own: Debian's nginx, real nftables.

The client accounts for every request. The instances are killed at once when they are stopped.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_roll_killed import boundary
from tests.lab.demo import clean, wait_for
from tests.lab.netns import own_network, rules
from tests.lab.stage import LONG
from tests.lab.stage.shut import Shut

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    with own_network():
        yield


@pytest.mark.parametrize(
    ("rate", "enough"), [(200, 3_000), pytest.param(800, 100_000, marks=pytest.mark.variant)], ids=["few", "many"]
)
def test_nothing_is_lost(tmp_path: Path, rate: int, enough: int) -> None:
    """Three of ten are POST. How fast they are answered is not asked here."""
    before = rules()
    with Shut(tmp_path / "fleet", instances=6, variables={"instance_verify_p95": 10}) as fleet:
        files = fleet.configurations()
        with fleet.client(rate=rate, connections=100) as client, fleet.observer() as observer:
            client.wait(1000)
            ended = fleet.roll()
            assert ended.code == 0, ended.text
            client.wait(enough, LONG)
        assert clean(client.result) and client.result["sent"] >= enough, client.losses
        assert client.result["posts"] > 0.2 * enough
        assert fleet.starts() == dict.fromkeys(fleet.instances, 2) and observer.lowest["order_svc"] >= 2
        assert fleet.configurations() == files and set(fleet.reloads().values()) == {0}
        assert fleet.held() == {} and fleet.runs() == []
    assert rules() == before


@pytest.mark.parametrize(
    ("killed", "first"),
    [
        ("Restart | tell the ledger", "granted"),
        pytest.param("Attach | put the batch back", "attaching", marks=pytest.mark.variant),
    ],
)
def test_a_killed_controller(tmp_path: Path, killed: str, first: str) -> None:
    """Where nobody comes for it, the kernel opens the port; the same command does the rest, and so does restore.yml."""
    before = rules()
    with Shut(tmp_path / "fleet") as fleet, fleet.watched() as (client, observer):
        died = fleet.roll(limit="order-1", environment=boundary(tmp_path / "steps", f"1 {killed}"))
        assert died.code == -9, died.text
        assert fleet.held() == {"order-1": first}
        assert "timeout 6m" in rules()
        starts = fleet.starts()["order-1"]
        with fleet.playbook("-l", fleet.service, name="restore.yml") as restore:
            assert restore.wait(LONG) == 0, restore.text
        assert rules() == before and fleet.held() == {} and fleet.starts()["order-1"] == starts
        ended = fleet.roll(limit="order-1")
        assert ended.code == 0 and fleet.starts()["order-1"] == 2, ended.text
        assert rules() == before and fleet.runs() == []
    assert clean(client.result), client.losses
    assert observer.lowest["order_svc"] >= 2


def test_what_is_not_healthy_stays_out(tmp_path: Path) -> None:
    """Nothing opens its port while people know that it is out: the rule has no end."""
    before = rules()
    with Shut(tmp_path / "fleet", variables={"instance_health_deadline": 1}) as fleet:
        with fleet.watched() as (client, _observer):
            fleet.moments.before("supervisorctl start order-1", 1, lambda: fleet.switch("order-1", "unhealthy"))
            ended = fleet.roll(limit="order-1")
            assert ended.code == 2 and fleet.held() == {"order-1": "restarting"}, ended.text
            assert "reject with tcp reset" in rules() and "timeout 6m" not in rules()
            fleet.switch("order-1", "unhealthy", None)
            ended = fleet.roll(limit="order-1")
            assert ended.code == 0 and "resuming run" in ended.text, ended.text
            assert rules() == before and fleet.held() == {}
        assert clean(client.result), client.losses


def test_balancers_that_keep_their_connections(tmp_path: Path) -> None:
    """They have to end before an instance is out; where they do not, it goes back and nothing is lost."""
    before = rules()
    with Shut(tmp_path / "fleet", keep=True, variables={"instance_drain_deadline": 3}) as fleet:
        with fleet.watched() as (client, _observer):
            ended = fleet.roll(limit="order-1")
            assert ended.code == 2 and "has to answer 'Connection: close' while it is shut" in ended.text, ended.text
            assert rules() == before and fleet.held() == {} and fleet.starts()["order-1"] == 1
            wait_for("it to take traffic again", lambda: "order-1" in fleet.takers("lb-1"))
        assert clean(client.result), client.losses


def test_whom_somebody_else_shuts_out_is_left_alone(tmp_path: Path) -> None:
    with Shut(tmp_path / "fleet", balancers=1) as fleet:
        host, _colon, port = fleet.instances["order-1"].partition(":")
        drop = f"ip saddr {fleet.sources[0]} ip daddr {host} tcp dport {port} drop"
        theirs = (
            f"table ip theirs {{\nchain input {{\ntype filter hook input priority 0; policy accept;\n{drop}\n}}\n}}\n"
        )
        subprocess.run(["nft", "-f", "-"], input=theirs, text=True, check=True)
        before = rules()
        ended = fleet.roll(limit="order-1")
        said = "order-1: drained by hand (gone in firewall/order_svc at lb-1 by firewall)"
        assert said in ended.text and fleet.starts()["order-1"] == 1 and rules() == before, ended.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"http": "proxy_next_upstream off;"}, "proxy_next_upstream off"),
        ({"words": "max_fails=0"}, "has max_fails=0"),
        ({"entry": {"from": ["127.0.0.1"]}}, "from: 127.0.0.1 is no balancer's address"),
        ({"entry": {"from": ["10.255.0.1"]}}, "from has 10.255.0.1, none of which is an address of this balancer"),
        ({"entry": {"from": ["lb-9.invalid"]}}, "'lb-9.invalid' does not resolve on this host"),
        ({"entry": {"from": []}}, "from [] is no list of the balancers' addresses"),
        ({"entry": {"command": ["ufw"]}}, "command ['ufw'] calls neither nft nor iptables"),
        ({"entry": {"command": "nft"}}, "command 'nft' is no command"),
    ],
)
def test_refused(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    before = rules()
    with Shut(tmp_path / "fleet", balancers=1, **options) as fleet:
        ended = fleet.roll()
        assert ended.code != 0 and said in ended.text, ended.text
        assert fleet.starts() == dict.fromkeys(fleet.instances, 1) and rules() == before
