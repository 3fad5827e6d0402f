#!/bin/bash
# SPDX-License-Identifier: MIT
# Files that the command writes are there when they are whole, and leave alone what is no file:
# whole_file.sh <tenon>, on SQLite.
. "$(dirname "$0")/tool.sh"
export DATABASE_URL=sqlite:$scratch/test.db
# What is written beside its place is seen here.
mkdir "$scratch/files" && cd "$scratch/files" || exit 1
rows='select 1 as one'
endless='with recursive n(i) as (select 1 union all select i + 1 from n) select i from n'
export_rows() { "$TENON" sql export "$rows" "$@"; }
alone() { # <title> <names>: there are these files and no others
    if [ "$(ls | tr '\n' ' ')" = "$2 " ]; then pass "$1"; else flunk "$1" "$(ls -la)"; fi
    rm -rf -- *
}
same() { # <title> <got> <wanted>
    if [ "$2" = "$3" ]; then pass "$1"; else flunk "$1" "it is: $2
not: $3"; fi
}
whole=$(printf 'one\n1')

# ---- modes, owners
umask 027
exits "a new file" 0 export_rows new.csv
same "has the mode that is usual" "$(stat -c %a new.csv)" 640
umask 022
echo old >old.csv && chmod 600 old.csv
exits "an old file" 0 export_rows old.csv
same "is replaced" "$(cat old.csv)" "$whole"
same "and keeps its mode" "$(stat -c %a old.csv)" 600
if [ "$(id -u)" -eq 0 ]; then
    chown 12345:54321 old.csv && chmod 664 old.csv
    exits "an old file of another owner" 0 export_rows old.csv
    same "stays that one's" "$(stat -c '%u:%g %a' old.csv)" '12345:54321 664'
else
    skip "an old file of another owner stays that one's" "only root gives files away"
fi
alone "nothing else is left" 'new.csv old.csv'
if [ "$(id -u)" -ne 0 ]; then
    echo old >kept.csv && chmod 400 kept.csv
    exits "a file that may not be written" 2 export_rows kept.csv
    same "is not replaced" "$(cat kept.csv)" old
    rm -f kept.csv
else
    skip "a file that may not be written is not replaced" "root may write all"
fi

# ---- links
mkdir there && echo old >there/target.csv && chmod 640 there/target.csv
ln -s there/target.csv first.csv && ln -s "$PWD/first.csv" link.csv
exits "a link to a link" 0 export_rows link.csv
same "is followed" "$(cat there/target.csv)" "$whole"
same "the file keeps its mode" "$(stat -c %a there/target.csv)" 640
same "and nothing is left beside it" "$(ls there)" target.csv
same "the links stay" "$(readlink link.csv) $(readlink first.csv)" "$PWD/first.csv there/target.csv"
ln -s there/fresh.csv dangling.csv
exits "a link to a file that is not there" 0 export_rows dangling.csv
same "makes it" "$(readlink dangling.csv): $(cat there/fresh.csv)" "there/fresh.csv: $whole"
ln -s loop.csv loop.csv
exits "a link to itself" 2 export_rows loop.csv
says "is told" 'loop.csv: Too many levels'
rm -rf -- *

# ---- what is no regular file
mkfifo pipe
cat pipe >read.txt &
reader=$!
exits "a FIFO" 0 export_rows pipe
wait "$reader"
same "is written into" "$(cat read.txt)" "$whole"
if [ -p pipe ]; then pass "and stays one"; else flunk "and stays one" "$(ls -l pipe)"; fi
alone "nothing is beside it" 'pipe read.txt'
if mknod full c 1 7 2>/dev/null && { echo x >full; } 2>&1 | grep -q 'No space'; then
    exits "a device without space" 1 export_rows full
    says "is told with its name" 'cannot write to full: No space left on device'
    if [ -c full ]; then pass "and stays one"; else flunk "and stays one" "$(ls -l full)"; fi
    alone "nothing is beside it" full
else
    rm -f full
    skip "a device without space" "no device can be made here"
