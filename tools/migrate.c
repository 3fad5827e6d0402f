/* SPDX-License-Identifier: MIT */
#include "migrate.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db_url.h"
#include "interrupt.h"
#include "settings.h"
#include "term.h"

enum { DONE_MAX = 1000000, STATEMENTS = 128, IGNORED_TOLD = 5 };

/* ---- events ---------------------------------------------------------------------------------- */

static void note_done(migrate_job *job, const tn_migrate_event *e)
{
    if (job->n_done == DONE_MAX)
        return;
    migrate_done *grown = realloc(job->done, (job->n_done + 1) * sizeof(*grown));
    if (!grown)
        return;
    job->done = grown;
    migrate_done *done = &job->done[job->n_done++];
    snprintf(done->version, sizeof(done->version), "%s", e->version);
    snprintf(done->name, sizeof(done->name), "%s", e->migration ? e->migration->name : "");
    done->duration_us = e->duration_us;
}

static void show_progress(const tn_migrate_event *e)
{
    char text[300];

    snprintf(text, sizeof(text), "%" PRIu32 "/%" PRIu32 " %s_%s", e->done + 1, e->total, e->version,
             e->migration ? e->migration->name : "");
    term_show_progress(text, -1);
}

static void say_done(const migrate_job *job, const tn_migrate_event *e)
{
    char time[32], safe[200];
    const char *name = e->migration ? e->migration->name : "";

    term_escape(name, strlen(name), safe, sizeof(safe));
    printf("%s%s%s %s_%s  %s%s%s\n", term(stdout, TERM_GOOD), job->did, term(stdout, TERM_PLAIN),
           e->version, safe, term(stdout, TERM_DIM),
           migrate_duration(e->duration_us, time, sizeof(time)), term(stdout, TERM_PLAIN));
}

static void on_event(void *arg, const tn_migrate_event *e)
{
    migrate_job *job = arg;

    switch (e->kind) {
    case TN_MIGRATE_EVENT_BEGIN:
        if (!job->t->quiet)
            show_progress(e);
        return;
    case TN_MIGRATE_EVENT_DONE:
        term_show_progress(NULL, 0);
        note_done(job, e);
        if (job->did && !job->t->quiet && !job->t->json)
            say_done(job, e);
        return;
    case TN_MIGRATE_EVENT_STEP: return;
    case TN_MIGRATE_EVENT_WAIT:
        if (!job->t->quiet)
            tool_hint("the database is being migrated by %s: waiting", e->text);
        return;
    case TN_MIGRATE_EVENT_RETRY:
        if (!job->t->quiet)
            tool_hint("%s: gave way, trying again (%s)", e->version, e->text);
        return;
    case TN_MIGRATE_EVENT_NOTE:
        term_show_progress(NULL, 0);
        if (!job->t->quiet)
            tool_hint("%s", e->text);
        return;
    }
}

static bool on_stop(void *arg)
{
    const migrate_job *job = arg;

    return job->watching && interrupt_seen();
}

/* ---- opening --------------------------------------------------------------------------------- */

static int take_time(const tool *t, tool_option_id id, const char *name, int64_t *ret_ms)
{
    const char *text = tool_value(t, id);

    if (!text)
        return TOOL_EXIT_FINE;
    if (strcmp(text, "0") == 0)
        *ret_ms = 0;
    else if (!tool_parse_duration(text, ret_ms))
        return tool_usage(t, "--%s %s: not a time; write 500ms, 5s, 2min, or 0", name, text);
    return TOOL_EXIT_FINE;
}

