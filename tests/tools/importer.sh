#!/usr/bin/env bash
# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Run Galaxy's importer on a built collection; its warnings are failures too. And see that it has what is in the copy of
# the tree, byte by byte: what lint and sanity say of the one holds for the other.
# Usage: importer.sh ARCHIVE COPY      (COPY: see copy.sh)
set -euo pipefail

archive=$PWD/$1 copy=$PWD/$2 log=$PWD/.cache/importer.log
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PATH=$PWD/.cache/lint/bin:$PATH
cd "$work"
python -m galaxy_importer.main "$archive" 2>&1 | tee "$log"
if grep -qE '^(WARNING|ERROR|CRITICAL)' "$log"; then
    echo "The importer's warnings are failures here." >&2
    exit 1
fi
mkdir built
tar --extract --file="$archive" --directory=built
if ! diff --recursive --brief --exclude={.git,.gitignore,.ci,galaxy.yml,MANIFEST.json,FILES.json} "$copy" built; then
    echo "What is built is not what was checked." >&2
    exit 1
fi
