# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stands before a command of the fleet's. A program of its own: `given.py SOCKET NAME COMMAND...`.

It tells the test at SOCKET that the command NAME is given, waits for its answer, runs COMMAND, tells that it ended,
and waits again. An answer `fail` makes it fail without running COMMAND. Without a test there it only runs COMMAND.
"""

from __future__ import annotations

import socket
import subprocess
import sys


def told(where: str, when: str, name: str) -> str:
    """The test's answer; empty where nobody listens."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(where)
        except OSError:
            return ""
        line.sendall(f"{when} {name}\n".encode())
        return line.makefile().readline().strip()


def main() -> int:
    where, name, *command = sys.argv[1:]
    name = " ".join([name, *(word for word in command[1:] if word[0] not in "-/")])
    if told(where, "before", name) == "fail":
        print(f"{name}: fails, as the test says")
        return 1
    code = subprocess.run(command, check=False).returncode
    told(where, "after", name)
    return code


if __name__ == "__main__":
    sys.exit(main())