static int take_options(migrate_job *job)
{
    const tool *t = job->t;
    tn_migrate_options defaults = TN_MIGRATE_OPTIONS_INIT;
    tn_migrate_options *o = &job->options;
    const char *dir = tool_value(t, TOOL_OPT_DIR);

    *o = defaults;
    o->to = tool_value(t, TOOL_OPT_TO);
    o->history = tool_value(t, TOOL_OPT_HISTORY);
    o->out_of_order = tool_value(t, TOOL_OPT_OUT_OF_ORDER) != NULL;
    o->statement_timeout_ms = t->timeout_ms;
    o->problem = &job->problem;
    o->event = on_event;
    o->event_arg = job;
    o->stop = on_stop;
    o->stop_arg = job;
    job->dir = dir ? dir : "migrations";
    int status = take_time(t, TOOL_OPT_LOCK_WAIT, "lock-wait", &o->lock_wait_ms);
    if (status == TOOL_EXIT_FINE)
        status = take_time(t, TOOL_OPT_LOCK_TIMEOUT, "lock-timeout", &o->lock_timeout_ms);
    return status;
}

/* Where a pooler stands before the database: migrations go past it. */
static tn_status take_direct_url(const migrate_job *job, tn_error *err)
{
    const char *url = getenv("MIGRATE_DATABASE_URL");

    if (job->t->url || !url || !*url)
        return TN_OK;
    tn_status status = tn_config_set(job->config, "url", url, err);
    if (status != TN_OK)
        tn_error_prepend(err, "MIGRATE_DATABASE_URL");
    return status;
}

/* One connection does it all, and no statement comes twice but those of the history. */
static tn_status set_limits(const migrate_job *job, tn_error *err)
{
    tn_status status = settings_number(job->config, "min_connections", 0, err);

    if (status == TN_OK)
        status = settings_number(job->config, "max_connections", 1, err);
    if (status == TN_OK)
        status = settings_number(job->config, "statement_cache", STATEMENTS, err);
    return status;
}

/* The directory is there, the file is not, and the URL says nothing against making it: else what is
 * wrong is the driver's to say. */
static bool is_absent(const char *url, const char *path)
{
    const char *mode = strstr(url, "?") ? strstr(strstr(url, "?"), "mode=") : NULL;
    const char *slash = strrchr(path, '/');
    size_t len = slash && slash > path ? (size_t)(slash - path) : 1;
    char directory[PATH_MAX];

    if (!path[0] || (mode && strncmp(mode, "mode=rwc", 8) != 0) || len >= sizeof(directory))
        return false;
    snprintf(directory, sizeof(directory), "%.*s", (int)len, slash ? path : ".");
    return access(path, F_OK) != 0 && errno == ENOENT && access(directory, F_OK) == 0;
}

/* Opening a file of SQLite's makes it, so one that is not there is looked at as what it would be: a
 * database with nothing in it. */
static tn_status look_at_nothing(migrate_job *job, tn_error *err)
{
    const char *url = tn_config_url(job->config);

    if (!url || db_url_kind(url) != DB_FILE)
        return TN_OK;
    char *path = db_url_name(url);
    if (!path)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (!is_absent(url, path)) {
        free(path);
        return TN_OK;
    }
    job->absent = path;
    char *memory = db_url_with(url, ":memory:");
    tn_status status = memory ? tn_config_set(job->config, "url", memory, err)
                              : tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    free(memory);
    if (status == TN_OK && !job->t->quiet && !job->t->json)
        tool_hint("there is no database yet: %s does not exist; tenon migrate deploy makes it",
                  path);
    return status;
}

static int open_client(migrate_job *job, bool look)
{
    tn_error err = TN_ERROR_INIT;

    job->config = settings_load(job->t, &err);
    if (!job->config || take_direct_url(job, &err) != TN_OK || set_limits(job, &err) != TN_OK ||
        (look && look_at_nothing(job, &err) != TN_OK))
        return report_error(job->t, &err, NULL);
    job->db = tn_open(job->config, &err);
    if (job->db)
        return TOOL_EXIT_FINE;
    job->problem.fault = TN_MIGRATE_NO_DATABASE;
    return migrate_fail(job, &err);
}

