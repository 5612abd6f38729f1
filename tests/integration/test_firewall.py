# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""firewall_member and firewall_member_info against real nftables, iptables and Debian's nginx, each in its own network.

Who gets through is seen by connecting; whether a rule is left, by the tools' own lists of all that there is.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _local

from tests.lab.demo import wait_for
from tests.lab.netns import own_network, rules
from tests.lab.nginx import Nginx
from tests.lab.stage.shut import DEBIAN

pytestmark = pytest.mark.timeout(300)
LB, OTHER = "127.0.0.2", "127.0.0.9"
LB6, OTHER6, HERE6 = "fd00::2", "fd00::9", "fd00::3"
NFT, IPTABLES = ["nft"], ["iptables-legacy"]
THEIRS = """
table inet filter {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established accept
    iifname lo accept
  }
}
"""


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Path]:
    """Alone in a network, with rules of somebody else in it; gives the modules' state_dir."""
    with own_network():
        for address in (LB6, OTHER6, HERE6):
            subprocess.run(["ip", "address", "add", f"{address}/128", "dev", "lo", "nodad"], check=True)
        subprocess.run(["nft", "-f", "-"], input=THEIRS, text=True, check=True)
        subprocess.run(["iptables-legacy", "-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP"], check=True)
        subprocess.run(["ip6tables-legacy", "-A", "INPUT", "-s", "2001:db8::1", "-j", "DROP"], check=True)
        yield tmp_path / "state"


@pytest.fixture
def instance(network: Path) -> Iterator[socket.socket]:
    """What listens on port 8080 of 127.0.0.3, and takes whoever comes."""
    with listening(socket.AF_INET, "127.0.0.3") as listener:
        yield listener


@contextlib.contextmanager
def listening(family: socket.AddressFamily, host: str) -> Iterator[socket.socket]:
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, 8080))
        listener.listen(100)
        yield listener


def met(source: str, to: str = "127.0.0.3") -> str:
    """What whoever comes from `source` meets."""
    try:
        socket.create_connection((to, 8080), timeout=3, source_address=(source, 0)).close()
    except OSError as error:
        return type(error).__name__
    return "accepted"


def call(state: str, folder: Path, **more: Any) -> dict[str, Any]:
    members = [{"member": "127.0.0.3:8080", "from": [LB]}]
    given = {"state": state, "members": members, "state_dir": str(folder), "command": NFT, "deadline": 0.5, **more}
    return _local.run("firewall_member", given, False)


@pytest.mark.parametrize("command", [NFT, IPTABLES])
def test_shut_and_open(network: Path, instance: socket.socket, command: list[str]) -> None:
    before = rules()
    said = call("shut", network, command=command)
    assert said["changed"] and "no connection of theirs" in said["msg"], said
    assert (met(LB), met(OTHER)) == ("ConnectionRefusedError", "accepted")
    shut = rules()
    again = call("shut", network, command=command)
    assert not again["changed"] and again["before"]["127.0.0.3:8080"]["state"] == "shut" and rules() == shut, again
    assert call("read", network, command=command)["before"]["127.0.0.3:8080"]["from"] == [LB]
    assert not call("shut", network, command=command, recheck=True)["changed"]
    assert call("open", network, command=command)["changed"]
    assert (met(LB), rules()) == ("accepted", before)
    assert not call("open", network, command=command)["changed"]


@pytest.mark.parametrize("command", [NFT, IPTABLES])
def test_ipv6(network: Path, command: list[str]) -> None:
    members = [{"member": f"[{HERE6}]:8080", "from": [LB, LB6]}]
    before = rules()
    with listening(socket.AF_INET6, HERE6):
        assert call("shut", network, command=command, members=members)["changed"]
        assert (met(LB6, HERE6), met(OTHER6, HERE6)) == ("ConnectionRefusedError", "accepted")
        assert call("open", network, command=command, members=members)["changed"]
        assert (met(LB6, HERE6), rules()) == ("accepted", before)


@pytest.mark.parametrize("command", [NFT, IPTABLES])
def test_it_opens_by_itself(network: Path, instance: socket.socket, command: list[str]) -> None:
    """Whatever became of the controller; and a renewed one stays."""
    before = rules()
    assert call("shut", network, command=command, expires=3)["changed"]
    assert met(LB) == "ConnectionRefusedError"
    wait_for("the kernel to open it", lambda: met(LB) == "accepted", 30)
    said = call("shut", network, command=command, recheck=True)
    assert said["failed"] and "NOT shut: the rule of 127.0.0.3:8080 has lapsed" in said["msg"], said
    assert call("read", network, command=command)["before"]["127.0.0.3:8080"]["state"] == "lapsed"
    assert call("shut", network, command=command, expires=0)["changed"]
    assert call("read", network, command=command)["before"]["127.0.0.3:8080"]["left"] is None
    assert not call("shut", network, command=command, expires=600)["changed"]
    left = call("read", network, command=command)["before"]["127.0.0.3:8080"]["left"]
    assert 500 < left <= 600 and met(LB) == "ConnectionRefusedError"
    call("open", network, command=command)
    assert rules() == before


