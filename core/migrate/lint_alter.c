/* SPDX-License-Identifier: MIT */
/* ALTER TABLE of PostgreSQL, action by action. */
#include "migrate/lint.h"

typedef struct action {
    tn__lint *lint;
    const tn__tokens *t;
    char table[TN__LINT_NAME];
    size_t from, to;
} action;

/* Does a value of its own come for each row? What is only stable (now()) is computed once. */
static bool is_volatile(const action *a, size_t from)
{
    static const char *const functions[] = {
        "random",  "clock_timestamp", "gen_random_uuid", "uuid_generate_v1", "uuid_generate_v4",
        "nextval", "timeofday",       "txid_current",    "gen_random_bytes", "pg_current_xact_id",
        "uuidv4",  "uuidv7",
    };

    for (size_t k = 0; k < sizeof(functions) / sizeof(functions[0]); k++)
        for (size_t i = from; i < a->to; i++)
            if (tn__is_word(a->t, i, functions[k]) && tn__is_punct(a->t, i + 1, '('))
                return true;
    return false;
}

static bool has(const action *a, const char *words)
{
    return tn__has_word(a->t, a->from, a->to, words);
}

static bool numbers_itself(const action *a)
{
    return has(a, "serial") || has(a, "bigserial") || has(a, "smallserial") || has(a, "identity");
}

static void add_column(action *a, size_t i)
{
    char column[TN__LINT_NAME];
    size_t at = a->from;

    (void)tn__take_words(a->t, &i, "if not exists");
    if (!tn__take_name(a->t, &i, column))
        return;
    bool has_default = has(a, "default"), stored = has(a, "stored");
    if (numbers_itself(a) || stored || (has_default && is_volatile(a, i)))
        tn__lint_tell(a->lint, TN__RULE_VOLATILE_DEFAULT, at, "%s.%s gets a value for each row",
                      a->table, column);
    else if ((has(a, "not null") || has(a, "primary key")) && !has_default && !has(a, "generated"))
        tn__lint_tell(a->lint, TN__RULE_NOT_NULL_ROWS, at, "%s.%s is not null and has no default",
                      a->table, column);
    if (has(a, "references"))
        tn__lint_tell(a->lint, TN__RULE_FOREIGN_KEY, at, "%s.%s comes with a foreign key", a->table,
                      column);
    if (has(a, "unique") || has(a, "primary key"))
        tn__lint_tell(a->lint, TN__RULE_UNIQUE, at, "%s.%s comes with a unique index", a->table,
                      column);
}

/* [constraint name] and what kind; false: it is a column. */
static bool add_constraint(action *a, size_t i)
{
    char name[TN__LINT_NAME] = "";
    bool proven = !has(a, "not valid");
    size_t at = a->from;

    if (tn__take_words(a->t, &i, "constraint"))
        (void)tn__take_name(a->t, &i, name);
    if (!proven && name[0])
        a->lint->failed |= !tn__names_add(&a->lint->unproven, name);
    if (tn__is_word(a->t, i, "foreign")) {
        if (proven)
            tn__lint_tell(a->lint, TN__RULE_FOREIGN_KEY, at, "a foreign key on %s", a->table);
    } else if (tn__is_word(a->t, i, "check")) {
        if (proven)
            tn__lint_tell(a->lint, TN__RULE_CHECK, at, "a check on %s", a->table);
    } else if (tn__is_word(a->t, i, "unique") || tn__is_word(a->t, i, "primary") ||
               tn__is_word(a->t, i, "exclude")) {
        if (!has(a, "using index"))
            tn__lint_tell(a->lint, TN__RULE_UNIQUE, at, "a key on %s", a->table);
    } else {
        return name[0] != '\0';
    }
    return true;
}

static void alter_column(action *a, size_t i)
{
    char column[TN__LINT_NAME];

    (void)tn__take_words(a->t, &i, "column");
    if (!tn__take_name(a->t, &i, column))
        return;
    if (tn__is_word(a->t, i, "type") || has(a, "set data type"))
        tn__lint_tell(a->lint, TN__RULE_TYPE, a->from, "%s.%s gets another type", a->table, column);
    else if (tn__take_words(a->t, &i, "set not null"))
        tn__lint_tell(a->lint, TN__RULE_SET_NOT_NULL, a->from, "%s.%s becomes not null", a->table,
                      column);
}

static void drop_column(action *a, size_t i)
{
    char column[TN__LINT_NAME];

    (void)tn__take_words(a->t, &i, "column");
    (void)tn__take_words(a->t, &i, "if exists");
    if (tn__take_name(a->t, &i, column))
        tn__lint_tell(a->lint, TN__RULE_DROP_COLUMN, a->from, "%s.%s is dropped", a->table, column);
}

static void validate(action *a, size_t i)
{
    char name[TN__LINT_NAME];

    if (tn__take_name(a->t, &i, name) && tn__names_has(&a->lint->unproven, name) &&
        !a->lint->migration->up_options.no_transaction)
        tn__lint_tell(a->lint, TN__RULE_VALIDATE, a->from, "%s was added by the same transaction",
                      name);
}

/* Against an existing table, which everybody uses. */
static void look_at_action(action *a)
{
    size_t i = a->from;
    bool strongest = true; /* the lock that hinders readers, too */

    if (tn__take_words(a->t, &i, "validate constraint")) {
        validate(a, i);
        return; /* a lock that hinders nobody */
    }
    if (tn__take_words(a->t, &i, "rename")) {
        if (!tn__is_word(a->t, i, "constraint"))
            tn__lint_tell(a->lint, TN__RULE_RENAME, a->from, "%s: something is renamed", a->table);
    } else if (tn__take_words(a->t, &i, "set schema")) {
        tn__lint_tell(a->lint, TN__RULE_RENAME, a->from, "%s goes into another schema", a->table);
    } else if (tn__take_words(a->t, &i, "add")) {
        strongest = !has(a, "foreign key");
        if (!add_constraint(a, i)) {
            (void)tn__take_words(a->t, &i, "column");
            add_column(a, i);
        }
    } else if (tn__take_words(a->t, &i, "drop constraint")) {
        /* quick, but for the lock */
    } else if (tn__take_words(a->t, &i, "drop")) {
        drop_column(a, i);
    } else if (tn__take_words(a->t, &i, "alter")) {
        alter_column(a, i);
    } else if (has(a, "set logged") || has(a, "set unlogged") || has(a, "set tablespace") ||
               has(a, "set access method")) {
        tn__lint_tell(a->lint, TN__RULE_WHOLE_TABLE, a->from, "%s is written anew", a->table);
    }
    if (strongest)
        tn__lint_locks(a->lint, a->table, a->from);
}

void tn__lint_alter_table(tn__lint *lint)
{
    action a = {.lint = lint, .t = &lint->t};
    size_t i = 2;

    (void)tn__take_words(a.t, &i, "if exists");
    (void)tn__take_words(a.t, &i, "only");
    if (!tn__take_name(a.t, &i, a.table))
        return;
    if (tn__lint_is_new(lint, a.table)) {
        if (tn__take_words(a.t, &i, "rename to") && tn__take_name(a.t, &i, a.table))
            lint->failed |= !tn__names_add(&lint->created, a.table);
        return;
    }
    while (i < a.t->n) {
        a.from = i;
        a.to = tn__item_end(a.t, i);
        look_at_action(&a);
        i = a.to + 1;
    }
}
