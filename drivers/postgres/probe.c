/* SPDX-License-Identifier: MIT */
/*
 * What stands at the other end, asked once a source: a pooler, or a server; and may everybody ask
 * for a transaction's number? A question that fails within a transaction would end it, so functions
 * that are missing or that somebody took away are never called.
 *
 * Nothing of it is asked before it is needed: the first with the first statement that is prepared
 * (trip.c) or with the session's settings (session.c), the second when a transaction begins that
 * may write.
 */
#include <string.h>

#include "kit/kit.h"
#include "postgres/pg.h"

enum { FIRST_NUMBERS = 100000, NEW_NAMES = 130000, FIRST_PLACES = 150000, BINARY = 1 };

#define MAY_CALL(function)                                                             \
    "coalesce(pg_catalog.has_function_privilege('public', pg_catalog.to_regprocedure(" \
    "'pg_catalog." function "')::pg_catalog.oid, 'execute'), false)"

/* A pooler has sessions of its own with the server, and gives each client a number it made up. */
#define SESSION "select pg_catalog.pg_backend_pid()"
#define OLD_ONE \
    SESSION ", " MAY_CALL("txid_current_if_assigned()") " and " MAY_CALL("txid_status(int8)")
#define NEW_ONE \
    SESSION     \
    ", " MAY_CALL("pg_current_xact_id_if_assigned()") " and " MAY_CALL("pg_xact_status(xid8)")
/* Before PostgreSQL 15 that would wait for a file of statistics. */
#define PLACES                                                                \
    ", " MAY_CALL("pg_stat_get_bgwriter_stat_reset_time()") " and " MAY_CALL( \
        "pg_control_system()") " and " MAY_CALL("pg_control_checkpoint()")

const char *pg_probe_question(const tn_driver_conn *conn, uint8_t what)
{
    int version = PQserverVersion(conn->pg);

    if (!(what & PG_ASKED))
        return SESSION;
    if (version >= FIRST_PLACES)
        return NEW_ONE PLACES;
    if (version >= NEW_NAMES)
        return NEW_ONE;
    return version >= FIRST_NUMBERS ? OLD_ONE : SESSION;
}

/* ---- what is known --------------------------------------------------------------------------- */

static void find(tn_driver_conn *conn, uint8_t found)
{
    unsigned all = atomic_fetch_or(&conn->source->probed, found) | found;

    conn->found = (uint8_t)all;
    conn->passing = (all & PG_POOLED) && conn->source->prepare != PG_PREPARE_ON;
}

bool pg_probe_knows(tn_driver_conn *conn, uint8_t what)
{
    if ((conn->found & what) != what)
        find(conn, 0);
    return (conn->found & what) == what;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static bool true_at(const PGresult *result, int column)
{
    return column < PQnfields(result) && PQgetlength(result, 0, column) == 1 &&
           PQgetvalue(result, 0, column)[0] == 1;
}

static uint8_t read_answer(const tn_driver_conn *conn, const PGresult *result, uint8_t what)
{
    uint8_t found = what;

    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return found;
    if (PQgetlength(result, 0, 0) == 4 && pg_get32((const unsigned char *)PQgetvalue(
                                              result, 0, 0)) != (uint32_t)PQbackendPID(conn->pg))
        found |= PG_POOLED;
    if (!(what & PG_ASKED))
        return found;
    if (true_at(result, 1))
        found |= PG_IDENTIFIES;
    if (true_at(result, 1) && true_at(result, 2))
        found |= PG_PLACES;
    return found;
}

/* An error that says that the server has not what is asked for; others may pass. */
static bool lacks_it(const PGresult *result)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return code && (strncmp(code, "42", 2) == 0 || strncmp(code, "0A", 2) == 0);
}

bool pg_probe_learn(tn_driver_conn *conn, const PGresult *result, uint8_t what)
{
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK: break;
    case PGRES_SINGLE_TUPLE: break; /* the mode of the answer before it still holds */
    default:
        if (!lacks_it(result))
            return false;
    }
    find(conn, read_answer(conn, result, what));
    return true;
}

/* ---- by itself ------------------------------------------------------------------------------- */

tn_status pg_probe(tn_driver_conn *conn, uint8_t what, tn_phase phase, int64_t deadline_ns,
                   tn_error *err)
{
    PGresult *result = NULL;

    if (pg_probe_knows(conn, what))
        return TN_OK;
    tn_status status = pg_ready(conn, phase, err);
    if (status != TN_OK)
        return status;
    pg_expect_nothing(conn);
    status = pg_sent(conn,
                     PQsendQueryParams(conn->pg, pg_probe_question(conn, what), 0, NULL, NULL, NULL,
                                       NULL, BINARY),
                     phase, deadline_ns, err);
    if (status == TN_OK)
        status = pg_result(conn, phase, deadline_ns, &result, err);
    if (status != TN_OK)
        return status;
    if (!pg_probe_learn(conn, result, what))
        status = PQresultStatus(result) == PGRES_FATAL_ERROR
                     ? pg_fail_result(conn, result, phase, err)
                     : pg_fail_protocol(conn, phase, err,
                                        "the server's answer about itself is none");
    PQclear(result);
    if (conn->broken)
        return status;
    tn_status end = pg_finish(conn, phase, deadline_ns, NULL, status ? NULL : err);
    return status ? status : end;
}
