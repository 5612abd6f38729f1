# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A person's signature, by ssh-keygen and a key of theirs on this machine or in their agent."""

from __future__ import annotations

import os
import subprocess

from ansible_collections.lossless.restart.plugins.module_utils._signature import NAMESPACE

# Seconds: a hardware key waits for its owner's finger.
_DEADLINE = 60.0


def sign(text: str, key: str) -> str:
    """The signature of `text` by the private key in that file, or by the agent's where the file is a public key.

    Raises ValueError. Nobody is asked for a passphrase here: a key with one has to be in the agent.
    """
    path = os.path.expanduser(key)
    if not os.path.isfile(path):
        raise ValueError(f"fleet_approval_key {key!r} is no file on this machine")
    command = ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", path]
    silent = {**os.environ, "SSH_ASKPASS_REQUIRE": "force", "SSH_ASKPASS": "/bin/false"}
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=_DEADLINE, check=False, env=silent
        )
    except FileNotFoundError:
        raise ValueError("this machine has no ssh-keygen (OpenSSH 8.2 or newer) to sign with") from None
    except subprocess.TimeoutExpired:
        raise ValueError(f"ssh-keygen made no signature with {key} within {_DEADLINE:g} s") from None
    if done.returncode:
        why = " ".join(done.stderr.decode(errors="replace").split())[:300]
        raise ValueError(f"ssh-keygen made no signature with {key}: {why}. Is the key in your agent? See ssh-add -l")
    return done.stdout.decode()
