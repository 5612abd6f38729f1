# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A name that is a slip of one of ours is an error; everybody else's names are theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.lossless.restart.plugins.plugin_utils import _kind_nginx, _names

ROLES = Path(__file__).parents[2] / "roles"


def options(role: str) -> list[str]:
    text = (ROLES / role / "meta" / "argument_specs.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return list(found)


KNOWN = options("fleet") + options("instance")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("instance_helth", "instance_health"),
        ("instance_heatlh", "instance_health"),
        ("instance_stat", "instance_state"),
        ("instance_ilde", "instance_idle"),
        ("instance_adress", "instance_address"),
        ("instance_drain_dedline", "instance_drain_deadline"),
        ("instance_verify_request", "instance_verify_requests"),
        ("fleet_flor", "fleet_floor"),
        ("fleet_floors", "fleet_floor"),
        ("fleet_beak", "fleet_bake"),
        ("fleet_ledgerhost", "fleet_ledger_host"),
        ("fleet-floor", "fleet_floor"),
        ("flet_floor", "fleet_floor"),
        ("instnace_health", "instance_health"),
        # The other role's prefix.
        ("instance_floor", "fleet_floor"),
        ("fleet_health", "instance_health"),
    ],
)
def test_a_slip(name: str, meant: str) -> None:
    with pytest.raises(_names.Invalid) as refused:
        _names.check([name], KNOWN, "order-3")
    assert str(refused.value) == f"order-3: there is no variable {name}: write {meant}, if that is meant"


# What cloud inventories and other people's roles set.
OTHERS = """
    instance_id instance_ids instance_type instance_status instance_state_name instance_name instance_role instance_tags
    instance_zone instance_image instance_lifecycle instance_ip_address instance_profile instance_port
    fleet_id fleet_name fleet_size fleet_owner_team ansible_host ansible_state helth floor nginx_user x_
"""


@pytest.mark.parametrize("name", OTHERS.split())
def test_names_of_others(name: str) -> None:
    _names.check([name], KNOWN, "order-3")


def test_the_names_that_there_are() -> None:
    _names.check(KNOWN, KNOWN, "order-3", strict=True)


@pytest.mark.parametrize("name", ["fleet_run", "fleet_planned", "instance_lease", "instance_guard", "instance_id"])
def test_an_extra_variable_that_is_no_users(name: str) -> None:
    with pytest.raises(_names.Invalid, match=rf"extra variables: {name} cannot be set: .* Remove it"):
        _names.check([name], KNOWN, "extra variables", strict=True)


def test_an_extra_variable_of_others() -> None:
    _names.check(["version", "awx_job_id", "nginx_config"], KNOWN, "extra variables", strict=True)


def test_a_slip_of_a_balancers_variable() -> None:
    """Other roles have variables that begin with nginx_: a slip counts only where the right name is not set."""
    with pytest.raises(
        _names.Invalid, match="lb-1: there is no variable nginx_relaod: write nginx_reload, or set both"
    ):
        _kind_nginx.check_source("lb-1", {"nginx_relaod": ["true"]})
    _kind_nginx.check_source("lb-1", {"nginx_configs": [], "nginx_config": "/etc/nginx/nginx.conf"})
    _kind_nginx.check_source("lb-1", {"nginx_user": "www-data", "nginx_vhosts": [], "nginx_worker_processes": 1})


@pytest.mark.parametrize(
    ("one", "other", "letters"),
    [("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("helht", "health", 2), ("kitten", "sitting", 3)],
)
def test_distance(one: str, other: str, letters: int) -> None:
    assert _names._distance(one, other) == letters
    assert _names._distance(one=other, other=one) == letters