def test_check_mode_writes_nothing(network: Path, instance: socket.socket) -> None:
    before = rules()
    given = {"state": "shut", "members": [{"member": "127.0.0.3:8080", "from": [LB]}], "state_dir": str(network)}
    assert _local.run("firewall_member", given, True)["changed"]
    assert rules() == before and not network.exists() and met(LB) == "accepted"


def test_connections_are_waited_for(network: Path, instance: socket.socket) -> None:
    with socket.create_connection(("127.0.0.3", 8080), source_address=(LB, 0)):
        said = call("shut", network)
        assert (
            said["failed"]
            and f"connections 1 of {LB} to 127.0.0.3:8080. Where the upstream has keepalive" in said["msg"]
        )
        said = call("shut", network, cut=True)
        assert not said.get("failed") and said["cut"] == {"127.0.0.3:8080": {LB: 1}}, said
    kept = socket.create_connection(("127.0.0.3", 8080), source_address=(OTHER, 0))
    taken = [instance.accept()[0] for _number in range(2)]
    threading.Timer(0.3, taken[0].close).start()
    assert not call("shut", network, deadline=20).get("failed")
    kept.close()


def test_rules_that_somebody_loads_anew(network: Path, instance: socket.socket) -> None:
    call("shut", network)
    subprocess.run(["nft", "-f", "-"], input=f"flush ruleset\n{THEIRS}", text=True, check=True)
    said = call("shut", network, recheck=True)
    assert said["failed"] and "is gone: somebody else has loaded this host's rules anew" in said["msg"], said
    assert met(LB) == "accepted"


def test_an_older_lease_is_refused(network: Path, instance: socket.socket) -> None:
    before = rules()
    call("shut", network, token=7)
    assert "lease 7" in rules()
    said = call("open", network, token=6)
    assert said["failed"] and "token 6 is older than 7" in said["msg"] and met(LB) == "ConnectionRefusedError"
    call("open", network, token=7)
    assert rules() == before


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"members": [{"member": "127.0.0.3:22", "from": [LB]}]}, "port 22 is that of SSH, which is never closed"),
        ({"members": [{"member": "127.0.0.3:8080", "from": ["127.0.0.1"]}]}, "127.0.0.1 is no balancer's address"),
        ({"members": [{"member": "127.0.0.3:8080", "from": ["192.0.2.7"]}]}, "192.0.2.7 is where this run comes from"),
        ({"members": [{"member": "127.0.0.3:2022", "from": [LB]}]}, "port 2022 is that of SSH"),
        ({"members": [{"member": "127.0.0.3:8080", "from": ["lb-9.invalid"]}]}, "'lb-9.invalid' does not resolve"),
        ({"members": [{"member": "127.0.0.3:8080", "from": [LB6]}]}, "no address of the same kind"),
        ({"members": [{"member": "127.0.0.3", "from": [LB]}]}, "member '127.0.0.3' has no port"),
        ({"command": ["ufw"]}, "calls neither nft nor iptables"),
        ({"command": ["/nowhere/nft"]}, "'/nowhere/nft' failed (rc 127)"),
        ({"command": ["setpriv", "--reuid", "65534", "--clear-groups", "nft"]}, "It takes root: let 'command' be"),
        ({"expires": -1}, "expires -1.0: too small"),
    ],
)
def test_bad_input(
    network: Path, instance: socket.socket, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], said: str
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.3 2022")
    before = rules()
    result = call("shut", network, **more)
    assert result["failed"] and said in result["msg"], result
    assert rules() == before and met(LB) == "accepted"


