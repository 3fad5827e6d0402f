#!/bin/bash
# SPDX-License-Identifier: MIT
# tenon env, tenon doctor and tenon health without a server; secrets in every wrong place.
. "$(dirname "$0")/tool.sh"

# ---- env
exits "env without a URL" 2 "$TENON" env
says "env without a URL names it" 'DATABASE_URL'
exits "env" 0 env DATABASE_URL=sqlite:app.db DB_MAX_CONNECTIONS=7 "$TENON" env
says "env shows a value and its origin" '^DB_MAX_CONNECTIONS +7 +environment$' "$out"
says "env shows a default" '^DB_CONNECTION_TIMEOUT +30000 ms +default$' "$out"
silent "env has no colour in a pipe" $'\033' "$out"
exits "env with two faults" 2 env DATABASE_URL=sqlite:app.db DB_MAX_CONNECTIONS=many DB_LOG_LEVEL=loud "$TENON" env
says "env tells the first fault" 'DB_MAX_CONNECTIONS'
says "env tells the second fault" 'DB_LOG_LEVEL'
exits "env with faults as JSON" 2 env DATABASE_URL=sqlite:app.db DB_MAX_CONNECTIONS=many "$TENON" env --json
json "env with faults as JSON says which" 'd["ok"] is False and d["error"]["exit"] == 2 and "DB_MAX_CONNECTIONS" in d["faults"][0]'
exits "env --example" 0 "$TENON" env --example
says "env --example is commented" '^#' "$out"
says "env --example has every setting" 'DB_MAX_CONNECTIONS' "$out"

cat >"$scratch/my.env" <<'TEXT'
# a comment
DATABASE_URL=postgresql://app:CANARY-file@db.example.org/app
this is no pair
DB_POOL_TIMEOUT=1234
TEXT
exits "env --env-file" 0 env -u TENON_NO_ENV "$TENON" env --env-file "$scratch/my.env"
says "env --env-file names file and line" "^DB_POOL_TIMEOUT +1234 ms +$scratch/my.env:4$" "$out"
says "env --env-file warns of a bad line" 'my.env:3'
silent "env hides the password" CANARY "$out"
says "env shows the rest of the URL" 'app:\*\*\*@db.example.org/app' "$out"
exits "env --env-file --json" 0 env -u TENON_NO_ENV "$TENON" env --json --env-file "$scratch/my.env"
json "env as JSON has file, line and warnings" \
    '[(s["file"].endswith("my.env"), s["line"], s["value"]) for s in d["settings"] if s["name"] == "DB_POOL_TIMEOUT"] == [(True, 4, "1234")] and "my.env:3" in d["warnings"][0]'
silent "env as JSON hides the password" CANARY "$out"
exits "env with a file that is not there" 2 "$TENON" env --env-file "$scratch/no.env"
says "env with a file that is not there names it" 'no\.env'

# ---- health
exits "health without a URL" 2 "$TENON" health
exits "health without a URL never waits" 2 timeout 20 "$TENON" health --wait 10min
exits "health of an unknown driver never waits" 2 timeout 20 "$TENON" health --wait 10min --url nosuch://x
exits "health of SQLite" 0 "$TENON" health --url sqlite::memory:
says "health says so" '^healthy$' "$out"
says "health names the driver" '^  driver +sqlite ' "$out"
says "health names the server" '^  server +SQLite 3\.' "$out"
says "health has a latency" '^  latency +[0-9]+\.[0-9]{3} ms$' "$out"
exits "health -q of SQLite" 0 "$TENON" health -q --url sqlite::memory:
prints "health -q says nothing of the healthy" ""
exits "health of SQLite as JSON" 0 "$TENON" health --json --url sqlite::memory:
json "health as JSON" 'd["ok"] is True and d["status"] == "healthy" and d["driver"] == "sqlite" and d["latency_ms"] >= 0 and d["pool"]["max"] >= 1'
refused='postgresql://u:CANARY-refused@127.0.0.1:1/x'
exits "health of nobody" 6 "$TENON" health --url "$refused"
says "health of nobody says unhealthy" '^unhealthy$' "$out"
exits "health of nobody as JSON" 6 "$TENON" health --json --url "$refused"
json "health of nobody as JSON" 'd["ok"] is False and d["status"] == "unhealthy" and d["error"]["exit"] == 6 and d["error"]["retryable"] is True'
exits "health --wait ends by itself" 6 timeout 30 "$TENON" health --wait 300ms --url "$refused"
exits "sql of nobody" 6 "$TENON" sql --url "$refused" 'select 1'
exits "sql of nobody as JSON" 6 "$TENON" sql --json --url "$refused" 'select 1'
json "sql of nobody as JSON" 'd["ok"] is False and d["error"]["exit"] == 6'

