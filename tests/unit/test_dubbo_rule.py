# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which rules take a provider from its consumers, which only from some, and which not at all."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _dubbo_rule
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_rule import Rule
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_url import Service

from tests.unit.dubbo_nodes import encoded, rule30

ECHO, ECHO2 = Service("lab.Echo"), Service("lab.Echo2", "g1", "1.0.0")
FOLDER = "/dubbo/config/dubbo"
PATH = f"{FOLDER}/lab.Echo::.configurators"


def only(data: bytes, path: str = PATH) -> Rule:
    (found,) = _dubbo_rule.from_config(path, data)
    return found


def test_a_rule_for_all_consumers() -> None:
    rule = only(rule30())
    assert rule == Rule(PATH, ECHO, ("10.0.0.3:20880",), "")
    assert rule.disables(ECHO, "10.0.0.3", 20880)
    assert not rule.disables(ECHO, "10.0.0.3", 20881) and not rule.disables(ECHO, "10.0.0.4", 20880)
    assert not rule.disables(ECHO2, "10.0.0.3", 20880)


def test_a_service_with_group_and_version() -> None:
    path = f"{FOLDER}/lab.Echo2:1.0.0:g1.configurators"
    assert only(rule30("g1/lab.Echo2:1.0.0"), path).service == ECHO2
    # Its consumers listen there, and find another service's key in it.
    assert _dubbo_rule.from_config(path, rule30("lab.Echo2")) == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10.0.0.3:20880", True),
        ("10.0.0.3", True),
        ("0.0.0.0", True),
        ("0.0.0.0:*", True),
        ("0.0.0.0:20880", True),
        ("0.0.0.0:20881", False),
        ("10.0.0.30:20880", False),
        ("10.0.0", False),
    ],
)
def test_a_provider_as_rules_write_it(written: str, meant: bool) -> None:
    assert only(rule30(providers=(written,))).disables(ECHO, "10.0.0.3", 20880) is meant


def test_several_providers() -> None:
    rule = only(rule30(providers=("10.0.0.3:20880", "10.0.0.4:20880")))
    assert [rule.disables(ECHO, f"10.0.0.{last}", 20880) for last in (3, 4, 5)] == [True, True, False]


def test_no_provider_named_is_every_provider() -> None:
    assert only(rule30(providers=())).disables(ECHO, "10.0.0.9", 1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"addresses": ["10.0.0.7"]}, "hosts 10.0.0.7"),
        ({"addresses": ["10.0.0.7", "0.0.0.0"]}, ""),
        ({"applications": ["pay"]}, "applications pay"),
        ({"applications": ["*"]}, ""),
        ({"match": {"application": {"oneof": []}}}, "match {'application': {'oneof': []}}"),
    ],
)
def test_for_whom_alone_a_rule_is(more: dict[str, Any], said: str) -> None:
    assert only(rule30(**more)).only == said


@pytest.mark.parametrize(
    "more",
    [
        {"side": "provider"},
        {"side": None},
        {"parameters": {"weight": 0}},
        {"parameters": {"disabled": "false"}},
        {"type": "disabled", "enabled": False},
        {"type": "disabled"},
    ],
)
def test_what_disables_nobody(more: dict[str, Any]) -> None:
    assert _dubbo_rule.from_config(PATH, rule30(**more)) == []


def test_a_rule_that_is_switched_off() -> None:
    assert _dubbo_rule.from_config(PATH, rule30().replace(b"enabled: true", b"enabled: false")) == []
    assert only(rule30(type="disabled", enabled=True).replace(b"enabled: true", b"enabled: false", 1)).service == ECHO


def test_an_applications_rule_is_for_the_consumers_of_that_application() -> None:
    data = rule30("pay", services=["lab.Echo", "g1/lab.Echo2:1.0.0"]).replace(b"scope: service", b"scope: application")
    found = _dubbo_rule.from_config(f"{FOLDER}/pay.configurators", data)
    assert [(rule.service, rule.only) for rule in found] == [(ECHO, "application pay"), (ECHO2, "application pay")]
    every = rule30("pay").replace(b"scope: service", b"scope: application")
    assert only(every, f"{FOLDER}/pay.configurators").service is None


OVERRIDE = "override://{}/lab.Echo?category=configurators&dynamic=false&enabled=true&disabled=true{}"


@pytest.mark.parametrize(
    ("at", "more", "providers", "said"),
    [
        ("10.0.0.3:20880", "", ("10.0.0.3:20880",), ""),
        ("0.0.0.0", "", (), ""),
        ("0.0.0.0", "&application=pay", (), "application pay"),
        ("0.0.0.0", "&application=*", (), ""),
        ("0.0.0.0", "&~region=bj", (), "region bj"),
        ("10.0.0.7", "", (), "host 10.0.0.7"),
    ],
)
def test_overrides_of_2_6(at: str, more: str, providers: tuple[str, ...], said: str) -> None:
    rules = _dubbo_rule.from_override("/p", encoded(OVERRIDE.format(at, more)))
    assert rules == [Rule("/p", ECHO, providers, said)]


@pytest.mark.parametrize(
    "url",
    [
        OVERRIDE.format("0.0.0.0", "&side=provider"),
        OVERRIDE.format("0.0.0.0", "").replace("enabled=true", "enabled=false"),
        OVERRIDE.format("0.0.0.0", "").replace("disabled=true", "weight=0"),
        OVERRIDE.format("0.0.0.0", "").replace("override://", "absent://"),
    ],
)
def test_overrides_that_disable_nobody(url: str) -> None:
    assert _dubbo_rule.from_override("/p", encoded(url)) == []


def test_overrides_in_the_configuration_centre() -> None:
    data = f'["{OVERRIDE.format("10.0.0.3:20880", "")}"]'.encode()
    assert only(data).providers == ("10.0.0.3:20880",)
    assert _dubbo_rule.from_config(PATH, b" \n") == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"configs: [", "it is no YAML"),
        (b"\xff\xfe\xff", "it is no YAML"),
        (b"disabled", "it is no rule with configs"),
        (b"configs: {}", ""),
        (b"configs: [disabled]", "one of its configs is no mapping with parameters"),
        (b"configs: [{parameters: [disabled]}]", "one of its configs is no mapping with parameters"),
        (b'["override://0.0.0.0/lab.Echo", 1]', "it is no rule with configs"),
        (rule30("''"), "it has no key, which says whose it is"),
        (b"configs: !!python/object/apply:os.system [id]", "it is no YAML"),
    ],
)
def test_what_is_wrong_with_a_rule(data: bytes, said: str) -> None:
    if not said:
        assert _dubbo_rule.from_config(PATH, data) == []
        return
    with pytest.raises(ValueError) as refused:
        _dubbo_rule.from_config(PATH, data)
    assert said in str(refused.value)


def test_without_a_library_for_yaml_a_rule_is_not_taken_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_dubbo_rule, "HAS_YAML", False)
    with pytest.raises(ValueError, match="it takes the Python library PyYAML on this host: pip install PyYAML"):
        _dubbo_rule.from_config(PATH, rule30())


@pytest.mark.parametrize(
    ("name", "concerned"),
    [
        ("lab.Echo::.configurators", True),
        ("lab.Echo:1.0.0:g1.configurators", True),
        ("lab.Echo2::.configurators", False),
        ("pay.configurators", True),
        ("lab.Echo::.condition-router", False),
    ],
)
def test_which_nodes_are_read(name: str, concerned: bool) -> None:
    assert _dubbo_rule.concerns(name, ["lab.Echo"]) is concerned
