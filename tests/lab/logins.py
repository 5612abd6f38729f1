# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""People who come to this machine by a login of their own, and a policy that only they find in /etc.

Each command runs in a mount namespace in which /etc is overlaid: with accounts for the people, and with the platform
team's folder. It runs as root under a process of the person's, as it would under sudo. Nothing of the machine changes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RULES = "lossless_restart"
_FIRST = 61_000
_NAMESPACE = ["unshare", "--mount", "--propagation", "private"]


class Logins:
    """names: the people. groups: by name of a group its members."""

    def __init__(self, folder: Path, *names: str, groups: dict[str, list[str]] | None = None) -> None:
        self.uids = {name: _FIRST + number for number, name in enumerate(names)}
        self._upper, self._work, self._keys = folder / "etc", folder / "work", folder / "keys"
        for each in (self._upper / RULES, self._work, self._keys):
            each.mkdir(parents=True)
        people = [f"{name}:x:{uid}:{uid}::/nonexistent:/bin/sh" for name, uid in self.uids.items()]
        teams = [f"{name}:x:{uid}:" for name, uid in self.uids.items()]
        for number, (team, members) in enumerate((groups or {}).items()):
            teams.append(f"{team}:x:{_FIRST + 500 + number}:{','.join(members)}")
        for name, lines in (("passwd", people), ("group", teams)):
            (self._upper / name).write_text(Path("/etc", name).read_text() + "".join(f"{line}\n" for line in lines))

    def write(self, name: str, text: str) -> None:
        """A file of the platform team's."""
        (self._upper / RULES / name).write_text(text)

    def remove(self, name: str) -> None:
        (self._upper / RULES / name).unlink()

    def key(self, name: str) -> Path:
        """The person's private key, made here; its public half lies beside it."""
        path = self._keys / name
        if not path.exists():
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
            subprocess.run(command, check=True, timeout=30)
        return path

    def sign(self, *names: str) -> None:
        """These people may sign from now on, and no others."""
        lines = [f'{name} namespaces="lossless.restart" {self._public(name)}' for name in names]
        self.write("allowed_signers", "".join(f"{line}\n" for line in lines))

    def _public(self, name: str) -> str:
        return self.key(name).with_suffix(".pub").read_text().strip()

    def before(self, name: str) -> list[str]:
        """What goes before a command, so that this person gives it."""
        uid = self.uids[name]
        return [*_NAMESPACE, sys.executable, __file__, str(uid), str(self._upper), str(self._work)]


def main(uid: int, upper: str, work: str, command: list[str]) -> int:
    """Run the command as root below a process that has become the person."""
    options = f"lowerdir=/etc,upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", "/etc"], check=True)
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)
        os.execvp(command[0], command)
    os.setresuid(uid, uid, uid)
    os.close(ready)
    os.close(go)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