fi
exits "a folder" 2 export_rows .
run sh -c '"$1" sql export "$2" /dev/stdout | cat' sh "$TENON" "$rows"
prints "standard output by another name, a pipe" "$whole"
run sh -c '{ echo before; "$1" sql export "$2" /dev/stdout; echo behind; } >all.txt' sh "$TENON" "$rows"
same "standard output by another name, a file" "$(cat all.txt)" "before
$whole
behind"
run sh -c '"$1" sql export "$2" /dev/fd/3 3>third.csv -q' sh "$TENON" "$rows"
same "another descriptor" "$(cat third.csv)" "$whole"
alone "nothing is beside them" 'all.txt third.csv'

# ---- failures
echo old >old.csv
run bash -c 'ulimit -f 64; exec "$1" sql export "$2" old.csv' sh "$TENON" "$endless limit 1000000"
same "a file larger than the limit: exit" "$status" 1
says "is told with its name" 'cannot write to old.csv: File too large'
same "the old file stays" "$(cat old.csv)" old
run bash -c 'ulimit -f 64; exec "$1" sql export "$2" old.csv --json' sh "$TENON" "$endless limit 1000000"
json "and is told as JSON" 'd["error"]["message"].startswith("cannot write to old.csv") and d["error"]["exit"] == 1'
alone "nothing is beside it" old.csv
name=$(printf 'n%.0s' $(seq 250)).csv
exits "a name as long as can be" 0 export_rows "$name"
alone "is written" "$name"

# ---- signals: the file beside is seen to be there before it is sent
for signal in INT TERM HUP; do
    echo old >old.csv
    # A background job of a script ignores SIGINT.
    env --default-signal=INT "$TENON" sql export "$endless" old.csv >"$out" 2>"$err" &
    child=$!
    for _ in $(seq 600); do
        [ -s "old.csv.$child.part" ] && break
        sleep 0.05
    done
    if [ -s "old.csv.$child.part" ]; then pass "$signal: it writes"; else flunk "$signal: it writes" "$(ls)"; fi
    kill -"$signal" "$child"
    wait "$child" 2>/dev/null
    same "$signal: exit" "$?" $((128 + $(kill -l "$signal")))
    same "$signal: the old file stays" "$(cat old.csv)" old
    alone "$signal: nothing is beside it" old.csv
done

# ---- what else is written whole
mkdir migrations && printf '%s\n' '-- migrate:up' 'create table t (id integer);' >migrations/1_t.sql
echo old >target.c && chmod 600 target.c && ln -s target.c link.c
exits "embed" 0 "$TENON" migrate embed -o link.c
says "follows links" 'tn_migration_files migrations' target.c
same "and keeps the mode" "$(stat -c %a target.c)" 600
if [ -L link.c ]; then pass "the link stays"; else flunk "the link stays" "$(ls -l)"; fi
run sh -c '"$1" migrate embed -o /dev/stdout | grep -c tn_migration_files' sh "$TENON"
prints "standard output by another name" 2
exits "a schema" 0 "$TENON" migrate dev
rm migrations/schema.sqlite.sql
echo old >schema.sql && chmod 600 schema.sql && ln -s ../schema.sql migrations/schema.sqlite.sql
exits "its file" 0 "$TENON" migrate dev
says "follows links, too" '^create table t' schema.sql
same "and keeps the mode" "$(stat -c %a schema.sql)" 600
if [ -L migrations/schema.sqlite.sql ]; then pass "the link stays"; else flunk "the link stays" "$(ls -l migrations)"; fi
head -c 100000 /dev/zero | tr '\0' '-' >>migrations/1_t.sql
run bash -c 'ulimit -f 16; exec "$1" migrate embed -o target.c' sh "$TENON"
same "embed, larger than the limit: exit" "$status" 1
says "is told with its name" 'cannot write to target.c: File too large'
says "the old file stays" 'file_0' target.c
alone "nothing is beside it" 'link.c migrations schema.sql target.c'
finish
