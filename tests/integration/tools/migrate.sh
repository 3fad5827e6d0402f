#!/bin/bash
# SPDX-License-Identifier: MIT
# tenon migrate new, deploy, status, down, baseline, repair, embed, on SQLite:
# migrate.sh <tenon> <example's migrations>
. "$(dirname "$0")/tool.sh"
example=$2
include=$(cd "$(dirname "$0")/../../../include" && pwd)
cd "$scratch" || exit 1
export DATABASE_URL=sqlite:app.db

file() { # file <name> <text>
    mkdir -p migrations
    printf '%s\n' "$2" >"migrations/$1"
}

# ---- new
exits "no directory" 2 "$TENON" migrate deploy
says "it says what to do" 'tenon migrate new'
exits "new" 0 "$TENON" migrate new 'Add users, first!'
says "new names the file" '^migrations/2[0-9]{13}_add_users_first\.sql$' "$out"
says "it has both blocks" '^-- migrate:up$' "$(cat "$out")"
exits "new again has a later version" 0 "$TENON" migrate new --driver postgres,sqlite more
if [ "$(wc -l <"$out")" -eq 2 ] && [ "$(ls migrations | cut -d_ -f1 | sort -u | wc -l)" -eq 2 ]; then
    pass "two variants of one later version"
else
    flunk "two variants of one later version" "$(ls migrations)"
fi
exits "new wants a name" 2 "$TENON" migrate new '!!'
exits "new knows drivers" 2 "$TENON" migrate new x --driver oracle
exits "new as JSON" 0 "$TENON" migrate new third --json
json "with version and files" 'd["ok"] and d["files"][0].startswith("migrations/" + d["version"])'
rm -r migrations

# ---- deploy and status
file 1_users.sql '-- migrate:up
create table users (id integer primary key, email text not null);
-- migrate:down
drop table users;'
file 2_pages.sql '-- migrate:up
create table pages (id integer primary key, user_id integer references users (id));
-- migrate:down
drop table pages;'
# What only looks makes no file.
rm -f app.db app.db-*
for verb in status plan; do
    exits "$verb without a database: pending" 3 "$TENON" migrate $verb
    says "$verb says that there is none" 'there is no database yet: app.db does not exist'
    exits "$verb as JSON" 3 "$TENON" migrate $verb --json
    json "$verb names the file" 'd["missing_database"] == "app.db" and d["pending"] == 2'
done
exits "verify without a database" 0 "$TENON" migrate verify --json
json "verify names the file" 'd["missing_database"] == "app.db" and d["pending"] == 2 and d["drift"]["state"] == "unknown"'
exits "no drift to accept" 2 "$TENON" migrate verify --accept-drift
exits "lint without a database" 0 "$TENON" migrate lint
says "lint says that there is none" 'there is no database yet: app.db does not exist'
exits "a file that has to be there" 6 "$TENON" migrate status --url 'sqlite:app.db?mode=rw'
exits "nor a directory" 2 "$TENON" migrate status --url sqlite:nowhere/app.db
if [ ! -e app.db ] && [ ! -e nowhere ]; then pass "none of them made a file"; else flunk "none of them made a file" "$(ls)"; fi
"$TENON" db create -q
exits "status of a new database: pending" 3 "$TENON" migrate status
silent "there is a database" 'no database yet'
says "status lists it" '^pending +1_users$' "$out"
exits "deploy" 0 "$TENON" migrate deploy
says "deploy tells each" '^applied 1_users  ' "$out"
says "deploy tells the end" '^2 applied in .*, the database is at 2$' "$out"
exits "deploy again" 0 "$TENON" migrate deploy
prints "nothing to apply" "nothing to apply, the database is at 2"
exits "status: all applied" 0 "$TENON" migrate status --json
json "status as JSON" 'd["pending"] == 0 and [m["state"] for m in d["migrations"]] == ["applied", "applied"] and len(d["migrations"][0]["checksum"]) == 64'
exits "quiet status" 0 "$TENON" migrate status -q
prints "quiet status says nothing" ""

# ---- failures have a place, a state and a next command
file 3_bad.sql '-- migrate:up
create table a (n integer);

-- here
insert into a
  values (1, é, wrong);'
exits "a statement that fails" 1 "$TENON" migrate deploy
says "file and place" 'migrations/3_bad\.sql: line 6, column 14$'
says "a caret" '\^$'
says "the state" '^  state: nothing of 3 is left'
says "what to run next" '^  next: tenon migrate deploy$'
exits "the same as JSON" 1 "$TENON" migrate deploy --json
json "JSON has all of it" 'not d["ok"] and d["error"]["code"] == "MIGRATE.SQL" and d["error"]["exit"] == 1 and d["error"]["file"] == "migrations/3_bad.sql" and d["error"]["line"] >= 5 and d["error"]["version"] == "3" and d["error"]["next"] and d["migrations"] == []'
exits "status shows that it is pending" 3 "$TENON" migrate status
file 3_bad.sql '-- migrate:up transakcion:false
select 1;'
exits "an unknown option" 2 "$TENON" migrate status
says "its place" '3_bad\.sql:1:15: option transakcion: not known'
rm migrations/3_bad.sql

# ---- files that would be run in part, or on the wrong database
printf -- '-- migrate:up\ncreate table whole (n integer);\ninsert into \0whole values (1);\n' >migrations/3_nul.sql
for verb in deploy status verify plan lint "lint --all" "squash --to 3 --driver sqlite" "embed -o nul.c"; do
    exits "$verb refuses a NUL" 2 "$TENON" migrate $verb
    says "$verb tells its place" '3_nul\.sql:3:13: not a text: it has a NUL in it'
