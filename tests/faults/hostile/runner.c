/* SPDX-License-Identifier: MIT */
/*
 * Whatever the server says: the call ends by its deadline, with a status that is right, an error
 * that can be shown anywhere and holds no secret; no connection is left in use, no descriptor and
 * no thread stays behind, and no value is wrong.
 */
#include "runner.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/str.h"

#define CANARY "Kestrel7canaryQz"

enum {
    DEADLINE_MS = 700,
    DEADLINE_CALLS = 3, /* that a scenario makes at most, each with its own */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    SLACK_MS = 6000,
#else
    SLACK_MS = 1500, /* a busy machine; without a deadline it would be for ever */
#endif
    SETTLE_MS = 10000
};

typedef struct seen {
    tn_status status;
    tn_error err;
    tn_pool_stats pool;
    int64_t affected, rows, elapsed_ms;
    int32_t value;
} seen;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* ---- what is left behind -------------------------------------------------------------------- */

static unsigned entries(const char *path)
{
    DIR *dir = opendir(path);
    unsigned n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

typedef struct left {
    unsigned descriptors, threads;
} left;

static left count_left(void)
{
    return (left){entries("/proc/self/fd"), entries("/proc/self/task")};
}

/* A thread that was told to end takes a moment. */
static void expect_nothing_left(left before)
{
    static const struct timespec pause = {.tv_nsec = 2000000};
    left after = count_left();

    for (int64_t end = now_ms() + SETTLE_MS; now_ms() < end; after = count_left()) {
        if (after.descriptors <= before.descriptors && after.threads <= before.threads)
            return;
        nanosleep(&pause, NULL);
    }
    fail_msg("%u descriptors and %u threads before, %u and %u after", before.descriptors,
             before.threads, after.descriptors, after.threads);
}

/* ---- the client ----------------------------------------------------------------------------- */

static void set(tn_config *config, const char *name, const char *value)
{
    tn_error err = TN_ERROR_INIT;

    if (tn_config_set(config, name, value, &err) != TN_OK)
        fail_msg("%s: %s", name, err.message);
}

static tn_db *open_client(int port, const char *parameters, tn_error *err)
{
    char url[256], limit[16];

    snprintf(url, sizeof(url), "postgresql://app:" CANARY "@127.0.0.1:%d/app%s%s", port,
             parameters ? "?" : "", parameters ? parameters : "");
    tn_config *config = tn_config_from_url(url, err);
    assert_non_null(config);
    snprintf(limit, sizeof(limit), "%d", DEADLINE_MS);
    set(config, "connection_timeout", limit);
    set(config, "statement_timeout", limit);
    set(config, "pool_timeout", limit);
    set(config, "connect_retries", "0");
    set(config, "min_connections", "0");
    set(config, "max_connections", "2");
    set(config, "row_buffer", "1048576");
    tn_db *db = tn_open(config, err);
    tn_config_free(config);
    return db;
}

static void read_rows(tn_db *db, seen *s)
{
    tn_rows *rows = tn_query(db, "select n from t", NULL);

    while (tn_next(rows)) {
        int32_t value = tn_row_int32(rows, 0);
        if (value != 42 && tn_rows_status(rows) == TN_OK)
            s->value = value;
        s->rows++;
    }
    s->status = tn_close(rows, &s->err);
}

static tn_status in_transaction(tn_db *db, tn_db **ret_tx, seen *s)
{
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    options.timeout_ms = DEADLINE_MS;
    tn_status status = tn_begin(db, &options, ret_tx, &s->err);
    if (status == TN_OK)
        status = tn_get(*ret_tx, "select n from t", NULL, tn_into(&s->value), &s->err);
    return status;
}

static void act_in_transaction(tn_db *db, hostile_act act, seen *s)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *tx = NULL;

    s->status = in_transaction(db, &tx, s);
    if (!tx || (act != ACT_IN_TXN && s->status != TN_OK)) {
        tn_rollback(tx, NULL);
        return;
    }
    if (act == ACT_COMMIT) {
        s->status = tn_commit(tx, &s->err);
        return;
    }
    tn_status rolled_back = tn_rollback(tx, &err);
    if (act == ACT_ROLLBACK) {
        s->status = rolled_back;
        s->err = err;
    }
}

