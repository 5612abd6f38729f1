# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run does while it waits for a person's word after its canary."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.plugin_utils import _bake, _own

WAITS = {"msg": "waits", "given": False, "stopped": False, "over": False, "denied": ""}
AWAY = {"failed": True, "lost": True, "msg": "bastion is unreachable"}


class Scene:
    """A ledger that answers one thing after another, and a person who presses keys."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any], keys: str = "") -> None:
        self.answers, self.keys = list(answers), [key.encode() for key in keys]
        self.given: list[str] = []
        self.told: list[str] = []
        self.now = 0.0
        monkeypatch.setattr(_bake, "_key", self.key)
        monkeypatch.setattr(_own, "halted", lambda: None)
        monkeypatch.setattr(_bake, "time", SimpleNamespace(monotonic=lambda: self.now))

    def key(self, question: str) -> bytes:
        self.now += 5
        return self.keys.pop(0).strip() if self.keys else b""

    def ask(self) -> dict[str, Any]:
        return self.answers.pop(0)

    def give(self, run: str) -> dict[str, Any]:
        self.given.append(run)
        return {"msg": "goes on"}

    def wait(self, within: float = 600.0) -> tuple[dict[str, Any], str]:
        return _bake.wait(_bake.Ledger(self.ask, self.give, self.told.append), "order-svc", "R1", within)


@pytest.mark.parametrize(
    ("answers", "keys", "why"),
    [
        ([{**WAITS, "given": True}], "", ""),
        ([WAITS, WAITS, {**WAITS, "given": True}], "", ""),
        ([WAITS, {**WAITS, "stopped": True}], "", ""),
        ([WAITS, {**WAITS, "over": True}], "", "nobody said after the canary that it goes on"),
        ([WAITS, {**WAITS, "denied": "AWX's approval 8 was denied"}], "", "AWX's approval 8 was denied"),
        ([WAITS, WAITS], " s", "stopped after its canary, on its own terminal"),
        ([WAITS, AWAY, AWAY, {**WAITS, "given": True}], "", ""),
        ([WAITS, {"failed": True, "answered": True, "msg": "belongs to another process now"}], "", ""),
    ],
    ids=["at once", "later", "stopped", "too late", "denied", "a key", "the ledger was away", "taken over"],
)
def test_ends(monkeypatch: pytest.MonkeyPatch, answers: list[dict[str, Any]], keys: str, why: str) -> None:
    scene = Scene(monkeypatch, *answers, keys=keys)
    result, said = scene.wait()
    assert said == why and not scene.given
    assert result["msg"] == ("belongs to another process now" if result.get("failed") else "waits")
    assert len(scene.told) == (not answers[0]["given"])


def test_a_key_is_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, WAITS, WAITS, {**WAITS, "given": True}, keys=" g")
    assert scene.wait()[1] == "" and scene.given == ["R1"]
    assert "To go on: approve.yml -l order-svc -e fleet_run=R1. To stop: stop.yml -l order-svc" in scene.told[0]


def test_a_ledger_that_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, WAITS, *[AWAY] * 100)
    assert scene.wait(within=60)[1] == "nobody said after the canary that it goes on"
