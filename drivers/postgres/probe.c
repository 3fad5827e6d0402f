/* SPDX-License-Identifier: MIT */
/*
 * What stands at the other end, asked once a source by its first connection: a pooler, or a server;
 * and may everybody ask for a transaction's number? A question that fails within a transaction
 * would end it, so functions that are missing or that somebody took away are never called.
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

static const char *question(const tn_driver_conn *conn)
{
    int version = PQserverVersion(conn->pg);

    if (version >= FIRST_PLACES)
        return NEW_ONE PLACES;
    if (version >= NEW_NAMES)
        return NEW_ONE;
    return version >= FIRST_NUMBERS ? OLD_ONE : SESSION;
}

static bool true_at(const PGresult *result, int column)
{
    return column < PQnfields(result) && PQgetlength(result, 0, column) == 1 &&
           PQgetvalue(result, 0, column)[0] == 1;
}

static uint8_t learn(const tn_driver_conn *conn, const PGresult *result)
{
    uint8_t found = PG_PROBED;

    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return found;
    if (PQgetlength(result, 0, 0) == 4 && pg_get32((const unsigned char *)PQgetvalue(
                                              result, 0, 0)) != (uint32_t)PQbackendPID(conn->pg))
        found |= PG_POOLED;
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

static tn_status ask(tn_driver_conn *conn, int64_t deadline_ns, uint8_t *ret, tn_error *err)
{
    PGresult *result = NULL;

    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    tn_status status = pg_sent(
        conn, PQsendQueryParams(conn->pg, question(conn), 0, NULL, NULL, NULL, NULL, BINARY),
        TN_PHASE_CONNECT, deadline_ns, err);
    if (status == TN_OK)
        status = pg_result(conn, TN_PHASE_CONNECT, deadline_ns, &result, err);
    if (status != TN_OK)
        return status;
    if (PQresultStatus(result) == PGRES_TUPLES_OK || lacks_it(result))
        *ret = learn(conn, result);
    else if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        status = pg_fail_result(conn, result, TN_PHASE_CONNECT, err);
    else
        status = pg_fail_protocol(conn, TN_PHASE_CONNECT, err,
                                  "the server's answer about itself is none");
    PQclear(result);
    return status == TN_OK ? pg_finish(conn, TN_PHASE_CONNECT, deadline_ns, NULL, err) : status;
}

tn_status pg_probe(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn_driver_source *source = conn->source;
    uint8_t found = (uint8_t)atomic_load(&source->probed);

    if (!found) {
        tn_status status = ask(conn, deadline_ns, &found, err);
        if (status != TN_OK)
            return status;
        atomic_store(&source->probed, found);
    }
    conn->found = found;
    conn->passing = (found & PG_POOLED) && source->prepare != PG_PREPARE_ON;
    return TN_OK;
}
