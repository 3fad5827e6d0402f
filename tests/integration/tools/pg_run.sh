#!/bin/bash
# SPDX-License-Identifier: MIT
# tenon pg run: what the command finds, what it exits with, and that nothing stays behind.
. "$(dirname "$0")/tool.sh"
want_server
want_client psql
psql=$(client psql)
export TMPDIR=$scratch/tmp
mkdir "$TMPDIR"
chmod 711 "$scratch"
chmod 1777 "$TMPDIR"

# gone <title>: no cluster's directory, no process of one.
gone() {
    local left
    left=$(
        ls "$TMPDIR"
        grep -lsa "$TMPDIR" /proc/[0-9]*/cmdline | while IFS= read -r file; do
            line=$( (tr '\0' ' ' <"$file") 2>/dev/null)
            case $line in *postgres*-D*) printf '%s\n' "$line" ;; esac
        done
    )
    empty "$1: nothing stays behind" "$left"
}

# arrives <file>: waits until the command inside has written it.
arrives() {
    local i
    for ((i = 0; i < 600; i++)); do
        [ -s "$1" ] && return 0
        sleep 0.1
    done
    flunk "the command inside begins" "$(told)"
    return 1
}

exits "success" 0 "$TENON" pg run -- true
prints "nothing on standard output but the command's" ""
if [ ! -s "$err" ]; then pass "and nothing on standard error"; else flunk "and nothing on standard error" "$(told)"; fi
gone "success"
exits "the command's own exit code" 7 "$TENON" pg run -- sh -c 'exit 7'
gone "failure"
exits "a command that is not there" 127 "$TENON" pg run -- no-such-command
says "a command that is not there is named" 'no-such-command: command not found'
gone "a command that is not there"
exits "a command that is no program" 126 "$TENON" pg run -- "$scratch"
exits "a command that is killed" 137 "$TENON" pg run -- sh -c 'kill -9 $$'
gone "a command that is killed"

# shellcheck disable=SC2016
exits "what the command finds" 0 "$TENON" pg run -- sh -c 'printf "%s\n" "$DATABASE_URL" "$PGHOST" "$PGPORT" "$PGUSER" "$PGDATABASE"; "$1" -Atc "select current_database(), current_setting(\$\$server_encoding\$\$), current_setting(\$\$TimeZone\$\$), current_setting(\$\$fsync\$\$), current_setting(\$\$listen_addresses\$\$)"; "$1" -Atc "select 1" "$DATABASE_URL"' sh "$psql"
says "a URL" '^postgresql://postgres@/tenon\?host=%2F[A-Za-z0-9._%-]+$' "$out"
says "a database in UTF-8, UTC, fast, without a network" '^tenon\|UTF8\|UTC\|off\|$' "$out"
exits "foreign settings do not get in between" 0 env PGHOST=nowhere PGHOSTADDR=127.0.0.1 PGPORT=1 PGUSER=x \
    PGSERVICE=x PGSSLMODE=verify-full PGPASSWORD=x DATABASE_URL=sqlite:x DATABASE_URL_FILE=/x \
    "$TENON" pg run -- "$psql" -Atc 'select 1'
exits "the tool itself" 0 "$TENON" pg run -- "$TENON" sql -o csv 'select 1 as one'
prints "the tool itself works inside" "one
1"
exits "options of the command are its own" 0 "$TENON" pg run -- echo --help --json -x
prints "and reach it" "--help --json -x"
exits "without dashes" 0 "$TENON" pg run sh -c 'echo "$#"' sh --url x
prints "its first word ends the options" "2"

exits "settings" 0 "$TENON" pg run --set work_mem=7MB --set "application_name=it's" --set port=54321 -- \
    sh -c '"$1" -Atc "show work_mem" -c "show port" "$DATABASE_URL"' sh "$psql"
prints "settings are in force" "7MB
54321"
exits "a setting that the server does not know" 6 "$TENON" pg run --set no_such_setting=1 -- true
says "the server's log is shown" 'unrecognized configuration parameter "no_such_setting"'
gone "a setting that the server does not know"
exits "the log is kept" 0 "$TENON" pg run --set log_statement=all --keep-log "$scratch/pg.log" -- "$psql" -Atc 'select 42'
says "the log is kept: it has the statement" 'select 42' "$scratch/pg.log"
exits "a log that cannot be" 2 "$TENON" pg run --keep-log "$scratch/no/such" -- true
gone "a log that cannot be"

secret="p@ss: w/%d'x"
exits "a password" 0 env SECRET="$secret" "$TENON" pg run --keep-log "$scratch/pg.log" --password-env SECRET -- \
    sh -c '"$1" -Atc "select 1" "$DATABASE_URL" && "$1" -Atc "select 2"' sh "$psql"
