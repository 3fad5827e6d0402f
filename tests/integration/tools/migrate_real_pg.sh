#!/bin/bash
# SPDX-License-Identifier: MIT
# What histories of other projects have in them, on PostgreSQL: settings, enums, CR LF, extensions in
# schemas, files and tables of other tools: migrate_real_pg.sh <tenon>. Runs itself within tenon pg
# run.
if [ "${2:-}" != inside ]; then
    . "$(dirname "$0")/tool.sh"
    want_server
    want_client psql
    trap - EXIT
    rm -rf "$scratch"
    exec "$TENON" pg run -- "$0" "$TENON" inside
fi
server=$DATABASE_URL
. "$(dirname "$0")/tool.sh"
cd "$scratch" || exit 1
psql=$(client psql)
sql() { "$psql" -XqAt -v ON_ERROR_STOP=1 "$DATABASE_URL" "$@"; }

# fresh <name>: an empty database and an empty directory.
fresh() {
    "$psql" -Xq "$server" -c "create database $1"
    DATABASE_URL=$(printf '%s' "$server" | sed "s|/tenon?|/$1?|")
    export DATABASE_URL
    rm -rf migrations
    mkdir migrations
}

# file <name> <up> [down]: a migration.
file() {
    printf -- '-- migrate:up\n%s\n-- migrate:down\n%s\n' "$2" "${3:-}" >"migrations/$1"
}

# is <title> <wanted> <sql>
is() {
    local got
    got=$(sql -c "$3" 2>&1)
    if [ "$got" = "$2" ]; then pass "$1"; else flunk "$1" "wanted $2, got $got"; fi
}

# ---- settings end with the file, those of the connection stay
fresh settings
sql -c 'create schema app'
file 1_a.sql 'set statement_timeout = 0; create table a (i int);' 'reset search_path; drop table app.a;'
file 2_b.sql 'create table b (i int);' 'drop table b;'
{
    echo '-- migrate:up transaction:false'
    echo "begin; set search_path = ''; create table app.c (i int); commit;"
    echo "do \$\$ begin perform set_config('search_path', 'pg_catalog', false); end \$\$;"
    echo '-- migrate:down'
} >migrations/3_c.sql
file 4_d.sql "set role other; set session authorization other; set datestyle = 'SQL, DMY';"
file 5_e.sql 'create table e (i int);' 'drop table e;'
sql -c 'create role other'
url="$DATABASE_URL&schema=app"
exits "deploy with a schema" 0 "$TENON" migrate deploy --url "$url"
is "all is in it" 'a b c e' "select string_agg(relname, ' ' order by 1) from pg_class where relnamespace = 'app'::regnamespace and relkind = 'r' and relname !~ '^_tenon'"
is "by whom it should" t "select pg_get_userbyid(relowner) = current_user from pg_class where relname = 'e'"
exits "verify" 0 "$TENON" migrate verify --url "$url"
exits "down" 0 "$TENON" migrate down --url "$url" --to 0
is "nothing is left" 'c' "select string_agg(relname, ' ' order by 1) from pg_class where relnamespace = 'app'::regnamespace and relkind = 'r' and relname !~ '^_tenon'"

fresh dumped
file 1_a.sql "set statement_timeout = 100; set role other; select pg_catalog.set_config('search_path', '', false);"
file 2_b.sql 'select pg_sleep(0.3); create table b (i int);' 'drop table b;'
exits "a plan of a dump and what follows" 3 "$TENON" migrate plan --json
json "all of it runs" '{s["state"] for s in d["steps"]} == {"run"}'
exits "as deploy does" 0 "$TENON" migrate deploy -q
is "with the role of the connection" t "select pg_get_userbyid(relowner) = current_user from pg_class where relname = 'b'"

fresh enums
file 1_a.sql "create type m as enum ('a'); create table t (m m);"
exits "a type" 0 "$TENON" migrate deploy -q
file 2_b.sql "alter type m add value if not exists 'b';"
file 3_c.sql "insert into t values ('b');"
exits "a plan that cannot know" 3 "$TENON" migrate plan --json
json "says so" 'd["steps"][1]["state"] == "not_run" and "enum value" in d["steps"][1]["note"] and "error" not in d["steps"][1]'
exits "deploy can" 0 "$TENON" migrate deploy -q
file 4_d.sql "alter type m add value 'c'; insert into t values ('c');"
exits "one that adds and uses it" 1 "$TENON" migrate plan --json
json "fails" 'd["steps"][1]["state"] == "failed" and d["steps"][1]["error"]["sqlstate"] == "55P04"'
exits "in deploy as well" 1 "$TENON" migrate deploy -q

