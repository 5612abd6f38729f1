#!/usr/bin/env bash
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Make or complete a virtual environment. What works already is kept.
# Usage: venv.sh FOLDER REQUIREMENTS [MIN [END]]      (MIN and END: see python.sh)
set -euo pipefail

folder=$1 requirements=$2 min=${3:-3.11} end=${4:-4.0}

mkdir -p "$(dirname "$folder")"
exec 9>"${folder}.lock"
flock 9
if ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$("${0%/*}/python.sh" "$min" "$end")
    echo "Making $folder with $python"
    "$python" -m venv --clear "$folder"
fi
echo "Installing $requirements into $folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" 9>&-
