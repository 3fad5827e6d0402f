# SPDX-License-Identifier: MIT
# What the tests of the command share. Sourced with: TENON, the command, as the first argument.
. "$(dirname "$0")/../../meta/tap.sh"
TENON=$1
export TENON_NO_ENV=1
unset DATABASE_URL DATABASE_URL_FILE NO_COLOR CI APP_ENV
for name in $(env | sed -n 's/^\(DB_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
# ThreadSanitizer's and AddressSanitizer's own memory is not the command's.
out=$scratch/out
err=$scratch/err

# run <command...>: keeps output, errors and status apart.
run() {
    "$@" >"$out" 2>"$err" </dev/null
    status=$?
}

# what there is to say of the last run
told() {
    printf 'exit %s\nstdout: %s\nstderr: %s\n' "$status" "$(head -c 3000 "$out")" "$(head -c 3000 "$err")"
}

# exits <title> <code> <command...>
exits() {
    local title=$1 want=$2
    shift 2
    run "$@"
    if [ "$status" -eq "$want" ]; then pass "$title: exit $want"; else flunk "$title: exit $want" "$(told)"; fi
}

# says <title> <pattern> [file]: standard error, or the file, of the last run has it.
says() {
    if grep -qE -- "$2" "${3:-$err}"; then pass "$1"; else flunk "$1" "no match for: $2
$(told)"; fi
}

# silent <title> <pattern> [file]: it has not.
silent() {
    if grep -qE -- "$2" "${3:-$err}"; then flunk "$1" "there is a match for: $2
$(told)"; else pass "$1"; fi
}

# prints <title> <text>: standard output of the last run is the text.
prints() {
    if [ "$(cat "$out")" = "$2" ]; then pass "$1"; else flunk "$1" "expected:
$2
$(told)"; fi
}

# json <title> <python expression on d> [file]: the output is JSON, one object or value, and the
# expression is true of it.
json() {
    if ! command -v python3 >/dev/null; then
        skip "$1" "no python3 to read JSON with"
        return
    fi
    local said
    if said=$(python3 -c 'import json,sys
d = json.load(open(sys.argv[2], encoding="utf-8"))
ok = eval(sys.argv[1])
print("value:", d) if not ok else None
sys.exit(not ok)' "$2" "${3:-$out}" 2>&1); then
        pass "$1"
    else
        flunk "$1" "$2
$said
$(told)"
    fi
}

# want_server: the rest of the program needs PostgreSQL.
want_server() {
    # With a log that cannot be, it is over before a cluster is made.
    run "$TENON" pg run --keep-log "$scratch/no/such" -- true
    if [ "$status" -eq 2 ] && grep -q 'no PostgreSQL server found' "$err"; then
        echo "skip: no PostgreSQL server is installed (Debian package postgresql)"
        echo "1..0 # SKIP no PostgreSQL server is installed (Debian package postgresql)"
        exit 77
    fi
    if [ "$status" -ne 2 ]; then
        echo "Bail out! $TENON does not work: $(told)"
        exit 1
    fi
}

# want_client <program>: or of its client programs.
want_client() {
    for program; do
        [ -n "$(client "$program")" ] && continue
        echo "skip: $program is not installed (Debian package postgresql-client or -contrib)"
        echo "1..0 # SKIP $program is not installed"
        exit 77
    done
}

# client <program>: where it is; Debian keeps pgbench out of PATH.
client() {
    command -v "$1" || ls /usr/lib/postgresql/*/bin/"$1" /usr/pgsql-*/bin/"$1" 2>/dev/null | sort -V | tail -n 1
}
