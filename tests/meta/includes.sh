#!/bin/bash
# SPDX-License-Identifier: MIT
# Includes go downwards only: includes.sh <root>. The check is tried on a tree that breaks it first.
. "$(dirname "$0")/tap.sh"
root=$1
here=$(cd "$(dirname "$0")" && pwd)

check() { # check <root>
    project_files "$1" | grep -E '^(include|core|drivers|tools|tests)/.*\.(c|h|cpp|inc)$' |
        grep -v '^tests/meta/consumer/' >"$scratch/files"
    awk -v root="$1" -f "$here/includes.awk" "$here/include-ranks" "$scratch/files"
}

put() { # put <file> <line>
    mkdir -p "$scratch/bad/$(dirname "$1")"
    printf '%s\n' "$2" >>"$scratch/bad/$1"
}
put core/base/str.h ''
put core/pool/pool.h ''
put core/session/conn.h ''
put drivers/kit/kit.h ''
put drivers/sqlite/lite.h '#include <sqlite3.h>'
put core/base/buf.c '#include "pool/pool.h"'
put core/session/conn.c '#include "pool/pool.h"'
put core/session/rows.c '#  include	"../pool/pool.h"'
put core/driver/load.c '#include "kit/kit.h"'
put core/driver/adopt.c '#include <sqlite3.h>'
put drivers/sqlite/conn.c '#include <libpq-fe.h>'
put drivers/sqlite/stmt.c '#include <tenon/db.h>'
put drivers/postgres/conn.c '#include "sqlite/lite.h"'
put drivers/template/module.c '#include "session/conn.h"'
put tools/main.c '#include <tenon/driver.h>'
put tools/cmd_sql.c '#include "base/str.h"'
put tests/examples/app.c '#include <tenon/driver.h>'
put include/tenon/types.h '#include <tenon/driver.h>'
put include/tenon/driver.h '#include <tenon/db.h>'
put elsewhere/x.c ''
put core/new/x.c ''
put core/session/fine.c '#include "base/str.h"'
put core/session/fine.c '#include <stdio.h>'
bad=$(check "$scratch/bad")
for file in core/base/buf.c core/session/conn.c core/session/rows.c core/driver/load.c \
    core/driver/adopt.c drivers/sqlite/conn.c drivers/sqlite/stmt.c drivers/postgres/conn.c \
    drivers/template/module.c tools/main.c tools/cmd_sql.c tests/examples/app.c \
    include/tenon/types.h include/tenon/driver.h core/new/x.c; do
    if grep -q "^$file:" <<<"$bad"; then
        pass "self-test: a wrong include in $file is seen"
    else
        flunk "self-test: a wrong include in $file is seen" "$bad"
    fi
done
empty "self-test: what is allowed is not complained of" \
    "$(grep -E '^(core/session/fine.c|drivers/sqlite/lite.h|core/base/str.h)' <<<"$bad")"

found=$(check "$root")
seen=$(sed -n 's/^looked at \([0-9]*\) files$/\1/p' <<<"$found")
if [ "${seen:-0}" -gt 30 ]; then
    pass "looked at $seen files"
else
    flunk "looked at the tree's files" "$found"
fi
empty "includes go downwards only" "$(grep -v '^looked at' <<<"$found")"
finish
