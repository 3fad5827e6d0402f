# SPDX-License-Identifier: MIT
# Runs CTest suites around an ephemeral PostgreSQL, counts their cases and judges the counts.
# Sourced by tools/test after steps.sh. Uses $top, $logs, $server and $tenon.

suites_init() {
    passed=0 failed=0 skipped=0
    # A password that nobody else could have written: what of the run shows it has leaked it. The
    # characters around its core must be percent-encoded in a URL, so both spellings are about.
    canary_core=canary$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    canary="p@ss:/$canary_core?%"
    : >"$logs/failures.txt"
    : >"$logs/skips.txt"
}

# One more failure that is no test's own.
suites_fail() {
    failed=$((failed + 1))
    printf '%s\n' "$*" >>"$logs/failures.txt"
    say "    FAILED: $*"
}

# suite_build <preset> <what> [targets...]
suite_build() {
    local name=$1 what=$2
    shift 2
    quiet "building ($name: $what)" "$logs/$name-build.log" \
        configure_and_build "$top/build/$name" "$name" "$@" && return
    suites_fail "$name: does not build"
    return 1
}

# with_postgres <server log> <command...>: what TENON_TEST_POSTGRES_URL names lives as long as the
# command. Its role has the canary as its password, and the socket asks for it.
with_postgres() {
    local log=$1
    shift
    TENON_PG_PASSWORD=$canary "$tenon" pg run --quiet --password-env TENON_PG_PASSWORD \
        --keep-log "$log" -- sh -c '
        TENON_TEST_POSTGRES_URL=$DATABASE_URL
        export TENON_TEST_POSTGRES_URL
        unset DATABASE_URL TENON_PG_PASSWORD
        exec "$@"' sh "$@"
}

# run_suite <build> <labels...>: runs the tests that have one of these labels.
run_suite() {
    local name=$1 started=$SECONDS status
    local out=$logs/$1-ctest.log whole=$logs/$1-output.log counts=$logs/$1-counts.txt
    shift
    local -a run=(ctest --test-dir "$top/build/$name" --parallel "$(nproc)" --no-tests=error
        --label-regex "^($(IFS='|' && printf '%s' "$*"))\$")
    # ThreadSanitizer wants the memory layout of older kernels where the kernel spreads it wide.
    if [ "$name" = tsan ] && setarch "$(uname -m)" -R true 2>/dev/null; then
        run=(setarch "$(uname -m)" -R "${run[@]}")
    fi
    [ -n "$server" ] && run=(with_postgres "$logs/$name-server.log" "${run[@]}")

    printf '==> testing (%s: %s) ' "$name" "$*"
    rm -f "$top/build/$name/Testing/Temporary/LastTest.log"
    "${run[@]}" >"$out" 2>&1 </dev/null
    status=$?
    cp "$top/build/$name/Testing/Temporary/LastTest.log" "$whole" 2>/dev/null || : >"$whole"
    awk -f "$top/tools/sh/count-tests.awk" "$out" "$whole" >"$counts"
    add_counts "$name" "$counts" "$((SECONDS - started))"
    judge_counts "$name" "$counts" "$@"
    if [ "$status" -ne 0 ] && ! grep -q "^F" "$counts"; then
        suites_fail "$name: ctest ended with exit $status and named no failed test"
        show_tail "$out" 20
    fi
    return 0
}

add_counts() {
    local name=$1 counts=$2 seconds=$3 p f s
    read -r p f s < <(awk -F'\t' '$1 == "T" { p += $3; f += $4; s += $5 } END { print p+0, f+0, s+0 }' "$counts")
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '%d passed, %d failed, %d skipped in %d s\n' "$p" "$f" "$s" "$seconds" |
        sed 's/, 0 skipped//; s/^/(/; s/$/)/'
    awk -F'\t' -v n="$name" '$1 == "F" { print n ": " $2 ": " $3 }' "$counts" >>"$logs/failures.txt"
    awk -F'\t' -v n="$name" '$1 == "S" { print n ": " $2 ": " $3 ": " $4 }' "$counts" >>"$logs/skips.txt"
    [ "$f" -eq 0 ] || show_failures "$name" "$counts"
    show_skips "$name" "$counts"
}

