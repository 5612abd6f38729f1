# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The service's description: every bad value gets one error that names it and says what would be right."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _description

SERVICE = {
    "fleet_service": "order-svc",
    "fleet_ledger": "/var/lib/lossless_restart/ledger",
    "fleet_state_dir": "/var/lib/lossless_restart",
    "fleet_floor": "30%",
    "fleet_max_out": None,
    "fleet_pace": [1, "25%"],
    "fleet_kind": "rolling",
    "fleet_reason": "",
}
TRAFFIC = [{"kind": "nginx", "upstream": "order_svc", "balancers": ["lb-1", "lb-2"]}]
INSTANCE: dict[str, Any] = {"instance_address": "10.0.0.3:8080", "instance_traffic": TRAFFIC}
SELECTED: dict[str, Any] = {
    "instance_address": "10.0.0.3:8080",
    "instance_state": [],
    "instance_idle": [],
    "instance_health": [],
    "instance_restart": {"systemd": "order-svc"},
    "instance_drain_deadline": 60.0,
    "instance_quiet_window": 2.0,
    "instance_warmup": [],
}


def test_an_instance_names_its_points() -> None:
    found = _description.instance("order-3", INSTANCE, SERVICE)
    assert found["points"] == [
        {"kind": "nginx", "pool": "nginx/order_svc", "source": "lb-1", "member": "10.0.0.3:8080"},
        {"kind": "nginx", "pool": "nginx/order_svc", "source": "lb-2", "member": "10.0.0.3:8080"},
    ]
    assert found["probe"] == {"tcp": "10.0.0.3:8080"}


