# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nothing is skipped: a test that cannot run is a failure."""

from __future__ import annotations

import sys
from collections.abc import Generator

import ansible.release
import pytest


def pytest_report_header() -> str:
    return f"ansible-core {ansible.release.__version__}, Python {sys.version.split()[0]}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped or hasattr(report, "wasxfail"):
        report.longrepr = f"skips and expected failures are not allowed here: {report.longrepr or report.wasxfail}"
        report.outcome = "failed"
        vars(report).pop("wasxfail", None)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        report.longrepr = f"skips are not allowed here: {report.longrepr}"
        report.outcome = "failed"
    return report
