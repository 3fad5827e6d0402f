/* SPDX-License-Identifier: MIT */
/*
 * Statements that were closed here and may still be on the server. It is told with the next one
 * that is prepared. A DEALLOCATE that fails would end a transaction, so within one only those go
 * that are certain to be there.
 */
#include <stdlib.h>
#include <string.h>

#include "postgres/stmt.h"

pg_doomed *pg_doomed_find(tn_driver_conn *conn, const char *name)
{
    for (size_t i = 0; i < conn->n_doomed; i++)
        if (strcmp(conn->doomed[i].name, name) == 0)
            return &conn->doomed[i];
    return NULL;
}

/* Without memory the statement stays on the server until the connection ends. */
void pg_doom(tn_driver_conn *conn, const char *name, bool stale, bool perhaps)
{
    pg_doomed *entry = pg_doomed_find(conn, name);

    if (entry) {
        entry->stale = entry->stale || stale;
        entry->perhaps = perhaps;
        return;
    }
    if (conn->n_doomed == conn->doomed_capacity) {
        size_t capacity = conn->doomed_capacity ? conn->doomed_capacity * 2 : 16;
        pg_doomed *grown = realloc(conn->doomed, capacity * sizeof(*grown));
        if (!grown)
            return;
        conn->doomed = grown;
        conn->doomed_capacity = capacity;
    }
    entry = &conn->doomed[conn->n_doomed++];
    *entry = (pg_doomed){.stale = stale, .perhaps = perhaps};
    memcpy(entry->name, name, PG_NAME_SIZE);
}

/* After a round trip: what it deallocated is gone, or nobody knows. */
void pg_doomed_settle(tn_driver_conn *conn, bool done)
{
    size_t kept = 0;

    for (size_t i = 0; i < conn->n_doomed; i++) {
        pg_doomed entry = conn->doomed[i];
        if (entry.sent && done)
            continue;
        entry.perhaps = entry.perhaps || entry.sent;
        entry.sent = false;
        conn->doomed[kept++] = entry;
    }
    conn->n_doomed = kept;
}

bool pg_doomed_may_go(const tn_driver_conn *conn, const pg_doomed *entry,
                      PGTransactionStatusType txn)
{
    switch (txn) {
    case PQTRANS_IDLE: return true;
    case PQTRANS_INTRANS: return conn->names == PG_NAMES_KNOWN && !entry->perhaps;
    default: return false;
    }
}

void pg_forget_statements(tn_driver_conn *conn)
{
    conn->n_doomed = 0;
    for (tn_driver_stmt *stmt = conn->stmts; stmt; stmt = stmt->next)
        stmt->gone = true;
}
