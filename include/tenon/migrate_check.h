/* SPDX-License-Identifier: MIT */
/*
 * Looking at migrations before and after they are run: drift of the schema, a plan of what is
 * pending, lint, files of the schema, squashing. What the command's verbs verify, plan, lint,
 * squash and dev do, for programs. In libtenon-migrate.
 *
 * Thread rule: what is made here does not change once it is there; calls on a database need a
 * client, any thread.
 */
#ifndef TENON_MIGRATE_CHECK_H
#define TENON_MIGRATE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/db.h>
#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/migrate.h>
#include <tenon/schema.h>
#include <tenon/types.h>

TN_BEGIN_DECLS

/* ---- drift ----------------------------------------------------------------------------------- */

/*
 * The schema as it is, against what the newest migration left, which is kept beside the history.
 * No other database is needed and nothing is written.
 */
typedef struct tn_drift tn_drift;

typedef enum tn_drift_state {
    TN_DRIFT_NONE = 0, /* as it was left */
    TN_DRIFT_FOUND,
    TN_DRIFT_UNKNOWN /* nothing is recorded for the newest version: see tn_drift_reason() */
} tn_drift_state;

/* options: only history is looked at; NULL: the defaults. Freed with tn_drift_free(). */
TN_API TN_NODISCARD tn_status tn_drift_check(tn_db *client, const tn_migrate_options *options,
                                             tn_drift **ret, tn_error *err);
TN_API tn_drift_state tn_drift_state_of(const tn_drift *drift);
/* One sentence, "" when there is nothing to say. Of found drift: whether another server wrote what
 * was recorded, which may be the only difference. Borrowed, as what follows. */
TN_API const char *tn_drift_reason(const tn_drift *drift);
/* What is meant to be (NULL while unknown), and what there is: for tn_schema_compare(). */
TN_API const tn_schema *tn_drift_expected(const tn_drift *drift);
TN_API const tn_schema *tn_drift_found(const tn_drift *drift);
/* The newest version that is applied, "" if none. */
TN_API const char *tn_drift_version(const tn_drift *drift);
/* NULL is fine. */
TN_API void tn_drift_free(tn_drift *drift);

/* Records that what there is now is right, under the lock of migrations. For a person who has
 * looked. */
TN_API TN_NODISCARD tn_status tn_drift_accept(tn_db *client, const tn_migrate_options *options,
                                              tn_error *err);

/* ---- plan ------------------------------------------------------------------------------------ */

/*
 * What a deploy would run, statement by statement, and what each does to the database: found out by
 * running it in a transaction that is rolled back. On PostgreSQL that takes for a moment the locks
 * that the deploy will take, bounded by lock_timeout_ms and statement_timeout_ms; what was not had
 * in time is told, not waited for.
 */
typedef struct tn_plan tn_plan;

typedef struct tn_plan_options {
    size_t size;
    bool no_run;                  /* only the SQL: nothing is run */
    int64_t lock_timeout_ms;      /* of each lock */
    int64_t statement_timeout_ms; /* of each statement */
} tn_plan_options;
/* clang-format off */
#define TN_PLAN_OPTIONS_INIT {sizeof(tn_plan_options), false, 500, 10000}
/* clang-format on */

/* A lock that a statement took on a table or index that was there before. */
typedef struct tn_plan_lock {
    const char *table;
    const char *mode;    /* "AccessExclusiveLock" */
    const char *blocks;  /* "reads and writes", "writes", "schema changes" */
    bool rewritten;      /* the whole of it is written anew */
    int64_t rows, bytes; /* as estimated; -1: not known */
} tn_plan_lock;

typedef enum tn_plan_state {
    TN_PLAN_NOT_RUN = 0, /* without a transaction, or behind one that could not be run */
    TN_PLAN_RUN,
    TN_PLAN_FAILED,  /* error tells */
    TN_PLAN_TOO_LONG /* a lock or the end did not come in time: the deploy would wait as well */
} tn_plan_state;

