/* SPDX-License-Identifier: MIT */
/*
 * Schema migrations: libtenon-migrate (-ltenon-migrate). One history of versioned SQL files,
 * applied to a database in order, each exactly once, whoever else tries at the same time. The
 * command `tenon migrate` is this library; a service may carry its files within itself and migrate
 * when it starts:
 *
 *   extern const tn_migration_files app_migrations;      (made by tenon_embed_migrations())
 *   if (tn_migrate_up(db, &app_migrations, NULL, &err) != TN_OK) ...
 *
 * A file is VERSION_name.sql (any driver), VERSION_name.postgres.sql or VERSION_name.sqlite.sql
 * (one of them; it goes before the portable file); VERSION is digits, by custom the time in UTC
 * (20261123090000). `-- migrate:up` and `-- migrate:down` begin its blocks, options follow on the
 * same line: migrations/README.md tells all of them. Directories of other tools are read as they
 * are: VERSION_name.up.sql with .down.sql, V1__name.sql with U1__name.sql, and folders
 * VERSION_name/migration.sql.
 *
 * What is applied stands in the table _tenon_migrations of the database. A migration and its row
 * are one transaction. One with transaction:false is recorded statement by statement, so that it
 * goes on where it was interrupted.
 *
 * Thread rule: a tn_migrations is read by any number of threads; the calls on a database need a
 * client (tn_open(), tn_client()), from which they take connections of their own, any thread.
 */
#ifndef TENON_MIGRATE_H
#define TENON_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/db.h>
#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/types.h>

/* ---- files ----------------------------------------------------------------------------------- */

/* One file as it stands, text and all. */
typedef struct tn_migration_file {
    const char *name; /* within the directory: "20261123090000_users.sql" */
    const char *text; /* UTF-8; len bytes, a NUL behind them does not count */
    size_t len;
} tn_migration_file;

/* Files within the program: what `tenon migrate embed` and tenon_embed_migrations() write. Static
 * storage: it must live as long as what is made of it. */
typedef struct tn_migration_files {
    size_t size; /* sizeof(tn_migration_files) */
    const tn_migration_file *files;
    size_t count;
} tn_migration_files;

typedef enum tn_migration_foreign_keys {
    TN_MIGRATION_FOREIGN_KEYS_AUTO = 0, /* off where the block drops a table, else on */
    TN_MIGRATION_FOREIGN_KEYS_ON,
    TN_MIGRATION_FOREIGN_KEYS_OFF
} tn_migration_foreign_keys;

/* What the options of a block say. */
typedef struct tn_migration_options {
    bool no_transaction; /* transaction:false */
    bool destructive_ok; /* destructive:ok */
    bool irreversible;   /* irreversible:true */
    /* foreign-keys:on|off. SQLite alone: while they are off, dropping a table deletes no rows that
     * refer to it; they are checked before the commit, or, without a transaction, before the last
     * statement is recorded. */
    tn_migration_foreign_keys foreign_keys;
    int64_t lock_timeout_ms;      /* -1: not given; 0: none */
    int64_t statement_timeout_ms; /* -1: not given; 0: none */
} tn_migration_options;

/* One version as it is for one driver. Texts are borrowed from the tn_migrations. */
typedef struct tn_migration {
    const char *version;   /* the digits, as they stand in the file's name */
    const char *name;      /* "users" */
    const char *file;      /* with the directory as it was given */
    const char *down_file; /* where down stands: the same but for pairs; NULL: there is none */
    tn_str up;             /* its up blocks; lines as in the file: all others are blank */
    tn_str down;           /* its down blocks, the same way; len 0: none, or an empty one */
    char checksum[65];     /* SHA-256 of the up blocks, hexadecimal; see tn_migration_checksum() */
    bool variant;          /* it comes from a file for this driver alone */
    bool skipped;          /* -- migrate:skip driver:NAME: recorded, nothing to run */
    bool missing;       /* the version has files, but nothing for this driver: an error in deploy */
    const char *reason; /* of a skip; NULL: none */
    const char *ignore; /* ignore:RULE,RULE: of lint; NULL: none */
    tn_migration_options up_options, down_options;
    /* -- migrate:squash from:VERSION: it stands for all versions from there to its own, which have
     * no files any more. Where its version is applied there is nothing to do; NULL: none of it. */
    const char *squashes;
} tn_migration;

