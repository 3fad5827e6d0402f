/* SPDX-License-Identifier: MIT */
/* Reading the schema of a database: the driver's describe(), on a connection of the handle. */
#include "session/schema.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "session/guard.h"
#include "session/handle.h"
#include "session/portal.h"

/* As much as ten thousand tables may take. */
enum { TEXT_MAX = 256 << 20, ATTEMPTS = 5 };

static void take_piece(void *arg, tn_str piece)
{
    tn__buf_str(arg, piece);
}

static tn_status take_connection(tn_db *db, int64_t deadline_ns, tn__conn **ret, tn_error *err)
{
    tn__provider *provider = db->provider;

    if (db->kind == TN__DB_CLIENT)
        return provider->acquire(provider, deadline_ns, ret, err);
    *ret = db->conn;
    tn_status status = tn__guard_free_wire(db, db->conn, deadline_ns, err);
    return status == TN_OK ? tn__guard_begin(db, deadline_ns, err) : status;
}

/* A transaction that the driver had to leave open is no concern of the handle's user. */
static void settle(tn_db *db, tn__conn *conn, bool was_idle, int64_t deadline_ns, tn_error *err)
{
    tn__conn_settle(conn, tn__db_grace_ms(db, deadline_ns), err);
    if (!was_idle || conn->discard || tn__conn_state(conn) == TN_CONN_IDLE)
        return;
    int64_t limit = tn__deadline_after_ms(tn__now_ns(), tn__db_grace_ms(db, deadline_ns));
    if (conn->driver->txn.rollback(conn->drv, limit, NULL) != TN_OK)
        conn->discard = true;
}

/* Something was dropped by somebody else between the catalog and the function that prints it: an
 * internal error of the server ("cache lookup failed"), gone when it is read again. */
static bool fell_behind(const tn_error *err)
{
    return err && strcmp(err->sqlstate, "XX000") == 0;
}

static tn_status describe(tn_db *db, tn__conn *conn, tn_str schemas, int64_t deadline_ns,
                          tn__buf *text, tn_error *err)
{
    if (!conn->driver->catalog.describe)
        return tn_error_set(err, TN_UNSUPPORTED, "0A000",
                            "driver \"%s\" cannot tell the schema of a database",
                            conn->driver->name);
    tn_conn_state before = tn__conn_state(conn);
    tn_status status = TN_OK;
    tn__host_begin(&conn->host);
    for (int attempt = 1;; attempt++) {
        tn__buf_reset(text);
        status = conn->driver->catalog.describe(conn->drv, schemas, deadline_ns, take_piece, text,
                                                err);
        if (status == TN_OK)
            break;
        settle(db, conn, before == TN_CONN_IDLE, deadline_ns, err);
        if (attempt == ATTEMPTS || !fell_behind(err) || conn->discard ||
            tn__conn_state(conn) != before)
            break;
    }
    tn__host_end(&conn->host);
    return status;
}

static tn_status read_text(tn_db *db, const char *schemas, tn__buf *text, tn_error *err)
{
    int64_t deadline_ns = tn__db_deadline(db, 0);
    tn__conn *conn = NULL;

    tn_status status = tn__db_enter(db, err);
    if (status != TN_OK)
        return status;
    status = take_connection(db, deadline_ns, &conn, err);
    if (status == TN_OK) {
        status = describe(db, conn, tn_str_from(schemas ? schemas : ""), deadline_ns, text, err);
        if (db->kind == TN__DB_CLIENT)
            db->provider->release(db->provider, conn);
    }
    tn__db_leave(db);
    return status;
}

tn_status tn_schema_read(tn_db *db, const char *schemas, tn_schema **ret, tn_error *err)
{
    tn_error local = TN_ERROR_INIT;
    tn__buf text;

    err = err ? err : &local;
    tn_status status = tn__db_check(db, err);
    if (status != TN_OK)
        return status;
    tn__buf_init(&text, TEXT_MAX);
    status = read_text(db, schemas, &text, err);
    if (status != TN_OK) {
        tn__buf_free(&text);
        tn_error_prepend(err, "reading the schema");
        return err->status;
    }
    return tn__schema_take(&text, ret, err);
}
