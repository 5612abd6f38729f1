# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A second process beside an instance's own: killed with it at once, so that no hook of its has a say in its end."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

PROGRAM = Path(__file__).parent / "with_child.py"


def beside(own: Sequence[str], folder: Path, child: Sequence[str], log: Path) -> list[str]:
    """The command `own`, with `child` beside it."""
    words = folder / "command.json"
    words.write_text(json.dumps(list(child)))
    return [sys.executable, "-I", "-S", str(PROGRAM), str(words), str(log), *own]
