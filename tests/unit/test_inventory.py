# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory's variables: templated once, errors with host and variable, and what is never templated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.lossless.restart.plugins.plugin_utils._inventory import Inventory
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid

TEXT = """
order-svc:
  vars:
    instance_address: "{{ ansible_host }}:8080"
    instance_health: [{url: "http://{{ instance_address }}/health"}]
    broken: "{{ nowhere.at_all }}"
    unended: "{{ nowhere "
    fleet_reason: "{{ lookup('pipe', 'touch SEEN') }}"
    plain: 100% {sure}
  hosts:
    order-1: {ansible_host: 10.0.0.1}
    order-2: {}
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    (tmp_path / "hosts.yml").write_text(TEXT.replace("SEEN", str(tmp_path / "seen")))
    loader = DataLoader()
    manager = InventoryManager(loader, [str(tmp_path / "hosts.yml")])
    variables = VariableManager(loader, manager)
    return Inventory(HostVars(manager, variables, loader), manager.get_groups_dict())


def test_values_are_templated_for_their_host(inventory: Inventory) -> None:
    assert inventory["order-1"]["instance_address"] == "10.0.0.1:8080"
    assert inventory["order-1"]["instance_health"] == [{"url": "http://10.0.0.1:8080/health"}]
    assert inventory["order-1"].get("nothing") is None
    assert inventory["order-1"] is inventory["order-1"]


@pytest.mark.parametrize(
    ("host", "name", "said"),
    [
        ("order-1", "broken", "order-1: broken cannot be templated: 'nowhere' is undefined"),
        ("order-1", "unended", "order-1: unended cannot be templated: Syntax error in template"),
        ("order-2", "instance_address", "order-2: instance_address cannot be templated: 'ansible_host' is undefined"),
    ],
)
def test_a_template_that_fails_names_its_place(inventory: Inventory, host: str, name: str, said: str) -> None:
    assert name in inventory[host]
    with pytest.raises(Invalid) as refused:
        inventory[host].get(name)
    assert str(refused.value).startswith(said) and not str(refused.value).endswith(".")


def test_names_alone_template_nothing(inventory: Inventory, tmp_path: Path) -> None:
    assert {"broken", "fleet_reason"} <= set(inventory["order-1"])
    assert len(inventory["order-1"]) > 5
    assert not (tmp_path / "seen").exists()


def test_a_literal_is_never_templated(inventory: Inventory, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="fleet_reason .*lookup.* has a template in it: .* never templated"):
        inventory.literal("order-1", "fleet_reason")
    assert not (tmp_path / "seen").exists()
    assert inventory.literal("order-1", "plain") == "100% {sure}"
    assert inventory.literal("order-1", "nothing") is None


@pytest.mark.parametrize(("host", "there"), [("order-1", True), ("localhost", True), ("bastion", False)])
def test_which_hosts_there_are(inventory: Inventory, host: Any, there: bool) -> None:
    """localhost needs not be written down."""
    assert (host in inventory) is there
