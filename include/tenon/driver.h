/* SPDX-License-Identifier: MIT */
/*
 * The driver contract: what a driver module exports, what the host gives it, what each operation
 * must do. Applications include <tenon/tenon.h> instead.
 *
 * A module exports one const data symbol, tn_driver_module (TN_DRIVER_MODULE_SYMBOL), so that the
 * host can check it before any code of the driver runs. It links its client library and nothing of
 * tenon: what it needs of the host comes through tn_host.
 *
 * HOW THE STRUCTS GROW. Every struct below that crosses the border starts with its own size. Within
 * an ABI major fields are only added at the end. The host copies min(its size, the module's size)
 * of each table into a zeroed table of its own, fills defaults and checks; the module does the same
 * with tn_host before it uses a service of a later minor. Marker comments say where a minor ends.
 *
 * HOW TO MOVE TO VERSION N
 *   1.0  the first one.
 *   1.1  tn_txn_ops gained identify() and outcome(), tn_conn_info gained pooled, capabilities
 * gained TN_CAP_REMOTE. Nothing that was there changed: rebuild, and set the bit if connecting goes
 *        over a network.
 *   1.2  tn_txn_request gained eager: a begin() that is lazy heeds it. tn_batch_ops, tn_bulk_ops
 * and tn_notify_ops are called, and have another shape than they had while nobody called them
 *        (listen() takes several channels, probe(), answered() and sql are new). A module with an
 *        old table is refused.
 *
 * WORDS. Each operation's comment opens with Mandatory:, Optional: or Optional with default:.
 *
 * THREADS. A connection and everything made from it is used by one thread at a time (which one may
 * change between calls). Different connections of one source are used at the same time. Source
 * operations are called under the host's lock. No operation may block but by host->wait(), or, in
 * a driver without sockets, in steps between which it asks host->interrupted().
 *
 * DEADLINES are absolute: nanoseconds of CLOCK_MONOTONIC, TN_NO_DEADLINE for none. An operation
 * that finds its deadline passed or wait() interrupted fills err (TN_TIMEOUT or TN_CANCELLED,
 * 57014) and returns; whether the connection is then TN_CONN_BUSY it tells by state().
 *
 * ERRORS. Every operation that can fail returns a tn_status and fills err by host->fail() (never by
 * writing into it: its layout is the host's). Outputs are untouched on failure. No text may hold a
 * password. After TN_LOST the connection's state is TN_CONN_BROKEN.
 *
 * MEMORY. Strings cross as tn_str. What the host passes in is valid until the operation returns;
 * what a driver hands out is valid as each comment says. Nobody frees the other's memory.
 */
#ifndef TENON_DRIVER_H
#define TENON_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/isolation.h>
#include <tenon/log.h>
#include <tenon/types.h>
#include <tenon/version.h>
#include <tenon/wait.h>

#define TN_DRIVER_MAGIC         UINT64_C(0x01726476726e6574) /* "tenrvdr" and 1, little endian */
#define TN_DRIVER_MODULE_SYMBOL "tn_driver_module"

/* The driver's own handles: each driver defines these structs for itself. */
typedef struct tn_driver_source
    tn_driver_source; /* what one client shares: parsed URL, TLS context */
typedef struct tn_driver_conn tn_driver_conn;
typedef struct tn_driver_stmt tn_driver_stmt;
typedef struct tn_driver_cursor tn_driver_cursor;

/* The host's side of one connection, handed back to host services. */
typedef struct tn_host_conn tn_host_conn;

/* ---- what the host gives -------------------------------------------------------------------- */

/* All that is known of an error. Zero-initialise it, set size, fill what there is. */
typedef struct tn_diagnostic {
    size_t size;
    tn_status status; /* TN_OK: the host derives it from sqlstate */
    tn_phase phase;
    tn_outcome outcome;
    int32_t native;            /* the client library's code */
    int32_t position;          /* 1-based, in characters */
    int32_t internal_position; /* within internal_query */
    tn_str sqlstate;           /* five characters, anything else is taken as none */
    tn_str message;            /* bounded, cut and made one line by the host */
    tn_str detail;
    tn_str hint;
    tn_str severity;
    tn_str context;
    tn_str schema;
    tn_str table;
    tn_str column;
    tn_str datatype;
    tn_str constraint;
    tn_str internal_query;
    tn_str source;
    /* minor 0 ends here */
} tn_diagnostic;

