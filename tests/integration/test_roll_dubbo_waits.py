# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rolling_restart.yml on Dubbo providers that register nothing at their start, with `attaches: online`."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from pathlib import Path

import pytest

from tests.integration.test_roll_dubbo import Scene
from tests.lab.demo import clean, wait_for
from tests.lab.dubbo import ECHO, ECHO2
from tests.lab.stage import LONG

pytestmark = pytest.mark.timeout(900)
# Seconds throughout which the gate is held shut; one that registers by itself does so in the first of them.
SHUT = 8.0
NOT_TOLD = "before it was told"


@pytest.mark.parametrize("version", ["3.3", pytest.param("2.7", marks=pytest.mark.variant)])
def test_nothing_of_it_is_there_before_its_gate(tmp_path: Path, version: str) -> None:
    """While the gate is shut, when it fails, and when it has opened: by the registry's own tree, under calls."""
    with contextlib.ExitStack() as stack:
        waits = ("order-1", "order-2")
        seconds = {"order-1": 120.0, "order-2": 3.0, "order-3": 120.0}
        own = {name: {"instance_health_deadline": deadline} for name, deadline in seconds.items()}
        scene = Scene(stack, tmp_path, version, waits=waits, entry={"attaches": "online"}, own=own)
        fleet = scene.fleet
        everybody = set(fleet.instances)
        ports = {name: f"qos port {one.qos_port}: attaches is online" for name, one in fleet.providers.items()}
        for name in everybody:
            fleet.moments.before(f"supervisorctl start {name}", 1, partial(fleet.switch, name, "unhealthy"))
        with fleet.watched() as (client, _observer):
            fleet.providers["order-1"].qos(f"offline?x={ECHO2 if version == '3.3' else 'lab.Echo2'}")
            wait_for("one to be offline", lambda: not scene.published("order-1")[ECHO2], 30)
            with fleet.playbook("-l", "order-1") as roll:
                wait_for("its start", lambda: fleet.starts()["order-1"] == 2, LONG)
                seen = _seen_shut(scene, "order-1")
                fleet.switch("order-1", "unhealthy", None)
                assert roll.wait(LONG) == 0, roll.text
            assert len(seen) > 20 and set().union(*seen) == everybody - {"order-1"}
            assert NOT_TOLD not in roll.text and "EXPOSED" not in roll.text
            assert scene.registered() == everybody
            # What a person had taken offline stays so.
            assert scene.published("order-1") == {ECHO: True, ECHO2: False}
            scene.reached()

            # A gate that fails has nothing to take back, and the same command goes on.
            ended = fleet.roll(limit="order-2")
            assert ended.code == 2 and "EXPOSED" not in ended.text, ended.text
            assert scene.registered() == everybody - {"order-2"} and fleet.held() == {"order-2": "restarting"}
            fleet.switch("order-2", "unhealthy", None)
            ended = fleet.roll(limit="order-2")
            assert ended.code == 0 and "resuming run" in ended.text, ended.text
            scene.reached()

            # One that registers itself in spite of it is named.
            with fleet.playbook("-l", "order-3") as roll:
                wait_for("its start", lambda: fleet.starts()["order-3"] == 2, LONG)
                wait_for("it to be there before its gate", lambda: "order-3" in scene.registered(), LONG)
                fleet.switch("order-3", "unhealthy", None)
                assert roll.wait(LONG) == 0, roll.text
            text = " ".join(roll.text.split())
            assert ports["order-3"] in text and NOT_TOLD in text, roll.text
            scene.reached()
        assert scene.failed() == []
        assert clean(client.result), client.losses
        assert scene.registered() == everybody and fleet.held() == {} and fleet.runs() == []


def _seen_shut(scene: Scene, name: str) -> list[set[str]]:
    """Who was in the registry at each look, from when the process could have registered itself."""
    wait_for("its services", scene.fleet.providers[name].ready, 120)
    seen = [scene.registered()]
    until = time.monotonic() + SHUT
    while time.monotonic() < until:
        time.sleep(0.1)
        seen.append(scene.registered())
    return seen
