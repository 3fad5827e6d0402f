/* SPDX-License-Identifier: MIT */
/*
 * A bulk is a transaction (on a transaction: a savepoint) with one statement in it that takes many
 * rows. The first error ends it at once and is kept: the connection is not held by what can only
 * fail.
 */
#include "session/bulk.h"

#include <stdlib.h>
#include <string.h>

#include <tenon/txn.h>

#include "base/clock.h"
#include "base/str.h"

enum { ARENA_MAX = 1 << 24, ROW_MAX = 1 << 30, REPORT_ROWS = 10000 };

/* ---- end ------------------------------------------------------------------------------------- */

static void free_bulk(tn_bulk *bulk)
{
    tn__arena_free(&bulk->arena);
    tn__arena_free(&bulk->one_row);
    free(bulk->values);
    free(bulk);
}

/* Takes the driver's half and the statement off the connection, which is ready for a rollback or a
 * commit then. err: why it ends, NULL: it went well or nobody wants it. */
static void let_go(tn_bulk *bulk, tn_error *err)
{
    tn_db *tx = bulk->tx;
    tn__conn *conn = tx->conn;
    int64_t grace_ms = tn__db_grace_ms(tx, bulk->deadline_ns);

    tx->bulk = NULL;
    if (bulk->driver) {
        /* Where asking the server does not do it, the other half of the time is for a cancel. */
        conn->host.shielded = true;
        conn->driver->bulk.abandon(bulk->driver, tn__deadline_after_ms(tn__now_ns(), grace_ms / 2));
        conn->host.shielded = false;
    }
    bulk->driver = NULL;
    if (err || tn__conn_state(conn) == TN_CONN_BUSY)
        tn__conn_settle(conn, grace_ms, err);
    tn__host_end(&conn->host);
    bulk->watch.affected = bulk->written;
    tn__watch_end(&bulk->watch, conn, err);
    if (bulk->insert)
        tn__cache_release(&conn->cache, bulk->insert);
    bulk->insert = NULL;
}

void tn__bulk_cut(tn_bulk *bulk)
{
    if (!bulk)
        return;
    if (tn__provider_check(bulk->tx->provider, NULL) == TN_OK)
        let_go(bulk, NULL);
    else
        tn__watch_drop(&bulk->watch);
    bulk->tx->bulk = NULL;
}

/* Ends everything but the object. */
static void roll_back(tn_bulk *bulk, tn_error *err)
{
    tn_db *tx = bulk->tx;
    tn_error undoing;

    if (!tx)
        return;
    if (tx->bulk && tn__provider_check(tx->provider, NULL) == TN_OK)
        let_go(bulk, err);
    else
        tn__watch_drop(&bulk->watch);
    tx->bulk = NULL;
    bulk->tx = NULL;
    if (tn_rollback(tx, &undoing) != TN_OK && err)
        tn_error_prepend(err, "rolling back failed too (%s)", undoing.message);
}

/* In a transaction that is rolled back nothing is applied, whatever was lost. */
static void judge(tn_error *err)
{
    if (err->outcome == TN_OUTCOME_IN_DOUBT || err->status == TN_LOST)
        err->outcome = TN_OUTCOME_NOT_APPLIED;
}

tn_status tn__bulk_fail(tn_bulk *bulk, uint64_t row)
{
    tn_bulk_info where = {.size = sizeof(where)};

    if (bulk->driver && bulk->tx->bulk)
        bulk->tx->conn->driver->bulk.describe(bulk->driver, &where);
    if (!where.failed_row)
        where.failed_row = row;
    tn__bulk_name_row(bulk, &where, &bulk->err);
    roll_back(bulk, &bulk->err);
    judge(&bulk->err);
    bulk->status = bulk->err.status;
    return bulk->status;
}

/* ---- open ------------------------------------------------------------------------------------ */

