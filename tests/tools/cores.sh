#!/usr/bin/env bash
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Run what depends on ansible-core (unit, what a signal does) on the other end of the supported range: .venv has the oldest
# ansible-core on Python 3.11 and the newest from 3.12 on; this takes a Python of the other side.
# Usage: cores.sh [FOLDER]          sanity as well, on the copy of the collection that is there (see copy.sh)
set -euo pipefail

tools=${0%/*}
if .venv/bin/python -c 'import sys; sys.exit(sys.version_info >= (3, 12))'; then
    name=newest range=(3.12)
else
    name=oldest range=(3.11 3.12)
fi
if ! "$tools/python.sh" "${range[@]}" >/dev/null; then
    echo "LEFT OUT: all tests on the $name supported ansible-core, for want of a Python"
    exit
fi
"$tools/venv.sh" ".cache/$name" tests/requirements-test.txt "${range[@]}"
if [ $# -gt 0 ]; then "$tools/sanity.sh" ".cache/$name" "$1"; fi
# Of the unit tests those that meet the engine; whole rolls on it are in tests/integration/test_versions.py.
mapfile -t unit < <(grep -lE 'plugins\.(plugin_utils|action|callback)|(from|import) ansible\.' tests/unit/test_*.py)
".cache/$name/bin/python" -m pytest -n 2 --dist load "${unit[@]}" tests/integration/test_roll_untouched.py \
    "tests/integration/test_roll_signals.py::test_first_signal[restart-INT]"
