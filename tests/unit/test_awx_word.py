# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An approval as AWX tells it: job 7 asks, 8 approves, 9 restarts, 12 is an approval beside it, 13 of a branch."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _awx
from ansible_collections.lossless.restart.plugins.module_utils._api import Api, Unanswered

from tests.lab.awx_double import approval_page, job_page

AFTER = {7: (8, 13), 8: (9, 12), 9: (), 12: (), 13: ()}
APPROVALS = (8, 12, 13)


class Double(Api):
    """Answers by path; whatever it does not know is not found."""

    pages: dict[str, Any]

    def call(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, Any]:
        found = self.pages.get(path, {"detail": "not found"})
        if isinstance(found, Exception):
            raise found
        return (200 if path in self.pages else 404), found


@pytest.fixture
def api() -> Double:
    found = Double("http://awx.test", {}, None, 5.0)
    nodes = [
        {"id": job + 100, "job": job, "success_nodes": [then + 100 for then in after]}
        | {"summary_fields": {"job": {"type": "workflow_approval" if job in APPROVALS else "job"}}}
        for job, after in AFTER.items()
    ]
    path = "/api/v2/workflow_jobs/6/workflow_nodes/?order_by=id&page_size=10&page="
    pages: dict[str, Any] = {f"{path}1": {"results": nodes[:3], "next": "..."}, f"{path}2": {"results": nodes[3:]}}
    pages["/api/v2/jobs/9/"] = job_page()
    pages |= {f"/api/v2/workflow_approvals/{one}/": approval_page("pending") for one in APPROVALS}
    object.__setattr__(found, "pages", pages)
    return found


def test_between_who_asked_and_who_restarts(api: Double) -> None:
    awx = _awx.Awx(api)
    with pytest.raises(_awx.NoWord, match="AWX's approval 8 is pending, by nobody"):
        awx.word("9", "alice", "7")
    api.pages["/api/v2/workflow_approvals/8/"] = approval_page("successful", "dana")
    assert awx.word("9", "alice", "7") == _awx.Word("dana", 8)
    for asked in ("9", "8", "12", "1"):
        with pytest.raises(_awx.NoWord, match=f"no approval between job {asked}, which asked, and job 9"):
            awx.word("9", "alice", asked)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (job_page(user="eve"), "AWX's job 9 is of eve, not of alice"),
        (job_page(status="successful"), "AWX's job 9 is successful, not running"),
        (job_page(workflow=None), "AWX's job 9 is of no workflow"),
        ({}, "AWX's job 9 is of None, not of alice"),
        ([], "awx.test answered 200"),
        (Unanswered("awx.test does not answer: refused"), "AWX was asked and gave no word: awx.test does not answer"),
    ],
)
def test_another_job_than_it_says(api: Double, page: Any, said: str) -> None:
    api.pages["/api/v2/workflow_approvals/8/"] = approval_page("successful", "dana")
    api.pages["/api/v2/jobs/9/"] = page
    with pytest.raises(_awx.NoWord, match=said):
        _awx.Awx(api).word("9", "alice", "7")


@pytest.mark.parametrize("number", ["", "x", "9/../8", "９"])
def test_no_number(api: Double, number: str) -> None:
    with pytest.raises(_awx.NoWord, match="is no number of a job of AWX's"):
        _awx.Awx(api).word(number, "alice", "7")


def test_beside(api: Double) -> None:
    awx = _awx.Awx(api)
    assert awx.beside("9", "alice") is None
    api.pages["/api/v2/workflow_approvals/8/"] = approval_page("successful", "dana")
    api.pages["/api/v2/workflow_approvals/13/"] = approval_page("successful", "eve")
    assert awx.beside("9", "alice") is None, "neither what came before, nor another branch"
    api.pages["/api/v2/workflow_approvals/12/"] = approval_page("successful", "bob")
    assert awx.beside("9", "alice") == _awx.Word("bob", 12)
    api.pages["/api/v2/workflow_approvals/12/"] = approval_page("failed", "bob")
    with pytest.raises(_awx.Denied, match="AWX's approval 12 was denied, or not given in time"):
        awx.beside("9", "alice")


def test_settings_that_cannot_be_used() -> None:
    with pytest.raises(_awx.NoWord, match="AWX cannot be asked: headers_file '/nowhere' cannot be read"):
        _awx.server({"url": "http://awx.test", "headers_file": "/nowhere"})
