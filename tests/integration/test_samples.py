# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each of docs/samples, built as its page says: taken out under calls and killed at once, none of them fails."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _local

from tests.lab.caller import Caller
from tests.lab.demo import wait_for
from tests.lab.java import program
from tests.lab.nginx import free_port
from tests.lab.process import Process

pytestmark = pytest.mark.timeout(900)
SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "samples"
HOST = "127.0.0.1"
# For how long the callers go on with what they knew, and what is waited for that: seconds.
CACHED, SETTLE = 1.5, 3.0
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
Command = Callable[[Path, int], list[str]]


def build(folder: Path, *words: str) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {(done.stdout + done.stderr)[-3000:]}"


def fastapi(folder: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "uvicorn", "--app-dir", str(folder), "app:app", "--host", HOST, "--port", str(port)]


def spring(folder: Path, port: int) -> list[str]:
    where = [f"--server.address={HOST}", f"--server.port={port}"]
    return [program("java"), "-Xmx96m", "-XX:+UseSerialGC", "-jar", str(folder / "target" / "sample.jar"), *where]


def gin(folder: Path, port: int) -> list[str]:
    return [str(folder / "sample"), f"{HOST}:{port}"]


def express(folder: Path, port: int) -> list[str]:
    return ["node", str(folder / "app.js"), HOST, str(port)]


# How each is built and started; the page says the same.
BUILDS: Mapping[str, list[list[str]]] = {
    "fastapi": [],
    "spring-boot": [["mvn", "-q", "-B", "package"]],
    "gin": [["go", "mod", "tidy"], ["go", "build", "-o", "sample"]],
    "express": [["npm", "install", "--no-audit", "--no-fund"]],
}
COMMANDS: Mapping[str, Command] = {"fastapi": fastapi, "spring-boot": spring, "gin": gin, "express": express}
READY = {"spring-boot": "actuator/health/readiness"}


class Sample(Process):
    """One process of it."""

    def __init__(self, name: str, folder: Path, built: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        self.ready_url = f"{self.url}/{READY.get(name, 'internal/ready')}"
        super().__init__(folder.name, folder, COMMANDS[name](built, self.port), self.takes_work)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def takes_work(self) -> bool:
        with contextlib.suppress(OSError), OPENER.open(self.ready_url, timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def entry(self) -> dict[str, Any]:
        return {
            "member": f"{HOST}:{self.port}",
            "leave": {"url": f"{self.url}/internal/prepare-shutdown"},
            "join": {"url": f"{self.url}/internal/resume"},
            "serving": [{"url": self.ready_url}],
            "finished": [{"url": f"{self.url}/internal/status", "expect": {"in_flight": 0}}],
            "settle": SETTLE,
            "deadline": 60.0,
        }


@pytest.fixture(
    scope="module",
    params=["fastapi", "spring-boot", *(pytest.param(name, marks=pytest.mark.variant) for name in ("gin", "express"))],
)
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Its name and the folder in which it was built."""
    folder = tmp_path_factory.mktemp("sample") / request.param
    shutil.copytree(SAMPLES / request.param, folder)
    for words in BUILDS[request.param]:
        build(folder, *words)
    return request.param, folder


@pytest.fixture
def two(sample: tuple[str, Path], tmp_path: Path) -> Iterator[list[Sample]]:
    made = [Sample(sample[0], tmp_path / name, sample[1]) for name in ("one", "two")]
    try:
        for one in made:
            one.launch()
        for one in made:
            one.wait()
        yield made
    finally:
        for one in made:
            one.kill()


def called(two: list[Sample]) -> Caller:
    return Caller(lambda: {one.name: one.url for one in two if one.takes_work()}, CACHED)


def test_no_call_fails(two: list[Sample], tmp_path: Path) -> None:
    leaver = two[0]
    with called(two) as caller:
        wait_for("calls to both", lambda: len(caller.served) == 2)
        asked = {"state_dir": str(tmp_path / "state"), **leaver.entry()}
        (tmp_path / "state").mkdir()
        left = _local.run("application_state", {"state": "out", **asked}, False)
        assert not left.get("failed") and left["changed"], left
        os.kill(leaver.pid, 9)
        count = caller.served.total()
        wait_for("more calls", lambda: caller.served.total() > count + 20)
    assert caller.failures == []


def test_calls_fail_where_it_is_only_killed(two: list[Sample]) -> None:
    """Or the other test could not fail."""
    with called(two) as caller:
        wait_for("calls to both", lambda: len(caller.served) == 2)
        os.kill(two[0].pid, 9)
        wait_for("a call that fails", lambda: bool(caller.failures))


def test_it_takes_work_again_where_it_was_not_restarted(two: list[Sample], tmp_path: Path) -> None:
    asked = {"state_dir": str(tmp_path), **two[0].entry(), "settle": 0.0}
    assert _local.run("application_state", {"state": "out", **asked}, False)["changed"]
    assert not two[0].takes_work()
    assert _local.run("application_state", {"state": "in", **asked}, False)["changed"]
    assert two[0].takes_work()
