/* SPDX-License-Identifier: MIT */
/* tenon migrate deploy: applies what is pending. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "migrate.h"
#include "term.h"

static int show_json(const migrate_job *job, const tn_migrate_result *result)
{
    static out o;
    json j;

    out_init(&o, STDOUT_FILENO);
    report_begin(&j, &o, job->t, true);
    json_int(&j, "applied", result->applied);
    json_int(&j, "already", result->already);
    json_text(&j, "version", result->version);
    json_milliseconds(&j, "duration_ms", result->duration_us);
    migrate_done_json(&j, job);
    report_end(&j);
    return report_finish(&o, TOOL_EXIT_FINE);
}

static int show(const migrate_job *job, const tn_migrate_result *result)
{
    char time[32];

    if (job->t->json)
        return show_json(job, result);
    if (job->t->quiet)
        return TOOL_EXIT_FINE;
    if (result->applied)
        printf("%" PRIu32 " applied in %s, the database is at %s\n", result->applied,
               migrate_duration(result->duration_us, time, sizeof(time)), result->version);
    else if (result->version[0])
        printf("nothing to apply, the database is at %s\n", result->version);
    else
        printf("nothing to apply, there is no migration\n");
    return TOOL_EXIT_FINE;
}

static int run(tool *t)
{
    tn_migrate_result result = {0};
    tn_error err = TN_ERROR_INIT;
    migrate_job job;

    int status = migrate_open(&job, t, MIGRATE_CLIENT | MIGRATE_FILES);
    if (status == TOOL_EXIT_FINE && !migrate_watch(&job))
        status = TOOL_EXIT_SQL;
    if (status == TOOL_EXIT_FINE) {
        job.did = "applied";
        if (tn_migrate_deploy(job.db, job.set, &job.options, &result, &err) == TN_OK)
            status = show(&job, &result);
        else
            status = migrate_fail(&job, &err);
    }
    migrate_close(&job);
    return status;
}

static const tool_option options[] = {
    MIGRATE_OPTION_DIR,
    {TOOL_OPT_TO, 0, "to", "VERSION", NULL, "the last version of this run"},
    {TOOL_OPT_OUT_OF_ORDER, 0, "out-of-order", NULL, NULL,
     "also apply what is older than what is applied"},
    MIGRATE_OPTION_LOCK_WAIT,
    MIGRATE_OPTION_LOCK_TIMEOUT,
    MIGRATE_OPTION_HISTORY,
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "everything is applied, by this run or by another one it waited for"},
    {1, "a statement failed: nothing of its migration is left, those before it stay"},
    {2, "usage, configuration, a file that is wrong, or refused before anything was done"},
    {4, "files and history do not fit: edited, missing, out of order, diverged, unfinished"},
    {5, "a lock was not had in time: try again"},
    {6, "no connection"},
    {130, "interrupted: what was applied before stays"},
    {0, NULL},
};

const tool_command tool_command_migrate_deploy = {
    .noun = "migrate",
    .verb = "deploy",
    .summary = "applies what is pending, in order; many may start it at once",
    .usage = "[--dir DIR] [--to VERSION] [--lock-wait TIME]",
    .text = "Each migration and its row in the history are one transaction. One at a time\n"
            "migrates, the others wait and then find nothing to do. A statement that cannot\n"
            "lock its table gives way after 3 s and is tried again, so that the service does\n"
            "not queue up behind it. Asks nothing. MIGRATE_DATABASE_URL, if set, is used in\n"
            "the place of DATABASE_URL: the server itself where that one goes to a pooler.",
    .options = options,
    .examples = {"tenon migrate deploy && ./server",
                 "tenon migrate deploy --to 20261123090000 --lock-wait 5min",
                 "tenon migrate deploy --json --url sqlite:app.db"},
    .exits = exits,
    .run = run,
};
