#!/bin/bash
# SPDX-License-Identifier: MIT
# The tree as a whole: tree.sh <root>
. "$(dirname "$0")/tap.sh"
root=$1
project_files "$root" >"$scratch/files"
cd "$root" || exit 1

n=$(wc -l <"$scratch/files")
if [ "$n" -gt 60 ]; then pass "looked at $n files"; else flunk "looked at the tree" "$n files"; fi

# What cannot hold a comment, or is text for people, has none.
without=$(grep -vE '(^LICENSE|\.md|\.json|\.txt|\.csv|\.expected|\.out)$|^example\.env$' "$scratch/files" |
    while IFS= read -r file; do
        # The first line, or the second one behind #! or a roff request.
        head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file"
    done)
empty "each file names its licence first" "$without"
empty "CMakeLists.txt, too" "$(grep 'CMakeLists.txt$' "$scratch/files" |
    while IFS= read -r file; do head -n 1 "$file" | grep -q SPDX || echo "$file"; done)"

allowed='CMakeLists.txt CMakePresets.json LICENSE README.md example.env include core drivers
    migrations tests tools .ci .clang-format .clang-tidy .editorconfig .gitignore'
empty "the top level holds what it should and nothing else" \
    "$(diff <(tr -s ' \n' '\n' <<<"$allowed" | sort) <(cut -d/ -f1 "$scratch/files" | sort -u) |
        grep '^[<>]' | sed 's/^</missing:/; s/^>/not expected:/')"

# Written so that this file does not match itself.
machine='(^|[^a-z0-9_.@-])/(work|root|home/[a-z]+)''(/[a-z]|$|["'"'"' ])|/tmp/''build-'
empty "no path of a machine that it was built on" "$(xargs -d '\n' grep -nEI -e "$machine" <"$scratch/files")"
hosts='(deb|ftp|security)\.debian''\.org|registry\.np''mjs|pypi\.or''g|archive\.ubunt''u|index\.crates''\.io|proxy\.golan''g'
empty "no package registry's host" "$(xargs -d '\n' grep -nEIi -e "$hosts" <"$scratch/files")"
# Two adjacent literals, for the same reason.
secret='-----BEGIN [A-Z ]*PRIVATE ''KEY|AKIA[0-9A-Z]{16}'
empty "no private key" "$(xargs -d '\n' grep -nEI -e "$secret" <"$scratch/files")"

empty "no trailing white space, no tab in C" "$(
    grep -E '\.(c|h|cpp|cmake|awk|md)$|CMakeLists.txt$' "$scratch/files" | xargs -d '\n' grep -nE ' +$'
    grep -E '\.(c|h|cpp)$' "$scratch/files" | xargs -d '\n' grep -nP '\t')"
empty "each script that is run may be run" "$(
    while IFS= read -r file; do
        if head -c 2 "$file" | grep -q '#!' && [ ! -x "$file" ]; then echo "$file"; fi
    done <"$scratch/files")"
while IFS= read -r file; do
    case $file in *.sh | tools/test | tools/demo | tools/run | .ci/run | tools/dev/*)
        if head -n 1 "$file" | grep -q 'bash'; then works "$file: parses" bash -n "$file"; fi ;;
    esac
done <"$scratch/files"
finish
