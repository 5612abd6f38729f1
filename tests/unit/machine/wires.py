# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Joins the collection's code to the story: its clocks, its own folder, its files, its threads.

While `wired(...)` is open there is one current world and, whenever code of a controller runs, one current controller.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Protocol
from unittest import mock

from ansible_collections.lossless.restart.plugins.action import (
    availability_guard,
    instance_process,
    nginx_upstream_info,
    nginx_upstream_member,
)
from ansible_collections.lossless.restart.plugins.module_utils import (
    _fence,
    _ledger,
    _ledger_directory,
    _poll,
    _runs,
    _sweep,
)
from ansible_collections.lossless.restart.plugins.plugin_utils import (
    _action,
    _alone,
    _asked,
    _controller,
    _own,
)

from . import jobs

_POLL = _poll.poll


class Controller(Protocol):
    """Whose code runs now: its owner's record, what it keeps for itself, and its own monotonic clock."""

    own: dict[str, Any]
    leases: dict[str, dict[str, Any]]

    @property
    def owner(self) -> Mapping[str, Any]: ...

    def monotonic(self) -> float: ...


class Wires:
    """What the collection's code finds in place of its surroundings."""

    def __init__(self) -> None:
        self.controller: Controller | None = None
        self.session: Callable[[Any], _ledger.Ledger] | None = None
        self.asked: Any = None
        self.clock: Callable[[], float] = float
        self.passes: Callable[[float], None] = lambda seconds: None
        self.alive: Callable[[Mapping[str, Any]], bool] = bool
        self.files: dict[str, str] = {}
        self.numbers: Iterator[int] = itertools.count()

    @property
    def _me(self) -> Controller:
        assert self.controller is not None
        return self.controller

    # plugin_utils/_own

    def write(self, name: str, value: Any) -> None:
        self._me.own[name] = value

    def read(self, name: str) -> Any:
        return self._me.own.get(name)

    def keep_leases(self, leases: Mapping[str, Mapping[str, Any]], held: float) -> None:
        for host, lease in leases.items():
            self._me.leases[host] = {**lease, "host": host, "expires": self.monotonic() + held}

    def drop_leases(self, hosts: Iterable[str]) -> None:
        for host in hosts:
            self._me.leases.pop(host, None)

    def leases(self, hosts: Iterable[str]) -> dict[str, dict[str, Any]]:
        return {host: self._me.leases[host] for host in hosts if host in self._me.leases}

    def once(self, key: str, who: str, deadline: float, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return call()

    def end_leases(self, hosts: Iterable[str], step: str) -> None:
        for host, lease in self.leases(hosts).items():
            self._me.leases[host] = {**lease, "step": step}

    def journal(self) -> Iterator[dict[str, Any]]:
        return iter(())

    # time

    def monotonic(self) -> float:
        return self._me.monotonic()

    def sleep(self, seconds: float) -> None:
        """A module waits: time passes, and others go on."""
        self.passes(seconds)
        jobs.pause()

    def poll(self, read: Callable[[], Any], good: Callable[[Any], bool], **how: Any) -> Any:
        clock = SimpleNamespace(monotonic=self.clock, sleep=self.sleep)
        return _POLL(read, good, **{**how, "clock": clock})

    # _controller

    def owner(self) -> dict[str, Any]:
        return dict(self._me.owner)

    def lives(self, owner: Mapping[str, Any]) -> bool:
        return self.alive(owner)

    # the fence's files

    def open(self, path: str, *, encoding: str) -> io.StringIO:
        if path not in self.files:
            raise FileNotFoundError(path)
        return io.StringIO(self.files[path])

    def write_json(self, path: str, value: Any) -> None:
        self.files[path] = json.dumps(value)


def _sweep_in_line(probes: Mapping[str, Mapping[str, Any]], timeout: float, check: _sweep.Check) -> dict[str, Any]:
    jobs.pause()
    return {host: check(probe, timeout) for host, probe in probes.items()}


@contextlib.contextmanager
def wired() -> Iterator[Wires]:
    """The collection's code in the story's hands."""
    wires = Wires()
    mute = SimpleNamespace(display=lambda *_: None, warning=lambda *_: None, vvv=lambda *_: None)
    actions = (_action, _alone, _asked, _own, availability_guard, instance_process)
    with contextlib.ExitStack() as stack:
        for module in actions:
            if hasattr(module, "time"):
                stack.enter_context(mock.patch.object(module, "time", wires))
            if hasattr(module, "Display"):
                stack.enter_context(mock.patch.object(module, "Display", lambda: mute))
        for name in ("read", "write", "keep_leases", "end_leases", "drop_leases", "leases", "once", "journal"):
            stack.enter_context(mock.patch.object(_own, name, getattr(wires, name)))
        for target, name, value in (
            (_controller, "owner", wires.owner),
            (_controller, "_machine", lambda: wires._me.owner["machine"]),
            (_controller, "_lives", wires.lives),
            (_controller, "age", lambda: 0.0),
            (_fence, "_files", wires),
            (_fence, "os", SimpleNamespace(path=os.path, makedirs=lambda *_, **__: None)),
            (_runs, "secrets", SimpleNamespace(token_hex=lambda _size: f"{next(wires.numbers):06x}")),
            (_sweep, "sweep", _sweep_in_line),
            (_poll, "poll", wires.poll),
            (_ledger_directory, "Directory", lambda *_, **__: wires.session and wires.session(wires.asked)),
        ):
            stack.enter_context(mock.patch.object(target, name, value))
        stack.enter_context(mock.patch.object(_fence, "open", wires.open, create=True))
        yield wires


class Acts:
    """One of the collection's actions, whose module is run by `call`, at `place`."""

    def __init__(self, kind: Any, name: str, place: str, call: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._action = object.__new__(kind)
        self._action._task = SimpleNamespace(action=name, check_mode=False, delegate_to=place, _uuid="")
        self._action.call = lambda args, variables, module=None: call(args)

    def __call__(self, variables: Mapping[str, Any], **args: Any) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._action.act(args, dict(variables))
        except _action.NotGranted as refusal:
            return {"failed": True, "msg": str(refusal)}
        return found


GUARD = availability_guard.ActionModule
READ = nginx_upstream_info.ActionModule
CHANGE = nginx_upstream_member.ActionModule
RESTART = instance_process.ActionModule
