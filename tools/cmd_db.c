/* SPDX-License-Identifier: MIT */
/* tenon db create, drop, clone: a database as a whole. What destroys wants its name once more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "db_job.h"
#include "report.h"
#include "term.h"

/* {"ok":true,"command":...,"database":...,key:done} or a line of text. */
static int answer(const db_job *job, const char *database, const char *key, bool done,
                  const char *text)
{
    static out o;
    char safe[512];
    json j;

    out_init(&o, STDOUT_FILENO);
    if (job->t->json) {
        report_begin(&j, &o, job->t, true);
        json_text(&j, "database", database);
        json_bool(&j, key, done);
        report_end(&j);
    } else if (!job->t->quiet) {
        term_escape(database, strlen(database), safe, sizeof(safe));
        out_puts(&o, safe);
        out_puts(&o, text);
        out_putc(&o, '\n');
    }
    return report_finish(&o, TOOL_EXIT_FINE);
}

/* In use by others is worth another try. */
int db_failed(const db_job *job, const tn_error *err)
{
    int code = report_error(job->t, err, NULL);

    return strcmp(err->sqlstate, "55006") == 0 || err->status == TN_LOCKED ? TOOL_EXIT_LOCKED
                                                                           : code;
}

/* --confirm NAME, the name that is meant; a file's by its path or last part. */
int db_confirm(const tool *t, const char *name, const char *what)
{
    static out o;
    const char *given = tool_value(t, TOOL_OPT_CONFIRM), *base = strrchr(name, '/');
    char text[400];
    json j;

    if (given && (strcmp(given, name) == 0 || (base && strcmp(given, base + 1) == 0)))
        return TOOL_EXIT_FINE;
    if (given)
        snprintf(text, sizeof(text), "--confirm %s, but the database is %s: nothing was done",
                 given, name);
    else
        snprintf(text, sizeof(text), "this %s %s with all that is in it: say --confirm %s", what,
                 name, base ? base + 1 : name);
    if (!t->json) {
        tool_warn("%s", text);
        return TOOL_EXIT_REFUSED;
    }
    out_init(&o, STDOUT_FILENO);
    report_begin(&j, &o, t, false);
    json_object(&j, "error");
    json_text(&j, "code", "REFUSED");
    json_int(&j, "exit", TOOL_EXIT_REFUSED);
    json_text(&j, "message", text);
    json_object_end(&j);
    report_end(&j);
    return TOOL_EXIT_REFUSED;
}

/* ---- create ---------------------------------------------------------------------------------- */

static int run_create(tool *t)
{
    tn_error err = TN_ERROR_INIT;
    bool done = false;
    db_job job;

    int result = db_job_open(&job, t);
    if (result == TOOL_EXIT_FINE) {
        tn_status status = job.kind == DB_FILE ? db_file_create(&job, &done, &err)
                                               : db_server_create(&job, &done, &err);
        result = status == TN_OK ? answer(&job, job.name, "created", done,
                                          done ? " was created" : " is there already")
                                 : db_failed(&job, &err);
    }
    db_job_close(&job);
    return result;
}

static const tool_exit create_exits[] = {
    {0, "the database is there now, or was before"},
    {1, "the server refused"},
    {2, "usage or configuration"},
    {6, "no connection"},
    {0, NULL},
};

const tool_command tool_command_db_create = {
    .noun = "db",
    .verb = "create",
    .summary = "makes the database that DATABASE_URL names",
    .usage = "",
    .text = "On a server by way of its database \"postgres\", or \"template1\"; a file of SQLite\n"
            "in its directory, which must be there. That it exists already is fine, also when\n"
            "several make it at once.",
    .examples = {"tenon db create", "tenon db create --url postgresql:///shop",
                 "tenon db create && tenon migrate deploy"},
    .exits = create_exits,
    .run = run_create,
};

/* ---- drop ------------------------------------------------------------------------------------ */

static int run_drop(tool *t)
{
    tn_error err = TN_ERROR_INIT;
    bool done = false;
    db_job job;

    int result = db_job_open(&job, t);
    job.force = tool_value(t, TOOL_OPT_FORCE) != NULL;
    if (result == TOOL_EXIT_FINE)
        result = db_confirm(t, job.name, "drops");
    if (result == TOOL_EXIT_FINE) {
        tn_status status = job.kind == DB_FILE ? db_file_drop(&job, job.name, &done, &err)
                                               : db_server_drop(&job, job.name, &done, &err);
        result = status == TN_OK ? answer(&job, job.name, "dropped", done,
                                          done ? " was dropped" : " is not there")
                                 : db_failed(&job, &err);
    }
    db_job_close(&job);
    return result;
}