typedef struct tn_host {
    size_t size;
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t reserved;

    /* Waits for the connection's socket; owns deadlines, cancellation and event loops. */
    tn_wait_result (*wait)(tn_host_conn *conn, int fd, int events, int64_t deadline_ns);

    /* For drivers without a socket, from a progress hook: TN_WAIT_READY to go on, else
     * TN_WAIT_TIMEOUT or TN_WAIT_INTERRUPTED. Cheap. */
    tn_wait_result (*interrupted)(tn_host_conn *conn, int64_t deadline_ns);

    /* Fills err (may be NULL) and returns the status it has then (never TN_OK). */
    tn_status (*fail)(tn_error *err, const tn_diagnostic *diagnostic);

    /* True if a line of this level would be read; log() then escapes and sends it. conn may be
     * NULL. For what the server says besides answers (notices), component "server". */
    bool (*log_wanted)(tn_log_level level);
    void (*log)(tn_host_conn *conn, tn_log_level level, const char *component, tn_str text);

    /* Now, in nanoseconds of CLOCK_MONOTONIC. */
    int64_t (*now)(void);
    /* minor 0 ends here */
} tn_host;

/* A URL parameter that the driver claims: the host takes it out of the URL and hands it over apart.
 */
typedef struct tn_driver_option {
    const char *name;          /* NULL ends the table */
    const char *default_value; /* NULL: none */
    const char *choices;       /* "a|b|c", checked by the host; NULL: free text */
    const char *help;          /* one sentence */
} tn_driver_option;

typedef struct tn_driver_setting {
    tn_str name;
    tn_str value; /* percent-decoded, NUL-terminated */
} tn_driver_setting;

/* What a source is opened with. */
typedef struct tn_source_config {
    size_t size;
    tn_str scheme;
    tn_str url; /* without the claimed parameters; a secret; NUL-terminated */
    const tn_driver_setting *settings; /* every option of the table that has a value */
    size_t n_settings;
    tn_str application_name; /* "" or what the server may show */
    uint32_t max_connections;
    uint32_t connect_timeout_ms; /* for the client library's own knob; deadlines come besides */
    /* minor 0 ends here */
} tn_source_config;

/* ---- operations ------------------------------------------------------------------------------ */

typedef enum tn_conn_state {
    TN_CONN_IDLE = 0, /* no transaction, nothing pending: may go back into the pool */
    TN_CONN_IN_TXN,   /* in a transaction */
    TN_CONN_FAILED,   /* in a transaction that only rollback (to) can end: statements get 25P02 */
    TN_CONN_BUSY,     /* a statement was given up in the middle: cancel() or destroy */
    TN_CONN_BROKEN    /* destroy */
} tn_conn_state;

/* What health and doctor show. Texts are valid while the connection lives. */
typedef struct tn_conn_info {
    size_t size;
    const char *server;   /* "PostgreSQL 15.18" */
    const char *dialect;  /* "postgresql", "sqlite" */
    const char *endpoint; /* without a secret */
    const char *note;     /* "" or what an operator should know: "server not verified (...)" */
    bool verified;
    bool encrypted;
    bool read_only;
    /* minor 0 ends here */
    bool pooled; /* a pooler stands between, which may give each transaction another session */
    /* minor 1 ends here */
} tn_conn_info;

