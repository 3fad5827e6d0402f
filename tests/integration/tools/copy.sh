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

# ---- NULL of a json column, and null, which is a document
for table in documents others; do
    q -q "create table $table (id integer primary key, doc json, more jsonb, kept jsonb default '{\"a\": 1}')"
done
q -q "insert into documents values (1, null, '[null]', null), (2, 'null', null, 'null'),
 (3, '\"null\"', 'null', '7'), (4, null, null, null)"
documents='select id, doc is null as a, doc, more is null as b, more, kept is null as c, kept from'
exits "documents out" 0 "$TENON" sql export documents documents.ndjson --columns id,doc,more --order id
same_lines() { if [ "$(cat "$2")" = "$3" ]; then pass "$1"; else flunk "$1" "$(cat "$2")"; fi; }
same_lines "NULL is left out, null is not" documents.ndjson '{"id":1,"more":[null]}
{"id":2,"doc":null}
{"id":3,"doc":"null","more":null}
{"id":4}'
exits "documents in" 0 "$TENON" sql import others documents.ndjson
"$TENON" sql -o csv "$documents documents order by id" | cut -d, -f1-5 >first.txt
"$TENON" sql -o csv "$documents others order by id" | cut -d, -f1-5 >second.txt
if cmp -s first.txt second.txt; then pass "they make the round"; else flunk "they make the round" "$(diff first.txt second.txt)"; fi
q -o csv "select count(*) from others where kept is null"
prints "the default of a column that no object has" 'count
0'
q -q 'delete from others'
"$TENON" sql export documents documents.ndjson -q
exits "with a default, by name" 0 "$TENON" sql import others documents.ndjson --columns id,doc,more,kept
"$TENON" sql -o csv "$documents documents order by id" >first.txt
"$TENON" sql -o csv "$documents others order by id" >second.txt
if cmp -s first.txt second.txt; then pass "makes the round, too"; else flunk "makes the round, too" "$(diff first.txt second.txt)"; fi
"$TENON" sql export documents documents.csv -q
q -q 'delete from others'
exits "as CSV" 0 "$TENON" sql import others documents.csv
"$TENON" sql -o csv "$documents others order by id" >second.txt
if cmp -s first.txt second.txt; then pass "makes it as well"; else flunk "makes it as well" "$(diff first.txt second.txt)"; fi
printf '{"id":1,"doc":null}\n' >documents.ndjson
exits "null for NULL" 0 "$TENON" sql import others documents.ndjson --null null --on-conflict update --key id
q -o csv 'select doc is null as a, more as b from others where id = 1'
json_null=$(tail -n +2 "$out")
case $json_null in t,'[null]' | 1,'[null]') pass "and an update leaves alone what the file has not" ;;
*) flunk "and an update leaves alone what the file has not" "$json_null" ;; esac

# ---- standard input, headers, columns, separators, NULL
run sh -c 'printf "1;x\n2;NA\n3;\"NA\"\n" | "$1" sql import copies --no-header --columns id,name --separator ";" --null "-"' sh "$TENON"
prints "standard input" "3 rows"
q -q 'delete from copies'
run sh -c 'printf "\357\273\277name\tnope\tid\r\nx\t?\t1\r\n\r\n" | "$1" sql import copies - --columns ID,name --separator tab' sh "$TENON"
prints "columns by the header's names" "1 row"
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
prints "what was written is told" "1 of 2 rows"
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
printf '{\n  "id": 1}\n' >wrong.ndjson
exits "an object on two lines" 1 "$TENON" sql import copies wrong.ndjson
says "is told as that" 'hint: NDJSON has each object on a line of its own'
q -q 'create table bare (id integer primary key)'
printf '{}\n' >wrong.ndjson
exits "an object without members" 1 "$TENON" sql import bare wrong.ndjson
says "names no columns" 'the first object has no members'
printf '{"name":"\\u00e9","id":"x"}\n' >wrong.ndjson
exits "a value behind an escape" 1 "$TENON" sql import copies wrong.ndjson
says "has its place in the file" 'wrong.ndjson: line 1, column 23'
says "which is shown as it is" '\{"name":"\\u00e9","id":"x"\}'
printf 'id\tname\n1\ta\n' >wrong.csv
exits "another separator" 1 "$TENON" sql import copies wrong.csv
says "is guessed" 'hint: the file seems to have another separator: --separator tab'
printf '{"id":1,"name":"a"}\n{"id":2,"nam":"b"}\n' >wrong.ndjson
exits "an unknown member" 1 "$TENON" sql import copies wrong.ndjson
says "has a place, too" 'wrong.ndjson: line 2'
printf '%s\n' '{"id":1,"name":"a"}' '{"name":"\u00e9\ud83d\ude00","id":2}' \
    '{"id":3,"name":"\u00e9 \ud83d"}' >wrong.ndjson