static const tool_option drop_options[] = {
    {TOOL_OPT_CONFIRM, 0, "confirm", "NAME", NULL, "the database's name, once more"},
    {TOOL_OPT_FORCE, 0, "force", NULL, NULL, "also while it is in use: connections are ended"},
    {.name = NULL},
};

static const tool_exit drop_exits[] = {
    {0, "the database is gone, or was not there"},
    {1, "the server refused"},
    {2, "usage or configuration"},
    {5, "it is in use: try again, or --force"},
    {6, "no connection"},
    {7, "refused: it wants --confirm NAME"},
    {0, NULL},
};

const tool_command tool_command_db_drop = {
    .noun = "db",
    .verb = "drop",
    .summary = "removes the database with all that is in it",
    .usage = "--confirm NAME [--force]",
    .text = "Nothing brings it back. NAME is the database's name, of SQLite the file's; without\n"
            "it nothing is done.",
    .options = drop_options,
    .examples = {"tenon db drop --confirm shop_test", "tenon db drop --confirm shop_test --force",
                 "tenon db drop --url sqlite:app.db --confirm app.db"},
    .exits = drop_exits,
    .run = run_drop,
};

/* ---- clone ----------------------------------------------------------------------------------- */

static tn_status clone(db_job *job, const char *to, bool replace, tn_error *err)
{
    tn_status status = TN_OK;
    bool done;

    if (replace)
        status = job->kind == DB_FILE ? db_file_drop(job, to, &done, err)
                                      : db_server_drop(job, to, &done, err);
    if (status != TN_OK)
        return status;
    return job->kind == DB_FILE ? db_file_clone(job, to, err) : db_server_clone(job, to, err);
}

static int run_clone(tool *t)
{
    bool replace = tool_value(t, TOOL_OPT_REPLACE) != NULL;
    tn_error err = TN_ERROR_INIT;
    const char *to = t->words[0];
    char text[400], safe[300];
    db_job job;

    int result = db_job_open(&job, t);
    job.force = tool_value(t, TOOL_OPT_FORCE) != NULL;
    if (result == TOOL_EXIT_FINE && strcmp(to, job.name) == 0)
        result = tool_usage(t, "a database cannot be cloned to itself");
    if (result == TOOL_EXIT_FINE && replace)
        result = db_confirm(t, to, "replaces");
    if (result == TOOL_EXIT_FINE) {
        term_escape(job.name, strlen(job.name), safe, sizeof(safe));
        snprintf(text, sizeof(text), " is a copy of %s", safe);
        result = clone(&job, to, replace, &err) == TN_OK ? answer(&job, to, "created", true, text)
                                                         : db_failed(&job, &err);
    }
    db_job_close(&job);
    return result;
}

static const tool_option clone_options[] = {
    {TOOL_OPT_REPLACE, 0, "replace", NULL, NULL, "drop NEW first, if it is there"},
    {TOOL_OPT_CONFIRM, 0, "confirm", "NAME", NULL, "with --replace: the name NEW, once more"},
    {TOOL_OPT_FORCE, 0, "force", NULL, NULL, "end the connections that are in the way"},
    {.name = NULL},
};

static const tool_exit clone_exits[] = {
    {0, "the copy is there"},
    {1, "the server refused, or NEW exists"},
    {2, "usage or configuration"},
    {5, "it is in use: try again, or --force"},
    {6, "no connection"},
    {7, "refused: --replace wants --confirm NEW"},
    {0, NULL},
};

const tool_command tool_command_db_clone = {
    .noun = "db",
    .verb = "clone",
    .summary = "copies the database, rows and all, under another name",
    .usage = "NEW [--replace --confirm NEW] [--force]",
    .text = "Much faster than migrating anew: each test run may have a copy of a migrated\n"
            "database. On a server nobody may be connected to the one that is copied. Of\n"
            "SQLite, NEW is a path, and the file may be in use.",
    .options = clone_options,
    .examples = {"tenon db clone shop_test",
                 "tenon db clone shop_test --replace --confirm shop_test",
                 "tenon db clone /tmp/copy.db --url sqlite:app.db"},
    .exits = clone_exits,
    .least_words = 1,
    .most_words = 1,
    .run = run_clone,
};
