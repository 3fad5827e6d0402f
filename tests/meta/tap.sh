# SPDX-License-Identifier: MIT
# Test Anything Protocol for the shell tests of this folder. Sourced; gives a scratch directory
# that goes with the program.
set -u -o pipefail

tap_number=0
tap_failed=0
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

pass() {
    tap_number=$((tap_number + 1))
    printf 'ok %d - %s\n' "$tap_number" "$*"
}

# flunk <title> [what there is to say, line by line]
flunk() {
    tap_number=$((tap_number + 1))
    tap_failed=$((tap_failed + 1))
    printf 'not ok %d - %s\n' "$tap_number" "$1"
    [ $# -lt 2 ] || printf '%s\n' "$2" | head -n 60 | sed 's/^/# /'
}

skip() {
    tap_number=$((tap_number + 1))
    printf 'ok %d - %s # SKIP %s\n' "$tap_number" "$1" "$2"
}

# empty <title> <text>: passes when there is nothing to complain of.
empty() {
    if [ -z "$2" ]; then pass "$1"; else flunk "$1" "$2"; fi
}

# works <title> <command...>: passes when the command exits with 0.
works() {
    local title=$1
    shift
    if "$@" >"$scratch/tap.out" 2>&1; then
        pass "$title"
    else
        flunk "$title" "$(cat "$scratch/tap.out")"
    fi
}

# refuses <title> <pattern> <command...>: passes when it fails and says so.
refuses() {
    local title=$1 pattern=$2
    shift 2
    if "$@" >"$scratch/tap.out" 2>&1; then
        flunk "$title" "it succeeded"
    elif grep -qE -- "$pattern" "$scratch/tap.out"; then
        pass "$title"
    else
        flunk "$title" "$(cat "$scratch/tap.out")"
    fi
}

finish() {
    if [ "$tap_number" -eq 0 ]; then
        echo "Bail out! nothing was looked at"
        exit 1
    fi
    printf '1..%d\n' "$tap_number"
    [ "$tap_failed" -eq 0 ]
    exit
}

# The files of the project below a root, without what is built or private: what git tracks or would,
# else everything but the usual folders.
project_files() {
    (
        cd "$1" || exit 1
        if [ -e .git ] && git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
            git ls-files --cached --others --exclude-standard | while IFS= read -r file; do
                [ ! -f "$file" ] || printf '%s\n' "$file"
            done
        else
            find . \( -name .git -o -path './build' -o -path './build-*' \) -prune -o -type f -print |
                sed 's,^\./,,'
        fi
    ) | sort
}
