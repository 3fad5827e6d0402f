/* SPDX-License-Identifier: MIT */
/* One client, many threads. */
#include <string.h>

#include "suite.h"

/* What all threads of a case share; read only but for the counters. */
typedef struct shared {
    tn_db *client;
    const char *first, *second; /* statements */
    unsigned each;              /* operations a thread */
    uint32_t max;
    _Atomic unsigned over; /* times the pool was seen above its maximum */
} shared;

static tn_status insert_and_read(worker *w)
{
    shared *s = w->arg;

    for (unsigned i = 0; i < s->each; i++) {
        int32_t id = (int32_t)(w->index * s->each + i), n = -1;
        if (tn_exec(s->client, s->first, tn_args(id, id * 2), NULL, &w->error) != TN_OK)
            return w->error.status;
        if (tn_get(s->client, s->second, tn_args(id), tn_into(&n), &w->error) != TN_OK)
            return w->error.status;
        if (n != id * 2)
            return tn_error_set(&w->error, TN_FAILED, NULL, "row %d holds %d", (int)id, (int)n);
    }
    return TN_OK;
}

static void writers_and_readers(fixture *f)
{
    shared s = {.client = f->db, .each = 100};

    exec(f, f->db, "create table {t} (id integer primary key, n integer)", NULL);
    s.first = sql(f, "insert into {t} values ($1, $2)");
    s.second = sql(f, "select n from {t} where id = $1");
    on_threads(f, 8, insert_and_read, &s);
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 800);
}

static tn_status read_only_work(worker *w)
{
    shared *s = w->arg;
    tn_pool_stats stats;

    for (unsigned i = 0; i < s->each; i++) {
        int64_t given = (int64_t)w->index * 100000 + i, n = -1;
        if (tn_get(s->client, s->first, tn_args(given), tn_into(&n), &w->error) != TN_OK)
            return w->error.status;
        if (n != given)
            return tn_error_set(&w->error, TN_FAILED, NULL, "another thread's answer");
        tn_db_pool_stats(s->client, &stats);
        if (stats.total > s->max || stats.in_use > s->max)
            s->over++;
    }
    return TN_OK;
}

static void answers_are_not_mixed_up(fixture *f)
{
    shared s = {
        .client = f->db, .first = sql(f, "select cast($1 as bigint)"), .each = 200, .max = 8};

    on_threads(f, 8, read_only_work, &s);
    check_int(f, s.over, 0);
}

static void pool_maximum_is_respected(fixture *f)
{
    tn_pool_stats stats;
    shared s = {.client = open_pool(f, "2", "30000"),
                .first = sql(f, "select cast($1 as bigint)"),
                .each = 100,
                .max = 2};

    on_threads(f, 8, read_only_work, &s);
    check_int(f, s.over, 0);
    tn_db_pool_stats(s.client, &stats);
    check(f, stats.max == 2 && stats.total <= 2 && stats.in_use == 0 && stats.waiting == 0);
    check(f, stats.acquires >= 800);
}

static tn_status rows_work(worker *w)
{
    shared *s = w->arg;

    for (unsigned i = 0; i < s->each; i++) {
        int64_t sum = 0;
        tn_rows *rows = tn_query(s->client, COUNT_TO("500") "select n from s", NULL);
        while (tn_next(rows))
            sum += tn_row_int64(rows, 0);
        if (tn_close(rows, &w->error) != TN_OK)
            return w->error.status;
        if (sum != 125250)
            return tn_error_set(&w->error, TN_FAILED, NULL, "the sum is %lld", (long long)sum);
    }
    return TN_OK;
}

static void streams_at_once(fixture *f)
{
    shared s = {.client = open_pool(f, "4", "30000"), .each = 25};

    on_threads(f, 8, rows_work, &s);
}

static tn_status add_one(tn_db *tx, void *arg, tn_error *err)
{
    shared *s = arg;
    int64_t n = 0;

    if (tn_get(tx, s->first, NULL, tn_into(&n), err) != TN_OK)
        return err->status;
    return tn_exec(tx, s->second, tn_args((int32_t)n + 1), NULL, err);
}

