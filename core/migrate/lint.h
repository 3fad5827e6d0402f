/* SPDX-License-Identifier: MIT */
/* What the files of the linter share: a statement as tokens, and what is known so far. */
#ifndef TENON_MIGRATE_LINT_H
#define TENON_MIGRATE_LINT_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/migrate_check.h>

#include "base/lexer.h"

typedef enum tn__rule {
    TN__RULE_DROP_TABLE = 0,
    TN__RULE_DROP_COLUMN,
    TN__RULE_DELETE_ALL,
    TN__RULE_NOT_NULL_ROWS,
    TN__RULE_NOT_IN_TRANSACTION,
    TN__RULE_TRANSACTION_WORD,
    TN__RULE_ENUM_SAME_TRANSACTION,
    TN__RULE_FOREIGN_KEYS_PRAGMA,
    TN__RULE_REBUILD_CASCADES,
    TN__RULE_REBUILD_IN_STEPS,
    TN__RULE_ADD_COLUMN_SQLITE,
    TN__RULE_INDEX,
    TN__RULE_DROP_INDEX,
    TN__RULE_VOLATILE_DEFAULT,
    TN__RULE_TYPE,
    TN__RULE_FOREIGN_KEY,
    TN__RULE_UNIQUE,
    TN__RULE_CHECK,
    TN__RULE_SET_NOT_NULL,
    TN__RULE_VALIDATE,
    TN__RULE_WHOLE_TABLE,
    TN__RULE_UPDATE_ALL,
    TN__RULE_SEVERAL_TABLES,
    TN__RULE_NO_LOCK_TIMEOUT,
    TN__RULE_RENAME,
    TN__RULE_MISSING_VARIANT,
    TN__RULE_NO_DOWN,
    TN__RULE_EMPTY,
    TN__RULE_OUT_OF_ORDER,
    TN__RULE_COUNT
} tn__rule;

extern const tn_lint_rule tn__lint_rules[TN__RULE_COUNT];

/* A statement without blanks and comments. */
typedef struct tn__tokens {
    tn__tok *items;
    size_t n;
    size_t capacity;
    tn_str sql; /* the statement */
} tn__tokens;

enum { TN__LINT_NAME = 128 };

/* Names of tables, folded, without their schema. */
typedef struct tn__names {
    char (*items)[TN__LINT_NAME];
    size_t n;
    size_t capacity;
} tn__names;

typedef struct tn__lint {
    const char *driver;
    bool sqlite;
    tn_lint_fn *fn;
    void *arg;
    size_t count;
    bool failed; /* no memory */
    const tn_migration *migration;
    tn__tokens t;      /* the statement that is looked at */
    bool wrapped;      /* the migration has a BEGIN and a COMMIT around it, which are passed over */
    bool grouped;      /* without a transaction: between a BEGIN and its COMMIT */
    tn__names created; /* by the migrations that are looked at: nobody uses them yet */
    tn__names locked;  /* against everybody by this migration */
    tn__names unproven; /* constraints that this migration added as not valid */
    tn__names labels;   /* that this migration added to an enum */
} tn__lint;

/* lint_tokens.c. Indexes past the end are no token. */
bool tn__tokens_read(tn__tokens *tokens, tn_str sql);
bool tn__is_word(const tn__tokens *t, size_t i, const char *word);
bool tn__is_punct(const tn__tokens *t, size_t i, char c);
/* The words, with blanks between, from token *i on; *i moves behind them. */
bool tn__take_words(const tn__tokens *t, size_t *i, const char *words);
/* Is the word (the words) somewhere in from..to? */
bool tn__has_word(const tn__tokens *t, size_t from, size_t to, const char *words);
/* A name with or without a schema; *i moves behind it. */
bool tn__take_name(const tn__tokens *t, size_t *i, char ret[TN__LINT_NAME]);
/* The end of an item of a list: the comma on this level, or the end of the statement. */
size_t tn__item_end(const tn__tokens *t, size_t from);

bool tn__names_has(const tn__names *names, const char *name);
bool tn__names_add(tn__names *names, const char *name);

/* lint.c: a finding at token i of the statement (t.n or more: at its beginning). */
void tn__lint_tell(tn__lint *lint, tn__rule rule, size_t i, const char *format, ...)
    TN_PRINTF(4, 5);
/* Does anybody use the table yet? */
bool tn__lint_is_new(const tn__lint *lint, const char *table);
/* An existing table is locked against everybody. */
void tn__lint_locks(tn__lint *lint, const char *table, size_t i);

/* lint_postgres.c, lint_alter.c, lint_sqlite.c: one statement. */
void tn__lint_postgres(tn__lint *lint);
void tn__lint_alter_table(tn__lint *lint);
void tn__lint_sqlite(tn__lint *lint);

#endif
