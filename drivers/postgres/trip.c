/* SPDX-License-Identifier: MIT */
/*
 * One round trip about statements, by a pipeline: what the server is, where nobody knows yet; those
 * that are closed are deallocated, each in a sync of its own, since one may be unknown; those that
 * are wanted are parsed and described, all in one.
 *
 * Behind a pooler names do not hold. Where it is not known yet whether there is one, statements are
 * parsed without a name for their description, and get their name with their first use
 * (stmt->unmade).
 */
#include <stdio.h>
#include <string.h>

#include "kit/kit.h"
#include "postgres/stmt.h"

enum { DOOMED_AT_ONCE = 32 /* in one round trip */ };

PGTransactionStatusType pg_txn_there(const tn_driver_conn *conn)
{
    return conn->begin ? PQTRANS_IDLE : pg_txn(conn);
}

void pg_trip_clear(pg_trip *trip)
{
    for (size_t i = 0; i < trip->n; i++) {
        pg_asked *of = &trip->of[i];
        PQclear(of->parse_error);
        PQclear(of->described);
        PQclear(of->describe_error);
        of->parse_error = of->described = of->describe_error = NULL;
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

static int end_sync(tn_driver_conn *conn)
{
    int sent = PQpipelineSync(conn->pg);

    conn->syncs += sent ? 1 : 0;
    return sent;
}

static int send_probe(tn_driver_conn *conn, pg_trip *trip)
{
    enum { BINARY = 1 };

    trip->first++;
    return PQsendQueryParams(conn->pg, pg_probe_question(conn, trip->probes), 0, NULL, NULL, NULL,
                             NULL, BINARY) &&
           end_sync(conn);
}

static int send_deallocate(tn_driver_conn *conn, pg_trip *trip, pg_doomed *entry)
{
    char sql[16 + PG_NAME_SIZE];

    snprintf(sql, sizeof(sql), "DEALLOCATE %s", entry->name);
    if (!PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0))
        return 0;
    entry->sent = true;
    trip->first++;
    return end_sync(conn);
}

/* Asked once, and only by a transaction that leaves many behind: does a DEALLOCATE reach them? */
static int send_question(tn_driver_conn *conn, pg_trip *trip)
{
    static const char question[] = "select 1 from pg_catalog.pg_prepared_statements"
                                   " where name operator(pg_catalog.=) '%s'";
    char sql[sizeof(question) + PG_NAME_SIZE];
    size_t i = 0;

    while (i < conn->n_doomed && conn->doomed[i].perhaps)
        i++;
    if (i == conn->n_doomed)
        return 1;
    snprintf(sql, sizeof(sql), question, conn->doomed[i].name);
    trip->first++;
    return PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0);
}

/* First those whose names are wanted, then as many of the others as fit. */
static int send_doomed(tn_driver_conn *conn, pg_trip *trip, PGTransactionStatusType txn)
{
    if (txn == PQTRANS_INTRANS && conn->names == PG_NAMES_UNKNOWN &&
        conn->n_doomed >= DOOMED_AT_ONCE)
        return send_question(conn, trip);
    for (size_t i = 0; conn->n_doomed && i < trip->n; i++) {
        pg_doomed *own = pg_doomed_find(conn, trip->of[i].stmt->name);
        if (own && !send_deallocate(conn, trip, own))
            return 0;
    }
    for (size_t i = conn->n_doomed; i > 0 && trip->first < DOOMED_AT_ONCE; i--) {
        pg_doomed *entry = &conn->doomed[i - 1];
        if (!entry->sent && pg_doomed_may_go(conn, entry, txn) &&
            !send_deallocate(conn, trip, entry))
            return 0;
    }
    return 1;
}

static int send_trip(tn_driver_conn *conn, pg_trip *trip)
{
    /* as it is before anything is sent */
    PGTransactionStatusType txn = pg_txn_there(conn);
    bool named = trip->of[0].stmt->name[0] && !trip->of[0].there && !trip->unnamed;

    if (!PQenterPipelineMode(conn->pg) || (trip->probes && !send_probe(conn, trip)) ||
        (named && !send_doomed(conn, trip, txn)))
        return 0;
    for (size_t i = 0; i < trip->n; i++) {
        const pg_asked *of = &trip->of[i];
        const char *name = trip->unnamed ? "" : of->stmt->name;
        if (!of->there && !PQsendPrepare(conn->pg, name, of->stmt->sql.ptr, 0, NULL))
            return 0;
        if (!PQsendDescribePrepared(conn->pg, name))
            return 0;
    }
    return end_sync(conn);
}

