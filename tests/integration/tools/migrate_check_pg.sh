#!/bin/bash
# SPDX-License-Identifier: MIT
# The same on PostgreSQL, and what only a server has: locks, tables written anew, databases in use:
# migrate_check_pg.sh <tenon>. Runs itself within tenon pg run.
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
# /tenon? of the URL that pg run gives is where the name of a database stands.
url() { printf '%s' "$server" | sed "s|/tenon?|/$1?|"; }
DATABASE_URL=$(url shop)
export DATABASE_URL
sql() { "$psql" -XqAt -v ON_ERROR_STOP=1 "$DATABASE_URL" "$@"; }

# file <name> <text>: a migration.
file() {
    mkdir -p migrations
    printf '%s\n' "$2" >"migrations/$1"
}

file 1_users.sql "-- migrate:up
create table users (id bigserial primary key, email text not null, n int);
create table orders (id bigserial primary key, user_id bigint);
insert into users (email) select 'x' || i from generate_series(1, 1000) i;
-- migrate:down
drop table orders; drop table users;"
exits "dev makes the database" 0 "$TENON" migrate dev
says "and says so" 'the database shop was created'
says "it applies" 'applied 1_users' "$out"
says "the schema's file" '^    id bigserial not null,$' migrations/schema.postgres.sql
cp migrations/schema.postgres.sql first
rm migrations/schema.postgres.sql
exits "again" 0 "$TENON" migrate dev
if cmp -s first migrations/schema.postgres.sql; then pass "the same bytes"; else flunk "the same bytes" "$(diff first migrations/schema.postgres.sql)"; fi
silent "no name of the history is in it" '_tenon' migrations/schema.postgres.sql

sql -c 'alter table users alter email drop not null; create index byhand on orders (user_id)'
exits "a change by hand" 4 "$TENON" migrate verify
says "is shown line by line" '^    - email text not null$' "$out"
says "with what it is now" '^    \+ email text$' "$out"
says "and what is new" '^  index byhand: added$' "$out"
sql -c 'alter table users alter email set not null; drop index byhand'
exits "taken back" 0 "$TENON" migrate verify
sql -c 'create role reader login; grant select on all tables in schema public to reader'
exits "who may read may verify" 0 env PGOPTIONS='-c role=reader' "$TENON" migrate verify --url "$(url shop)"

# ---- what a plan sees
sql -c 'analyze'
file 2_change.sql "-- migrate:up
alter table users alter n type bigint;
alter table orders add foreign key (user_id) references users;
alter table users add column note text;
create table fresh (a int); create index on fresh (a);
-- migrate:down
select 1;"
exits "a plan" 3 "$TENON" migrate plan
says "a type is a table written anew" 'users: AccessExclusiveLock, blocks reads and writes; written anew \(about 1000 rows' "$out"
says "a foreign key locks both" 'orders: ShareRowExclusiveLock, blocks writes' "$out"
says "and warns" 'error LOCK004: users.n gets another type' "$out"
exits "a plan as JSON" 3 "$TENON" migrate plan --json
json "has the locks" '[[(l["table"], l["mode"], l["rewritten"]) for l in s["locks"]] for s in d["steps"]] == [[("users", "AccessExclusiveLock", True)], [("orders", "ShareRowExclusiveLock", False)], [], [], []]'
if [ "$(sql -c "select data_type from information_schema.columns where table_name = 'users' and column_name = 'n'")" = integer ]; then
    pass "nothing was changed"
else
    flunk "nothing was changed" "$(sql -c '\d users')"
fi
# Somebody has the table: the plan gives way and says so.
"$psql" -XqAt "$DATABASE_URL" -c "begin; lock table users in share mode; select pg_sleep(30)" >/dev/null 2>&1 &
holder=$!
for _ in $(seq 100); do
    [ "$(sql -c "select count(*) from pg_locks where relation = 'users'::regclass and mode = 'ShareLock'")" = 1 ] && break
    sleep 0.1
