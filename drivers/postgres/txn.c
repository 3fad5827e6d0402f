/* SPDX-License-Identifier: MIT */
/*
 * Transactions, by simple queries. What the server says counts: COMMIT was done when its tag is
 * COMMIT and the session is idle.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/pg.h"

enum { TAG_SIZE = 64 };

/* tag: TAG_SIZE bytes. */
static tn_status command(tn_driver_conn *conn, const char *sql, tn_phase phase, int64_t deadline_ns,
                         char *tag, tn_error *err)
{
    PGresult *result = NULL;

    /* The end of a transaction takes settings back, which libpq has to be told where they are its.
     */
    bool told = conn->dirty || conn->dirty_locally;

    if (conn->direct.possible && !told)
        return pg_direct_command(conn, sql, phase, deadline_ns, tag, err);
    tn_status status = pg_command(conn, sql, phase, deadline_ns, &result, err);
    tn__copy_text(tag, TAG_SIZE, kit_str(result ? PQcmdStatus(result) : ""));
    PQclear(result);
    conn->dirty_locally = conn->dirty_locally && pg_txn(conn) != PQTRANS_IDLE;
    return status;
}

static tn_status simple(tn_driver_conn *conn, const char *sql, tn_phase phase, int64_t deadline_ns,
                        tn_error *err)
{
    char tag[TAG_SIZE];
    tn_status status = pg_ready(conn, phase, err);

    if (status != TN_OK)
        return status;
    pg_expect_nothing(conn);
    return command(conn, sql, phase, deadline_ns, tag, err);
}

/* ---- begin ----------------------------------------------------------------------------------- */

tn_status pg_begin_now(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    const char *sql = conn->begin;

    if (!sql)
        return TN_OK;
    conn->begin = NULL;
    tn_status status = simple(conn, sql, TN_PHASE_EXECUTE, deadline_ns, err);
    if (status == TN_OK && pg_txn(conn) != PQTRANS_INTRANS)
        return pg_fail_protocol(conn, TN_PHASE_EXECUTE, err,
                                "BEGIN was answered, but no transaction is open");
    return status;
}

#define BEGINS(level)                                                         \
    {                                                                         \
        {"BEGIN" level, "BEGIN" level " DEFERRABLE"},                         \
        {                                                                     \
            "BEGIN" level " READ ONLY", "BEGIN" level " READ ONLY DEFERRABLE" \
        }                                                                     \
    }
static const char *const begins[][2][2] = {
    [TN_ISOLATION_DEFAULT] = BEGINS(""),
    [TN_READ_COMMITTED] = BEGINS(" ISOLATION LEVEL READ COMMITTED"),
    [TN_REPEATABLE_READ] = BEGINS(" ISOLATION LEVEL REPEATABLE READ"),
    [TN_SERIALIZABLE] = BEGINS(" ISOLATION LEVEL SERIALIZABLE"),
};

/* It leaves with the first statement, in one round trip with it. A transaction without one never
 * was. */
static tn_status begin(tn_driver_conn *conn, const tn_txn_request *request, int64_t deadline_ns,
                       tn_error *err)
{
    bool eager = request->size >= offsetof(tn_txn_request, eager) + sizeof(request->eager) &&
                 request->eager;

    if ((unsigned)request->isolation >= sizeof(begins) / sizeof(begins[0]))
        return kit_fail(conn->host, err, TN_MISUSE, TN_PHASE_EXECUTE, NULL,
                        "isolation level %d is not known", (int)request->isolation);
    tn_status status = pg_ready(conn, TN_PHASE_EXECUTE, err);
    /* May its number be asked for? That, and what stands there, cannot be asked within. */
    eager = eager || !conn->direct.possible;
    uint8_t what = !request->read_only ? PG_PROBED | PG_ASKED : eager ? PG_PROBED : 0;
    if (status == TN_OK)
        status = pg_probe(conn, what, TN_PHASE_EXECUTE, deadline_ns, err);
    if (status != TN_OK)
        return status;
    conn->begin = begins[request->isolation][request->read_only][request->deferrable];
    conn->released = 0;
    pg_identity_begin(conn, request->read_only);
    return eager ? pg_begin_now(conn, deadline_ns, err) : TN_OK;
}