typedef struct tn_plan_step {
    const tn_migration *migration; /* borrowed from the tn_migrations */
    tn_str sql;                    /* a view into its up text */
    uint32_t line;
    tn_plan_state state;
    const tn_error *error; /* of TN_PLAN_FAILED and TN_PLAN_TOO_LONG, else NULL */
    const char *note;      /* "" or a sentence */
    const tn_plan_lock *locks;
    size_t n_locks;
    int64_t duration_us;
} tn_plan_step;

/* The migrations must outlive the plan. Freed with tn_plan_free(). A statement that fails is no
 * failure of this call. */
TN_API TN_NODISCARD tn_status tn_plan_make(tn_db *client, const tn_migrations *migrations,
                                           const tn_migrate_options *migrate,
                                           const tn_plan_options *options, tn_plan **ret,
                                           tn_error *err);
TN_API size_t tn_plan_count(const tn_plan *plan);
/* NULL past the end. */
TN_API const tn_plan_step *tn_plan_at(const tn_plan *plan, size_t i);
/* How many migrations the steps belong to. */
TN_API size_t tn_plan_pending(const tn_plan *plan);
/* The schema before, and as the statements left it; the second is NULL when not all could be run.
 */
TN_API const tn_schema *tn_plan_before(const tn_plan *plan);
TN_API const tn_schema *tn_plan_after(const tn_plan *plan);
/* NULL is fine. */
TN_API void tn_plan_free(tn_plan *plan);

/* ---- lint ------------------------------------------------------------------------------------ */

typedef enum tn_lint_level {
    TN_LINT_NOTE = 0,
    TN_LINT_WARNING, /* may block or break what runs */
    TN_LINT_ERROR    /* loses data, or fails */
} tn_lint_level;

/* A rule: "LOCK001". */
typedef struct tn_lint_rule {
    const char *name;
    tn_lint_level level;
    const char *what;    /* why that is a danger */
    const char *instead; /* what to do */
} tn_lint_rule;

typedef struct tn_lint_finding {
    const tn_lint_rule *rule;
    const tn_migration *migration;
    const char *what;         /* of this finding: "create index on users without concurrently" */
    tn_migrate_problem place; /* file, line, column, text */
} tn_lint_finding;

/* Findings are valid within the call. */
typedef void tn_lint_fn(void *arg, const tn_lint_finding *finding);

/* Rule i; NULL past the end. Static. */
TN_API const tn_lint_rule *tn_lint_rules(size_t i);

/* Which migrations are looked at. TN_LINT_OPTIONS_INIT: all; fields are only added at the end. */
typedef struct tn_lint_options {
    size_t size;
    const char *after;               /* only versions behind this one; NULL or "": all */
    const tn_migrate_status *status; /* of these migrations: only what is pending; NULL: all */
} tn_lint_options;
/* clang-format off */
#define TN_LINT_OPTIONS_INIT {sizeof(tn_lint_options), NULL, NULL}
/* clang-format on */

/*
 * Looks at the text of the migrations for one driver; nothing is run. options may be NULL. Tables
 * that the migrations which are looked at create themselves are no danger to anybody.
 * `-- migrate:up ignore:RULE` and destructive:ok silence what they name. Returns how many findings
 * there are; TN_NOMEM is a finding of no rule (rule NULL).
 */
TN_API size_t tn_lint(const tn_migrations *migrations, const char *driver,
                      const tn_lint_options *options, tn_lint_fn *fn, void *arg);

/* ---- files ----------------------------------------------------------------------------------- */

/* The text of a file of the schema: a preface and the schema. The same bytes for the same schema.
 * The caller frees with free(); NULL: out of memory. */
TN_API char *tn_schema_file(const tn_schema *schema, const char *driver);

/*
 * The text of one migration that makes what the versions from..to made: the schema, and as comments
 * the statements in them that change rows or rights, which a schema does not hold. *ret_left (may
 * be NULL): how many of those. TN_UNSUPPORTED: the schema has what SQL cannot make anew. The caller
 * frees *ret_text with free().
 */
TN_API TN_NODISCARD tn_status tn_squash(const tn_migrations *migrations, const char *to,
                                        const tn_schema *schema, const char *driver,
                                        char **ret_text, size_t *ret_left, tn_error *err);

TN_END_DECLS

#endif
