#!/bin/bash
# SPDX-License-Identifier: MIT
# tenon pg run: what the command finds, what it exits with, and that nothing stays behind. Making a
# cluster takes a second or more, so each is used for several questions.
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

# until_ok <command...>: waits for it to succeed, a minute at most.
until_ok() {
    local i
    for ((i = 0; i < 600; i++)); do
        "$@" && return 0
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null
    flunk "waited for: $*" "$(told)"
    return 1
}

# start <command inside...>: in the background, with the signals of a foreground program.
start() {
    : >"$scratch/begun"
    env --default-signal=INT,HUP,TERM "$TENON" pg run -- "$@" >"$out" 2>"$err" &
    pid=$!
}
ended() {
    wait "$pid" 2>/dev/null
    status=$?
}

exits "success, with options that are the command's" 0 "$TENON" pg run -- echo --help --json -x
prints "they reach it, and nothing else is on standard output" "--help --json -x"
if [ ! -s "$err" ]; then pass "and nothing on standard error"; else flunk "and nothing on standard error" "$(told)"; fi
gone "success"

# Settings for another server do not get in between; the first word ends the options.
# shellcheck disable=SC2016
inside='printf "%s\n" "$#" "$DATABASE_URL" "$PGUSER@$PGHOST:$PGPORT/$PGDATABASE"
"$2" -Atc "select current_database(), current_setting(\$\$server_encoding\$\$), current_setting(\$\$TimeZone\$\$), current_setting(\$\$fsync\$\$), current_setting(\$\$listen_addresses\$\$)"
"$2" -Atc "select \$\$by url\$\$" "$DATABASE_URL"
"$1" sql -q -o csv "select 1 as one"
exit 7'
exits "the command's own exit code, and what it finds" 7 env PGHOST=nowhere PGHOSTADDR=127.0.0.1 PGPORT=1 PGUSER=x \
    PGSERVICE=x PGSSLMODE=verify-full PGPASSWORD=x DATABASE_URL=sqlite:x DATABASE_URL_FILE=/x \
    "$TENON" pg run sh -c "$inside" sh "$TENON" "$psql" --url x
says "options behind the first word are the command's" '^4$' "$out"
says "a URL" '^postgresql://postgres@/tenon\?host=%2F[A-Za-z0-9._%-]+$' "$out"
says "the same for psql" '^postgres@/.*/tenon-pg-[A-Za-z0-9]+:5432/tenon$' "$out"
says "a database in UTF-8, UTC, fast, without a network" '^tenon\|UTF8\|UTC\|off\|$' "$out"
says "psql by URL" '^by url$' "$out"
if [ -e "$(dirname "$TENON")/../lib/tenon/drivers/postgresql.so" ]; then
    says "the tool itself" '^one$' "$out"
else
    skip "the tool itself" "the PostgreSQL driver is not built"
fi
gone "failure"

exits "a command that is not there" 127 "$TENON" pg run -- no-such-command
says "a command that is not there is named" 'no-such-command: command not found'
exits "a command that is no program" 126 "$TENON" pg run -- "$scratch"
: >"$scratch/no-program"
exits "a file that is no program" 126 "$TENON" pg run -- "$scratch/no-program"
printf '#!/no/such/interpreter\n' >"$scratch/broken-program"
chmod +x "$scratch/broken-program"
exits "a program whose interpreter is not there" 127 "$TENON" pg run -- "$scratch/broken-program"
gone "a program that cannot be run"
# shellcheck disable=SC2016
exits "a command that is killed" 137 "$TENON" pg run -- sh -c 'kill -9 $$'
gone "a command that is killed"

exits "a setting that the server does not know" 6 "$TENON" pg run --set no_such_setting=1 -- true
says "the server's log is shown" 'unrecognized configuration parameter "no_such_setting"'
gone "a setting that the server does not know"
exits "a log that cannot be" 2 "$TENON" pg run --keep-log "$scratch/no/such" -- true
gone "a log that cannot be"

# Settings, a kept log, a password that needs every kind of quoting.
secret="p@ss: w/%d'x\\"
# shellcheck disable=SC2016
inside='"$1" -Atc "show work_mem" -c "show port" -c "select 42 as answer" "$DATABASE_URL"
"$1" -Atc "select \$\$by environment\$\$"
PGPASSWORD=wrong "$1" -Atc "select \$\$without\$\$"
stat -c "owner %U mode %a" "$PGHOST"'
exits "settings and a password" 0 env SECRET="$secret" "$TENON" pg run --password-env SECRET \
    --set work_mem=7MB --set "application_name=it's" --set port=54321 --set log_statement=all --keep-log "$scratch/pg.log" -- \
    sh -c "$inside" sh "$psql"
