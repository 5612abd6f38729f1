# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each scenario of molecule/, as `molecule test -s NAME` runs it; and again with a break."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
BREAKS = yaml.safe_load(Path(__file__).with_name("breaks.yml").read_text())
COLLECTION = ("galaxy.yml", "meta", "playbooks", "plugins", "roles")

pytestmark = pytest.mark.timeout(900)


def run(scenario: str, **environment: str) -> tuple[int, str]:
    """Its exit status, and what it printed."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["molecule", "test", "-s", scenario],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "NO_COLOR": "1", "ANSIBLE_FORCE_COLOR": "0", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout


def test_there_are_enough_and_each_has_a_break() -> None:
    assert len(SCENARIOS) >= 13 and sorted(BREAKS) == SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_promise(scenario: str) -> None:
    code, text = run(scenario)
    assert code == 0, text


@pytest.mark.variant
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_broken_promise_is_seen(scenario: str, tmp_path: Path) -> None:
    """It fails at the one task by which the break is known."""
    planted = BREAKS[scenario]
    folder = tmp_path / "ansible_collections" / "lossless" / "restart"
    folder.mkdir(parents=True)
    for name in COLLECTION:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
    file = folder / planted["file"]
    text = file.read_text()
    assert text.count(planted["from"]) == 1, f"{planted['file']} does not have it once: {planted['from']}"
    file.write_text(text.replace(planted["from"], planted["to"]))
    code, said = run(scenario, LOSSLESS_COLLECTIONS=str(tmp_path))
    failed = re.findall(r"TASK \[([^\n]*)\] \**\n(?:(?!TASK \[).)*?^(?:fatal|failed):", said, re.DOTALL | re.MULTILINE)
    assert code != 0 and failed == [planted["seen"]], said
