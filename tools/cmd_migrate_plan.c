/* SPDX-License-Identifier: MIT */
/* tenon migrate plan: what a deploy would run, and what it would do to this database. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/migrate_check.h>

#include "commands.h"
#include "interrupt.h"
#include "lint_report.h"
#include "migrate.h"
#include "report.h"
#include "schema_diff.h"
#include "term.h"

static const char *const states[] = {"not_run", "run", "failed", "too_long"};

static void put(out *o, const char *format, ...) TN_PRINTF(2, 3);
static void put(out *o, const char *format, ...)
{
    char text[1200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    out_puts(o, text);
}

static int exit_of(const tn_plan *plan)
{
    const tn_plan_step *step;

    for (size_t i = 0; (step = tn_plan_at(plan, i)); i++)
        if (step->state == TN_PLAN_FAILED)
            return TOOL_EXIT_SQL;
    return tn_plan_pending(plan) ? TOOL_EXIT_PENDING : TOOL_EXIT_FINE;
}

static void size_of(int64_t bytes, char *buf, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;

    for (; bytes >= 10240 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        bytes /= 1024;
    snprintf(buf, size, "%lld %s", (long long)bytes, units[unit]);
}

/* ---- for people ------------------------------------------------------------------------------ */

static void show_sql(out *o, tn_str sql)
{
    char safe[4096];

    while (sql.len > 0) {
        const char *end = memchr(sql.ptr, '\n', sql.len);
        size_t len = end ? (size_t)(end - sql.ptr) : sql.len;
        term_escape(sql.ptr, len, safe, sizeof(safe));
        put(o, "    %.1000s\n", safe);
        len += end != NULL;
        sql = (tn_str){sql.ptr + len, sql.len - len};
    }
}

static void show_lock(out *o, const tn_plan_lock *lock)
{
    char size[32], table[300];

    size_of(lock->bytes, size, sizeof(size));
    term_escape(lock->table, strlen(lock->table), table, sizeof(table));
    put(o, "      %s%s%s: %s, blocks %s%s", term(stdout, TERM_WARN), table,
        term(stdout, TERM_PLAIN), lock->mode, lock->blocks, lock->rewritten ? "; " : "");
    if (lock->rewritten)
        put(o, "%swritten anew%s", term(stdout, TERM_BAD), term(stdout, TERM_PLAIN));
    if (lock->rows >= 0)
        put(o, " (about %lld rows, %s)", (long long)lock->rows, size);
    out_putc(o, '\n');
}

static void show_step(out *o, const tn_plan_step *step)
{
    tn_migrate_problem place = {0};

    if (step->sql.len)
        show_sql(o, step->sql);
    for (size_t i = 0; i < step->n_locks; i++)
        show_lock(o, &step->locks[i]);
    if (step->note[0])
        put(o, "      %s%s%s\n", term(stdout, TERM_DIM), step->note, term(stdout, TERM_PLAIN));
    if (!step->error)
        return;
    tn_migration_place(step->migration, step->sql, step->error->position, &place);
    put(o, "      %s%s%s: %s (SQLSTATE %s)\n        %s:%u:%u\n", term(stdout, TERM_BAD),
        step->state == TN_PLAN_FAILED ? "fails" : "not in time", term(stdout, TERM_PLAIN),
        step->error->message, step->error->sqlstate, place.file, (unsigned)place.line,
        (unsigned)place.column);
    if (step->error->hint[0])
        put(o, "        hint: %s\n", step->error->hint);
}

static void show_header(out *o, const tn_migration *m)
{
    char name[300];

    snprintf(name, sizeof(name), "%s_%s", m->version, m->name);
    put(o, "%s%s%s%s\n", term(stdout, TERM_BOLD), name, term(stdout, TERM_PLAIN),
        m->up_options.no_transaction ? "  (without a transaction)" : "");
}

static void show_text(out *o, const migrate_job *use, const tn_plan *plan)
{
    const tn_migration *last = NULL;
    const tn_plan_step *step;

    if (tn_plan_pending(plan) == 0) {
        if (!use->t->quiet)
            out_puts(o, "nothing is pending\n");
        return;
    }
    for (size_t i = 0; (step = tn_plan_at(plan, i)); i++) {
        if (step->migration != last)
            show_header(o, step->migration);
        last = step->migration;
        show_step(o, step);
    }
    if (tn_plan_after(plan) && !use->t->quiet) {
        out_puts(o, "the schema then:\n");
        if (schema_diff_text(o, tn_plan_before(plan), tn_plan_after(plan)) == 0)
            out_puts(o, "  as it is\n");
    }
}

/* ---- for programs ---------------------------------------------------------------------------- */

static void json_step(json *j, const tn_plan_step *step)
{
    char *sql = strndup(step->sql.ptr ? step->sql.ptr : "", step->sql.len);

    json_object(j, NULL);
    json_text(j, "version", step->migration->version);
    json_text(j, "file", step->migration->file);
    json_int(j, "line", step->line);
    json_text(j, "sql", sql ? sql : "");
    json_text(j, "state", states[step->state]);
    json_text_opt(j, "note", step->note);
    if (step->state == TN_PLAN_RUN)
        json_milliseconds(j, "duration_ms", step->duration_us);
    json_array(j, "locks");
    for (size_t i = 0; i < step->n_locks; i++) {
        const tn_plan_lock *lock = &step->locks[i];
        json_object(j, NULL);
        json_text(j, "table", lock->table);
        json_text(j, "mode", lock->mode);
        json_text(j, "blocks", lock->blocks);
        json_bool(j, "rewritten", lock->rewritten);
        json_int(j, "rows", lock->rows);
        json_int(j, "bytes", lock->bytes);
        json_object_end(j);
    }
    json_array_end(j);
    if (step->error) {
        json_object(j, "error");
        report_error_json(j, step->error, NULL);
        json_object_end(j);
    }
    json_object_end(j);
    free(sql);
}