done
rm migrations/3_nul.sql
file 3_x.mysql.sql '-- migrate:up
create table x (n integer) engine = innodb;'
exits "another database's file" 2 "$TENON" migrate deploy
says "it is named" 'migrations/3_x\.mysql\.sql: "mysql" is no driver: postgres, sqlite'
mv migrations/3_x.mysql.sql migrations/3_x.pg.sql
exits "a driver's other name" 2 "$TENON" migrate lint --all
says "the right one" 'hint: did you mean \.postgres\.sql\?'
rm migrations/3_x.pg.sql

# ---- what does not fit: exit 4, each told apart
sed -i 's/email text/mail text/' migrations/1_users.sql
exits "an edited file" 4 "$TENON" migrate deploy
says "edited" 'was changed after it had been applied'
says "the way out" 'tenon migrate repair 1 --accept-checksum'
exits "status knows as well" 4 "$TENON" migrate status --json
json "status as JSON tells which" 'd["error"]["code"] == "MIGRATE.EDITED" and d["migrations"][0]["edited"]'
exits "repair" 0 "$TENON" migrate repair 1 --accept-checksum
prints "repair says what it did" "1 has the checksum of its file"
exits "fine again" 0 "$TENON" migrate deploy
exits "repair wants one way" 2 "$TENON" migrate repair 1
exits "repair of what is not there" 2 "$TENON" migrate repair 7 --rolled-back

mv migrations/2_pages.sql kept.sql
exits "a missing file" 4 "$TENON" migrate deploy
says "missing" 'is applied, but there is no file of it'
file 0_old.sql '-- migrate:up
select 0;'
exits "another branch's database" 4 "$TENON" migrate deploy
says "another branch" 'another branch was migrated here'
mv kept.sql migrations/2_pages.sql
exits "out of order" 4 "$TENON" migrate deploy
says "out of order" 'which is newer, is applied'
exits "if it is wanted" 0 "$TENON" migrate deploy --out-of-order
file 2_twice.sql '-- migrate:up'
exits "a version twice" 2 "$TENON" migrate status
says "both files are named" 'migrations/2_pages\.sql and migrations/2_twice\.sql'
rm migrations/2_twice.sql migrations/0_old.sql
exits "forget the row" 0 "$TENON" migrate repair 0 --rolled-back

# ---- down
exits "down" 0 "$TENON" migrate down
says "down tells" '^undone 2_pages  ' "$out"
exits "down to the beginning" 0 "$TENON" migrate down --to 0 --json
json "as JSON" 'd["undone"] == 1 and d["version"] == ""'
exits "down with nothing left" 0 "$TENON" migrate down
exits "a number that is none" 2 "$TENON" migrate down two
exits "two ways to say how many" 2 "$TENON" migrate down 1 --to 1
exits "down to what is not there" 2 "$TENON" migrate down --to 77

# ---- other tools' directories
mkdir -p prisma/20260101000000_init golang flyway
echo 'create table a (n integer);' >prisma/20260101000000_init/migration.sql
touch prisma/migration_lock.toml
echo 'create table b (n integer);' >golang/000001_b.up.sql
echo 'drop table b;' >golang/000001_b.down.sql
echo 'create table c (n integer);' >flyway/V1__c.sql
for tool in prisma golang flyway; do
    exits "$tool's directory" 0 "$TENON" migrate deploy --dir $tool --url sqlite:$tool.db
    says "$tool's file is applied" '^1 applied' "$out"
done
exits "golang-migrate's down" 0 "$TENON" migrate down --dir golang --url sqlite:golang.db
"$TENON" sql -q --url sqlite:was.db "create table schema_migrations (version text); insert into schema_migrations values ('1')"
exits "deploy on dbmate's database" 2 "$TENON" migrate deploy --url sqlite:was.db
says "says whose it is" 'tenon migrate baseline --from dbmate'
exits "baseline" 0 "$TENON" migrate baseline --from dbmate --url sqlite:was.db
prints "what it recorded" "1 recorded as applied, the database is at 1"
exits "baseline wants to know up to where" 2 "$TENON" migrate baseline --url sqlite:x.db
exits "baseline knows tools" 2 "$TENON" migrate baseline --from rails --url sqlite:x.db

# ---- embed
exits "embed" 0 "$TENON" migrate embed -o m.c --name my_migrations --dir "$example"
says "a table in C" '^const tn_migration_files my_migrations = ' m.c
says "of each file" '"20261123090100_users_updated_at.sqlite.sql"' m.c
works "it compiles" gcc -std=c17 -Wall -Wextra -Werror -c \
    -I"$include" m.c -o m.o
exits "a name that is none in C" 2 "$TENON" migrate embed --name 1x
file 9_wrong.sql 'select 1;'
exits "embed refuses what deploy would" 2 "$TENON" migrate embed -o w.c

# ---- the example's history, forth and back and forth
for step in "deploy" "status" "down --to 0" "deploy"; do
    # shellcheck disable=SC2086
    exits "the example: $step" 0 "$TENON" migrate $step --dir "$example" --url sqlite:example.db
done
"$TENON" sql -q --url sqlite:example.db "insert into users (email, created_at, updated_at) values ('a@b', '2020-01-01', '2020-01-01')"
"$TENON" sql -q --url sqlite:example.db "update users set email = 'c@d'"
exits "updated_at follows" 0 "$TENON" sql --url sqlite:example.db --json "select count(*) as n from users where updated_at > '2026-01-01'"
says "by the database itself" '"n":1' "$out"

# ---- no database
exits "no connection" 6 "$TENON" migrate status --url "postgresql://nobody@127.0.0.1:1/x" --timeout 2s --dir "$example"
exits "no driver" 2 "$TENON" migrate status --url "nosuch:x" --dir "$example"
finish
