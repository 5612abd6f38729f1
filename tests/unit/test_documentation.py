# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the pages say: both languages the same, links that lead somewhere, and settings that the roles take."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.lossless.restart.plugins.plugin_utils import _description

ROOT = Path(__file__).resolve().parents[2]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
PAGES = [ENGLISH, CHINESE, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)[^)]*\)")
# What a page writes for a host's or a group's own.
TEMPLATE = re.compile(r"\{\{ *(.*?) *\}\}")
SERVICE = {"fleet_floor": "30%"}


def sections(path: Path) -> list[str]:
    return re.split(r"^## ", BLOCK.sub("", path.read_text()), flags=re.MULTILINE)


def blocks(path: Path, language: str) -> list[str]:
    return [text for word, text in BLOCK.findall(path.read_text()) if word == language]


def bare(text: str) -> str:
    """Without its comments, which are in the page's language."""
    return "\n".join(line.rstrip() for line in re.sub(r"(^|\s)#.*$", "", text, flags=re.MULTILINE).splitlines())


def numbers(text: str) -> Counter[str]:
    return Counter(re.findall(r"\d[\d,.]*\d|\d", text))


def test_both_readmes_say_the_same() -> None:
    english, chinese = sections(ENGLISH), sections(CHINESE)
    assert len(english) == len(chinese)
    for one, other in zip(english, chinese, strict=True):
        title = one.splitlines()[0]
        assert set(CODE.findall(one)) ^ set(CODE.findall(other)) == set(), title
        links = [Counter(link for link in LINK.findall(text) if "README" not in link) for text in (one, other)]
        assert links[0] == links[1], title
        assert [text.count("\n|") for text in (one, other)] == [one.count("\n|")] * 2, title
        assert [text.count("\n- ") for text in (one, other)] == [one.count("\n- ")] * 2, title
        if title == "Figures":
            assert numbers(one) == numbers(other)
    for language in ("sh", "ini", "yaml"):
        texts = [[bare(text) for text in blocks(path, language)] for path in (ENGLISH, CHINESE)]
        assert texts[0] == texts[1], language


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    found = [link for link in LINK.findall(BLOCK.sub("", path.read_text())) if "://" not in link]
    assert not [link for link in found if not (path.parent / link).exists()]


def specs() -> dict[str, Any]:
    roles = [yaml.safe_load(path.read_text()) for path in (ROOT / "roles").glob("*/meta/argument_specs.yml")]
    return {
        name: one
        for role in roles
        for entry in role["argument_specs"].values()
        for name, one in entry["options"].items()
    }


def settings() -> Iterator[tuple[str, Any]]:
    """Every block of a page that is a mapping of variables, or a list of traffic points."""
    for path in PAGES:
        for number, text in enumerate(blocks(path, "yaml")):
            found = yaml.safe_load(TEMPLATE.sub(lambda one: "lb" if "groups" in one[1] else "10.0.0.3", text))
            if isinstance(found, list) and all(one.get("kind") in _description.KINDS for one in found):
                found = {"instance_traffic": found}
            if isinstance(found, dict) and any(str(name).startswith(("fleet_", "instance_")) for name in found):
                yield f"{path.name}-{number}", found


@pytest.mark.parametrize("found", [pytest.param(one, id=name) for name, one in settings()])
def test_settings_are_as_the_roles_have_them(found: dict[str, Any]) -> None:
    known = specs()
    assert not [name for name in found if name.startswith(("fleet_", "instance_")) and name not in known]
    for entry in found.get("instance_traffic", []):
        entry.update({"balancers": ["lb"]} if "balancers" in entry else {})
    if "instance_traffic" in found:
        values = {"instance_address": "10.0.0.3:8080", "instance_traffic": found["instance_traffic"]}
        assert _description.instance("order-3", values, SERVICE)
