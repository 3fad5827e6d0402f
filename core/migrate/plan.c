/* SPDX-License-Identifier: MIT */
/*
 * The plan: pending statements, run one after another in a transaction that is rolled back, with
 * what each did written down. Whatever happens, nothing stays.
 */
#include "migrate/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/query.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/lexer.h"
#include "base/str.h"
#include "migrate/problem.h"
#include "migrate/settings.h"

enum { TEXTS_MAX = 256 << 20, STEPS_MAX = 100000 };

struct tn_plan {
    tn_plan_step *steps;
    size_t n, capacity;
    size_t pending;
    bool sets; /* some of them change settings of the session */
    const char *kept;
    tn_schema *before, *after;
    tn__arena arena;
};

static tn_status no_memory(tn_error *err)
{
    return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
}

/* ---- statements ------------------------------------------------------------------------------ */

static bool add_step(tn_plan *plan, const tn_plan_step *step)
{
    if (plan->n == STEPS_MAX)
        return false;
    if (plan->n == plan->capacity) {
        size_t capacity = plan->capacity ? plan->capacity * 2 : 64;
        tn_plan_step *grown = realloc(plan->steps, capacity * sizeof(*grown));
        if (!grown)
            return false;
        plan->steps = grown;
        plan->capacity = capacity;
    }
    plan->steps[plan->n++] = *step;
    return true;
}

/* The statements as the runner has them. */
static tn_status add_migration(tn_plan *plan, const tn_migration *migration, tn__dialect dialect,
                               tn_migrate_problem *problem, tn_error *err)
{
    tn_plan_step step = {.migration = migration, .note = ""};
    tn__steps steps;

    plan->pending++;
    if (migration->skipped) {
        step.note = "recorded, nothing is run for this driver";
        return add_step(plan, &step) ? TN_OK : no_memory(err);
    }
    tn_status status = tn__steps_split(&plan->arena, migration, false, dialect, &steps, problem,
                                       err);
    plan->sets |= status == TN_OK && steps.sets;
    for (size_t i = 0; status == TN_OK && i < steps.count; i++) {
        step.sql = steps.items[i].sql;
        step.line = steps.items[i].line;
        step.note = migration->up_options.no_transaction
                        ? "runs outside of a transaction, so it was not tried"
                        : "";
        if (!add_step(plan, &step))
            status = no_memory(err);
    }
    return status;
}

static bool is_sqlite(const tn_db *db)
{
    return strstr(tn_db_driver(db), "sqlite") != NULL;
}

static tn_status collect(tn_plan *plan, tn_db *client, const tn_migrations *migrations,
                         const tn_migrate_options *options, tn_error *err)
{
    tn_error local = TN_ERROR_INIT;
    const tn_migrate_entry *entry;
    tn_status status = TN_OK;

    err = err ? err : &local;
    tn_migrate_status *look = tn_migrate_look(client, migrations, options, err);
    if (!look)
        return err->status;
    for (size_t i = 0; status == TN_OK && (entry = tn_migrate_status_at(look, i)); i++) {
        if (entry->state != TN_MIGRATE_PENDING || !entry->migration)
            continue;
        if (options && options->to && tn_migration_compare(entry->version, options->to) > 0)
            continue;
        if (options && options->count && plan->pending == options->count)
            continue;
        status = add_migration(plan, entry->migration,
                               is_sqlite(client) ? TN__SQLITE : TN__POSTGRESQL,
                               options ? options->problem : NULL, err);
    }
    tn_migrate_status_free(look);
    return status;
}

/* ---- running --------------------------------------------------------------------------------- */

static tn_status set_limits(tn_db *tx, const tn_plan_options *options, tn_error *err)
{
    char lock[24], statement[24];

    if (!strstr(tn_db_driver(tx), "postgres"))
        return TN_OK;
    snprintf(lock, sizeof(lock), "%lld", (long long)options->lock_timeout_ms);
    snprintf(statement, sizeof(statement), "%lld", (long long)options->statement_timeout_ms);
    return tn_exec(tx,
                   "select pg_catalog.set_config('lock_timeout', $1, true),"
                   " pg_catalog.set_config('statement_timeout', $2, true)",
                   tn_args((const char *)lock, (const char *)statement), NULL, err);
}

static bool fail_step(tn_plan *plan, tn_plan_step *step, const tn_error *err)
{
    bool late = strcmp(err->sqlstate, "55P03") == 0 || strcmp(err->sqlstate, "57014") == 0;
    tn_error *kept = tn__arena_alloc(&plan->arena, sizeof(*kept));

    if (!kept)
        return false;
    *kept = *err;
    tn__hint_sqlite(kept);
    step->error = kept;
    step->state = late ? TN_PLAN_TOO_LONG : TN_PLAN_FAILED;
    if (strcmp(err->sqlstate, "55P03") == 0)
        step->note = "another transaction holds a lock that it needs";
    return true;
}

