# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Our entries in rules: what they do, and that nothing else of the rule changes by a byte."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.lossless.restart.plugins.module_utils import _dubbo_entry, _dubbo_rule
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_url import Service

ECHO, PAY = Service("lab.Echo"), Service("lab.Pay", "g1", "1.0.0")
A, B = "10.0.0.3:20880", "10.0.0.4:20880"
PATH = "/dubbo/config/dubbo/lab.Echo::.configurators"

# As people and dubbo-admin write them: all but the last with an entry that is theirs.
BLOCK = b"""# by ops
configVersion: v3.0
scope: service
key: lab.Echo
enabled: true   # on
configs:
  # slow
  - side: consumer
    addresses:
      - 0.0.0.0
    providerAddresses: ["10.0.0.9:20880"]
    parameters: {timeout: 3000}

  - {side: provider, parameters: {weight: 50}}
runtime: true
"""
FLOW = b"{configVersion: v2.7, key: lab.Echo, configs: [ {side: consumer, parameters: {disabled: true}}], runtime: 1}"
JSON = b'{"key":"lab.Echo","scope":"service",\n"configs":[{"side":"consumer","parameters":{"retries":"0"}}]}'
INDENTLESS = b"key: lab.Echo\nconfigs:\n- side: consumer\n  parameters:\n    mock: |\n      a\n      b\nscope: service"
CARRIAGE = b"key: lab.Echo\r\nconfigs:\r\n  - side: consumer\r\n    parameters: {timeout: 1}\r\n"
FOREIGN = "key: lab.Echo\nconfigs: # für\n- {parameters: {owner: 李}}\n".encode()
RULES = [BLOCK, FLOW, JSON, INDENTLESS, CARRIAGE, FOREIGN]


@pytest.mark.parametrize("there", RULES)
def test_what_is_there_stays_byte_for_byte(there: bytes) -> None:
    one = _dubbo_entry.added(there, ECHO, {A: [A]})
    both = _dubbo_entry.added(one, ECHO, {B: [B]})
    assert _dubbo_entry.members(both) == [A, B] and _dubbo_entry.members(there) == []
    said, was = yaml.safe_load(both), yaml.safe_load(there)
    assert said["configs"][2:] == was["configs"] and {**said, "configs": 0} == {**was, "configs": 0}
    assert {(rule.providers, rule.ours) for rule in _dubbo_rule.from_config(PATH, both)} >= {((A,), A), ((B,), B)}
    assert _dubbo_entry.removed(both, [B]) == one
    assert _dubbo_entry.removed(both, [A]) == _dubbo_entry.added(there, ECHO, {B: [B]})
    assert _dubbo_entry.removed(both, [A, B]) == there == _dubbo_entry.removed(there, [A])
    assert _dubbo_entry.removed(_dubbo_entry.added(there, ECHO, {A: [A], B: [B]}), [A, B]) == there


@pytest.mark.parametrize("service", [ECHO, PAY])
def test_a_node_of_our_own(service: Service) -> None:
    made = _dubbo_entry.added(None, service, {A: [A, "10.0.0.3:50051"]})
    path = f"/dubbo/config/dubbo/{service.rule_key}.configurators"
    (rule,) = _dubbo_rule.from_config(path, made)
    assert (rule.service, rule.providers, rule.only) == (service, (A, "10.0.0.3:50051"), "")
    assert _dubbo_entry.added(made, service, {A: [A, "10.0.0.3:50051"]}) == made
    assert _dubbo_entry.added(made, service, {A: [A]}) == _dubbo_entry.added(None, service, {A: [A]})
    two = _dubbo_entry.added(made, service, {B: [B]})
    assert _dubbo_entry.removed(two, [B]) == made
    assert _dubbo_entry.removed(made, [A]) is None and _dubbo_entry.removed(made, [B]) == made


def test_one_whose_addresses_are_others_now() -> None:
    one = _dubbo_entry.added(BLOCK, ECHO, {A: [A]})
    two = _dubbo_entry.added(one, ECHO, {A: [A, "10.0.0.3:50051"]})
    assert two == _dubbo_entry.added(BLOCK, ECHO, {A: [A, "10.0.0.3:50051"]})
    assert _dubbo_entry.removed(two, [A]) == BLOCK


def test_a_rule_that_a_person_switched_off_still_takes_ours() -> None:
    """And nothing else of it becomes valid by that."""
    off = BLOCK.replace(b"enabled: true", b"enabled: false")
    rules = _dubbo_rule.from_config(PATH, _dubbo_entry.added(off, ECHO, {A: [A]}))
    assert [rule.providers for rule in rules] == [(A,)]


def test_what_somebody_wrote_anew_is_found_in_its_new_form() -> None:
    """As by a tool that reads the rule and writes it out again."""
    anew = yaml.safe_dump(yaml.safe_load(_dubbo_entry.added(BLOCK, ECHO, {A: [A]})))
    left = _dubbo_entry.removed(anew.encode(), [A])
    assert left is not None and yaml.safe_load(left) == yaml.safe_load(BLOCK)
    assert left.decode() == yaml.safe_dump(yaml.safe_load(BLOCK))


def test_the_last_entry_takes_the_node_with_it() -> None:
    """Consumers would keep what they heard last if the list became empty."""
    both = _dubbo_entry.added(JSON, ECHO, {A: [A]})
    alone = both.replace(b', {"side":"consumer","parameters":{"retries":"0"}}', b"")
    assert alone != both and _dubbo_entry.removed(alone, [A]) is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is no rule with configs"),
        (b'["override://0.0.0.0/lab.Echo?disabled=true"]', "it is no rule with configs"),
        (b"configs: [", "it is no YAML"),
        (b"\xff", "it is no YAML"),
        (b"key: lab.Pay\nconfigs: [{side: consumer}]", "its key is 'lab.Pay' and its scope None, not lab.Echo's own"),
        (b"key: lab.Echo\nscope: application\nconfigs: []", "its scope 'application', not lab.Echo's own"),
        (b"key: lab.Echo\nconfigs: []", "its list configs is empty, and would not bring anybody back: delete it"),
        (b"key: lab.Echo\nconfigs:\n", "it has no list configs that an entry could be added to"),
        (b"key: lab.Echo\n", "it has no list configs that an entry could be added to"),
    ],
)
def test_what_takes_no_entry(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _dubbo_entry.added(data, ECHO, {A: [A]})
