/* SPDX-License-Identifier: MIT */
/*
 * The inside of prepared statements: stmt.c prepares and closes them, trip.c asks the server of
 * some in one round trip, describe.c reads its answer, doomed.c keeps the names of those that were
 * closed.
 */
#ifndef TENON_DRIVERS_POSTGRES_STMT_H
#define TENON_DRIVERS_POSTGRES_STMT_H

#include "postgres/pg.h"

/* ---- doomed.c -------------------------------------------------------------------------------- */

pg_doomed *pg_doomed_find(tn_driver_conn *conn, const char *name);
/* Without memory the statement stays on the server until the connection ends. */
void pg_doom(tn_driver_conn *conn, const char *name, bool stale, bool perhaps);
/* After a round trip: what it deallocated is gone, or nobody knows. */
void pg_doomed_settle(tn_driver_conn *conn, bool done);
bool pg_doomed_may_go(const tn_driver_conn *conn, const pg_doomed *entry,
                      PGTransactionStatusType txn);

/* ---- trip.c ---------------------------------------------------------------------------------- */

enum { PG_TRIP_MAX = 64 };

/* One of those that are asked for, and the answer. */
typedef struct pg_asked {
    tn_driver_stmt *stmt;
    bool there; /* it is on the server already: only described */
    PGresult *parse_error;
    PGresult *described;
    PGresult *describe_error;
} pg_asked;

typedef struct pg_trip {
    pg_asked *of;
    size_t n;       /* at most PG_TRIP_MAX; one, where it is there already */
    size_t first;   /* commands before them */
    uint8_t probes; /* what the first of these asks of the server */
    bool unnamed;   /* it is not known yet whether names hold */
} pg_trip;

/* Deallocates what is closed, parses, describes. The first that fails takes those behind it along.
 * The answers are the caller's to clear, where it is TN_OK. */
tn_status pg_trip_make(tn_driver_conn *conn, pg_trip *trip, int64_t deadline_ns, tn_error *err);
void pg_trip_clear(pg_trip *trip);
/* The transaction's status on the server: a BEGIN that is due has not begun one there. */
PGTransactionStatusType pg_txn_there(const tn_driver_conn *conn);

/* ---- describe.c ------------------------------------------------------------------------------ */

/* Asks for types that are not known: in a round trip, seldom. */
tn_status pg_learn_types(tn_driver_conn *conn, const PGresult *described, int64_t deadline_ns,
                         tn_error *err);
tn_status pg_take_description(tn_driver_stmt *stmt, const PGresult *described, tn_error *err);

#endif
