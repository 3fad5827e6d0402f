/* SPDX-License-Identifier: MIT */
/* Statements of PostgreSQL, but for ALTER TABLE. */
#include "base/str.h"
#include "migrate/lint.h"

static bool in_transaction(const tn__lint *lint)
{
    return !lint->migration->up_options.no_transaction;
}

static void needs_no_transaction(tn__lint *lint, const char *what)
{
    if (in_transaction(lint))
        tn__lint_tell(lint, TN__RULE_NOT_IN_TRANSACTION, 0, "%s in a transaction", what);
}

/* create [unique] index [concurrently] [if not exists] [name] on [only] table */
static bool create_index(tn__lint *lint)
{
    const tn__tokens *t = &lint->t;
    char name[TN__LINT_NAME], table[TN__LINT_NAME];
    size_t i = 0;

    if (!tn__take_words(t, &i, "create"))
        return false;
    (void)tn__take_words(t, &i, "unique");
    if (!tn__take_words(t, &i, "index"))
        return false;
    bool concurrently = tn__take_words(t, &i, "concurrently");
    (void)tn__take_words(t, &i, "if not exists");
    if (!tn__is_word(t, i, "on"))
        (void)tn__take_name(t, &i, name);
    if (!tn__take_words(t, &i, "on"))
        return true;
    (void)tn__take_words(t, &i, "only");
    if (!tn__take_name(t, &i, table))
        return true;
    if (concurrently)
        needs_no_transaction(lint, "create index concurrently");
    else if (!tn__lint_is_new(lint, table))
        tn__lint_tell(lint, TN__RULE_INDEX, 0, "an index on %s without concurrently", table);
    return true;
}

static void drop_index(tn__lint *lint, size_t i)
{
    if (tn__take_words(&lint->t, &i, "concurrently"))
        needs_no_transaction(lint, "drop index concurrently");
    else
        tn__lint_tell(lint, TN__RULE_DROP_INDEX, 0, "an index is dropped without concurrently");
}

/* What goes with all that is in it. */
static bool drop(tn__lint *lint)
{
    const tn__tokens *t = &lint->t;
    char name[TN__LINT_NAME];
    size_t i = 0;

    if (!tn__take_words(t, &i, "drop"))
        return false;
    if (tn__take_words(t, &i, "index")) {
        drop_index(lint, i);
        return true;
    }
    bool table = tn__take_words(t, &i, "table");
    if (!table && !tn__take_words(t, &i, "schema") && !tn__take_words(t, &i, "database"))
        return true;
    (void)tn__take_words(t, &i, "if exists");
    while (tn__take_name(t, &i, name)) {
        if (!tn__lint_is_new(lint, name)) {
            tn__lint_tell(lint, TN__RULE_DROP_TABLE, 0, "%s is dropped", name);
            if (table)
                tn__lint_locks(lint, name, 0);
        }
        if (!tn__is_punct(t, i++, ','))
            break;
    }
    return true;
}

static bool truncate(tn__lint *lint)
{
    char name[TN__LINT_NAME];
    size_t i = 0;

    if (!tn__take_words(&lint->t, &i, "truncate"))
        return false;
    (void)tn__take_words(&lint->t, &i, "table");
    (void)tn__take_words(&lint->t, &i, "only");
    if (tn__take_name(&lint->t, &i, name) && !tn__lint_is_new(lint, name)) {
        tn__lint_tell(lint, TN__RULE_DELETE_ALL, 0, "%s is emptied", name);
        tn__lint_locks(lint, name, 0);
    }
    return true;
}

