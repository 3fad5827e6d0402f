/* SPDX-License-Identifier: MIT */
/* Statements of SQLite: its locks are the whole file's, so its dangers are others. */
#include <stdlib.h>
#include <string.h>

#include <tenon/script.h>

#include "base/str.h"
#include "migrate/lint.h"

/* Does a later statement rename another table to this one, or make it anew? Then it is rebuilt. */
static bool comes_back(const tn__lint *lint, const char *table)
{
    const char *end = lint->migration->up.ptr + lint->migration->up.len;
    const char *from = lint->t.sql.ptr + lint->t.sql.len;
    tn_script script = tn_script_start(tn__str(from, (size_t)(end - from)));
    tn__tokens t = {0};
    bool found = false;
    uint32_t line;
    tn_str sql;

    while (!found && tn_script_next(&script, &sql, &line) && tn__tokens_read(&t, sql)) {
        char name[TN__LINT_NAME] = "";
        size_t i = 0;
        if (tn__take_words(&t, &i, "alter table")) {
            (void)tn__take_name(&t, &i, name);
            name[0] = '\0';
            if (tn__take_words(&t, &i, "rename to"))
                (void)tn__take_name(&t, &i, name);
        } else if (tn__take_words(&t, &i, "create table")) {
            (void)tn__take_words(&t, &i, "if not exists");
            (void)tn__take_name(&t, &i, name);
        }
        found = strcmp(name, table) == 0;
    }
    free(t.items);
    return found;
}

static bool drop(tn__lint *lint)
{
    const tn_migration_options *options = &lint->migration->up_options;
    char name[TN__LINT_NAME];
    size_t i = 0;

    if (!tn__take_words(&lint->t, &i, "drop table"))
        return false;
    (void)tn__take_words(&lint->t, &i, "if exists");
    if (!tn__take_name(&lint->t, &i, name) || tn__lint_is_new(lint, name))
        return true;
    if (options->foreign_keys == TN_MIGRATION_FOREIGN_KEYS_ON)
        tn__lint_tell(lint, TN__RULE_REBUILD_CASCADES, 0, "%s is dropped with foreign-keys:on",
                      name);
    if (!comes_back(lint, name))
        tn__lint_tell(lint, TN__RULE_DROP_TABLE, 0, "%s is dropped", name);
    else if (options->no_transaction && !lint->grouped)
        tn__lint_tell(lint, TN__RULE_REBUILD_IN_STEPS, 0, "%s is rebuilt statement by statement",
                      name);
    return true;
}

/* What SQLite's ADD COLUMN refuses (https://sqlite.org/lang_altertable.html). */
static void add_column(tn__lint *lint, const char *table, size_t i)
{
    const tn__tokens *t = &lint->t;
    char column[TN__LINT_NAME];

    (void)tn__take_words(t, &i, "column");
    if (!tn__take_name(t, &i, column))
        return;
    bool has_default = tn__has_word(t, i, t->n, "default");
    if (tn__has_word(t, i, t->n, "unique") || tn__has_word(t, i, t->n, "primary key"))
        tn__lint_tell(lint, TN__RULE_ADD_COLUMN_SQLITE, 0, "%s.%s is a key", table, column);
    else if (tn__has_word(t, i, t->n, "stored"))
        tn__lint_tell(lint, TN__RULE_ADD_COLUMN_SQLITE, 0, "%s.%s is stored and generated", table,
                      column);
    else if (tn__has_word(t, i, t->n, "default current_timestamp") ||
             tn__has_word(t, i, t->n, "default current_date") ||
             tn__has_word(t, i, t->n, "default current_time"))
        tn__lint_tell(lint, TN__RULE_ADD_COLUMN_SQLITE, 0, "the default of %s.%s is not constant",
                      table, column);
    else if (tn__has_word(t, i, t->n, "not null") && !has_default)
        tn__lint_tell(lint, TN__RULE_NOT_NULL_ROWS, 0, "%s.%s is not null and has no default",
                      table, column);
}

static bool alter_table(tn__lint *lint)
{
    char table[TN__LINT_NAME], name[TN__LINT_NAME];
    size_t i = 0;

    if (!tn__take_words(&lint->t, &i, "alter table") || !tn__take_name(&lint->t, &i, table))
        return false;
    if (tn__take_words(&lint->t, &i, "add")) {
        add_column(lint, table, i);
    } else if (tn__take_words(&lint->t, &i, "drop")) {
        (void)tn__take_words(&lint->t, &i, "column");
        if (tn__take_name(&lint->t, &i, name) && !tn__lint_is_new(lint, table))
            tn__lint_tell(lint, TN__RULE_DROP_COLUMN, 0, "%s.%s is dropped", table, name);
    } else if (tn__is_word(&lint->t, i, "rename") && !tn__lint_is_new(lint, table)) {
        tn__lint_tell(lint, TN__RULE_RENAME, 0, "%s: something is renamed", table);
    }
    return true;
}

void tn__lint_sqlite(tn__lint *lint)
{
    bool transaction = !lint->migration->up_options.no_transaction;
    size_t i = 0;

    if (drop(lint) || alter_table(lint))
        return;
    if (tn__is_word(&lint->t, 0, "vacuum") && transaction)
        tn__lint_tell(lint, TN__RULE_NOT_IN_TRANSACTION, 0, "vacuum in a transaction");
    if (tn__take_words(&lint->t, &i, "pragma foreign_keys") && transaction && i < lint->t.n)
        tn__lint_tell(lint, TN__RULE_FOREIGN_KEYS_PRAGMA, 0, "pragma foreign_keys");
}