/* true: go on with the next one. */
static bool run_step(tn_plan *plan, tn__observer *observer, tn_plan_step *step, tn_status *status,
                     tn_error *err)
{
    tn_error why = TN_ERROR_INIT;
    tn_plan_lock *locks;
    TN__AUTO_STRING sql = strndup(step->sql.ptr, step->sql.len);

    if (!sql) {
        *status = no_memory(err);
        return false;
    }
    int64_t began = tn__now_ns();
    if (tn_exec(observer->tx, sql, NULL, NULL, &why) != TN_OK) {
        if (!fail_step(plan, step, &why))
            *status = no_memory(err);
        return false;
    }
    step->duration_us = (tn__now_ns() - began) / 1000;
    step->state = TN_PLAN_RUN;
    *status = tn__observe(observer, &locks, &step->n_locks, err);
    step->locks = locks;
    return *status == TN_OK;
}

/* ALTER TYPE t ADD VALUE [IF NOT EXISTS] 'x': "x", as the server's errors quote it. */
static bool added_value(tn_str sql, char *ret, size_t size)
{
    static const char *const words[] = {"if", "not", "exists"};
    tn__lexer lexer;
    tn__tok tok, before = {.kind = TN__TOK_END, .text = {"", 0}};

    tn__lexer_init(&lexer, sql);
    for (tok = tn__lexer_skip(&lexer); tok.kind != TN__TOK_END; tok = tn__lexer_skip(&lexer)) {
        if (tn__str_iequal(before.text, TN__STR("add")) &&
            tn__str_iequal(tok.text, TN__STR("value")))
            break;
        before = tok;
    }
    tok = tn__lexer_skip(&lexer);
    for (size_t i = 0; i < TN__COUNT_OF(words) && tok.kind == TN__TOK_WORD; i++)
        if (tn__str_iequal(tok.text, tn_str_from(words[i])))
            tok = tn__lexer_skip(&lexer);
    if (tok.kind != TN__TOK_STRING || tok.text.len < 2)
        return false;
    snprintf(ret, size, "\"%.*s\"", (int)tok.text.len - 2, tok.text.ptr + 1);
    return true;
}

/* Did the migration itself add the enum value that the error names? Then a deploy fails as well. */
static bool adds_value(const tn_plan *plan, const tn_plan_step *step)
{
    for (const tn_plan_step *s = step; s > plan->steps; s--) {
        char value[80];
        if (s[-1].migration != step->migration)
            break;
        if (added_value(s[-1].sql, value, sizeof(value)) && strstr(step->error->message, value))
            return true;
    }
    return false;
}

/* May the migration itself have written rows before this statement? */
static bool writes_rows(const tn_plan *plan, const tn_plan_step *step)
{
    static const char *const words[] = {"insert", "update", "delete", "merge", "truncate",
                                        "with",   "select", "do",     "call",  "execute"};
    tn__lexer lexer;

    for (const tn_plan_step *s = step; s > plan->steps && s[-1].migration == step->migration; s--) {
        tn__lexer_init(&lexer, s[-1].sql);
        tn_str first = tn__lexer_skip(&lexer).text;
        for (size_t i = 0; i < TN__COUNT_OF(words); i++)
            if (tn__str_iequal(first, tn_str_from(words[i])))
                return true;
    }
    return false;
}

/* Errors that come of all being one transaction, which a deploy is not. */
static const char *missing_commit(const tn_plan *plan, const tn_plan_step *step)
{
    const char *sqlstate = step->error->sqlstate;

    if (strcmp(sqlstate, "55P04") == 0 && !adds_value(plan, step))
        return "could not be tried: it uses an enum value that a migration before it adds";
    if (strcmp(sqlstate, "55006") == 0 && strstr(step->error->message, "trigger") &&
        !writes_rows(plan, step))
        return "could not be tried: constraints of rows that a migration before it writes are "
               "checked at that one's end";
    return NULL;
}

/* What failed behind a migration that was not run may only have missed it. */
static void excuse(const tn_plan *plan, tn_plan_step *step, bool skipped)
{
    if (step->state != TN_PLAN_FAILED)
        return;
    const char *note = missing_commit(plan, step);
    if (!note && skipped)
        note = "could not be tried: it may need what runs outside of a transaction before it";
    if (!note)
        return;
    step->state = TN_PLAN_NOT_RUN;
    step->error = NULL;
    step->note = note;
}