static tn_status transaction_work(worker *w)
{
    shared *s = w->arg;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    options.isolation = TN_REPEATABLE_READ;
    options.retries = 1000;
    for (unsigned i = 0; i < s->each; i++) {
        /* A writer that waits too long for another is told so, and may try again as well. */
        tn_status status;
        int attempts = 0;
        do
            status = tn_transaction(s->client, &options, add_one, s, &w->error);
        while (status == TN_LOCKED && ++attempts < 100);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static void no_update_is_lost(fixture *f)
{
    shared s = {.client = f->db, .each = 25};

    exec(f, f->db, "create table {t} (n integer)", NULL);
    exec(f, f->db, "insert into {t} values (0)", NULL);
    s.first = sql(f, "select n from {t}");
    s.second = sql(f, "update {t} set n = $1");
    on_threads(f, 4, transaction_work, &s);
    check_int(f, int_of(f, f->db, "select n from {t}", NULL), 100);
}

static tn_status session_work(worker *w)
{
    shared *s = w->arg;

    for (unsigned i = 0; i < s->each; i++) {
        tn_db *session = NULL;
        int64_t count = -1;
        if (tn_acquire(s->client, &session, &w->error) != TN_OK)
            return w->error.status;
        tn_status status = tn_exec(session, s->first, NULL, NULL, &w->error);
        if (status == TN_OK)
            status = tn_exec(session, s->second, tn_args((int32_t)i), NULL, &w->error);
        if (status == TN_OK)
            status = tn_get(session, "select count(*) from own", NULL, tn_into(&count), &w->error);
        tn_release(session);
        if (status != TN_OK)
            return status;
        if (count != 1)
            return tn_error_set(&w->error, TN_FAILED, NULL, "%lld rows", (long long)count);
    }
    return TN_OK;
}

static void sessions_come_and_go(fixture *f)
{
    shared s = {.client = open_pool(f, "3", "30000"),
                .each = 20,
                .first = "create temporary table own (n integer)",
                .second = "insert into own values ($1)"};

    on_threads(f, 6, session_work, &s);
}

static void full_pool_times_out(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *client = open_pool(f, "1", "150");
    tn_pool_stats stats;

    tn_db *session = acquire(f, client);
    int64_t started = now_ms();
    check_error(f, tn_exec(client, "", NULL, NULL, &err), &err, TN_TIMEOUT, NULL);
    int64_t took = now_ms() - started;
    check(f, took >= 100 && took < 15000);
    check_int(f, err.phase, TN_PHASE_ACQUIRE);
    check_int(f, err.retry, TN_RETRY_STATEMENT);
    /* Who waited for what: figures of the pool are in the text. */
    check(f, strpbrk(err.message, "0123456789") || strpbrk(err.detail, "0123456789"));
    tn_db_pool_stats(client, &stats);
    check(f, stats.timeouts == 1 && stats.waiting == 0);
    release(f, session);
    check_int(f, tn_exec(client, "", NULL, NULL, NULL), TN_OK);
}

static void nested_borrow_is_a_timeout_not_a_hang(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *client = open_pool(f, "1", "150");
    tn_rows *rows = query(f, client, COUNT_TO("50000") "select n from s", NULL);

    next(f, rows);
    check_error(f, tn_exec(client, "select 1", NULL, NULL, &err), &err, TN_TIMEOUT, NULL);
    close_rows(f, rows);
    /* What was left of the answer may take longer than this pool waits. */
    tn_status status = TN_TIMEOUT;
    for (int i = 0; i < 100 && status == TN_TIMEOUT; i++)
        status = tn_exec(client, "select 1", NULL, NULL, &err);
    check_ok(f, status, &err);
}

static tn_status late_release(worker *w)
{
    shared *s = w->arg;
    tn_db *session = NULL;

    /* The first holds the only connection for a while, the others queue up for it. */
    if (w->index > 0)
        sleep_ms(50);
    if (tn_acquire(s->client, &session, &w->error) != TN_OK)
        return w->error.status;
    sleep_ms(w->index == 0 ? 150 : 1);
    tn_release(session);
    return TN_OK;
}

static void waiters_are_served(fixture *f)
{
    shared s = {.client = open_pool(f, "1", "20000")};
    tn_pool_stats stats;

    on_threads(f, 8, late_release, &s);
    tn_db_pool_stats(s.client, &stats);
    check(f, stats.in_use == 0 && stats.waiting == 0 && stats.timeouts == 0);
}

static tn_status errors_work(worker *w)
{
    shared *s = w->arg;

    for (unsigned i = 0; i < s->each; i++) {
        char name[64];
        tn_error err = TN_ERROR_INIT;
        snprintf(name, sizeof(name), "select * from no_such_table_%u_%u", w->index, i);
        if (tn_exec(s->client, name, NULL, NULL, &err) != TN_SYNTAX ||
            !strstr(err.message, name + 14))
            return tn_error_set(&w->error, TN_FAILED, NULL, "another thread's error: %.200s",
                                err.message);
    }
    return TN_OK;
}

static void errors_are_not_mixed_up(fixture *f)
{
    shared s = {.client = f->db, .each = 50};

    on_threads(f, 8, errors_work, &s);
}

static tn_status open_and_close_work(worker *w)
{
    for (int i = 0; i < 3; i++) {
        tn_db *db = tn_open_url(w->f->url, &w->error);
        if (!db)
            return w->error.status;
        tn_health health = tn_health_check(db, 10000);
        if (tn_db_close(db, &w->error) != TN_OK)
            return w->error.status;
        if (health.status != TN_HEALTHY)
            return tn_error_set(&w->error, TN_FAILED, NULL, "unhealthy: %.200s",
                                health.error.message);
    }
    return TN_OK;
}

static void clients_opened_by_many(fixture *f)
{
    on_threads(f, 6, open_and_close_work, NULL);
}

static const suite_case cases[] = {
    CASE(writers_and_readers, TN_CAP_SQL),
    CASE(answers_are_not_mixed_up, 0),
    CASE(pool_maximum_is_respected, 0),
    CASE(streams_at_once, TN_CAP_SQL),
    CASE(no_update_is_lost, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(sessions_come_and_go, TN_CAP_SQL),
    CASE(full_pool_times_out, 0),
    CASE(nested_borrow_is_a_timeout_not_a_hang, TN_CAP_SQL),
    CASE(waiters_are_served, 0),
    CASE(errors_are_not_mixed_up, TN_CAP_SQL),
    CASE(clients_opened_by_many, 0),
};

GROUP(threads);
