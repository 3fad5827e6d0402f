/* SPDX-License-Identifier: MIT */
/*
 * tenon migrate dev: what a developer wants after a change of the files: apply, look for drift,
 * write the schema's file, warn. With --watch after each change.
 */
#define _GNU_SOURCE /* inotify_init1 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <tenon/migrate_check.h>

#include "commands.h"
#include "db_job.h"
#include "interrupt.h"
#include "lint_report.h"
#include "migrate.h"
#include "report.h"
#include "schema_diff.h"
#include "schema_file.h"
#include "settings.h"
#include "term.h"

enum { QUIET_MS = 150 };

typedef struct dev {
    migrate_job job;
    tn_migrate_result result;
    schema_file_state file;
    char after[40]; /* the newest version before this round */
} dev;

/* ---- one round ------------------------------------------------------------------------------- */

/* A server, and settings that are right: what is wrong is told when the database is opened. */
static bool is_server(const tool *t)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = settings_read(t, &err);
    const char *url = config ? tn_config_url(config) : NULL;
    bool server = url && db_url_kind(url) == DB_SERVER && tn_config_check(config, &err) == TN_OK;

    tn_config_free(config);
    return server;
}

/* Who cannot make a database may still use one that is there. */
static void ensure_database(const tool *t)
{
    tn_error err = TN_ERROR_INIT;
    bool done = false;
    tool quiet = *t;
    db_job job;

    if (!is_server(t))
        return;
    quiet.json = false;
    quiet.quiet = true;
    if (db_job_open(&job, &quiet) == TOOL_EXIT_FINE &&
        db_server_create(&job, &done, &err) == TN_OK && done && !t->quiet)
        fprintf(stderr, "the database %s was created\n", job.name);
    db_job_close(&job);
}

static int read_anew(dev *d)
{
    migrate_job *job = &d->job;

    tn_migrations_free(job->set);
    job->set = NULL;
    job->n_done = 0;
    memset(&job->problem, 0, sizeof(job->problem));
    return migrate_read(job, tn_db_driver(job->db));
}

static int check_history(dev *d)
{
    migrate_job *job = &d->job;
    tn_error err = TN_ERROR_INIT;
    const tn_migrate_entry *e;
    int result = TOOL_EXIT_FINE;

    tn_migrate_status *status = tn_migrate_look(job->db, job->set, &job->options, &err);
    if (!status)
        return migrate_fail(job, &err);
    d->after[0] = '\0';
    for (size_t i = 0; (e = tn_migrate_status_at(status, i)); i++)
        if (e->state != TN_MIGRATE_PENDING)
            snprintf(d->after, sizeof(d->after), "%s", e->version);
    if (tn_migrate_status_check(status, &job->options, &err) != TN_OK) {
        if (job->problem.fault == TN_MIGRATE_EDITED)
            tn_error_set_hint(&err, "on a database of your own: take it back with tenon migrate "
                                    "down, or begin anew with tenon db reset; elsewhere write a "
                                    "new migration");
        result = migrate_fail(job, &err);
    }
    tn_migrate_status_free(status);
    return result;
}

static int tell_drift(dev *d, const tn_drift *drift)
{
    static out o;
    json j;

    out_init(&o, STDOUT_FILENO);
    if (d->job.t->json) {
        report_begin(&j, &o, d->job.t, false);
        json_object(&j, "error");
        json_text(&j, "code", "MIGRATE.DRIFT");
        json_int(&j, "exit", TOOL_EXIT_INTEGRITY);
        json_text(&j, "message", "the schema is not what the migrations left");
        json_text(&j, "next", "tenon migrate verify");
        json_object_end(&j);
        (void)schema_diff_json(&j, "differences", tn_drift_expected(drift), tn_drift_found(drift));
        report_end(&j);
        return report_finish(&o, TOOL_EXIT_INTEGRITY);
    }
    tool_warn("the schema is not what version %s left, nothing was applied:",
              tn_drift_version(drift));
    (void)schema_diff_text(&o, tn_drift_expected(drift), tn_drift_found(drift));
    int result = report_finish(&o, TOOL_EXIT_INTEGRITY);
    report_label("  next: ",
                 "put it into a migration, then tenon migrate dev --accept-drift; or take "
                 "it back; or begin anew with tenon db reset");
    return result;
}

