# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The application level's nodes, the metadata and the mapping."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _dubbo_instance
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_instance import Instance
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_url import Service

from tests.unit.dubbo_nodes import BORN, instance33, metadata33


def test_an_instance_of_3_3() -> None:
    found = _dubbo_instance.parse(instance33(endpoints={"dubbo": 20880, "tri": 50051}, revision="b7f3"))
    ports = {"dubbo": 20880, "tri": 50051}
    assert found == Instance("order-svc", "10.0.0.3", 20880, ports, BORN + 800, BORN, "b7f3", "3.3.6")


def test_an_instance_without_endpoints_has_its_address() -> None:
    node = json.loads(instance33("fd00:0:0:0:0:0:0:3"))
    node["payload"]["metadata"] = {"dubbo.metadata.revision": "0"}
    found = _dubbo_instance.parse(json.dumps(node).encode())
    assert (found.host, found.endpoints, found.release, found.timestamp) == ("fd00::3", {"dubbo": 20880}, "", None)


def broken(**more: Any) -> bytes:
    return json.dumps({**json.loads(instance33()), **more}).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"10.0.0.3", "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        (b"[]", "it is no JSON object"),
        (broken(payload=None), "it has no address, port and payload with metadata"),
        (broken(port="20880"), "it has no address, port"),
        (broken(payload={"metadata": {"dubbo.endpoints": "[20880]"}}), "are no list of protocols and ports"),
        (broken(payload={"metadata": {"dubbo.metadata-service.url-params": "{"}}), "url-params is no JSON"),
    ],
)
def test_what_is_wrong_with_an_instance(data: bytes, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        _dubbo_instance.parse(data)
    assert said in str(refused.value)


def test_metadata_say_what_is_offered_and_by_which_protocol() -> None:
    data = metadata33(("lab.Echo", "", "", "dubbo"), ("lab.Echo", "", "", "tri"), ("lab.Echo2", "g1", "1.0.0", "tri"))
    assert _dubbo_instance.services(data) == {
        Service("lab.Echo"): {"dubbo", "tri"},
        Service("lab.Echo2", "g1", "1.0.0"): {"tri"},
    }


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is no JSON"),
        (b"{}", "it has no services"),
        (b'{"services": {"a": {"name": "lab.Echo"}, "b": 1}}', "it has no services"),
        (b'{"services": {"a": {}}}', "it has a service without a name"),
    ],
)
def test_what_is_wrong_with_metadata(data: bytes, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        _dubbo_instance.services(data)
    assert said in str(refused.value)


def test_metadata_name_a_service_by_its_name_or_its_path() -> None:
    data = b'{"services": {"a": {"name": "lab.Echo", "path": "echo"}, "b": {"path": "lab.Echo2"}}}'
    assert list(_dubbo_instance.services(data)) == [Service("lab.Echo"), Service("lab.Echo2")]


def test_metadata_name_the_release_that_their_instance_does_not() -> None:
    assert _dubbo_instance.parse(instance33(storage="remote")).release == ""
    assert _dubbo_instance.release(metadata33(("lab.Echo", "", "", "dubbo"))) == "3.3.6"
    assert _dubbo_instance.release(b'{"services": {"a": {"name": "lab.Echo"}}}') == ""


def test_a_mapping_names_applications() -> None:
    assert _dubbo_instance.applications(b"order-svc, pay,") == {"order-svc", "pay"}
    assert _dubbo_instance.applications(b"") == set()