done
exits "a plan on a table in use" 3 "$TENON" migrate plan --lock-timeout 100ms
says "is not in time" 'not in time: .*\(SQLSTATE 55P03\)' "$out"
says "and says why" 'another transaction holds a lock that it needs' "$out"
sql -c "select pg_terminate_backend(pid) from pg_stat_activity where query like 'begin; lock table%' and pid <> pg_backend_pid()" >/dev/null
wait "$holder"
file 3_apart.sql "-- migrate:up transaction:false
create index concurrently on users (email);
-- migrate:down
select 1;"
exits "what runs without a transaction" 3 "$TENON" migrate plan --json
json "is not tried" 'd["steps"][-1]["state"] == "not_run" and "outside of a transaction" in d["steps"][-1]["note"]'
exits "deploy" 0 "$TENON" migrate deploy -q
exits "verify" 0 "$TENON" migrate verify

# ---- an index that was left behind
sql -c "update pg_index set indisvalid = false where indexrelid = 'users_email_idx'::regclass"
exits "an index that is not valid" 4 "$TENON" migrate verify
says "is drift" 'not valid: CREATE INDEX CONCURRENTLY failed' "$out"
sql -c "update pg_index set indisvalid = true where indexrelid = 'users_email_idx'::regclass"

# ---- squash
exits "squash" 0 "$TENON" migrate squash --to 3 --driver postgres --json
json "the files" 'd["files"] == ["migrations/3_squashed.postgres.sql"] and d["moved"] == 3 and d["left_out"] == 1'
exits "here there is nothing to do" 0 "$TENON" migrate deploy
says "it says so" 'nothing to apply' "$out"
exits "a new database" 0 "$TENON" db create --url "$(url second)"
exits "is made by one" 0 "$TENON" migrate deploy --url "$(url second)" --json
json "one" '[m["version"] for m in d["migrations"]] == ["3"]'
exits "with the same schema" 0 "$TENON" migrate verify --url "$(url second)" --json
cp "$out" second.json
exits "as the first" 0 "$TENON" migrate verify --json
cp "$out" first.json
json "fingerprints" 'd["drift"]["fingerprint"] == json.load(open("second.json"))["drift"]["fingerprint"]' first.json
if [ -z "$(sql -c "select datname from pg_database where datname like 'tenon_scratch%'")" ]; then
    pass "no scratch is left"
else
    flunk "no scratch is left" "$(sql -c 'select datname from pg_database')"
fi

# ---- databases
exits "clone" 0 "$TENON" db clone third
exits "the copy is whole" 0 "$TENON" migrate verify --url "$(url third)"
if [ "$("$psql" -XqAt "$(url third)" -c 'select count(*) from users')" = 1000 ]; then pass "with its rows"; else flunk "with its rows" "no"; fi
exits "it is not overwritten" 1 "$TENON" db clone third
exits "replace" 0 "$TENON" db clone third --replace --confirm third
exits "drop wants the name" 7 "$TENON" db drop --url "$(url third)" --confirm shop
"$psql" -XqAt "$(url third)" -c 'select pg_sleep(60)' >/dev/null 2>&1 &
holder=$!
for _ in $(seq 100); do
    [ "$(sql -c "select count(*) from pg_stat_activity where datname = 'third'")" = 1 ] && break
    sleep 0.1
done
exits "one in use stays" 5 "$TENON" db drop --url "$(url third)" --confirm third
says "with the way out" '--force'
exits "unless it is forced" 0 "$TENON" db drop --url "$(url third)" --confirm third --force
wait "$holder"
exits "reset" 0 "$TENON" db reset --confirm shop
says "migrates anew" 'applied 3_squashed' "$out"
exits "reset with files that are wrong" 2 "$TENON" db reset --confirm shop --dir no/such
exits "drops nothing" 0 "$TENON" migrate verify
# ten at once make one database
for i in 1 2 3 4 5 6 7 8 9 10; do
    "$TENON" db create --url "$(url fresh)" >"made.$i" 2>&1 &
    eval "pid$i=\$!"
done
bad=0
for i in 1 2 3 4 5 6 7 8 9 10; do eval "wait \$pid$i" || bad=$((bad + 1)); done
if [ "$bad" -eq 0 ] && [ "$(cat made.* | grep -c created)" -eq 1 ]; then pass "ten at once make one"; else flunk "ten at once make one" "$(cat made.*)"; fi
exits "no connection" 6 "$TENON" migrate verify --url 'postgresql:///x?host=/no/such'
finish
