# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which way out is chosen for which version, and how long its consumers are waited for."""

from __future__ import annotations

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _dubbo_way


@pytest.mark.parametrize(
    ("via", "release", "chosen", "why"),
    [
        ("auto", "3.3.6", "graceful", "Dubbo 3.3.6 has gracefulShutdown"),
        ("auto", "3.2.1", "graceful", "Dubbo 3.2.1 has gracefulShutdown"),
        ("auto", "3.2.0", "qos", "Dubbo 3.2.0 has no gracefulShutdown, which is there from 3.2.1 on"),
        ("auto", "2.7.23", "qos", "Dubbo 2.7.23 has no gracefulShutdown"),
        ("auto", None, "qos", "Dubbo before 2.7.7 has no gracefulShutdown"),
        ("qos", "3.3.6", "qos", "as asked"),
        ("graceful", "3.3.6", "graceful", "as asked"),
    ],
)
def test_the_way_out(via: str, release: str | None, chosen: str, why: str) -> None:
    found = _dubbo_way.choose(via, release)
    assert found.what == chosen and found.why.startswith(why)


@pytest.mark.parametrize(("release", "named"), [("2.7.23", "2.7.23"), ("3.2.0", "3.2.0"), (None, "before 2.7.7")])
def test_a_way_that_the_version_has_not(release: str | None, named: str) -> None:
    with pytest.raises(ValueError, match=f"via graceful: this process is Dubbo {named}, .* from 3.2.1 on: use via qos"):
        _dubbo_way.choose("graceful", release)


@pytest.mark.parametrize(
    ("way", "protocols", "seconds", "why"),
    [
        ("graceful", {"dubbo"}, 1.0, "on their own connections"),
        ("qos", {"dubbo"}, 6.0, "hear of changes once in 5 s"),
        ("auto", {"dubbo"}, 6.0, "hear of changes once in 5 s"),
        ("graceful", {"dubbo", "tri"}, 11.0, "protocol tri: consumers may need two notifications"),
        ("qos", {"tri", "rest"}, 11.0, "protocol rest, tri: consumers"),
        ("graceful", set(), 11.0, "its protocols are not known"),
    ],
)
def test_how_long_consumers_are_waited_for(way: str, protocols: set[str], seconds: float, why: str) -> None:
    found = _dubbo_way.settle(way, protocols)
    assert found.seconds == seconds and why in found.why
