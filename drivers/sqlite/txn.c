/* SPDX-License-Identifier: MIT */
/*
 * Transactions as PostgreSQL has them, on SQLite's.
 *
 * READ COMMITTED: SQLite's BEGIN IMMEDIATE is put off to the first statement that writes. Reads
 * before it run in autocommit and see what others commit; after it nobody else can write.
 * REPEATABLE READ, SERIALIZABLE: BEGIN and the WAL snapshot at the first statement; a write on a
 * snapshot that another connection has overtaken is SQLITE_BUSY_SNAPSHOT, a true 40001.
 * After an error every statement is refused (25P02) until a rollback, to a savepoint or of all.
 */
#include "sqlite/lite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define MAX_SAVEPOINTS 65536

static tn_status sql_error(tn_driver_conn *conn, int rc, tn_phase phase, tn_error *err)
{
    return lite_error(conn, rc, &(lite_where){.phase = phase}, err);
}

void lite_txn_free(lite_txn *txn)
{
    free(txn->savepoints);
    txn->savepoints = NULL;
}

/* No transaction any more; keeps the savepoint stack's memory. */
static void end_txn(tn_driver_conn *conn)
{
    conn->txn.state = LITE_TXN_NONE;
    conn->txn.real = false;
    conn->txn.schema_known = false;
    conn->txn.lost = false;
    conn->txn.n_savepoints = 0;
    conn->txn.issued = 0;
    conn->now_set = false;
}

tn_status lite_txn_check(tn_driver_conn *conn, tn_phase phase, tn_error *err)
{
    if (conn->txn.state != LITE_TXN_FAILED)
        return TN_OK;
    return lite_fail(conn, phase, "25P02", err,
                     "current transaction is aborted, commands ignored until end of transaction "
                     "block");
}

void lite_txn_fail(tn_driver_conn *conn)
{
    lite_txn *txn = &conn->txn;

    if (txn->state == LITE_TXN_NONE)
        return;
    txn->state = LITE_TXN_FAILED;
    if (txn->real && sqlite3_get_autocommit(conn->db)) {
        /* Full disk, I/O error, interrupt: SQLite has rolled everything back. */
        txn->real = false;
        txn->lost = txn->issued > 0;
        txn->issued = 0;
    } else if (txn->real && txn->n_savepoints == 0) {
        /* Nothing can be saved: others need not wait for the lock. */
        conn->stopped = TN_WAIT_READY;
        if (lite_fixed_run(conn, LITE_ROLLBACK, NULL) == SQLITE_OK)
            txn->real = false;
    }
}

/* ---- beginning ------------------------------------------------------------------------------ */

tn_status lite_txn_begin(tn_driver_conn *conn, const tn_txn_request *request, int64_t deadline_ns,
                         tn_error *err)
{
    lite_arm(conn, deadline_ns);
    if (conn->txn.state != LITE_TXN_NONE)
        return lite_fail(conn, TN_PHASE_EXECUTE, "25001", err,
                         "there is already a transaction in progress");
    end_txn(conn);
    conn->txn.state = LITE_TXN_OPEN;
    conn->txn.isolation = request->isolation;
    conn->txn.read_only = request->read_only;
    conn->now_us = tn_time_now().us;
    conn->now_set = true;
    return TN_OK;
}

static int issue_savepoint(tn_driver_conn *conn, const char *word, uint32_t index)
{
    char sql[48];

    (void)snprintf(sql, sizeof sql, "%s tn%u", word, index + 1);
    return lite_exec(conn, sql);
}

/* Begins in SQLite and makes the savepoints that were set before. A result code of SQLite. */
static int begin_real(tn_driver_conn *conn, lite_fixed how)
{
    lite_txn *txn = &conn->txn;
    int rc = lite_fixed_run(conn, how, NULL);

    if (rc != SQLITE_OK)
        return rc;
    txn->real = true;
    txn->schema_known = false;
    while (txn->issued < txn->n_savepoints) {
        rc = issue_savepoint(conn, "SAVEPOINT", txn->issued);
        if (rc != SQLITE_OK)
            return rc;
        txn->issued++;
    }
    return SQLITE_OK;
}

tn_status lite_txn_begin_now(tn_driver_conn *conn, tn_error *err)
{
    int rc = begin_real(conn, LITE_BEGIN_IMMEDIATE);

    return rc == SQLITE_OK ? TN_OK : sql_error(conn, rc, TN_PHASE_EXECUTE, err);
}

static bool needs_snapshot(const lite_txn *txn)
{
    return txn->isolation == TN_REPEATABLE_READ || txn->isolation == TN_SERIALIZABLE;
}

