#!/bin/bash
# SPDX-License-Identifier: MIT
# tenon sql export against psql's \copy: the same table of DATABASE_URL (PostgreSQL) into a CSV file,
# in turns. Prints one JSON object.
#
#   export.sh <folder of the programs> [<rows> [<rounds>]]
. "$(dirname "${BASH_SOURCE[0]}")/copy_times.sh"

by_psql() {
    sql "\\copy (select * from bench_export) to '$scratch/psql.csv' with (format csv, header)"
}

by_tenon() {
    "$folder/tenon" sql export bench_export "$scratch/tenon.csv" >/dev/null 2>&1
}

# once <psql|tenon>: how long it took, unless the rows are not all there.
once() {
    local from spent
    rm -f "$scratch/$1.csv"
    from=$(now)
    "by_$1" || { echo "export: by $1 it failed" >&2; return 1; }
    spent=$(($(now) - from))
    [ "$(wc -l <"$scratch/$1.csv")" = $((rows + 1)) ] ||
        { echo "export: by $1 rows are missing" >&2; return 1; }
    echo "$spent"
}

sql 'drop table if exists bench_export' 2>/dev/null
sql "create table bench_export (id bigint primary key, quantity integer not null,
    price double precision not null, name text not null, created timestamptz not null);
    insert into bench_export select i + 1, i % 1000, i * 0.25, 'item number ' || i,
    '2026-01-01 00:00:00+00'::timestamptz + i * interval '1 s'
    from generate_series(0, $rows - 1) i" || exit 1
sql 'vacuum (analyze, freeze) bench_export' || exit 1

take_turns || exit 1
cmp "$scratch/psql.csv" "$scratch/tenon.csv" >&2 || { echo "export: the files differ" >&2; exit 1; }
sql 'drop table bench_export'
print_times export
