# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that are reached by SSH and can die: one sshd for each, on its own loopback address.

They share this machine's files and processes: what is real is the way there, and that it can be cut.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..demo import wait_for

PORT = 2222
CONFIG = """\
Port {port}
ListenAddress {address}
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp
"""
OPTIONS = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=3 -o ConnectionAttempts=1"


class Hosts:
    """addresses: name -> loopback address. As a context manager they live inside the block."""

    def __init__(self, folder: Path, addresses: dict[str, str]) -> None:
        self.folder = folder
        self.addresses = addresses
        self._servers: dict[str, subprocess.Popen[bytes]] = {}

    def variables(self) -> dict[str, Any]:
        """What an inventory says of them."""
        return {
            "ansible_connection": "ssh",
            "ansible_port": PORT,
            "ansible_user": getpass.getuser(),
            "ansible_pipelining": True,
            "ansible_ssh_private_key_file": str(self.folder / "key"),
            "ansible_ssh_common_args": OPTIONS,
            "ansible_ssh_retries": 0,
        }

    def start(self, name: str) -> None:
        config = self.folder / f"{name}.conf"
        config.write_text(CONFIG.format(port=PORT, address=self.addresses[name], folder=self.folder))
        with (self.folder / f"{name}.log").open("ab") as log:
            self._servers[name] = subprocess.Popen(
                [_sshd(), "-D", "-e", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(f"sshd of {name}", lambda: self.alive(name))

    def alive(self, name: str) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.addresses[name], PORT)) == 0

    def kill(self, name: str) -> None:
        """No way there any more, and whatever came that way is gone."""
        server = self._servers.pop(name)
        server.send_signal(signal.SIGSTOP)
        while found := list(_below(server.pid)):
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        server.kill()
        server.wait()

    def __enter__(self) -> Hosts:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("key", "host"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        try:
            for name in self.addresses:
                self.start(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        for name in list(self._servers):
            self.kill(name)


def _sshd() -> str:
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    assert found, "these tests need sshd: apt-get install -y openssh-server"
    return found


def _below(parent: int) -> Iterator[int]:
    """The living processes below one."""
    for pid in _children(parent):
        yield pid
        yield from _below(pid)


def _children(parent: int) -> Iterable[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in list(Path(f"/proc/{parent}/task").iterdir()):
            for pid in map(int, (task / "children").read_text().split()):
                if "\nState:\tZ" not in _status(pid):
                    yield pid


def _status(pid: int) -> str:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/status").read_text()
    return "\nState:\tZ"
