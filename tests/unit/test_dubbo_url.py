# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a provider's node says, whatever its release, and what is told of one that says nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _dubbo_url
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_url import ProviderUrl, Service

from tests.unit.dubbo_nodes import encoded, url27, url33

# Names of nodes as they stood in a registry.
NODE_336 = (
    "dubbo%3A%2F%2F10.0.0.3%3A20880%2Flab.Echo2%3Fapplication%3Decho-svc%26deprecated%3Dfalse%26dubbo%3D2.0.2%26"
    "dynamic%3Dtrue%26generic%3Dfalse%26group%3Dg1%26interface%3Dlab.Echo2%26methods%3Decho%26"
    "prefer.serialization%3Dhessian2%2Cfastjson2%26release%3D3.3.6%26revision%3D1.0.0%26"
    "service-name-mapping%3Dtrue%26side%3Dprovider%26timestamp%3D1795647335226%26version%3D1.0.0"
)
NODE_2723 = (
    "dubbo%3A%2F%2F10.0.0.3%3A23596%2Flab.Echo2%3Fanyhost%3Dtrue%26application%3Dold-svc%26deprecated%3Dfalse%26"
    "dubbo%3D2.0.2%26dynamic%3Dtrue%26generic%3Dfalse%26group%3Dg1%26interface%3Dlab.Echo2%26metadata-type%3Dremote%26"
    "methods%3Decho%26pid%3D804%26release%3D2.7.23%26revision%3D1.0.0%26"
    "service.name%3DServiceBean%3Ag1%2Flab.Echo2%3A1.0.0%26side%3Dprovider%26timestamp%3D1795647337618%26version%3D1.0.0"
)
NODE_265 = (
    "dubbo%3A%2F%2F10.0.0.3%3A20880%2Flab.Echo%3Fanyhost%3Dtrue%26application%3Dorder-svc%26default.group%3Dg1%26"
    "default.timeout%3D3000%26dubbo%3D2.6.5%26generic%3Dfalse%26interface%3Dlab.Echo%26methods%3Decho%26pid%3D4711%26"
    "side%3Dprovider%26timestamp%3D1700000000000"
)


def test_a_node_of_3_3() -> None:
    service = Service("lab.Echo2", "g1", "1.0.0")
    assert _dubbo_url.parse(NODE_336) == ProviderUrl(
        service, "dubbo", "10.0.0.3", 20880, "echo-svc", None, 1795647335226, "3.3.6", True, False, 100, True
    )
    assert (service.key, service.rule_key, service.pool) == (
        "g1/lab.Echo2:1.0.0",
        "lab.Echo2:1.0.0:g1",
        service.rule_key,
    )


def test_a_node_of_2_7() -> None:
    service = Service("lab.Echo2", "g1", "1.0.0")
    assert _dubbo_url.parse(NODE_2723) == ProviderUrl(
        service, "dubbo", "10.0.0.3", 23596, "old-svc", 804, 1795647337618, "2.7.23", True, False, 100, False
    )
    assert _dubbo_url.parse(encoded(url27(weight=0))).weight == 0


def test_a_node_of_2_6_has_what_it_inherits_as_a_default() -> None:
    url = _dubbo_url.parse(NODE_265)
    assert (url.service.key, url.release, url.pid) == ("g1/lab.Echo", "2.6.5", 4711)


@pytest.mark.parametrize(
    ("more", "disabled"),
    [
        ({}, False),
        ({"disabled": "true"}, True),
        ({"disabled": "false", "enabled": "false"}, False),
        ({"enabled": "false"}, True),
        ({"enabled": "true"}, False),
        ({"disabled": "", "enabled": ""}, False),
    ],
)
def test_whether_it_disables_itself(more: dict[str, Any], disabled: bool) -> None:
    assert _dubbo_url.parse(encoded(url33(**more))).disabled is disabled


@pytest.mark.parametrize(
    ("at", "place"),
    [
        ("10.0.0.3:20880", ("dubbo", "10.0.0.3", 20880)),
        ("[fd00::3]:20880", ("dubbo", "fd00::3", 20880)),
        ("fd00:0:0:0:0:0:0:3:20880", ("dubbo", "fd00::3", 20880)),
        ("[fe80::3%25eth0]:20880", ("dubbo", "fe80::3", 20880)),
        ("Order-3.internal:20880", ("dubbo", "order-3.internal", 20880)),
        ("ops:secret@10.0.0.3:20880", ("dubbo", "10.0.0.3", 20880)),
    ],
)
def test_places_are_compared_by_what_they_mean(at: str, place: tuple[str, str, int]) -> None:
    assert _dubbo_url.parse(encoded(url33(at))).place == place


def test_addresses_are_written_with_brackets_where_they_need_them() -> None:
    assert [_dubbo_url.address(host, 1) for host in ("10.0.0.3", "fd00::3")] == ["10.0.0.3:1", "[fd00::3]:1"]


def test_a_registry_that_is_simplified_leaves_out_what_it_can() -> None:
    url = _dubbo_url.parse(encoded("dubbo://10.0.0.3:20880/lab.Echo?application=order-svc&dubbo=2.0.2&release=2.7.23"))
    assert (url.service.key, url.pid, url.timestamp, url.dynamic) == ("lab.Echo", None, None, True)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("10.0.0.3:20880", "it has no scheme, as in dubbo://"),
        ("://10.0.0.3:20880/lab.Echo", "it has no scheme"),
        ("dubbo://10.0.0.3/lab.Echo", "'10.0.0.3' is no host:port"),
        ("dubbo://10.0.0.3:0/lab.Echo", "'10.0.0.3:0' is no host:port"),
        ("dubbo://[fd00::3:20880/lab.Echo", "is no host:port"),
        ("dubbo://10.0.0.3:99999/lab.Echo", "is no host:port"),
        ("dubbo://10.0.0.3:20880", "it names no interface"),
        ("consumer://10.0.0.3:20880/lab.Echo?side=consumer", "it is a consumer, not a provider"),
        ("dubbo%3A%2F%2F%FF%FE", "invalid start byte"),
    ],
)
def test_what_is_wrong_with_a_node(node: str, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        _dubbo_url.parse(node)
    assert said in str(refused.value)


@pytest.mark.parametrize("key", ["lab.Echo", "lab.Echo:1.0.0", "g1/lab.Echo", "g1/lab.Echo$Inner:1.0.0"])
def test_a_key_and_back(key: str) -> None:
    assert _dubbo_url.service(key).key == key


def test_no_secret_of_a_url_is_shown() -> None:
    url = url33("ops:hunter2@10.0.0.3:20880", token="t0ken", password="hunter2", username="ops", zone="a")
    for path in (f"/dubbo/lab.Echo/providers/{encoded(url)}", url):
        text = _dubbo_url.shown(path)
        assert "hunter2" not in text and "t0ken" not in text and "ops" not in text
        assert _dubbo_url.decoded(text).endswith("token=***&username=***&zone=a")
        assert "***@10.0.0.3:20880/lab.Echo?" in _dubbo_url.decoded(text)
    plain = f"/dubbo/lab.Echo/providers/{encoded(url33())}"
    assert _dubbo_url.shown(plain) == plain
