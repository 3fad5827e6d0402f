#!/bin/bash
# SPDX-License-Identifier: MIT
# tenon sql, health and doctor on PostgreSQL: sql_pg.sh <tenon>. Runs itself within tenon pg run.
if [ "${2:-}" != inside ]; then
    . "$(dirname "$0")/tool.sh"
    want_server
    want_client psql
    trap - EXIT
    rm -rf "$scratch"
    exec "$TENON" pg run -- "$0" "$TENON" inside
fi
url=$DATABASE_URL
. "$(dirname "$0")/tool.sh"
export DATABASE_URL=$url
psql=$(client psql)
q() { run "$TENON" sql "$@"; }

# ---- what psql prints, to the byte
cat >"$scratch/values.sql" <<'SQL'
select * from (values
 (1::smallint, 2::int, '-9223372036854775808'::bigint, 1.5::float4, 0.1::float8, 1234567890.1230::numeric, true,
  'plain'::text, '\x00ff'::bytea, 'c0ffee00-0000-4000-8000-000000000001'::uuid,
  '2026-11-23 09:00:00.25+00'::timestamptz, '2026-11-23 09:00:00'::timestamp, '2026-11-23'::date, '09:00:00.5'::time,
  '1 year 2 mons 3 days 04:05:06.7'::interval, '{"a": [1, 2]}'::json, '{"b": null}'::jsonb, '{1,NULL,3}'::int[],
  '{a,"b c",NULL,"q\"uote"}'::text[], '(1,2)'::point, '192.168.0.0/24'::cidr, 'x'::"char", 'bo'::name),
 (null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null),
 (-1, 0, '9223372036854775807', 'NaN', '-Infinity', 'NaN', false, E'two\nlines, "quoted"', '', 
  '00000000-0000-0000-0000-000000000000', 'infinity', '-infinity', 'infinity', '24:00:00', '-3 days',
  'null', '[]', '{}', '{}', null, '::/0', '', ''),
 (32767, 2147483647, 0, 3.4e38, 1e300, 0.000000000000000000000000000001, true, '\.', '\xdeadbeef', null,
  '0044-03-15 12:00:00+00 BC', '4713-01-01 00:00:00 BC', '0044-03-15 BC', '00:00:00', '00:00:00',
  '"\u00e9"', '1e10', '{2147483647}', '{NULL}', '(0.1,-2)', '10.0.0.1/32', 'é', ' blank '),
 (1, 1, 1, 1e-7, 123456789012345680, 1e20, false, ' ', '\x', null, '1999-12-31 23:59:59.999999+00', '294246-12-31 23:59:59', 
  '5874897-12-31', '23:59:59.999999', '178000000 years', '""', '"x"', '{-1}', '{"",","}', null, null, ',', '"')
) as t(i2, i4, i8, f4, f8, n, b, t, y, u, tz, ts, d, tm, iv, j, jb, ia, ta, p, c, ch, nm)
SQL
"$psql" --csv -c "$(cat "$scratch/values.sql")" >"$scratch/psql.csv" 2>"$scratch/psql.err"
q -o csv -f "$scratch/values.sql"
if [ "$(wc -l <"$scratch/psql.csv")" -ge 6 ] && cmp -s "$out" "$scratch/psql.csv"; then
    pass "csv of every type is that of psql"
else
    flunk "csv of every type is that of psql" "$(cat "$scratch/psql.err"; diff "$scratch/psql.csv" "$out"; told)"
fi
for sql in "select 1 as a, 'x' as \"b c\", null as d" "select 'a' as \",\"" "select 1 where false" \
    "select * from generate_series(1, 300)" "select oid, relname, relkind, reltuples, relacl from pg_class order by oid" \
    "select '' as e, ' ' as s, E'\t' as t, E'\r' as r, '\"' as q"; do
    "$psql" --csv -c "$sql" >"$scratch/psql.csv"
    q -o csv "$sql"
    if cmp -s "$out" "$scratch/psql.csv"; then pass "csv: $sql"; else flunk "csv: $sql" "$(diff "$scratch/psql.csv" "$out" | head -n 20)"; fi
done
# The drawn table, where no cell needs an escape, is psql's too.
for sql in "select 1 as a, 'x' as \"b c\", null as d, 2.50 as n, true as yes" "select 1 where false" \
    "select relname, relpages, relkind from pg_class order by oid limit 150" "select 'é' as wide, '大' as b, 1.5::float8 as c"; do
    "$psql" -c "$sql" >"$scratch/psql.txt"
    q "$sql"
    if cmp -s "$out" "$scratch/psql.txt"; then pass "table: $sql"; else flunk "table: $sql" "$(diff "$scratch/psql.txt" "$out" | cat -A | head -n 20)"; fi
done