tn_status lite_txn_enter(tn_driver_conn *conn, const tn_driver_stmt *stmt, tn_error *err)
{
    lite_txn *txn = &conn->txn;
    int rc = SQLITE_OK;

    if (txn->state == LITE_TXN_NONE) {
        conn->now_set = false;
        return TN_OK;
    }
    if (txn->state == LITE_TXN_FAILED)
        return lite_txn_check(conn, TN_PHASE_EXECUTE, err);
    if (txn->read_only && stmt->writes)
        return lite_fail(conn, TN_PHASE_EXECUTE, "25006", err,
                         "cannot execute %s in a read-only transaction", stmt->info.verb);
    if (txn->real)
        return TN_OK;
    if (needs_snapshot(txn)) {
        rc = begin_real(conn, LITE_BEGIN);
        if (rc == SQLITE_OK)
            rc = lite_fixed_run(conn, LITE_PROBE, NULL);
    } else if (stmt->writes) {
        rc = begin_real(conn, LITE_BEGIN_IMMEDIATE);
    }
    return rc == SQLITE_OK
               ? TN_OK
               : lite_error(conn, rc, &(lite_where){TN_PHASE_EXECUTE, &stmt->info, {NULL, 0}}, err);
}

/* ---- ending --------------------------------------------------------------------------------- */

static int rollback_real(tn_driver_conn *conn)
{
    int rc = SQLITE_OK;

    if (!sqlite3_get_autocommit(conn->db))
        rc = lite_fixed_run(conn, LITE_ROLLBACK, NULL);
    if (sqlite3_get_autocommit(conn->db))
        return SQLITE_OK;
    conn->broken = true;
    return rc;
}

tn_status lite_txn_rollback(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    int rc;

    /* Undoing is not interrupted: it is what an interruption leads to. */
    (void)deadline_ns;
    lite_arm(conn, TN_NO_DEADLINE);
    rc = rollback_real(conn);
    if (rc != SQLITE_OK)
        return sql_error(conn, rc, TN_PHASE_EXECUTE, err);
    end_txn(conn);
    return TN_OK;
}

/* COMMIT failed: a busy database leaves the transaction open, all else ends it. */
static tn_status commit_failed(tn_driver_conn *conn, int rc, tn_error *err)
{
    tn_status status = sql_error(conn, rc, TN_PHASE_COMMIT, err);

    if ((rc & 0xff) == SQLITE_BUSY && !sqlite3_get_autocommit(conn->db))
        return status;
    if (rollback_real(conn) == SQLITE_OK)
        end_txn(conn);
    return status;
}

tn_status lite_txn_commit(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn_status status;
    int rc;

    lite_arm(conn, deadline_ns);
    if (conn->txn.state == LITE_TXN_FAILED) {
        status = lite_txn_rollback(conn, deadline_ns, err);
        if (status != TN_OK)
            return status;
        return kit_fail(conn->host, err, TN_ABORTED, TN_PHASE_COMMIT, "25P02",
                        "the transaction was rolled back: a statement in it had failed");
    }
    if (conn->txn.real) {
        rc = lite_fixed_run(conn, LITE_COMMIT, NULL);
        if (rc != SQLITE_OK)
            return commit_failed(conn, rc, err);
    }
    end_txn(conn);
    return TN_OK;
}

/* ---- savepoints ----------------------------------------------------------------------------- */

static tn_status grow(tn_driver_conn *conn, tn_error *err)
{
    lite_txn *txn = &conn->txn;
    uint32_t cap = txn->cap_savepoints ? txn->cap_savepoints * 2 : 8;
    lite_savepoint *grown;

    if (txn->n_savepoints < txn->cap_savepoints)
        return TN_OK;
    if (cap > MAX_SAVEPOINTS)
        return lite_fail(conn, TN_PHASE_EXECUTE, "54000", err, "too many savepoints (at most %d)",
                         MAX_SAVEPOINTS);
    grown = realloc(txn->savepoints, cap * sizeof *grown);
    if (!grown)
        return kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    txn->savepoints = grown;
    txn->cap_savepoints = cap;
    return TN_OK;
}

tn_status lite_txn_push(tn_driver_conn *conn, uint32_t level, tn_str name, tn_error *err)
{
    lite_txn *txn = &conn->txn;
    tn_status status = lite_txn_check(conn, TN_PHASE_EXECUTE, err);
    lite_savepoint *savepoint;
    int rc;

    if (status != TN_OK)
        return status;
    if (txn->state == LITE_TXN_NONE)
        return lite_fail(conn, TN_PHASE_EXECUTE, "25P01", err,
                         "SAVEPOINT can only be used in transaction blocks");
    status = grow(conn, err);
    if (status == TN_OK && txn->real) {
        rc = issue_savepoint(conn, "SAVEPOINT", txn->n_savepoints);
        if (rc == SQLITE_OK)
            txn->issued++;
        else
            status = sql_error(conn, rc, TN_PHASE_EXECUTE, err);
    }
    if (status != TN_OK) {
        lite_txn_fail(conn);
        return status;
    }
    savepoint = &txn->savepoints[txn->n_savepoints++];
    savepoint->level = level;
    tn__copy_text(savepoint->name, sizeof savepoint->name, name);
    return TN_OK;
}

