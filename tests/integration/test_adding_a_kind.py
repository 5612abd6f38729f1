# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docs/adding-a-kind.md, followed word by word on a copy of the collection; then rolls of instances in that kind."""

from __future__ import annotations

import re
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from tests.lab.demo import clean
from tests.lab.stage import LONG, Stage

ROOT = Path(__file__).resolve().parents[2]
# `PATH`, then a block; or a line that is named, before which a block comes.
FILE = re.compile(r"^`([\w/.]+)`[^`\n]*:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LIST = re.compile(
    r"`([\w/.]+)`[^`]*(?:`[A-Z_a-z]+`[^`]*)*before the line `([^`\n]+)`[^`]*```text\n(.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


class Rota(Stage):
    """Each instance stands in a rota too."""

    @property
    def path(self) -> Path:
        return self.folder / "rota"

    def write(self) -> None:
        super().write()
        self.path.write_text("".join(f"{address}\n" for address in self.instances.values()))

    def _host(self, name: str) -> dict[str, Any]:
        values = super()._host(name)
        return {**values, "instance_traffic": [*values["instance_traffic"], {"kind": "rota", "path": str(self.path)}]}

    def off(self) -> list[str]:
        """The members that get no work, as a dispatcher reads them."""
        return [line.lstrip("# ") for line in self.path.read_text().splitlines() if line.startswith("#")]


def follow(copy: Path) -> list[str]:
    """Do what the page says. Returns the files that were made."""
    page = (ROOT / "docs" / "adding-a-kind.md").read_text()
    made = FILE.findall(page)
    for path, text in made:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(text)
    for path, line, text in LIST.findall(page):
        before, found, after = (copy / path).read_text().partition(f"{line}\n")
        assert found, (path, line)
        (copy / path).write_text(f"{before}{text}{found}{after}")
    return [path for path, _text in made]


def test_the_page(tmp_path: Path) -> None:
    subprocess.run([ROOT / "tests" / "tools" / "copy.sh", tmp_path], cwd=ROOT, check=True, timeout=60)
    copy = tmp_path / "ansible_collections" / "lossless" / "restart"
    assert len(follow(copy)) == 9
    there = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
    seen: dict[str, list[str]] = {}
    with Rota(tmp_path / "fleet", variables={"fleet_pace": [1]}) as fleet:

        def look(name: str) -> None:
            seen[name] = fleet.off()

        def roll(limit: str) -> str:
            with fleet.playbook("-l", limit, name="lossless.restart.rolling_restart", environment=there) as playbook:
                assert playbook.wait(LONG) == 0, playbook.text
                return playbook.text

        for name in fleet.instances:
            fleet.moments.before(f"supervisorctl stop {name}", 1, partial(look, name))
        with fleet.watched() as (client, _observer):
            assert "rota:rota: 3 configured, 3 in traffic" in roll(fleet.service)
        assert clean(client.result), client.losses
        assert seen == {name: [address] for name, address in fleet.instances.items()}
        assert fleet.off() == [] and fleet.starts() == dict.fromkeys(fleet.instances, 2)
        # What a person took out stays out, and counts.
        other = fleet.instances["order-3"]
        kept = fleet.path.read_text().replace(other, f"# {other}")
        fleet.path.write_text(kept)
        assert "rota:rota: 3 configured, 2 in traffic" in roll("order-1")
        assert fleet.off() == [other] and fleet.path.read_text() == kept
