/* SPDX-License-Identifier: MIT */
/*
 * Transactions, by simple queries. What the server says counts: COMMIT was done when its tag is
 * COMMIT and the session is idle.
 */
#include <stdio.h>
#include <string.h>

#include "kit/kit.h"
#include "postgres/pg.h"

static tn_status simple(tn_driver_conn *conn, const char *sql, tn_phase phase, int64_t deadline_ns,
                        tn_error *err)
{
    tn_status status = pg_ready(conn, phase, err);

    if (status != TN_OK)
        return status;
    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    return pg_command(conn, sql, phase, deadline_ns, NULL, err);
}

static tn_status begin(tn_driver_conn *conn, const tn_txn_request *request, int64_t deadline_ns,
                       tn_error *err)
{
    static const char *const levels[] = {
        [TN_ISOLATION_DEFAULT] = "",
        [TN_READ_COMMITTED] = " ISOLATION LEVEL READ COMMITTED",
        [TN_REPEATABLE_READ] = " ISOLATION LEVEL REPEATABLE READ",
        [TN_SERIALIZABLE] = " ISOLATION LEVEL SERIALIZABLE",
    };
    char sql[128];

    if ((unsigned)request->isolation >= sizeof(levels) / sizeof(levels[0]))
        return kit_fail(conn->host, err, TN_MISUSE, TN_PHASE_EXECUTE, NULL,
                        "isolation level %d is not known", (int)request->isolation);
    snprintf(sql, sizeof(sql), "BEGIN%s%s%s", levels[request->isolation],
             request->read_only ? " READ ONLY" : "", request->deferrable ? " DEFERRABLE" : "");
    tn_status status = simple(conn, sql, TN_PHASE_EXECUTE, deadline_ns, err);
    if (status == TN_OK && PQtransactionStatus(conn->pg) != PQTRANS_INTRANS)
        return pg_fail_protocol(conn, TN_PHASE_EXECUTE, err,
                                "BEGIN was answered, but no transaction is open");
    pg_identity_begin(conn, request->read_only);
    return status;
}

/* The answer to COMMIT: anything but the tag and an idle session leaves it open what happened. */
tn_status pg_judge_commit(tn_driver_conn *conn, const PGresult *result, tn_error *err)
{
    const char *tag = result ? PQcmdStatus((PGresult *)(uintptr_t)result) : "";

    if (PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        return pg_fail_protocol(conn, TN_PHASE_COMMIT, err,
                                "COMMIT was answered, but the session is not idle");
    if (strcmp(tag, "COMMIT") == 0)
        return TN_OK;
    if (strcmp(tag, "ROLLBACK") == 0)
        return kit_fail(conn->host, err, TN_ABORTED, TN_PHASE_COMMIT, "25P02",
                        "COMMIT was answered by ROLLBACK: the transaction had failed");
    return pg_fail_protocol(conn, TN_PHASE_COMMIT, err,
                            "COMMIT was answered by something else than COMMIT");
}

static tn_status commit(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    PGresult *result = NULL;

    tn_status status = pg_ready(conn, TN_PHASE_COMMIT, err);
    if (status != TN_OK)
        return status;
    status = pg_identity_ask(conn, deadline_ns, err);
    if (status != TN_OK)
        return status;
    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    /* One that is known to be dead before COMMIT leaves has certainly not committed. */
    if (!pg_alive(conn))
        return pg_fail_lost(conn, TN_PHASE_COMMIT, err);
    pg_identity_commit(conn);
    conn->committing = true;
    status = pg_command(conn, "COMMIT", TN_PHASE_COMMIT, deadline_ns, &result, err);
    if (status == TN_OK)
        status = pg_judge_commit(conn, result, err);
    PQclear(result);
    conn->committing = false;
    return status;
}

tn_status pg_rollback(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    pg_identity_begin(conn, false);
    tn_status status = simple(conn, "ROLLBACK", TN_PHASE_EXECUTE, deadline_ns, err);

    if (status == TN_OK && PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        return pg_fail_protocol(conn, TN_PHASE_EXECUTE, err,
                                "ROLLBACK was answered, but the session is not idle");
    return status;
}

static tn_status savepoint_command(tn_driver_conn *conn, const char *verb, uint32_t level,
                                   int64_t deadline_ns, tn_error *err)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "%s tn_%u", verb, (unsigned)level);
    return simple(conn, sql, TN_PHASE_EXECUTE, deadline_ns, err);
}

static tn_status savepoint(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns, tn_error *err)
{
    return savepoint_command(conn, "SAVEPOINT", level, deadline_ns, err);
}

static tn_status release(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns, tn_error *err)
{
    return savepoint_command(conn, "RELEASE SAVEPOINT", level, deadline_ns, err);
}

static tn_status rollback_to(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns,
                             tn_error *err)
{
    return savepoint_command(conn, "ROLLBACK TO SAVEPOINT", level, deadline_ns, err);
}

const tn_txn_ops pg_txn_ops = {
    .size = sizeof(pg_txn_ops),
    .begin = begin,
    .commit = commit,
    .rollback = pg_rollback,
    .savepoint = savepoint,
    .release = release,
    .rollback_to = rollback_to,
    .identify = pg_identify,
    .outcome = pg_outcome,
};
