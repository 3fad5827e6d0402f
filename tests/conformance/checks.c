/* SPDX-License-Identifier: MIT */
/* What cases say: checks, statements with an expectation, handles that the frame ends. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frame.h"
#include "suite.h"

/* ---- leaving a case -------------------------------------------------------------------------- */

fixture *suite_at(fixture *f, const char *file, int line)
{
    const char *slash = strrchr(file, '/');

    f->frame->file = slash ? slash + 1 : file;
    f->frame->line = line;
    return f;
}

void suite_fail(fixture *f, const char *format, ...)
{
    suite_frame *frame = f->frame;
    size_t used = 0;
    va_list args;

    if (frame->file)
        used = (size_t)snprintf(frame->reason, sizeof(frame->reason), "%s:%d: ", frame->file,
                                frame->line);
    va_start(args, format);
    vsnprintf(frame->reason + used, sizeof(frame->reason) - used, format, args);
    va_end(args);
    frame->outcome = CASE_FAILED;
    longjmp(frame->leave, 1);
}

void suite_skip(fixture *f, const char *format, ...)
{
    suite_frame *frame = f->frame;
    va_list args;

    va_start(args, format);
    vsnprintf(frame->reason, sizeof(frame->reason), format, args);
    va_end(args);
    frame->outcome = CASE_SKIPPED;
    longjmp(frame->leave, 1);
}

/* ---- checks ---------------------------------------------------------------------------------- */

void suite_check(fixture *f, bool ok, const char *what)
{
    if (!ok)
        suite_fail(f, "not so: %s", what);
}

void suite_check_int(fixture *f, const char *what, int64_t actual, int64_t expected)
{
    if (actual != expected)
        suite_fail(f, "%s is %" PRId64 ", expected %" PRId64, what, actual, expected);
}

void suite_check_text(fixture *f, const char *what, const char *actual, const char *expected)
{
    if (!actual || strcmp(actual, expected) != 0)
        suite_fail(f, "%s is %s%.300s%s, expected \"%.300s\"", what, actual ? "\"" : "",
                   actual ? actual : "NULL", actual ? "\"" : "", expected);
}

void suite_check_str(fixture *f, const char *what, tn_str actual, const char *expected)
{
    size_t len = strlen(expected);

    if (actual.len != len || (len > 0 && memcmp(actual.ptr, expected, len) != 0))
        suite_fail(f, "%s is \"%.*s\" (%zu bytes), expected \"%.300s\" (%zu bytes)", what,
                   (int)(actual.len > 300 ? 300 : actual.len), actual.ptr ? actual.ptr : "",
                   actual.len, expected, len);
}

void suite_check_ok(fixture *f, const char *what, tn_status status, const tn_error *err)
{
    if (status != TN_OK)
        suite_fail(f, "%s failed: %s: %s (SQLSTATE %s)%s%s", what, tn_status_name(status),
                   err ? err->message : "", err ? err->sqlstate : "",
                   err && err->detail[0] ? "\ndetail: " : "", err ? err->detail : "");
}

void suite_check_error(fixture *f, const char *what, tn_status actual, const tn_error *err,
                       tn_status expected, const char *sqlstate)
{
    if (actual == TN_OK)
        suite_fail(f, "%s succeeded, expected %s %s", what, tn_status_name(expected),
                   sqlstate ? sqlstate : "");
    if (actual != expected)
        suite_fail(f, "%s gave %s, expected %s; the error: %s (SQLSTATE %s)", what,
                   tn_status_name(actual), tn_status_name(expected), err->message, err->sqlstate);
    if (err->status != actual)
        suite_fail(f, "%s gave %s, but its error says %s", what, tn_status_name(actual),
                   tn_status_name(err->status));
    if (sqlstate && strcmp(err->sqlstate, sqlstate) != 0)
        suite_fail(f, "%s gave SQLSTATE \"%s\", expected %s; the error: %s", what, err->sqlstate,
                   sqlstate, err->message);
    if (err->message[0] == '\0')
        suite_fail(f, "%s gave an error without a message", what);
    if (strpbrk(err->message, "\r\n") && expected != TN_CONFIG)
        suite_fail(f, "%s gave a message of more than one line: %s", what, err->message);
}

