#!/bin/bash
# SPDX-License-Identifier: MIT
# Instructions that tenon takes for an operation, as a multiple of the reference's, against those of
# instructions.tsv: more than 5 % worse fails. Both are counted in this run, so that another
# compiler, libc or client library moves both.
#
#   gate.sh <folder of the programs> [<baseline>]       checks; TAP
#   gate.sh --refresh <folder of the programs> <baseline>   writes a new baseline
#
# On SQLite, and on PostgreSQL where TENON_TEST_POSTGRES_URL names one.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../meta/tap.sh"
allowed=1.05
gated=w1,w2,w2b,w3,w3r,w4b,w4s,w5,w5b,w6e1,w7p,w8p,w9
unset TENON_DRIVER_PATH
export TENON_NO_ENV=1

refresh=
[ "${1:-}" = --refresh ] && refresh=yes && shift
folder=$1
baseline=${2:-$here/instructions.tsv}

count() { # count <database> <output> <workloads>
    local url=sqlite:$scratch/gate.db
    [ "$1" = sqlite ] || url=$TENON_TEST_POSTGRES_URL
    DATABASE_URL=$url "$folder/bench_run" --count --workloads "$3" >"$2" 2>"$scratch/said"
}

databases() {
    [ -x "$folder/bench_sqlite" ] && echo sqlite
    [ -x "$folder/bench_pq" ] && [ -n "${TENON_TEST_POSTGRES_URL:-}" ] && echo postgresql
}

# compare <baseline> <measured>: lines of "ok" or "worse", workload, and both ratios.
compare() {
    awk -F'\t' -v OFS='\t' -v allowed="$allowed" '
        /^#/ || NF == 0 { next }
        NR == FNR { ratio[$1, $2] = $5; next }
        ($1, $2) in ratio {
            print ($5 > ratio[$1, $2] * allowed ? "worse" : "ok"), $2, $5, ratio[$1, $2]
        }' "$1" "$2"
}

# What differs from the reference, function by function.
hint() { # hint <database> <workload>
    local raw=bench_pq url=${TENON_TEST_POSTGRES_URL:-} operations=2000
    [ "$2" = w9 ] && operations=5
    [ "$1" = sqlite ] && raw=bench_sqlite url=sqlite:$scratch/gate.db
    if ! command -v python3 >/dev/null; then
        echo "compare_profiles.py tells where they go; there is no python3 here"
        return
    fi
    export DATABASE_URL=$url
    "$folder/$raw" setup 1 12000 >/dev/null &&
        TOP=15 "$here/compare_profiles.py" "$folder" "$raw" "$2:$operations" 2>&1 | head -n 50
    "$folder/$raw" teardown 1 1 >/dev/null
}

write_baseline() {
    local database
    echo "# SPDX-License-Identifier: MIT"
    echo "# Client instructions of an operation, in the release build. Written by gate.sh --refresh."
    printf '# database\tworkload\traw\ttenon\tratio\n'
    for database in $(databases); do
        count "$database" "$scratch/measured" "$gated" || { cat "$scratch/said" >&2; return 1; }
        cat "$scratch/measured"
    done
}

# A ratio that is too high is measured once more: a server that answers in other pieces, or a
# machine under load, adds some instructions now and then.
check() { # check <database>
    local database=$1 verdict workload ratio wanted again
    wanted=$(awk -F'\t' -v d="$database" '$1 == d { print $2 }' "$baseline" | paste -sd,)
    if ! count "$database" "$scratch/measured" "$wanted"; then
        flunk "$database: instructions are counted" "$(cat "$scratch/said")"
        return
    fi
    compare "$baseline" "$scratch/measured" >"$scratch/compared"
    again=$(awk -F'\t' '$1 == "worse" { print $2 }' "$scratch/compared" | paste -sd,)
    if [ -n "$again" ] && count "$database" "$scratch/again" "$again"; then
        grep -v '^worse' "$scratch/compared" >"$scratch/fine"
        compare "$baseline" "$scratch/again" | cat "$scratch/fine" - >"$scratch/compared"
    fi
    while IFS=$'\t' read -r verdict workload ratio wanted; do
        if [ "$verdict" = ok ]; then
            pass "$database $workload: $ratio of the reference's instructions, baseline $wanted"
        else
            flunk "$database $workload: $ratio of the reference's instructions, baseline $wanted" \
                "$(hint "$database" "$workload")"
        fi
    done <"$scratch/compared"
    empty "$database: each workload of the baseline was counted" "$(
        awk -F'\t' -v database="$database" '
            NR == FNR { seen[$2] = 1; next }
            $1 == database && !($2 in seen) { print $2 }' "$scratch/compared" "$baseline")"
}

self_test() {
    printf 'x\tw1\t100\t110\t1.1000\nx\tw2\t100\t110\t1.1000\n' >"$scratch/a"
    printf 'x\tw1\t200\t230\t1.1500\nx\tw2\t200\t232\t1.1600\n' >"$scratch/b"
    if [ "$(compare "$scratch/a" "$scratch/b" | cut -f1,2 | tr '\t\n' ': ')" = "ok:w1 worse:w2 " ]; then
        pass "self-test: 5 % are allowed, more are not"
    else
        flunk "self-test: 5 % are allowed, more are not" "$(compare "$scratch/a" "$scratch/b")"
    fi
}

if ! command -v valgrind >/dev/null; then
    [ -z "$refresh" ] || { echo "gate: there is no valgrind here" >&2; exit 1; }
    skip "instructions" "there is no valgrind here"
    finish
fi
if [ -n "$refresh" ]; then
    write_baseline >"$scratch/new" && mv "$scratch/new" "$baseline" && cat "$baseline"
    exit
fi
self_test
for database in $(databases); do
    check "$database"
done
[ -n "${TENON_TEST_POSTGRES_URL:-}" ] ||
    skip "instructions on PostgreSQL" "TENON_TEST_POSTGRES_URL is not set"
finish
