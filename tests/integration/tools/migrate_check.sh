#!/bin/bash
# SPDX-License-Identifier: MIT
# tenon migrate dev, verify, plan, lint, squash, and tenon db, on SQLite: migrate_check.sh <tenon>
. "$(dirname "$0")/tool.sh"
cd "$scratch" || exit 1
export DATABASE_URL=sqlite:app.db
m() { run "$TENON" migrate "$@"; }

# file <name> <text>: a migration.
file() {
    mkdir -p migrations
    printf '%s\n' "$2" >"migrations/$1"
}

exits "db create" 0 "$TENON" db create
if [ -f app.db ]; then pass "the file is there"; else flunk "the file is there" "$(ls)"; fi
exits "db create again" 0 "$TENON" db create --json
json "it was there already" 'd["ok"] and not d["created"]'

file 20260101000000_users.sql '-- migrate:up
create table users (id integer primary key, email text not null);
-- migrate:down
drop table users;'
exits "dev" 0 "$TENON" migrate dev
says "dev tells what it applied" 'applied 20260101000000_users' "$out"
says "dev tells of the schema's file" 'wrote migrations/schema.sqlite.sql' "$out"
says "the file has the table" '^create table users \($' migrations/schema.sqlite.sql
cp migrations/schema.sqlite.sql first
exits "dev again" 0 "$TENON" migrate dev
silent "nothing is written anew" 'wrote' "$out"
rm migrations/schema.sqlite.sql
exits "dev writes it again" 0 "$TENON" migrate dev -q
if cmp -s first migrations/schema.sqlite.sql; then pass "the same bytes"; else flunk "the same bytes" "$(diff first migrations/schema.sqlite.sql)"; fi
exits "verify" 0 "$TENON" migrate verify --schema migrations/schema.sqlite.sql --json
json "verify as JSON" 'd["ok"] and d["drift"]["state"] == "none" and d["applied"] == 1 and d["problems"] == [] and not d["schema_file_stale"]'

# ---- drift
"$TENON" sql -q 'alter table users add column byhand int'
exits "verify sees a change by hand" 4 "$TENON" migrate verify
says "it names the column" '^  table users, byhand: added$' "$out"
says "and what to do" 'next: take it back' "$out"
exits "verify as JSON" 4 "$TENON" migrate verify --json
json "the difference" '[(c["what"], c["kind"], c["name"], c["part"]) for c in d["drift"]["differences"]] == [("added", "table", "users", "byhand")]'
exits "dev does not go on" 4 "$TENON" migrate dev --json
json "and says why" 'd["error"]["code"] == "MIGRATE.DRIFT" and len(d["differences"]) == 1'
exits "the file is stale then" 4 "$TENON" migrate verify --schema migrations/schema.sqlite.sql
exits "accepted" 0 "$TENON" migrate verify --accept-drift
exits "a stale file alone" 3 "$TENON" migrate verify --schema migrations/schema.sqlite.sql
exits "dev goes on" 0 "$TENON" migrate dev

# ---- history and files
cp migrations/20260101000000_users.sql keep
sed -i 's/email text/email  text/' migrations/20260101000000_users.sql
exits "an edited file" 4 "$TENON" migrate verify
says "is called that" 'was changed after it was applied' "$out"
mv keep migrations/20260101000000_users.sql
mv migrations/20260101000000_users.sql away
exits "a missing file" 4 "$TENON" migrate verify
says "is called that" 'there is no file of it' "$out"
mv away migrations/20260101000000_users.sql
file 20250101000000_late.sql '-- migrate:up
create table late (a int);'
exits "a file out of order" 4 "$TENON" migrate verify --json
json "is called that" '[p["code"] for p in d["problems"]] == ["OUT_OF_ORDER"]'
exits "plan refuses it" 4 "$TENON" migrate plan
exits "lint finds it" 4 "$TENON" migrate lint
says "as what it is" '20250101000000_late.sql:1:1: error FILE004' "$out"
rm migrations/20250101000000_late.sql

# ---- plan
exits "nothing to plan" 0 "$TENON" migrate plan
file 20260102000000_more.sql "-- migrate:up
create table more (a int);
insert into users (email) values ('x');
-- migrate:down
drop table more;"
exits "a plan" 3 "$TENON" migrate plan
says "has the SQL" "^    insert into users" "$out"
says "and what it makes" '^  table more: added$' "$out"
exits "a plan as JSON" 3 "$TENON" migrate plan --json
json "has the steps" '[s["state"] for s in d["steps"]] == ["run", "run"] and d["steps"][1]["line"] == 3 and d["pending"] == 1'
run "$TENON" sql -o csv 'select count(*) as n from users'
prints "nothing was changed" 'n
0'
exits "a plan that is not tried" 3 "$TENON" migrate plan --no-run --json
json "says so" 'all(s["state"] == "not_run" for s in d["steps"])'
file 20260103000000_bad.sql '-- migrate:up
create table b (a int);
select a from nowhere;'
exits "a plan that fails" 1 "$TENON" migrate plan
says "says where" 'migrations/20260103000000_bad.sql:3:' "$out"
rm migrations/20260103000000_bad.sql