static tn_status check_options(const tn_bulk_options *options, tn_error *err)
{
    if (options->conflict > TN_CONFLICT_UPDATE)
        return tn_error_set(err, TN_MISUSE, NULL, "bulk: the conflict policy %d is not known",
                            (int)options->conflict);
    if (options->conflict == TN_CONFLICT_UPDATE && !options->key)
        return tn_error_set(err, TN_MISUSE, NULL,
                            "bulk: TN_CONFLICT_UPDATE needs the key that tells rows apart");
    if (options->conflict == TN_CONFLICT_FAIL && options->key)
        return tn_error_set(err, TN_MISUSE, NULL, "bulk: a key without a policy for conflicts");
    return TN_OK;
}

static tn_bulk *new_bulk(const tn_bulk_options *options)
{
    tn_bulk *bulk = calloc(1, sizeof(*bulk));

    if (!bulk)
        return NULL;
    memcpy(&bulk->options, options,
           options->size < sizeof(bulk->options) ? options->size : sizeof(bulk->options));
    if (!bulk->options.progress_rows)
        bulk->options.progress_rows = REPORT_ROWS;
    bulk->look = TN__BULK_LOOK_ROWS;
    bulk->next_report = bulk->options.progress ? bulk->options.progress_rows : INT64_MAX;
    if (bulk->look > bulk->next_report)
        bulk->look = bulk->next_report;
    tn__arena_init(&bulk->arena, ARENA_MAX);
    tn__arena_init(&bulk->one_row, ROW_MAX);
    return bulk;
}

tn_status tn__bulk_prepare(tn_bulk *bulk, tn_str sql, bool fresh, tn__cached **ret, tn_error *err)
{
    tn__conn *conn = bulk->tx->conn;
    uint64_t hash = tn__hash(sql.ptr, sql.len);
    tn__cached *known = fresh ? tn__cache_find(&conn->cache, sql.ptr, sql.len, hash) : NULL;

    if (known) {
        tn__cache_drop(&conn->cache, known);
        tn__cache_release(&conn->cache, known);
    }
    return tn__conn_prepare(conn, sql.ptr, sql.len, hash, bulk->deadline_ns, ret, err);
}

static tn_status prepare_insert(tn_bulk *bulk, tn_str sql, bool fresh, tn_error *err)
{
    tn__watch_begin(&bulk->watch, &bulk->tx->provider->observe, bulk->tx->conn, sql);
    tn_status status = tn__bulk_prepare(bulk, sql, fresh, &bulk->insert, err);
    if (status != TN_OK)
        return status;
    bulk->insert_is_old = bulk->insert->used_before;
    bulk->insert->used_before = true;
    return TN_OK;
}

static tn_status start_driver(tn_bulk *bulk, tn_error *err)
{
    tn__conn *conn = bulk->tx->conn;
    const tn_bulk_ops *ops = &conn->driver->bulk;
    const tn_bulk_request request = {
        .size = sizeof(request),
        .table = bulk->table,
        .columns = bulk->columns.quoted,
        .n_columns = bulk->columns.count,
        .keys = bulk->keys.quoted,
        .n_keys = bulk->options.conflict == TN_CONFLICT_UPDATE ? bulk->keys.count : 0,
        .conflict = bulk->conflict,
        .insert = bulk->insert->drv,
    };
    tn_bulk_info info = {.size = sizeof(info)};

    bulk->params = bulk->insert->info.params;
    bulk->values = calloc(bulk->columns.count, sizeof(*bulk->values));
    if (!bulk->values)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    if (bulk->insert->info.n_params != bulk->columns.count)
        return tn_error_set(err, TN_PROTOCOL, "08P01",
                            "the statement for a row has not as many parameters as columns");
    if (!ops->size)
        return TN_OK;
    tn_status status = ops->open(conn->drv, &request, bulk->deadline_ns, &bulk->driver, err);
    if (status != TN_OK)
        return status;
    ops->describe(bulk->driver, &info);
    bulk->params = info.params;
    return TN_OK;
}

