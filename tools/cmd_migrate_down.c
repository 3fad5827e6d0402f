/* SPDX-License-Identifier: MIT */
/* tenon migrate down: undoes the newest. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "migrate.h"

static int take_count(migrate_job *job)
{
    const tool *t = job->t;
    char *end;

    if (t->n_words == 0)
        return TOOL_EXIT_FINE;
    if (job->options.to)
        return tool_usage(t, "a number and --to say two things: give one of them");
    errno = 0;
    unsigned long n = strtoul(t->words[0], &end, 10);
    if (errno || *end || n < 1 || n > 100000 || t->words[0][0] == '-')
        return tool_usage(t, "%s: not a number of migrations (for a version: --to VERSION)",
                          t->words[0]);
    job->options.count = (uint32_t)n;
    return TOOL_EXIT_FINE;
}

static int show(const migrate_job *job, const tn_migrate_result *result)
{
    static out o;
    json j;

    if (!job->t->json) {
        if (!job->t->quiet)
            printf("%" PRIu32 " undone, the database is at %s\n", result->applied,
                   result->version[0] ? result->version : "the beginning");
        return TOOL_EXIT_FINE;
    }
    out_init(&o, STDOUT_FILENO);
    report_begin(&j, &o, job->t, true);
    json_int(&j, "undone", result->applied);
    json_text(&j, "version", result->version);
    json_milliseconds(&j, "duration_ms", result->duration_us);
    migrate_done_json(&j, job);
    report_end(&j);
    return report_finish(&o, TOOL_EXIT_FINE);
}

static int run(tool *t)
{
    tn_migrate_result result = {0};
    tn_error err = TN_ERROR_INIT;
    migrate_job job;

    int status = migrate_open(&job, t, MIGRATE_CLIENT | MIGRATE_FILES);
    if (status == TOOL_EXIT_FINE)
        status = take_count(&job);
    if (status == TOOL_EXIT_FINE && !migrate_watch(&job))
        status = TOOL_EXIT_SQL;
    if (status == TOOL_EXIT_FINE) {
        job.did = "undone";
        if (tn_migrate_down(job.db, job.set, &job.options, &result, &err) == TN_OK)
            status = show(&job, &result);
        else
            status = migrate_fail(&job, &err);
    }
    migrate_close(&job);
    return status;
}

static const tool_option options[] = {
    {TOOL_OPT_TO, 0, "to", "VERSION", NULL, "back to this one, which stays; 0: all of them"},
    MIGRATE_OPTION_DIR,
    MIGRATE_OPTION_LOCK_WAIT,
    MIGRATE_OPTION_LOCK_TIMEOUT,
    MIGRATE_OPTION_HISTORY,
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "undone; or there was nothing to undo"},
    {1, "a statement failed: its migration is applied as before"},
    {2, "usage, configuration, a wrong file; or one has no down block, or is irreversible"},
    {5, "a lock was not had in time: try again"},
    {6, "no connection"},
    {130, "interrupted"},
    {0, NULL},
};

const tool_command tool_command_migrate_down = {
    .noun = "migrate",
    .verb = "down",
    .summary = "undoes the newest migration, or several",
    .usage = "[N | --to VERSION] [--dir DIR]",
    .text = "Runs the -- migrate:down block of the file; of a version that has no file here,\n"
            "the one that was recorded when it was applied. Data that the block drops is gone.",
    .options = options,
    .examples = {"tenon migrate down", "tenon migrate down 3",
                 "tenon migrate down --to 20261123090000"},
    .exits = exits,
    .most_words = 1,
    .run = run,
};
