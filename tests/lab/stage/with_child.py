# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A program of its own: `with_child.py CHILD LOG COMMAND...` becomes COMMAND, with a child that dies with it.

CHILD: a file with its command, in JSON. LOG: of its output.

The child is killed by the kernel at the moment at which COMMAND ends, however that comes.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        os._exit(1)


def main() -> None:
    child, log, *command = sys.argv[1:]
    with open(child, encoding="utf-8") as file:
        words = json.load(file)
    with open(log, "ab") as file:
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=file, preexec_fn=die_with_parent)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