static void act(tn_db *db, hostile_act what, seen *s)
{
    switch (what) {
    case ACT_OPEN: break;
    case ACT_GET:
        s->status = tn_get(db, "select n from t", NULL, tn_into(&s->value), &s->err);
        break;
    case ACT_EXEC:
        s->status = tn_exec(db, "update t set n = n", NULL, &s->affected, &s->err);
        break;
    case ACT_READ: read_rows(db, s); break;
    default: act_in_transaction(db, what, s);
    }
}

static void show(const seen *s)
{
    if (getenv("TENON_TEST_SHOW"))
        print_message("  %s %s \"%s\" total %u in %d ms\n", tn_status_name(s->status),
                      s->err.sqlstate, s->err.message, s->pool.total, (int)s->elapsed_ms);
}

/* ---- judging -------------------------------------------------------------------------------- */

static void expect_status(const seen *s, uint64_t allowed)
{
    if (allowed & UINT64_C(1) << s->status)
        return;
    tn_error_print(stderr, &s->err);
    fail_msg("%s (%s) is not what may come of it", tn_status_name(s->status), s->err.sqlstate);
}

static bool is_code(const char *sqlstate)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return sqlstate[0] == '\0' || (strlen(sqlstate) == 5 && strspn(sqlstate, letters) == 5);
}

/* It can be shown on a terminal, written to a log and sent on. */
static void expect_presentable(const tn_error *err)
{
    char text[8192];
    size_t length = tn_error_format(err, text, sizeof(text));

    assert_true(length < sizeof(text));
    assert_true(tn__utf8_valid(text, length));
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' && text[i] != '\n')
            fail_msg("control character %u in the error", (unsigned)text[i]);
    assert_null(strstr(text, CANARY));
    if (!is_code(err->sqlstate))
        fail_msg("\"%s\" is no SQLSTATE", err->sqlstate);
    assert_true((err->status == TN_OUTCOME_UNKNOWN) <= (err->outcome == TN_OUTCOME_IN_DOUBT));
}

static void expect_fate(const seen *s, hostile_fate fate)
{
    assert_int_equal(s->pool.in_use, 0);
    assert_int_equal(s->pool.waiting, 0);
    assert_int_equal(s->pool.total, s->pool.idle);
    if (fate == FATE_KEPT)
        assert_int_equal(s->pool.total, 1);
    if (fate == FATE_DROPPED)
        assert_int_equal(s->pool.total, 0);
}

static void expect_answer(const seen *s, const hostile_case *c)
{
    if (c->act == ACT_EXEC && s->status == TN_OK)
        assert_int_equal(s->affected, c->affected);
    else if (c->act == ACT_READ && s->status == TN_OK && c->rows)
        assert_int_equal(s->rows, c->rows);
    if (c->act == ACT_READ)
        assert_int_equal(s->value, 0);
    if ((c->act == ACT_GET || c->act == ACT_IN_TXN) && s->status == TN_OK)
        assert_int_equal(s->value, 42);
    else if (c->act == ACT_GET)
        assert_int_equal(s->value, 0);
}

/* The client, from opening to closing. */
static void play(const hostile_case *c, int port, seen *s)
{
    tn_error err = TN_ERROR_INIT;
    int64_t start = now_ms();
    tn_db *db = open_client(port, c->parameters, &s->err);

    s->status = s->err.status;
    if (db) {
        act(db, c->act, s);
        tn_db_pool_stats(db, &s->pool);
        s->elapsed_ms = now_ms() - start;
        if (tn_db_close(db, &err) != TN_OK)
            s->status = TN_MISUSE;
    } else {
        s->elapsed_ms = now_ms() - start;
    }
}

