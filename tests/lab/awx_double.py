# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for AWX's API on loopback, since AWX is in no package registry.

`awx_fields.json` is what a real AWX 24.6.1 says of its fields (OPTIONS). Stricter than AWX, which passes over what it
does not know: unknown fields and paths, missing fields, and values of another type or choice are refused.
"""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "a-token-of-awx"
FIELDS: dict[str, dict[str, dict[str, Any]]] = json.loads(Path(__file__).with_name("awx_fields.json").read_text())
FIELDS["workflow_approval_templates"] = {
    "name": {"type": "string", "required": True},
    "description": {"type": "string"},
    "timeout": {"type": "integer"},
}
TEMPLATES = ("job_templates", "workflow_job_templates")
# The lists below an object in which something is made, and as what: (endpoint, field that is the object).
BELOW = {
    ("job_templates", "schedules"): ("schedules", "unified_job_template"),
    ("inventories", "inventory_sources"): ("inventory_sources", "inventory"),
    ("workflow_job_templates", "workflow_nodes"): ("workflow_job_template_nodes", "workflow_job_template"),
}
JOINED = ("credentials", "success_nodes", "failure_nodes", "always_nodes")
TOLD = ("notification_templates_error", "notification_templates_approvals")
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "choice": (str, int, type(None)),
    "integer": (int,),
    "id": (int,),
    "boolean": (bool,),
    "json": (dict, list, str),
}
QUESTION = {"variable", "question_name", "question_description", "type", "required", "default", "min", "max", "choices"}


def job_page(user: str = "alice", status: str = "running", workflow: int | None = 6) -> dict[str, Any]:
    """A job, as far as it is looked at."""
    of = {"source_workflow_job": {"id": workflow}} if workflow else {}
    return {"status": status, "summary_fields": {"created_by": {"username": user}, **of}}


def approval_page(status: str, by: str = "") -> dict[str, Any]:
    """The approval of a workflow, as far as it is looked at."""
    return {"status": status, "summary_fields": {"approved_or_denied_by": {"username": by}} if by else {}}


class Wrong(Exception):
    """An answer other than 200: its status, and what it says."""

    def __init__(self, status: int, said: Any) -> None:
        super().__init__(said)
        self.status, self.said = status, said


@dataclass
class AwxDouble:
    """objects: by endpoint and id. joined: by path the ids that stand there. surveys: by path. pages: further answers
    by path, such as jobs. writes: how often something was changed. launched: what was launched with which body."""

    url: str = ""
    objects: dict[str, dict[int, dict[str, Any]]] = field(default_factory=lambda: {name: {} for name in FIELDS})
    joined: dict[str, list[int]] = field(default_factory=dict)
    surveys: dict[str, Any] = field(default_factory=dict)
    pages: dict[str, list[Any]] = field(default_factory=dict)
    launched: list[tuple[str, Any]] = field(default_factory=list)
    writes: int = 0
    number: int = 0

    def named(self, endpoint: str, name: str) -> dict[str, Any]:
        return next(one for one in self.objects[endpoint].values() if one["name"] == name)

    def add(self, endpoint: str, **fields: Any) -> dict[str, Any]:
        """What is there before anybody loads anything."""
        self.number += 1
        self.objects.setdefault(endpoint, {})[self.number] = {"id": self.number, **fields}
        return self.objects[endpoint][self.number]

    # What AWX answers

    def answer(self, method: str, path: str, body: Any) -> Any:
        parts = urllib.parse.urlsplit(path)
        query = {name: values[0] for name, values in urllib.parse.parse_qs(parts.query).items()}
        if path in self.pages or parts.path in self.pages:
            answers = self.pages[path if path in self.pages else parts.path]
            return answers.pop(0) if len(answers) > 1 else answers[0]
        words = parts.path.strip("/").split("/")
        if words[:2] != ["api", "v2"] or not parts.path.endswith("/"):
            raise Wrong(404, {"detail": f"no {path} here"})
        if method != "GET":
            self.writes += 1
        match words[2:]:
            case [endpoint]:
                return self.listed(method, endpoint, query, body, {})
            case [endpoint, number]:
                return self.one(method, endpoint, int(number), body)
            case [endpoint, number, below]:
                return self.below(method, endpoint, self.one("GET", endpoint, int(number), None), below, query, body)
        raise Wrong(404, {"detail": f"no {path} here"})

    def listed(self, method: str, endpoint: str, query: Any, body: Any, parent: dict[str, int]) -> Any:
        if method == "POST":
            made = {**body, **parent}
            self.check(endpoint, made, whole=True)
            if any(self.same(endpoint, one, made) for one in self.objects[endpoint].values()):
                raise Wrong(400, {"__all__": ["there is one of that name already"]})
            return self.shown(endpoint, self.add(endpoint, **made))
        kinds = (*TEMPLATES, "projects") if endpoint == "unified_job_templates" else (endpoint,)
        wanted = {**query, **{name: str(value) for name, value in parent.items()}}
        found = [
            self.shown(kind, one)
            for kind in kinds
            for one in self.objects.get(kind, {}).values()
            if all(str(one.get(name)) == value for name, value in wanted.items())
        ]
        return {"count": len(found), "next": None, "results": found}

    def one(self, method: str, endpoint: str, number: int, body: Any) -> Any:
        if number not in self.objects.get(endpoint, {}):
            raise Wrong(404, {"detail": f"no {endpoint} {number}"})
        found = self.objects[endpoint][number]
        if method == "PATCH":
            self.check(endpoint, body, whole=False)
            found.update(body)
        return self.shown(endpoint, found)

    def below(self, method: str, endpoint: str, of: dict[str, Any], below: str, query: Any, body: Any) -> Any:
        path = f"{endpoint}/{of['id']}/{below}"
        if (endpoint, below) in BELOW:
            kind, name = BELOW[endpoint, below]
            return self.listed(method, kind, query, body, {name: of["id"]})
        if below == "survey_spec":
            return self.survey(method, path, body)
        if below in JOINED + TOLD:
            return self.join(method, path, below, body)
        if below == "create_approval_template" and method == "POST":
            made = self.listed("POST", "workflow_approval_templates", {}, body, {})
            self.objects[endpoint][of["id"]]["unified_job_template"] = made["id"]
            return made
        if below == "launch" and method == "POST":
            return self.launch(endpoint, of, body)
        raise Wrong(404, {"detail": f"no {path} here"})

    def survey(self, method: str, path: str, body: Any) -> Any:
        if method == "POST":
            if set(body) != {"name", "description", "spec"} or not body["spec"]:
                raise Wrong(400, {"error": f"a survey has name, description and spec, and not {sorted(body)}"})
            for question in body["spec"]:
                missing = {"type", "question_name", "variable", "required"} - set(question)
                if missing or set(question) - QUESTION:
                    raise Wrong(400, {"error": f"{question}: without {missing}, or with what is not known"})
                if question["type"] == "multiplechoice" and question["default"] not in question["choices"]:
                    raise Wrong(400, {"error": f"{question}: its default is no choice"})
            self.surveys[path] = body
        return self.surveys.get(path, {})

    def join(self, method: str, path: str, below: str, body: Any) -> Any:
        here = self.joined.setdefault(path, [])
        endpoint = "notification_templates" if below in TOLD else below
        endpoint = "workflow_job_template_nodes" if below.endswith("_nodes") else endpoint
        if method == "POST":
            if set(body) != {"id"} or body["id"] not in self.objects.get(endpoint, {}):
                raise Wrong(400, {"msg": f"no {endpoint} {body}"})
            here.append(body["id"])
        return {"count": len(here), "next": None, "results": [{"id": number} for number in here]}

    def launch(self, endpoint: str, template: dict[str, Any], body: Any) -> Any:
        """As the two kinds of templates do: a workflow refuses what is not asked for, a job template passes over it."""
        questions = self.surveys.get(f"{endpoint}/{template['id']}/survey_spec", {}).get("spec", [])
        answers = body.get("extra_vars", {})
        missing = [
            one["variable"] for one in questions if one["required"] and answers.get(one["variable"]) in (None, "")
        ]
        if missing:
            raise Wrong(400, {"variables_needed_to_start": [f"'{name}' value missing" for name in missing]})
        for one in questions:
            if one["variable"] in answers and answers[one["variable"]] not in one.get(
                "choices", [answers[one["variable"]]]
            ):
                raise Wrong(
                    400, {"variables_needed_to_start": [f"Value {answers[one['variable']]} for '{one['variable']}'"]}
                )
        strange = {name for name in answers if name not in {one["variable"] for one in questions}}
        more = {name for name in body if name != "extra_vars" and not template.get(f"ask_{name}_on_launch")}
        if strange or more:
            raise Wrong(400, {"extra_vars": sorted(strange), "not asked for": sorted(more)})
        self.launched.append((template["name"], body))
        kind = "workflow_job" if endpoint.startswith("workflow") else "job"
        self.number += 1
        return {
            "id": self.number,
            "type": kind,
            "url": f"/api/v2/{kind}s/{self.number}/",
            "extra_vars": json.dumps(answers, indent=1),
        }

    # What it holds

    def shown(self, endpoint: str, one: dict[str, Any]) -> dict[str, Any]:
        """Without its secrets; with what AWX adds that is used."""
        found = {**one, "summary_fields": {}, "related": {"launch": f"/api/v2/{endpoint}/{one['id']}/launch/"}}
        if endpoint == "projects":
            found["status"] = "successful"
        secret = (one.get("notification_configuration") or {}).get("password")
        if secret:
            found["notification_configuration"] = {**one["notification_configuration"], "password": "$encrypted$"}
        waits = self.objects["workflow_approval_templates"].get(one.get("unified_job_template", 0))
        if endpoint == "workflow_job_template_nodes" and waits:
            found["summary_fields"] = {"unified_job_template": waits}
        return found

    def same(self, endpoint: str, one: dict[str, Any], other: dict[str, Any]) -> bool:
        if endpoint == "workflow_approval_templates":
            return False
        keys = ("name", "identifier", *(name for _kind, name in BELOW.values()))
        return all(one.get(key) == other.get(key) for key in keys)

    def check(self, endpoint: str, given: Any, whole: bool) -> None:
        """Refuse what is not as the fields of AWX are."""
        fields = FIELDS[endpoint]
        wrong = {name: "is not known" for name in given if name not in fields}
        for name, one in fields.items():
            if whole and one.get("required") and given.get(name) in (None, ""):
                wrong[name] = "is required"
            if name in given and name in fields:
                kinds = TYPES.get(one["type"], (object,))
                if not isinstance(given[name], kinds) or (isinstance(given[name], bool) and bool not in kinds):
                    wrong[name] = f"{given[name]!r} is no {one['type']}"
                elif given[name] not in one.get("choices", [given[name]]):
                    wrong[name] = f"{given[name]!r} is not one of {one['choices']}"
                elif one["type"] == "id" and not any(given[name] in known for known in self.objects.values()):
                    wrong[name] = f"there is no {given[name]}"
        if wrong:
            raise Wrong(400, wrong)


@contextlib.contextmanager
def awx_double() -> Iterator[AwxDouble]:
    """One that answers until the block ends."""
    awx, lock = AwxDouble(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing."""

        def do(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    raise Wrong(401, {"detail": "Authentication credentials were not provided."})
                with lock:
                    said = awx.answer(self.command, self.path, json.loads(data) if data else None)
                status = 201 if self.command == "POST" else 200
            except Wrong as wrong:
                status, said = wrong.status, wrong.said
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        awx.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield awx
        finally:
            server.shutdown()
            thread.join()
