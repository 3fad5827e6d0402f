/* SPDX-License-Identifier: MIT */
#include "session/portal.h"

#include "base/clock.h"

void tn__portal_enlist(tn__portal *portal)
{
    tn__conn *conn = portal->conn;

    portal->listed = true;
    portal->prev = NULL;
    portal->next = conn->open;
    if (conn->open)
        conn->open->prev = portal;
    conn->open = portal;
    if (!portal->done)
        conn->attached = portal;
}

void tn__portal_done(tn__portal *portal)
{
    portal->done = true;
    if (portal->conn->attached == portal)
        portal->conn->attached = NULL;
}

static void delist(tn__portal *portal)
{
    tn__conn *conn = portal->conn;

    if (conn->attached == portal)
        conn->attached = NULL;
    if (!portal->listed)
        return;
    *(portal->prev ? &portal->prev->next : &conn->open) = portal->next;
    if (portal->next)
        portal->next->prev = portal->prev;
    portal->next = portal->prev = NULL;
    portal->listed = false;
}

void tn__portal_close(tn__portal *portal)
{
    tn__conn *conn = portal->conn;

    if (!conn)
        return;
    delist(portal);
    if (portal->cursor)
        conn->driver->cursor.close(portal->cursor);
    if (portal->stmt)
        tn__cache_release(&conn->cache, portal->stmt);
    portal->cursor = NULL;
    portal->stmt = NULL;
}

/* The values that the reader looks at are about to go. Rows that it has not come to are missed. */
static void empty(tn__portal *portal)
{
    if (!portal->head)
        return;
    portal->cut |= portal->head->left > 0;
    portal->head->row = NULL;
    portal->head->left = 0;
}

tn_status tn__portal_free_wire(tn__conn *conn, size_t limit, int64_t deadline_ns, int64_t grace_ms,
                               tn_error *err)
{
    tn__portal *portal = conn->attached;

    if (!portal)
        return TN_OK;
    conn->attached = NULL;
    tn__watch_resume(&portal->watch, 0);
    tn_status status = conn->driver->cursor.detach(portal->cursor, limit, deadline_ns, portal->err);
    if (status == TN_OK) {
        tn__watch_pause(&portal->watch);
        return TN_OK;
    }
    tn_error_prepend(portal->err, "reading the rows that are still open on this connection");
    portal->broken = status;
    portal->done = true;
    empty(portal);
    if (err && portal->err)
        *err = *portal->err;
    tn__conn_settle(conn, grace_ms, err);
    tn__watch_end(&portal->watch, conn, portal->err);
    return status;
}

void tn__portal_drain(tn__portal *portal, int64_t deadline_ns)
{
    tn__conn *conn = portal->conn;
    tn_batch batch = {.size = sizeof(batch)};

    empty(portal);
    portal->cut |= !portal->done;
    tn__watch_resume(&portal->watch, 0);
    while (portal->cursor && !portal->done && tn__now_ns() < deadline_ns)
        if (conn->driver->cursor.fetch(portal->cursor, deadline_ns, &batch, NULL) != TN_OK)
            return;
        else if (batch.done)
            tn__portal_done(portal);
}

void tn__portal_orphan(tn__conn *conn, unsigned depth)
{
    tn__portal *next;

    for (tn__portal *portal = conn->open; portal; portal = next) {
        next = portal->next;
        if (portal->depth < depth)
            continue;
        empty(portal);
        tn__watch_end(&portal->watch, conn, NULL);
        tn__portal_close(portal);
        portal->conn = NULL;
        portal->orphaned = true;
    }
}
