#!/bin/bash
# SPDX-License-Identifier: MIT
# tenon sql import against psql's \copy: the same CSV file into the same table of DATABASE_URL
# (PostgreSQL), in turns. Prints one JSON object.
#
#   import.sh <folder of the programs> [<rows> [<rounds>]]
. "$(dirname "${BASH_SOURCE[0]}")/copy_times.sh"

by_psql() {
    sql "\\copy bench_import from '$scratch/rows.csv' with (format csv, header)"
}

by_tenon() {
    "$folder/tenon" sql import bench_import "$scratch/rows.csv" >/dev/null 2>&1
}

# once <psql|tenon>: how long it took, unless the rows are not all there.
once() {
    local from
    sql 'truncate bench_import' || return 1
    from=$(now)
    "by_$1" || { echo "import: by $1 it failed" >&2; return 1; }
    echo $(($(now) - from))
    [ "$(sql 'select count(*) from bench_import')" = "$rows" ] ||
        { echo "import: by $1 rows are missing" >&2; return 1; }
}

awk -v n="$rows" 'BEGIN {
    print "id,quantity,price,name,created"
    for (i = 0; i < n; i++)
        printf "%d,%d,%.2f,item number %d,2026-01-01 %02d:%02d:%02d+00\n", i + 1, i % 1000,
            i * 0.25, i, i / 3600 % 24, i / 60 % 60, i % 60
}' >"$scratch/rows.csv"
sql 'drop table if exists bench_import' 2>/dev/null
sql 'create table bench_import (id bigint primary key, quantity integer not null,
    price double precision not null, name text not null, created timestamptz not null)' || exit 1

take_turns || exit 1
sql 'drop table bench_import'
print_times import
