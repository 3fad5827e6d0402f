#!/bin/bash
# SPDX-License-Identifier: MIT
# tenon sql import and export, on SQLite or, within tenon pg run, on PostgreSQL:
# copy.sh <tenon> sqlite|postgresql
if [ "$2" = postgresql ] && [ "${3:-}" != inside ]; then
    . "$(dirname "$0")/tool.sh"
    want_server
    trap - EXIT
    rm -rf "$scratch"
    exec "$TENON" pg run -- "$0" "$TENON" "$2" inside
fi
url=${DATABASE_URL:-}
. "$(dirname "$0")/tool.sh"
export DATABASE_URL=$url
[ "$2" = sqlite ] && export DATABASE_URL=sqlite:$scratch/test.db
cd "$scratch" || exit 1
q() { run "$TENON" sql "$@"; }
rows() { "$TENON" sql -o csv "select count(*) from $1" | tail -n +2; }
# holds <title> <table> <number>
holds() {
    if [ "$(rows "$2")" = "$3" ]; then pass "$1"; else flunk "$1" "$2 has $(rows "$2") rows, not $3"; fi
}

exits "tables" 0 "$TENON" sql -q "create table people (id integer primary key, name text not null,
 born date, seen timestamptz, price numeric(10,2), tags text[], doc json, raw bytea, ok boolean);
 create table copies (id integer primary key, name text not null,
 born date, seen timestamptz, price numeric(10,2), tags text[], doc json, raw bytea, ok boolean)"

# ---- CSV
printf '%s\n' 'id,name,born,seen,price,tags,doc,raw,ok' \
    '1,Ann,1970-01-02,2026-01-01 12:00:00+00,1.50,"{a,""b c"",NULL}","{""k"": [1, 2]}",\x00ff,t' \
    '2,"Bo ""the"" comma,",,,,,,,' \
    '3,"two' 'lines",2001-12-31,,,{},"""x""",,f' '4,"",,,,,,,' >people.csv
exits "a CSV file" 0 "$TENON" sql import people people.csv
prints "its rows are counted" "4 rows"
q -o csv 'select id, name, born, tags, ok from people order by id'
prints "what it says is there" 'id,name,born,tags,ok
1,Ann,1970-01-02,"{a,""b c"",NULL}",t
2,"Bo ""the"" comma,",,,
3,"two
lines",2001-12-31,{},f
4,,,,'
exits "out again" 0 "$TENON" sql export 'select * from people order by id' out.csv
prints "rows are counted on the way out" "4 rows"
exits "in again" 0 "$TENON" sql import copies out.csv
"$TENON" sql export 'select * from copies order by id' >again.csv
if cmp -s out.csv again.csv; then pass "CSV makes the round"; else flunk "CSV makes the round" "$(diff out.csv again.csv)"; fi
q -q 'delete from copies'

# ---- NDJSON
exits "out as NDJSON, by the name" 0 "$TENON" sql export 'select * from people order by id' out.ndjson
says "an object a line" '^\{"id":1,"name":"Ann","born":"1970-01-02","seen":"2026-01-01T12:00:00\+00:00","price":1.50,"tags":\["a","b c",null\]' out.ndjson
exits "in as NDJSON" 0 "$TENON" sql import copies out.ndjson
"$TENON" sql export 'select * from copies order by id' again.ndjson -q
if cmp -s out.ndjson again.ndjson; then pass "NDJSON makes the round"; else flunk "NDJSON makes the round" "$(diff out.ndjson again.ndjson)"; fi
q -q 'delete from copies'
printf '{"name":"\\u00e9\\ud83d\\ude00\\"\\\\ \\n","id":1}\r\n\n{"id":2,"name":"x","other":{"a":1}}\n' >some.jsonl
exits "members in any order, others left out" 0 "$TENON" sql import copies some.jsonl --columns id,name
q -o ndjson 'select id, name from copies order by id'
prints "escapes are read" '{"id":1,"name":"é😀\"\\ \n"}
{"id":2,"name":"x"}'
q -q 'delete from copies'

# ---- standard input, headers, columns, separators, NULL
run sh -c 'printf "1;x\n2;NA\n3;\"NA\"\n" | "$1" sql import copies --no-header --columns id,name --separator ";" --null "-"' sh "$TENON"
prints "standard input" "3 rows"
q -q 'delete from copies'
run sh -c 'printf "\357\273\277name\tnope\tid\r\nx\t?\t1\r\n\r\n" | "$1" sql import copies - --columns ID,name --separator tab' sh "$TENON"
prints "columns by the header's names" "1 rows"
q -o csv 'select id, name from copies'
prints "in the order that was asked for" 'id,name
1,x'
run sh -c 'printf "id,name,born\n5,x,NA\n" | "$1" sql import copies --null NA -q' sh "$TENON"
prints "quiet" ""
q -o csv 'select id from copies where born is null and id = 5'
prints "NULL by another name" 'id
5'
exits "an empty file" 0 "$TENON" sql import copies /dev/null
prints "has no rows" "0 rows"

# ---- conflicts
printf 'id,name\n1,new\n7,seven\n' >conflict.csv
exits "fail" 1 "$TENON" sql import copies conflict.csv
says "the line is named" 'conflict.csv: line 2'
holds "and nothing is written" copies 2
exits "ignore" 0 "$TENON" sql import copies conflict.csv --on-conflict ignore
prints "what was written is told" "1 rows of 2"
exits "update" 0 "$TENON" sql import copies conflict.csv --on-conflict update --key id
q -o csv 'select name from copies where id = 1'
prints "the old row is replaced" 'name
new'
q -q 'delete from copies'