static tn_status start(tn_bulk *bulk, const char *table, const char *columns, bool fresh,
                       tn_error *err)
{
    tn_db *tx = bulk->tx;
    tn_str sql;

    bulk->deadline_ns = tn__db_deadline(tx, bulk->options.timeout_ms);
    tn_status status = tn__db_enter(tx, err);
    if (status != TN_OK)
        return status;
    tn__host_begin(&tx->conn->host);
    status = tn__bulk_write_sql(bulk, table, columns, &sql, err);
    if (status == TN_OK)
        status = prepare_insert(bulk, sql, fresh, err);
    if (status == TN_OK)
        status = start_driver(bulk, err);
    tn__db_leave(tx);
    return status;
}

tn_status tn__bulk_open(tn_db *db, const tn_bulk_options *options, const char *table,
                        const char *columns, bool fresh, tn_bulk **ret, tn_error *err)
{
    static const tn_bulk_options defaults = TN_BULK_OPTIONS_INIT;
    tn_txn_options txn = TN_TXN_OPTIONS_INIT;

    options = options ? options : &defaults;
    tn_status status = check_options(options, err);
    if (status != TN_OK)
        return status;
    tn_bulk *bulk = new_bulk(options);
    if (!bulk)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    txn.timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : 0;
    status = tn_begin(db, &txn, &bulk->tx, err);
    if (status != TN_OK) {
        free_bulk(bulk);
        return status;
    }
    bulk->tx->bulk = bulk;
    status = start(bulk, table, columns, fresh, &bulk->err);
    if (status != TN_OK) {
        roll_back(bulk, &bulk->err);
        judge(&bulk->err);
        status = bulk->err.status;
        if (err)
            *err = bulk->err;
        free_bulk(bulk);
        return status;
    }
    *ret = bulk;
    return TN_OK;
}

tn_status tn_bulk_open(tn_db *db, const tn_bulk_options *options, const char *table,
                       const char *columns, tn_bulk **ret, tn_error *err)
{
    return tn__bulk_open(db, options, table, columns, true, ret, err);
}

/* ---- finish ---------------------------------------------------------------------------------- */

tn_status tn_bulk_status(const tn_bulk *bulk, tn_error *err)
{
    if (bulk->status != TN_OK && err)
        *err = bulk->err;
    return bulk->status;
}

static tn_status finish_driver(tn_bulk *bulk)
{
    tn_db *tx = bulk->tx;

    tn_status status = tn__db_check(tx, &bulk->err);
    if (status == TN_OK)
        status = tn__bulk_look_up(bulk);
    if (status == TN_OK && bulk->driver)
        status = tx->conn->driver->bulk.finish(bulk->driver, bulk->deadline_ns, &bulk->written,
                                               &bulk->err);
    if (status == TN_OK)
        bulk->driver = NULL;
    return status;
}

static tn_status finish(tn_bulk *bulk)
{
    if (bulk->status != TN_OK)
        return bulk->status;
    tn_status status = finish_driver(bulk);
    if (status != TN_OK)
        return tn__bulk_fail(bulk, 0);
    let_go(bulk, NULL);
    tn_db *tx = bulk->tx;
    bulk->tx = NULL;
    return tn_commit(tx, &bulk->err);
}

tn_status tn_bulk_finish(tn_bulk *bulk, int64_t *ret_rows, tn_error *err)
{
    if (!bulk)
        return tn_error_set(err, TN_MISUSE, NULL, "tn_bulk_finish: the handle is NULL");
    tn_status status = finish(bulk);
    if (status != TN_OK && err)
        *err = bulk->err;
    if (status == TN_OK && ret_rows)
        *ret_rows = bulk->written;
    if (bulk->tx)
        roll_back(bulk, NULL);
    free_bulk(bulk);
    return status;
}

void tn_bulk_abandon(tn_bulk *bulk)
{
    if (!bulk)
        return;
    roll_back(bulk, NULL);
    free_bulk(bulk);
}
