#!/bin/bash
# SPDX-License-Identifier: MIT
# What the binaries export and what they want: symbols.sh <include> <build type> <libtenon.so>
# <libtenon.a> <libtenon-migrate.so> <driver.so...>
. "$(dirname "$0")/tap.sh"
include=$1 build_type=$2 library=$3 archive=$4 migrate=$5
shift 5

exported() {
    nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort
}
wanted() {
    nm -u ${2:-} "$1" | awk '/^ +[a-zA-Z] / { sub(/@.*/, "", $2); print $2 }' | sort -u
}

# The functions that these headers declare for export, found by the preprocessor.
declared() { # declared <header...>
    {
        printf '%s\n' '#define TENON_EXPORT_H' '#define TN_API export_mark' '#define TN_NODISCARD' \
            '#define TN_PRINTF(a, b)' '#define TN_LIKELY(c) (c)' '#define TN_UNLIKELY(c) (c)' \
            '#define TN_NEVER_CALL(t)' '#define TN_BEGIN_DECLS' '#define TN_END_DECLS' \
            '#define TN_DRIVER_EXPORT'
        for header in "$@"; do
            case $header in */export.h | */args_cxx.h) continue ;; esac
            printf '#include <tenon/%s>\n' "$(basename "$header")"
        done
    } >"$scratch/all.c"
    gcc -std=c17 -E -P -I"$include" "$scratch/all.c" | tr '\n' ' ' |
        sed 's/export_mark/\n&/g' | sed -n 's/^export_mark[^(]*[ *]\(tn_[a-z0-9_]*\)(.*/\1/p' | sort -u
}

# Three libraries: what <tenon/migrate*.h> and <tenon/testing.h> declare beyond the others is theirs.
others=()
for header in "$include"/tenon/*.h; do
    case $header in */migrate* | */testing.h) ;; *) others+=("$header") ;; esac
done
declared "${others[@]}" >"$scratch/declared"
declared "${others[@]}" "$include"/tenon/migrate*.h | comm -13 "$scratch/declared" - >"$scratch/declared.migrate"
exported "$library" >"$scratch/exported"
exported "$migrate" >"$scratch/exported.migrate"
if [ "$(wc -l <"$scratch/declared")" -gt 50 ]; then
    pass "public headers declare $(wc -l <"$scratch/declared") functions"
else
    flunk "public headers declare functions" "$(cat "$scratch/declared")"
fi
empty "libtenon exports nothing but what the public headers declare" \
    "$(comm -13 "$scratch/declared" "$scratch/exported")"
empty "libtenon exports all that the public headers declare" \
    "$(comm -23 "$scratch/declared" "$scratch/exported")"
empty "libtenon exports only names that start with tn_" "$(grep -v '^tn_' "$scratch/exported")"

if [ "$(wc -l <"$scratch/declared.migrate")" -gt 15 ]; then
    pass "migrate.h and its sisters declare $(wc -l <"$scratch/declared.migrate") functions"
else
    flunk "migrate.h declares functions" "$(cat "$scratch/declared.migrate")"
fi
empty "libtenon-migrate exports what its headers declare, and nothing else" \
    "$(diff "$scratch/declared.migrate" "$scratch/exported.migrate")"
empty "libtenon-migrate wants of libtenon what is public alone" \
    "$(wanted "$migrate" -D | grep '^tn_' | comm -23 - "$scratch/declared")"
# The library for tests stands on the public functions of the other.
testing=$(dirname "$library")/libtenon-testing.so
declared "${others[@]}" "$include"/tenon/testing.h | comm -13 "$scratch/declared" - >"$scratch/declared_testing"
exported "$testing" >"$scratch/exported_testing"
empty "libtenon-testing exports what <tenon/testing.h> declares, and nothing else" \
    "$(diff "$scratch/declared_testing" "$scratch/exported_testing")"
if [ -s "$scratch/declared_testing" ]; then
    pass "<tenon/testing.h> declares $(wc -l <"$scratch/declared_testing") functions"
else
    flunk "<tenon/testing.h> declares functions"
fi
empty "libtenon-testing wants public functions alone" \
    "$(wanted "$testing" -D | grep '^tn_' | comm -23 - "$scratch/declared")"

# A library never ends the program that uses it. assert() is for debug builds.
fatal='^(exit|_exit|_Exit|quick_exit|abort|err|errx|verr|verrx)$'
[ "$build_type" = Debug ] || fatal="$fatal|^__assert"
empty "libtenon.so cannot end the program" "$(wanted "$library" -D | grep -E "$fatal")"
empty "libtenon-migrate.so cannot end the program" "$(wanted "$migrate" -D | grep -E "$fatal")"
empty "libtenon-testing.so cannot end the program" "$(wanted "$testing" -D | grep -E "$fatal")"
empty "libtenon.a cannot end the program" "$(wanted "$archive" | grep -E "$fatal")"
for driver in "$@"; do
    name=$(basename "$driver")
    empty "driver $name: exports tn_driver_module and nothing else" \
        "$(diff <(exported "$driver") <(echo tn_driver_module))"
    case $(nm -D --defined-only "$driver") in
    *" R tn_driver_module"* | *" D tn_driver_module"*) pass "driver $name: the symbol is data" ;;
    *) flunk "driver $name: the symbol is data" "$(nm -D --defined-only "$driver")" ;;
    esac
    empty "driver $name: wants nothing of tenon" "$(wanted "$driver" -D | grep '^tn_')"
    empty "driver $name: links no libtenon" "$(readelf -dW "$driver" | grep 'NEEDED.*libtenon')"
    empty "driver $name: cannot end the program" "$(wanted "$driver" -D | grep -E "$fatal")"
done
finish