# ---- doctor
exits "doctor without a URL" 2 "$TENON" doctor
says "doctor without a URL fails at the settings" '^fail  settings' "$out"
exits "doctor of SQLite" 0 "$TENON" doctor --url "sqlite:$scratch/doctor.db"
for check in library URL settings driver connection server clock; do
    says "doctor looks at: $check" "^ok +$check " "$out"
done
exits "doctor of nobody" 6 "$TENON" doctor --url "$refused"
says "doctor of nobody fails at the connection" '^fail  connection' "$out"
exits "doctor of an unknown driver" 2 "$TENON" doctor --url nosuch://x
says "doctor of an unknown driver fails there" '^fail  driver .*nosuch' "$out"
exits "doctor as JSON" 6 "$TENON" doctor --json --url "$refused"
json "doctor as JSON" 'd["ok"] is False and d["exit"] == 6 and d["checks"][-1]["check"] == "connection" and d["checks"][-1]["result"] == "fail"'
exits "doctor -q of SQLite" 0 "$TENON" doctor -q --url "sqlite:$scratch/doctor.db"
silent "doctor -q tells no good news" '^ok' "$out"

# ---- secrets: none of these URLs works, none of their passwords is seen
urls=(
    'postgresql://u:CANARY@127.0.0.1:1/x'
    'postgresql://u:CANARY@127.0.0.1:1/x?sslmode=nonsense'
    'postgresql://u:CANARY@127.0.0.1:port/x'
    'postgresql://u:CANARY@127.0.0.1:1/x?no_such_parameter=1'
    'postgresql://127.0.0.1:1/x?user=u&password=CANARY'
    'postgresql://127.0.0.1:1/x?pass%77ord=CANARY'
    'postgresql://u:CANARY@[::1/x'
    'postgresql://u:CANARY@127.0.0.1:1/%zz'
    'postgresql://u:p@CANARY@127.0.0.1:1/x'
    'nosuch://u:CANARY@h/x'
    'Postgresql://u:CANARY@127.0.0.1:1/x'
    '../../evil://u:CANARY@x'
    'u:CANARY@h/x'
    'postgresql:u:CANARY@h'
    'host=127.0.0.1 port=1 password=CANARY'
    'sqlite:/no/such/directory/x.db?password=CANARY'
)
for url in "${urls[@]}"; do
    shown=${url//CANARY/...}
    : >"$scratch/seen"
    for command in "health" "env" "doctor" "sql select+1" "health --json" "env --json" "doctor --json" "doctor -v" "sql -v select+1"; do
        # shellcheck disable=SC2086
        run timeout 60 "$TENON" --url "$url" ${command//+/ }
        [ "$status" -ne 124 ] || echo "tenon $command did not end" >>"$scratch/seen"
        case $command in health* | sql*)
            case $status in 2 | 6) ;; *) echo "tenon $command: exit $status" >>"$scratch/seen" ;; esac ;;
        esac
        grep -H CANARY "$out" "$err" >>"$scratch/seen"
        run timeout 60 env DATABASE_URL="$url" "$TENON" ${command//+/ }
        grep -H CANARY "$out" "$err" >>"$scratch/seen"
    done
    empty "no secret is told, no success: $shown" "$(cat "$scratch/seen")"
done
finish
