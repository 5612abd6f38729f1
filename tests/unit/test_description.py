# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the instances take their traffic from: every bad value gets one error that says what would be right."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _description
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid

SERVICE = {"fleet_floor": "30%"}
TRAFFIC = [{"kind": "nginx", "upstream": "order_svc", "balancers": ["lb-1", "lb-2"]}]
INSTANCE: dict[str, Any] = {"instance_address": "10.0.0.3:8080", "instance_traffic": TRAFFIC}


def test_an_instance_names_its_points() -> None:
    found = _description.instance("order-3", INSTANCE, SERVICE)
    assert found["points"] == [
        {"kind": "nginx", "pool": "nginx/order_svc", "source": "lb-1", "member": "10.0.0.3:8080"},
        {"kind": "nginx", "pool": "nginx/order_svc", "source": "lb-2", "member": "10.0.0.3:8080"},
    ]
    assert found["probe"] == {"tcp": "10.0.0.3:8080"}


def test_timers_are_the_instance_s_own() -> None:
    timer = {"systemd": "order-report.timer"}
    found = _description.instance(
        "order-3", {**INSTANCE, "instance_traffic": [{"kind": "timer", **timer}, *TRAFFIC]}, SERVICE
    )
    assert found["own"] == [{"kind": "timer", "family": "timer", "entry": timer}]
    assert list(found["pools"]) == ["nginx/order_svc"] and len(found["sources"]) == 2


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
        ({"instance_traffic": [{**TRAFFIC[0], "upstream": "x" * 129}]}, ["at most 128"]),
        ({"instance_traffic": [{**TRAFFIC[0], "upstream": "bestellung_ü"}]}, ["'bestellung_ü' is no name"]),
        ({"instance_traffic": [{**TRAFFIC[0], "upstream": None}]}, ["upstream None is no name"]),
        ({"instance_traffic": [{**TRAFFIC[0], "member": ""}]}, ["member ''"]),
        ({"instance_traffic": [{**TRAFFIC[0], "member": "unix:/run/../x"}]}, ["without '..'"]),
        ({"instance_traffic": [{**TRAFFIC[0], "balancers": ["lb-1", 2]}]}, ["['lb-1', 2]"]),
        ({"instance_traffic": [{**TRAFFIC[0], "members_of": "pay-svc"}]}, ["members_of 'pay-svc' is no list"]),
        ({"instance_traffic": [{**TRAFFIC[0], "members_of": []}]}, ["members_of [] is no list"]),
        ({"instance_traffic": [{**TRAFFIC[0], "kind": datetime.date(2026, 1, 31)}]}, ["put quotes around a date"]),
        (
            {"instance_traffic": [{"kind": ["nginx"]}]},
            [
                "there is no kind ['nginx']",
                "Known: application, dubbo, firewall, kafka, nacos, nginx, rabbitmq, rocketmq, spring, timer, xxljob",
            ],
        ),
        ({"instance_traffic": [{}]}, ["there is no kind None"]),
        ({"instance_traffic": [{"kind": "timer", "systemd": "a.service"}]}, ["[0]", "'a.service' is no timer unit"]),
        ({"instance_traffic": [{"kind": "timer", "systemd": "a.timer", "floor": 1}]}, ["unknown key 'floor'"]),
        ({"instance_probe": {"url": "file:///etc/passwd"}}, ["instance_probe", "file:///etc/passwd"]),
        ({"instance_probe": "http://h/"}, ["instance_probe", "is no mapping"]),
    ],
)
def test_a_bad_instance_is_refused(changed: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        _description.instance("order-3", {**INSTANCE, **changed}, SERVICE)
    assert all(part in str(refused.value) for part in ["order-3", *said]), refused.value


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
    said = {
        "kind": "nginx",
        "family": "nginx",
        "settings": {},
        "pools": ["order_svc"],
        "members": ["10.0.0.1:8080", "10.0.0.2:8080"],
    }
    assert _description.sources_of(instances) == [
        {**said, "name": "lb-1", "host": "lb-1"},
        {**said, "name": "lb-2", "host": "lb-2"},
    ]


def test_one_pool_has_one_floor() -> None:
    other = {**INSTANCE, "instance_traffic": [{**TRAFFIC[0], "floor": "50%"}]}
    instances = {
        "order-1": _description.instance("order-1", INSTANCE, SERVICE),
        "order-2": _description.instance("order-2", other, SERVICE),
    }
    with pytest.raises(Invalid, match="order-2.*50%.*30%"):
        _description.pools_of("order-svc", list(instances), instances)


def test_two_instances_at_one_address() -> None:
    instances = {host: _description.instance(host, INSTANCE, SERVICE) for host in ("order-1", "order-2")}
    with pytest.raises(Invalid, match="order-2: instance_address '10.0.0.3:8080' is that of order-1 too"):
        _description.check_addresses(instances)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"nginx_config": "nginx.conf"}, "lb-1: nginx_config 'nginx.conf' is not an absolute path"),
        ({"nginx_config": "/etc/nginx/../x"}, "'/etc/nginx/../x'"),
        ({"nginx_prefix": ["/srv"]}, "nginx_prefix ['/srv']"),
        ({"nginx_test": "nginx -t"}, "lb-1: nginx_test 'nginx -t' is no command: write a list of words"),
        ({"nginx_reload": []}, "nginx_reload [] is no command"),
        ({"nginx_reload": ["sh", "-c", "a\nb"]}, "is no command"),
        ({"nginx_show_version": "1.31.3"}, "nginx_show_version '1.31.3' is no command"),
    ],
)
def test_a_balancer(values: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        _description.check_source("nginx", "lb-1", values)
    assert said in str(refused.value)


def test_a_balancer_as_a_package_installs_it() -> None:
    _description.check_source("nginx", "lb-1", {"nginx_reload": None, "nginx_test": ["sudo", "-n", "nginx", "-t"]})


DUBBO: dict[str, Any] = {"kind": "dubbo", "registry": "zookeeper://zk1:2181,zk2:2181", "application": "order-svc"}


def test_a_registry_is_one_source_and_drained_before_balancers() -> None:
    instances = {
        host: _description.instance(
            host,
            {
                "instance_address": f"10.0.0.{number}:8080",
                "instance_traffic": [{**DUBBO, "qos": 1}, *TRAFFIC],
            },
            SERVICE,
        )
        for number, host in enumerate(("order-1", "order-2"), 1)
    }
    source = "order-svc in zookeeper://zk1:2181,zk2:2181"
    assert instances["order-2"]["points"][0] == {
        **{"kind": "dubbo", "pool": "dubbo/order-svc", "source": source, "member": "10.0.0.2:20880"},
        **{"qos": 1, "via": "auto", "attaches": "itself"},
    }
    first, *others = _description.sources_of(instances)
    settings = {"registries": ["zookeeper://zk1:2181,zk2:2181"], "application": "order-svc", "group": "dubbo"}
    assert first == {
        **{"name": source, "kind": "dubbo", "family": "dubbo", "host": "localhost", "settings": settings},
        "pools": ["order-svc"],
        "members": ["10.0.0.1:20880", "10.0.0.2:20880"],
    }
    assert [other["name"] for other in others] == ["lb-1", "lb-2"]
    pools = _description.pools_of("order-svc", list(instances), instances)
    assert [(pool["id"], pool["name"]) for pool in pools][1] == ("dubbo/order-svc", "dubbo:order-svc")
    assert _description.asking([DUBBO]) and not _description.asking(TRAFFIC)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"registry": []}, "registry [] names none"),
        ({"registry": "nacos://n1:8848"}, "registry 'nacos://n1:8848' is no ZooKeeper"),
        ({"registry": "zookeeper://u:p@zk1:2181"}, "has a user or password in it: give them by a file"),
        ({"application": "a;b"}, "application 'a;b' is no name"),
        ({"member": "order-3"}, "member 'order-3' has no port"),
        ({"qos": 0}, "qos 0 is no port from 1 to 65535"),
        ({"qos": "22222"}, "qos '22222' is no port"),
        ({"via": "kill"}, "via 'kill' is not one of auto, graceful, qos"),
        ({"attaches": "never"}, "attaches 'never' is not one of itself, online"),
        ({"levels": ["all"]}, "levels ['all'] is no list of application and interface"),
        ({"calls": {"url": "http://h/x"}}, "is not {url, field}"),
        ({"settle": -1}, "settle -1 is no number of seconds"),
        ({"auth": {"file": "x"}}, "auth: file 'x' is not an absolute path"),
        ({"tls": {"cert": "/c"}}, "tls has no ca"),
        ({"group": "a b"}, "group 'a b' is no name"),
        ({"reader": ""}, "reader '' is no name"),
        ({"registries": "x"}, "unknown key 'registries'. Did you mean 'registry'?"),
    ],
)
def test_a_bad_entry_of_dubbo_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        _description.instance("order-3", {**INSTANCE, "instance_traffic": [{**DUBBO, **changed}]}, SERVICE)
    assert str(refused.value).startswith("order-3: instance_traffic[0]: ") and said in str(refused.value)