/* ---- what is wrong ----------------------------------------------------------------------------
 */

/* What kind of failure it was, beside the status; what the command's exit code and messages follow
 * from. New members are added at the end only. */
typedef enum tn_migrate_fault {
    TN_MIGRATE_NO_FAULT = 0,
    TN_MIGRATE_SQL,          /* a statement failed, or the database; nothing is half done */
    TN_MIGRATE_FILES,        /* the files cannot be read or are wrong */
    TN_MIGRATE_LOCKED,       /* another one migrates, or a table's lock was not had: try later */
    TN_MIGRATE_NO_DATABASE,  /* no connection */
    TN_MIGRATE_EDITED,       /* an applied file was changed */
    TN_MIGRATE_MISSING,      /* an applied version has no file */
    TN_MIGRATE_OUT_OF_ORDER, /* a pending version is older than one that is applied */
    TN_MIGRATE_DIVERGED,     /* both: the database was migrated from another branch */
    TN_MIGRATE_UNFINISHED,   /* a version without a transaction stopped halfway: see next */
    TN_MIGRATE_DRIFT,        /* the schema is not what the history left */
    TN_MIGRATE_REFUSED,      /* will not be done: a pooler, no down block, another version */
    TN_MIGRATE_USAGE         /* a version that is not known, an option that is none */
} tn_migrate_fault;

/* More about a failure than a tn_error has room for. Plain data. */
typedef struct tn_migrate_problem {
    tn_migrate_fault fault;
    char version[32]; /* "" if none */
    char file[256];
    uint32_t line, column; /* 1-based, in characters; 0: unknown */
    char text[512];        /* the line */
    char state[256];       /* what the database is like now, a sentence */
    char next[256];        /* what to run next */
} tn_migrate_problem;

/* ---- reading files ----------------------------------------------------------------------------
 */

typedef struct tn_migrations tn_migrations;

TN_BEGIN_DECLS

/*
 * Reads the files of a directory as they are for one driver ("postgresql", "sqlite"), in order of
 * versions. Files whose names are none of a migration's are passed over: tn_migrations_ignored().
 * TN_CONFIG: the directory cannot be read, two files have one version, a version is not digits
 * alone (V1.1__name.sql), a file's grammar is wrong, it is no text (a NUL), its name has another
 * database's where a driver's stands; ret_problem (may be NULL) then tells the
 * place. The caller frees with tn_migrations_free().
 */
TN_API TN_NODISCARD tn_migrations *tn_migrations_read(const char *directory, const char *driver,
                                                      tn_migrate_problem *ret_problem,
                                                      tn_error *err);

/* The same of files within the program, which are borrowed. */
TN_API TN_NODISCARD tn_migrations *tn_migrations_embedded(const tn_migration_files *files,
                                                          const char *driver,
                                                          tn_migrate_problem *ret_problem,
                                                          tn_error *err);

/* Migration i in order of versions; NULL past the end. Borrowed. */
TN_API const tn_migration *tn_migrations_at(const tn_migrations *migrations, size_t i);
TN_API size_t tn_migrations_count(const tn_migrations *migrations);
/* By version; leading zeros do not count. NULL: none. */
TN_API const tn_migration *tn_migrations_find(const tn_migrations *migrations, const char *version);
/* Name i of SQL files that are no migrations by their names (README.sql, R__views.sql), in order;
 * not schema.sql and schema.DRIVER.sql. NULL past the end. Borrowed. */
TN_API const char *tn_migrations_ignored(const tn_migrations *migrations, size_t i);

/* NULL is fine. */
TN_API void tn_migrations_free(tn_migrations *migrations);

/* ---- running ----------------------------------------------------------------------------------
 */

typedef enum tn_migrate_event_kind {
    TN_MIGRATE_EVENT_WAIT = 0, /* another one migrates: text tells who */
    TN_MIGRATE_EVENT_BEGIN,    /* of a migration */
    TN_MIGRATE_EVENT_STEP,     /* a statement of one without transaction is done: step of steps */
    TN_MIGRATE_EVENT_RETRY,    /* a lock was not had in time; it gave way and tries again */
    TN_MIGRATE_EVENT_DONE,     /* of a migration: duration_us */
    TN_MIGRATE_EVENT_NOTE      /* text: something an operator should know */
} tn_migrate_event_kind;

