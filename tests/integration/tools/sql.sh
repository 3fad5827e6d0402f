#!/bin/bash
# SPDX-License-Identifier: MIT
# tenon sql on SQLite: formats, scripts, errors with their place, exit codes: sql.sh <tenon> <runner>
. "$(dirname "$0")/tool.sh"
runner=$2
export DATABASE_URL=sqlite:$scratch/test.db
q() { run "$TENON" sql "$@"; }

exits "a schema from a file" 0 "$TENON" sql -q -f - <<<''
cat >"$scratch/schema.sql" <<'SQL'
-- a semicolon ; in a comment
create table people (id integer primary key, name text not null, born date, note text);
insert into people values (1, 'Ann; or not', '1970-01-02', null);
insert into people values (2, 'Bo "the" comma,', '2001-12-31', 'two
lines'), (3, 'Çelik 大', null, '\.');
SQL
exits "a script from a file" 0 "$TENON" sql -f "$scratch/schema.sql"
exits "a script from standard input" 0 sh -c '"$1" sql <"$2"' sh "$TENON" <(echo "select 1 as one; select 2 as two") </dev/null
run sh -c 'echo "select 1 as one; select 2 as two" | "$1" sql -o csv' sh "$TENON"
prints "standard input runs in order" "one
1
two
2"
run sh -c 'echo "select 7 as n" | "$1" sql -o csv -f -' sh "$TENON"
prints "-f - is standard input" "n
7"

q 'select id, name, note from people order by id'
prints "a table" ' id |      name       |    note    
----+-----------------+------------
  1 | Ann; or not     | 
  2 | Bo "the" comma, | two\nlines
  3 | Çelik 大        | \.
(3 rows)'
q -q 'select 1 as a where 1 = 0'
prints "an empty table without a footer" ' a 
---'
q --null NULL 'select note from people where id = 1'
prints "NULL by another name" ' note 
------
 NULL
(1 row)'
q -o csv 'select id, name, born, note from people order by id'
prints "csv" 'id,name,born,note
1,Ann; or not,1970-01-02,
2,"Bo ""the"" comma,",2001-12-31,"two
lines"
3,Çelik 大,,"\."'
q -o ndjson 'select id, name, note from people order by id'
prints "ndjson" '{"id":1,"name":"Ann; or not","note":null}
{"id":2,"name":"Bo \"the\" comma,","note":"two\nlines"}
{"id":3,"name":"Çelik 大","note":"\\."}'
q -o json 'select id, name from people order by id'
json "json is an array" '[r["id"] for r in d] == [1, 2, 3] and d[2]["name"] == "Çelik 大"'
q --json 'select 1 as one where 1 = 0'
json "json of no rows" 'd == []'
q -o json 'update people set note = note where id < 3'
json "json of a statement without rows" 'd["affected"] == 2 and d["tag"].startswith("UPDATE")'
q -o csv "select 1 as a, '' as b, null as c, ' x ' as d"
prints "csv does not quote the empty and the blank" 'a,b,c,d
1,,, x '

# Parameters are values, never SQL.
q -o csv 'select id from people where name = $1' 'Ann; or not'
prints "a parameter" 'id
1'
q -o csv 'select $2 as b, $1 as a' "x'; drop table people; --" -5
prints "parameters by number, also those that look like options" "b,a
-5,x'; drop table people; --"
q -o csv 'select $1 as dashes' -- --help
prints "parameters after --" 'dashes
--help'
exits "a parameter too few" 1 "$TENON" sql 'select $1, $2' x

# Errors: the place is that of the whole text, in characters.
exits "a syntax error" 1 "$TENON" sql 'select 1; selec 2'
says "a syntax error has its class" 'SQLSTATE 42601'
exits "a missing table" 1 "$TENON" sql 'select * from nowhere'
says "a missing table has its class" 'SQLSTATE 42P01'
exits "a broken constraint" 1 "$TENON" sql "insert into people values (1, 'again', null, null)"
says "a broken constraint has its class" 'SQLSTATE 23505'
cat >"$scratch/broken.sql" <<'SQL'
insert into people values (10, 'ten', null, null);

-- the next one is wrong
insert into nowhere values (1);
insert into people values (11, 'eleven', null, null);
SQL
exits "a script stops at its first error" 1 "$TENON" sql -f "$scratch/broken.sql"
says "a script names file and line" 'broken\.sql: line 4'
q -o csv 'select id from people where id >= 10'
prints "what came before is done, what came after is not" 'id
10'
exits "an error as JSON" 1 "$TENON" sql --json "insert into people values (1, 'again', null, null)"
json "an error as JSON" 'd["ok"] is False and d["command"] == "sql" and d["error"]["sqlstate"] == "23505" and d["error"]["exit"] == 1'
exits "no statement" 0 "$TENON" sql '-- nothing'
says "no statement is told" 'no statement'
q -o csv '-- a comment first
select 1 as one'
prints "SQL may begin with a comment" 'one
1'
exits "a text that is no text" 2 sh -c 'printf "select 1\0" | "$1" sql' sh "$TENON"

# A reader that has seen enough.
many='with recursive n(i) as (select 1 union all select i + 1 from n where i < 300000) select i from n'
run bash -c '"$1" sql -o csv "$2" | head -n 2; exit "${PIPESTATUS[0]}"' bash "$TENON" "$many"
if [ "$status" -eq 0 ] && [ ! -s "$err" ]; then pass "a closed pipe is no error"; else flunk "a closed pipe is no error" "$(told)"; fi
run bash -c '"$1" sql -o csv "$2; insert into people values (99, $3, null, null)" | head -n 2; exit "${PIPESTATUS[0]}"' \
    bash "$TENON" "$many" "'late'"
if [ "$status" -eq 1 ] && grep -q 'was not run' "$err"; then pass "a closed pipe in the middle of a script is one"; else flunk "a closed pipe in the middle of a script is one" "$(told)"; fi

# The same rows in each format, more than a table keeps back.
for format in csv ndjson json table; do
    run "$TENON" sql -q -o "$format" "$many"
    lines=$(grep -cE '[0-9]' "$out")
    if [ "$format" = csv ] || [ "$format" = table ] || [ "$format" = ndjson ] || [ "$format" = json ]; then
        if [ "$lines" -eq 300000 ]; then pass "$format: 300,000 rows"; else flunk "$format: 300,000 rows" "$lines"; fi
    fi
done
run "$TENON" sql -o json "$many"
json "a long array is one" 'len(d) == 300000 and d[-1]["i"] == 300000'

# A terminal: colour, and nothing raw that steers it.
escapes="select char(27) || '[31mred' || char(7) || char(155) as \"na\"\"me\""
for format in table csv json ndjson; do
    run env TERM=xterm "$runner" pty "$TENON" sql --no-color -o "$format" "$escapes"
    if [ "$status" -eq 0 ] && grep -q 'red' "$out" && ! grep -qP '\x1b|\x07|\xc2\x9b' "$out"; then
        pass "$format: no control character reaches a terminal"
    else
        flunk "$format: no control character reaches a terminal" "$(told | cat -v)"
    fi
done
run env TERM=xterm "$runner" pty "$TENON" sql 'select 1 as one'
says "a terminal has colour" $'\033\\[1mone\033\\[0m' "$out"
for quiet in "NO_COLOR=1 TERM=xterm" "TERM=dumb" "CI=true TERM=xterm"; do
    # shellcheck disable=SC2086
    run env $quiet "$runner" pty "$TENON" sql 'select 1 as one'
    silent "no colour with $quiet" $'\033' "$out"
done
run "$TENON" sql -o csv "$escapes"
if grep -qP '\x1b' "$out"; then pass "a pipe gets the bytes as they are"; else flunk "a pipe gets the bytes as they are" "$(told)"; fi
finish