typedef struct tn_conn_ops {
    size_t size;

    /* Mandatory: reads and checks the configuration; opens nothing that needs the network.
     * TN_CONFIG names the parameter that is wrong. config is valid during the call only. */
    tn_status (*open_source)(const tn_host *host, const tn_source_config *config,
                             tn_driver_source **ret, tn_error *err);
    /* Mandatory: after all its connections were closed. NULL is fine. */
    void (*close_source)(tn_driver_source *source);

    /* Mandatory: connects. host_conn is what host services want; it lives longer than the
     * connection. TN_AUTH, TN_UNAVAILABLE, TN_TIMEOUT, TN_CONFIG ... */
    tn_status (*open)(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                      tn_driver_conn **ret, tn_error *err);
    /* Mandatory: in any state; does not wait for the server. Statements and cursors were closed
     * before. NULL is fine. */
    void (*close)(tn_driver_conn *conn);

    /* Mandatory: asks the server for an answer, changing nothing. */
    tn_status (*ping)(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);

    /* Mandatory: called in state TN_CONN_BUSY by the thread that owns the connection: ends the
     * statement that was given up and reads its answer to the end, so that no later statement can
     * be hit (fenced). On success the state is idle or in (failed) transaction, and *ret_outcome
     * says what became of the statement: TN_OUTCOME_NOT_APPLIED, or TN_OUTCOME_APPLIED when it had
     * ended well before it could be cancelled. On failure the host destroys the connection. A
     * driver that is never busy returns TN_OK. */
    tn_status (*cancel)(tn_driver_conn *conn, int64_t deadline_ns, tn_outcome *ret_outcome,
                        tn_error *err);

    /* Mandatory: rolls back what is open and undoes session state where it is known to have been
     * changed. On success the state is TN_CONN_IDLE; on failure the host destroys the connection.
     */
    tn_status (*reset)(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);

    /* Mandatory: local, no I/O. */
    tn_conn_state (*state)(const tn_driver_conn *conn);

    /* Mandatory: ret->size is set by the host; no I/O beyond what ping did. */
    void (*info)(tn_driver_conn *conn, tn_conn_info *ret);
    /* minor 0 ends here */

    /* Optional with default (true): in state TN_CONN_IDLE, without a round trip: false when what
     * has come from the server by now says that the connection has ended. */
    bool (*alive)(tn_driver_conn *conn);
    /* minor 1 ends here */

    /* Optional with default (false): open() waits by the host's wait only, so it keeps its deadline
     * on any thread: no name is looked up, nothing else of the client library blocks. */
    bool (*prompt)(const tn_driver_source *source);
    /* minor 2 ends here */
} tn_conn_ops;

/* A placeholder's type; TN_TYPE_NULL: any value is taken. */
typedef struct tn_param {
    tn_type type;
    tn_type element;       /* of an array */
    const char *type_name; /* the server's word, "" if unknown */
} tn_param;

enum {
    TN_STMT_ROWS = 1,      /* gives rows (also none) */
    TN_STMT_READ_ONLY = 2, /* certainly changes nothing */
    TN_STMT_EMPTY = 4      /* white space and comments only */
};

/* What a prepared statement is. Arrays and texts live as long as the statement. */
typedef struct tn_stmt_info {
    size_t size;
    const tn_param *params;
    size_t n_params;
    const tn_column *columns;
    size_t n_columns;
    uint32_t flags;
    /* minor 0 ends here */
} tn_stmt_info;

/* execute() returns this, with err filled, when the server has lost the statement or its plan no
 * longer fits (26000, "cached plan must not change result type") and nothing was run: the host
 * prepares it again when that is safe. */
#define TN_DRIVER_STALE ((tn_status)1000)

typedef struct tn_stmt_ops {
    size_t size;

    /* Mandatory: prepares one statement; more than one is TN_SYNTAX 42601, an empty text is fine
     * (TN_STMT_EMPTY). sql is NUL-terminated as well, and valid as long as the statement. */
    tn_status (*prepare)(tn_driver_conn *conn, tn_str sql, int64_t deadline_ns,
                         tn_driver_stmt **ret, tn_error *err);
    /* Mandatory: ret->size is set by the host. No I/O: prepare() asked for everything. */
    void (*describe)(const tn_driver_stmt *stmt, tn_stmt_info *ret);
    /* Mandatory: no waiting (what the server must be told goes with the next call). NULL is fine.
     */
    void (*close)(tn_driver_stmt *stmt);
    /* minor 0 ends here */

    /* Optional with default (one prepare() after the other): several texts, each of them once, in
     * as few round trips as can be. They are prepared in order, up to the first that fails: *ret_n
     * (set in any case) are in ret, and what is returned is of the one behind them. */
    tn_status (*prepare_all)(tn_driver_conn *conn, const tn_str *sql, size_t n, int64_t deadline_ns,
                             tn_driver_stmt **ret, size_t *ret_n, tn_error *err);
    /* minor 2 ends here */
} tn_stmt_ops;