def test_a_member_may_be_listed_by_another_name() -> None:
    traffic = [{**TRAFFIC[0], "member": "order-3.internal:8080"}]
    found = _description.instance("order-3", {**INSTANCE, "instance_traffic": traffic}, SERVICE)
    assert {point["member"] for point in found["points"]} == {"order-3.internal:8080"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"instance_address": "10.0.0.3"}, ["order-3", "'10.0.0.3'", "no port"]),
        ({"instance_address": "10.0.0.3:99999"}, ["99999", "1 to 65535"]),
        ({"instance_address": "a;b:80"}, ["a;b"]),
        ({"instance_address": None}, ["None"]),
        ({"instance_traffic": []}, ["instance_traffic", "nothing would be drained"]),
        ({"instance_traffic": "lb"}, ["'lb'"]),
        ({"instance_traffic": ["lb"]}, ["instance_traffic[0]", "'lb'"]),
        ({"instance_traffic": [{"kind": "haproxy"}]}, ["'haproxy'", "nginx"]),
        ({"instance_traffic": [{"kind": "../x"}]}, ["'../x'"]),
        ({"instance_traffic": [{"kind": "nginx", "upstream": "order_svc"}]}, ["balancers is missing"]),
        ({"instance_traffic": [{**TRAFFIC[0], "balancer": 1}]}, ["'balancer'", "'balancers'"]),
        ({"instance_traffic": [{**TRAFFIC[0], "upstream": "a;b"}]}, ["'a;b'"]),
        ({"instance_traffic": [{**TRAFFIC[0], "upstream": "a}b"}]}, ["'a}b'"]),
        ({"instance_traffic": [{**TRAFFIC[0], "upstream": "a\nb"}]}, ["'a\\nb'"]),
        ({"instance_traffic": [{**TRAFFIC[0], "member": "$host:80"}]}, ["'$host:80'"]),
        ({"instance_traffic": [{**TRAFFIC[0], "member": '"x":80'}]}, ["'\"x\":80'"]),
        ({"instance_traffic": [{**TRAFFIC[0], "balancers": "lb-1"}]}, ["'lb-1'", "groups['lb']"]),
        ({"instance_traffic": [{**TRAFFIC[0], "balancers": []}]}, ["[]"]),
        ({"instance_traffic": [{**TRAFFIC[0], "floor": "130%"}]}, ["instance_traffic[0]", "'130%'"]),
        ({"instance_traffic": TRAFFIC + TRAFFIC}, ["nginx/order_svc", "twice"]),
        ({"instance_probe": {"url": "file:///etc/passwd"}}, ["instance_probe", "file:///etc/passwd"]),
    ],
)
def test_a_bad_instance_is_refused(changed: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(_description.Invalid) as refused:
        _description.instance("order-3", {**INSTANCE, **changed}, SERVICE)
    assert all(part in str(refused.value) for part in ["order-3", *said]), refused.value


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fleet_floor": "130%"}, ["'130%'"]),
        ({"fleet_floor": -1}, ["-1"]),
        ({"fleet_floor": "0.3%"}, ["'0.3%'", "'30%'"]),
        ({"fleet_floor": 0.3}, ["0.3", "'30%'"]),
        ({"fleet_floor": "thirty"}, ["'thirty'", "'30%'"]),
        ({"fleet_pace": []}, ["[]"]),
        ({"fleet_pace": [0]}, ["0", "at least 1"]),
        ({"fleet_pace": ["0%"]}, ["'0%'"]),
        ({"fleet_pace": ["a"]}, ["'a'"]),
        ({"fleet_pace": "[1]"}, ["'[1]'"]),
        ({"fleet_service": "order svc"}, ["'order svc'"]),
        ({"fleet_ledger": "var/ledger"}, ["'var/ledger'", "absolute path"]),
        ({"fleet_ledger": "/var/../etc"}, ["'/var/../etc'"]),
        ({"fleet_max_out": 0}, ["0"]),
        ({"fleet_kind": "single"}, ["single", "2 are selected"]),
        ({"fleet_reason": "x" * 201}, ["200"]),
        ({"fleet_reason": "a\nb"}, ["printable"]),
    ],
)
def test_a_bad_service_is_refused(changed: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(_description.Invalid) as refused:
        _description.check_service({**SERVICE, **changed}, ["order-1", "order-2"])
    assert all(part in str(refused.value) for part in said), refused.value


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"instance_health": [{"url": "http://u:secret@h/"}]}, ["instance_health[0]"]),
        ({"instance_health": [{"url": "http://h/", "expect": ["a"]}]}, ["instance_health[0]", "expect"]),
        ({"instance_idle": [{}]}, ["instance_idle[0]"]),
        ({"instance_restart": {}}, ["instance_restart"]),
        ({"instance_restart": {"systemd": "a", "command": ["b"]}}, ["instance_restart"]),
        ({"instance_restart": {"systemd": "a;b"}}, ["a;b"]),
        ({"instance_restart": {"comand": ["b"]}}, ["comand"]),
        ({"instance_drain_deadline": -1.0}, ["instance_drain_deadline", "-1.0"]),
        ({"instance_warmup": [0]}, ["instance_warmup"]),
        ({"instance_quiet_window": 60.0}, ["instance_quiet_window 60 s", "instance_drain_deadline"]),
    ],
)
def test_a_bad_selected_instance_is_refused(changed: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(_description.Invalid) as refused:
        _description.check_selected("order-3", {**SELECTED, **changed})
    assert all(part in str(refused.value) for part in ["order-3", *said]), refused.value
    assert "secret" not in str(refused.value)


def test_good_values_pass() -> None:
    _description.check_service(SERVICE, ["order-1", "order-2"])
    _description.check_selected("order-3", SELECTED)


KNOWN = ["instance_health", "fleet_floor", "instance_address"]


@pytest.mark.parametrize(("name", "meant"), [("instance_helth", "instance_health"), ("fleet_flor", "fleet_floor")])
def test_a_slip_is_refused(name: str, meant: str) -> None:
    with pytest.raises(_description.Invalid, match=f"{name}. Did you mean {meant}?"):
        _names.check([name], KNOWN, "order-3")


@pytest.mark.parametrize("name", ["fleet_run", "fleet_planned", "instance_lease", "instance_guard", "instance_batch"])
def test_an_extra_variable_that_is_no_users_is_refused(name: str) -> None:
    with pytest.raises(_description.Invalid, match=f"extra variables: {name} "):
        _names.check([name], KNOWN, "extra variables", strict=True)


@pytest.mark.parametrize("name", ["instance_type", "instance_id", "ansible_host", "helth", "fleet_owner_team"])
def test_names_of_others_pass(name: str) -> None:
    _names.check([name], KNOWN, "order-3")


def test_pools_hold_every_configured_member() -> None:
    instances = {
        host: _description.instance(host, {**INSTANCE, "instance_address": f"10.0.0.{number}:8080"}, SERVICE)
        for number, host in enumerate(("order-1", "order-2"), 1)
    }
    assert _description.pools_of("order-svc", list(instances), instances) == [
        {
            "id": "service/order-svc",
            "kind": "service",
            "name": "order-svc",
            "floor": None,
            "hosts": ["order-1", "order-2"],
        },
        {
            "id": "nginx/order_svc",
            "kind": "nginx",
            "name": "order_svc",
            "floor": "30%",
            "hosts": ["order-1", "order-2"],
        },
    ]
    assert _description.sources_of(instances) == [
        {"name": "lb-1", "kind": "nginx", "pools": ["order_svc"]},
        {"name": "lb-2", "kind": "nginx", "pools": ["order_svc"]},
    ]


def test_one_pool_has_one_floor() -> None:
    other = {**INSTANCE, "instance_traffic": [{**TRAFFIC[0], "floor": "50%"}]}
    instances = {
        "order-1": _description.instance("order-1", INSTANCE, SERVICE),
        "order-2": _description.instance("order-2", other, SERVICE),
    }
    with pytest.raises(_description.Invalid, match="order-2.*50%.*30%"):
        _description.pools_of("order-svc", list(instances), instances)