/* Once, and the first ones: a directory of something else has many. */
static void tell_ignored(migrate_job *job)
{
    const char *name;
    char safe[200];

    for (size_t i = 0; !job->told && (name = tn_migrations_ignored(job->set, i)); i++) {
        if (i == IGNORED_TOLD) {
            tool_warn("and there are more such files");
            break;
        }
        term_escape(name, strlen(name), safe, sizeof(safe));
        if (strncmp(name, "R__", 3) == 0)
            tool_warn("%s is not run: there are no repeatable migrations here", safe);
        else
            tool_warn("%s is not run: a migration's name begins with a version", safe);
    }
    job->told = true;
}

int migrate_read(migrate_job *job, const char *driver)
{
    tn_error err = TN_ERROR_INIT;

    job->set = tn_migrations_read(job->dir, driver, &job->problem, &err);
    if (!job->set)
        return migrate_fail(job, &err);
    if (!job->t->quiet && !job->t->json)
        tell_ignored(job);
    return TOOL_EXIT_FINE;
}

static int read_files(migrate_job *job)
{
    const char *driver = tool_value(job->t, TOOL_OPT_DRIVER);

    if (job->db)
        driver = tn_db_driver(job->db);
    return migrate_read(job, driver ? driver : "postgresql");
}

int migrate_open(migrate_job *job, tool *t, int what)
{
    *job = (migrate_job){.t = t};
    int status = take_options(job);

    if (status == TOOL_EXIT_FINE && (what & MIGRATE_CLIENT))
        status = open_client(job, (what & MIGRATE_LOOK) != 0);
    if (status == TOOL_EXIT_FINE && (what & MIGRATE_FILES))
        status = read_files(job);
    return status;
}

bool migrate_watch(migrate_job *job)
{
    job->watching = interrupt_begin(job->db);
    if (!job->watching)
        tool_warn("cannot watch for Ctrl-C");
    return job->watching;
}

void migrate_close(migrate_job *job)
{
    term_show_progress(NULL, 0);
    if (job->watching)
        interrupt_end();
    tn_migrations_free(job->set);
    if (job->db)
        tn_db_close(job->db, NULL);
    tn_config_free(job->config);
    free(job->done);
    free(job->absent);
}

/* ---- failures -------------------------------------------------------------------------------- */

static const struct {
    const char *code;
    int exit;
} faults[] = {
    [TN_MIGRATE_NO_FAULT] = {"FAILED", TOOL_EXIT_SQL},
    [TN_MIGRATE_SQL] = {"SQL", TOOL_EXIT_SQL},
    [TN_MIGRATE_FILES] = {"FILES", TOOL_EXIT_USAGE},
    [TN_MIGRATE_LOCKED] = {"LOCKED", TOOL_EXIT_LOCKED},
    [TN_MIGRATE_NO_DATABASE] = {"NO_DATABASE", TOOL_EXIT_CONNECT},
    [TN_MIGRATE_EDITED] = {"EDITED", TOOL_EXIT_INTEGRITY},
    [TN_MIGRATE_MISSING] = {"MISSING", TOOL_EXIT_INTEGRITY},
    [TN_MIGRATE_OUT_OF_ORDER] = {"OUT_OF_ORDER", TOOL_EXIT_INTEGRITY},
    [TN_MIGRATE_DIVERGED] = {"DIVERGED", TOOL_EXIT_INTEGRITY},
    [TN_MIGRATE_UNFINISHED] = {"UNFINISHED", TOOL_EXIT_INTEGRITY},
    [TN_MIGRATE_DRIFT] = {"DRIFT", TOOL_EXIT_INTEGRITY},
    [TN_MIGRATE_REFUSED] = {"REFUSED", TOOL_EXIT_USAGE},
    [TN_MIGRATE_USAGE] = {"USAGE", TOOL_EXIT_USAGE},
};

const char *migrate_fault_code(tn_migrate_fault fault)
{
    size_t i = fault;

    return i < sizeof(faults) / sizeof(faults[0]) ? faults[i].code : "FAILED";
}

