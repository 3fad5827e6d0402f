/* SPDX-License-Identifier: MIT */
/* tenon migrate repair: changes the history where a person knows better. */
#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "migrate.h"

static const struct {
    tool_option_id option;
    tn_migrate_mend mend;
    const char *done;
} ways[] = {
    {TOOL_OPT_APPLIED, TN_MIGRATE_MARK_APPLIED, "is recorded as applied"},
    {TOOL_OPT_ROLLED_BACK, TN_MIGRATE_MARK_PENDING, "is pending again"},
    {TOOL_OPT_ACCEPT_CHECKSUM, TN_MIGRATE_ACCEPT_CHECKSUM, "has the checksum of its file"},
    {TOOL_OPT_STEP_DONE, TN_MIGRATE_STEP_DONE, "goes on behind the interrupted statement"},
    {TOOL_OPT_STEP_AGAIN, TN_MIGRATE_STEP_AGAIN, "runs the interrupted statement again"},
};

/* Exactly one of them; -1 after saying so. */
static int find_way(const tool *t)
{
    int found = -1, given = 0;

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (tool_value(t, ways[i].option)) {
            found = (int)i;
            given++;
        }
    if (given == 1)
        return found;
    tool_usage(t, "one of --applied, --rolled-back, --accept-checksum, --step-done, --step-again");
    return -1;
}

static int show(const migrate_job *job, int way)
{
    static out o;
    json j;

    if (!job->t->json) {
        if (!job->t->quiet)
            printf("%s %s\n", job->t->words[0], ways[way].done);
        return TOOL_EXIT_FINE;
    }
    out_init(&o, STDOUT_FILENO);
    report_begin(&j, &o, job->t, true);
    json_text(&j, "version", job->t->words[0]);
    json_text(&j, "done", ways[way].done);
    report_end(&j);
    return report_finish(&o, TOOL_EXIT_FINE);
}

static int run(tool *t)
{
    tn_error err = TN_ERROR_INIT;
    migrate_job job;
    int way = find_way(t);

    if (way < 0)
        return TOOL_EXIT_USAGE;
    int status = migrate_open(&job, t, MIGRATE_CLIENT | MIGRATE_FILES);
    if (status == TOOL_EXIT_FINE) {
        if (tn_migrate_repair(job.db, job.set, t->words[0], ways[way].mend, &job.options, &err) ==
            TN_OK)
            status = show(&job, way);
        else
            status = migrate_fail(&job, &err);
    }
    migrate_close(&job);
    return status;
}

static const tool_option options[] = {
    {TOOL_OPT_APPLIED, 0, "applied", NULL, NULL, "it was finished by hand: applied"},
    {TOOL_OPT_ROLLED_BACK, 0, "rolled-back", NULL, NULL, "it was undone by hand: pending"},
    {TOOL_OPT_ACCEPT_CHECKSUM, 0, "accept-checksum", NULL, NULL, "its edited file is right"},
    {TOOL_OPT_STEP_DONE, 0, "step-done", NULL, NULL,
     "the interrupted statement was done: go on behind it"},
    {TOOL_OPT_STEP_AGAIN, 0, "step-again", NULL, NULL, "it was not: run it again"},
    MIGRATE_OPTION_DIR,
    MIGRATE_OPTION_LOCK_WAIT,
    MIGRATE_OPTION_HISTORY,
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "the history was changed"},
    {1, "the database answered with an error"},
    {2, "usage or configuration; or the version is not in that state"},
    {5, "a lock was not had in time: try again"},
    {6, "no connection"},
    {0, NULL},
};

const tool_command tool_command_migrate_repair = {
    .noun = "migrate",
    .verb = "repair",
    .summary = "changes the history of one version, and nothing else",
    .usage = "VERSION --applied | --rolled-back | --accept-checksum | ...",
    .text = "For what only a person can know. The schema is not touched.",
    .options = options,
    .examples = {"tenon migrate repair 20261123090000 --accept-checksum",
                 "tenon migrate repair 20261123090000 --step-done && tenon migrate deploy",
                 "tenon migrate repair 20261123090000 --rolled-back"},
    .exits = exits,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
