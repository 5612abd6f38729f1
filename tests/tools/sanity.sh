#!/usr/bin/env bash
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Run every sanity test of ansible-test, as the environment VENV has it, on the copy of the collection in FOLDER.
# Usage: sanity.sh VENV FOLDER      e.g. sanity.sh .venv .cache/tree (see copy.sh)
set -euo pipefail

tools=$(cd "${0%/*}" && pwd)
root=$PWD venv=$PWD/$1 copy=$PWD/$2/ansible_collections/lossless/restart
home=$root/.cache/home

# Modules run on 3.9 and later. ansible-test only warns of an interpreter that is missing, so look first.
path=$venv/bin:$root/.cache/lint/bin
here=$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
for minor in 9 10 11 12 13; do
    if python=$("$tools/python.sh" "3.$minor" "3.$((minor + 1))" 2>/dev/null); then
        path+=:$(dirname "$python")
    elif [ $minor = 9 ] || [ "3.$minor" = "$here" ]; then
        echo "Python 3.$minor is needed to prove that the modules run on it: install it (pyenv or the system's packages)" >&2
        exit 1
    else
        echo "LEFT OUT: sanity on Python 3.$minor, which is not installed"
    fi
done

# ansible-test fetches a script that installs pip; Python's own does the same without a download.
# Its HOME is a folder of ours, so that nothing of this reaches the user's.
mkdir -p "$home/.ansible/test/cache"
"$venv/bin/python" - "$home/.ansible/test/cache" <<'PY'
import pathlib
import re
import sys

import ansible_test

source = pathlib.Path(ansible_test.__file__).parent / "_internal" / "python_requirements.py"
for version in re.findall(r"pip='([0-9.]+)'", source.read_text()):
    script = pathlib.Path(sys.argv[1]) / f"get_pip_{version.replace('.', '_')}.py"
    script.write_text("import ensurepip\n\nensurepip.bootstrap(upgrade=True)\n")
PY
for folder in .config .cache; do
    if [ -d "$HOME/$folder" ]; then ln -sfn "$HOME/$folder" "$home/$folder"; fi
done

# In short on the screen, in full in the log.
log=$root/.cache/sanity.log
cd "$copy"
HOME=$home PATH=$path:$PATH ansible-test sanity --local --requirements --color no 2>&1 | tee "$log" |
    grep --line-buffered -E '^(Running|ERROR|WARNING|FATAL|[a-z-]+( --python [0-9.]+)?$)'
if grep 'WARNING: .*Skipping' "$log" | grep -v 'could not be found'; then
    echo "ansible-test left out what is named above." >&2
    exit 1
fi
echo "$(grep -c '^Running sanity test' "$log") sanity tests passed."
