# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What AWX is given agrees with what the roles take."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.lossless.restart.plugins.plugin_utils import _settings

ROOT = Path(__file__).resolve().parents[2]
AWX = ROOT / "awx"
# The entry of the role `fleet` that a survey's playbook has.
ENTRIES = {"awx_survey_restart": "main", "awx_survey_stop": "stop", "awx_survey_report": "records"}
ENTRIES["awx_survey_go_on"] = "approve"
KINDS = {"str": {"text", "multiplechoice"}, "raw": {"multiplechoice"}}


def data(path: Path) -> Any:
    return yaml.load(path.read_text(), Loader=Plain)


class Plain(yaml.SafeLoader):
    """`!unsafe` is Ansible's."""


Plain.add_constructor("!unsafe", lambda loader, node: str(node.value))
SURVEYS = data(AWX / "surveys.yml")
SPECS = data(ROOT / "roles/fleet/meta/argument_specs.yml")["argument_specs"]
ASKED = {name: survey for name, survey in SURVEYS.items() if isinstance(survey, list)}
QUESTIONS = [(name, one) for name, survey in ASKED.items() for one in survey]


@pytest.mark.parametrize(("survey", "question"), QUESTIONS, ids=lambda one: str(one)[:20])
def test_a_question_is_an_option(survey: str, question: dict[str, Any]) -> None:
    option = SPECS[ENTRIES[survey]]["options"][question["variable"]]
    assert question["type"] in KINDS[option["type"]]
    if "choices" in option:
        assert question["choices"] == option["choices"]
        assert question["default"] == option["default"]
    if question["variable"] == "fleet_bake":
        assert question["default"] == str(option["default"])
        assert all(_settings.baking(choice) for choice in question["choices"])
    if question["variable"] in _settings.RECORDED:
        assert question["max"] <= 200


def test_every_survey_is_looked_at() -> None:
    assert set(ASKED) == set(ENTRIES)


def test_what_the_templates_name_is_there() -> None:
    objects = data(AWX / "objects.yml")
    names = {one["fields"]["name"] for one in objects["awx_job_templates"]}
    for one in objects["awx_job_templates"]:
        assert (ROOT / one["fields"]["playbook"].replace("{{ awx_playbooks }}", "playbooks")).is_file()
        given = re.findall(r"'(fleet_\w+)'", one["fields"].get("extra_vars", ""))
        assert all(any(name in spec["options"] for spec in SPECS.values()) for name in given)
        assert "survey" not in one or one["survey"].strip("{} ") in SURVEYS
    for workflow in objects["awx_workflows"]:
        assert {one["template"] for one in workflow["nodes"] if "template" in one} <= names
        known = {one["identifier"] for one in workflow["nodes"]}
        assert {name for edge in workflow["edges"] for name in (edge["from"], edge["to"])} == known
    assert {one["template"] for one in objects["awx_schedules"]} <= names


def test_what_ci_gets_is_yaml_with_one_command() -> None:
    job = data(AWX / "pipelines/gitlab-ci.yml")["restart"]
    assert job["script"] == ['./restart.sh "$LIMIT" "$REASON" "$CHANGE"'] and job["when"] == "manual"


def test_the_execution_environment_builds(tmp_path: Path) -> None:
    """As far as it can be without a base image: the builder takes the definition, and makes the context."""
    builder = Path(sys.executable).parent / "ansible-builder"
    command: list[str | Path] = [builder, "create", "-f", AWX / "execution-environment.yml", "-c", tmp_path / "context"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    build = tmp_path / "context" / "_build"
    assert "lossless.restart" in (build / "requirements.yml").read_text()
    version = data(ROOT / "galaxy.yml")["version"]
    assert f"version: {version}" in (AWX / "requirements.yml").read_text()
