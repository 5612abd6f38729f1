# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings of a service and its instances: every bad value gets one error that says what would be right."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.lossless.restart.plugins.plugin_utils import _settings
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid

ROLES = Path(__file__).parents[2] / "roles"


def spec(role: str) -> dict[str, dict[str, Any]]:
    text = (ROLES / role / "meta" / "argument_specs.yml").read_text()
    options: dict[str, dict[str, Any]] = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return {name: {key: value for key, value in one.items() if key != "description"} for name, one in options.items()}


FLEET, INSTANCE = spec("fleet"), spec("instance")
SERVICE = {"fleet_service": "order-svc", "fleet_ledger_host": "bastion"}
SELECTED: dict[str, Any] = {
    "instance_address": "10.0.0.3:8080",
    "instance_restart": {"systemd": "order-svc"},
    "instance_traffic": [{"kind": "nginx"}],
}


def service(**changed: Any) -> dict[str, Any]:
    values = _settings.typed({**SERVICE, **changed}, FLEET, "order-1")
    _settings.check_service(values, ["order-1", "order-2"])
    return values


def selected(**changed: Any) -> dict[str, Any]:
    values = _settings.typed({**SELECTED, **changed}, INSTANCE, "order-3")
    _settings.check_selected("order-3", values)
    return values


@pytest.mark.parametrize("where", ["points", "sources"])
def test_what_settles_does_so_before_the_deadline(where: str) -> None:
    described: dict[str, Any] = {"points": [{"member": "a"}], "sources": [{"settings": {}}]}
    _settings.check_settles("order-3", selected(), described)
    described[where] = [{"settle": 60, "settings": {"settle": 60}}]
    _settings.check_settles("order-3", selected(instance_drain_deadline=61), described)
    said = "order-3: instance_traffic: settle 60 s must be shorter than instance_drain_deadline 60 s"
    with pytest.raises(Invalid, match=said):
        _settings.check_settles("order-3", selected(), described)


