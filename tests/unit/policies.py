# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A policy beside the ledger, and people who come to its host, for the guard's tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _account, _ledger_directory

CHEN_MAY = """
    may:
      - {users: [chen], groups: [order-team], kinds: [single, rolling, canary]}
      - {groups: [sre], kinds: [single, rolling, canary, forced, break_glass]}
"""


class Rules:
    """The folder of the platform team's files, and who asks from now on."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = monkeypatch
        self._groups: dict[str, Sequence[str]] = {}
        folder.mkdir(mode=0o755)
        monkeypatch.setattr(_ledger_directory, "RULES", str(folder))
        monkeypatch.setattr(_account, "groups_of", lambda name: list(self._groups.get(name, [])))
        self.comes("chen")

    @property
    def policy(self) -> Path:
        return self.folder / "policy.yml"

    def write(self, text: str) -> None:
        self.policy.write_text(text)
        self.policy.chmod(0o644)

    def production(self, more: str = "", may: str = CHEN_MAY) -> None:
        """One environment with these rules, of which none asks for an approval or a confirmation by default."""
        more = "".join(f"    {line}\n" for line in more.splitlines())
        plain = "".join(f"    {name}: false\n" for name in ("approval", "confirm") if f"{name}:" not in more)
        head = "format: 1\ncontact: the platform team\nzone: UTC\nenvironments:\n  production:"
        self.write(f"{head}{may.rstrip()}\n{plain}{more}")

    def comes(self, name: str, *groups: str) -> None:
        """From now on it is this account that asks the guard."""
        self._groups[name] = groups
        self._patch.setattr(_account, "name", lambda proc="": name)


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rules:
    return Rules(tmp_path / "rules", monkeypatch)
