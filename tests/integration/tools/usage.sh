#!/bin/bash
# SPDX-License-Identifier: MIT
# The command line: what is wrong with it is said, with the nearest names, and exits with 2.
. "$(dirname "$0")/tool.sh"

# wrong <title> <pattern> <arguments...>
wrong() {
    local title=$1 pattern=$2
    shift 2
    exits "$title" 2 "$TENON" "$@"
    says "$title: says so" "$pattern"
    if [ -s "$out" ]; then flunk "$title: nothing on standard output" "$(cat "$out")"; fi
}

wrong "no command" 'which command'
wrong "an unknown command" 'unknown command helth \(did you mean health\?\)' helth
wrong "an unknown command, nothing near" 'unknown command xyzzy$' xyzzy
wrong "an unknown verb" 'unknown command drivers inspekt \(did you mean inspect\?\)' drivers inspekt x
wrong "a missing verb" 'pg wants one of: run' pg
wrong "an unknown option" 'unknown option --jsno \(did you mean --json\?\)' health --jsno
wrong "an unknown letter" 'unknown option -x' health -x
wrong "an option of another command" '--wait is an option of "tenon health", not of "tenon env"' env --wait 3s
wrong "an option without its argument" '--url wants URL' health --url
wrong "an argument for an option that takes none" '--json takes no argument' env --json=yes
wrong "a word too many" '"x" is one word too many' health x
wrong "a word too few" 'something is missing: tenon drivers inspect' drivers inspect
wrong "a time that is none" '--timeout soon: not a time' health --timeout soon
wrong "a negative time" '--wait -5s: not a time' health --wait=-5s
wrong "a time out of range" '--timeout 99999999999s: not a time' health --timeout 99999999999s
wrong "a format that is none" '--output xml: not one of' sql -o xml 'select 1'
wrong "a shell that is none" 'not one of bash' completion tcsh
wrong "a file that is not there" 'there.sql: No such file' sql -f "$scratch/there.sql"
wrong "pg run without a command" 'something is missing' pg run
wrong "pg run with a setting that is none" 'not name=value' pg run --set fsync -- true
wrong "pg run with a port that is none" 'not a port' pg run --set port=x -- true
wrong "pg run with a password that is not set" 'that variable is not set' pg run --password-env NO_SUCH_VARIABLE -- true
wrong "pg run with programs that are not there" 'initdb and postgres are not both there' pg run --pg-bindir "$scratch" -- true
wrong "parameters for two statements" 'parameters want a text of one statement, this one has 2' sql 'select 1; select 2' x

# A URL in the wrong place is no reason to tell its password.
url=postgresql://u:CANARY@127.0.0.1:1/x
for line in "$url" "health $url" "drivers $url" "drivers inspect $url" "sql -f $url" "--$url" "--env-file $url env" \
    "completion $url" "env $url --json" "sql -o $url" "health --wait $url" "help $url" "--json=$url"; do
    # shellcheck disable=SC2086
    exits "a URL in the wrong place" 2 "$TENON" $line
    if grep -q CANARY "$out" "$err"; then flunk "no password of: tenon ${line/CANARY/...}" "$(told)"; else pass "no password of: tenon ${line/CANARY/...}"; fi
done

exits "a fault as JSON" 2 "$TENON" --json sql -o xml
json "a fault as JSON is an object" 'd["ok"] is False and d["command"] == "sql" and d["error"]["exit"] == 2 and "xml" in d["error"]["message"]'
exits "an unknown command as JSON" 2 "$TENON" helth --json
json "an unknown command as JSON is an object" 'd["ok"] is False and "health" in d["error"]["message"]'

exits "the version" 0 "$TENON" --version
says "the version is a number" '^tenon [0-9]+\.[0-9]+\.[0-9]+$' "$out"

# Options may stand anywhere, in every spelling.
for line in "env --json" "--json env" "env -q --json" "--json -q env" "-qv env --json"; do
    # shellcheck disable=SC2086
    exits "tenon $line" 0 env DATABASE_URL=sqlite::memory: "$TENON" $line
    json "tenon $line is JSON" 'd["ok"] is True and d["command"] == "env"'
done
for line in "--url sqlite::memory: env --json" "env --json --url=sqlite::memory:"; do
    # shellcheck disable=SC2086
    exits "tenon $line" 0 "$TENON" $line
    json "--url counts" '[s["value"] for s in d["settings"] if s["name"] == "DATABASE_URL"] == ["sqlite::memory:"]'
done

# A secret in --url does not stay where ps reads it.
mkfifo "$scratch/fifo"
"$TENON" sql --url 'postgresql://u:CANARY-in-ps@127.0.0.1:1/x' -f "$scratch/fifo" >/dev/null 2>&1 &
pid=$!
exec 3>"$scratch/fifo" # returns when the command reads, so its line was parsed
tr '\0' ' ' <"/proc/$pid/cmdline" >"$scratch/cmdline"
exec 3>&-
wait "$pid"
if grep -q -- '--url \*\*\*\*' "$scratch/cmdline" && ! grep -q CANARY "$scratch/cmdline"; then
    pass "the URL is wiped from the process's arguments"
else
    flunk "the URL is wiped from the process's arguments" "$(cat "$scratch/cmdline")"
fi

# Nobody reads, or nothing can be written.
exits "a full disk" 1 sh -c '"$1" sql --url sqlite::memory: "select 1" >/dev/full' sh "$TENON"
says "a full disk is told" 'cannot write to standard output: No space left'
exits "a full disk for help" 1 sh -c '"$1" --help >/dev/full' sh "$TENON"
finish
