/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite's frame: named cases, a fixture for each, checks that end a case, and
 * handles that are given back whatever becomes of it.
 *
 * A case is a function that returns when all is well. A failed check and skip() leave it by
 * longjmp(), so cases keep nothing that only they could free: rows, transactions, sessions,
 * statements, clients, configurations and memory are handed to keep_ functions, and the frame ends
 * them in reverse order. Checks are for the thread that runs the case only.
 *
 * SQL texts go through sql(): {t}, {u} and {v} stand for tables of the case's own, which are
 * dropped afterwards.
 */
#ifndef TENON_CONFORMANCE_SUITE_H
#define TENON_CONFORMANCE_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <tenon/driver.h> /* the TN_CAP_ bits, nothing else */
#include <tenon/tenon.h>

#include "answers.h"

typedef struct suite_frame suite_frame;

/* What a case is given. */
typedef struct fixture {
    tn_db *db; /* the suite's client; nothing may be left in use on it */
    const char *url;
    const answers *answers;
    uint64_t capabilities;
    bool private_data; /* another client of the same URL sees other data */
    char scratch[64];  /* a directory of the run's own, for files */
    suite_frame *frame;
} fixture;

typedef void suite_fn(fixture *f);

typedef struct suite_case {
    const char *name;
    suite_fn *run;
    uint64_t needs; /* TN_CAP_ bits without which the case is skipped */
} suite_case;

typedef struct suite_group {
    const char *name;
    const suite_case *cases;
    size_t count;
} suite_group;

#define SUITE_COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* A row of a group's table. */
#define CASE(function, capabilities)                                  \
    {                                                                 \
        .name = #function, .run = (function), .needs = (capabilities) \
    }
#define GROUP(title) \
    const suite_group group_##title = {.name = #title, .cases = cases, .count = SUITE_COUNT(cases)}

extern const suite_group group_connect, group_exec, group_bind, group_types, group_times,
    group_arrays, group_rows, group_scan, group_txn, group_savepoint, group_isolation, group_error,
    group_cancel, group_health, group_threads, group_stmt, group_script, group_session, group_batch,
    group_schema, group_bulk, group_bulk_read;

/* ---- running -------------------------------------------------------------------------------- */

typedef struct suite_options {
    const char *url;
    const char *only;     /* a shell pattern over "group/case"; NULL: all */
    const answers *given; /* NULL: by the driver's name */
    FILE *out;
} suite_options;

typedef struct suite_result {
    char driver[32];
    char server[64];
    uint64_t capabilities;
    size_t passed, skipped, failed;
} suite_result;

/* All groups, in the order in which they run; NULL at the end. */
extern const suite_group *const suite_groups[];

/* Runs what options name and prints a TAP report. TN_OK when the database could be opened, whatever
 * the cases did. */
tn_status suite_run(const suite_options *options, suite_result *ret, tn_error *err);

/* ---- within a case --------------------------------------------------------------------------- */

/* Notes where the next check stands, and gives f back. */
fixture *suite_at(fixture *f, const char *file, int line);
#define HERE(f) suite_at((f), __FILE__, __LINE__)

__attribute__((noreturn, format(printf, 2, 3))) void suite_fail(fixture *f, const char *format,
                                                                ...);
__attribute__((noreturn, format(printf, 2, 3))) void suite_skip(fixture *f, const char *format,
                                                                ...);
#define fail(f, ...) suite_fail(HERE(f), __VA_ARGS__)
#define skip(f, ...) suite_skip(HERE(f), __VA_ARGS__)

void suite_check(fixture *f, bool ok, const char *what);
void suite_check_int(fixture *f, const char *what, int64_t actual, int64_t expected);
void suite_check_text(fixture *f, const char *what, const char *actual, const char *expected);
void suite_check_str(fixture *f, const char *what, tn_str actual, const char *expected);
void suite_check_ok(fixture *f, const char *what, tn_status status, const tn_error *err);
void suite_check_error(fixture *f, const char *what, tn_status actual, const tn_error *err,
                       tn_status expected, const char *sqlstate);
