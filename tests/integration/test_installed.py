# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The built and installed collection restarts a fleet without a file of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.lab.demo import Fleet

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run(*words: str, cwd: Path, **environment: str) -> str:
    """The output of a command of this Python's environment that ends well."""
    ended = subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_installed_collection_restarts_a_fleet(tmp_path: Path) -> None:
    run("ansible-galaxy", "collection", "build", str(ROOT), "--output-path", str(tmp_path), cwd=tmp_path)
    artifact = next(tmp_path.glob("lossless-restart-*.tar.gz"))
    collections = tmp_path / "collections"
    run("ansible-galaxy", "collection", "install", "--offline", str(artifact), "-p", str(collections), cwd=tmp_path)
    with Fleet(tmp_path / "fleet", instances=2, balancers=1, upstreams={"order_svc": None}) as fleet:
        before = {name: fleet.pid(name) for name in fleet.instances}
        with fleet.client(rate=100) as client:
            words = ["-i", str(fleet.inventory), "-l", fleet.service]
            path = {"ANSIBLE_COLLECTIONS_PATH": str(collections)}
            said = run("ansible-playbook", "lossless.restart.rolling_restart", *words, cwd=tmp_path, **path)
            status = run("ansible-playbook", "lossless.restart.status", *words, cwd=tmp_path, **path)
        after = {name: fleet.pid(name) for name in fleet.instances}
    assert "2 of 2 restarted" in said
    assert "order-svc: all is well" in status and "2 of 2 in traffic" in status
    assert str(ROOT / "plugins") not in said
    assert all(after[name] != before[name] for name in before)
    assert client.result["lost"] == 0 and client.result["sent"] > 0
