# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""timer_pause on a host with a real systemd and a real cron. What ran is told by the jobs, and by a control of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import adhoc, systemd

pytestmark = pytest.mark.timeout(300)

JOB = "#!/bin/sh\necho began >> /run/$1\nsleep $2\necho ended >> /run/$1\n"
TIMER = "[Timer]\nAccuracySec=1ms\nOnActiveSec=0\nOnUnitInactiveSec=500ms\n[Install]\nWantedBy=timers.target\n"
TICK = "# what cron does\n* * * * * root /opt/order/tick.sh tick 0\n"
CRON = f"{TICK}@reboot root /opt/order/job.sh cron 4 >/dev/null 2>&1\n* * * * * root /opt/order/job.sh cron 0\n"
SUDO = "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl stop report.timer, /usr/bin/systemctl start report.timer\n"


@pytest.fixture(scope="module")
def host() -> Iterator[systemd.Machine]:
    with systemd.host() as machine:
        for name in ("job", "tick"):
            machine.write(f"/opt/order/{name}.sh", JOB, 0o755)
        for name, seconds in (("report", 2), ("control", 0)):
            job = f"[Service]\nType=oneshot\nExecStart=/opt/order/job.sh {name} {seconds}\n"
            machine.write(f"/etc/systemd/system/{name}.service", job)
            machine.write(f"/etc/systemd/system/{name}.timer", TIMER)
        machine.run(["useradd", "--create-home", "deploy"])
        machine.write("/etc/sudoers.d/deploy", SUDO, 0o440)
        machine.run(["systemctl", "daemon-reload"])
        machine.run(["systemctl", "enable", "report.timer"])
        yield machine


def said(host: systemd.Machine, name: str) -> list[str]:
    """What the jobs of that name wrote."""
    path = host.file(f"/run/{name}")
    return path.read_text().split() if path.exists() else []


def another(host: systemd.Machine, name: str, times: int = 1, deadline: float = 20.0) -> None:
    """Wait until the control's job has run so many more times."""
    before = len(said(host, name))
    systemd.until(lambda: len(said(host, name)) >= before + 2 * times, deadline)


def call(host: systemd.Machine, state: str, *timers: dict[str, Any], user: str = "root", **more: Any) -> dict[str, Any]:
    folder = {"state_dir": f"/home/{user}/state"} if user != "root" else {}
    arguments = {"address": "10.0.0.3:8080", "state": state, "timers": list(timers), "deadline": 30, **folder, **more}
    return adhoc.call("timer_pause", arguments, host.variables(user))


@pytest.mark.parametrize("user", ["root", "deploy"])
def test_a_timer_unit(host: systemd.Machine, user: str) -> None:
    """Its job is waited for, none is started, whether it is enabled stays, and it goes on as before."""
    sudo = {"systemctl": ["sudo", "-n", "systemctl"]} if user != "root" else {}
    timer = {"systemd": "report.timer", **sudo}
    host.run(["systemctl", "start", "report.timer", "control.timer"])
    systemd.until(lambda: said(host, "report")[-1:] == ["began"])
    done = call(host, "paused", timer, user=user)
    jobs = said(host, "report")
    assert not done["failed"] and done["changed"] and jobs[-1] == "ended", done
    another(host, "control", 3)
    assert said(host, "report") == jobs
    assert host.show("report.timer", "ActiveState") == "inactive"
    assert host.show("report.timer", "UnitFileState") == "enabled"
    assert not call(host, "paused", timer, user=user)["changed"]
    back = call(host, "restored", user=user)
    assert not back["failed"] and back["changed"] and host.show("report.timer", "ActiveState") == "active", back
    systemd.until(lambda: len(said(host, "report")) > len(jobs))


def test_a_timer_unit_that_a_person_stopped(host: systemd.Machine) -> None:
    host.run(["systemctl", "stop", "report.timer"])
    assert not call(host, "paused", {"systemd": "report.timer"})["changed"]
    assert not call(host, "restored")["changed"]
    assert host.show("report.timer", "ActiveState") == "inactive"


def test_what_may_not_be_done_is_said(host: systemd.Machine) -> None:
    host.run(["systemctl", "start", "report.timer", "control.timer"])
    done = call(host, "paused", {"systemd": "control.timer", "systemctl": ["sudo", "-n", "systemctl"]}, user="deploy")
    assert done["failed"] and "systemctl stop ended with status 1" in done["msg"], done
    done = call(host, "paused", {"systemd": "nosuch.timer"})
    assert done["failed"] and "timer unit nosuch.timer does not exist on this host" in done["msg"], done
    assert host.show("control.timer", "ActiveState") == host.show("report.timer", "ActiveState") == "active"


def test_lines_of_cron(host: systemd.Machine) -> None:
    """The job that runs is waited for; at the next minute the control's line is run, and ours is not."""
    host.run(["systemctl", "stop", "cron"])
    # So that it takes its start for the machine's.
    host.run(["rm", "-f", "/run/crond.reboot"])
    host.write("/etc/cron.d/order", CRON)
    timer = {"cron": "/etc/cron.d/order", "lines": "/opt/order/job.sh"}
    host.run(["systemctl", "start", "cron"])
    systemd.until(lambda: "began" in said(host, "cron"))
    done = call(host, "paused", timer)
    jobs = said(host, "cron")
    assert not done["failed"] and done["changed"] and jobs.count("began") == jobs.count("ended"), done
    another(host, "tick", 1, 90)
    assert said(host, "cron") == jobs
    back = call(host, "restored")
    assert not back["failed"] and back["changed"]
    assert host.file("/etc/cron.d/order").read_text() == CRON
