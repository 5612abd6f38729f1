# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each ansible-playbook command in a block of README or docs, run as it stands on a fleet of that name."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.demo import Playbook, wait_for
from tests.lab.stage import LONG, Stage
from tests.unit.test_documentation import blocks

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# What a page makes up, and what is said to that.
MADE_UP = {
    "fleet_approve=3f9c1a2b7d40": "has no request 3f9c1a2b7d40",
    "fleet_journal_head=1234:3f9c1a2b7d40aa10": "its end was cut off",
}


def commands() -> list[str]:
    """Without the folder that is gone into, or the comment, before or behind them."""
    lines = [line for path in PAGES for block in blocks(path, "sh") for line in block.splitlines()]
    found = [
        line[line.index("ansible-playbook") :].partition("  #")[0].strip()
        for line in lines
        if "ansible-playbook" in line
    ]
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    variables = {"instance_verify_requests": 0}
    with Stage(tmp_path_factory.mktemp("commands") / "fleet", balancers=1, variables=variables) as made:
        assert made.roll(limit="order-1").code == 0
        yield made


def test_there_are_some() -> None:
    assert len(commands()) >= 10


@pytest.mark.parametrize("command", commands())
def test_the_command(fleet: Stage, command: str) -> None:
    program, playbook, *words = shlex.split(command)
    assert program == "ansible-playbook"
    if "-i" in words:
        place = words.index("-i")
        del words[place : place + 2]
    name = playbook.removeprefix("lossless.restart.").removesuffix(".yml")
    with fleet.playbook(*words, name=f"{name}.yml") as run:
        if "fleet_bake=confirm" in words:
            let_go_on(fleet, run)
        code = run.wait(LONG)
    refused = [said for made_up, said in MADE_UP.items() if made_up in words]
    assert (code == 0) == (not refused), run.text
    assert all(said in run.text for said in refused), run.text
    assert fleet.held() == {}


def let_go_on(fleet: Stage, run: Playbook) -> None:
    """Give the word that it asks for."""
    wait_for("the question", lambda: "CANARY: " in run.text, 120)
    [found] = [one["id"] for one in fleet.status()["runs"]]
    with fleet.playbook("-l", "order-svc", "-e", f"fleet_run={found}", name="approve.yml") as word:
        assert word.wait(LONG) == 0, word.text
