#!/bin/bash
# SPDX-License-Identifier: MIT
# A million real rows: the bytes of psql, in little memory. csv_million.sh <tenon> <runner> <limit in KiB>
if [ "${4:-}" != inside ]; then
    . "$(dirname "$0")/tool.sh"
    want_server
    want_client psql pgbench
    trap - EXIT
    rm -rf "$scratch"
    exec "$TENON" pg run -- "$0" "$TENON" "$2" "$3" inside
fi
url=$DATABASE_URL
. "$(dirname "$0")/tool.sh"
export DATABASE_URL=$url
runner=$2
limit=$3

scale=10
[ "$limit" -gt 0 ] || scale=1 # instrumented code is slow, and what is measured is not its memory
works "pgbench makes a database of scale $scale" "$(client pgbench)" -i -q -s "$scale" --no-vacuum
sql='select * from pgbench_accounts'
"$(client psql)" --csv -c "$sql" >"$scratch/psql.csv"
# memory <title> <file> <command...>
memory() {
    local title=$1 file=$2 rss
    shift 2
    rss=$("$runner" rss "$file" "$@" 2>"$err")
    status=$?
    if [ "$status" -ne 0 ]; then
        flunk "$title" "exit $status: $(cat "$err")"
    elif [ "$limit" -eq 0 ]; then
        skip "$title: memory" "an instrumented build has memory of its own"
    elif [ "$rss" -lt "$limit" ]; then
        pass "$title: $rss KiB, less than $limit"
    else
        flunk "$title: less than $limit KiB" "$rss KiB"
    fi
}
memory "all rows as csv" "$scratch/tenon.csv" "$TENON" sql -o csv "$sql"
lines=$(wc -l <"$scratch/psql.csv")
if [ "$lines" -eq $((scale * 100000 + 1)) ]; then pass "psql wrote $lines lines"; else flunk "psql wrote all lines" "$lines"; fi
if cmp "$scratch/tenon.csv" "$scratch/psql.csv" >"$scratch/cmp" 2>&1; then
    pass "byte for byte what psql wrote"
else
    flunk "byte for byte what psql wrote" "$(cat "$scratch/cmp")"
fi
rm -f "$scratch/tenon.csv"
memory "all rows as a table" /dev/null "$TENON" sql "$sql"
memory "all rows as ndjson" /dev/null "$TENON" sql -o ndjson "$sql"
finish