bool has(const fixture *f, uint64_t capability)
{
    return (f->capabilities & capability) == capability;
}

/* ---- texts and memory ------------------------------------------------------------------------ */

void *room(fixture *f, size_t size)
{
    void *memory = calloc(1, size ? size : 1);

    if (!memory)
        suite_fail(f, "out of memory");
    frame_keep(f, KEPT_MEMORY, memory);
    return memory;
}

char *keep_text(fixture *f, char *text)
{
    frame_keep(f, KEPT_TENON_MEMORY, text);
    return text;
}

tn_rows *keep_rows(fixture *f, tn_rows *rows)
{
    frame_keep(f, KEPT_ROWS, rows);
    return rows;
}

const char *table_name(fixture *f, char letter)
{
    size_t i = (size_t)(letter - 't');

    f->frame->tables_used[i] = true;
    return f->frame->table_names[i];
}

/* The letter of a "{t}" that stands here, or 0. */
static char placeholder_at(const char *text)
{
    if (text[0] == '{' && text[1] >= 't' && text[1] <= 'v' && text[2] == '}')
        return text[1];
    return 0;
}

/* The text with every cast($1 as type) turned into $1: for drivers that know no more. */
static const char *without_casts(fixture *f, const char *text)
{
    char *out = room(f, strlen(text) + 1);
    char *to = out;

    while (*text) {
        unsigned depth = 1;
        if (strncmp(text, "cast($", 6) != 0) {
            *to++ = *text++;
            continue;
        }
        for (text += 5; *text && *text != ' '; text++)
            *to++ = *text;
        for (; *text && depth > 0; text++)
            depth += (*text == '(') - (*text == ')');
    }
    *to = '\0';
    return out;
}