enum {
    TN_EXECUTE_STREAM = 1 /* rows as they come, bounded memory; else the answer may be read whole */
};

/* Some rows. Values are row after row, n_columns each, typed as described at tn_value. They live
 * until the next fetch() or close() of the cursor (detach() leaves them valid). */
typedef struct tn_batch {
    size_t size;
    const tn_value *values;
    uint32_t rows;
    bool done; /* no rows after these: affected and tag are set */
    int64_t
        affected; /* rows inserted, updated, deleted or selected; -1: the statement counts none */
    const char *tag; /* command tag; lives as the values do; "" unknown */
    /* minor 0 ends here */
} tn_batch;

typedef struct tn_cursor_ops {
    size_t size;

    /* Mandatory: runs it. The host has converted each parameter: its type is the placeholder's, or
     * TN_TYPE_NULL, or TN_TYPE_TEXT for a placeholder of another type (the text form of the value,
     * parsed as the server does); for a placeholder of type TN_TYPE_NULL any type comes. The host
     * has checked the count. At most one cursor of a connection is attached at a time. */
    tn_status (*execute)(tn_driver_stmt *stmt, const tn_value *params, size_t n_params,
                         uint32_t flags, int64_t deadline_ns, tn_driver_cursor **ret,
                         tn_error *err);

    /* Mandatory: gives the next rows, at least one unless done. ret->size is set by the host.
     * Called until done or failed. On failure an open transaction is TN_CONN_FAILED as the server
     * says. */
    tn_status (*fetch)(tn_driver_cursor *cursor, int64_t deadline_ns, tn_batch *ret, tn_error *err);

    /* Mandatory: reads what is left into memory, so that the connection is free for other
     * statements while the cursor is read on. More than limit bytes is TN_LIMIT (54000) and ends
     * the cursor. */
    tn_status (*detach)(tn_driver_cursor *cursor, size_t limit, int64_t deadline_ns, tn_error *err);

    /* Mandatory: does not wait. An unfinished statement leaves the connection TN_CONN_BUSY unless
     * its rest was at hand. NULL is fine. */
    void (*close)(tn_driver_cursor *cursor);
    /* minor 0 ends here */
} tn_cursor_ops;

enum { TN_TXN_ID_SIZE = 48 };

typedef struct tn_txn_request {
    size_t size;
    tn_isolation isolation;
    bool read_only;
    bool deferrable;
    /* minor 0 ends here */
    bool eager; /* the server has to have answered when begin() returns */
    /* minor 2 ends here */
} tn_txn_request;