class TestBalancer:
    """What a balancer says of itself: on 127.0.0.2, with two members, one of which listens."""

    @pytest.mark.parametrize(
        ("words", "location", "said"),
        [
            ("", "", ""),
            ("max_fails=0", "", "127.0.0.3:8080 has max_fails=0"),
            ("", "proxy_next_upstream off;", "proxy_next_upstream off: what"),
            ("", "proxy_next_upstream http_500 non_idempotent;", "it needs 'error'"),
            ("", "proxy_next_upstream_tries 1;", "proxy_next_upstream_tries 1"),
            ("", "} location /x { proxy_pass http://127.0.0.3:8080;", "leads to 127.0.0.3:8080 alone"),
            ("fail_timeout=5m", "", "fail_timeout is above 60 s"),
        ],
    )
    def test_conditions(
        self, network: Path, instance: socket.socket, tmp_path: Path, words: str, location: str, said: str
    ) -> None:
        with self.nginx(tmp_path, f"server 127.0.0.3:8080 {words}; server 127.0.0.4:8080;", location) as nginx:
            result = self.ask(nginx)
        if said:
            assert result["failed"] and "nginx would lose" in result["msg"] and said in result["msg"], result
            return
        [reading] = result["readings"]
        assert [(one["member"], one["state"]) for one in reading["members"]] == [
            ("127.0.0.3:8080", "up"),
            ("127.0.0.4:8080", "gone"),
        ]

    def test_no_other_server(self, network: Path, instance: socket.socket, tmp_path: Path) -> None:
        with self.nginx(tmp_path, "server 127.0.0.3:8080; server 127.0.0.4:8080 down;") as nginx:
            assert "pool has no other live server" in self.ask(nginx)["msg"]

    def test_another_upstream(self, network: Path, instance: socket.socket, tmp_path: Path) -> None:
        more = "} upstream other { server 127.0.0.3:8080; "
        with self.nginx(tmp_path, f"server 127.0.0.3:8080; server 127.0.0.4:8080; {more}") as nginx:
            said = self.ask(nginx)["msg"]
        assert "goes to 127.0.0.3:8080 too, and would be refused" in said and "other has no other live server" in said

    def test_its_address_must_be_known(self, network: Path, instance: socket.socket, tmp_path: Path) -> None:
        with self.nginx(tmp_path, "server 127.0.0.3:8080; server 127.0.0.4:8080;", bind="") as nginx:
            said = self.ask(nginx)["msg"]
            assert "comes to 127.0.0.3:8080 from 127.0.0.1, which from does not have" in said
            said = self.ask(nginx, **{"from": ["192.0.2.7"]})["msg"]
            assert "none of which is an address of this balancer" in said

    def test_it_sees_who_is_shut(self, network: Path, instance: socket.socket, tmp_path: Path) -> None:
        with self.nginx(tmp_path, "server 127.0.0.3:8080; server 127.0.0.4:8080; keepalive 4;") as nginx:
            warned = self.ask(nginx)["warnings"]
            assert len(warned) == 1 and "keeps idle connections" in warned[0]
            members = {"members": ["127.0.0.3:8080"], "upstreams": [], "source": None, "deadline": 0.3}
            said = self.ask(nginx, state="shut", **members)
            assert said["failed"] and "NOT shut to this balancer: 127.0.0.3:8080 accepted, not refused" in said["msg"]
            call("shut", network)
            assert self.ask(nginx, state="shut", **members)["met"] == {"127.0.0.3:8080": "refused"}
            assert [one["state"] for one in self.ask(nginx)["readings"][0]["members"]] == ["gone", "gone"]
            said = self.ask(nginx, state="open", **members)
            assert said["failed"] and "refused, not accepted" in said["msg"]
            call("open", network)
            assert self.ask(nginx, state="open", **members)["waited"] >= 1

    def test_what_cannot_be_asked(self, network: Path, instance: socket.socket, tmp_path: Path) -> None:
        with self.nginx(tmp_path, "server 127.0.0.3:8080; server 127.0.0.4:8080;") as nginx:
            assert "no upstream 'nobody'" in self.ask(nginx, upstreams=["nobody"])["msg"]
        assert "nginx is not running" in self.ask(nginx)["msg"]

    @contextlib.contextmanager
    def nginx(self, folder: Path, servers: str, location: str = "", bind: str = f"proxy_bind {LB};") -> Iterator[Nginx]:
        words = servers.replace(";", " fail_timeout=1s;", 1) if "fail_timeout" not in servers else servers
        http = (
            f"upstream pool {{ {words} }} {bind} "
            f"server {{ listen {LB}:%port; location / {{ proxy_pass http://pool; {location} }} }}"
        )
        nginx = Nginx(folder, http, binary=DEBIAN)
        nginx.start()
        try:
            yield nginx
        finally:
            nginx.stop()

    def ask(self, nginx: Nginx, **more: Any) -> dict[str, Any]:
        given = {
            "source": "lb-1 by firewall",
            "upstreams": ["pool"],
            "members": ["127.0.0.3:8080"],
            "from": [LB],
            "config": str(nginx.config),
            "prefix": str(nginx.folder),
            "version": [DEBIAN, "-V"],
            **more,
        }
        return _local.run("firewall_member_info", given, False)
