/* SPDX-License-Identifier: MIT */
/* tenon migrate status: files and history side by side. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "migrate.h"
#include "term.h"

static const char *const state_names[] = {
    [TN_MIGRATE_PENDING] = "pending",   [TN_MIGRATE_APPLIED] = "applied",
    [TN_MIGRATE_BASELINE] = "baseline", [TN_MIGRATE_RUNNING] = "running",
    [TN_MIGRATE_FAILED] = "failed",     [TN_MIGRATE_UNDOING] = "undoing",
};

static bool is_applied(const tn_migrate_entry *e)
{
    return e->state == TN_MIGRATE_APPLIED || e->state == TN_MIGRATE_BASELINE;
}

/* What is wrong with one, or worth a remark; "" nothing. */
static const char *remark(const tn_migrate_entry *e)
{
    if (!e->migration)
        return e->squashed ? "squashed" : "no file";
    if (e->edited && is_applied(e))
        return "file edited";
    if (e->out_of_order)
        return "out of order";
    if (e->state == TN_MIGRATE_PENDING && e->migration->missing)
        return "nothing for this driver";
    if (e->migration->skipped)
        return "skipped";
    return "";
}

static term_style style_of(const tn_migrate_entry *e)
{
    if (e->state == TN_MIGRATE_PENDING)
        return TERM_WARN;
    return is_applied(e) ? TERM_GOOD : TERM_BAD;
}

static void show_entry(out *o, const tn_migrate_entry *e)
{
    char time[TN_TIME_TEXT_SIZE] = "", line[400], safe[300], took[32] = "", steps[40] = "";

    if (is_applied(e)) {
        tn_time_format(e->finished_at, time);
        time[19] = '\0'; /* seconds are enough for people */
        migrate_duration(e->duration_us, took, sizeof(took));
    } else if (e->state != TN_MIGRATE_PENDING) {
        snprintf(steps, sizeof(steps), "%u statements are done", e->step);
    }
    snprintf(line, sizeof(line), "%s_%s", e->version, e->name);
    term_escape(line, strlen(line), safe, sizeof(safe));
    snprintf(line, sizeof(line), "%s%-8s%s  %-44s  %-19s  %9s  %s%s", term(stdout, style_of(e)),
             state_names[e->state], term(stdout, TERM_PLAIN), safe, time, took, steps, remark(e));
    size_t len = strlen(line);
    while (len && line[len - 1] == ' ')
        len--;
    out_write(o, line, len);
    out_putc(o, '\n');
    if (e->note && !is_applied(e)) {
        term_escape(e->note, strlen(e->note), safe, sizeof(safe));
        out_puts(o, "          ");
        out_puts(o, safe);
        out_putc(o, '\n');
    }
}

static void entry_json(json *j, const tn_migrate_entry *e)
{
    char time[TN_TIME_TEXT_SIZE];

    json_object(j, NULL);
    json_text(j, "version", e->version);
    json_text(j, "name", e->name);
    json_text(j, "state", state_names[e->state]);
    json_text_opt(j, "file", e->migration ? e->migration->file : "");
    json_bool(j, "edited", e->edited && is_applied(e));
    json_bool(j, "missing", !e->migration);
    json_bool(j, "out_of_order", e->out_of_order);
    if (e->state != TN_MIGRATE_PENDING) {
        json_text(j, "checksum", e->checksum);
        json_text(j, "driver", e->driver);
        json_int(j, "step", e->step);
        json_text(j, "started_at", tn_time_format(e->started_at, time));
        if (is_applied(e)) {
            json_text(j, "finished_at", tn_time_format(e->finished_at, time));
            json_milliseconds(j, "duration_ms", e->duration_us);
        }
        json_text_opt(j, "schema_hash", e->schema_hash ? e->schema_hash : "");
        json_text_opt(j, "tool", e->tool ? e->tool : "");
        json_text_opt(j, "who", e->who ? e->who : "");
        json_text_opt(j, "note", e->note ? e->note : "");
    }
    json_object_end(j);
}