const char *sql(fixture *f, const char *text)
{
    size_t size = strlen(text) + 1;

    if (!has(f, TN_CAP_SQL)) {
        if (!f->answers->plain_select)
            suite_skip(f, "the driver has no SQL, and declares no statement of its own");
        return without_casts(f, text);
    }
    for (const char *p = text; *p; p++)
        if (placeholder_at(p))
            size += sizeof(f->frame->table_names[0]);
    if (size == strlen(text) + 1)
        return text;
    char *out = room(f, size);
    char *to = out;
    for (const char *p = text; *p; p++) {
        if (placeholder_at(p)) {
            const char *name = table_name(f, p[1]);
            to = stpcpy(to, name);
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    *to = '\0';
    return out;
}

/* ---- statements ------------------------------------------------------------------------------ */

int64_t suite_exec(fixture *f, tn_db *db, const char *text, const tn_arglist *args)
{
    tn_error err = TN_ERROR_INIT;
    int64_t count = -1;
    tn_status status = tn_exec(db, sql(f, text), args, &count, &err);

    suite_check_ok(f, text, status, &err);
    return count;
}

void suite_exec_fails(fixture *f, tn_db *db, const char *text, const tn_arglist *args,
                      tn_status status, const char *sqlstate, tn_error *ret_err)
{
    tn_error err = TN_ERROR_INIT;
    int64_t count = -77;
    tn_status actual = tn_exec(db, sql(f, text), args, &count, &err);

    suite_check_error(f, text, actual, &err, status, sqlstate);
    suite_check_int(f, "the count of affected rows after a failure", count, -77);
    if (ret_err)
        *ret_err = err;
}

int64_t suite_int_of(fixture *f, tn_db *db, const char *text, const tn_arglist *args)
{
    tn_error err = TN_ERROR_INIT;
    int64_t number = 0;

    suite_check_ok(f, text, tn_get(db, sql(f, text), args, tn_into(&number), &err), &err);
    return number;
}

const char *suite_text_of(fixture *f, tn_db *db, const char *text, const tn_arglist *args)
{
    tn_error err = TN_ERROR_INIT;
    char *value = NULL;

    suite_check_ok(f, text, tn_get(db, sql(f, text), args, tn_into(&value), &err), &err);
    return keep_text(f, value);
}

tn_rows *query(fixture *f, tn_db *db, const char *text, const tn_arglist *args)
{
    return keep_rows(f, tn_query(db, sql(f, text), args));
}

tn_rows *query_with(fixture *f, tn_db *db, const tn_call *call, const char *text,
                    const tn_arglist *args)
{
    return keep_rows(f, tn_query_with(db, call, sql(f, text), args));
}

void suite_next(fixture *f, tn_rows *rows)
{
    tn_error err = TN_ERROR_INIT;

    if (tn_next(rows))
        return;
    frame_forget(f, rows);
    suite_check_ok(f, "tn_next()", tn_close(rows, &err), &err);
    suite_fail(f, "tn_next() found no row, expected one");
}

tn_status end_rows(fixture *f, tn_rows *rows, tn_error *err)
{
    frame_forget(f, rows);
    return tn_close(rows, err);
}

void suite_close(fixture *f, tn_rows *rows)
{
    tn_error err = TN_ERROR_INIT;

    suite_check_ok(f, "the query", end_rows(f, rows, &err), &err);
}

void suite_close_fails(fixture *f, tn_rows *rows, tn_status status, const char *sqlstate,
                       tn_error *ret_err)
{
    tn_error err = TN_ERROR_INIT;

    suite_check_error(f, "the query", end_rows(f, rows, &err), &err, status, sqlstate);
    if (ret_err)
        *ret_err = err;
}

/* ---- handles --------------------------------------------------------------------------------- */

tn_db *suite_begin(fixture *f, tn_db *db, const tn_txn_options *options)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = NULL;

    tn_status status = tn_begin(db, options, &tx, &err);
    if (status == TN_UNSUPPORTED && !has(f, TN_CAP_TRANSACTIONS))
        suite_skip(f, "the driver has no transactions");
    suite_check_ok(f, "tn_begin()", status, &err);
    frame_keep(f, KEPT_TX, tx);
    return tx;
}

tn_status end_commit(fixture *f, tn_db *tx, tn_error *err)
{
    frame_forget(f, tx);
    return tn_commit(tx, err);
}

void suite_commit(fixture *f, tn_db *tx)
{
    tn_error err = TN_ERROR_INIT;

    suite_check_ok(f, "tn_commit()", end_commit(f, tx, &err), &err);
}

void suite_rollback(fixture *f, tn_db *tx)
{
    tn_error err = TN_ERROR_INIT;

    frame_forget(f, tx);
    suite_check_ok(f, "tn_rollback()", tn_rollback(tx, &err), &err);
}

tn_batch_t *suite_batch(fixture *f)
{
    tn_batch_t *batch = tn_batch_new();

    suite_check(f, batch != NULL, "tn_batch_new()");
    frame_keep(f, KEPT_BATCH, batch);
    return batch;
}

tn_status end_batch_commit(fixture *f, tn_batch_t *batch, tn_db *tx, tn_error *err)
{
    frame_forget(f, tx);
    return tn_batch_commit(batch, tx, NULL, err);
}

tn_db *suite_acquire(fixture *f, tn_db *client)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session = NULL;

    suite_check_ok(f, "tn_acquire()", tn_acquire(client, &session, &err), &err);
    frame_keep(f, KEPT_SESSION, session);
    return session;
}

void release(fixture *f, tn_db *session)
{
    frame_forget(f, session);
    tn_release(session);
}

void suite_set(fixture *f, tn_config *config, const char *name, const char *value)
{
    tn_error err = TN_ERROR_INIT;

    suite_check_ok(f, name, tn_config_set(config, name, value, &err), &err);
}

tn_config *suite_config(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = tn_config_from_url(f->url, &err);

    if (!config)
        suite_check_ok(f, "tn_config_from_url()", err.status, &err);
    frame_keep(f, KEPT_CONFIG, config);
    suite_set(f, config, "connection_timeout", "10000");
    suite_set(f, config, "pool_timeout", "10000");
    suite_set(f, config, "connect_retries", "0");
    suite_set(f, config, "min_connections", "1");
    suite_set(f, config, "max_connections", "4");
    return config;
}