prints "a password: in URL and environment" "1
2"
if grep -qF "$secret" "$scratch/pg.log" "$err"; then flunk "a password is not in the log"; else pass "a password is not in the log"; fi
exits "a password is asked for" 2 env SECRET="$secret" "$TENON" pg run --password-env SECRET -- \
    sh -c 'PGPASSWORD=wrong exec "$1" -Atc "select 1"' sh "$psql"
says "a password is asked for: the server says so" 'password authentication failed'

# Signals: passed on, then everything is taken down.
for signal in TERM INT HUP; do
    number=$(kill -l "$signal")
    : >"$scratch/begun"
    # What a shell starts in the background ignores SIGINT, and so would the command inside.
    env --default-signal="$signal" "$TENON" pg run -- \
        sh -c 'echo $$ >"$1"; exec sleep 60' sh "$scratch/begun" >"$out" 2>"$err" &
    pid=$!
    arrives "$scratch/begun" && kill -s "$signal" "$pid"
    wait "$pid"
    status=$?
    if [ "$status" -eq $((128 + number)) ]; then pass "SIG$signal ends it with $status"; else flunk "SIG$signal" "$(told)"; fi
    gone "SIG$signal"
done
: >"$scratch/begun"
"$TENON" pg run -- sh -c 'trap "exit 9" TERM; echo $$ >"$1"; while :; do sleep 0.05; done' sh "$scratch/begun" >"$out" 2>"$err" &
pid=$!
arrives "$scratch/begun" && kill -TERM "$pid"
wait "$pid"
status=$?
if [ "$status" -eq 9 ]; then pass "the command may answer a signal as it likes"; else flunk "the command may answer a signal as it likes" "$(told)"; fi
gone "a signal that is answered"
"$TENON" pg run -- touch "$scratch/too-far" >"$out" 2>"$err" &
pid=$!
kill -TERM "$pid"
wait "$pid"
status=$?
if [ "$status" -eq 143 ] || [ "$status" -eq 0 ]; then pass "SIGTERM while it starts ends it"; else flunk "SIGTERM while it starts ends it" "$(told)"; fi
gone "SIGTERM while it starts"

# Killed outright, nobody is left to clear up but the supervisor.
: >"$scratch/begun"
"$TENON" pg run -- sh -c 'echo $$ $PPID >"$1"; exec sleep 60' sh "$scratch/begun" >"$out" 2>"$err" &
pid=$!
arrives "$scratch/begun" && kill -KILL "$pid"
wait "$pid" 2>/dev/null
read -r inner _ <"$scratch/begun"
for ((i = 0; i < 300; i++)); do
    [ -z "$(ls "$TMPDIR")" ] && ! kill -0 "$inner" 2>/dev/null && break
    sleep 0.1
done
gone "SIGKILL"
if kill -0 "$inner" 2>/dev/null && [ "$(cut -d' ' -f3 "/proc/$inner/stat" 2>/dev/null)" != Z ]; then
    flunk "SIGKILL: the command inside is told to end"
    kill -KILL "$inner"
else
    pass "SIGKILL: the command inside is told to end"
fi
# The supervisor killed: the kernel stops the server, the command is told.
: >"$scratch/begun"
"$TENON" pg run -- sh -c 'cat "$PGHOST/data/postmaster.pid" >"$1"; while [ -e "$PGHOST/data/postmaster.pid" ]; do sleep 0.05; done' \
    sh "$scratch/begun" >"$out" 2>"$err" &
pid=$!
if arrives "$scratch/begun"; then
    server=$(head -n 1 "$scratch/begun")
    supervisor=$(cut -d' ' -f4 "/proc/$server/stat")
    if [ "$(tr '\0' ' ' <"/proc/$supervisor/cmdline" | grep -c 'pg run')" -eq 1 ] && [ "$supervisor" != "$pid" ]; then
        kill -KILL "$supervisor"
        wait "$pid"
        status=$?
        says "a server that ends is told of" 'server ended while the command ran'
    else
        flunk "the server's parent is the supervisor" "$(tr '\0' ' ' <"/proc/$supervisor/cmdline")"
        kill "$pid"
    fi
fi
wait "$pid" 2>/dev/null
gone "a supervisor that is killed"

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    exits "as root the server is somebody else's" 0 "$TENON" pg run -- sh -c 'stat -c %U "$PGHOST/data"; stat -c %a "$PGHOST"'
    silent "and not root's" '^root$' "$out"
    says "the directory is private" '^700$' "$out"
    own=$scratch/own
    mkdir -m 755 "$own"
    if setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$TENON"; then
        exits "as an ordinary user" 0 setpriv --reuid=65534 --regid=65534 --clear-groups "$TENON" pg run -- "$psql" -Atc 'select 1'
        gone "as an ordinary user"
    else
        skip "as an ordinary user" "the build tree is closed to user 65534"
    fi
else
    skip "as root" "this user is not root"
fi
finish
