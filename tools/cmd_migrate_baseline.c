/* SPDX-License-Identifier: MIT */
/* tenon migrate baseline: takes over a database that was migrated before. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "migrate.h"

static int show(const migrate_job *job, const tn_migrate_result *result)
{
    static out o;
    json j;

    if (!job->t->json) {
        if (!job->t->quiet)
            printf("%" PRIu32 " recorded as applied%s%s\n", result->applied,
                   result->version[0] ? ", the database is at " : "", result->version);
        return TOOL_EXIT_FINE;
    }
    out_init(&o, STDOUT_FILENO);
    report_begin(&j, &o, job->t, true);
    json_int(&j, "recorded", result->applied);
    json_text(&j, "version", result->version);
    report_end(&j);
    return report_finish(&o, TOOL_EXIT_FINE);
}

static int run(tool *t)
{
    const char *from = tool_value(t, TOOL_OPT_FROM);
    tn_migrate_result result = {0};
    tn_error err = TN_ERROR_INIT;
    migrate_job job;

    int status = migrate_open(&job, t, MIGRATE_CLIENT | MIGRATE_FILES);
    if (status == TOOL_EXIT_FINE && !from && !job.options.to)
        status = tool_usage(t, "up to which version? --to VERSION, or --from TOOL");
    if (status == TOOL_EXIT_FINE) {
        if (tn_migrate_baseline(job.db, job.set, from, &job.options, &result, &err) == TN_OK)
            status = show(&job, &result);
        else
            status = migrate_fail(&job, &err);
    }
    migrate_close(&job);
    return status;
}

static const tool_option options[] = {
    {TOOL_OPT_FROM, 0, "from", "TOOL", "dbmate prisma flyway golang-migrate",
     "what that tool's history lists: dbmate, prisma, flyway, golang-migrate"},
    {TOOL_OPT_TO, 0, "to", "VERSION", NULL, "everything up to this version"},
    MIGRATE_OPTION_DIR,
    MIGRATE_OPTION_LOCK_WAIT,
    MIGRATE_OPTION_HISTORY,
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "recorded"},
    {1, "the database answered with an error"},
    {2, "usage or configuration; or refused: tenon migrated it already, a file is not here"},
    {5, "a lock was not had in time: try again"},
    {6, "no connection"},
    {0, NULL},
};

const tool_command tool_command_migrate_baseline = {
    .noun = "migrate",
    .verb = "baseline",
    .summary = "records as applied what was applied before tenon came",
    .usage = "--from TOOL | --to VERSION [--dir DIR]",
    .text = "Runs no SQL of yours: only the history is written. The other tool's own table is\n"
            "read and left as it is. Directories of dbmate, golang-migrate (VERSION_x.up.sql),\n"
            "Flyway (V1__x.sql) and Prisma (VERSION_x/migration.sql) are read as they are.",
    .options = options,
    .examples = {"tenon migrate baseline --from dbmate --dir db/migrations",
                 "tenon migrate baseline --from prisma --dir prisma/migrations",
                 "tenon migrate baseline --to 20261123090000"},
    .exits = exits,
    .run = run,
};