# ---- what is wrong, and where
# wrong <title> <sqlstate> <place> <lines of the file...>
wrong() {
    local title=$1 state=$2 place=$3
    shift 3
    printf '%s\n' "$@" >wrong.csv
    exits "$title" 1 "$TENON" sql import copies wrong.csv
    says "$title: SQLSTATE" "SQLSTATE $state"
    says "$title: place" "wrong.csv: $place"
    holds "$title: nothing is written" copies 0
}
wrong "an open quote" 22P04 'line 3, column 3' 'id,name' '1,a' '2,"b' 'c'
wrong "text behind a quote" 22P04 'line 3, column 6' 'id,name' '1,a' '2,"b"c'
wrong "a quote within" 22P04 'line 2, column 5' 'id,name' '1,é "b'
wrong "too many fields" 22P04 'line 3$' 'id,name' '1,a' '2,b,c'
wrong "a value that is none" 22P02 'line 4, column 1' 'id,name' '1,"a' 'b"' 'x,c' '4,d'
wrong "a value that does not fit" 22003 'line 3, column 1' 'id,name' '1,a' '9999999999,c'
wrong "NULL where it must not be" 23502 'line 2, column 3' 'id,name' '1,' '2,b'
wrong "a key twice" 23505 'line 5$' 'id,name' '1,a' '2,"x' 'y"' '1,c' '4,d'
printf 'id,nope\n1,a\n' >wrong.csv
exits "a column that is not there" 1 "$TENON" sql import copies wrong.csv
says "is named" 'nope'
exits "a column that the file has not" 1 "$TENON" sql import copies wrong.csv --columns name
says "is named, too" 'the file has no column "name"'
printf 'id,name\n1,a\xff\n' >wrong.csv
exits "not UTF-8" 1 "$TENON" sql import copies wrong.csv
says "is told" 'SQLSTATE 22021'
run sh -c 'printf "id,name\n1,a\nx,b\n" | "$1" sql import copies' sh "$TENON"
says "a pipe has lines as well" 'standard input: line 3'
run "$TENON" sql import copies wrong.csv --json
json "errors as JSON" 'd["ok"] is False and d["error"]["line"] == 2 and d["error"]["file"] == "wrong.csv"'
printf '{"id":1,"name":"a"}\n{"id":2,"name":b}\n' >wrong.ndjson
exits "NDJSON that is none" 1 "$TENON" sql import copies wrong.ndjson
says "has a place" 'wrong.ndjson: line 2, column 16'
printf '{"id":1,"name":"a"}\n{"id":2,"nam":"b"}\n' >wrong.ndjson
exits "an unknown member" 1 "$TENON" sql import copies wrong.ndjson
says "has a place, too" 'wrong.ndjson: line 2'
printf '{"id":1,"name":"a","tags":[[1]]}\n' >wrong.ndjson
exits "an array of arrays" 1 "$TENON" sql import copies wrong.ndjson
holds "nothing of all that is written" copies 0
printf 'id,name\n1,a\n' >good.csv
run "$TENON" sql import copies good.csv --json
json "success as JSON" 'd["ok"] and d["written"] == 1 and d["read"] == 1 and d["table"] == "copies"'

# ---- usage
exits "no table" 2 "$TENON" sql import
exits "no such file" 2 "$TENON" sql import copies nowhere.csv
exits "a folder" 2 "$TENON" sql import copies .
exits "no such format" 2 "$TENON" sql import copies good.csv --format xml
exits "no such policy" 2 "$TENON" sql import copies good.csv --on-conflict maybe
exits "update without a key" 2 "$TENON" sql import copies good.csv --on-conflict update
exits "a key without a policy" 2 "$TENON" sql import copies good.csv --key id
exits "a separator of two" 2 "$TENON" sql import copies good.csv --separator '::'
exits "not a name" 1 "$TENON" sql import 'copies; drop table copies' good.csv
says "is refused as one" 'SQLSTATE 42602'
exits "no such table" 1 "$TENON" sql import nowhere good.csv
says "is told by the database" 'SQLSTATE 42P01'
exits "no database" 6 "$TENON" sql import copies good.csv --url postgresql://nobody@127.0.0.1:1/none

# ---- export
exits "a query that fails leaves no file" 1 "$TENON" sql export 'select nope from copies' none.csv
if ls none.csv* >/dev/null 2>&1; then flunk "there is none" "$(ls)"; else pass "there is none"; fi
echo old >keep.csv
exits "nor does it touch an old one" 1 "$TENON" sql export 'select nope from copies' keep.csv
says "which is as it was" '^old$' keep.csv
exits "a folder that is not there" 2 "$TENON" sql export copies nowhere/out.csv
exits "a table by its name" 0 "$TENON" sql export copies - --no-header --null NULL
prints "without the line of names" '1,a,NULL,NULL,NULL,NULL,NULL,NULL,NULL'
exits "some of its columns" 0 "$TENON" sql export copies - --columns 'NAME,"id"' --order id
prints "in the order that was asked for" 'name,id
a,1'
exits "rows in their order" 0 "$TENON" sql export people - --columns id --order id --no-header
prints "are sorted" '1
2
3
4'
exits "columns of a query" 2 "$TENON" sql export 'select 1' - --columns id
exits "a column that is not there" 1 "$TENON" sql export copies - --columns nope
says "is told by the database" 'SQLSTATE 42703'
exits "a table that is not there" 1 "$TENON" sql export nowhere keep.csv
says "is told by the database, too" 'SQLSTATE 42P01'
says "an old file stays" '^old$' keep.csv
exits "what is no name" 1 "$TENON" sql export '"id' -
says "is refused as such" 'SQLSTATE 42602'
finish