tn_db *suite_open(fixture *f, const tn_config *config)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tn_open(config, &err);

    if (!db)
        suite_check_ok(f, "tn_open()", err.status ? err.status : TN_FAILED, &err);
    frame_keep(f, KEPT_CLIENT, db);
    return db;
}

tn_db *suite_open_pool(fixture *f, const char *max, const char *pool_timeout)
{
    tn_config *config = suite_config(f);

    suite_set(f, config, "max_connections", max);
    suite_set(f, config, "pool_timeout", pool_timeout);
    return suite_open(f, config);
}

tn_status end_client(fixture *f, tn_db *client, tn_error *err)
{
    frame_forget(f, client);
    return tn_db_close(client, err);
}

tn_stmt *suite_prepare(fixture *f, tn_db *db, const char *text)
{
    tn_error err = TN_ERROR_INIT;
    tn_stmt *stmt = NULL;

    suite_check_ok(f, text, tn_prepare(db, sql(f, text), &stmt, &err), &err);
    frame_keep(f, KEPT_STMT, stmt);
    return stmt;
}

void end_stmt(fixture *f, tn_stmt *stmt)
{
    frame_forget(f, stmt);
    tn_stmt_close(stmt);
}

/* ---- threads --------------------------------------------------------------------------------- */

int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sleep_ms(int ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&rest, &rest) != 0)
        ;
}

typedef struct worker_start {
    worker w;
    worker_fn *fn;
    pthread_barrier_t *together;
} worker_start;

static void *worker_run(void *arg)
{
    worker_start *start = arg;

    pthread_barrier_wait(start->together);
    start->w.status = start->fn(&start->w);
    return NULL;
}

#define WORKERS_MAX 32

void suite_on_threads(fixture *f, unsigned count, worker_fn *fn, void *arg)
{
    pthread_barrier_t together;
    pthread_t threads[WORKERS_MAX];
    worker_start *starts = room(f, WORKERS_MAX * sizeof(starts[0]));

    if (count == 0 || count > WORKERS_MAX)
        suite_fail(f, "%u threads, between 1 and %d are possible", count, WORKERS_MAX);
    pthread_barrier_init(&together, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        starts[i] = (worker_start){.w = {.f = f, .index = i, .arg = arg, .error = TN_ERROR_INIT},
                                   .fn = fn,
                                   .together = &together};
        /* The ones that wait at the barrier could not be ended any more. */
        if (pthread_create(&threads[i], NULL, worker_run, &starts[i]) != 0) {
            fprintf(stderr, "tenon-conformance: a thread could not be made\n");
            abort();
        }
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&together);
    for (unsigned i = 0; i < count; i++)
        if (starts[i].w.status != TN_OK)
            suite_fail(f, "thread %u: %s: %s (SQLSTATE %s)", i, tn_status_name(starts[i].w.status),
                       starts[i].w.error.message, starts[i].w.error.sqlstate);
}

static void *canceller_run(void *arg)
{
    canceller *c = arg;

    while (!c->stop) {
        sleep_ms(5);
        tn_cancel(c->db);
    }
    return NULL;
}

void frame_canceller_end(canceller *c)
{
    c->stop = true;
    pthread_join(c->thread, NULL);
    free(c);
}

canceller *canceller_start(fixture *f, tn_db *db)
{
    canceller *c = calloc(1, sizeof(*c));

    if (!c)
        suite_fail(f, "out of memory");
    c->db = db;
    if (pthread_create(&c->thread, NULL, canceller_run, c) != 0) {
        free(c);
        suite_fail(f, "a thread could not be made");
    }
    frame_keep(f, KEPT_CANCELLER, c);
    return c;
}

void canceller_stop(fixture *f, canceller *c)
{
    frame_forget(f, c);
    frame_canceller_end(c);
}
