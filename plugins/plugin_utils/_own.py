# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this one ansible-playbook process was told and granted.

Kept in the process's own temporary folder, which its forks share and which ends with it. A variable
can be made up with `-e`; what stands here cannot.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible_collections.lossless.restart.plugins.module_utils import _files

# The steps that a lease goes through, as the ledger writes them.
GRANTED, RESTARTING, ATTACHING = "granted", "restarting", "attaching"
# The tasks that start a process.
_STARTED = ("Restart | restart", "Gate | restart")
# Seconds by which an age may be too small: clock ticks, and two decimals.
_ROUNDED = 0.05
# How they end: restarted and back in traffic, or back as it was before.
DONE, RESTORED = "done", "restored"


def _folder(name: str = "") -> Path:
    folder = Path(C.DEFAULT_LOCAL_TMP) / "lossless.restart" / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def write(name: str, value: Any) -> None:
    """Keep `value` (JSON) under `name` until the process ends."""
    _keep(_folder() / f"{_key(name)}.json", value)


def _keep(path: Path, value: Any) -> None:
    """Replace a file of this process's. It need not survive a power cut: the process does not either."""
    draft = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(json.dumps(value))
    draft.replace(path)


def read(name: str) -> Any:
    """What was kept under `name`; None where nothing was."""
    try:
        return json.loads((_folder() / f"{_key(name)}.json").read_text("utf-8"))
    except FileNotFoundError:
        return None


def keep_since(elapsed: float) -> None:
    """Keep since when the run counts, `elapsed` seconds ago by the ledger's clock as it answered just now.

    Kept on this machine's monotonic clock, so that no clock's skew matters. An answer may come late: of several,
    the earliest moment is the nearest to the true one.
    """
    moment, known = time.monotonic() - elapsed, read("since")
    write("since", moment if known is None else min(moment, known))


def since() -> float:
    """Since when the run counts, on this machine's monotonic clock: only older processes are restarted."""
    moment: float = read("since")
    return moment


def keep_process(host: str, found: Mapping[str, Any], asked: float) -> None:
    """Keep which process a module found at the instance, and since when at the earliest; asked: when it was called."""
    if found.get("identity") and found.get("age") is not None:
        write(f"process {host}", {"identity": found["identity"], "started": asked - found["age"] - _ROUNDED})


def process(host: str) -> dict[str, Any] | None:
    """The process that was found last."""
    found = read(f"process {host}")
    return found["identity"] if found else None


def restarted(host: str) -> dict[str, Any] | None:
    """The process that was found last, where it has certainly been started since the run counts."""
    found = read(f"process {host}")
    return found["identity"] if found and found["started"] >= since() else None


def halt(why: str) -> None:
    """Ask for nothing more on behalf of this process."""
    write("halted", why)


def halted() -> str | None:
    """Why nothing more is to be asked for; None where all is well."""
    why: str | None = read("halted")
    return why


def _key(name: str) -> str:
    """A file's name for any name, however long and whatever is in it."""
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def keep_leases(leases: Mapping[str, Mapping[str, Any]], held: float) -> None:
    """Remember what the ledger granted or renewed; `held`: for how many seconds from now."""
    folder = _folder("leases")
    for host, lease in leases.items():
        record = {**lease, "host": host, "expires": time.monotonic() + held}
        _keep(folder / f"{_key(host)}.json", record)


def drop_leases(hosts: Iterable[str]) -> None:
    """Forget leases that this process is not to act on."""
    for host in hosts:
        (_folder("leases") / f"{_key(host)}.json").unlink(missing_ok=True)


def end_leases(hosts: Iterable[str], step: str) -> None:
    """Note leases whose work has ended: DONE or RESTORED. Nothing is changed by them any more."""
    for host, lease in leases(hosts).items():
        _keep(_folder("leases") / f"{_key(host)}.json", {**lease, "step": step})


def leases(hosts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The leases that this process was granted, of those hosts that have one."""
    found = {}
    for host in hosts:
        path = _folder("leases") / f"{_key(host)}.json"
        if path.exists():
            found[host] = json.loads(path.read_text("utf-8"))
    return found


def keep_outcome(hosts: Iterable[str], what: str, good: bool) -> None:
    """Remember whether the last change of this kind came to its end for these hosts."""
    for host in hosts:
        write(f"outcomes {host}", {**(read(f"outcomes {host}") or {}), what: good})


def undone(host: str) -> list[str]:
    """The changes that did not, the last time."""
    return [what for what, good in (read(f"outcomes {host}") or {}).items() if not good]


def ledger(host: str) -> dict[str, Any]:
    """The ledger of this process's run, or of what it took over of the host's service, as the modules take it; {}
    before that."""
    run = read("run")
    found = run["ledger"] if run else read(f"ledger {(read('services') or {}).get(host)}")
    return {"ledger": found} if found else {}


def note(event: Mapping[str, Any]) -> None:
    """Add one line to the process's journal, which the report reads."""
    with (_folder() / "journal.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(event, sort_keys=True) + "\n")


def journal() -> Iterator[dict[str, Any]]:
    """The journal's lines, oldest first."""
    path = _folder() / "journal.jsonl"
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            yield json.loads(line)


def exposed(host: str) -> dict[str, float]:
    """For how long at the most a process took traffic that this run had started at `host`, and that is taken out again:
    {exposed: seconds}. Empty where none was started."""
    started = [note["ended"] for note in journal() if note["host"] == host and note["task"].startswith(_STARTED)]
    return {"exposed": round(time.time() - started[-1], 1)} if started else {}


def once(key: str, who: str, deadline: float, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Make `call` for all hosts of a batch: the first worker makes it, the others take its result.

    Each host's n-th use of the key takes the n-th result, so that a task that runs again calls again.
    """
    folder = _folder("once/" + hashlib.sha256(key.encode()).hexdigest()[:24])
    turn = folder / f"turn-{_key(who)}"
    number = int(turn.read_text()) + 1 if turn.exists() else 1
    turn.write_text(str(number))
    result = folder / f"result-{number}.json"
    with _files.locked(str(folder / "lock"), deadline=deadline, what="waiting for the batch's call"):
        if not result.exists():
            _keep(result, call())
    found: dict[str, Any] = json.loads(result.read_text("utf-8"))
    return found