/* ---- end ------------------------------------------------------------------------------------- */

/* Was there a transaction on the server at all? */
static bool never_began(tn_driver_conn *conn)
{
    bool never = conn->begin || conn->begin_refused;

    conn->begin = NULL;
    conn->begin_refused = false;
    return never;
}

/* The answer to COMMIT: anything but the tag and an idle session leaves it open what happened. */
tn_status pg_judge_commit(tn_driver_conn *conn, const char *tag, tn_error *err)
{
    if (pg_txn(conn) != PQTRANS_IDLE)
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
    char tag[TAG_SIZE];
    bool refused = conn->begin_refused;

    tn_status status = pg_ready(conn, TN_PHASE_COMMIT, err);
    if (status != TN_OK)
        return status;
    if (never_began(conn)) {
        pg_identity_commit(conn);
        return refused ? kit_fail(conn->host, err, TN_ABORTED, TN_PHASE_COMMIT, "25P02",
                                  "BEGIN was refused: there was no transaction")
                       : TN_OK;
    }
    status = pg_identity_ask(conn, deadline_ns, err);
    if (status != TN_OK)
        return status;
    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    /* One that is known to be dead before COMMIT leaves has certainly not committed. */
    if (!pg_alive(conn))
        return pg_fail_lost(conn, TN_PHASE_COMMIT, err);
    pg_identity_commit(conn);
    conn->committing = true;
    status = command(conn, "COMMIT", TN_PHASE_COMMIT, deadline_ns, tag, err);
    if (status == TN_OK)
        status = pg_judge_commit(conn, tag, err);
    conn->committing = false;
    return status;
}

tn_status pg_rollback(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    pg_identity_begin(conn, false);
    if (!conn->broken && never_began(conn))
        return TN_OK;
    tn_status status = simple(conn, "ROLLBACK", TN_PHASE_EXECUTE, deadline_ns, err);

    if (status == TN_OK && pg_txn(conn) != PQTRANS_IDLE)
        return pg_fail_protocol(conn, TN_PHASE_EXECUTE, err,
                                "ROLLBACK was answered, but the session is not idle");
    return status;
}

/* ---- savepoints ------------------------------------------------------------------------------ */

/*
 * RELEASE leaves with the next SAVEPOINT, in one round trip, or not at all: to go on within a
 * savepoint that nobody goes back to makes no difference, and whatever ends the transaction or one
 * further out ends it too.
 */
static tn_status savepoint_command(tn_driver_conn *conn, const char *verb, uint32_t level,
                                   int64_t deadline_ns, tn_error *err)
{
    char sql[96] = "";
    size_t used = 0;

    tn_status status = pg_begin_now(conn, deadline_ns, err);
    if (status != TN_OK)
        return status;
    if (conn->released && pg_txn(conn) == PQTRANS_INTRANS)
        used = (size_t)snprintf(sql, sizeof(sql), "RELEASE SAVEPOINT tn_%u;",
                                (unsigned)conn->released);
    snprintf(sql + used, sizeof(sql) - used, "%s tn_%u", verb, (unsigned)level);
    conn->released = 0;
    return simple(conn, sql, TN_PHASE_EXECUTE, deadline_ns, err);
}

static tn_status savepoint(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns, tn_error *err)
{
    return savepoint_command(conn, "SAVEPOINT", level, deadline_ns, err);
}

static tn_status release(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns, tn_error *err)
{
    bool gone = conn->released && conn->released <= level;

    if (gone || conn->begin || conn->begin_refused || conn->broken ||
        pg_txn(conn) != PQTRANS_INTRANS)
        return savepoint_command(conn, "RELEASE SAVEPOINT", level, deadline_ns, err);
    tn_status status = pg_ready(conn, TN_PHASE_EXECUTE, err);
    if (status == TN_OK)
        conn->released = level;
    return status;
}

static tn_status rollback_to(tn_driver_conn *conn, uint32_t level, int64_t deadline_ns,
                             tn_error *err)
{
    if (conn->released > level) /* it is within this one */
        conn->released = 0;
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
