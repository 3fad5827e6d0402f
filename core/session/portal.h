/* SPDX-License-Identifier: MIT */
/*
 * What one execution occupies on its connection: a statement in use, a cursor, a place in the
 * connection's list. The connection can end it or move its rest into memory without knowing who
 * reads it; the reader sees from the flags what became of it.
 */
#ifndef TENON_SESSION_PORTAL_H
#define TENON_SESSION_PORTAL_H

#include <tenon/rows.h>

#include "session/conn.h"
#include "session/watch.h"

typedef struct tn__portal {
    tn__conn *conn; /* NULL: none yet, or taken away (orphaned) */
    tn__cached *stmt;
    tn_driver_cursor *cursor;
    bool listed;      /* in the connection's list: the reader comes back later */
    bool done;        /* everything was fetched */
    bool cut;         /* rows of it were thrown away unread */
    bool orphaned;    /* the connection was taken from it */
    tn_status broken; /* not TN_OK: reading the rest into memory failed, and err says why */
    tn_error *err;    /* the reader's, for that */
    tn_rows *head;    /* what the reader's inline functions read, emptied when its values go */
    unsigned depth;   /* of the handle it was opened on */
    tn__watch watch;  /* what is told of it */
    struct tn__portal *next;
    struct tn__portal *prev;
} tn__portal;

/* The portal stays open between calls and occupies the connection until it is done. */
void tn__portal_enlist(tn__portal *portal);
/* Everything was fetched: the connection is free for others. */
void tn__portal_done(tn__portal *portal);
/* Closes cursor and list entry, gives the statement back; conn stays set. NULL conn is fine. */
void tn__portal_close(tn__portal *portal);

/* The portal that occupies the connection is read into memory, so that another statement can run.
 */
tn_status tn__portal_free_wire(tn__conn *conn, size_t limit, int64_t deadline_ns, int64_t grace_ms,
                               tn_error *err);
/* Reads what is left and throws it away, until the deadline: the statement is not cut off. */
void tn__portal_drain(tn__portal *portal, int64_t deadline_ns);
/* The portals that were opened at this depth or deeper end: their handle goes away. */
void tn__portal_orphan(tn__conn *conn, unsigned depth);

#endif
