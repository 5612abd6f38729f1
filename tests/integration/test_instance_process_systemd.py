# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""instance_process on a host with a real systemd, which also says what really happened."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.lab import adhoc, systemd

SERVICE = "[Service]\nTimeoutStopSec=60\n"
SLEEP = "ExecStart=/bin/sleep infinity\n"
CRASH = "ExecStart=/bin/sh -c 'sleep {0}; exit 3'\n"
UNITS = {
    "order": SERVICE + SLEEP,
    "order@": SERVICE + SLEEP,
    "forking": SERVICE
    + "Type=forking\nPIDFile=/run/forking.pid\n"
    + "ExecStart=/bin/sh -c 'sleep infinity & echo $! > /run/forking.pid'\n",
    "notify": SERVICE
    + "Type=notify\nNotifyAccess=all\n"
    + "ExecStart=/bin/sh -c 'sleep 2; systemd-notify --ready; exec sleep infinity'\n",
    "gated": SERVICE
    + "Type=notify\nNotifyAccess=all\nTimeoutStartSec=infinity\n"
    + "ExecStart=/bin/sh -c 'until [ -e /run/open ]; do sleep 0.1; done; systemd-notify --ready; "
    + "exec sleep infinity'\n",
    "masked": SERVICE + SLEEP,
    "broken": SERVICE + "ExecStart=sleep-with-a-relative/path\n",
    "oneshot": SERVICE + "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
    "false": SERVICE + "ExecStart=/bin/false\n",
    "absent-program": SERVICE + "ExecStart=/usr/bin/no-such-program\n",
    "stubborn": SERVICE + "ExecStart=/bin/sh -c 'trap \"\" TERM; while :; do sleep 0.2; done'\n",
    "hanging-stop": SERVICE + SLEEP + "ExecStop=/bin/sleep infinity\n",
    "stop-limit": SERVICE.replace("60", "1") + SLEEP + "ExecStop=/bin/sleep infinity\n",
    "dies-at-once": SERVICE + CRASH.format(0.1) + "Restart=always\nRestartSec=0\n[Unit]\nStartLimitIntervalSec=0\n",
    "dies-later": SERVICE + CRASH.format(0.8) + "Restart=always\nRestartSec=0\n[Unit]\nStartLimitIntervalSec=0\n",
    "limited": SERVICE + CRASH.format(0) + "Restart=always\nRestartSec=0\n[Unit]\nStartLimitIntervalSec=1h\n",
    "leader": SERVICE + SLEEP,
    "sidecar": "[Unit]\nPartOf=leader.service\nAfter=leader.service\n" + SERVICE + SLEEP,
    "allowed": SERVICE + SLEEP,
    "web": SERVICE + "ExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 8000\n",
}
Call = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def host() -> Iterator[systemd.Machine]:
    with systemd.host() as machine:
        for name, text in UNITS.items():
            machine.write(f"/etc/systemd/system/{name}.service", text)
        machine.run(["systemctl", "daemon-reload"])
        machine.run(["useradd", "--create-home", "deploy"])
        yield machine


@pytest.fixture(scope="module")
def call(host: systemd.Machine) -> Call:
    def run(unit: str, state: str = "restarted", *options: str, user: str = "root", **more: Any) -> dict[str, Any]:
        restart = {"systemd": unit, **more.pop("restart", {})}
        arguments = {"restart": restart, "address": f"{unit.replace('@', '-at-')}host:80", "state": state, **more}
        return adhoc.call("instance_process", arguments, host.variables(user), *options)

    return run


def start(host: systemd.Machine, unit: str) -> int:
    host.run(["systemctl", "start", unit])
    return int(host.show(unit, "MainPID"))


@pytest.mark.parametrize("unit", ["order", "order@1.service", "forking", "notify"])
def test_a_restart_is_another_process_of_the_unit(host: systemd.Machine, call: Call, unit: str) -> None:
    pid, invocation = start(host, unit), host.show(unit, "InvocationID")
    read = call(unit, "read")
    assert (read["identity"]["pid"], read["running"], read["changed"]) == (pid, True, False)
    planned = call(unit, "restarted", "--check")
    assert (planned["changed"], host.show(unit, "MainPID")) == (True, str(pid)), planned
    done = call(unit)
    assert not done["failed"] and done["changed"] and done["touched"], done
    assert done["before"] == read["identity"]
    assert str(done["identity"]["pid"]) == host.show(unit, "MainPID") != str(pid)
    assert host.show(unit, "InvocationID") != invocation
    again = call(unit, older_than=600)
    assert (again["changed"], again["identity"]) == (False, done["identity"]), again
    assert "younger than 600 s" in again["msg"]


