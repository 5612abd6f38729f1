# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several services in one call of a person's playbook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible import constants as C
from ansible_collections.lossless.restart.plugins.plugin_utils import _own, _people, _several
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid

CHOSEN = {"order-svc": ["order-1", "order-2"], "pay-svc": ["pay-1"]}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path))


def describe(hosts: Sequence[str]) -> dict[str, Any]:
    """Both services are behind lb-1, each in a pool of its own."""
    service = hosts[0].partition("-")[0]
    if service == "bad":
        raise Invalid("bad-1: fleet_floor '3' is no share")
    source = {"name": "lb-1", "kind": "nginx", "pools": [f"{service}_svc"], "members": [f"{service}:80"]}
    return {"service": service, "selected": list(hosts), "sources": [source], "fleet": {}}


class Hosts:
    """An inventory of values: fleet_service by host."""

    def __init__(self, **services: str | None) -> None:
        self.services = {name.replace("_", "-"): service for name, service in services.items()}

    def __getitem__(self, host: str) -> dict[str, Any]:
        return {"fleet_service": self.services[host]}


def chosen(**services: str | None) -> dict[str, list[str]]:
    inventory: Any = Hosts(**services)
    return _several.chosen([name.replace("_", "-") for name in services], inventory)


def test_hosts_without_a_service_are_left_aside() -> None:
    assert chosen(order_1="order-svc", lb_1=None, pay_1="pay-svc", order_2="order-svc") == CHOSEN
    with pytest.raises(Invalid, match="no selected host has a fleet_service: select a service"):
        chosen(lb_1=None)


def test_services_are_kept_for_the_guard_by_host_and_by_name() -> None:
    described = _several.described("status", CHOSEN, describe)
    assert described["selected"] == ["order-1", "order-2", "pay-1"] and described["wrong"] == {}
    both = {"pools": ["order_svc", "pay_svc"], "members": ["order:80", "pay:80"]}
    assert described["sources"] == [{"name": "lb-1", "kind": "nginx", **both}]
    assert _people.description({"service": "pay-svc"}, "order-1")["service"] == "pay"
    assert _people.description({}, "order-2") == {
        "entry": "status",
        **describe(["order-2"]),
        "selected": CHOSEN["order-svc"],
    }
    assert _people.description({}, "lb-1") is None


def test_nothing_is_kept_in_a_restart() -> None:
    assert _people.description({"service": "order-svc"}, "order-1") is None


def test_what_is_wrong_with_one_keeps_nothing_from_the_others() -> None:
    described = _several.described("watchdog", {**CHOSEN, "bad-svc": ["bad-1"]}, describe)
    assert list(described["services"]) == ["order-svc", "pay-svc"]
    assert described["wrong"] == _own.read("services wrong") == {"bad-svc": "bad-1: fleet_floor '3' is no share"}


@pytest.mark.parametrize("entry", ["stop", "restore"])
def test_what_changes_something_wants_a_sound_description(entry: str) -> None:
    with pytest.raises(Invalid, match="fleet_floor '3' is no share"):
        _several.described(entry, {**CHOSEN, "bad-svc": ["bad-1"]}, describe)


@pytest.mark.parametrize(
    ("fleets", "error"),
    [
        ({"fleet_run": "R"}, "fleet_run names one run, and order-svc, pay-svc are selected: limit this to the run's"),
        ({"fleet_watchdog_textfile": "/a"}, "fleet_watchdog_textfile is None for pay-svc and '/a' for another"),
    ],
)
def test_what_is_for_all_services_together_must_be_one(fleets: dict[str, str], error: str) -> None:
    def with_fleet(hosts: Sequence[str]) -> dict[str, Any]:
        return {**describe(hosts), "fleet": fleets if hosts[0] == "order-1" else {}}

    with pytest.raises(Invalid, match=error):
        _several.described("stop", CHOSEN, with_fleet)
