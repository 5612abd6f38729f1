# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules of the kind firewall: which tool, what it is told, what is read back, and whom no rule may shut out."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _firewall_host, _firewall_nft
from ansible_collections.lossless.restart.plugins.module_utils._firewall_iptables import Iptables
from ansible_collections.lossless.restart.plugins.module_utils._firewall_nft import Nftables
from ansible_collections.lossless.restart.plugins.module_utils._firewall_rule import Address, FirewallError, Rule, key

LB, LB6 = ipaddress.ip_address("10.0.0.11"), ipaddress.ip_address("fd00::11")
HERE, HERE6 = (ipaddress.ip_address("10.0.0.3"), 8080), (ipaddress.ip_address("fd00::3"), 8080)


def rule(to: tuple[Address, int] = HERE, source: Address = LB, left: float | None = 60.0) -> Rule:
    return Rule(frozenset([to]), frozenset([source]), left)


def test_what_nft_is_told() -> None:
    both = Rule(frozenset([HERE, HERE6]), frozenset([LB, LB6]), 59.2)
    assert _firewall_nft._text("0a1b", both, "lossless.restart 10.0.0.3:8080 lease 7").splitlines() == [
        "table inet lossless_restart_0a1b {",
        "set from4 { type ipv4_addr; flags timeout; elements = { 10.0.0.11 timeout 60s }; }",
        "set from6 { type ipv6_addr; flags timeout; elements = { fd00::11 timeout 60s }; }",
        "chain input {",
        "type filter hook input priority -10; policy accept;",
        "ip saddr @from4 ip daddr 10.0.0.3 tcp dport 8080 tcp flags & (fin | syn | rst | ack) == syn counter "
        'reject with tcp reset comment "lossless.restart 10.0.0.3:8080 lease 7"',
        "ip6 saddr @from6 ip6 daddr fd00::3 tcp dport 8080 tcp flags & (fin | syn | rst | ack) == syn counter "
        'reject with tcp reset comment "lossless.restart 10.0.0.3:8080 lease 7"',
        "}",
        "}",
    ]
    assert " timeout 60s" not in _firewall_nft._text("0a1b", rule(left=None), "")


@pytest.mark.parametrize(
    ("found", "covers"),
    [
        (rule(), True),
        (rule(left=0), False),
        (rule(left=None), True),
        (rule(HERE6, LB6), False),
        (rule(HERE, LB6), False),
    ],
)
def test_what_keeps_out_as_much_as_is_wanted(found: Rule, covers: bool) -> None:
    assert found.covers(rule()) == covers


def test_each_member_and_its_balancers_have_a_name_of_their_own() -> None:
    names = {key("10.0.0.3:8080", ["a", "b"]), key("10.0.0.3:8081", ["a", "b"]), key("10.0.0.3:8080", ["a"])}
    assert len(names) == 3 and key("10.0.0.3:8080", ["b", "a"]) in names


def test_which_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"nft", "iptables"}
    monkeypatch.setattr("shutil.which", lambda name, path: name if name in there else None)
    assert isinstance(_firewall_host.firewall(None), Nftables)
    assert isinstance(_firewall_host.firewall(["sudo", "-n", "/usr/sbin/iptables-nft"]), Iptables)
    there.remove("nft")
    assert isinstance(_firewall_host.firewall(None), Iptables)
    there.clear()
    with pytest.raises(FirewallError, match="neither nft nor iptables is here: install nftables"):
        _firewall_host.firewall(None)
    with pytest.raises(ValueError, match="calls neither nft nor iptables"):
        _firewall_host.firewall(["sudo", "-n", "firewall-cmd"])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (rule((HERE[0], 22)), "port 22 is that of SSH"),
        (rule((HERE[0], 2022)), "port 2022 is that of SSH"),
        (rule(HERE, ipaddress.ip_address("192.0.2.7")), "192.0.2.7 is where this run comes from"),
        (rule(HERE, ipaddress.ip_address("127.0.0.1")), "127.0.0.1 is no balancer's address"),
        (rule(HERE6, ipaddress.ip_address("::1")), "::1 is no balancer's address"),
        (rule(HERE, ipaddress.ip_address("0.0.0.0")), "0.0.0.0 is no balancer's address"),
        (rule(HERE, LB6), "no address of the same kind"),
    ],
)
def test_whom_no_rule_shuts_out(wanted: Rule, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _firewall_host.refuse(wanted, {"SSH_CONNECTION": "192.0.2.7 50000 10.0.0.3 2022"})
    _firewall_host.refuse(rule(), {"SSH_CONNECTION": "192.0.2.7 50000 10.0.0.3 2022"})
    _firewall_host.refuse(rule(), {})


def test_iptables_without_a_host_that_has_it() -> None:
    with pytest.raises(
        FirewallError, match=r"/nowhere/iptables.* failed \(rc 127\).*let 'command' be \[sudo, -n, iptables"
    ):
        Iptables(["/nowhere/iptables"]).read("0a1b")