static void show_json(out *o, const migrate_job *use, const tn_plan *plan,
                      const tn_lint_options *pending)
{
    const tn_plan_step *step;
    json j;

    report_begin(&j, o, use->t, exit_of(plan) != TOOL_EXIT_SQL);
    migrate_absent_json(&j, use);
    json_int(&j, "pending", (int64_t)tn_plan_pending(plan));
    json_array(&j, "steps");
    for (size_t i = 0; (step = tn_plan_at(plan, i)); i++)
        json_step(&j, step);
    json_array_end(&j);
    (void)schema_diff_json(&j, "schema", tn_plan_before(plan), tn_plan_after(plan));
    json_array(&j, "findings");
    lint_report lint = {.j = &j, .driver = tn_db_driver(use->db), .no_notes = true};
    if (tn_plan_pending(plan))
        (void)tn_lint(use->set, tn_db_driver(use->db), pending, lint_report_take, &lint);
    json_array_end(&j);
    report_end(&j);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* A deploy would refuse a history that does not fit the files, so does the plan. */
static int check_history(migrate_job *use, tn_migrate_status **ret)
{
    tn_error err = TN_ERROR_INIT;

    *ret = tn_migrate_look(use->db, use->set, &use->options, &err);
    if (*ret && tn_migrate_status_check(*ret, &use->options, &err) == TN_OK)
        return TOOL_EXIT_FINE;
    return migrate_fail(use, &err);
}

static int make_and_show(migrate_job *use)
{
    static out o;
    tn_plan_options options = TN_PLAN_OPTIONS_INIT;
    tn_error err = TN_ERROR_INIT;
    tn_plan *plan = NULL;
    tn_lint_options pending = TN_LINT_OPTIONS_INIT;
    tn_migrate_status *status = NULL;

    options.no_run = tool_value(use->t, TOOL_OPT_NO_RUN) != NULL;
    if (tool_value(use->t, TOOL_OPT_LOCK_TIMEOUT))
        options.lock_timeout_ms = use->options.lock_timeout_ms;
    if (use->t->timeout_ms)
        options.statement_timeout_ms = use->t->timeout_ms;
    int result = check_history(use, &status);
    if (result == TOOL_EXIT_FINE &&
        tn_plan_make(use->db, use->set, &use->options, &options, &plan, &err) != TN_OK)
        result = migrate_fail(use, &err);
    if (result != TOOL_EXIT_FINE) {
        tn_migrate_status_free(status);
        return result;
    }
    pending.status = status;
    out_init(&o, STDOUT_FILENO);
    if (use->t->json) {
        show_json(&o, use, plan, &pending);
    } else {
        show_text(&o, use, plan);
        lint_report lint = {.o = &o, .driver = tn_db_driver(use->db), .no_notes = true};
        if (tn_plan_pending(plan))
            (void)tn_lint(use->set, tn_db_driver(use->db), &pending, lint_report_take, &lint);
    }
    result = report_finish(&o, exit_of(plan));
    tn_plan_free(plan);
    tn_migrate_status_free(status);
    return result;
}

static int run(tool *t)
{
    migrate_job use;

    int result = migrate_open(&use, t, MIGRATE_CLIENT | MIGRATE_FILES | MIGRATE_LOOK);
    if (result == TOOL_EXIT_FINE) {
        bool watching = migrate_watch(&use);
        result = make_and_show(&use);
        if (watching && interrupt_seen())
            result = TOOL_EXIT_INTERRUPTED;
    }
    migrate_close(&use);
    return result;
}

static const tool_option options[] = {
    MIGRATE_OPTION_DIR,
    {TOOL_OPT_TO, 0, "to", "VERSION", NULL, "up to this one"},
    {TOOL_OPT_NO_RUN, 0, "no-run", NULL, NULL, "only the SQL: nothing is tried"},
    {TOOL_OPT_LOCK_TIMEOUT, 0, "lock-timeout", "TIME", NULL, "for each lock of the trial (500ms)"},
    MIGRATE_OPTION_HISTORY,
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "nothing is pending"},
    {1, "a pending statement fails, or the database did"},
    {2, "usage, configuration, or a file's grammar"},
    {3, "something is pending, and it can be done"},
    {4, "the files do not fit the history: deploy would refuse"},
    {6, "no connection"},
    {130, "interrupted: the trial was rolled back"},
    {0, NULL},
};

const tool_command tool_command_migrate_plan = {
    .noun = "migrate",
    .verb = "plan",
    .summary = "shows the SQL that is pending, and the locks it takes",
    .usage = "[--to VERSION] [--no-run] [--dir DIR]",
    .text = "The pending statements are run in a transaction that is rolled back, and after\n"
            "each the server is asked what it holds: the locks on tables that were there\n"
            "before, whom they block, and which tables are written anew. So it is exact for\n"
            "this very database. Locks are waited for half a second at most, a statement\n"
            "may take ten (--timeout); on a busy server use a copy (tenon db clone), or\n"
            "--no-run. What runs without a transaction is shown and not tried.",
    .options = options,
    .examples = {"tenon migrate plan", "tenon migrate plan --no-run",
                 "tenon migrate plan --json | jq '.steps[].locks'"},
    .exits = exits,
    .run = run,
};
