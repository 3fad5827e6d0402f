/* SPDX-License-Identifier: MIT */
/*
 * The linter: what a text alone tells. Its rules are about what runs beside a deploy (locks, old
 * programs), about rows, and about what fails only where there are rows. What a statement really
 * does to a certain database tells the plan.
 */
#include "migrate/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/script.h>

#include "base/str.h"

/* ---- findings -------------------------------------------------------------------------------- */

/* NAME[,NAME...] has the rule, or its letters only ("LOCK"). */
static bool names_rule(const char *list, const char *rule)
{
    tn_str rest = tn_str_from(list ? list : ""), name;

    while (tn__str_split(&rest, ',', &name)) {
        name = tn__str_trim(name);
        size_t letters = strcspn(rule, "0123456789");
        if (tn__str_iequal(name, tn_str_from(rule)) || tn__str_iequal(name, tn__str(rule, letters)))
            return true;
    }
    return false;
}

static bool silenced(const tn__lint *lint, tn__rule rule)
{
    const tn_migration *m = lint->migration;

    if (m->up_options.destructive_ok &&
        (rule == TN__RULE_DROP_TABLE || rule == TN__RULE_DROP_COLUMN ||
         rule == TN__RULE_DELETE_ALL))
        return true;
    return names_rule(m->ignore, tn__lint_rules[rule].name);
}

void tn__lint_tell(tn__lint *lint, tn__rule rule, size_t i, const char *format, ...)
{
    tn_lint_finding finding = {.rule = &tn__lint_rules[rule], .migration = lint->migration};
    char what[400];
    va_list args;

    if (silenced(lint, rule))
        return;
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    finding.what = what;
    tn_str part = i < lint->t.n ? lint->t.items[i].text : lint->t.sql;
    if (part.ptr)
        tn_migration_place(lint->migration, part, 0, &finding.place);
    else
        tn__copy_text(finding.place.file, sizeof(finding.place.file),
                      tn_str_from(lint->migration->file));
    tn__copy_text(finding.place.version, sizeof(finding.place.version),
                  tn_str_from(lint->migration->version));
    lint->count++;
    if (lint->fn)
        lint->fn(lint->arg, &finding);
}

bool tn__lint_is_new(const tn__lint *lint, const char *table)
{
    return tn__names_has(&lint->created, table);
}

void tn__lint_locks(tn__lint *lint, const char *table, size_t i)
{
    bool transaction = !lint->migration->up_options.no_transaction;

    if (tn__lint_is_new(lint, table) || tn__names_has(&lint->locked, table))
        return;
    lint->failed |= !tn__names_add(&lint->locked, table);
    if (transaction && lint->locked.n == 2)
        tn__lint_tell(lint, TN__RULE_SEVERAL_TABLES, i, "%s and %s are locked in one transaction",
                      lint->locked.items[0], table);
}

/* ---- statements ------------------------------------------------------------------------------ */

/* The words that a transaction may not have in it, for either database. */
static void look_at_transaction(tn__lint *lint)
{
    tn__stmt_word word = tn__sql_first_word(lint->t.sql);

    lint->grouped = word == TN__STMT_BEGIN || (lint->grouped && word != TN__STMT_COMMIT);
    if (lint->wrapped || lint->migration->up_options.no_transaction)
        return;
    if (word == TN__STMT_BEGIN || word == TN__STMT_COMMIT || word == TN__STMT_ROLLBACK)
        tn__lint_tell(lint, TN__RULE_TRANSACTION_WORD, 0, "%.*s in a migration",
                      (int)lint->t.items[0].text.len, lint->t.items[0].text.ptr);
}

/* create [global | temp | unlogged ...] table [if not exists] name */
static void remember_created(tn__lint *lint)
{
    char name[TN__LINT_NAME];
    size_t i = 1;

    if (!tn__is_word(&lint->t, 0, "create"))
        return;
    while (i < 4 && !tn__is_word(&lint->t, i, "table") && !tn__is_word(&lint->t, i, "view"))
        i++;
    if (!tn__is_word(&lint->t, i, "table") && !tn__is_word(&lint->t, i, "view"))
        return;
    i++;
    (void)tn__take_words(&lint->t, &i, "if not exists");
    if (tn__take_name(&lint->t, &i, name))
        lint->failed |= !tn__names_add(&lint->created, name);
}

static void look_at_rows(tn__lint *lint)
{
    const tn__tokens *t = &lint->t;
    char name[TN__LINT_NAME];
    size_t i = 0;

    if (tn__take_words(t, &i, "delete from")) {
        (void)tn__take_words(t, &i, "only");
        if (tn__take_name(t, &i, name) && !tn__has_word(t, i, t->n, "where") &&
            !tn__lint_is_new(lint, name))
            tn__lint_tell(lint, TN__RULE_DELETE_ALL, 0, "delete from %s without a condition", name);
    } else if (tn__take_words(t, &i, "update")) {
        (void)tn__take_words(t, &i, "only");
        if (tn__take_name(t, &i, name) && !tn__has_word(t, i, t->n, "where") &&
            !tn__lint_is_new(lint, name) && !lint->sqlite)
            tn__lint_tell(lint, TN__RULE_UPDATE_ALL, 0, "update %s without a condition", name);
    }
}

