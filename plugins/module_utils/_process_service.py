# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each kind of process supervisor knows: the one interface that restarting needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ._command import Ran
from ._process_host import Identity


@dataclass(frozen=True)
class Seen:
    """One reading of a service.

    process: its main process, None where there is none. state: in the supervisor's own words.
    down: whether it is stopped, and stays so until it is started. why: what the supervisor says about its being down;
    empty where nobody but us watches the process, which may then still be on its way up.
    """

    process: Identity | None
    state: str
    down: bool
    why: str = ""


class Service(Protocol):
    """A service as its supervisor knows it. Every method may raise ProcessError."""

    label: str

    def read(self) -> Seen: ...

    def ways(self) -> tuple[list[str] | None, list[str]]:
        """The commands that stop and start it; None and one that restarts it, where they cannot be apart."""

    def refused(self, ran: Ran) -> str:
        """Why a command of `ways` did not do what it was asked; empty where it did, whatever its exit status."""
