#!/bin/bash
# SPDX-License-Identifier: MIT
# Help, completion and the manual page: help.sh <tenon> <tenon.1>
. "$(dirname "$0")/tool.sh"
page=$2

# fits <name>: the last help is a screen, ends with examples and exit codes, and has no colour.
fits() {
    local lines widest
    lines=$(wc -l <"$out")
    widest=$(awk '{ n = length($0); if (n > w) w = n } END { print w }' "$out")
    if [ "$lines" -ge 12 ] && [ "$lines" -le 60 ]; then pass "$1: $lines lines"; else flunk "$1: fits a screen" "$lines lines"; fi
    if [ "$widest" -le 100 ]; then pass "$1: $widest columns"; else flunk "$1: fits a screen" "$widest columns"; fi
    says "$1: has exit codes" '^Exit codes:$' "$out"
    if [ "$(sed -n '/^Examples:$/,/^$/p' "$out" | grep -c '^  .*tenon')" -eq 3 ]; then
        pass "$1: has three examples"
    else
        flunk "$1: has three examples" "$(cat "$out")"
    fi
    silent "$1: no colour into a pipe" $'\033' "$out"
    if [ -s "$err" ]; then flunk "$1: nothing on standard error" "$(cat "$err")"; fi
}

commands=(health sql "sql import" "sql export" env "drivers list" "drivers inspect" "drivers certify"
    "migrate new" "migrate dev" "migrate deploy" "migrate status" "migrate plan" "migrate verify" "migrate lint"
    "migrate down" "migrate baseline" "migrate repair" "migrate squash" "migrate embed"
    "db create" "db drop" "db reset" "db clone" doctor "pg run" completion)
exits "tenon --help" 0 "$TENON" --help
fits "tenon --help"
cp "$out" "$scratch/help"
for command in "${commands[@]}"; do
    if grep -q "^  $command  " "$scratch/help"; then pass "$command is in the help"; else flunk "$command is in the help" "$(cat "$scratch/help")"; fi
    # shellcheck disable=SC2086
    exits "tenon $command --help" 0 "$TENON" $command --help
    fits "tenon $command --help"
    cp "$out" "$scratch/this"
    # shellcheck disable=SC2086
    run "$TENON" help $command
    if cmp -s "$out" "$scratch/this"; then pass "tenon help $command is the same"; else flunk "tenon help $command is the same" "$(told)"; fi
done
listed=$(sed -n '/^Commands:$/,/^$/p' "$scratch/help" | grep -c '^  ')
if [ "$listed" -eq "${#commands[@]}" ]; then pass "this test knows all commands"; else flunk "this test knows all commands" "$listed in the help, ${#commands[@]} here"; fi
exits "tenon pg --help" 0 "$TENON" pg --help
says "help of a noun lists its verbs" '^  pg run ' "$out"

for shell in bash zsh fish; do
    exits "completion for $shell" 0 "$TENON" completion "$shell"
    cp "$out" "$scratch/completion.$shell"
    for word in health sql doctor certify keep-log password-env env-file; do
        says "completion for $shell knows $word" "(^|[^a-z])$word" "$scratch/completion.$shell"
    done
    if [ "$shell" = fish ]; then check='fish --no-execute'; else check="$shell -n"; fi
    if ! command -v "$shell" >/dev/null; then
        skip "completion for $shell parses" "$shell is not installed"
    else
        # shellcheck disable=SC2086
        works "completion for $shell parses" $check "$scratch/completion.$shell"
    fi
done

# completes <expected> <words...>: what bash offers for the last word.
completes() {
    local want=$1 got
    shift
    got=$(bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tenon; printf "%s " "${COMPREPLY[@]}"' \
        bash "$scratch/completion.bash" "$@")
    if [ "${got% }" = "$want" ]; then pass "bash completes: $*"; else flunk "bash completes: $*" "expected: $want
got: $got"; fi
}
completes "health" tenon hea
completes "list inspect certify" tenon drivers ""
completes "--wait" tenon health --w
completes "--keep-log" tenon pg run --kee
completes "csv" tenon sql -o c
completes "fish" tenon completion f

exits "the manual page" 0 "$TENON" completion man
if cmp -s "$out" "$page"; then
    pass "tenon.1 is what the command prints"
else
    flunk "tenon.1 is what the command prints (tenon completion man > tools/tenon.1)" "$(diff "$page" "$out" | head -n 20)"
fi
if command -v man >/dev/null && [ "$(man --version 2>/dev/null | grep -c '^man ')" -eq 1 ]; then
    run env LC_ALL=C MANROFFSEQ= man --warnings -l "$page"
    if [ ! -s "$err" ]; then pass "man has nothing to complain of"; else flunk "man has nothing to complain of" "$(cat "$err")"; fi
else
    skip "man has nothing to complain of" "man is not installed"
fi
finish
