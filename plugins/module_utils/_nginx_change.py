# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One change of nginx: one edit, one test, one reload for all members; what fails is put back."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import _fence, _files, _nginx_host, _nginx_plan, _nginx_proof, _nginx_state, _poll, _rewrite
from ._nginx_host import HostError
from ._nginx_plan import Wanted
from ._nginx_state import COMMAND_SECONDS, Nginx, Reading
from ._nginx_upstream import MemberError
from ._rewrite import Change

_DRAIN_SINCE = (1, 29, 6)
_RELOAD_INTERVAL = 0.05


@dataclass(frozen=True)
class Prepared:
    """A change that was found sound, and nothing of it done yet.

    changes: real path -> old and new bytes, empty where all stands as wanted. unread: files that nginx has not read
    since they changed. after: the configuration as it will be.
    """

    before: Reading
    after: Reading
    changes: Mapping[str, Change]
    unread: list[str]
    master: int

    @property
    def needed(self) -> bool:
        return bool(self.changes or self.unread)


@contextlib.contextmanager
def locked(nginx: Nginx, state_dir: str, deadline: float) -> Iterator[None]:
    """Hold the lock of this nginx's configuration; raises LockTimeout."""
    folder = os.path.join(state_dir, "locks")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    name = hashlib.sha256(os.path.realpath(nginx.config).encode()).hexdigest()[:16]
    with _files.locked(os.path.join(folder, f"nginx-{name}.lock"), deadline=deadline, what=f"nginx's {nginx.config}"):
        yield


def prepare(nginx: Nginx, wanted: list[Wanted], *, allow_empty: bool = False) -> Prepared:
    """Read, and refuse what cannot be done. Raises ConfigError, MemberError or HostError; nothing is written."""
    reading = nginx.read()
    drafts = _nginx_plan.edited(reading.config, reading.upstreams, wanted)
    after = nginx.with_drafts(reading, drafts) if drafts else reading
    if not allow_empty:
        _nginx_plan.refuse_empty(reading.upstreams, after.upstreams)
    _refuse_drain(reading, wanted)
    _refuse_unseen(reading, wanted)
    master = reading.master()
    workers = _nginx_host.workers(master)
    if not workers:
        raise HostError(f"nginx's master {master} has no worker process that can be seen: look at its error log")
    old = {os.path.realpath(path): data for path, data in reading.config.files.items()}
    changes = {path: Change(old[path], data) for path, data in drafts.items()}
    return Prepared(reading, after, changes, _nginx_host.unread(_nginx_proof.files(reading, wanted), workers), master)


def test_untouched(nginx: Nginx) -> None:
    """Raises HostError where it is broken already or may not be tested, quoting what said so."""
    try:
        said = _nginx_host.run(nginx.test, timeout=COMMAND_SECONDS)
    except HostError as error:
        raise HostError(f"nginx's own test failed before any change of ours; nothing was changed: {error}") from error
    _nginx_host.refuse_other_config(said, nginx.config)


def fenced(upstream: str, member: str) -> str:
    """As the fence knows a member."""
    return f"nginx {upstream} {member}"


def admit(state_dir: str, wanted: list[Wanted], ledger: Mapping[str, Any] | None, *, write: bool) -> None:
    """Check the fence of every member with a token, or remember it there. Raises Fenced, ValueError or OSError."""
    for item in wanted:
        if item.token is not None:
            _fence.admit(state_dir, fenced(item.upstream, item.member), item.token, ledger, write=write)


def make(nginx: Nginx, prepared: Prepared, deadline: float) -> float:
    """Write, test and reload; the seconds that nginx was waited for.

    Raises WriteError or HostError, with the old files back in place.
    """
    _rewrite.replace(prepared.changes)
    try:
        _nginx_host.run(nginx.test, timeout=COMMAND_SECONDS)
    except HostError as error:
        raise HostError(f"{error}. {_put_back(nginx, prepared, 'nginx was not reloaded')}") from error
    old = [worker.pid for worker in _nginx_host.workers(prepared.master)]
    try:
        _nginx_host.run(nginx.reload, timeout=max(deadline, COMMAND_SECONDS))
    except HostError as error:
        raise HostError(f"{error}. {_put_back(nginx, prepared, 'nginx may run with either')}") from error
    reload = _poll.poll(lambda: _reloaded(prepared.master, old), bool, deadline=deadline, interval=_RELOAD_INTERVAL)
    if not reload.ok:
        said = _put_back(nginx, prepared, "nginx was asked to reload once more")
        with contextlib.suppress(HostError):
            _nginx_host.run(nginx.reload, timeout=max(deadline, COMMAND_SECONDS))
        raise HostError(
            f"'{' '.join(nginx.reload)}' answered well but did nothing within {deadline:g} s: master {prepared.master} "
            f"still has its old workers and no new ones; nginx's error log says why. {said}"
        )
    return reload.waited


def _reloaded(master: int, old: list[int]) -> bool:
    """Whether `master` has new workers, and each of the `old` ones is gone or about to go."""
    working = [worker.pid for worker in _nginx_host.workers(master) if not worker.shutting_down]
    return bool(set(working) - set(old)) and not set(working) & set(old)


def _put_back(nginx: Nginx, prepared: Prepared, then: str) -> str:
    if not prepared.changes:
        return f"No file was changed; {then}."
    try:
        _rewrite.replace({path: change.undone for path, change in prepared.changes.items()})
        _nginx_host.run(nginx.test, timeout=COMMAND_SECONDS)
    except _rewrite.WriteError as error:
        return f"THE OLD FILES COULD NOT BE PUT BACK: {error}"
    except HostError as error:
        return f"The old files were put back, but fail the test as well now: {error}"
    return f"The old files were put back and pass the test; {then}."


def _refuse_drain(reading: Reading, wanted: list[Wanted]) -> None:
    if any(item.state == "drain" for item in wanted) and reading.built.number < _DRAIN_SINCE:
        raise MemberError(
            f"state drain needs nginx 1.29.6 or later and 'sticky' in the upstream; this is "
            f"{reading.built.text or 'of unknown version'}: use state down"
        )


def _refuse_unseen(reading: Reading, wanted: list[Wanted]) -> None:
    """What is to go out must be seen going: its address known, and no line past the upstreams that leads there."""
    passes = _nginx_state.literals(reading)
    for item in wanted:
        if not item.out:
            continue
        if not reading.resolver.addresses(item.member):
            raise MemberError(
                f"{item.member} does not resolve here ({'; '.join(reading.resolver.failed.values())}), so that its "
                "connections could not be seen: mend the name's resolution on this host"
            )
        for line in _nginx_state.passing(reading, passes, item.member):
            raise MemberError(
                f"{line.place}: '{line.name} {' '.join(line.args)}' leads to {item.member} past every upstream: "
                f"taking it out of {item.upstream} would not stop it. Point that line to an upstream first."
            )
