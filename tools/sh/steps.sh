# SPDX-License-Identifier: MIT
# Progress and failures of tools/demo and tools/test. Sourced; sets no options.

say() {
    printf '%s\n' "$*"
}

complain() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# quiet <what> <log> <command...>: one progress line with the time it took; the command's output
# goes to the log, and its last lines are shown when the command fails.
quiet() {
    local what=$1 log=$2 started=$SECONDS status
    shift 2
    mkdir -p "$(dirname "$log")"
    printf '==> %s ' "$what"
    "$@" >"$log" 2>&1 </dev/null
    status=$?
    if [ "$status" -eq 0 ]; then
        printf '(%d s)\n' "$((SECONDS - started))"
    else
        printf 'FAILED (%d s, exit %d)\n' "$((SECONDS - started))" "$status"
        show_tail "$log" 15
    fi
    return "$status"
}

# show_tail <log> <lines>: what looks like an error, and the end.
show_tail() {
    grep -E -A 8 '(: error: |: undefined reference|^CMake Error|^E: )' "$1" | head -n 60 | cut -c1-300 |
        sed 's/^/    /'
    say "    ... and its end:"
    tail -n "$2" "$1" | cut -c1-300 | sed 's/^/    /'
    say "    whole log: $1"
}

# The build tool that is there: Ninja before make. CMake reads CMAKE_GENERATOR.
choose_generator() {
    if [ -z "${CMAKE_GENERATOR:-}" ]; then
        if command -v ninja >/dev/null 2>&1; then
            export CMAKE_GENERATOR=Ninja
        else
            export CMAKE_GENERATOR='Unix Makefiles'
        fi
    fi
}

# configure <build directory> <preset> [cmake arguments...]; quiet when nothing changed.
configure() {
    local dir=$1 preset=$2
    shift 2
    # A directory that another generator made cannot be used on.
    if [ -f "$dir/CMakeCache.txt" ] &&
        ! grep -qxF "CMAKE_GENERATOR:INTERNAL=$CMAKE_GENERATOR" "$dir/CMakeCache.txt"; then
        rm -rf "$dir"
    fi
    cmake --preset "$preset" -S "$top" -B "$dir" "$@"
}

# build <directory> [targets...]
build() {
    local dir=$1
    shift
    if [ $# -gt 0 ]; then
        cmake --build "$dir" --parallel "$(nproc)" --target "$@"
    else
        cmake --build "$dir" --parallel "$(nproc)"
    fi
}

# configure_and_build <directory> <preset> [targets...]
configure_and_build() {
    local dir=$1 preset=$2
    shift 2
    configure "$dir" "$preset" -DTENON_WERROR=ON && build "$dir" "$@"
}
