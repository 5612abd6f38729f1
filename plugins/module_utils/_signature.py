# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose signature it is, by `ssh-keygen -Y` and a file of allowed signers (see ssh-keygen(1), ALLOWED SIGNERS)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from . import _command

# What a signature is for stands in it, so that one made for something else is none.
NAMESPACE = "lossless.restart"
_DEADLINE = 10.0
_NOT_THERE = 127
LONGEST = 20_000


class Bad(ValueError):
    """It is no signature of anybody who may sign."""


def signer(text: bytes, signature: str, signers: bytes) -> str:
    """The principal in `signers` whose valid key signed `text`. Raises Bad."""
    if len(signature) > LONGEST or not signature.startswith("-----BEGIN SSH SIGNATURE-----"):
        raise Bad("it is no signature as ssh-keygen -Y sign makes it")
    with tempfile.TemporaryDirectory(prefix="lossless-restart-") as name:
        folder = Path(name)
        (folder / "signers").write_bytes(signers)
        (folder / "signature").write_text(signature, "utf-8")
        found = _asked(folder, "find-principals", b"")
        if not found:
            raise Bad("no key among the allowed signers made it")
        principal = found.splitlines()[0]
        if not _asked(folder, "verify", text, "-I", principal, "-n", NAMESPACE):
            raise Bad(f"it is not {principal}'s signature of this very plan, or the key is not valid any more")
        return principal


def _asked(folder: Path, what: str, text: bytes, *more: str) -> str:
    """What ssh-keygen says; empty where it says no."""
    command = ["ssh-keygen", "-Y", what, "-f", f"{folder}/signers", "-s", f"{folder}/signature", *more]
    ran = _command.run(command, _DEADLINE, text)
    if ran.code == _NOT_THERE:
        raise Bad("this host has no ssh-keygen (OpenSSH 8.2 or newer), which would know")
    if ran.code is None:
        raise Bad(f"ssh-keygen gave no answer within {_DEADLINE:g} s")
    return ran.output.strip() if ran.code == 0 else ""