static int check_drift(dev *d)
{
    migrate_job *job = &d->job;
    tn_error err = TN_ERROR_INIT;
    tn_drift *drift = NULL;
    int result = TOOL_EXIT_FINE;

    if (tool_value(job->t, TOOL_OPT_ACCEPT_DRIFT)) {
        if (tn_drift_accept(job->db, &job->options, &err) != TN_OK)
            return migrate_fail(job, &err);
        return TOOL_EXIT_FINE;
    }
    if (tn_drift_check(job->db, &job->options, &drift, &err) != TN_OK)
        return migrate_fail(job, &err);
    if (tn_drift_state_of(drift) == TN_DRIFT_FOUND)
        result = tell_drift(d, drift);
    tn_drift_free(drift);
    return result;
}

static int write_schema(dev *d)
{
    migrate_job *job = &d->job;
    tn_error err = TN_ERROR_INIT;
    tn_schema *schema = NULL;
    char path[PATH_MAX];

    if (tool_value(job->t, TOOL_OPT_NO_SCHEMA))
        return TOOL_EXIT_FINE;
    if (tn_schema_read(job->db, NULL, &schema, &err) != TN_OK)
        return migrate_fail(job, &err);
    d->file = schema_file_update(job, schema, true);
    int error = errno;
    tn_schema_free(schema);
    if (d->file != SCHEMA_FILE_FAILED)
        return TOOL_EXIT_FINE;
    schema_file_path(job, path, sizeof(path));
    (void)tn_error_set(&err, TN_RESOURCE, NULL, "writing %s: %s", path, strerror(error));
    return report_error(job->t, &err, NULL);
}

static int answer(dev *d)
{
    static out o;
    migrate_job *job = &d->job;
    const char *driver = tn_db_driver(job->db);
    bool schema = !tool_value(job->t, TOOL_OPT_NO_SCHEMA);
    char path[PATH_MAX], text[PATH_MAX + 100], time[32];
    json j;

    tn_lint_options options = TN_LINT_OPTIONS_INIT;
    options.after = d->after;
    fflush(stdout); /* the lines of what was applied */
    out_init(&o, STDOUT_FILENO);
    schema_file_path(job, path, sizeof(path));
    if (job->t->json) {
        report_begin(&j, &o, job->t, true);
        json_int(&j, "applied", d->result.applied);
        json_text(&j, "version", d->result.version);
        migrate_done_json(&j, job);
        if (schema) {
            json_text(&j, "schema", path);
            json_bool(&j, "schema_written", d->file == SCHEMA_FILE_WRITTEN);
        }
        json_array(&j, "findings");
        lint_report lint = {.j = &j, .driver = driver, .no_notes = true};
        if (d->result.applied)
            (void)tn_lint(job->set, driver, &options, lint_report_take, &lint);
        json_array_end(&j);
        report_end(&j);
        return report_finish(&o, TOOL_EXIT_FINE);
    }
    lint_report lint = {.o = &o, .driver = driver, .no_notes = true};
    if (d->result.applied && !job->t->quiet)
        (void)tn_lint(job->set, driver, &options, lint_report_take, &lint);
    if (d->file == SCHEMA_FILE_WRITTEN && !job->t->quiet) {
        snprintf(text, sizeof(text), "wrote %s\n", path);
        out_puts(&o, text);
    }
    if (!job->t->quiet) {
        snprintf(text, sizeof(text), "%" PRIu32 " applied in %s, the database is at %s\n",
                 d->result.applied, migrate_duration(d->result.duration_us, time, sizeof(time)),
                 d->result.version[0] ? d->result.version : "no version");
        out_puts(&o, text);
    }
    return report_finish(&o, TOOL_EXIT_FINE);
}

static int one_round(dev *d)
{
    migrate_job *job = &d->job;
    tn_error err = TN_ERROR_INIT;

    int result = read_anew(d);
    if (result == TOOL_EXIT_FINE)
        result = check_history(d);
    if (result == TOOL_EXIT_FINE)
        result = check_drift(d);
    if (result != TOOL_EXIT_FINE)
        return result;
    if (tn_migrate_deploy(job->db, job->set, &job->options, &d->result, &err) != TN_OK)
        return migrate_fail(job, &err);
    result = write_schema(d);
    return result == TOOL_EXIT_FINE ? answer(d) : result;
}

/* ---- watching -------------------------------------------------------------------------------- */

