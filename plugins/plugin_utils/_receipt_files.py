# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The receipt of a run as three files on the controller: for people, for machines, and as a page."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _files
from ansible_collections.lossless.restart.plugins.plugin_utils import _receipt_page

# Whoever may read the folder may read them.
_READABLE = 0o644


def write(folder: str, receipt: Mapping[str, Any], lines: Sequence[str]) -> str:
    """Write RUN.txt, RUN.json and RUN.html into the folder, which is made where only its last part is missing; what was
    there of the run is replaced. The page's path. Raises OSError."""
    if not os.path.isdir(folder):
        os.mkdir(folder, 0o755)
    path = os.path.join(folder, str(receipt["run"]))
    _files.write_json(f"{path}.json", receipt, mode=_READABLE)
    _files.write_text(f"{path}.txt", "\n".join(lines).strip("\n") + "\n", mode=_READABLE)
    _files.write_text(f"{path}.html", _receipt_page.page(receipt), mode=_READABLE)
    return f"{path}.html"
