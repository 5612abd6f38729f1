# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Docker image of the hosts of the Molecule scenarios. `python -m tests.lab.image` makes it and prints its name.

It is the tree of files of systemd.py, imported once; where MOLECULE_IMAGE names another one, it is that.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from . import systemd

INIT = 'CMD ["/lib/systemd/systemd"]'


def image() -> str:
    """Its name. Raises LabError or CalledProcessError where it cannot be made."""
    given = os.environ.get("MOLECULE_IMAGE")
    if given:
        return given
    tree = systemd.base()
    name = f"lossless-restart-host:{tree.name}"
    if not known(name):
        make(tree, name)
    return name


def known(name: str) -> bool:
    return not subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode


def make(tree: Path, name: str) -> None:
    with subprocess.Popen(["tar", "--numeric-owner", "-C", str(tree), "-c", "."], stdout=subprocess.PIPE) as packed:
        command = ["docker", "import", "--change", INIT, "-", name]
        subprocess.run(command, stdin=packed.stdout, stdout=subprocess.DEVNULL, check=True)
    if packed.returncode:
        raise systemd.LabError(f"{tree} could not be packed: tar ended with {packed.returncode}")


if __name__ == "__main__":
    print(image())