/* Index of the savepoint plus one; 0: there is none. */
static uint32_t find(const lite_txn *txn, uint32_t level, tn_str name)
{
    for (uint32_t i = txn->n_savepoints; i > 0; i--) {
        const lite_savepoint *savepoint = &txn->savepoints[i - 1];
        if (level ? savepoint->level == level
                  : savepoint->level == 0 && tn_str_equal(kit_str(savepoint->name), name))
            return i;
    }
    return 0;
}

static tn_status no_savepoint(tn_driver_conn *conn, uint32_t level, tn_str name, tn_error *err)
{
    tn_status status = level ? lite_fail(conn, TN_PHASE_EXECUTE, "3B001", err,
                                         "savepoint %u does not exist", level)
                             : lite_fail(conn, TN_PHASE_EXECUTE, "3B001", err,
                                         "savepoint \"%.*s\" does not exist", (int)name.len,
                                         name.ptr);

    lite_txn_fail(conn);
    return status;
}

static tn_status undo_to(tn_driver_conn *conn, uint32_t index, tn_error *err)
{
    lite_txn *txn = &conn->txn;
    int rc;

    if (txn->lost)
        return lite_fail(conn, TN_PHASE_EXECUTE, "25P02", err,
                         "SQLite has rolled the whole transaction back; only ROLLBACK can end it");
    if (index <= txn->issued) {
        rc = issue_savepoint(conn, "ROLLBACK TO", index - 1);
        if (rc != SQLITE_OK)
            return sql_error(conn, rc, TN_PHASE_EXECUTE, err);
        txn->issued = index;
    } else if (txn->real) {
        /* begin_real() failed in the middle: nothing was done in it yet. */
        rc = rollback_real(conn);
        if (rc != SQLITE_OK)
            return sql_error(conn, rc, TN_PHASE_EXECUTE, err);
        txn->real = false;
        txn->issued = 0;
    }
    txn->n_savepoints = index;
    txn->schema_known = false;
    txn->state = LITE_TXN_OPEN;
    return TN_OK;
}

static tn_status release_from(tn_driver_conn *conn, uint32_t index, tn_error *err)
{
    lite_txn *txn = &conn->txn;
    tn_status status;
    int rc;

    if (index <= txn->issued) {
        rc = issue_savepoint(conn, "RELEASE", index - 1);
        if (rc != SQLITE_OK) {
            status = sql_error(conn, rc, TN_PHASE_EXECUTE, err);
            lite_txn_fail(conn);
            return status;
        }
        txn->issued = index - 1;
    }
    txn->n_savepoints = index - 1;
    return TN_OK;
}

tn_status lite_txn_pop(tn_driver_conn *conn, uint32_t level, tn_str name, bool keep_work,
                       tn_error *err)
{
    lite_txn *txn = &conn->txn;
    tn_status status = keep_work ? lite_txn_check(conn, TN_PHASE_EXECUTE, err) : TN_OK;
    uint32_t index;

    if (status != TN_OK)
        return status;
    if (txn->state == LITE_TXN_NONE)
        return lite_fail(conn, TN_PHASE_EXECUTE, "25P01", err,
                         "%s can only be used in transaction blocks",
                         keep_work ? "RELEASE SAVEPOINT" : "ROLLBACK TO SAVEPOINT");
    index = find(txn, level, name);
    if (!index)
        return no_savepoint(conn, level, name, err);
    return keep_work ? release_from(conn, index, err) : undo_to(conn, index, err);
}

tn_status lite_txn_savepoint(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns,
                             tn_error *err)
{
    lite_arm(conn, deadline_ns);
    return lite_txn_push(conn, level, (tn_str){NULL, 0}, err);
}

tn_status lite_txn_release(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns, tn_error *err)
{
    lite_arm(conn, deadline_ns);
    return lite_txn_pop(conn, level, (tn_str){NULL, 0}, true, err);
}

tn_status lite_txn_rollback_to(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns,
                               tn_error *err)
{
    (void)deadline_ns;
    lite_arm(conn, TN_NO_DEADLINE);
    return lite_txn_pop(conn, level, (tn_str){NULL, 0}, false, err);
}
