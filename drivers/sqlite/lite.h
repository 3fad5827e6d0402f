/* SPDX-License-Identifier: MIT */
/*
 * The SQLite driver's own header: what its files share. One thread at a time uses a connection and
 * all that was made from it (SQLITE_OPEN_NOMUTEX); a source is shared and does not change once it
 * is open.
 */
#ifndef TENON_DRIVERS_SQLITE_LITE_H
#define TENON_DRIVERS_SQLITE_LITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <sqlite3.h>

#include <tenon/driver.h>

#include "base/arena.h"
#include "base/buf.h"
#include "kit/kit.h"
#include "sqlite/dialect/dialect.h"

/* Apart, so that what every call runs through needs no room for it. */
#define LITE_SELDOM __attribute__((cold, noinline))

/* ---- options.c: the URL and its parameters -------------------------------------------------- */

typedef enum lite_mode { LITE_RWC = 0, LITE_RW, LITE_RO } lite_mode;

typedef struct lite_options {
    char *path; /* absolute; NULL: sqlite::memory: */
    char *seed; /* absolute: the file that this one begins as; NULL: empty */
    lite_mode mode;
    char synchronous[8]; /* off, normal, full */
    int64_t busy_timeout_ms;
} lite_options;

extern const tn_driver_option lite_option_table[];

/* TN_CONFIG says what is wrong with the URL and what to write instead. path is the caller's. */
tn_status lite_options_read(const tn_host *host, const tn_source_config *config, lite_options *ret,
                            tn_error *err);

/* ---- memory.c: the files of sqlite::memory: ------------------------------------------------- */

typedef struct lite_memory lite_memory;

/* An empty database, its name and its file system in SQLite. */
tn_status lite_memory_create(const tn_host *host, lite_memory **ret, tn_error *err);
/* What sqlite3_open_v2() gets for both. */
const char *lite_memory_name(const lite_memory *memory);
/* No connection may be left. NULL is fine. */
void lite_memory_free(lite_memory *memory);
/* Before it is opened: the database is what this descriptor holds. false: errno tells. */
bool lite_memory_load(lite_memory *memory, int fd, int64_t size);

/* ---- seed.c: what sqlite::memory: begins with ------------------------------------------------ */

/* As this database file, which nobody is writing to. */
tn_status lite_seed_load(const tn_host *host, const char *seed, lite_memory *memory, tn_error *err);

/* ---- source.c ------------------------------------------------------------------------------- */

struct tn_driver_source {
    const tn_host *host;
    lite_options options;
    lite_memory *memory; /* NULL: a file */
    pid_t pid;           /* a child of fork must not touch files or connections of its parent */
};

tn_status lite_source_open(const tn_host *host, const tn_source_config *config,
                           tn_driver_source **ret, tn_error *err);
void lite_source_close(tn_driver_source *source);

/* ---- txn.c: the transaction as PostgreSQL sees it ------------------------------------------- */

typedef enum lite_txn_state { LITE_TXN_NONE = 0, LITE_TXN_OPEN, LITE_TXN_FAILED } lite_txn_state;

/* One savepoint, by level (the host's) or by name (given as SQL). In SQLite it is tn<index>. */
typedef struct lite_savepoint {
    uint32_t level; /* 0: named */
    char name[64];
} lite_savepoint;

typedef struct lite_txn {
    lite_txn_state state;
    bool real; /* SQLite's own transaction is open */
    bool lost; /* SQLite rolled the whole of it back by itself: no savepoint is left */
    bool read_only;
    bool schema_known; /* its version: nobody else can change it while real */
    int64_t schema_version;
    tn_isolation isolation;
    lite_savepoint *savepoints;
    uint32_t n_savepoints;
    uint32_t cap_savepoints;
    uint32_t issued; /* how many of them SQLite knows */
} lite_txn;

/* ---- conn.c --------------------------------------------------------------------------------- */

/* Statements of our own, prepared once a connection. */
typedef enum lite_fixed {
    LITE_BEGIN = 0,
    LITE_BEGIN_IMMEDIATE,
    LITE_COMMIT,
    LITE_ROLLBACK,
    LITE_PROBE, /* reads the schema table: asks the file, and takes a snapshot in a transaction */
    LITE_SCHEMA_VERSION,
    LITE_JSON_VALID,
    LITE_FIXED_COUNT
} lite_fixed;

/* An error that one of our SQL functions raised: SQLite carries only its text. */
typedef struct lite_raised {
    bool set;
    char sqlstate[6];
    char message[256];
} lite_raised;

