# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds for the collection as a whole: nothing undocumented, untested, switched off or out of step."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
ROLES = sorted(path.parent.parent for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"))
LISTED = subprocess.run(
    ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    check=True,
    capture_output=True,
    text=True,
).stdout.split("\0")
FILES = sorted({ROOT / name for name in LISTED if name and (ROOT / name).is_file()})
PROSE = [path for path in FILES if path.suffix == ".md"]
TESTS = [path for path in FILES if path.name.startswith("test_") and path.suffix == ".py"]

# Written in pieces, so that this file does not find itself.
OUTSIDE = (
    rf"/({'wo'}rk|{'ro'}ot|{'opt/wh'}eels)/",
    rf"{'py'}env/versions",
    rf"\b({'files.pythonho'}sted|{'py'}pi|{'deb.de'}bian|{'security.de'}bian|{'hub.do'}cker|{'gh'}cr|{'qu'}ay)\.(org|io|com)\b",
)
SWITCHES = (
    rf"#\s*{'no'}qa",
    rf"type:\s*{'ig'}nore",
    rf"(pylint:|shellcheck)\s*{'dis'}able",
    rf"pytest\.(mark\.)?({'sk'}ip|{'xf'}ail|{'importor'}skip)",
    rf"\b({'skip'}_list|{'warn'}_list|{'exclude'}_paths|{'per-file-'}ignores)\b",
)


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def data(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def constants(module: str) -> dict[str, str]:
    """The module's top-level strings by name: DOCUMENTATION and its like."""
    tree = ast.parse((ROOT / f"plugins/modules/{module}.py").read_text())
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }


def matches(patterns: tuple[str, ...]) -> list[str]:
    found = []
    for path in FILES:
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            found += [f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for p in patterns if re.search(p, line)]
    return found


@pytest.mark.parametrize("module", MODULES)
def test_module_is_documented(module: str) -> None:
    texts = constants(module)
    documentation = yaml.safe_load(texts["DOCUMENTATION"])
    assert documentation["module"] == module
    assert documentation["author"] in (
        "The lossless.restart authors (@lossless-restart)",
        ["The lossless.restart authors (@lossless-restart)"],
    )
    assert documentation["version_added"]
    shared = "lossless.restart.common" in str(documentation.get("extends_documentation_fragment"))
    assert shared or {"check_mode", "diff_mode", "platform"} <= set(documentation["attributes"])
    assert all("." in key for task in yaml.safe_load(texts["EXAMPLES"]) for key in task if module in key)
    assert yaml.safe_load(texts["RETURN"])


@pytest.mark.parametrize("module", MODULES)
def test_module_is_tested(module: str) -> None:
    assert [path for path in TESTS if module in path.read_text()], f"no test names {module}"


def test_module_defaults_group_has_every_module() -> None:
    assert data(ROOT / "meta/runtime.yml")["action_groups"] == {"all": MODULES}


def test_every_action_belongs_to_a_module() -> None:
    assert {path.stem for path in (ROOT / "plugins/action").glob("*.py")} <= set(MODULES)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_role_defaults_are_those_of_the_specification(role: Path) -> None:
    entries = data(role / "meta/argument_specs.yml")["argument_specs"]
    documented = {
        name: option["default"]
        for entry in entries.values()
        for name, option in (entry.get("options") or {}).items()
        if "default" in option
    }
    assert data(role / "defaults/main.yml") == documented


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_role_has_what_it_documents(role: Path) -> None:
    assert (role / "README.md").is_file()
    for entry in data(role / "meta/argument_specs.yml")["argument_specs"]:
        assert (role / f"tasks/{entry}.yml").is_file(), f"{role.name} documents {entry} and has no such tasks"


def test_every_make_command_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    missing = []
    for path in PROSE:
        for line in re.findall(r"`make ([a-z][a-z-]*)|^(?:\$ )?make ([a-z][a-z-]*)", path.read_text(), re.MULTILINE):
            missing += [f"{path.name}: make {name}" for name in line if name and name not in targets]
    assert not missing


def test_links_of_the_documents_lead_somewhere() -> None:
    missing = []
    for path in PROSE:
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
            if "://" not in link and not (path.parent / link).exists():
                missing.append(f"{path.relative_to(ROOT)}: {link}")
    assert not missing


def test_released_modules_are_in_the_changelog() -> None:
    releases = data(ROOT / "changelogs/changelog.yaml")["releases"]
    listed = {entry["name"] for release in releases.values() for entry in release.get("modules", [])}
    added = {module: yaml.safe_load(constants(module)["DOCUMENTATION"])["version_added"] for module in MODULES}
    assert {module for module, version in added.items() if version in releases} == listed


def test_requirements_are_pinned() -> None:
    lines = [line for path in FILES if path.match("tests/requirements-*.txt") for line in path.read_text().splitlines()]
    assert not [line for line in lines if line and not re.match(r"#|-r |[\w.-]+==[\w.]+(;|$)", line)]


def test_nothing_is_named_that_only_one_machine_has() -> None:
    assert not matches(OUTSIDE)


def test_no_check_is_switched_off() -> None:
    assert not matches(SWITCHES)
    assert not [name for name in names(FILES) if re.search(r"(^|/)(ignore-[\d.]+\.txt|\.ansible-lint-ignore)$", name)]


def test_every_python_file_has_its_head() -> None:
    code = [path for path in FILES if path.suffix == ".py" and path.stat().st_size]
    assert not names([path for path in code if "(see LICENSE or https" not in path.read_text()[:400]])


def test_tests_run_with_the_python_that_runs_them() -> None:
    """A fixed .venv would hide from the other ansible-core what is tested with it."""
    assert not names([path for path in FILES if path.match("tests/**/*.py") and f"{'.ve'}nv/bin" in path.read_text()])
