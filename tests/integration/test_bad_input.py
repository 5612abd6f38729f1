# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bad input to the real command: one clear error, and nothing is touched.

The finer tables of bad values are unit tests (test_description, test_settings, test_names, test_grammar,
test_ledger, test_nginx_*); here each class of them goes the whole way at least once.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _guard

from tests.integration.bad_input import Change, Refusals, both, group, host, only_error

pytestmark = pytest.mark.timeout(900)
BALANCERS = "{{ groups['lb'] }}"
STATUS = "http://{{ instance_address }}/internal/status"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refusals]:
    refusals = Refusals(tmp_path_factory.mktemp("bad"))
    with refusals.fleet:
        yield refusals


def traffic(*upstreams: str, **more: Any) -> list[dict[str, Any]]:
    return [{"kind": "nginx", "upstream": name, "balancers": BALANCERS, **more} for name in upstreams or ("order_svc",)]


# What the description says, and the command line: refused by the preflight


def missing(name: str) -> Change:
    return lambda described: described["all"]["children"]["order-svc"]["vars"].pop(name)


def another_group(name: str, hosts: dict[str, Any], **variables: Any) -> Change:
    return lambda described: described["all"]["children"].update({name: {"hosts": hosts, "vars": variables}})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (group(fleet_floor="130%"), ("'130%'", "write less than 100%, as in '30%'")),
        (group(fleet_floor=-1), ("floor -1 is no share", "'30%'")),
        (group(fleet_floor="0.3%"), ("'0.3%'", "Did you mean '30%'?")),
        (group(fleet_floor=0.3), ("floor 0.3 is no share", "Did you mean '30%'?")),
        (group(fleet_floor="thirty"), ("'thirty'", "write it in percent, as in '30%'")),
        (group(fleet_pace=[]), ("fleet_pace: pace [] is no list of batch sizes", "[1, '25%']")),
        (group(fleet_pace=[0]), ("fleet_pace: pace step 0 must be at least 1",)),
        (group(fleet_pace=["0%"]), ("fleet_pace: pace step '0%' is not between 1% and 100%",)),
        (group(fleet_pace=["a"]), ("'a' is neither a count (2) nor a share ('25%')",)),
        (group(fleet_service="pay-svc"), ("fleet_service 'pay-svc': the inventory has no group of this name",)),
        (
            both(group(fleet_service="pay-svc"), another_group("pay-svc", {})),
            ("fleet_service 'pay-svc': the inventory has no group of this name with hosts in it",),
        ),
        (
            both(group(fleet_service="pay-svc"), another_group("pay-svc", {"pay-1": {}})),
            ("order-1, order-2, order-3: not in the group pay-svc, but fleet_service says so",),
        ),
        (missing("fleet_service"), ("order-1, order-2, order-3: fleet_service is not set",)),
        (host("order-2", fleet_service="pay-svc"), ("of several services", "order-2: pay-svc", "one at a time")),
        (host("order-2", fleet_floor="50%"), ("order-2: fleet_floor is '50%' here and '30%' at order-1", "the group's")),
        (group(fleet_ledger_host="bastion"), ("fleet_ledger_host 'bastion' is no host of the inventory",)),
        (group(fleet_ledger="ledger/here"), ("fleet_ledger", "is not an absolute path")),
        (group(fleet_since="yesterday"), ("fleet_since 'yesterday' is no moment", "2026-01-31T22:00:00+08:00")),
        (group(fleet_kind="roling"), ("value of fleet_kind must be one of: single, rolling", "got: roling")),
        (group(fleet_kind="single"), ("exactly one instance, and 3 are selected: use -l HOST",)),
        (host("order-2", instance_address="10.0.0.2"), ("order-2", "'10.0.0.2' has no port: write host:port")),
        (
            host("order-2", instance_address="10.0.0.2:99999"),
            ("order-2: instance_address", "'10.0.0.2:99999'", "'99999' is not a number from 1 to 65535"),
        ),
        (group(instance_address="10.0.0.2:8080"), ("order-2: instance_address '10.0.0.2:8080' is that of order-1 too",)),
        (group(instance_address="{{ nowhere }}:8080"), ("order-1: instance_address", "'nowhere' is undefined")),
        (host("order-3", instance_traffic=traffic("a;b")), ("order-3: instance_traffic[0]: upstream 'a;b' is no name",)),
        (host("order-3", instance_traffic=traffic("a}b")), ("upstream 'a}b' is no name: use letters",)),
        (
            host("order-3", instance_traffic=traffic(member="10.0.0.3:80\n;")),
            ("order-3: instance_traffic[0]: member '10.0.0.3:80\\n;'", "is not a number from 1 to 65535"),
        ),
        (host("order-3", instance_traffic=traffic(member='"x":80')), ("member '\"x\":80'", "neither an address nor a")),
        (host("order-3", instance_traffic=traffic(member="$host:80")), ("member '$host:80'", "neither an address nor a")),
        (host("order-3", instance_traffic=traffic("ö" * 300)), ("is no name", "(at most 128)")),
        (host("order-3", instance_traffic=[]), ("order-3: instance_traffic [] is no list with at least one entry",)),
        (
            host("order-3", instance_traffic=traffic(balancers=["lb-1", "lb-9"])),
            ("lb-9: named as a balancer, but no host of the inventory",),
        ),
        (group(instance_health=[{"url": "file:///etc/passwd"}]), ("instance_health[0]", "is no http or https URL")),
        (group(instance_health=[{"url": "http://x/", "expect": ["a"]}]), ("expect [\"a\"] is list", "write a mapping")),
        (group(instance_health=[{"url": "http://x/", "expect": {"a": "<= b"}}]), ("'<= b' has no number",)),
        (group(instance_health="http://x/"), ("instance_health 'http://x/' is a text, and must be a list",)),
        (group(instance_restart="order-svc"), ("instance_restart 'order-svc' is a text, and must be a mapping",)),
        (group(instance_restart={"systemd": "a;b"}), ("order-1: instance_restart", "systemd 'a;b' is no name")),
        (missing("instance_restart"), ("order-1: missing required arguments: instance_restart",)),
        (group(instance_drain_deadline=-1), ("order-1: instance_drain_deadline -1.0 is not a number from 0.1 to 36000",)),
        (host("order-1", instance_helth=[]), ("order-1: there is no variable instance_helth: write instance_health",)),
        (host("lb-1", nginx_relaod=["true"]), ("lb-1: there is no variable nginx_relaod: write nginx_reload",)),
        (host("lb-1", nginx_version="1.31.3"), ("lb-1: nginx_version '1.31.3' is no command: write a list of words",)),
    ],
)
def test_a_description(fleet: Refusals, change: Change, said: tuple[str, ...]) -> None:
    assert "Nothing was touched." in fleet.refused(change=change, said=said)