struct tn_driver_conn {
    sqlite3 *db;
    tn_driver_source *source;
    const tn_host *host;
    tn_host_conn *host_conn;

    int64_t deadline;       /* of the operation that runs */
    tn_wait_result stopped; /* why the progress or busy handler gave up; READY: neither did */
    bool lock_timeout;      /* the busy handler gave up after busy_timeout */
    int64_t busy_since;
    int timer; /* of pauses, made by the first; -1: none */
    lite_raised raised;

    lite_txn txn;
    int64_t now_us; /* what now() says; counts only if now_set */
    bool now_set;

    sqlite3_stmt *fixed[LITE_FIXED_COUNT];
    tn_driver_cursor *spare; /* closed cursors, kept for their memory */
    uint32_t n_spare;
    tn__buf scratch; /* for one operation: translated SQL, a formatted value */
    tn__arena function_arena;
    char server[48];

    bool wal;
    bool broken;
    bool read_only_file;
    bool temporary; /* CREATE TEMP was run */
    bool altered;   /* PRAGMA or ATTACH changed the session: reset() cannot undo that */
};

tn_status lite_conn_open(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                         tn_driver_conn **ret, tn_error *err);
void lite_conn_close(tn_driver_conn *conn);
tn_status lite_conn_ping(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
tn_status lite_conn_cancel(tn_driver_conn *conn, int64_t deadline_ns, tn_outcome *ret_outcome,
                           tn_error *err);
tn_status lite_conn_reset(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
tn_conn_state lite_conn_state(const tn_driver_conn *conn);
void lite_conn_info(tn_driver_conn *conn, tn_conn_info *ret);

/* Runs one of the fixed statements to its end; a result code of SQLite. ret_value (may be NULL)
 * gets the first column of the first row, 0 without one. */
int lite_fixed_run(tn_driver_conn *conn, lite_fixed which, int64_t *ret_value);
/* Runs SQL that is ours; a result code of SQLite. */
int lite_exec(tn_driver_conn *conn, const char *sql);

/* ---- progress.c: deadlines, cancelling, waiting for locks ----------------------------------- */

/* Every operation starts with it. */
static inline void lite_arm(tn_driver_conn *conn, int64_t deadline_ns)
{
    conn->deadline = deadline_ns;
    conn->stopped = TN_WAIT_READY;
    conn->lock_timeout = false;
    conn->raised.set = false;
}

void lite_progress_install(tn_driver_conn *conn);
/* Waits for at most 1 s, by the host. false: cancelled; the deadline is for the caller to see. */
bool lite_pause(tn_driver_conn *conn, int64_t pause_ns);
/* Waits a little for another connection's lock. false: given up (deadline, cancelled, timeout). */
bool lite_busy_wait(tn_driver_conn *conn, int attempt);

/* ---- functions.c: SQL functions ------------------------------------------------------------- */

/* A result code of SQLite. */
int lite_functions_install(tn_driver_conn *conn);

/* ---- decltype.c ----------------------------------------------------------------------------- */

/* What a declared type means. */
typedef struct lite_type {
    tn_type type;    /* TN_TYPE_NULL: told by each value's storage class */
    tn_type element; /* of an array */
    int16_t scale;   /* of numeric(p,s), else -1 */
    int16_t precision;
    int32_t modifier; /* as in tn_column */
    const char *sql;  /* PostgreSQL's name for messages, "timestamp with time zone" */
    const char *name; /* PostgreSQL's short name: what an unnamed cast is called, "timestamptz" */
} lite_type;

/* false: not one of PostgreSQL's types; *ret is then by storage class. */
bool lite_decltype(tn_str declared, lite_type *ret);

/* ---- value.c, canonical.c, parse.c, fit.c, bind.c
 * -------------------------------------------------- */

/* One stored value as its column's type says; texts go into the arena. NULL or what is wrong:
 * the SQLSTATE. */
const char *lite_value_read(tn_driver_conn *conn, sqlite3_value *stored, const lite_type *type,
                            tn__arena *arena, tn_value *ret);
/* A date, timestamp or uuid in the form that lite_value_text() gives it. false: it has another one,
 * may be a good one, or there is no memory. *ret is a NULL before. */
bool lite_canonical_read(tn_type type, tn_str text, tn__arena *arena, tn_value *ret);
/* A result or parameter in storage form (PostgreSQL's text for all that SQLite has no class for),
 * appended to out. false: no memory. */
bool lite_value_text(const tn_value *value, tn__buf *out);

/* A text as PostgreSQL's input function of the type reads it. NULL, or the SQLSTATE with
 * PostgreSQL's words in message. */
const char *lite_text_parse(tn_driver_conn *conn, const lite_type *type, tn_str text,
                            tn__arena *arena, tn_value *ret, char *message, size_t size);

/* fit.c. Does the type say how much a value may be: numeric(p,s), varchar(n), char(n)? */
bool lite_has_bounds(const lite_type *type);
/* A value of the type as PostgreSQL would keep it there: rounded, cut, filled with blanks. NULL, or
 * the SQLSTATE with PostgreSQL's words in message. */
const char *lite_fit(tn_driver_conn *conn, const lite_type *type, const tn_value *value,
                     tn__arena *arena, tn_value *ret, char *message, size_t size);
/* A number in its normal form with the digits behind the point that the type has, appended to out;
 * nothing for NaN and its like. NULL, or the SQLSTATE: it has too many digits, or no memory. */
const char *lite_numeric_scale(const lite_type *type, tn_str normal, tn__buf *out);

/* Binds all; copies what must outlive the call into the statement's arena. */
tn_status lite_bind(tn_driver_stmt *stmt, const tn_value *params, size_t n_params, tn_error *err);

/* ---- stmt.c --------------------------------------------------------------------------------- */

/* How a column's values are stored where none has to be converted. */
typedef struct lite_plain {
    tn_value like; /* what they become, but for the value itself */
    int storage;   /* SQLite's class; 0: there is none */
    int64_t least; /* of an integer */
    uint64_t span; /* the greatest less the least */
} lite_plain;

struct tn_driver_stmt {
    tn_driver_conn *conn;
    sqlite3_stmt *stmt; /* NULL: empty, or a transaction command */
    tn_str sql;         /* the caller's, lives as long as the statement */
    lite_statement info;
    tn__arena arena; /* columns, names, types */
    tn_column *columns;
    lite_type *types;
    lite_plain *plain;      /* one a column */
    sqlite3_value **values; /* where SQLite has the columns of a row; all or none are known */
    uint32_t n_columns;
    uint32_t most_rows; /* of a batch, so that its values are bounded */
    const tn_param *params;
    tn__arena bound;          /* parameters that a running statement refers to */
    tn_driver_cursor *cursor; /* the attached one */
    uint32_t flags;
    bool writes;
    bool rows_of_write;     /* it both writes and gives rows */
    bool marks;             /* it is neither a query nor a change of rows: see leave_marks() */
    int reprepared;         /* how often SQLite had prepared it anew when the columns were read */
    int64_t schema_version; /* of statements that both write and give rows */
};

tn_status lite_stmt_prepare(tn_driver_conn *conn, tn_str sql, int64_t deadline_ns,
                            tn_driver_stmt **ret, tn_error *err);
void lite_stmt_describe(const tn_driver_stmt *stmt, tn_stmt_info *ret);
void lite_stmt_close(tn_driver_stmt *stmt);
/* True if the columns of a statement that SQLite has prepared anew are those that were told. */
bool lite_stmt_compare_columns(tn_driver_stmt *stmt, int reprepared);

/* True if the columns are still those that describe() told. */
static inline bool lite_stmt_same_columns(tn_driver_stmt *stmt)
{
    int reprepared = sqlite3_stmt_status(stmt->stmt, SQLITE_STMTSTATUS_REPREPARE, 0);

    return TN_LIKELY(reprepared == stmt->reprepared) || lite_stmt_compare_columns(stmt, reprepared);
}

/* ---- cursor.c ------------------------------------------------------------------------------- */

tn_status lite_cursor_execute(tn_driver_stmt *stmt, const tn_value *params, size_t n_params,
                              uint32_t flags, int64_t deadline_ns, tn_driver_cursor **ret,
                              tn_error *err);
tn_status lite_cursor_fetch(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret,
                            tn_error *err);
tn_status lite_cursor_detach(tn_driver_cursor *cursor, size_t limit, int64_t deadline_ns,
                             tn_error *err);
void lite_cursor_close(tn_driver_cursor *cursor);
/* Frees the connection's closed cursors. */
void lite_cursors_free(tn_driver_conn *conn);
/* The statement goes: its cursor must not reach it any more. */
void lite_cursor_orphan(tn_driver_cursor *cursor);

/* ---- bulk.c --------------------------------------------------------------------------------- */

tn_status lite_bulk_open(tn_driver_conn *conn, const tn_bulk_request *request, int64_t deadline_ns,
                         tn_driver_bulk **ret, tn_error *err);
void lite_bulk_describe(const tn_driver_bulk *bulk, tn_bulk_info *ret);
tn_status lite_bulk_write(tn_driver_bulk *bulk, const tn_value *values, uint32_t rows,
                          int64_t deadline_ns, tn_error *err);
tn_status lite_bulk_finish(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_rows,
                           tn_error *err);
void lite_bulk_abandon(tn_driver_bulk *bulk, int64_t deadline_ns);

/* ---- txn.c, command.c ----------------------------------------------------------------------- */

tn_status lite_txn_begin(tn_driver_conn *conn, const tn_txn_request *request, int64_t deadline_ns,
                         tn_error *err);
tn_status lite_txn_commit(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
tn_status lite_txn_rollback(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
tn_status lite_txn_savepoint(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns,
                             tn_error *err);
tn_status lite_txn_release(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns,
                           tn_error *err);
tn_status lite_txn_rollback_to(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns,
                               tn_error *err);

/* The same by name (level 0) or level; what the operations and SQL commands share. */
tn_status lite_txn_push(tn_driver_conn *conn, uint32_t level, tn_str name, tn_error *err);
tn_status lite_txn_pop(tn_driver_conn *conn, uint32_t level, tn_str name, bool keep_work,
                       tn_error *err);
/* Takes the write lock now: BEGIN IMMEDIATE. */
tn_status lite_txn_begin_now(tn_driver_conn *conn, tn_error *err);
/* Before a statement runs: refuses in a failed transaction, begins what was put off. */
tn_status lite_txn_enter(tn_driver_conn *conn, const tn_driver_stmt *stmt, tn_error *err);
/* After an error: the transaction, if there is one, is failed. */
void lite_txn_fail(tn_driver_conn *conn);
/* 25P02, if that is so. */
tn_status lite_txn_check(tn_driver_conn *conn, tn_phase phase, tn_error *err);
void lite_txn_free(lite_txn *txn);

/* BEGIN, COMMIT ... given as SQL: *ret_tag is the answer's tag. */
tn_status lite_command_run(tn_driver_stmt *stmt, const char **ret_tag, tn_error *err);
/* Reads one; TN_SYNTAX where PostgreSQL would. */
tn_status lite_command_parse(tn_driver_conn *conn, tn_str sql, lite_command *ret, tn_error *err);

/* ---- catalog.c ------------------------------------------------------------------------------ */

extern const tn_catalog_ops lite_catalog_ops;

/* ---- error.c, constraint.c ------------------------------------------------------------------ */

/* What is known of a failure besides SQLite's own words. */
typedef struct lite_where {
    tn_phase phase;
    const lite_statement *statement; /* NULL: one of our own */
    tn_str sql;                      /* the caller's text, for positions */
} lite_where;

/* Fills err from what SQLite says of the call that just failed with rc. */
tn_status lite_error(tn_driver_conn *conn, int rc, const lite_where *where, tn_error *err);
/* An error of ours; the status follows from sqlstate. */
tn_status lite_fail(tn_driver_conn *conn, tn_phase phase, const char *sqlstate, tn_error *err,
                    const char *format, ...) TN_PRINTF(5, 6);

/* definition.c: the constraints that a CREATE TABLE writes down, in their order. */
typedef enum lite_constraint_kind {
    LITE_PRIMARY_KEY = 0,
    LITE_UNIQUE,
    LITE_CHECK,
    LITE_FOREIGN_KEY
} lite_constraint_kind;

#define LITE_KEY_COLUMNS 32 /* a key of more columns is not given a name */

typedef struct lite_constraint {
    lite_constraint_kind kind;
    char name[64]; /* "" when it has none */
    char columns[LITE_KEY_COLUMNS][64];
    uint32_t n_columns; /* more than LITE_KEY_COLUMNS: not all are kept */
    tn_str expression;  /* of CHECK, without the parentheses */
} lite_constraint;

/* Calls fn for each until it returns false. */
void lite_definition_read(tn_str create, bool (*fn)(void *arg, const lite_constraint *constraint),
                          void *arg);

typedef struct lite_violation {
    const char *sqlstate;
    char message[320];
    char table[64];
    char column[64];
    char constraint[64];
} lite_violation;

/* What a constraint failure means in PostgreSQL's words. code is the extended one, text SQLite's
 * message. Looks into the schema, so that no statement may be running. */
void lite_violation_read(tn_driver_conn *conn, int code, const char *text,
                         const lite_statement *statement, lite_violation *ret);

#endif