typedef struct tn_txn_ops {
    size_t size;

    /* Mandatory: called in state TN_CONN_IDLE. May be lazy (BEGIN goes out with the first
     * statement) unless the request is eager; from here on the state is TN_CONN_IN_TXN. */
    tn_status (*begin)(tn_driver_conn *conn, const tn_txn_request *request, int64_t deadline_ns,
                       tn_error *err);
    /* Mandatory with begin: TN_OK only when the server says that it is committed. TN_ABORTED when
     * it rolled back instead. TN_OUTCOME_UNKNOWN (08007) when it was sent and no answer came. Where
     * the transaction is still open afterwards (a busy database) the state says so. */
    tn_status (*commit)(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
    /* Mandatory with begin: in a transaction, failed or not. */
    tn_status (*rollback)(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);

    /* Mandatory unless TN_CAP_SAVEPOINTS is missing: level counts from 1; a level is released or
     * rolled back to before a lower one is. release() keeps the work, rollback_to() undoes it,
     * makes a failed transaction usable again and keeps the savepoint. */
    tn_status (*savepoint)(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns,
                           tn_error *err);
    tn_status (*release)(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns, tn_error *err);
    tn_status (*rollback_to)(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns,
                             tn_error *err);
    /* minor 0 ends here */

    /* Optional, both together. identify(): no I/O, in any state, also a broken one: writes the name
     * under which the server knows the transaction whose COMMIT was sent last, with a NUL, "" when
     * it has none (it wrote nothing, or nobody asked in time). At most TN_TXN_ID_SIZE bytes. */
    void (*identify)(const tn_driver_conn *conn, char *buf, size_t size);
    /* On another connection, in state TN_CONN_IDLE: what became of the transaction of that name.
     * TN_OUTCOME_IN_DOUBT: it is still under way, ask again; TN_OUTCOME_NONE: the server no longer
     * knows. */
    tn_status (*outcome)(tn_driver_conn *conn, tn_str id, int64_t deadline_ns,
                         tn_outcome *ret_outcome, tn_error *err);
    /* minor 1 ends here */
} tn_txn_ops;

/* ---- batch (optional) ------------------------------------------------------------------------ */

enum {
    TN_BATCH_EACH = 1,  /* each is a transaction of its own, run whatever became of the others */
    TN_BATCH_COMMIT = 2 /* in a transaction: COMMIT behind the last one when all went well */
};

/*
 * Statements to be run in order, and whom to tell of each. The host keeps it, and the statements,
 * until run() has returned; where run() leaves the connection TN_CONN_BUSY, until cancel() has
 * returned, which tells of the answers that it reads. Each statement that was bound is told of at
 * most once: by answer() with done set, or by fail().
 */
typedef struct tn_batch_work {
    size_t size;
    tn_driver_stmt *const *stmts; /* one may stand there more than once */
    size_t count;
    uint32_t flags; /* TN_BATCH_ */
    void *arg;      /* for the functions below */

    /* The parameters of one, as execute() gets them, when it is about to be sent: in order, once
     * each. They live until the next call. Not TN_OK: it cannot be run, and the host knows; the
     * driver treats it as one that failed, and tells nothing of it. */
    tn_status (*bind)(void *arg, size_t index, const tn_value **ret, size_t *ret_count);
    /* Rows of one, as fetch() gives them (size is set by the driver); they live during the call. */
    void (*answer)(void *arg, size_t index, const tn_batch *rows);
    /* Its rows cannot be read any further, and error says why: it ran all the same, and answer()
     * follows when it has ended well. */
    void (*unreadable)(void *arg, size_t index, tn_status status);
    /* It failed: error is filled, status is what that gave, or TN_DRIVER_STALE as of execute().
     * Told in order. Those behind it that were not run are not told of. */
    void (*fail)(void *arg, size_t index, tn_status status);
    tn_error *error; /* for these two */
    /* minor 2 ends here */
} tn_batch_work;

typedef struct tn_batch_ops {
    size_t size;
    /* Optional: all in one round trip (pipelining), in bounded memory whatever their number.
     * Without it the host runs them one after another by execute() and fetch(). Called in state
     * TN_CONN_IDLE with TN_BATCH_EACH, else in TN_CONN_IN_TXN; none of the statements is BEGIN,
     * COMMIT or their kin.
     *
     * TN_OK: everything that was sent has been answered, and with TN_BATCH_COMMIT, unless one
     * failed, the transaction is committed. Unless each is for itself, the first that failed ends
     * it: those behind it are not run, nothing is committed, and the transaction is as the failure
     * leaves it. Otherwise the batch as a whole came to an end: the errors of execute(), and those
     * of commit() where COMMIT was sent or refused. */
    tn_status (*run)(tn_driver_conn *conn, const tn_batch_work *work, int64_t deadline_ns,
                     tn_error *err);
    /* minor 2 ends here */
} tn_batch_ops;

/* ---- optional tables: their place in the ABI; not yet called by this host -------------------- */

typedef struct tn_driver_bulk tn_driver_bulk;

/* Where many rows go. Names are SQL text already: quoted, "app"."users". Valid until the bulk ends.
 */
typedef struct tn_bulk_request {
    size_t size;
    tn_str table;
    const tn_str *columns; /* at least one */
    size_t n_columns;
    const tn_str *keys; /* of these columns, when rows of the same key replace older ones */
    size_t n_keys;
    tn_str conflict;        /* "", or "ON CONFLICT ..." as it stands behind the rows of an INSERT */
    tn_driver_stmt *insert; /* INSERT INTO table (columns) VALUES ($1, ...) conflict, prepared */
    /* minor 2 ends here */
} tn_bulk_request;

/* What is known of a bulk; valid while it lives. */
typedef struct tn_bulk_info {
    size_t size;
    const tn_param *params; /* what each column takes, as of placeholders */
    uint64_t failed_row;    /* of the write() or finish() that failed, from 1; 0: not known */
    uint32_t failed_column; /* the same */
    bool merging;           /* it failed when the rows were there and were put into the table */
    /* minor 2 ends here */
} tn_bulk_info;

typedef struct tn_bulk_ops {
    size_t size;
    /* Optional, all together: writes many rows into a table by the fastest way (COPY). Without the
     * table the host executes the INSERT once a row. Called in state TN_CONN_IN_TXN; nothing else
     * is called on the connection until finish() went well or abandon(), state() apart. */
    tn_status (*open)(tn_driver_conn *conn, const tn_bulk_request *request, int64_t deadline_ns,
                      tn_driver_bulk **ret, tn_error *err);
    /* ret->size is set by the host; no I/O. */
    void (*describe)(const tn_driver_bulk *bulk, tn_bulk_info *ret);
    /* rows * n_columns values, converted as for execute(). Nothing of them is kept. An error may be
     * of an earlier row. */
    tn_status (*write)(tn_driver_bulk *bulk, const tn_value *values, uint32_t rows,
                       int64_t deadline_ns, tn_error *err);
    /* Everything is in the table, as far as the transaction goes: *ret_rows were inserted or
     * updated. The handle is gone on success only. */
    tn_status (*finish)(tn_driver_bulk *bulk, int64_t deadline_ns, int64_t *ret_rows,
                        tn_error *err);
    /* Ends it in any state; the host rolls back. May wait until the deadline for the connection to
     * be usable again, and else leaves it TN_CONN_BUSY. NULL is fine. */
    void (*abandon)(tn_driver_bulk *bulk, int64_t deadline_ns);
    /* minor 2 ends here */
} tn_bulk_ops;

typedef struct tn_notification {
    size_t size;
    tn_str channel; /* both NUL-terminated, and valid until the next operation on the connection */
    tn_str payload;
    int64_t sender; /* the server's number of the session that notified */
} tn_notification;

/*
 * Optional, all together: LISTEN and NOTIFY. Without the table tn_listen() and tn_notify() are
 * TN_UNSUPPORTED. A connection that listens is the listener's own, does nothing else and is never
 * reset. Channels are names of 1 to 63 bytes of UTF-8, their case kept; the host has checked that.
 */
typedef struct tn_notify_ops {
    size_t size;
    /* Listens to all of them, or to none of them when it fails. TN_UNSUPPORTED (0A000) where
     * nothing would come: behind a pooler that gives each transaction another session. */
    tn_status (*listen)(tn_driver_conn *conn, const tn_str *channels, size_t count,
                        int64_t deadline_ns, tn_error *err);
    tn_status (*unlisten)(tn_driver_conn *conn, tn_str channel, int64_t deadline_ns, tn_error *err);
    /* The next notification, in the server's order; what has come before the connection was lost is
     * given before TN_LOST is. A deadline that has passed: what is at hand. After TN_TIMEOUT and
     * TN_CANCELLED the connection is as good as before, whatever state() says. ret->size is set by
     * the host. */
    tn_status (*wait)(tn_driver_conn *conn, int64_t deadline_ns, tn_notification *ret,
                      tn_error *err);
    /* Asks for a sign of life without waiting for it: wait() reads it, and the operations above do.
     * TN_TIMEOUT: it goes out with wait(). Not called again before it was answered. */
    tn_status (*probe)(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
    /* Has it been answered, as far as wait() has read? No I/O. */
    bool (*answered)(const tn_driver_conn *conn);
    /* A statement that notifies: $1 the channel, $2 the payload, both text. Delivered when its
     * transaction commits. */
    const char *sql;
    /* minor 2 ends here */
} tn_notify_ops;

typedef struct tn_catalog_ops {
    size_t size;
    /* Optional: the schema as <tenon/schema.h> says, handed over piece by piece; joined they are
     * the text: for each object a line "-- kind: name", its statements, each ended by a semicolon,
     * and an empty line, in an order in which they can be run. schema is a list of names with
     * commas between, empty for all that are the users'. In the state idle or in a transaction, and
     * the state is the same afterwards, also when it failed, unless the connection is busy or
     * broken. Pieces are valid within the call. Without it migrations cannot see drift. */
    tn_status (*describe)(tn_driver_conn *conn, tn_str schema, int64_t deadline_ns,
                          void (*out)(void *arg, tn_str piece), void *arg, tn_error *err);
    /* Optional: a cursor over (schema, table, kind, estimated rows). */
    tn_status (*tables)(tn_driver_conn *conn, int64_t deadline_ns, tn_driver_cursor **ret,
                        tn_error *err);
    /* minor 0 ends here */
} tn_catalog_ops;

/* ---- the module ------------------------------------------------------------------------------ */

/* What a driver can do. A bit that is missing is a refusal that the conformance suite expects. */
#define TN_CAP_SQL               (UINT64_C(1) << 0) /* understands SQL at large */
#define TN_CAP_SAVEPOINTS        (UINT64_C(1) << 1)
#define TN_CAP_STREAM            (UINT64_C(1) << 2) /* TN_EXECUTE_STREAM bounds memory */
#define TN_CAP_CANCEL            (UINT64_C(1) << 3) /* a running statement can be ended */
#define TN_CAP_PARAM_TYPES       (UINT64_C(1) << 4) /* placeholders have types before they are bound */
#define TN_CAP_COLUMN_TYPES      (UINT64_C(1) << 5) /* every column has a type before a row is there */
#define TN_CAP_NUMERIC_EXACT     (UINT64_C(1) << 6) /* numeric of any length keeps every digit */
#define TN_CAP_ARRAYS            (UINT64_C(1) << 7)
#define TN_CAP_CONCURRENT_WRITES (UINT64_C(1) << 8) /* two transactions may write at once */
#define TN_CAP_SCHEMAS           (UINT64_C(1) << 9)
#define TN_CAP_PERSISTENT        (UINT64_C(1) << 10) /* data outlives the connection */
#define TN_CAP_CONSTRAINT_NAMES  (UINT64_C(1) << 11) /* errors name the constraint */
#define TN_CAP_TRANSACTIONS      (UINT64_C(1) << 12) /* rollback undoes */
/* Connecting waits for somebody else (a network, a name server): the host does it on a thread of
 * its own, so that no caller waits beyond its deadline. */
#define TN_CAP_REMOTE (UINT64_C(1) << 13)

struct tn_driver_module {
    uint64_t magic; /* TN_DRIVER_MAGIC */
    uint32_t size;  /* sizeof(tn_driver_module) */
    uint16_t abi_major;
    uint16_t abi_minor;
    uint16_t least_host_minor; /* of the same major */
    uint16_t reserved16;
    uint32_t reserved32;
    uint64_t capabilities;
    const char *name;                /* "postgresql"; at most 31 characters */
    const char *version;             /* the driver's own, "0.1.0" */
    const char *const *schemes;      /* NULL-ended; one of them is the file's name */
    const tn_driver_option *options; /* NULL or a table that ends with name == NULL */
    const tn_conn_ops *conn;
    const tn_stmt_ops *stmt;
    const tn_cursor_ops *cursor;
    const tn_txn_ops *txn;
    const tn_batch_ops *batch; /* NULL or a table, as the next three */
    const tn_bulk_ops *bulk;
    const tn_notify_ops *notify;
    const tn_catalog_ops *catalog;
    /* Optional: the client library's name and version, "libpq 15.18". Static storage. */
    const char *(*client)(void);
    /* minor 0 ends here */
};
typedef struct tn_driver_module
    tn_module; /* the symbol has the struct's name, so the type has not */

/* What the driver defines: TN_DRIVER_EXPORT const tn_module tn_driver_module = {...}; */

#endif