def test_the_wait_for_a_unit_that_says_when_it_is_ready_is_told(host: systemd.Machine, call: Call) -> None:
    start(host, "notify")
    assert 2.0 <= call("notify")["waited"] < 10


def test_a_stopped_unit_is_read_and_started(host: systemd.Machine, call: Call) -> None:
    host.run(["systemctl", "stop", "order"])
    read = call("order", "read")
    assert (read["failed"], read["running"], read["identity"], read["status"]) == (
        False,
        False,
        None,
        "inactive (dead)",
    )
    done = call("order", older_than=600)
    assert (done["before"], str(done["identity"]["pid"])) == (None, host.show("order", "MainPID")), done


def test_a_failed_unit_is_started(host: systemd.Machine, call: Call) -> None:
    pid = start(host, "order")
    host.run(["systemctl", "kill", "--signal=KILL", "order"])
    systemd.until(lambda: host.show("order", "ActiveState") == "failed")
    assert "failed (failed)" in call("order", "read")["msg"]
    assert call("order")["identity"]["pid"] == int(host.show("order", "MainPID")) != pid


def test_of_two_instances_on_a_host_one_is_restarted(host: systemd.Machine, call: Call) -> None:
    first, second = start(host, "order@1"), start(host, "order@2")
    assert not call("order@1")["failed"]
    assert int(host.show("order@1", "MainPID")) != first
    assert int(host.show("order@2", "MainPID")) == second


def test_units_that_would_go_down_with_it_come_back(host: systemd.Machine, call: Call) -> None:
    leader, sidecar = start(host, "leader"), start(host, "sidecar")
    assert not call("leader")["failed"]
    assert int(host.show("leader", "MainPID")) != leader
    systemd.until(lambda: host.show("sidecar", "ActiveState") == "active")
    assert int(host.show("sidecar", "MainPID")) not in (0, sidecar)


@pytest.mark.parametrize("state", ["read", "restarted"])
@pytest.mark.parametrize(
    ("unit", "says"),
    [
        ("no-such-unit", "unit no-such-unit does not exist on this host"),
        ("order@", "restart: systemd 'order@' is a template"),
        ("masked", "unit masked is masked"),
        ("broken", "unit broken cannot be used (systemd says: bad-setting)"),
    ],
)
def test_a_unit_that_cannot_be_used_is_named(
    host: systemd.Machine, call: Call, unit: str, state: str, says: str
) -> None:
    if unit == "masked":
        host.run(["systemctl", "mask", "--runtime", "--force", unit])
        host.run(["rm", "/etc/systemd/system/masked.service"], check=False)
        host.run(["systemctl", "daemon-reload"])
    answer = call(unit, state)
    assert answer["failed"] and answer["msg"].startswith(says), answer
    assert not answer["touched"]


@pytest.mark.parametrize(
    ("unit", "says"),
    [
        ("false", "ExecMainStatus=1"),
        ("absent-program", "ExecMainStatus=203"),
        ("dies-at-once", "which did not last"),
    ],
)
def test_a_process_that_does_not_last_is_a_failure(call: Call, unit: str, says: str) -> None:
    answer = call(unit, deadline=8)
    assert answer["failed"] and answer["touched"] and says in answer["msg"], answer


def test_a_unit_without_a_process_of_its_own_is_a_failure(call: Call) -> None:
    answer = call("oneshot", deadline=2)
    assert answer["failed"] and "did not come back: it is active (exited)" in answer["msg"], answer


@pytest.mark.parametrize("unit", ["stubborn", "hanging-stop"])
def test_a_stop_that_hangs_is_a_failure_that_names_the_process(host: systemd.Machine, call: Call, unit: str) -> None:
    pid = start(host, unit)
    answer = call(unit, deadline=2)
    assert answer["failed"] and answer["touched"], answer
    assert f"the old pid {pid} is still alive" in answer["msg"]
    assert answer["identity"] == answer["before"]
    assert host.show(unit, "ActiveState") == "deactivating"