# ---- lint
file 20260104000000_danger.sql '-- migrate:up
drop table users;
alter table users add column x int not null;'
exits "lint" 4 "$TENON" migrate lint
says "finds the lost table" '20260104000000_danger.sql:2:1: error DATA001' "$out"
says "shows the line" '^    \| drop table users;$' "$out"
says "says what to do" 'instead: ' "$out"
exits "lint as JSON" 4 "$TENON" migrate lint --json
json "has the findings" '[f["rule"] for f in d["findings"]] == ["FILE002", "DATA001", "FAIL001"]'
exits "lint of everything, without a database" 4 env -u DATABASE_URL "$TENON" migrate lint --json
json "for both drivers" '{f["driver"] for f in d["findings"]} == {"postgresql", "sqlite"}'
sed -i 's/^-- migrate:up$/-- migrate:up destructive:ok ignore:FAIL001/' migrations/20260104000000_danger.sql
exits "what is said to be fine" 0 "$TENON" migrate lint
rm migrations/20260104000000_danger.sql
exits "lint of a driver that is none" 2 "$TENON" migrate lint --driver oracle

# ---- squash
exits "deploy the rest" 0 "$TENON" migrate deploy -q
file 20260105000000_newer.sql '-- migrate:up
create table newer (a int);'
exits "squash wants a server" 2 "$TENON" migrate squash --to 20260102000000
exits "squash to what is not there" 2 "$TENON" migrate squash --to 1 --driver sqlite
exits "squash without a version" 2 "$TENON" migrate squash --driver sqlite
exits "squash" 0 "$TENON" migrate squash --to 20260102000000 --driver sqlite
says "tells the file" '^migrations/20260102000000_squashed.sqlite.sql$' "$out"
says "warns of rows" '1 statements that changed rows or rights' "$err"
if [ "$(ls migrations/squashed | wc -l)" = 2 ] && [ ! -e migrations/20260101000000_users.sql ]; then
    pass "the old files are aside"
else
    flunk "the old files are aside" "$(ls -R migrations)"
fi
exits "the database goes on" 0 "$TENON" migrate deploy
says "with what is newer" 'applied 20260105000000_newer' "$out"
exits "and is as it should be" 0 "$TENON" migrate verify
cp -r migrations/squashed old
exits "a new database" 0 "$TENON" migrate deploy --url sqlite:new.db
exits "has the same schema" 0 "$TENON" migrate verify --url sqlite:new.db
exits "one that is halfway there" 0 "$TENON" migrate deploy --url sqlite:half.db --dir old --to 20260101000000
exits "is told to go there first" 4 "$TENON" migrate deploy --url sqlite:half.db
says "by the release before" 'release before the squash' "$err"

# ---- db
exits "db clone" 0 "$TENON" db clone copy.db
exits "the copy is whole" 0 "$TENON" migrate verify --url sqlite:copy.db
exits "it is not overwritten" 1 "$TENON" db clone copy.db
exits "replacing wants the name" 7 "$TENON" db clone copy.db --replace
exits "replaced" 0 "$TENON" db clone copy.db --replace --confirm copy.db
exits "db drop wants the name" 7 "$TENON" db drop
says "and says which" 'say --confirm app.db' "$err"
exits "not another one" 7 "$TENON" db drop --confirm other.db --json
json "as JSON" 'd["error"]["code"] == "REFUSED" and d["error"]["exit"] == 7'
exits "db reset wants the name" 7 "$TENON" db reset
exits "db reset" 0 "$TENON" db reset --confirm app.db
says "migrates anew" 'applied 20260105000000_newer' "$out"
run "$TENON" sql -o csv 'select count(*) as n from users'
prints "the rows are gone" 'n
0'
exits "db drop" 0 "$TENON" db drop --confirm app.db
if ls app.db* >/dev/null 2>&1; then flunk "nothing is left" "$(ls)"; else pass "nothing is left"; fi
exits "db drop again" 0 "$TENON" db drop --confirm app.db --json
json "there was nothing" 'd["ok"] and not d["dropped"]'
exits "no database in memory" 2 "$TENON" db create --url sqlite::memory:

# ---- watch: a change of the files is applied, Ctrl-C ends it
"$TENON" migrate dev --watch >watched 2>&1 &
watcher=$!
# wait_for <pattern>: at most 20 s.
wait_for() {
    for _ in $(seq 200); do
        grep -q "$1" watched && return 0
        kill -0 "$watcher" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}
if wait_for 'watching migrations'; then pass "it watches"; else flunk "it watches" "$(cat watched)"; fi
file 20260106000000_seen.sql '-- migrate:up
create table seen (a int);'
if wait_for 'applied 20260106000000_seen'; then pass "a new file is applied"; else flunk "a new file is applied" "$(cat watched)"; fi
kill -INT "$watcher"
wait "$watcher"
status=$?
if [ "$status" -eq 0 ]; then pass "Ctrl-C ends it"; else flunk "Ctrl-C ends it" "exit $status
$(cat watched)"; fi
finish