/* Between two migrations: each begins with the settings of the connection. */
static tn_status begin_migration(const tn_plan *plan, tn_db *tx, size_t i, tn_error *err)
{
    if (!plan->kept || i == 0 || plan->steps[i].migration == plan->steps[i - 1].migration)
        return TN_OK;
    return tn__settings_put_back(tx, plan->kept, err);
}

static tn_status run_each(tn_plan *plan, tn__observer *observer, bool *ret_whole, tn_error *err)
{
    bool skipped = false, going = true;
    tn_status status = TN_OK;

    for (size_t i = 0; status == TN_OK && going && i < plan->n; i++) {
        tn_plan_step *step = &plan->steps[i];
        if (step->migration->skipped)
            continue;
        if (step->migration->up_options.no_transaction) {
            skipped = true;
            continue;
        }
        status = begin_migration(plan, observer->tx, i, err);
        if (status == TN_OK)
            going = run_step(plan, observer, step, &status, err);
        excuse(plan, step, skipped);
    }
    *ret_whole = going && !skipped;
    return status;
}

static tn_status run_steps(tn_plan *plan, tn_db *tx, tn_error *err)
{
    tn__observer observer;
    bool whole = false;

    tn_status status = tn__observe_begin(&observer, tx, &plan->arena, err);
    if (status == TN_OK && plan->sets && !is_sqlite(tx))
        status = tn__settings_keep(tx, &plan->arena, &plan->kept, err);
    if (status == TN_OK)
        status = run_each(plan, &observer, &whole, err);
    if (status == TN_OK && whole && plan->kept)
        status = tn__settings_put_back(tx, plan->kept, err);
    if (status == TN_OK && whole)
        status = tn_schema_read(tx, NULL, &plan->after, err);
    return status;
}

/* SQLite's foreign keys are off while tables are rebuilt, and can be switched outside only. */
static tn_status prepare_session(tn_db *session, tn_error *err)
{
    if (!is_sqlite(session))
        return TN_OK;
    return tn_exec(session, "pragma foreign_keys = off", NULL, NULL, err);
}

/* By texts, so that a file may have savepoints in it. */
static tn_status run_in_transaction(tn_plan *plan, tn_db *session, const tn_plan_options *options,
                                    tn_error *err)
{
    tn_status status = prepare_session(session, err);

    if (status == TN_OK)
        status = tn_exec(session, is_sqlite(session) ? "begin immediate" : "begin", NULL, NULL,
                         err);
    if (status != TN_OK)
        return status;
    status = set_limits(session, options, err);
    if (status == TN_OK)
        status = run_steps(plan, session, err);
    tn_status undone = tn_exec(session, "rollback", NULL, NULL, status == TN_OK ? err : NULL);
    return status == TN_OK ? undone : status;
}

static tn_status run_and_undo(tn_plan *plan, tn_db *client, const tn_plan_options *options,
                              tn_error *err)
{
    tn_db *session = NULL;

    tn_status status = tn_acquire(client, &session, err);
    if (status == TN_OK)
        status = tn_schema_read(session, NULL, &plan->before, err);
    if (status == TN_OK && !options->no_run && plan->n > 0)
        status = run_in_transaction(plan, session, options, err);
    tn_release(session);
    return status;
}

tn_status tn_plan_make(tn_db *client, const tn_migrations *migrations,
                       const tn_migrate_options *migrate, const tn_plan_options *options,
                       tn_plan **ret, tn_error *err)
{
    static const tn_plan_options defaults = TN_PLAN_OPTIONS_INIT;
    tn_plan *plan = calloc(1, sizeof(*plan));

    if (!plan)
        return no_memory(err);
    tn__arena_init(&plan->arena, TEXTS_MAX);
    tn_status status = collect(plan, client, migrations, migrate, err);
    if (status == TN_OK)
        status = run_and_undo(plan, client, options ? options : &defaults, err);
    if (status != TN_OK) {
        tn_plan_free(plan);
        return status;
    }
    *ret = plan;
    return TN_OK;
}

/* ---- looking --------------------------------------------------------------------------------- */

size_t tn_plan_count(const tn_plan *plan)
{
    return plan->n;
}

const tn_plan_step *tn_plan_at(const tn_plan *plan, size_t i)
{
    return i < plan->n ? &plan->steps[i] : NULL;
}

size_t tn_plan_pending(const tn_plan *plan)
{
    return plan->pending;
}

const tn_schema *tn_plan_before(const tn_plan *plan)
{
    return plan->before;
}

const tn_schema *tn_plan_after(const tn_plan *plan)
{
    return plan->after;
}

void tn_plan_free(tn_plan *plan)
{
    if (!plan)
        return;
    tn_schema_free(plan->before);
    tn_schema_free(plan->after);
    tn__arena_free(&plan->arena);
    free(plan->steps);
    free(plan);
}