def test_a_stop_that_systemd_ends_at_its_limit_is_a_restart(host: systemd.Machine, call: Call) -> None:
    pid = start(host, "stop-limit")
    answer = call("stop-limit")
    assert not answer["failed"] and answer["waited"] >= 1, answer
    assert int(host.show("stop-limit", "MainPID")) == answer["identity"]["pid"] != pid


def test_a_start_limit_is_named(host: systemd.Machine, call: Call) -> None:
    host.run(["systemctl", "start", "limited"])
    systemd.until(lambda: host.show("limited", "ActiveState") == "failed")
    answer = call("limited")
    assert answer["failed"] and "start-limit-hit" in answer["msg"], answer
    assert "systemctl reset-failed limited" in answer["msg"]


def test_a_process_that_dies_later_is_seen_by_its_identity(host: systemd.Machine, call: Call) -> None:
    done = call("dies-later")
    assert not done["failed"], done
    systemd.until(lambda: host.show("dies-later", "MainPID") not in ("0", str(done["identity"]["pid"])))
    later = call("dies-later", "read")
    assert later["identity"] != done["identity"], later
    host.run(["systemctl", "stop", "dies-later"])


def test_a_restart_that_a_killed_run_left_is_waited_for(host: systemd.Machine, call: Call) -> None:
    host.write("/run/open", "")
    pid = start(host, "gated")
    host.run(["rm", "/run/open"])
    arguments = {"restart": {"systemd": "gated"}, "address": "gatedhost:80", "state": "restarted", "older_than": 0.5}
    line, environment = adhoc.command("instance_process", arguments, host.variables())
    killed = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    systemd.until(lambda: host.show("gated", "ActiveState") == "activating", 60)
    killed.kill()
    killed.wait()

    def modules() -> int:
        return len(host.run(["sh", "-c", "grep -sl python3 /proc/[0-9]*/comm"], check=False).split("/comm")) - 1

    assert modules() == 1
    with ThreadPoolExecutor(1) as other:
        resumed = other.submit(call, "gated", older_than=600)
        systemd.until(lambda: modules() == 2, 60)
        assert host.show("gated", "ActiveState") == "activating"
        host.write("/run/open", "")
        done = resumed.result(60)
    assert not done["failed"] and not done["changed"], done
    assert int(host.show("gated", "MainPID")) == done["identity"]["pid"] != pid


def test_one_line_of_sudo_for_each_command_is_enough(host: systemd.Machine, call: Call) -> None:
    rule = "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl stop allowed, /usr/bin/systemctl start allowed\n"
    host.write("/etc/sudoers.d/deploy", rule, 0o440)
    pid = start(host, "allowed")
    settings = {"user": "deploy", "state_dir": "/home/deploy/state"}
    bare = call("allowed", **settings)
    assert bare["failed"] and "systemctl stop allowed` failed" in bare["msg"], bare
    assert int(host.show("allowed", "MainPID")) == pid
    done = call("allowed", restart={"systemctl": ["sudo", "-n", "systemctl"]}, **settings)
    assert int(host.show("allowed", "MainPID")) == done["identity"]["pid"] != pid, done
    refused = call("allowed", user="deploy")
    assert refused["failed"] and refused["msg"].startswith("state_dir /var/lib/lossless_restart: "), refused


def test_who_listens_is_not_for_everybody_to_see(host: systemd.Machine) -> None:
    pid = start(host, "web")
    asked = {"restart": {"listen": "127.0.0.1:8000"}, "state": "read"}
    systemd.until(lambda: adhoc.call("instance_process", asked, host.variables())["running"])
    assert adhoc.call("instance_process", asked, host.variables())["identity"]["pid"] == pid
    hidden = adhoc.call("instance_process", asked, host.variables("deploy"))
    assert hidden["failed"] and "may not see which process listens there (a socket of uid 0)" in hidden["msg"], hidden


def test_a_lower_token_is_refused(host: systemd.Machine, call: Call) -> None:
    pid = start(host, "order")
    newer = call("order", token=7)
    assert not newer["failed"] and newer["identity"]["pid"] != pid, newer
    older = call("order", token=6)
    assert older["failed"] and "token 6 is older than 7" in older["msg"], older
    assert int(host.show("order", "MainPID")) == newer["identity"]["pid"]


def test_nothing_of_a_host_is_left() -> None:
    with systemd.host() as machine:
        assert os.path.exists(f"/proc/{machine.leader}/root")
    assert not os.path.exists(f"/proc/{machine.leader}")
    assert not machine.folder.exists()
