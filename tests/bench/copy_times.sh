# SPDX-License-Identifier: MIT
# What import.sh and export.sh share, sourced with their arguments: two ways to do one thing in
# turns, and the fastest time of each. They define once().
set -u -o pipefail
folder=$1 rows=${2:-1000000} rounds=${3:-3}
export TENON_NO_ENV=1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

sql() {
    psql -X -q -v ON_ERROR_STOP=1 "$DATABASE_URL" -tA -c "$1"
}

now() { # in microseconds
    printf '%s\n' "${EPOCHREALTIME/[.,]/}"
}

# Calls once <psql|tenon>, which prints its microseconds, so many rounds.
declare -A fastest=()
take_turns() {
    local round who spent
    for ((round = 0; round < rounds; round++)); do
        for who in psql tenon; do
            spent=$(once "$who") || return 1
            [ -n "${fastest[$who]:-}" ] && [ "${fastest[$who]}" -le "$spent" ] ||
                fastest[$who]=$spent
        done
    done
}

print_times() { # print_times <import|export>
    printf '{"%s": {"rows": %d, "rounds": %d, "psql_us": %d, "tenon_us": %d}}\n' "$1" "$rows" \
        "$rounds" "${fastest[psql]}" "${fastest[tenon]}"
}