typedef struct tn_migrate_event {
    tn_migrate_event_kind kind;
    const tn_migration *migration; /* NULL if it concerns none, or one without a file */
    const char *version;           /* "" if none */
    const char *text;              /* "" if there is nothing to say */
    uint32_t step, steps;
    uint32_t done, total; /* migrations of this run */
    int64_t duration_us;
} tn_migrate_event;
/* Called on the caller's thread; must not use the library on the same database. */
typedef void tn_migrate_event_fn(void *arg, const tn_migrate_event *event);
/* Asked between statements and while waiting, often: true ends the run (TN_CANCELLED). */
typedef bool tn_migrate_stop_fn(void *arg);

/* Settings of a run. TN_MIGRATE_OPTIONS_INIT gives the defaults; fields are only added at the end.
 */
typedef struct tn_migrate_options {
    size_t size;
    const char *to;               /* up: the last version, down: the last that stays; NULL */
    uint32_t count;               /* up, down: at most so many; 0: all, of down one */
    bool out_of_order;            /* apply pending versions that are older than applied ones */
    int64_t lock_wait_ms;         /* for others that migrate; 0 does not wait */
    int64_t lock_timeout_ms;      /* of a table's lock, per attempt; 0 waits for ever */
    uint32_t lock_retries;        /* attempts after the first */
    int64_t statement_timeout_ms; /* 0: none */
    const char *history;          /* the table's name; NULL: _tenon_migrations */
    const char *tool;             /* recorded: "tenon 0.1.0"; NULL: the library's */
    tn_migrate_event_fn *event;   /* may be NULL */
    void *event_arg;
    tn_migrate_problem *problem; /* filled on failure; may be NULL */
    tn_migrate_stop_fn *stop;    /* may be NULL */
    void *stop_arg;
} tn_migrate_options;
/* clang-format off */
#define TN_MIGRATE_OPTIONS_INIT {sizeof(tn_migrate_options), NULL, 0, false, 60000, 3000, 5, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL}
/* clang-format on */

/* What a run did. */
typedef struct tn_migrate_result {
    uint32_t applied; /* or undone */
    uint32_t already; /* were applied before this run, or by another one while it waited */
    int64_t duration_us;
    char version[32]; /* the newest that is applied now, "" if none */
} tn_migrate_result;

/*
 * Applies what is pending, in strict order. Waits for others that migrate (lock_wait_ms), reads the
 * history again when it is its turn, and leaves what they did. Stops at the first failure: what was
 * applied before stays. options and ret_result may be NULL.
 *
 * TN_LOCKED: a lock was not had in time, nothing of that version is left. TN_FAILED with a
 * fault in problem: the files do not fit the history. Else the status of the statement that failed.
 */
TN_API TN_NODISCARD tn_status tn_migrate_deploy(tn_db *client, const tn_migrations *migrations,
                                                const tn_migrate_options *options,
                                                tn_migrate_result *ret_result, tn_error *err);

/* tn_migrate_deploy() of files within the program, for the database's driver. */
TN_API TN_NODISCARD tn_status tn_migrate_up(tn_db *client, const tn_migration_files *files,
                                            const tn_migrate_options *options, tn_error *err);

/*
 * Undoes the newest version (options: count, or back to the version `to`, which stays; "0": all),
 * by the down text that was recorded when it was applied, so that an older program can go back from
 * what a newer one did. migrations may be NULL. TN_FAILED with TN_MIGRATE_REFUSED: one has none.
 */
TN_API TN_NODISCARD tn_status tn_migrate_down(tn_db *client, const tn_migrations *migrations,
                                              const tn_migrate_options *options,
                                              tn_migrate_result *ret_result, tn_error *err);

/* ---- looking --------------------------------------------------------------------------------- */

typedef enum tn_migrate_state {
    TN_MIGRATE_PENDING = 0,
    TN_MIGRATE_APPLIED,
    TN_MIGRATE_BASELINE, /* recorded as applied, run by somebody else */
    TN_MIGRATE_RUNNING,  /* begun without a transaction and not at its end: running, or interrupted
                          */
    TN_MIGRATE_FAILED,   /* the same, a statement of it failed */
    TN_MIGRATE_UNDOING   /* its down, without a transaction, is not at its end */
} tn_migrate_state;

