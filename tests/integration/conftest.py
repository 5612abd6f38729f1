# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers that several files share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import lab
from tests.lab.zookeeper import ZooKeeper


@pytest.fixture(scope="session", params=["3.9", "3.8"])
def zookeeper(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeper]:
    """One server, that also takes TLS, and by SASL the user restart."""
    folder = tmp_path_factory.mktemp(f"zookeeper-{request.param}")
    with lab.zookeeper(folder, version=request.param, tls=True, users={"restart": "hunter2"}) as found:
        yield found


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeper]:
    """Three servers. A test may kill and pause them, and leaves them serving."""
    with lab.zookeeper(tmp_path_factory.mktemp("ensemble"), servers=3) as found:
        yield found
