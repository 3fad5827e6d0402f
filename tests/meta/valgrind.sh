#!/bin/bash
# SPDX-License-Identifier: MIT
# The example application under valgrind, on each database there is: valgrind.sh <program>
. "$(dirname "$0")/tap.sh"
program=$1
export TENON_NO_ENV=1
unset TENON_DRIVER_PATH

run() { # run <title> <url>
    if DATABASE_URL=$2 valgrind --quiet --leak-check=full --show-leak-kinds=definite,indirect,possible \
        --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 \
        "$program" >"$scratch/out" 2>&1; then
        pass "$1: no leak, no invalid access"
    else
        flunk "$1: no leak, no invalid access" "$(cat "$scratch/out")"
    fi
}

if ! command -v valgrind >/dev/null; then
    skip "the example application" "there is no valgrind here"
    finish
fi
# That a leak is seen at all.
printf '%s\n' '#include <stdlib.h>' 'int main(void) { char *volatile p = malloc(10); p = NULL; return p != NULL; }' \
    >"$scratch/leak.c"
gcc -g -o "$scratch/leak" "$scratch/leak.c"
(program=$scratch/leak && run "self-test" "x") >"$scratch/self"
if grep -q '^not ok' "$scratch/self" && grep -q 'definitely lost' "$scratch/self"; then
    pass "self-test: a leak is seen"
else
    flunk "self-test: a leak is seen" "$(cat "$scratch/self")"
fi
run "the example application on SQLite" sqlite::memory:
if [ -n "${TENON_TEST_POSTGRES_URL:-}" ]; then
    run "the example application on PostgreSQL" "$TENON_TEST_POSTGRES_URL"
else
    skip "the example application on PostgreSQL" "TENON_TEST_POSTGRES_URL is not set"
fi
finish