static void show_json(out *o, migrate_job *job, const tn_migrate_status *s, int exit_code,
                      const tn_error *err)
{
    json j;

    report_begin(&j, o, job->t, exit_code == TOOL_EXIT_FINE);
    migrate_absent_json(&j, job);
    json_int(&j, "pending", (int64_t)tn_migrate_status_pending(s));
    json_array(&j, "migrations");
    for (size_t i = 0; i < tn_migrate_status_count(s); i++)
        entry_json(&j, tn_migrate_status_at(s, i));
    json_array_end(&j);
    if (err->status != TN_OK) {
        json_object(&j, "error");
        migrate_error_json(&j, &job->problem, err);
        json_object_end(&j);
    }
    report_end(&j);
}

static void show_text(out *o, const migrate_job *job, const tn_migrate_status *s)
{
    size_t count = tn_migrate_status_count(s), pending = tn_migrate_status_pending(s);
    char line[100];

    for (size_t i = 0; i < count && !job->t->quiet; i++)
        show_entry(o, tn_migrate_status_at(s, i));
    snprintf(line, sizeof(line), "%zu of %zu pending\n", pending, count);
    if (!job->t->quiet)
        out_puts(o, line);
}

/* What deploy would complain of comes first, then whether there is work. A migration that deploy
 * takes up where it stopped is work as well. */
static int judge(migrate_job *job, const tn_migrate_status *s, tn_error *err)
{
    if (tn_migrate_status_check(s, &job->options, err) != TN_OK)
        return migrate_exit_code(&job->problem, err);
    for (size_t i = 0; i < tn_migrate_status_count(s); i++) {
        tn_migrate_state state = tn_migrate_status_at(s, i)->state;
        if (state == TN_MIGRATE_FAILED || state == TN_MIGRATE_RUNNING)
            return TOOL_EXIT_INTEGRITY;
    }
    return tn_migrate_status_pending(s) ? TOOL_EXIT_PENDING : TOOL_EXIT_FINE;
}

static int show(migrate_job *job, const tn_migrate_status *s)
{
    static out o;
    tn_error err = TN_ERROR_INIT;
    int result = judge(job, s, &err);

    out_init(&o, STDOUT_FILENO);
    if (job->t->json)
        show_json(&o, job, s, result, &err);
    else
        show_text(&o, job, s);
    result = report_finish(&o, result);
    if (err.status != TN_OK && !job->t->json)
        (void)migrate_fail(job, &err);
    return result;
}

static int run(tool *t)
{
    tn_error err = TN_ERROR_INIT;
    migrate_job job;

    int status = migrate_open(&job, t, MIGRATE_CLIENT | MIGRATE_FILES | MIGRATE_LOOK);
    if (status == TOOL_EXIT_FINE) {
        tn_migrate_status *s = tn_migrate_look(job.db, job.set, &job.options, &err);
        status = s ? show(&job, s) : migrate_fail(&job, &err);
        tn_migrate_status_free(s);
    }
    migrate_close(&job);
    return status;
}

static const tool_option options[] = {
    MIGRATE_OPTION_DIR,
    MIGRATE_OPTION_HISTORY,
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "everything is applied"},
    {1, "the database answered with an error"},
    {2, "usage, configuration, a file that is wrong"},
    {3, "something is pending"},
    {4, "edited, missing, out of order, diverged, or stopped halfway"},
    {6, "no connection"},
    {0, NULL},
};

const tool_command tool_command_migrate_status = {
    .noun = "migrate",
    .verb = "status",
    .summary = "what is applied and what is pending",
    .usage = "[--dir DIR]",
    .text = "Reads only: a database that was never migrated stays as it is, and a file that is\n"
            "not there is not made. With -q the exit code alone tells.",
    .options = options,
    .examples =
        {"tenon migrate status", "tenon migrate status -q || tenon migrate deploy",
         "tenon migrate status --json | jq '.migrations[] | select(.state == \"pending\")'"},
    .exits = exits,
    .run = run,
};