exits "half of a surrogate pair" 1 "$TENON" sql import copies wrong.ndjson
says "is told" 'row 3, column "name": half of a surrogate pair'
says "with its place" 'wrong.ndjson: line 3, column 24'
printf '%s\n' '{"id":1,"name":"a","tags":["\u00e9","\udc00"]}' >wrong.ndjson
exits "half of one in an array" 1 "$TENON" sql import copies wrong.ndjson
says "has a place" 'wrong.ndjson: line 1, column 38'
printf '%s\n' '{"id":1,"\udc00":"a"}' >wrong.ndjson
exits "half of one in a name" 1 "$TENON" sql import copies wrong.ndjson
says "has a place, too" 'wrong.ndjson: line 1, column 10'
printf '{"id":1,"name":"a","tags":[[1]]}\n' >wrong.ndjson
exits "an array of arrays" 1 "$TENON" sql import copies wrong.ndjson
holds "nothing of all that is written" copies 0
printf 'id,name\n1,a\n' >good.csv
run "$TENON" sql import copies good.csv --json
json "success as JSON" 'd["ok"] and d["written"] == 1 and d["read"] == 1 and d["table"] == "copies"'

# ---- what is no CSV at all
# other <title> <file> <what> <hint>
other() {
    exits "$1" 1 "$TENON" sql import copies "$2"
    says "$1: what it is" "$2 is $3"
    says "$1: what mends it" "hint: $4"
}
printf 'id,name\n77,a\n' | gzip >rows.csv.gz
other "gzip" rows.csv.gz 'compressed by gzip' 'zcat rows.csv.gz \| tenon sql import copies -$'
run sh -c 'zcat rows.csv.gz | "$1" sql import copies -' sh "$TENON"
prints "gzip: and it does" '1 row'
printf '{"id":78}' | gzip >rows.ndjson.gz
other "gzip of NDJSON" rows.ndjson.gz 'compressed by gzip' 'zcat rows.ndjson.gz \| tenon sql import copies - --format ndjson$'
run sh -c '"$1" sql import copies <rows.csv.gz' sh "$TENON"
says "gzip from standard input" 'standard input is compressed by gzip'
says "gzip from standard input: what mends it" 'hint: \.\.\. \| zcat \| tenon sql import copies -$'
printf '\xff\xfei\0d\0,\0n\0a\0m\0e\0\n\0007\0009\0,\0b\0\n\0' >wide.csv
other "UTF-16" wide.csv 'text in UTF-16' 'iconv -f UTF-16 -t UTF-8 wide.csv \| tenon sql import copies -$'
run sh -c 'iconv -f UTF-16 -t UTF-8 wide.csv | "$1" sql import copies -' sh "$TENON"
prints "UTF-16: and it does" '1 row'
printf 'PK\003\004rest' >rows.xlsx
other "a spreadsheet" rows.xlsx 'a zip archive or a spreadsheet' 'take the file out of the archive, or save the spreadsheet as CSV'
printf '[\n  {"id": 1}\n]\n' >rows.json
other "an array of JSON" rows.json 'an array of JSON, not an object a line' "jq -c '.\\[\\]' rows.json \\| tenon sql import copies - --format ndjson\$"
printf '{"id": 1}\n' >rows.json
other "JSON without a format" rows.json 'JSON, not CSV' 'with an object a line it is read by --format ndjson'
printf 'id,,name\n1,2,3\n' >rows.csv
exits "a column without a name" 1 "$TENON" sql import copies rows.csv
says "is told" 'a column has no name'
says "with its place" 'rows.csv: line 1, column 4'
q -q 'delete from copies where id > 70'

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
exits "a name of what is compressed" 2 "$TENON" sql export copies none.csv.gz
says "is refused" '\| gzip > FILE'
exits "a name of a JSON document" 2 "$TENON" sql export copies none.json
says "is asked about" 'none.json: say --format ndjson'
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