def test_a_password_is_never_shown(fleet: Refusals) -> None:
    said = ("instance_health[0]", "has a user or password in it", "headers_file")
    change = group(instance_health=[{"url": "http://ops:hunter2@10.0.0.3/health"}])
    assert "hunter2" not in fleet.refused(change=change, said=said)
    assert "hunter2" not in fleet.text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), ("no limit was given: say what to restart, as in -l order-svc",)),
        (("-l", "lb"), ("lb-1, lb-2: fleet_service is not set",)),
        (("-l", "order-svc:lb-1"), ("lb-1: fleet_service is not set", "limit the run to a service's hosts")),
        (("-l", "order-svc", "-e", "instance_helth=[]"), ("extra variables: there is no variable instance_helth",)),
        (("-l", "order-svc", "-e", "fleet_pace=[1,2]"), ("fleet_pace '[1,2]' is a text", """-e '{"fleet_pace": [...]}'""")),
        (("-l", "order-svc", "-e", "fleet_run=20260101T000000-abcdef"), ("extra variables: fleet_run cannot be set",)),
        (
            ("-l", "order-svc", "-e", '{"instance_lease": {"order-1": {"token": 99}}}'),
            ("extra variables: instance_lease cannot be set", "Remove it"),
        ),
        (("-l", "order-svc", "-e", f"fleet_reason={'x' * 201}"), ("fleet_reason 'xxx", "has 201 characters: at most 200")),
    ],
)
def test_a_command_line(fleet: Refusals, words: tuple[str, ...], said: tuple[str, ...]) -> None:
    assert "Nothing was touched." in fleet.refused(words, said=said)


@pytest.mark.parametrize("limit", ["localhost", "nobody", "order-svc:!order-svc", "empty"])
def test_a_limit_that_selects_nobody(fleet: Refusals, limit: str) -> None:
    """The engine itself refuses; its words are its own."""
    before = fleet.state()
    code, text = fleet.run("-l", limit, change=another_group("empty", {}))
    assert fleet.state() == before
    assert code != 0 and text.count("[ERROR]") == 1 and "no hosts" in text and "Traceback" not in text, text


def test_a_reason_is_never_templated(fleet: Refusals, tmp_path: Path) -> None:
    reason = "{{ lookup('pipe', 'touch " + str(tmp_path / "seen") + "') }}"
    for words, change in ((("-e", f"fleet_reason={reason}"), dict), ((), group(fleet_reason=reason))):
        said = ("fleet_reason", str(tmp_path), "never templated")
        fleet.refused(("-l", "order-1", *words), change=change, said=said)
    assert not (tmp_path / "seen").exists()


# What balancers, instances and the ledger say: refused by the plan

ONE = ("-l", "order-1")