/* ---- the answers ----------------------------------------------------------------------------- */

/* What the commands before them tell. The mode of the answer that was read last still holds in a
 * pipeline, so a row may come by itself. */
static void learn_names(tn_driver_conn *conn, const PGresult *result)
{
    ExecStatusType kind = PQresultStatus(result);

    if (kind == PGRES_COMMAND_OK || PQntuples(result))
        conn->names = PG_NAMES_KNOWN;
    else if (kind == PGRES_TUPLES_OK && conn->names == PG_NAMES_UNKNOWN)
        conn->names = PG_NAMES_HIDDEN;
}

static PGresult **place_for(const pg_trip *trip, size_t command, bool good)
{
    /* Each is parsed and described, but for the one that is there already. */
    bool there = trip->of[0].there;
    size_t which = there ? command : command / 2;
    pg_asked *of = &trip->of[which];

    if (which >= trip->n)
        return NULL;
    if (there || command % 2)
        return good ? &of->described : &of->describe_error;
    return good ? NULL : &of->parse_error;
}

static void take_result(tn_driver_conn *conn, const pg_trip *trip, size_t command, PGresult *result)
{
    PGresult **place = NULL;

    if (trip->probes && command == 0)
        (void)pg_probe_learn(conn, result, trip->probes);
    else if (command < trip->first)
        learn_names(conn, result);
    else
        place = place_for(trip, command - trip->first, PQresultStatus(result) == PGRES_COMMAND_OK);
    if (place && !*place)
        *place = result;
    else
        PQclear(result);
}

static tn_status read_trip(tn_driver_conn *conn, const pg_trip *trip, int64_t deadline_ns,
                           tn_error *err)
{
    size_t command = 0;

    while (conn->syncs) {
        PGresult *result = NULL;
        tn_status status = pg_result(conn, TN_PHASE_PREPARE, deadline_ns, &result, err);
        if (status != TN_OK)
            return status;
        if (!result && PQstatus(conn->pg) != CONNECTION_OK)
            return pg_fail_lost(conn, TN_PHASE_PREPARE, err);
        if (!result) {
            command++;
        } else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            conn->syncs--;
            PQclear(result);
        } else {
            take_result(conn, trip, command, result);
        }
    }
    if (!PQexitPipelineMode(conn->pg))
        return pg_fail_protocol(conn, TN_PHASE_PREPARE, err, "the pipeline could not be ended");
    conn->pending = false;
    return TN_OK;
}

/* Behind a pooler, or where that is not to be known, they have no names. */
static void settle_names(tn_driver_conn *conn, const pg_trip *trip)
{
    bool hold = pg_probe_knows(conn, PG_PROBED) && !conn->passing;

    for (size_t i = 0; i < trip->n; i++)
        if (hold)
            trip->of[i].stmt->unmade = true;
        else
            trip->of[i].stmt->name[0] = '\0';
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* A text that begins a transaction: what cannot be asked within has to be asked now. */
static uint8_t probes_of(const pg_trip *trip)
{
    for (size_t i = 0; i < trip->n; i++)
        if (trip->of[i].stmt->begins)
            return PG_PROBED | PG_ASKED;
    return PG_PROBED;
}

tn_status pg_trip_make(tn_driver_conn *conn, pg_trip *trip, int64_t deadline_ns, tn_error *err)
{
    uint8_t probes = probes_of(trip);

    trip->first = 0;
    trip->unnamed = !pg_probe_knows(conn, PG_PROBED) && trip->of[0].stmt->name[0] &&
                    conn->source->prepare == PG_PREPARE_AUTO;
    /* One that fails within a transaction would end it. */
    trip->probes = pg_probe_knows(conn, probes) || pg_txn_there(conn) != PQTRANS_IDLE ? 0 : probes;
    pg_expect_nothing(conn);
    tn_status status = pg_sent(conn, send_trip(conn, trip), TN_PHASE_PREPARE, deadline_ns, err);
    if (status == TN_OK)
        status = read_trip(conn, trip, deadline_ns, err);
    pg_doomed_settle(conn, status == TN_OK);
    if (status == TN_OK && trip->unnamed)
        settle_names(conn, trip);
    if (status == TN_OK)
        return TN_OK;
    pg_trip_clear(trip);
    /* The server may well finish what was given up here. */
    for (size_t i = 0; !trip->unnamed && i < trip->n; i++)
        if (trip->of[i].stmt->name[0])
            pg_doom(conn, trip->of[i].stmt->name, false, true);
    return status;
}