/* A migration's file, not the schema's, nor what an editor leaves. */
static bool concerns(const char *name)
{
    size_t len = strlen(name);

    return len > 4 && strcmp(name + len - 4, ".sql") == 0 && name[0] != '.' &&
           strncmp(name, "schema.", 7) != 0;
}

/* Takes what is there to be read. true: a file of ours was touched. */
static bool take_events(int fd)
{
    char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool touched = false;
    ssize_t n = read(fd, buf, sizeof(buf));

    for (const char *at = buf; n > 0 && at < buf + n;) {
        const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
        touched |= event->len > 0 && concerns(event->name);
        at += sizeof(*event) + event->len;
    }
    return touched;
}

/* Until something was changed and no more changes come. false: interrupted. */
static bool wait_for_change(int fd)
{
    bool touched = false;

    while (!interrupt_seen()) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        int n = poll(&one, 1, touched ? QUIET_MS : 500);
        if (n > 0)
            touched |= take_events(fd);
        else if (n == 0 && touched)
            return true;
        else if (n < 0 && errno != EINTR)
            return false;
    }
    return false;
}

static int watch(dev *d)
{
    const uint32_t what = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd < 0 || inotify_add_watch(fd, d->job.dir, what) < 0) {
        tool_warn("cannot watch %s: %s", d->job.dir, strerror(errno));
        if (fd >= 0)
            close(fd);
        return TOOL_EXIT_SQL;
    }
    (void)one_round(d);
    for (;;) {
        if (!d->job.t->quiet && !interrupt_seen())
            fprintf(stderr, "%swatching %s; Ctrl-C ends it%s\n", term(stderr, TERM_DIM), d->job.dir,
                    term(stderr, TERM_PLAIN));
        if (!wait_for_change(fd))
            break;
        (void)one_round(d);
    }
    close(fd);
    return TOOL_EXIT_FINE;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int run(tool *t)
{
    static dev d;

    if (tool_value(t, TOOL_OPT_WATCH) && t->json)
        return tool_usage(t, "--watch answers as text");
    ensure_database(t);
    int result = migrate_open(&d.job, t, MIGRATE_CLIENT);
    if (result == TOOL_EXIT_FINE && !migrate_watch(&d.job))
        result = TOOL_EXIT_SQL;
    d.job.did = "applied";
    if (result == TOOL_EXIT_FINE)
        result = tool_value(t, TOOL_OPT_WATCH) ? watch(&d) : one_round(&d);
    migrate_close(&d.job);
    return result;
}

static const tool_option options[] = {
    MIGRATE_OPTION_DIR,
    {TOOL_OPT_WATCH, 0, "watch", NULL, NULL, "again after each change of the files, until Ctrl-C"},
    {TOOL_OPT_SCHEMA, 0, "schema", "FILE", "@file",
     "write the schema there (DIR/schema.DRIVER.sql)"},
    {TOOL_OPT_NO_SCHEMA, 0, "no-schema", NULL, NULL, "write no file of the schema"},
    {TOOL_OPT_ACCEPT_DRIFT, 0, "accept-drift", NULL, NULL,
     "what the schema is now is right: record it first"},
    MIGRATE_OPTION_HISTORY,
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "everything is applied, and the schema's file is up to date"},
    {1, "a statement failed: nothing of its migration is left"},
    {2, "usage, configuration, or a file's grammar"},
    {4, "edited, missing, out of order, unfinished, or drift: nothing was applied"},
    {5, "a lock was not had in time: try again"},
    {6, "no connection"},
    {0, NULL},
};

const tool_command tool_command_migrate_dev = {
    .noun = "migrate",
    .verb = "dev",
    .summary = "applies, checks for drift, writes the schema's file; for developing",
    .usage = "[--watch] [--dir DIR] [--schema FILE | --no-schema]",
    .text = "On a server the database is made if it is not there. What is pending is applied,\n"
            "unless somebody changed the schema by hand; then the schema is written into a\n"
            "file that belongs into version control: it is the same bytes for the same\n"
            "schema, so a review sees what a migration does. Dangers of what was applied are\n"
            "shown, as by tenon migrate lint.",
    .options = options,
    .examples = {"tenon migrate dev", "tenon migrate dev --watch",
                 "tenon migrate dev --url sqlite:app.db"},
    .exits = exits,
    .run = run,
};
