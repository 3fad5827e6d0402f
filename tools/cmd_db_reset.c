/* SPDX-License-Identifier: MIT */
/* tenon db reset: the database anew, migrated. */
#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "db_job.h"
#include "migrate.h"
#include "report.h"
#include "term.h"

static tn_status make_anew(db_job *job, tn_error *err)
{
    bool done;

    tn_status status = job->kind == DB_FILE ? db_file_drop(job, job->name, &done, err)
                                            : db_server_drop(job, job->name, &done, err);
    if (status != TN_OK)
        return status;
    return job->kind == DB_FILE ? db_file_create(job, &done, err)
                                : db_server_create(job, &done, err);
}

static int drop_and_create(const tool *t)
{
    tn_error err = TN_ERROR_INIT;
    db_job job;

    int result = db_job_open(&job, t);
    job.force = tool_value(t, TOOL_OPT_FORCE) != NULL;
    if (result == TOOL_EXIT_FINE)
        result = db_confirm(t, job.name, "drops");
    if (result == TOOL_EXIT_FINE && make_anew(&job, &err) != TN_OK)
        result = db_failed(&job, &err);
    db_job_close(&job);
    return result;
}

static int show(const migrate_job *job, const tn_migrate_result *result)
{
    static out o;
    json j;

    if (!job->t->json) {
        if (!job->t->quiet)
            printf("the database is new, at %s\n",
                   result->version[0] ? result->version : "no version");
        return TOOL_EXIT_FINE;
    }
    out_init(&o, STDOUT_FILENO);
    report_begin(&j, &o, job->t, true);
    json_int(&j, "applied", result->applied);
    json_text(&j, "version", result->version);
    migrate_done_json(&j, job);
    report_end(&j);
    return report_finish(&o, TOOL_EXIT_FINE);
}

static int run(tool *t)
{
    tn_migrate_result result = {0};
    tn_error err = TN_ERROR_INIT;
    migrate_job job;

    /* Files that cannot be read are found out before anything is dropped. */
    int code = migrate_open(&job, t, 0);
    if (code == TOOL_EXIT_FINE)
        code = migrate_read(&job, "sqlite");
    migrate_close(&job);
    if (code == TOOL_EXIT_FINE)
        code = drop_and_create(t);
    if (code != TOOL_EXIT_FINE)
        return code;
    code = migrate_open(&job, t, MIGRATE_CLIENT | MIGRATE_FILES);
    job.did = "applied";
    if (code == TOOL_EXIT_FINE && !migrate_watch(&job))
        code = TOOL_EXIT_SQL;
    if (code == TOOL_EXIT_FINE)
        code = tn_migrate_deploy(job.db, job.set, &job.options, &result, &err) == TN_OK
                   ? show(&job, &result)
                   : migrate_fail(&job, &err);
    migrate_close(&job);
    return code;
}

static const tool_option options[] = {
    {TOOL_OPT_CONFIRM, 0, "confirm", "NAME", NULL, "the database's name, once more"},
    {TOOL_OPT_FORCE, 0, "force", NULL, NULL, "also while it is in use: connections are ended"},
    MIGRATE_OPTION_DIR,
    MIGRATE_OPTION_HISTORY,
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "the database is new and migrated"},
    {1, "the server refused, or a migration failed"},
    {2, "usage, configuration, or a file's grammar: nothing was dropped"},
    {5, "it is in use: try again, or --force"},
    {6, "no connection"},
    {7, "refused: it wants --confirm NAME"},
    {0, NULL},
};

const tool_command tool_command_db_reset = {
    .noun = "db",
    .verb = "reset",
    .summary = "drops the database, makes it anew and migrates it",
    .usage = "--confirm NAME [--force] [--dir DIR]",
    .text = "For databases of developers and tests: all rows are lost. NAME is the database's\n"
            "name, of SQLite the file's; without it nothing is done. The files are read\n"
            "before anything is dropped.",
    .options = options,
    .examples = {"tenon db reset --confirm shop_dev", "tenon db reset --confirm shop_dev --force",
                 "tenon db reset --url sqlite:app.db --confirm app.db"},
    .exits = exits,
    .run = run,
};