fresh deferred
file 1_a.sql 'create table p (id int primary key); create table c (i int references p deferrable initially deferred);'
file 2_b.sql 'insert into c values (1); insert into p values (1);'
file 3_c.sql 'alter table c add column x int;'
exits "rows that are checked at the end" 3 "$TENON" migrate plan --json
json "hold up the plan alone" 'd["steps"][-1]["state"] == "not_run" and "checked at" in d["steps"][-1]["note"]'
exits "not deploy" 0 "$TENON" migrate deploy -q
file 4_d.sql 'insert into c values (2); alter table c add column y int;'
exits "in one migration they fail" 1 "$TENON" migrate plan --json
json "as they would" 'd["steps"][-1]["state"] == "failed" and d["steps"][-1]["error"]["sqlstate"] == "55006"'

# ---- CR LF
fresh crlf
{
    printf -- '-- migrate:up\r\ncreate function f() returns int language plpgsql as $$\r\nbegin\r\n'
    printf -- '  return 1;\r\nend\r\n$$;\r\ncreate table t (i int);\r\n'
    printf -- "comment on table t is 'a\r\nb';\r\n-- migrate:down\r\ndrop table t; drop function f();\r\n"
} >migrations/1_f.sql
exits "CR LF within a body" 0 "$TENON" migrate deploy -q
exits "is no drift" 0 "$TENON" migrate verify
sql -c "create or replace function f() returns int language plpgsql as E'\nbegin\n  return 2;\nend\n'"
exits "another body is" 4 "$TENON" migrate verify

# ---- the schema's file, plainly by psql, and a squash
fresh ordered
file 1-a.sql 'create table t (id int primary key); comment on table t is $$x$$;' 'drop table t;'
file 2_b.sql 'create function f() returns trigger language plpgsql as $$ begin return null; end $$;
create constraint trigger ct after insert on t for each row execute function f();
create table late (i int); create function early() returns bigint language sql as $$ select count(*) from late $$;' 'drop function early(); drop table late; drop trigger ct on t; drop function f();'
file 3.sql 'create table u (i int);' 'drop table u;'
mkdir migrations/4_dir
echo 'create table v (i int);' >migrations/4_dir/migration.sql
exits "dev" 0 "$TENON" migrate dev
cp migrations/schema.postgres.sql whole.sql
fresh whole
if sql -f "$scratch/whole.sql" >psql.out 2>&1; then pass "the file is good for psql"; else flunk "the file is good for psql" "$(cat psql.out whole.sql)"; fi
fresh squashed
file 1-a.sql 'create table a (i int);' 'drop table a;'
file 2.sql 'create table b (i int);' 'drop table b;'
mkdir migrations/3_dir
echo 'create table c (i int);' >migrations/3_dir/migration.sql
file 4_later.sql 'create table d (i int);' 'drop table d;'
mkdir migrations/2_notes
exits "squash" 0 "$TENON" migrate squash --driver postgres --to 3
if [ "$(ls migrations | tr '\n' ' ')" = '2_notes 3_squashed.postgres.sql 4_later.sql squashed ' ]; then
    pass "moves each file that it stands for"
else
    flunk "moves each file that it stands for" "$(ls -R migrations)"
fi
exits "what is left can be deployed" 0 "$TENON" migrate deploy -q

# ---- files of others
fresh flyway
echo 'create table a (i int);' >migrations/V1__a.sql
echo 'create view v as select 1;' >migrations/R__v.sql
exits "a repeatable one" 0 "$TENON" migrate deploy
says "is told of" 'R__v.sql is not run'
echo 'create table b (i int);' >migrations/V1.1__b.sql
exits "a version with a dot" 2 "$TENON" migrate deploy
says "is refused" 'migrations/V1.1__b.sql would not be run: a version is digits alone'
says "with a way out" 'hint: give all files versions of digits alone'
exits "also in status" 2 "$TENON" migrate status
fresh flyway_table
sql -c 'create table flyway_schema_history (installed_rank int not null, version varchar(50), type varchar(20) not null, success boolean not null)' \
    -c "insert into flyway_schema_history values (1, '2', 'BASELINE', true), (2, '3', 'SQL', true), (3, '3', 'UNDO_SQL', true)"
for i in 1 2 3; do echo "create table t$i (i int);" >"migrations/V${i}__t.sql"; done
exits "Flyway's baseline" 0 "$TENON" migrate baseline --from flyway --json
json "is all up to it" 'd["recorded"] == 2 and d["version"] == "2"'
exits "what it had undone" 3 "$TENON" migrate status
says "is pending" 'pending +3_t' "$out"

fresh golang
file 1_a.sql 'create table a (i int);'
sql -c 'create table schema_migrations (version bigint primary key, dirty boolean not null)' -c 'insert into schema_migrations values (1, false)'
exits "golang-migrate's table" 2 "$TENON" migrate baseline --from dbmate
says "is none of dbmate's" "is golang-migrate's: it has a column dirty"
says "says how" 'next: tenon migrate baseline --from golang-migrate'
exits "and so it goes" 0 "$TENON" migrate baseline --from golang-migrate
exits "dbmate's word for a schema" 2 "$TENON" migrate status --url "$DATABASE_URL&search_path=app"
says "is another one here" 'write schema=NAME'
finish