static void look_at(tn__lint *lint, tn_str sql)
{
    if (!tn__tokens_read(&lint->t, sql)) {
        lint->failed = true;
        return;
    }
    if (lint->t.n == 0)
        return;
    look_at_transaction(lint);
    look_at_rows(lint);
    if (lint->sqlite)
        tn__lint_sqlite(lint);
    else
        tn__lint_postgres(lint);
    remember_created(lint);
}

/* ---- migrations ------------------------------------------------------------------------------ */

/* BEGIN first and COMMIT last, as other tools want it. */
static bool is_wrapped(const tn_migration *migration)
{
    tn_script script = tn_script_start(migration->up);
    tn__stmt_word first = TN__STMT_EMPTY, last = TN__STMT_EMPTY;
    uint32_t line;
    tn_str sql;

    while (tn_script_next(&script, &sql, &line)) {
        last = tn__sql_first_word(sql);
        first = first == TN__STMT_EMPTY ? last : first;
    }
    return first == TN__STMT_BEGIN && last == TN__STMT_COMMIT;
}

/* Before the first statement, the place is the beginning of the file. */
static void at_file(tn__lint *lint)
{
    lint->t.n = 0;
    lint->t.sql = lint->migration->up.ptr ? tn__str(lint->migration->up.ptr, 0) : tn__str(NULL, 0);
}

static void look_at_migration(tn__lint *lint, const tn_migration *migration, bool late)
{
    tn_script script = tn_script_start(migration->up);
    size_t statements = 0;
    uint32_t line;
    tn_str sql;

    lint->migration = migration;
    lint->wrapped = is_wrapped(migration);
    lint->grouped = false;
    lint->locked.n = lint->unproven.n = lint->labels.n = 0;
    at_file(lint);
    if (late)
        tn__lint_tell(lint, TN__RULE_OUT_OF_ORDER, 0, "version %s is out of order",
                      migration->version);
    if (migration->missing) {
        tn__lint_tell(lint, TN__RULE_MISSING_VARIANT, 0, "version %s has nothing for %s",
                      migration->version, lint->driver);
        return;
    }
    if (migration->skipped)
        return;
    if (migration->up_options.lock_timeout_ms == 0 && !lint->sqlite)
        tn__lint_tell(lint, TN__RULE_NO_LOCK_TIMEOUT, 0, "lock-timeout:0");
    if (migration->down.len == 0 && !migration->up_options.irreversible)
        tn__lint_tell(lint, TN__RULE_NO_DOWN, 0,
                      migration->down_file ? "the -- migrate:down is empty" : "no -- migrate:down");
    for (; tn_script_next(&script, &sql, &line); statements++)
        look_at(lint, sql);
    at_file(lint);
    if (statements == 0)
        tn__lint_tell(lint, TN__RULE_EMPTY, 0, "no statement between up and down");
}

/* Is it to be looked at? *ret_late: it is pending behind what is applied. */
static bool is_wanted(const tn_lint_options *options, const tn_migration *migration, bool *ret_late)
{
    const tn_migrate_entry *e;

    *ret_late = false;
    if (options->after && *options->after &&
        tn_migration_compare(migration->version, options->after) <= 0)
        return false;
    if (!options->status)
        return true;
    for (size_t i = 0; (e = tn_migrate_status_at(options->status, i)); i++)
        if (e->migration == migration) {
            *ret_late = e->out_of_order;
            return e->state == TN_MIGRATE_PENDING;
        }
    return false;
}

size_t tn_lint(const tn_migrations *migrations, const char *driver, const tn_lint_options *options,
               tn_lint_fn *fn, void *arg)
{
    static const tn_lint_options all = TN_LINT_OPTIONS_INIT;
    tn__lint lint = {.driver = driver, .fn = fn, .arg = arg};
    const tn_migration *migration;
    bool late;

    options = options ? options : &all;
    lint.sqlite = strstr(driver, "sqlite") != NULL;
    for (size_t i = 0; !lint.failed && (migration = tn_migrations_at(migrations, i)); i++)
        if (is_wanted(options, migration, &late))
            look_at_migration(&lint, migration, late);
    if (lint.failed) {
        tn_lint_finding finding = {.what = "out of memory"};
        lint.count++;
        if (fn)
            fn(arg, &finding);
    }
    free(lint.t.items);
    free(lint.created.items);
    free(lint.locked.items);
    free(lint.unproven.items);
    free(lint.labels.items);
    return lint.count;
}