q -o json -f "$scratch/values.sql"
json "json of every type" 'd[0]["i8"] == -2**63 and d[0]["f8"] == 0.1 and d[0]["b"] is True and d[0]["j"] == {"a": [1, 2]} and d[0]["ia"] == [1, None, 3] and d[0]["y"] == "\\x00ff" and d[0]["tz"] == "2026-11-23T09:00:00.25+00:00" and d[0]["ts"] == "2026-11-23T09:00:00" and d[0]["ta"][3] == "q\"uote"'
json "json of NULL, NaN and infinity" 'set(d[1].values()) == {None} and d[2]["f4"] == "NaN" and d[2]["f8"] == "-Infinity" and d[2]["n"] == "NaN" and d[2]["tz"] == "infinity"'
json "json keeps every digit of a numeric" '"1234567890.1230" in open(sys.argv[2]).read()'
q -o ndjson "select E'{\"a\":\n1}'::json as j"
prints "ndjson keeps to its line" '{"j":{"a": 1}}'

# ---- errors with their place
exits "a place in one line" 1 "$TENON" sql "select 'é', nowhere"
says "its line and column, in characters" 'line 1, column 13'
says "a caret below it" '^  \|            +\^$'
cat >"$scratch/broken.sql" <<'SQL'
select 1;
-- two lines of
-- comment
select 2,
    missing_column
from pg_class;
SQL
exits "a place in a file" 1 "$TENON" sql -q -f "$scratch/broken.sql"
says "its file, line and column" 'broken\.sql: line 5, column 5'
exits "a place as JSON" 1 "$TENON" sql --json 'select nowhere'
json "a place as JSON" 'd["error"]["line"] == 1 and d["error"]["column"] == 8 and d["error"]["sqlstate"] == "42703"'
exits "an error after rows" 1 "$TENON" sql -o json 'select 1 / (3 - i) as x from generate_series(1, 5) i'
json "what was written is still JSON" 'isinstance(d, list)'
q -q 'create table t (id int primary key, v int not null check (v > 0))'
exits "a broken constraint" 1 "$TENON" sql 'insert into t values (1, -1)'
says "it is named" 'constraint: t_v_check'
says "with its detail" 'detail: Failing row'
exits "a transaction over several statements" 1 "$TENON" sql -q 'begin; insert into t values (1, 1); insert into t values (1, 1); commit'
q -o csv 'select count(*) from t'
prints "is undone as a whole" 'count
0'
exits "state stays on the one connection" 0 "$TENON" sql -q -o csv "set application_name = 'kept'; show application_name"
says "state stays" '^kept$' "$out"
exits "a notice" 0 "$TENON" sql 'drop table if exists never_there'
says "a notice is told" 'never_there'
exits "a notice is quiet with -q" 0 "$TENON" sql -q 'drop table if exists never_there'
silent "a notice is quiet" 'never_there'
exits "a statement's deadline" 1 "$TENON" sql --timeout 300ms 'select pg_sleep(60)'
says "a statement's deadline is told" '57014'

# ---- Ctrl-C: the server's statement ends, too
"$TENON" sql "select pg_sleep(600) /* interrupt me */" >"$out" 2>"$err" &
pid=$!
running="select count(*) from pg_stat_activity where query like '%interrupt me%' and state = 'active' and pid <> pg_backend_pid()"
for ((i = 0; i < 600; i++)); do
    [ "$("$psql" -Atc "$running")" = 1 ] && break
    sleep 0.05
done
kill -INT "$pid"
wait "$pid"
status=$?
if [ "$status" -eq 130 ]; then pass "Ctrl-C exits with 130"; else flunk "Ctrl-C exits with 130" "$(told)"; fi
says "Ctrl-C is told" 'interrupted'
if [ "$("$psql" -Atc "$running")" = 0 ]; then pass "Ctrl-C cancels on the server"; else flunk "Ctrl-C cancels on the server" "$("$psql" -c 'table pg_stat_activity')"; fi

# ---- a reader that has seen enough: the server does not go on for it
run bash -c '"$1" sql -o csv "select generate_series(1, 100000000)" | head -n 2; exit "${PIPESTATUS[0]}"' bash "$TENON"
if [ "$status" -eq 0 ] && [ ! -s "$err" ]; then pass "a closed pipe is no error"; else flunk "a closed pipe is no error" "$(told)"; fi

# ---- the others
exits "health" 0 "$TENON" health --json
json "health as JSON" 'd["driver"] == "postgresql" and d["server"].startswith("PostgreSQL") and d["server_verified"] and not d["read_only"]'
exits "doctor" 0 "$TENON" doctor
for check in connection server identity clock pooler rights connections; do
    says "doctor looks at: $check" "^ok +$check " "$out"
done
exits "a database that is not there" 6 "$TENON" sql --url "${url/\/tenon/\/nodatabase}" 'select 1'
says "a database that is not there is named" 'nodatabase'
exits "a role that is not there" 6 "$TENON" health --url "${url/postgres@/nobody_here@}"
"$psql" -qc 'create role reader login' -c 'revoke create on schema public from public'
exits "doctor of a role without rights" 0 "$TENON" doctor --url "${url/postgres@/reader@}"
says "doctor warns" '^warn +rights +user reader, may not create' "$out"

# ---- health --wait: a server that comes later
mkdir "$scratch/late"
( sleep 1.5; ln -s "$PGHOST/.s.PGSQL.$PGPORT" "$scratch/late/.s.PGSQL.$PGPORT" ) &
exits "health --wait" 0 "$TENON" health --wait 60s --url "postgresql://postgres@/tenon?host=${scratch//\//%2F}%2Flate&port=$PGPORT"
wait
finish
