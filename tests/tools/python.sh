#!/usr/bin/env bash
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Print the path of the first Python that is at least MIN and below END and can make virtual environments.
# Usage: python.sh MIN [END]        e.g. python.sh 3.11, python.sh 3.9 3.10
# Looked at: $PYTHON, python3 and python3.N on the PATH, what pyenv has installed.
set -euo pipefail

min=$1 end=${2:-4.0}
candidates=("${PYTHON:-python3}")
for minor in 14 13 12 11 10 9; do candidates+=("python3.$minor"); done
if command -v pyenv >/dev/null; then
    for found in "$(pyenv root)"/versions/3.*/bin/python3; do candidates+=("$found"); done
fi

probe='
import sys
low, end = (tuple(map(int, text.split("."))) for text in sys.argv[1:])
if low <= sys.version_info[:2] < end:
    try:
        import ensurepip, venv
        print(sys.executable)
    except ImportError:
        print("bare")'

for candidate in "${candidates[@]}"; do
    found=$("$candidate" -c "$probe" "$min" "$end" 2>/dev/null) || continue
    case $found in
        /*) echo "$found"; exit ;;
        bare) bare=$candidate ;;
    esac
done

wanted="Python >= $min${2:+ and < $end}"
if [ -n "${bare:-}" ]; then
    echo "$bare is fit ($wanted) but has no venv or ensurepip: install them (Debian: ${bare##*/}-venv), or set PYTHON" >&2
else
    echo "No $wanted found on the PATH or under pyenv: install one, or name it, as in PYTHON=/path/to/python3" >&2
fi
exit 1
