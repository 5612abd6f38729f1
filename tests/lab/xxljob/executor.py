# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An executor's process."""

from __future__ import annotations

from pathlib import Path

from ..java import Server, classes
from ..nginx import free_port
from .admin_double import APPLICATION, TOKEN, AdminDouble

PROFILE = "xxljob-2"
SOURCES = Path(__file__).parent / "java"


class Executor(Server):
    """It keeps its ports and its journal when it is started again. headers: a file with its token."""

    def __init__(self, folder: Path, admin: AdminDouble, address: str) -> None:
        self.address, self.admin = address, admin
        self.port, self.own = free_port(), free_port()
        self.journal = folder / "journal"
        self.headers = folder / "headers"
        self.headers.write_text(f"XXL-JOB-ACCESS-TOKEN: {TOKEN}\n")
        self.headers.chmod(0o600)
        words = [admin.url, TOKEN, APPLICATION, address, str(self.port), str(self.own), str(self.journal)]
        command = ["-Xmx64m", "lab.Executor", *words, str(folder / "jobs")]
        super().__init__(folder.name, folder, PROFILE, command, self.serves, classes(PROFILE, SOURCES))

    @property
    def member(self) -> str:
        return f"{self.address}:{self.port}"

    def serves(self) -> bool:
        return self.member in self.admin.registered

    def url(self, path: str) -> str:
        """Of an endpoint of its own."""
        return f"http://{self.address}:{self.own}/{path}"
