# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How disagreements are told to people."""

from __future__ import annotations

from ansible_collections.lossless.restart.plugins.module_utils import _sources


def test_what_sources_have_in_common_is_said_once() -> None:
    wrong = ["lb-1: nothing was found of a", "lb-2: nothing was found of a", "lb-2: a lists b: c", "pool: no source"]
    assert _sources.by_source(wrong) == [
        "lb-1, lb-2: nothing was found of a",
        "lb-2: a lists b: c",
        "pool: no source",
    ]


def test_of_many_only_the_first_are_said() -> None:
    assert _sources.by_source(f"lb-1: {number}" for number in range(8))[-1] == "lb-1: 7"
    assert _sources.by_source(f"lb-1: {number}" for number in range(20))[7:] == ["lb-1: 7", "and 12 more"]
