# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who came to this host: the login from which this process descends, by the kernel's word and by no variable's.

1. The audit subsystem's login uid, where there is one: nothing that runs as an ordinary account can change its own.
2. Else the nearest ancestor that is neither root nor this account: whoever became it by sudo, su or doas.
3. Else this account itself.
"""

from __future__ import annotations

import functools
import grp
import os
import pwd
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_UNSET = 2**32 - 1
_LONGEST = 200
_UIDS = re.compile(r"^Uid:\s+(\d+)", re.MULTILINE)
_PARENT = re.compile(r"^PPid:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Who:
    """name: of the account, or where `awx` of AWX's user. groups: the account's. template: AWX's job template."""

    name: str
    groups: Sequence[str] = ()
    awx: bool = False
    template: str = ""

    def __str__(self) -> str:
        return f"awx:{self.name}" if self.awx else self.name


def name(proc: str = "/proc") -> str:
    """The name of the account; its number where it has none."""
    return _name(uid(proc))


@functools.cache
def uid(proc: str = "/proc") -> int:
    own = os.geteuid()
    login = _login(Path(proc))
    if login is not None and login != own:
        return login
    return next((one for one in _ancestors(Path(proc)) if one not in (0, own)), own)


def who(awx_accounts: Sequence[str] = (), awx: Mapping[str, Any] | None = None, proc: str = "/proc") -> Who:
    """The account with its groups; or AWX's user, where the account is one of `awx_accounts` and `awx` names it."""
    account = name(proc)
    if awx and account in awx_accounts and _fits(awx.get("user")):
        template = str(awx.get("template") or "")
        return Who(awx["user"], awx=True, template=template if _fits(template) else "")
    return Who(account, groups_of(account))


def groups_of(account: str) -> list[str]:
    """All groups of an account of this host; none where it has no such account."""
    try:
        found = os.getgrouplist(account, pwd.getpwnam(account).pw_gid)
    except KeyError:
        return []
    return [_group(one) for one in found]


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return f"gid {number}"


def _name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def _fits(text: Any) -> bool:
    return isinstance(text, str) and 0 < len(text) <= _LONGEST and text.isprintable()


def _login(proc: Path) -> int | None:
    try:
        found = int((proc / "self" / "loginuid").read_text())
    except (OSError, ValueError):
        return None
    return None if found == _UNSET else found


def _ancestors(proc: Path) -> Iterator[int]:
    """The real uids of the processes above this one, the nearest first."""
    pid = os.getppid()
    while pid > 1:
        try:
            status = (proc / str(pid) / "status").read_text(errors="replace")
        except OSError:
            return
        found, parent = _UIDS.search(status), _PARENT.search(status)
        if not found or not parent:
            return
        yield int(found[1])
        pid = int(parent[1])