says "a setting is in force" '^7MB$' "$out"
says "so is another port" '^54321$' "$out"
says "the password is in the environment" '^by environment$' "$out"
silent "and it is asked for" '^without$' "$out"
says "the server says so" 'password authentication failed'
says "the log is kept" 'select 42 as answer' "$scratch/pg.log"
says "the directory is private" ' mode 700$' "$out"
if grep -qF "$secret" "$scratch/pg.log" "$err"; then flunk "the password is not told"; else pass "the password is not told"; fi
if [ "$(id -u)" -eq 0 ]; then
    silent "root's server is somebody else's" '^owner root ' "$out"
else
    skip "root's server is somebody else's" "this user is not root"
fi
gone "settings and a password"

# Signals are passed on; what the command makes of them is its business.
# shellcheck disable=SC2016
start sh -c 'trap "echo INT >>$1" INT; trap "echo HUP >>$1" HUP; trap "exit 9" TERM; echo begun >>"$1"; while :; do sleep 0.05; done' \
    sh "$scratch/begun"
for signal in INT HUP; do
    until_ok test -s "$scratch/begun" && kill -s "$signal" "$pid" && until_ok grep -q "$signal" "$scratch/begun" && pass "SIG$signal is passed on"
done
kill -TERM "$pid"
ended
if [ "$status" -eq 9 ]; then pass "SIGTERM is passed on, and may be answered"; else flunk "SIGTERM is passed on, and may be answered" "$(told)"; fi
gone "a signal that is answered"
# shellcheck disable=SC2016
start sh -c 'echo begun >"$1"; exec sleep 60' sh "$scratch/begun"
until_ok test -s "$scratch/begun" && kill -TERM "$pid"
ended
if [ "$status" -eq 143 ]; then pass "SIGTERM ends it with 143"; else flunk "SIGTERM ends it with 143" "$(told)"; fi
gone "SIGTERM"
start touch "$scratch/too-far"
until_ok sh -c '[ -n "$(ls "$1")" ]' sh "$TMPDIR" && kill -INT "$pid"
ended
if [ "$status" -eq 130 ] && [ ! -e "$scratch/too-far" ]; then pass "SIGINT while it starts ends it with 130"; else flunk "SIGINT while it starts ends it with 130" "$(told)"; fi
gone "SIGINT while it starts"

# Killed outright, nobody is left to clear up but the supervisor.
# shellcheck disable=SC2016
start sh -c 'echo $$ >"$1"; exec sleep 60' sh "$scratch/begun"
until_ok test -s "$scratch/begun" && kill -KILL "$pid"
ended
inner=$(cat "$scratch/begun")
ended_inner() { ! kill -0 "$inner" 2>/dev/null || [ "$(cut -d' ' -f3 "/proc/$inner/stat" 2>/dev/null)" = Z ]; }
until_ok sh -c '[ -z "$(ls "$1")" ]' sh "$TMPDIR" && gone "SIGKILL"
if until_ok ended_inner; then pass "SIGKILL: the command inside is told to end"; else kill -KILL "$inner"; fi
# The supervisor killed: the kernel stops the server.
# shellcheck disable=SC2016
start sh -c 'cat "$PGHOST/data/postmaster.pid" >"$1"; while [ -e "$PGHOST/data/postmaster.pid" ]; do sleep 0.05; done' \
    sh "$scratch/begun"
if until_ok test -s "$scratch/begun"; then
    supervisor=$(cut -d' ' -f4 "/proc/$(head -n 1 "$scratch/begun")/stat")
    if [ "$(cut -d' ' -f4 "/proc/$supervisor/stat")" = "$pid" ]; then
        kill -KILL "$supervisor"
        ended
        says "a server that ends is told of" 'server ended while the command ran'
    else
        flunk "the server's parent is a child of the command" "$(ps -ef | grep postgres)"
        kill "$pid"
    fi
fi
ended
gone "a supervisor that is killed"

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null &&
    setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$TENON"; then
    exits "as an ordinary user" 0 setpriv --reuid=65534 --regid=65534 --clear-groups "$TENON" pg run -- "$psql" -Atc 'select 1'
    gone "as an ordinary user"
else
    skip "as an ordinary user" "this user is not root, or the build tree is closed to others"
fi
finish
