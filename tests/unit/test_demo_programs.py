# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the demo's programs compute, and what its texts say."""

from __future__ import annotations

import collections
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.demo import Fleet, Unusable, clean, compare, processes, receipt, texts
from tests.lab.demo.client import Lost, Tally, instance_of, percentiles, processed
from tests.lab.demo.layout import socket_path
from tests.lab.demo.observer import pools_of

ROOT = Path(__file__).parents[2]

CONFIG = """
upstream order_svc {
    server 127.0.0.11:8080 max_fails=0;
    server 127.0.0.12:8080 max_fails=0 down;
    server 127.0.0.13:8080 weight=3;  # not down
    #server 127.0.0.14:8080;
    server 127.0.0.15:8080 backup;
    server 127.0.0.16:8080 drain;
    keepalive 32;
}
upstream order_admin { server 127.0.0.11:8080; server 127.0.0.12:8080 down; }
# upstream old { server 127.0.0.19:8080; }
server { listen 127.0.0.2:8000; location / { proxy_pass http://order_svc; } }
"""


def test_observer_reads_a_balancers_files(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "nginx.conf").write_text("http { include conf.d/*.conf; }\n")
    (tmp_path / "conf.d" / "upstreams.conf").write_text(CONFIG)
    assert pools_of(tmp_path) == {
        "order_svc": {
            "127.0.0.11:8080": True,
            "127.0.0.12:8080": False,
            "127.0.0.13:8080": True,
            "127.0.0.15:8080": False,
            "127.0.0.16:8080": False,
        },
        "order_admin": {"127.0.0.11:8080": True, "127.0.0.12:8080": False},
    }


def test_percentiles() -> None:
    assert percentiles(collections.Counter()) == {}
    assert percentiles(collections.Counter({7: 1})) == {"p50": 7, "p95": 7, "p99": 7, "max": 7}
    one_to_hundred = collections.Counter(range(1, 101))
    assert percentiles(one_to_hundred) == {"p50": 50, "p95": 95, "p99": 99, "max": 100}


def test_logs_tell_what_was_processed_twice_or_never(tmp_path: Path) -> None:
    (tmp_path / "order-1.log").write_text("s-1\ns-2\nother-3\n")
    (tmp_path / "order-2.log").write_text("s-2\ns-4\nother-3\n")
    tally = Tally("s", posted={"s-1", "s-2", "s-9"})
    assert processed(str(tmp_path), tally) == {"duplicated": 1, "unprocessed": 1, "processed": 3}


@pytest.mark.parametrize(
    "document", [b'{"id": "s-2", "instance": "a"}', b'{"id": "s-1"}', b'{"id": ', b'["s-1"]', b'"s-1"', b""]
)
def test_answer_of_another_request(document: bytes) -> None:
    assert instance_of(b'{"id": "s-1", "instance": "a"}', "s-1") == "a"
    with pytest.raises(Lost):
        instance_of(document, "s-1")


RESULT = {"sent": 1200, "lost": 0, "duplicated": 0, "unprocessed": 0, "posts": 360, "idle_closes": 2}


@pytest.mark.parametrize(
    ("changed", "good", "line"),
    [
        ({}, True, "1200 sent, 0 lost, 0 duplicated (360 of them POST; idle closes 2)"),
        ({"lost": 3}, False, "1200 sent, 3 lost, 0 duplicated (360 of them POST; idle closes 2)"),
        ({"duplicated": 1}, False, "1200 sent, 0 lost, 1 duplicated (360 of them POST; idle closes 2)"),
        (
            {"unprocessed": 1},
            False,
            "1200 sent, 0 lost, 0 duplicated (360 of them POST; idle closes 2; 1 answered and never processed)",
        ),
    ],
)
def test_receipt(changed: dict[str, int], good: bool, line: str) -> None:
    assert receipt({**RESULT, **changed}) == line
    assert clean({**RESULT, **changed}) is good


def test_no_figures_are_not_clean() -> None:
    assert not clean({})


def test_table() -> None:
    figures = {"sent": 3578, "lost": 241, "duplicated": 0, "idle_closes": 12}
    ways = [
        compare.Way("one by one", figures, {"order_svc": 5, "order_admin": 2}, 6.84, True),
        compare.Way("ours", {}, {}, 40, False),
    ]
    assert compare.table(ways) == (
        "way         sent  lost  duplicated  idle closes  seconds           lowest in traffic\n"
        "one by one  3578   241           0           12      6.8  order_admin 2, order_svc 5\n"
        "ours           ?     ?           ?            ?     40.0                            "
    )


