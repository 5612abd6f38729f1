# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From how members should stand to the new bytes of each file, and what is refused on the way. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ._nginx_conf import Config
from ._nginx_edit import Edit, apply, flag, line_after, weight, without_line
from ._nginx_upstream import MemberError, Server, Upstream, lines, named

OUT = ("down", "drain", "absent")
_FLAG = {"up": "", "backup": "", "down": "down", "drain": "drain"}


@dataclass(frozen=True)
class Wanted:
    """How one member should stand. None leaves the state or the weight as it is.

    state: up, down, drain, backup, present or absent. weight_written: see _nginx_edit.weight. token: the lease's.
    """

    upstream: str
    member: str
    state: str | None = None
    weight: int | None = None
    weight_written: bool | None = None
    token: int | None = None

    @property
    def out(self) -> bool:
        return self.state in OUT


def edited(config: Config, found: list[Upstream], wanted: list[Wanted]) -> dict[str, bytes]:
    """The new bytes of each file that changes, by its real path. Raises MemberError."""
    old = {os.path.realpath(path): data for path, data in config.files.items()}
    edits: dict[str, list[Edit]] = {}
    chosen: dict[tuple[str, int], list[Wanted]] = {}
    for item in wanted:
        if item.state == "present" and not _listed(found, item):
            anchor = _anchor(found, item)
            new = f"server {item.member}" + (f" weight={item.weight}" if item.weight not in (None, 1) else "") + ";"
            edits.setdefault(anchor.file, []).append(line_after(old[anchor.file], anchor, new))
        elif item.state != "absent" or _listed(found, item):
            for upstream, server in lines(config, found, item.upstream, item.member):
                _refuse_state(upstream, server, item)
                if server.key not in chosen:
                    edits.setdefault(server.file, []).extend(_edits(old[server.file], server, item))
                chosen.setdefault(server.key, []).append(item)
    _refuse_shared(found, chosen)
    changed = {path: apply(old[path], made) for path, made in edits.items()}
    return {path: data for path, data in changed.items() if data != old[path]}


def standing(found: list[Upstream], wanted: list[Wanted]) -> list[dict[str, Any]]:
    """How each wanted member stands now, in a shape that can be asked for again to restore it."""
    result = []
    for item in wanted:
        entry: dict[str, Any] = {"upstream": item.upstream, "member": item.member, "state": "absent"}
        for server in _listed(found, item)[:1]:
            written = server.weight_token is not None
            entry.update(state=server.state, weight=server.weight, weight_written=written)
        result.append(entry)
    return result


def refuse_empty(before: list[Upstream], after: list[Upstream]) -> None:
    """Raises MemberError where an upstream would lose its last server that is neither down, drained nor a backup."""
    for old, new in zip(before, after):
        serving = {server.member for server in new.servers if server.state not in OUT}
        taken = [server.member for server in old.servers if server.state not in OUT and server.member not in serving]
        if taken and not any(server.live for server in new.servers):
            live = sum(server.live for server in old.servers)
            raise MemberError(
                f"upstream {old.name} ({old.block.place}) would be left without a live server: of its "
                f"{len(old.servers)} servers {live} are live (backups not counted), and {', '.join(taken)} would go "
                "out. Put another one up first."
            )


def _listed(found: list[Upstream], item: Wanted) -> list[Server]:
    return [server for upstream in named(found, item.upstream) for server in upstream.listed(item.member)]


def _edits(data: bytes, server: Server, item: Wanted) -> Iterator[Edit]:
    if item.state == "absent":
        yield without_line(data, server)
        return
    if item.weight is not None:
        yield from weight(data, server, item.weight, item.weight_written)
    if item.state in _FLAG:
        yield from flag(data, server, _FLAG[item.state])


def _anchor(found: list[Upstream], item: Wanted) -> Server:
    """The line after which a new member goes."""
    matching = named(found, item.upstream)
    if len(matching) > 1:
        places = " and ".join(upstream.block.place for upstream in matching)
        raise MemberError(f"{item.member} cannot be added: there are two upstreams {item.upstream}, {places}")
    if not matching[0].servers:
        raise MemberError(f"{item.member} cannot be added: {matching[0].block.place} has no server line to follow")
    anchor = matching[0].servers[-1]
    _refuse_shared(found, {anchor.key: [item]})
    return anchor


def _refuse_state(upstream: Upstream, server: Server, item: Wanted) -> None:
    where = f"upstream {upstream.name} ({upstream.block.place})"
    if item.state == "drain" and "sticky" not in upstream.words:
        raise MemberError(f"{where} has no 'sticky', without which nginx knows no drain: use state down")
    if item.state == "backup" and "backup" not in server.line.args[1:]:
        raise MemberError(f"{item.member} is no backup server of {where}: use state up")
    if item.out and upstream.by_lua:
        raise MemberError(f"{where} lets Lua choose the server: nothing on {item.member}'s line would take it out")


def _refuse_shared(found: list[Upstream], chosen: dict[tuple[str, int], list[Wanted]]) -> None:
    """One line that several upstreams include stands for all of them: it changes only where all ask for the same."""
    for upstream in found:
        for server in upstream.servers:
            items = chosen.get(server.key, [])
            asks = {(item.state, item.weight, item.weight_written) for item in items}
            if items and (len(asks) > 1 or upstream.name not in {item.upstream for item in items}):
                names = sorted({upstream.name, *(item.upstream for item in items)})
                raise MemberError(
                    f"{server.line.place} is one line for the upstreams {' and '.join(names)} that include it: "
                    "ask for the same in each, or give each its own file"
                )