def test_a_source_is_described_the_same_everywhere() -> None:
    entries = [DUBBO, {**DUBBO, "group": "other"}]
    instances = {
        f"order-{number}": _description.instance(
            f"order-{number}", {"instance_address": f"10.0.0.{number}:8080", "instance_traffic": [entry]}, SERVICE
        )
        for number, entry in enumerate(entries)
    }
    with pytest.raises(Invalid, match="order-1: order-svc in zookeeper.* is described otherwise by another instance"):
        _description.sources_of(instances)


URL = "http://127.0.0.1:8080/mq/leave"
GROUP: dict[str, Any] = {"kind": "kafka", "servers": ["k1:9092", "k2:9092"], "group": "orders", "leave": {"url": URL}}


def test_a_consumer_group_is_one_source_and_left_before_anything_else() -> None:
    entry = {**GROUP, "client": ["a", "b"], "finished": [{"url": URL}], "settle": 5, "last": True, "reader": "mq-1"}
    traffic = [*TRAFFIC, DUBBO, entry]
    found = _description.instance("order-3", {**INSTANCE, "instance_traffic": traffic}, SERVICE)
    source = "orders of kafka at k1:9092 and k2:9092"
    assert found["points"][-1] == {
        **{"kind": "kafka", "pool": "kafka/orders", "source": source, "member": "a,b@10.0.0.3"},
        **{"leave": {"url": URL}, "finished": [{"url": URL}], "quiet": 0.0},
    }
    first, second, *_others = _description.sources_of({"order-3": found})
    brokers = {"broker": "kafka", "servers": ["k1:9092", "k2:9092"], "group": "orders"}
    assert first == {
        **{"name": source, "kind": "kafka", "family": "mq", "host": "mq-1", "pools": ["orders"]},
        **{"settings": {**brokers, "settle": 5.0, "last": True}, "members": ["a,b@10.0.0.3"]},
    }
    assert second["kind"] == "dubbo"