#define check(f, condition)             suite_check(HERE(f), (condition), #condition)
#define check_int(f, actual, expected)  suite_check_int(HERE(f), #actual, (actual), (expected))
#define check_text(f, actual, expected) suite_check_text(HERE(f), #actual, (actual), (expected))
#define check_str(f, actual, expected)  suite_check_str(HERE(f), #actual, (actual), (expected))
/* The call gave TN_OK. */
#define check_ok(f, call, err) suite_check_ok(HERE(f), #call, (call), (err))
/* The call failed with this status, err says the same, and has this SQLSTATE (NULL: any). */
#define check_error(f, call, err, status, sqlstate) \
    suite_check_error(HERE(f), #call, (call), (err), (status), (sqlstate))

/* The text with {t}, {u}, {v} replaced; on a driver without SQL, with its casts taken out. Lives as
 * long as the case. */
const char *sql(fixture *f, const char *text);
/* The name that {t}, {u} or {v} stands for. */
const char *table_name(fixture *f, char letter);

/* Runs it, expects success, returns the affected rows. */
int64_t suite_exec(fixture *f, tn_db *db, const char *text, const tn_arglist *args);
#define exec(f, db, text, args)     ((void)suite_exec(HERE(f), (db), (text), (args)))
#define affected(f, db, text, args) suite_exec(HERE(f), (db), (text), (args))

/* Runs it, expects this failure. sqlstate may be NULL. err may be NULL. */
void suite_exec_fails(fixture *f, tn_db *db, const char *text, const tn_arglist *args,
                      tn_status status, const char *sqlstate, tn_error *ret_err);
#define exec_fails(f, db, text, args, status, sqlstate) \
    suite_exec_fails(HERE(f), (db), (text), (args), (status), (sqlstate), NULL)
#define exec_fails_as(f, db, text, args, status, sqlstate, err) \
    suite_exec_fails(HERE(f), (db), (text), (args), (status), (sqlstate), (err))

/* One row, one column. The text is kept by the case. */
int64_t suite_int_of(fixture *f, tn_db *db, const char *text, const tn_arglist *args);
const char *suite_text_of(fixture *f, tn_db *db, const char *text, const tn_arglist *args);
#define int_of(f, db, text, args)  suite_int_of(HERE(f), (db), (text), (args))
#define text_of(f, db, text, args) suite_text_of(HERE(f), (db), (text), (args))

/* Rows that the frame closes. */
tn_rows *query(fixture *f, tn_db *db, const char *text, const tn_arglist *args);
tn_rows *query_with(fixture *f, tn_db *db, const tn_call *call, const char *text,
                    const tn_arglist *args);
/* There is a next row. */
void suite_next(fixture *f, tn_rows *rows);
#define next(f, rows) suite_next(HERE(f), (rows))
/* Closes them; expects that all went well, or this failure. */
void suite_close(fixture *f, tn_rows *rows);
void suite_close_fails(fixture *f, tn_rows *rows, tn_status status, const char *sqlstate,
                       tn_error *ret_err);
#define close_rows(f, rows) suite_close(HERE(f), (rows))
#define close_fails(f, rows, status, sqlstate) \
    suite_close_fails(HERE(f), (rows), (status), (sqlstate), NULL)
#define close_fails_as(f, rows, status, sqlstate, err) \
    suite_close_fails(HERE(f), (rows), (status), (sqlstate), (err))
/* Closes them without a word, and says how it ended. */
tn_status end_rows(fixture *f, tn_rows *rows, tn_error *err);

/* Transactions and sessions that the frame ends. end_ forget the handle and give the status. */
tn_db *suite_begin(fixture *f, tn_db *db, const tn_txn_options *options);
#define begin(f, db)               suite_begin(HERE(f), (db), NULL)
#define begin_with(f, db, options) suite_begin(HERE(f), (db), (options))
void suite_commit(fixture *f, tn_db *tx);
void suite_rollback(fixture *f, tn_db *tx);
#define commit(f, tx)   suite_commit(HERE(f), (tx))
#define rollback(f, tx) suite_rollback(HERE(f), (tx))
tn_status end_commit(fixture *f, tn_db *tx, tn_error *err);
tn_db *suite_acquire(fixture *f, tn_db *client);
#define acquire(f, client) suite_acquire(HERE(f), (client))
void release(fixture *f, tn_db *session);

/* A configuration of the suite's URL, with the suite's short timeouts. */
tn_config *suite_config(fixture *f);
#define new_config(f) suite_config(HERE(f))
void suite_set(fixture *f, tn_config *config, const char *name, const char *value);
#define set_option(f, config, name, value) suite_set(HERE(f), (config), (name), (value))
/* A client of its own, closed by the frame. */
tn_db *suite_open(fixture *f, const tn_config *config);
#define open_client(f, config) suite_open(HERE(f), (config))
/* One of that many connections; pool_timeout in milliseconds as text. */
tn_db *suite_open_pool(fixture *f, const char *max, const char *pool_timeout);
#define open_pool(f, max, pool_timeout) suite_open_pool(HERE(f), (max), (pool_timeout))
tn_status end_client(fixture *f, tn_db *client, tn_error *err);

tn_stmt *suite_prepare(fixture *f, tn_db *db, const char *text);
#define prepare(f, db, text) suite_prepare(HERE(f), (db), (text))
void end_stmt(fixture *f, tn_stmt *stmt);

/* A batch that the frame frees, and tn_batch_commit() on a transaction that the frame would end. */
tn_batch_t *suite_batch(fixture *f);
#define new_batch(f) suite_batch(HERE(f))
tn_status end_batch_commit(fixture *f, tn_batch_t *batch, tn_db *tx, tn_error *err);

/* Memory that the frame frees; a copy of text. Never NULL. */
void *room(fixture *f, size_t size);
/* Hands over what tn_get() put into a char *. */
char *keep_text(fixture *f, char *text);
/* Hands over rows made by other means. */
tn_rows *keep_rows(fixture *f, tn_rows *rows);

bool has(const fixture *f, uint64_t capability);

/* Counts 1 to n, as "n", on every engine. */
#define COUNT_TO(n) \
    "with recursive s(n) as (select 1 union all select n + 1 from s where n < " n ") "

/* ---- threads --------------------------------------------------------------------------------- */

typedef struct worker {
    fixture *f; /* to be read only */
    unsigned index;
    void *arg;
    tn_status status; /* what fn returned */
    tn_error error;
} worker;

typedef tn_status worker_fn(worker *w);

/* Runs fn on that many threads at once (at most 32) and waits for all; expects TN_OK of each. */
void suite_on_threads(fixture *f, unsigned count, worker_fn *fn, void *arg);
#define on_threads(f, count, fn, arg) suite_on_threads(HERE(f), (count), (fn), (arg))

/* A thread that cancels db every few milliseconds until canceller_stop(). */
typedef struct canceller canceller;
canceller *canceller_start(fixture *f, tn_db *db);
void canceller_stop(fixture *f, canceller *c);

/* Milliseconds of the monotonic clock, and sleeping. */
int64_t now_ms(void);
void sleep_ms(int ms);

#endif
