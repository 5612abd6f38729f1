# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The board, as it is seen on a terminal; and that it gets into nobody's way."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import pytest

from tests.lab.stage import LONG, Stage
from tests.lab.terminal import COLOURS, Terminal

pytestmark = pytest.mark.timeout(600)

HEAD = re.compile(r"^── order-svc, (\d) of (\d) done, \d+:\d\d")
REGION = "\x1b[1;"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """There is no traffic, and so none to wait for."""
    variables = {"instance_verify_requests": 0}
    with Stage(tmp_path_factory.mktemp("board") / "fleet", balancers=1, variables=variables) as found:
        yield found


def boards(terminal: Terminal) -> list[list[str]]:
    """The board's rows on each screen that has it."""
    found = []
    for screen in terminal.screens:
        heads = [number for number, line in enumerate(screen) if HEAD.match(line)]
        assert len(heads) <= 1, screen
        found += [screen[heads[0] :]] if heads else []
    return found


def given_back(terminal: Terminal) -> bool:
    """Whether the terminal is whole again, and nothing of the board is left on it."""
    rest = [line for line in terminal.screens[-1] if line.startswith("──")]
    return terminal.screen.margins is None and not rest


def test_at_80_columns(fleet: Stage) -> None:
    """From the first batch to the report: who is at which step and for how long, and where the pools stand."""
    terminal = Terminal()
    assert terminal.play(fleet.playbook("-l", "order-svc"), LONG) == 0, terminal.raw
    seen = boards(terminal)
    heads = [HEAD.match(board[0]) for board in seen]
    assert {head.groups() for head in heads if head} >= {("0", "3"), ("2", "3")}
    lines = {line for board in seen for line in board}
    for step in ("Drain", "Gate", "Attach"):
        assert any(re.match(rf" order-\d +{step} +\d+:\d\d  .+  at most \d+:\d\d more$", line) for line in lines), (
            "\n".join(sorted(lines))
        )
    assert " order_svc: 1 of 3 in traffic, floor 1" in lines
    clocks = [re.sub(r".* done, 0:(\d+),.*", r"\1", board[0]) for board in seen]
    assert clocks == sorted(clocks), "one clock for the whole run"
    assert all(len(board) == 5 for board in seen), "at the end of the screen, always as many rows"
    printed = "\n".join(terminal.scrolled)
    assert "RECEIPT of run" in printed and "order-3" in printed.partition("RECEIPT")[2]
    assert given_back(terminal)


def test_it_gets_into_nobodys_way(fleet: Stage) -> None:
    """What others print is all there, above it: as many lines, and each whole."""
    plain = fleet.roll("--diff", "-v")
    terminal = Terminal(columns=200)
    assert terminal.play(fleet.playbook("-l", "order-svc", "--diff", "-v"), LONG) == 0, terminal.raw
    assert boards(terminal) and given_back(terminal)
    printed = [line for line in terminal.scrolled if line]
    for begins in ("--- before", "+++ after", "@@", "RECEIPT"):
        count = sum(line.startswith(begins) for line in plain.text.splitlines())
        assert sum(line.startswith(begins) for line in printed) == count, begins
    steps = re.compile(r"^\d\d:\d\d:\d\d  (\w+) +(\S+)")
    assert sorted(found.groups() for line in printed if (found := steps.match(line))) == sorted(
        found.groups() for line in plain.text.splitlines() if (found := steps.match(line))
    )


def test_in_a_pipe(fleet: Stage) -> None:
    assert "\x1b" not in fleet.roll("--check").text


@pytest.mark.parametrize(
    ("size", "variables"),
    [
        ((80, 24), {"TERM": "dumb"}),
        ((80, 24), {"LOSSLESS_RESTART_BOARD": "false"}),
        ((80, 24), {"AWX_HOST": "https://awx.test"}),
        ((39, 24), {}),
        ((80, 11), {}),
    ],
)
def test_none(fleet: Stage, size: tuple[int, int], variables: dict[str, str]) -> None:
    terminal = Terminal(*size)
    assert terminal.play(fleet.playbook("-l", "order-1", environment=variables), LONG) == 0, terminal.raw
    assert REGION not in terminal.raw and not boards(terminal)


def test_without_colour(fleet: Stage) -> None:
    """When asked, nothing on the terminal has a colour; it has otherwise."""
    terminal, coloured = Terminal(), Terminal()
    playbook = fleet.playbook("-l", "order-1", environment={"ANSIBLE_NOCOLOR": "1"})
    assert terminal.play(playbook, LONG) == 0 and boards(terminal)
    assert coloured.play(fleet.playbook("-l", "order-1"), LONG) == 0
    assert COLOURS not in terminal.raw and COLOURS in coloured.raw


def test_ctrl_c(fleet: Stage) -> None:
    """The first lets the batch in work finish, with the board; and the terminal is whole again."""
    sent: list[int] = []

    def interrupt(terminal: Terminal, process: int) -> None:
        if not sent and any("Drain" in line for line in terminal.screens[-1][-5:]):
            sent.append(process)
            os.kill(process, signal.SIGINT)

    terminal = Terminal()
    assert terminal.play(fleet.playbook("-l", "order-svc"), LONG, interrupt) == 2, terminal.raw
    assert sent and given_back(terminal)
    printed = "\n".join(terminal.scrolled)
    assert "Ctrl-C: the batch in work is finished" in printed and "NOT DONE: order-3" in printed
    assert fleet.roll().code == 0