# Of each failed test what it said of its failed cases, else the end of what it printed.
show_failures() {
    local name=$1 test
    for test in $(awk -F'\t' '$1 == "F" { print $2 }' "$2" | sort -u | head -n 10); do
        say "  FAILED $test"
        awk -v t="$test" '
            /^[0-9]+\/[0-9]+ Testing: / { sub(/^[^:]*: /, ""); mine = $0 == t; next }
            mine && /^Output:$/ { on = 1; next }
            /^<end of output>$/ { on = 0 }
            on { print }' "$logs/$name-output.log" >"$logs/one-test.txt"
        if grep -q '^not ok' "$logs/one-test.txt"; then
            awk '/^not ok/ { on = 1 } /^ok/ { on = 0 } on' "$logs/one-test.txt" | head -n 30
        elif grep -qE '^\[  (FAILED  \]|ERROR   \] [^-])' "$logs/one-test.txt"; then
            awk '/^\[==========\].* run\.$/ { exit }
                /^\[ RUN/ { said = "" }
                { said = said $0 "\n" }
                /^\[  FAILED  \]/ || /^\[  ERROR   \] [^-]/ { printf "%s", said; said = "" }' \
                "$logs/one-test.txt" | head -n 40
        else
            tail -n 25 "$logs/one-test.txt"
        fi | cut -c1-300 | sed 's/^/    /'
    done
    rm -f "$logs/one-test.txt"
    say "    whole log: $logs/$name-output.log"
}

# Reasons once each, with how often.
show_skips() {
    awk -F'\t' '$1 == "S" { n[$4 == "" ? "(no reason given)" : $4]++ }
        END { for (r in n) printf "    skipped %d: %s\n", n[r], r }' "$2" | sort -k2,2nr
}

# Names of the tests of a build, those with a label if one is given.
tests_of() {
    ctest --test-dir "$top/build/$1" -N ${2:+--label-regex "$2"} 2>/dev/null |
        awk '/^ +Test +#/ { print $3 }'
}

# A run that ran nothing, or less than it must, fails; and here, where there is a server, a skip
# for want of one is a failure, as is a skip that gives no reason.
judge_counts() {
    local name=$1 counts=$2 label pattern least n
    shift 2
    n=$(comm -23 <(tests_of "$name" | sort) \
        <(tests_of "$name" '^(unit|conformance|integration|faults|meta)$' | sort) | tr '\n' ' ')
    [ -z "$n" ] || suites_fail "$name: tests without a label that is run: $n"
    if [ -n "$server" ] && grep -q "^S.*TENON_TEST_POSTGRES_URL" "$counts"; then
        suites_fail "$name: tests were skipped as if there were no PostgreSQL"
    fi
    n=$(awk -F'\t' '$1 == "S" && $4 == ""' "$counts" | wc -l)
    [ "$n" -eq 0 ] || suites_fail "$name: $n skipped without a reason"
    while read -r label pattern least; do
        case " $* " in *" $label "*) ;; *) continue ;; esac
        # With instruments not everything is run: what they add nothing to is left out.
        case $name in
        asan | tsan)
            least=$((least / 3))
            tests_of "$name" "^$label\$" | grep -e "$pattern" >/dev/null || continue
            ;;
        esac
        n=$(tests_of "$name" "^$label\$" | awk -F'\t' -v pattern="$pattern" '
            FNR == NR { wanted[$1] = 1; next }
            $1 == "T" && ($2 in wanted) && $2 ~ pattern { n += $3 }
            END { print n + 0 }' - "$counts")
        [ "$n" -ge "$least" ] ||
            suites_fail "$name: $n $label cases (tests like $pattern) passed, at least $least must"
    done <"$top/tests/minimum-counts"
}

# canary_search <folder...>: prints the files that hold the canary; true when there is one.
canary_search() {
    find "$@" -type f -print0 | xargs -0 -r grep -laF -e "$canary_core" --
}

# No password in anything that the run wrote. First the proof that the search would see one: the
# URL itself, as a program of the run could have printed it, and the password in plain.
check_canary() {
    local control=$logs/canary-control.log found
    printf '==> searching every output for the canary password '
    with_postgres "$logs/canary-server.log" sh -c 'echo "$TENON_TEST_POSTGRES_URL"' >"$control" 2>&1
    printf '%s\n' "$canary" >"$logs/canary-plain.log"
    found=$(canary_search "$logs" | sort | tr '\n' ' ')
    rm -f "$control" "$logs/canary-plain.log"
    if [ "$found" != "$control $logs/canary-plain.log " ] &&
        ! { [[ $found == *"$control "* ]] && [[ $found == *"$logs/canary-plain.log "* ]]; }; then
        say ""
        suites_fail "canary: the search does not find what is there, or the URL holds no password"
        return
    fi
    found=$(canary_search "$logs" "$top"/build/*/Testing)
    if [ -n "$found" ]; then
        say ""
        say "${found//$'\n'/$'\n'    }" | sed 's/^/    /'
        suites_fail "canary: the password of the test database stands in the files above"
    else
        passed=$((passed + 1))
        say "($(find "$logs" "$top"/build/*/Testing -type f | wc -l) files, none has it)"
    fi
}

# suites_close <seconds>: says what failed, then the closing line; ends the program.
suites_close() {
    if [ "$failed" -gt 0 ]; then
        say "failed:"
        sed 's/^/    /' "$logs/failures.txt"
        say "logs: $logs"
    elif [ "$passed" -eq 0 ]; then
        suites_fail "no test ran"
    fi
    say "$1 s in all"
    if [ "$skipped" -gt 0 ]; then
        say "$passed passed, $failed failed, $skipped skipped"
    else
        say "$passed passed, $failed failed"
    fi
    [ "$failed" -eq 0 ]
    exit
}
