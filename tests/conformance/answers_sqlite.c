/* SPDX-License-Identifier: MIT */
/* SQLite: files and memory, one writer at a time, its own SQL for now. */
#include "answers.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

static void doomed_paths(fixture *f, char *folder, char *file, size_t size)
{
    snprintf(folder, size, "%s/doomed", f->scratch);
    snprintf(file, size, "%s/doomed/data.db", f->scratch);
}

static const char *doomed_url(fixture *f, char *buf, size_t size)
{
    char folder[128], file[128];

    doomed_paths(f, folder, file, sizeof(folder));
    if (mkdir(folder, 0700) != 0)
        return "no directory for a database could be made";
    /* The suite may run by way of a wrapper's scheme. */
    snprintf(buf, size, "%.*s:%s", (int)strcspn(f->url, ":"), f->url, file);
    return NULL;
}

/* A file that is gone with its directory cannot be opened again. */
static void doom(fixture *f)
{
    static const char *const rest[] = {"", "-wal", "-shm", "-journal"};
    char folder[128], file[128], path[160];

    doomed_paths(f, folder, file, sizeof(folder));
    for (size_t i = 0; i < SUITE_COUNT(rest); i++) {
        snprintf(path, sizeof(path), "%s%s", file, rest[i]);
        unlink(path);
    }
    rmdir(folder);
}

const answers answers_sqlite = {
    .driver = "sqlite",
    .private_mark = ":memory:",
    .unreachable_url = "sqlite:/nonexistent-directory/of/tenon-conformance.db",
    .unreachable_status = TN_CONFIG,
    .faulty_url = "sqlite::memory:?journal_mode=sideways",
    .long_statement = "with recursive s(n) as (select 1 union all select n + 1 from s "
                      "where n < 1000000000000) select count(*) from s",
    .dollar_quotes = true,
    .jsonb_text = "{\"b\": 1, \"a\": [1,2]}",
    .doomed_url = doomed_url,
    .doom = doom,
};