/* One version of the files, the history, or both. Texts are borrowed from the status. */
typedef struct tn_migrate_entry {
    const char *version, *name;
    const tn_migration *migration; /* NULL: there is no file */
    tn_migrate_state state;
    bool edited;          /* applied; the file's checksum is another one now */
    bool out_of_order;    /* pending, older than one that is applied */
    bool squashed;        /* applied, without a file: a squashed one stands for it */
    const char *checksum; /* recorded; NULL while pending, as all below */
    const char *driver, *schema_hash, *down_sql, *tool, *who, *note;
    uint32_t step;                   /* statements that are done, of one without a transaction */
    tn_time started_at, finished_at; /* the second is meaningless while it is not applied */
    int64_t duration_us;
} tn_migrate_entry;

typedef struct tn_migrate_status tn_migrate_status;

/* What is applied and what is pending, in order of versions. Reads only; a database without the
 * history's table has an empty one. The migrations must outlive it (NULL: the history alone). The
 * caller frees with tn_migrate_status_free(). NULL on failure. */
TN_API TN_NODISCARD tn_migrate_status *tn_migrate_look(tn_db *client,
                                                       const tn_migrations *migrations,
                                                       const tn_migrate_options *options,
                                                       tn_error *err);
TN_API size_t tn_migrate_status_count(const tn_migrate_status *status);
TN_API const tn_migrate_entry *tn_migrate_status_at(const tn_migrate_status *status, size_t i);
TN_API size_t tn_migrate_status_pending(const tn_migrate_status *status);
/* The first thing that is wrong with history and files, as deploy would tell it: TN_OK, or
 * TN_FAILED with problem (may be NULL) and err filled. */
TN_API tn_status tn_migrate_status_check(const tn_migrate_status *status,
                                         const tn_migrate_options *options, tn_error *err);
TN_API void tn_migrate_status_free(tn_migrate_status *status);

/* ---- mending --------------------------------------------------------------------------------- */

typedef enum tn_migrate_mend {
    TN_MIGRATE_MARK_APPLIED = 0, /* it was finished by hand: recorded as applied */
    TN_MIGRATE_MARK_PENDING,     /* it was undone by hand: its row is removed */
    TN_MIGRATE_ACCEPT_CHECKSUM,  /* the changed file is right: its checksum and down are recorded */
    TN_MIGRATE_STEP_DONE,        /* the statement that was interrupted was done: go on behind it */
    TN_MIGRATE_STEP_AGAIN        /* it was not: run it again */
} tn_migrate_mend;

/* Changes the history alone, under the lock. migrations gives the files that some of them need. */
TN_API TN_NODISCARD tn_status tn_migrate_repair(tn_db *client, const tn_migrations *migrations,
                                                const char *version, tn_migrate_mend mend,
                                                const tn_migrate_options *options, tn_error *err);

/*
 * Records versions as applied that were applied before tenon came: those of the files up to
 * options->to (NULL: all), or, with from, those that another tool's history lists ("dbmate",
 * "prisma", "flyway", "golang-migrate"). Refused when a history exists with other versions.
 */
TN_API TN_NODISCARD tn_status tn_migrate_baseline(tn_db *client, const tn_migrations *migrations,
                                                  const char *from,
                                                  const tn_migrate_options *options,
                                                  tn_migrate_result *ret_result, tn_error *err);

/* ---- for tools ------------------------------------------------------------------------------- */

/* The SHA-256 of a text as migrations count it, hexadecimal: CR LF is LF, a byte order mark and
 * white space at the end of the text do not count. */
TN_API void tn_migration_checksum(tn_str text, char ret_hex[65]);

/* Less than, equal to or greater than 0, as versions are ordered: by number, whatever the length.
 */
TN_API int tn_migration_compare(const char *a, const char *b);

/* Fills file, line, column and text of *ret for character `position` (1-based, as in
 * tn_error.position; 0: where the part begins) of part, which is a view into migration->up or
 * ->down. */
TN_API void tn_migration_place(const tn_migration *migration, tn_str part, int32_t position,
                               tn_migrate_problem *ret);

TN_END_DECLS

#endif