def test_an_application_that_cannot_be_told_says_so() -> None:
    found = _description.instance("order-3", {**INSTANCE, "instance_traffic": [{**GROUP, "leave": "none"}]}, SERVICE)
    assert found["points"][0]["leave"] == {"none": True} and found["points"][0]["member"] == "10.0.0.3"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"servers": []}, "servers is empty"),
        ({"servers": ["k1"]}, "servers: 'k1' has no port"),
        ({"group": "a b"}, "group 'a b' is no name"),
        ({"leave": {}}, "leave has exactly one of url, command, actuator_binding, none"),
        ({"leave": "url"}, "leave 'url' is no mapping"),
        ({"join": {"url": "x"}}, "join: url 'x'"),
        ({"member": ""}, "is no instance"),
        ({"member": "a;b"}, "member 'a;b'"),
        ({"client": 3}, "client 3 is no name of a client"),
        ({"client": ["a", "a"]}, "names a client twice"),
        ({"finished": URL}, "is no list of targets"),
        ({"finished": [{"url": "x"}]}, "'x'"),
        ({"settle": -1}, "settle -1 is no number of seconds"),
        ({"last": "yes"}, "last 'yes' is neither true nor false"),
        ({"queues": ["q"]}, "queues are RabbitMQ's"),
        ({"auth": "u:p"}, "is not {file}"),
        ({"auth": {"file": "x"}}, "auth: file 'x' is not an absolute path"),
        ({"auth": {"file": "/x", "mechanism": "MD5"}}, "mechanism 'MD5' is not one of PLAIN"),
        ({"tls": {"cert": "/c"}}, "tls has no ca"),
        ({"server": "k1:9092"}, "unknown key 'server'. Did you mean 'servers'?"),
        ({"kind": "rabbitmq", "servers": ["http://mq:15672"]}, "queues is empty"),
    ],
)
def test_a_bad_entry_of_a_group_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        _description.instance("order-3", {**INSTANCE, "instance_traffic": [{**GROUP, **changed}]}, SERVICE)
    assert str(refused.value).startswith("order-3: instance_traffic[0]: ") and said in str(refused.value)


