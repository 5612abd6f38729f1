# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers that several files share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import lab
from tests.lab.zookeeper import ZooKeeper

# Whoever has a file does all of it: the long ones come first, so that nobody is left alone with one at the end.
LONGEST = (
    "test_roll_killed",
    "test_roll_mq",
    "test_roll_policy",
    "test_roll_failures",
    "test_mq_consumer_pause",
    "test_roll",
    "test_roll_nacos",
    "test_roll_together",
    "test_dubbo_faults",
    "test_roll_spring",
    "test_roll_everything",
    "test_roll_xxljob",
    "test_versions",
    "test_roll_firewall",
    "test_people",
    "test_awx",
    "test_dubbo_provider_ways",
    "test_roll_dubbo_waits",
    "test_roll_dubbo",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    first = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(item.path.stem, len(first)))


@pytest.fixture(scope="session", params=["3.9", pytest.param("3.8", marks=pytest.mark.variant)])
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
