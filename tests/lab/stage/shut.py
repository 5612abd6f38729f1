# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet behind balancers that are not touched: each instance's host shuts its port to them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from .stage import Stage

DEBIAN = shutil.which("nginx", path="/usr/sbin") or "/usr/sbin/nginx"
_KEPT = "    keepalive 32;\n    keepalive_requests 1000000;\n    keepalive_timeout 300s;\n"


class Shut(Stage):
    """Debian's nginx, as it comes: too old for keepalive_min_timeout, and it passes a refused connection on.

    An instance is killed at once when it is stopped: it has no say in how its requests end.
    http: lines in the balancers' http block. keep: whether they keep connections. entry: more of the traffic point.
    """

    def __init__(
        self,
        folder: Path,
        *,
        words: str = "fail_timeout=1s",
        http: str = "proxy_next_upstream error;",
        keep: bool = False,
        entry: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(folder, keepalive_min_timeout=None, line_words=words, **more)
        self.http = http
        self.keep = keep
        self.entry = entry or {}

    @property
    def sources(self) -> list[str]:
        """The addresses from which the balancers come."""
        return [address.partition(":")[0] for address in self.balancers.values()]

    def write(self) -> None:
        super().write()
        programs = self.folder / "supervisord.conf"
        programs.write_text(programs.read_text().replace("stopsignal = TERM", "stopsignal = KILL"))
        binary = self.folder / "bin" / "nginx"
        binary.unlink()
        binary.symlink_to(DEBIAN)
        for name, source in zip(self.balancers, self.sources, strict=True):
            path = self.folder / name / "nginx.conf"
            text = path.read_text().replace("proxy_next_upstream off;", f"{self.http}\n    proxy_bind {source};")
            path.write_text(text)
            if not self.keep:
                pools = self.folder / name / "conf.d" / "upstreams.conf"
                pools.write_text(pools.read_text().replace(_KEPT, ""))

    def _host(self, name: str) -> dict[str, Any]:
        found = super()._host(name)
        for entry in found["instance_traffic"]:
            entry.update({"kind": "firewall", "from": self.sources, **self.entry})
        return found