def test_what_must_be_set_is_enough() -> None:
    assert service()["fleet_floor"] == "30%"
    assert selected()["instance_drain_deadline"] == 60.0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("fleet_floor", "130%", "fleet_floor: floor '130%' leaves nothing to take out, ever: write less than 100%"),
        ("fleet_floor", "100%", "'100%' leaves nothing to take out, ever"),
        ("fleet_floor", "0%", "floor '0%' would allow an outage of everything: write at least 1%"),
        ("fleet_floor", -1, "floor -1 is no share: write it in percent, as in '30%'"),
        ("fleet_floor", "-1%", "floor '-1%' is no share"),
        ("fleet_floor", "0.3%", "floor '0.3%' is less than one percent: write at least 1%, as in '30%'. Did you mean"),
        ("fleet_floor", 0.3, "floor 0.3 is no share: write it in percent, as in '30%'. Did you mean '30%'?"),
        ("fleet_floor", 30, "floor 30 is no share: write it in percent, as in '30%'. Did you mean '30%'?"),
        ("fleet_floor", "thirty", "floor 'thirty' is no share"),
        ("fleet_floor", True, "floor True is no share"),
        ("fleet_floor", ["30%"], "floor ['30%'] is no share"),
        ("fleet_pace", [], "fleet_pace: pace [] is no list of batch sizes, as in [1, '25%']"),
        ("fleet_pace", [0], "pace step 0 must be at least 1"),
        ("fleet_pace", [1, -2], "pace step -2 must be at least 1"),
        ("fleet_pace", ["0%"], "pace step '0%' is not between 1% and 100%"),
        ("fleet_pace", ["101%"], "pace step '101%' is not between 1% and 100%"),
        ("fleet_pace", ["a"], "pace step 'a' is neither a count (2) nor a share ('25%')"),
        ("fleet_pace", [None], "pace step None is neither"),
        ("fleet_pace", "[1]", "order-1: fleet_pace '[1]' is a text, and must be a list"),
        ("fleet_pace", 2, "pace 2 is no list"),
        ("fleet_max_out", 0, "max_out 0 must be at least 1"),
        ("fleet_max_out", "two", "max_out 'two' is neither a count"),
        ("fleet_service", "order svc", "fleet_service: service 'order svc' is no name"),
        ("fleet_service", "bestellung-ü", "'bestellung-ü' is no name"),
        ("fleet_service", "x" * 129, "(at most 128)"),
        ("fleet_ledger", "var/ledger", "fleet_ledger: ledger 'var/ledger' is not an absolute path"),
        ("fleet_ledger", "/var/../etc", "'/var/../etc'"),
        ("fleet_ledger", "zookeeper://zk1:2181/restart", "fleet_ledger: ledger needs auth in ZooKeeper"),
        ("fleet_ledger_host", None, "fleet_ledger_host is not set: write the one host that has the ledger's directory"),
        ("fleet_ledger_auth", {"file": "/etc/zk"}, "is a directory, and auth is for ZooKeeper"),
        ("fleet_ledger_auth", "/etc/zk", "fleet_ledger_auth '/etc/zk' is a text, and must be a mapping"),
        ("fleet_ledger_tls", {"cert": "/etc/zk"}, "missing required arguments: ca found in fleet_ledger_tls"),
        ("fleet_state_dir", "/var/lib/a b", "fleet_state_dir: directory '/var/lib/a b'"),
        ("fleet_kind", "roling", "must be one of: single, rolling, canary, forced, got: roling"),
        ("fleet_kind", "single", "fleet_kind single restarts exactly one instance, and 2 are selected: use -l HOST"),
        ("fleet_bake", "soon", "fleet_bake 'soon' is no number of seconds from 0 to 86400, and not confirm"),
        ("fleet_bake", -5, "fleet_bake -5 is no number of seconds from 0 to 86400, and not confirm"),
        ("fleet_bake", 86401, "fleet_bake 86401 is no number of seconds"),
        ("fleet_bake", 1.5, "fleet_bake 1.5 is no number of seconds"),
        ("fleet_bake", True, "fleet_bake True is no number of seconds"),
        ("fleet_drained", "maybe", "value of fleet_drained must be one of: skip, include, got: maybe"),
        ("fleet_new", "perhaps", "perhaps"),
        ("fleet_reason", "x" * 201, "has 201 characters: at most 200 go on the record"),
        ("fleet_reason", "a\nb", r"fleet_reason 'a\nb' has a line end or another control character in it"),
        ("fleet_reason", "\x1b[31m", "control character"),
        ("fleet_since", "yesterday", "fleet_since 'yesterday' is no moment: write seconds since the epoch, or a date"),
        ("fleet_since", datetime.date(2026, 1, 31), "fleet_since '2026-01-31' is no moment"),
        ("fleet_since", datetime.datetime(2026, 1, 31, 10), "fleet_since '2026-01-31 10:00:00' is no moment"),
        ("fleet_since", True, "fleet_since 'True' is no moment"),
        ("fleet_since", -1, "fleet_since '-1' is no moment"),
        ("fleet_since", "nan", "fleet_since 'nan' is no moment"),
        ("fleet_since", [1], "fleet_since '[1]' is no moment"),
    ],
)
def test_a_service(name: str, value: Any, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        service(**{name: value})
    assert said in str(refused.value)


@pytest.mark.parametrize("reason", ["CVE-2026-1234", "läuft nicht mehr: 请重启", "x" * 200, ""])
def test_a_reason(reason: str) -> None:
    assert service(fleet_reason=reason)["fleet_reason"] == reason


@pytest.mark.parametrize(
    ("since", "seconds"),
    [
        (None, None),
        (0, 0.0),
        ("1769868000", 1769868000.0),
        ("2026-01-31T22:00:00+08:00", 1769868000.0),
        ("2026-01-31 14:00:00Z", 1769868000.0),
        (datetime.datetime(2026, 1, 31, 14, tzinfo=datetime.UTC), 1769868000.0),
    ],
)
def test_a_moment(since: Any, seconds: float | None) -> None:
    assert _settings.moment(since) == seconds


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("instance_restart", {}, "order-3: instance_restart: restart: write one of systemd"),
        ("instance_restart", "order-svc", "instance_restart 'order-svc' is a text, and must be a mapping"),
        ("instance_restart", ["order-svc"], "instance_restart ['order-svc'] must be a mapping"),
        ("instance_restart", {"systemd": "a", "command": ["b"]}, "systemd and command"),
        ("instance_restart", {"systemd": "a;b"}, "'a;b' is no name"),
        ("instance_restart", {"comand": ["b"]}, "unknown key 'comand': did you mean 'command'?"),
        ("instance_restart", {"command": "systemctl restart x"}, "'systemctl restart x' is no command: write a list"),
        ("instance_restart", {"command": ["a\nb"]}, r"['a\nb'] is no command"),
        ("instance_restart", {"pid_file": "/run/x.pid"}, "says how to find the process, not how to restart it"),
        ("instance_restart", {"stop": ["a"]}, "'stop' and 'start' go together"),
        ("instance_restart", {"systemd": datetime.date(2026, 1, 31)}, "put quotes around a date"),
        ("instance_health", "http://h/", """is a text, and must be a list; on the command line as in -e '{"instance"""),
        ("instance_health", {"url": "http://h/"}, "instance_health {'url': 'http://h/'} must be a list of mappings"),
        ("instance_health", ["http://h/"], "order-3: instance_health[0] 'http://h/' must be a mapping"),
        ("instance_health", [{}], "order-3: instance_health[0]: a target has exactly one of url, tcp, file, process"),
        ("instance_health", [{"tcp": "10.0.0.3"}], "'10.0.0.3' has no port"),
        ("instance_health", [{"url": "file:///etc/passwd"}], "is no http or https URL"),
        ("instance_health", [{"url": "http://h/", "expect": ["a"]}], 'expect ["a"] is list: write a mapping'),
        ("instance_health", [{"url": "http://h/", "expect": {}}], "expect {} is"),
        ("instance_health", [{"url": "http://h/", "expect": {"a": "> b"}}], "comparison '> b' has no number"),
        ("instance_health", [{"url": "http://h/", "expect": {"a": float("nan")}}], "neither text nor number"),
        ("instance_health", [{"url": "http://h/", "expct": {"a": 1}}], "unknown key 'expct'"),
        ("instance_idle", [{"url": "http://h/", "timeout": 0}], "timeout 0 is not a number of seconds above 0"),
        ("instance_idle", [{"url": "http://h/", "status": [99]}], "status [99] is no list of numbers from 200"),
        ("instance_state", [{"file": "etc/passwd"}], "'etc/passwd' is not an absolute path"),
        ("instance_probe", ["x"], "instance_probe ['x'] must be a mapping"),
        ("instance_drain_deadline", -1, "order-3: instance_drain_deadline -1.0 is not a number from 0.1 to 36000"),
        ("instance_drain_deadline", "60s", "'instance_drain_deadline' is of type str and we were unable to convert"),
        ("instance_drain_deadline", float("inf"), "instance_drain_deadline has a value in it that is neither"),
        ("instance_quiet_window", 60, "instance_quiet_window 60 s must be shorter than instance_drain_deadline 60 s"),
        ("instance_restart_retries", -1, "instance_restart_retries -1 is not a number from 0 to 100"),
        ("instance_health_successes", 0, "instance_health_successes 0 is not a number from 1"),
        ("instance_verify_requests", -1, "instance_verify_requests -1 is not a number from 0"),
        ("instance_verify_error_rate", 101, "instance_verify_error_rate 101.0 is not a number from 0.001 to 100"),
        ("instance_verify_p95", 0, "instance_verify_p95 0.0 is not a number from 0.001"),
        ("instance_verify_inconclusive", "ignore", "must be one of: accept, fail, got: ignore"),
        ("instance_drain_overrun", "kill", "must be one of: refuse, cut, got: kill"),
        ("instance_warm_up", [{"tcp": "10.0.0.3:8080"}], "instance_warm_up[0] {'tcp': '10.0.0.3:8080'} has no url"),
        ("instance_warm_up", [{"url": "ftp://h/"}], "instance_warm_up[0]: target ftp://h/"),
        ("instance_warm_up_count", 0, "instance_warm_up_count 0"),
        ("instance_warm_up_concurrency", 65, "instance_warm_up_concurrency 65"),
        ("instance_warmup", [0], "instance_warmup [0]: shares are percent from 1 to 100"),
        ("instance_warmup", [101], "instance_warmup [101]: shares are percent from 1 to 100"),
        ("instance_warmup", ["half"], "instance_warmup"),
        ("instance_warmup", "10,50", "instance_warmup '10,50' is a text, and must be a list"),
    ],
)
def test_an_instance(name: str, value: Any, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        selected(**{name: value})
    assert said in str(refused.value)


def test_what_is_missing() -> None:
    with pytest.raises(Invalid, match="order-3: missing required arguments: instance_restart"):
        _settings.typed({"instance_address": "h:80", "instance_traffic": []}, INSTANCE, "order-3")


def test_a_password_is_not_shown() -> None:
    with pytest.raises(Invalid) as refused:
        selected(instance_health=[{"url": "http://ops:hunter2@h/"}])
    assert "headers_file" in str(refused.value) and "hunter2" not in str(refused.value)


def test_numbers_as_the_command_line_gives_them() -> None:
    assert selected(instance_drain_deadline="90", instance_warmup=["10", 50])["instance_warmup"] == [10, 50]
    assert service(fleet_bake="300", fleet_new="true")["fleet_new"] is True


@pytest.mark.parametrize(
    ("changed", "fleet", "said"),
    [
        ({"instance_drain_deadline": 12300.0}, {}, "the drain add up to 86100 s"),
        ({"instance_restart_retries": 100, "instance_health_deadline": 900.0}, {}, "its retries and the gate"),
        (
            {"instance_verify_deadline": 3600.0},
            {"fleet_kind": "canary", "fleet_bake": 50000},
            "attach, verify and bake",
        ),
    ],
)
def test_deadlines_that_no_lease_can_hold(changed: dict[str, Any], fleet: dict[str, Any], said: str) -> None:
    values = {**selected(), **changed}
    sources = [*[{"family": "nginx"}] * 19, {"family": "mq"}]
    _settings.check_held("order-3", selected(), service(fleet_bake=50000), sources)
    with pytest.raises(Invalid, match=f"order-3: the deadlines of .*{said}.*: keep it within a day"):
        _settings.check_held("order-3", values, service(**fleet), sources)