int migrate_exit_code(const tn_migrate_problem *problem, const tn_error *err)
{
    size_t i = problem->fault;

    if (err->status == TN_CANCELLED)
        return TOOL_EXIT_INTERRUPTED;
    /* A wrong URL or driver never had a chance to connect. */
    if (problem->fault == TN_MIGRATE_NO_DATABASE && report_exit_code(err) == TOOL_EXIT_USAGE)
        return TOOL_EXIT_USAGE;
    return i < sizeof(faults) / sizeof(faults[0]) ? faults[i].exit : TOOL_EXIT_SQL;
}

static report_place place_of(const tn_migrate_problem *problem)
{
    return (report_place){
        .file = problem->file[0] ? problem->file : NULL,
        .line = problem->line,
        .column = problem->column,
        .text = tn_str_from(problem->text),
    };
}

void migrate_error_json(json *j, const tn_migrate_problem *problem, const tn_error *err)
{
    char code[48];

    snprintf(code, sizeof(code), "MIGRATE.%s", migrate_fault_code(problem->fault));
    json_text(j, "code", code);
    json_int(j, "exit", migrate_exit_code(problem, err));
    json_text_opt(j, "sqlstate", err->sqlstate);
    json_text(j, "message", err->message);
    json_text_opt(j, "detail", err->detail);
    json_text_opt(j, "hint", err->hint);
    json_text_opt(j, "context", err->context);
    json_text_opt(j, "version", problem->version);
    json_text_opt(j, "file", problem->file);
    if (problem->line) {
        json_int(j, "line", problem->line);
        json_int(j, "column", problem->column);
        json_text(j, "text", problem->text);
    }
    json_text_opt(j, "state", problem->state);
    json_text_opt(j, "next", problem->next);
    json_bool(j, "retryable",
              problem->fault == TN_MIGRATE_LOCKED || problem->fault == TN_MIGRATE_NO_DATABASE);
}

void migrate_absent_json(json *j, const migrate_job *job)
{
    json_text_opt(j, "missing_database", job->absent ? job->absent : "");
}

void migrate_done_json(json *j, const migrate_job *job)
{
    json_array(j, "migrations");
    for (size_t i = 0; i < job->n_done; i++) {
        json_object(j, NULL);
        json_text(j, "version", job->done[i].version);
        json_text(j, "name", job->done[i].name);
        json_milliseconds(j, "duration_ms", job->done[i].duration_us);
        json_object_end(j);
    }
    json_array_end(j);
}

static void fail_json(const migrate_job *job, const tn_error *err)
{
    static out o;
    json j;

    out_init(&o, STDOUT_FILENO);
    report_begin(&j, &o, job->t, false);
    json_object(&j, "error");
    migrate_error_json(&j, &job->problem, err);
    json_object_end(&j);
    migrate_done_json(&j, job);
    report_end(&j);
}

static void show_done(const migrate_job *job)
{
    if (job->n_done)
        fprintf(stderr, "  done before it: %zu (%s_%s the last)\n", job->n_done,
                job->done[job->n_done - 1].version, job->done[job->n_done - 1].name);
}

int migrate_fail(migrate_job *job, const tn_error *err)
{
    const tn_migrate_problem *problem = &job->problem;
    report_place place = place_of(problem);

    term_show_progress(NULL, 0);
    if (job->t->json) {
        fail_json(job, err);
        return migrate_exit_code(problem, err);
    }
    report_error(job->t, err, problem->line ? &place : NULL);
    if (problem->state[0])
        report_label("  state: ", problem->state);
    show_done(job);
    if (problem->next[0])
        report_label("  next: ", problem->next);
    return migrate_exit_code(problem, err);
}

const char *migrate_duration(int64_t us, char *buf, size_t size)
{
    if (us < 1000000)
        snprintf(buf, size, "%" PRId64 ".%d ms", us / 1000, (int)(us % 1000 / 100));
    else
        snprintf(buf, size, "%" PRId64 ".%02d s", us / 1000000, (int)(us % 1000000 / 10000));
    return buf;
}