def way(lost: int, ok: bool = True) -> compare.Way:
    return compare.Way("a way", {**RESULT, "lost": lost}, {}, 1.0, ok)


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        ([way(9), way(3), way(0)], ""),
        ([way(0), way(3), way(0)], "comparison is broken"),
        ([way(9), way(3), way(1)], "Ours lost something, or failed"),
        ([way(9), way(3), way(0, ok=False)], "Ours lost something, or failed"),
        ([way(9), way(0), compare.Way("killed", {}, {}, 1.0, True)], "Ours lost something, or failed"),
    ],
)
def test_comparison_judges_itself(ways: list[compare.Way], said: str) -> None:
    assert said in compare.broken(ways) and bool(said) == bool(compare.broken(ways))


def test_upstreams() -> None:
    assert texts.upstreams({"a": ["127.1.1.11:8080", "127.1.1.12:8080"]}, "max_fails=0") == (
        "upstream a {\n    server 127.1.1.11:8080 max_fails=0;\n    server 127.1.1.12:8080 max_fails=0;\n"
        "    keepalive 32;\n    keepalive_requests 1000000;\n    keepalive_timeout 300s;\n}\n"
    )
    assert "    server 127.1.1.11:8080;\n" in texts.upstreams({"a": ["127.1.1.11:8080"]}, "")


def test_line_by_hand(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", instances=2, balancers=1, upstreams={"a": None, "b": 1}, network="127.9.9")
    fleet.write()
    path = fleet.folder / "lb-1" / "conf.d" / "upstreams.conf"
    before = path.read_text()
    fleet.line("lb-1", "b", "order-1", "down")
    first, second = before.split("upstream b")
    assert path.read_text() == first + "upstream b" + second.replace("max_fails=0;", "max_fails=0 down;")
    fleet.line("lb-1", "b", "order-1", "")
    assert path.read_text() == before
    with pytest.raises(KeyError):
        fleet.line("lb-1", "b", "order-2", "down")


def test_folder_that_a_configuration_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="my fleet"):
        Fleet(tmp_path / "my fleet")


def test_socket_of_a_deep_folder() -> None:
    assert socket_path(Path("/srv/demo")) == "/srv/demo/supervisor.sock"
    deep = Path("/srv") / ("d" * 90)
    assert len(socket_path(deep)) <= 95
    assert socket_path(deep) != socket_path(deep / "e")


@pytest.mark.parametrize(
    ("argv", "folder", "mine"),
    [
        (["python", "-I", "-S", "/c/tests/lab/demo/service.py", "order-1"], "/c/.demo", True),
        (["nginx: worker process"], "/c/.demo/lb-1", True),
        (["nginx: worker process is shutting down"], "/c/.demo/lb-1 (deleted)", True),
        (["python", "-m", "supervisor.supervisord", "-c", "x"], "/c/.demo", True),
        (["nginx: worker process"], "/c/.demo-2/lb-1", False),
        (["nginx: worker process"], "/", False),
        (["bash"], "/c/.demo", False),
        (["less", "/c/.demo/lb-1/nginx.conf"], "/c/.demo", False),
        (["tail", "-f", "nginx"], "/c", False),
    ],
)
def test_whose_process(argv: list[str], folder: str, mine: bool) -> None:
    assert processes.belongs(processes.Process(7, tuple(argv), folder), Path("/c/.demo")) is mine


def described(path: Path) -> dict[str, Any]:
    """Every host's variables as Ansible resolves them for a person who asks."""
    command = Path(sys.executable).parent / "ansible-inventory"
    listed = subprocess.run([command, "-i", path, "--list"], check=True, capture_output=True, text=True, cwd=ROOT)
    document = json.loads(listed.stdout)
    return {
        host: {name: value for name, value in variables.items() if not name.startswith(("demo_", "nginx_"))}
        for host, variables in document["_meta"]["hostvars"].items()
    }


def test_demo_inventory_and_generated_one_say_the_same(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / ".demo", network="127.0.0")
    fleet.write()
    generated = json.loads(json.dumps(described(fleet.inventory)).replace(str(fleet.folder), "{{ demo_folder }}"))
    assert described(ROOT / "inventories" / "demo" / "hosts.yml") == generated