/* alter type t add value 'x', and renaming. */
static bool alter_type(tn__lint *lint)
{
    const tn__tokens *t = &lint->t;
    char name[TN__LINT_NAME], label[TN__LINT_NAME];
    size_t i = 0;

    if (!tn__take_words(t, &i, "alter type") || !tn__take_name(t, &i, name))
        return false;
    size_t at = i;
    if (tn__take_words(t, &i, "add value")) {
        (void)tn__take_words(t, &i, "if not exists");
        if (i < t->n && t->items[i].kind == TN__TOK_STRING && in_transaction(lint)) {
            tn__copy_text(label, sizeof(label), t->items[i].text);
            lint->failed |= !tn__names_add(&lint->labels, label);
        }
    } else if (tn__is_word(t, at, "rename")) {
        tn__lint_tell(lint, TN__RULE_RENAME, at, "type %s: something is renamed", name);
    }
    return true;
}

/* A label that this transaction added may not be used in it. */
static void look_for_labels(tn__lint *lint)
{
    char label[TN__LINT_NAME];

    for (size_t i = 0; lint->labels.n > 0 && i < lint->t.n; i++) {
        if (lint->t.items[i].kind != TN__TOK_STRING)
            continue;
        tn__copy_text(label, sizeof(label), lint->t.items[i].text);
        if (tn__names_has(&lint->labels, label))
            tn__lint_tell(lint, TN__RULE_ENUM_SAME_TRANSACTION, i, "%s was added to its type above",
                          label);
    }
}

/* vacuum, cluster, reindex, refresh. */
static bool whole_table(tn__lint *lint)
{
    const tn__tokens *t = &lint->t;
    size_t i = 0;

    if (tn__is_word(t, 0, "vacuum")) {
        needs_no_transaction(lint, "vacuum");
        if (tn__has_word(t, 1, 6, "full"))
            tn__lint_tell(lint, TN__RULE_WHOLE_TABLE, 0, "vacuum full");
        return true;
    }
    bool concurrently = tn__has_word(t, 1, 8, "concurrently");
    if (tn__is_word(t, 0, "reindex")) {
        if (concurrently)
            needs_no_transaction(lint, "reindex concurrently");
        else
            tn__lint_tell(lint, TN__RULE_WHOLE_TABLE, 0, "reindex without concurrently");
        return true;
    }
    if (tn__take_words(t, &i, "refresh materialized view")) {
        char name[TN__LINT_NAME];
        if (!concurrently && tn__take_name(t, &i, name) && !tn__lint_is_new(lint, name))
            tn__lint_tell(lint, TN__RULE_WHOLE_TABLE, 0, "%s is refreshed without concurrently",
                          name);
        return true;
    }
    if (tn__is_word(t, 0, "cluster")) {
        tn__lint_tell(lint, TN__RULE_WHOLE_TABLE, 0, "cluster");
        return true;
    }
    return false;
}

static bool alter_other(tn__lint *lint)
{
    static const char *const kinds[] = {"alter view", "alter materialized view", "alter function",
                                        "alter schema", "alter sequence"};
    char name[TN__LINT_NAME];

    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        size_t i = 0;
        if (!tn__take_words(&lint->t, &i, kinds[k]))
            continue;
        (void)tn__take_words(&lint->t, &i, "if exists");
        if (tn__take_name(&lint->t, &i, name) && !tn__lint_is_new(lint, name) &&
            tn__has_word(&lint->t, i, lint->t.n, "rename to"))
            tn__lint_tell(lint, TN__RULE_RENAME, 0, "%s is renamed", name);
        return true;
    }
    return false;
}

void tn__lint_postgres(tn__lint *lint)
{
    size_t i = 0;

    look_for_labels(lint);
    if (tn__take_words(&lint->t, &i, "alter table"))
        tn__lint_alter_table(lint);
    else if (!create_index(lint) && !drop(lint) && !truncate(lint) && !alter_type(lint) &&
             !alter_other(lint))
        (void)whole_table(lint);
    i = 0;
    if (tn__take_words(&lint->t, &i, "create database") ||
        tn__take_words(&lint->t, &i, "create tablespace") ||
        tn__take_words(&lint->t, &i, "alter system"))
        needs_no_transaction(lint, "the statement");
}