void hostile_run_case(void **state)
{
    static hostile_server server; /* its threads are gone between two cases, not its room */
    const hostile_case *c = *state;
    seen s = {.status = TN_OK};
    left before = count_left();

    tn_error_clear(&s.err);
    hostile_start(&server, &c->server);
    play(c, server.port, &s);
    hostile_stop(&server);
    show(&s);
    expect_status(&s, c->allowed);
    expect_presentable(&s.err);
    if (c->sqlstate)
        assert_string_equal(s.err.sqlstate, c->sqlstate);
    expect_fate(&s, c->fate);
    expect_answer(&s, c);
    if (s.elapsed_ms > DEADLINE_MS * DEADLINE_CALLS + SLACK_MS)
        fail_msg("took %d ms", (int)s.elapsed_ms);
    expect_nothing_left(before);
}

/* ---- values --------------------------------------------------------------------------------- */

static int64_t number_of(const tn_value *value)
{
    switch ((tn_type)value->type) {
    case TN_TYPE_TEXT:
    case TN_TYPE_JSON:
    case TN_TYPE_NUMERIC:
    case TN_TYPE_OTHER:
    case TN_TYPE_BYTES: return value->len;
    case TN_TYPE_INTERVAL: return value->as.interval->us;
    case TN_TYPE_ARRAY: return (int64_t)value->as.array->count;
    case TN_TYPE_FLOAT4:
    case TN_TYPE_FLOAT8:
    case TN_TYPE_UUID: return 0;
    default: return value->as.i;
    }
}

/* A copy: the rows are closed before anything is judged. */
typedef struct got {
    tn_type kind;
    int64_t number;
    char text[64];
    int rows;
} got;

static tn_status read_value(tn_db *db, got *ret, tn_error *err)
{
    tn_rows *rows = tn_query(db, "select n from t", NULL);

    while (tn_next(rows)) {
        const tn_value *value = tn_row_value(rows, 0);
        ret->rows++;
        ret->kind = (tn_type)value->type;
        ret->number = number_of(value);
        tn_value_format(value, ret->text, sizeof(ret->text));
    }
    return tn_close(rows, err);
}

static void expect_same(const hostile_value *wanted, const got *value)
{
    assert_int_equal(value->rows, 1);
    assert_int_equal(value->kind, wanted->kind);
    if (value->number != wanted->number)
        fail_msg("%lld is not %lld", (long long)value->number, (long long)wanted->number);
    if (wanted->text)
        assert_string_equal(value->text, wanted->text);
}

static void ask_for_value(int port, got *value, seen *s)
{
    tn_db *db = open_client(port, NULL, &s->err);

    s->status = s->err.status;
    if (!db)
        return;
    s->status = read_value(db, value, &s->err);
    tn_db_pool_stats(db, &s->pool);
    if (tn_db_close(db, NULL) != TN_OK)
        s->status = TN_MISUSE;
}

void hostile_run_value(void **state)
{
    static hostile_server server;
    const hostile_value *v = *state;
    char describe[256], execute[1024];
    got value = {.rows = 0};
    seen s = {.status = TN_OK};

    snprintf(describe, sizeof(describe),
             "parsed no-parameters T(2:1 'n'0 4:0 2:0 4:%s 2:-1 4:-1 2:0) ready", v->type);
    snprintf(execute, sizeof(execute),
             "bound T(2:1 'n'0 4:0 2:0 4:%s 2:-1 4:-1 2:1) D(2:1 [%s]) selected ready", v->type,
             v->items);
    hostile_script script = {.describe = describe, .execute = execute};
    tn_error_clear(&s.err);
    hostile_start(&server, &script);
    ask_for_value(server.port, &value, &s);
    hostile_stop(&server);
    show(&s);
    expect_status(&s, v->allowed);
    expect_presentable(&s.err);
    expect_fate(&s, FATE_ANY);
    if (s.status == TN_OK)
        expect_same(v, &value);
    else
        assert_int_equal(value.rows, 0);
}
