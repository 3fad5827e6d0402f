#!/bin/bash
# SPDX-License-Identifier: MIT
# tools/test counts what it says it counts: counts.sh <root>
. "$(dirname "$0")/tap.sh"
root=$1

cat >"$scratch/ctest" <<'TEXT'
1/6 Test #1: suite ............................***Failed    0.00 sec
2/6 Test #2: skipped ..........................***Skipped   0.00 sec
3/6 Test #3: crash ............................***Exception: SegFault  0.00 sec
4/6 Test #5: absent ...........................***Not Run   0.00 sec
5/6 Test #6: off ..............................***Not Run (Disabled)   0.00 sec
6/6 Test #4: tap ..............................   Passed    1.00 sec
7/7 Test #7: plain ............................   Passed    1.00 sec
TEXT
block() {
    printf '1/9 Testing: %s\nCommand: "ok 1"\nOutput:\n----------\n' "$1"
    cat
    printf '<end of output>\nTest Passed.\n\n'
}
{
    block suite <<'TEXT'
[==========] Running 3 test(s).
[ RUN      ] a
[       OK ] a
[ RUN      ] b
skip: no such thing here
[  SKIPPED ] b
[ RUN      ] c
[  FAILED  ] c
[ RUN      ] d
[  SKIPPED ] d
[ RUN      ] e
[  ERROR   ] --- a text
[  ERROR   ] e
[==========] 5 test(s) run.
[  PASSED  ] 1 test(s).
[  SKIPPED ] 2 test(s), listed below:
[  SKIPPED ] b
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] c
TEXT
    block skipped <<<'skip: not today'
    block crash <<<'[       OK ] one'
    block tap <<'TEXT'
ok 1 - first
ok 2 - second # SKIP for a reason
not ok 3 - third
ok 4 - fourth
TEXT
    block plain <<<'hello'
} >"$scratch/log"
awk -f "$root/tools/sh/count-tests.awk" "$scratch/ctest" "$scratch/log" >"$scratch/found"
tr '|' '\t' >"$scratch/expected" <<'TEXT'
F|absent|(the program as a whole)
F|crash|(the program as a whole)
F|suite|c
F|suite|e
F|tap|third
S|off|(whole test)|disabled: what it needs was not there when configuring
S|skipped|(whole test)|not today
S|suite|b|no such thing here
S|suite|d|
S|tap|second|for a reason
T|absent|0|1|0
T|crash|1|1|0
T|off|0|0|1
T|plain|1|0|0
T|skipped|0|0|1
T|suite|1|2|2
T|tap|2|1|1
TEXT
empty "cases of cmocka, TAP and plain tests" "$(diff "$scratch/expected" <(LC_ALL=C sort "$scratch/found"))"

# The judgement on the counts, with a build that is none.
top=$scratch/top logs=$scratch/logs server=yes
mkdir -p "$top/tests" "$logs"
. "$root/tools/sh/steps.sh"
. "$root/tools/sh/suites.sh"
ctest() { # the names and labels of the log above
    case "$*" in
    *'^unit$'*) printf '  Test #1: suite\n  Test #2: plain\n' ;;
    *) printf '  Test #1: suite\n  Test #2: plain\n  Test #3: tap\n  Test #4: crash\n' ;;
    esac
}
judge() { # judge <minimum-counts line>
    printf '%s\n' "$1" >"$top/tests/minimum-counts"
    suites_init
    judge_counts dev "$scratch/found" unit >"$scratch/said"
    cat "$scratch/said"
}
sed -i '/^S.suite.d/d' "$scratch/found"
empty "enough cases of a label" "$(judge 'unit . 2')"
if judge 'unit . 3' | grep -q '2 unit cases'; then pass "too few cases of a label"; else flunk "too few cases of a label" "$(cat "$scratch/said")"; fi
if judge 'unit plain 2' | grep -q '1 unit cases'; then pass "too few of a name"; else flunk "too few of a name" "$(cat "$scratch/said")"; fi
empty "a label that was not run" "$(judge 'meta . 99')"
printf 'S\tsuite\td\t\n' >>"$scratch/found"
if judge 'unit . 1' | grep -q '1 skipped without a reason'; then pass "a skip without a reason"; else flunk "a skip without a reason" "$(cat "$scratch/said")"; fi
printf 'S\tsuite\te\tTENON_TEST_POSTGRES_URL is not set\n' >>"$scratch/found"
if judge 'unit . 1' | grep -q 'as if there were no PostgreSQL'; then pass "a skip for want of a server"; else flunk "a skip for want of a server" "$(cat "$scratch/said")"; fi

# The canary: found in a text and in a binary file, not elsewhere.
suites_init
mkdir "$scratch/out"
printf 'nothing\n' >"$scratch/out/a"
empty "canary: nothing is found where nothing is" "$(canary_search "$scratch/out")"
printf 'url=postgresql://u:p%%40ss%%3A%%2F%s%%3F%%25@h/\n' "$canary_core" >"$scratch/out/a"
printf 'x\0y%s\0' "$canary" >"$scratch/out/b"
empty "canary: found in text and in binary" \
    "$(diff <(printf '%s\n' "$scratch/out/a" "$scratch/out/b") <(canary_search "$scratch/out" | sort))"
finish
