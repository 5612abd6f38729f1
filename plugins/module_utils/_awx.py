# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Another person's word as AWX has it: a workflow's approval, between the job that asked and the one that restarts.

Read back from AWX's API; of what the job says of itself only its number is used.
https://docs.ansible.com/automation-controller/latest/html/controllerapi/api_ref.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import _api
from ._api import Api, Unanswered

# Nodes of one answer, which is not to be longer than what is read of it.
_PAGE = 10
_PAGES = 100
# Seconds for an answer.
_DEADLINE = 10.0
_EDGES = ("success_nodes", "failure_nodes", "always_nodes")


class NoWord(Exception):
    """AWX has no word that counts; why."""


class Denied(Exception):
    """A person said no in AWX, or nobody said yes in time; which."""


@dataclass(frozen=True)
class Word:
    """Who gave it, and the number of AWX's workflow approval."""

    by: str
    approval: int


@dataclass(frozen=True)
class Awx:
    """An AWX, asked as the owner of the token that the server's headers have."""

    api: Api

    def word(self, job: str, user: str, asked: str) -> Word:
        """Who approved what the job `asked` asked for, before the running `job` of `user` in the same workflow.

        job, asked: numbers of AWX's jobs. Raises NoWord.
        """
        nodes = self._workflow(job, user)
        between = [node for node in _before(nodes, _number(job)) if _approves(node) and _follows(nodes, node, asked)]
        if not between:
            raise NoWord(f"AWX's workflow has no approval between job {asked}, which asked, and job {job}")
        return self._given(between[0]["job"])

    def beside(self, job: str, user: str) -> Word | None:
        """Who approved in the same workflow while the running `job` of `user` waits, by an approval that came after the
        same nodes as the job; None as long as nobody has. Raises Denied where somebody said no, and NoWord."""
        nodes = self._workflow(job, user)
        first = _before(nodes, _number(job))[:1]
        beside = [node for node in nodes if _approves(node) and _before(nodes, node["job"])[:1] == first]
        said = [one for one in map(self._said, (node["job"] for node in beside)) if one]
        return said[0] if said else None

    def _workflow(self, job: str, user: str) -> list[Mapping[str, Any]]:
        """The nodes of the workflow in which the job runs."""
        mine = self._get(f"/api/v2/jobs/{_number(job)}/")
        of = _summary(mine, "created_by").get("username")
        if of != user:
            raise NoWord(f"AWX's job {job} is of {of}, not of {user}")
        if mine.get("status") != "running":
            raise NoWord(f"AWX's job {job} is {mine.get('status')}, not running")
        workflow = _summary(mine, "source_workflow_job").get("id")
        if not workflow:
            raise NoWord(f"AWX's job {job} is of no workflow, and only there a person approves")
        return list(self._nodes(workflow))

    def _said(self, approval: int) -> Word | None:
        """What was said, if anything was."""
        status = self._get(f"/api/v2/workflow_approvals/{approval}/").get("status")
        if status in ("failed", "canceled", "error"):
            raise Denied(f"AWX's approval {approval} was denied, or not given in time")
        return self._given(approval) if status == "successful" else None

    def _given(self, approval: int) -> Word:
        found = self._get(f"/api/v2/workflow_approvals/{approval}/")
        by = _summary(found, "approved_or_denied_by").get("username")
        if found.get("status") != "successful" or not isinstance(by, str) or not by:
            raise NoWord(f"AWX's approval {approval} is {found.get('status')}, by {by or 'nobody'}")
        return Word(by, approval)

    def _nodes(self, workflow: int) -> Iterator[Mapping[str, Any]]:
        for page in range(1, _PAGES + 1):
            query = f"order_by=id&page_size={_PAGE}&page={page}"
            found = self._get(f"/api/v2/workflow_jobs/{workflow}/workflow_nodes/?{query}")
            yield from found["results"]
            if not found.get("next"):
                return
        raise NoWord(f"AWX's workflow {workflow} has more than {_PAGE * _PAGES} nodes")

    def _get(self, path: str) -> Mapping[str, Any]:
        try:
            status, said = self.api.call("GET", path)
        except Unanswered as error:
            raise NoWord(f"AWX was asked and gave no word: {error}") from error
        if status != 200 or not isinstance(said, dict):
            raise NoWord(f"AWX was asked and gave no word: {self.api.unlike(status, said)}")
        return said


def server(options: Mapping[str, Any]) -> Awx:
    """The one that the policy names, {url, headers_file, ca_file}. Raises NoWord."""
    try:
        return Awx(_api.api({"headers_file": None, "ca_file": None, "timeout": _DEADLINE, **options}))
    except ValueError as error:
        raise NoWord(f"AWX cannot be asked: {error}") from error


def _number(job: str) -> int:
    if not job.isascii() or not job.isdigit():
        raise NoWord(f"{job!r} is no number of a job of AWX's")
    return int(job)


def _summary(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value: Mapping[str, Any] = (found.get("summary_fields") or {}).get(name) or {}
    return value


def _approves(node: Mapping[str, Any]) -> bool:
    return bool(_summary(node, "job").get("type") == "workflow_approval")


def _before(nodes: list[Mapping[str, Any]], job: int) -> list[Mapping[str, Any]]:
    """The nodes without which the one of the job would not have been reached, its parents first."""
    found: list[Mapping[str, Any]] = []
    wanted = [node for node in nodes if node.get("job") == job]
    while wanted:
        after = wanted.pop(0)
        for node in nodes:
            if node not in found and any(after["id"] in node.get(edge, ()) for edge in _EDGES):
                found.append(node)
                wanted.append(node)
    return found


def _follows(nodes: list[Mapping[str, Any]], approval: Mapping[str, Any], asked: str) -> bool:
    """Whether the approval came only after the job had asked."""
    return any(node.get("job") == _number(asked) for node in _before(nodes, approval["job"]))