FIREWALL: dict[str, Any] = {**TRAFFIC[0], "kind": "firewall", "from": ["10.0.0.11", "fd00::12", "lb-3.internal"]}


def test_balancers_behind_a_firewall_are_sources_of_their_own() -> None:
    """The same balancers may be of the kind nginx for another upstream."""
    traffic = [{**TRAFFIC[0], "upstream": "pay"}, {**FIREWALL, "command": ["sudo", "-n", "nft"]}]
    values = {"instance_address": "10.0.0.3:8080", "instance_traffic": traffic}
    instances = {"order-3": _description.instance("order-3", values, SERVICE)}
    assert instances["order-3"]["points"][2] == {
        **{"kind": "firewall", "pool": "firewall/order_svc", "source": "lb-1 by firewall", "member": "10.0.0.3:8080"},
        **{"from": FIREWALL["from"], "command": ["sudo", "-n", "nft"]},
    }
    sources = _description.sources_of(instances)
    assert [one["name"] for one in sources] == ["lb-1 by firewall", "lb-2 by firewall", "lb-1", "lb-2"]
    assert (sources[0]["host"], sources[0]["settings"]) == ("lb-1", {"from": FIREWALL["from"]})
    pools = _description.pools_of("order-svc", list(instances), instances)
    assert [pool["name"] for pool in pools] == ["order-svc", "pay", "firewall:order_svc"]
    assert _description.asking([FIREWALL])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"from": "10.0.0.11"}, "from '10.0.0.11' is no list of the balancers' addresses"),
        ({"from": []}, "from [] is no list"),
        ({"from": ["10.0.0.11/24"]}, "'10.0.0.11/24' is neither an address nor a host name"),
        ({"from": ["a;b"]}, "'a;b' is neither an address nor a host name"),
        ({"from": [11]}, "from: 11 is no address"),
        ({"command": "sudo nft"}, "command 'sudo nft' is no command"),
        ({"ports": [22]}, "unknown key 'ports'"),
    ],
)
def test_a_bad_firewall_is_refused(changed: dict[str, Any], said: str) -> None:
    values = {"instance_address": "10.0.0.3:8080", "instance_traffic": [{**FIREWALL, **changed}]}
    with pytest.raises(Invalid, match=re.escape(said)):
        _description.instance("order-3", values, SERVICE)
