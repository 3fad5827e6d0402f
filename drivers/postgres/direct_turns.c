/* SPDX-License-Identifier: MIT */
/* Turns: the buffer goes to a reader who keeps it, the socket to libpq and back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kit/kit.h"
#include "postgres/direct_io.h"

enum { IN_KEPT = 1 << 20, LOOKS_MAX = 8 };

bool pg_direct_lend(tn_driver_conn *conn)
{
    pg_direct *d = &conn->direct;
    size_t have = d->end - d->start, capacity = d->spare ? d->spare_capacity : PG_IN_FIRST;
    char *fresh = d->spare;

    d->spare = NULL;
    if (!fresh || have > capacity) {
        free(fresh);
        capacity = have > PG_IN_FIRST ? have : PG_IN_FIRST;
        fresh = malloc(capacity + 1);
        if (!fresh)
            return false;
    }
    if (have)
        memcpy(fresh, d->in + d->start, have);
    if (d->saved_at == d->start)
        fresh[0] = d->saved;
    d->saved_at = PG_NOWHERE;
    d->reader->kept = d->in;
    d->reader->kept_capacity = d->capacity;
    d->reader = NULL;
    d->in = fresh;
    d->capacity = capacity;
    d->start = 0;
    d->end = have;
    return true;
}

void pg_direct_shrink(pg_direct *d)
{
    size_t have = d->end - d->start;

    if (d->capacity <= IN_KEPT || d->reader || have > PG_IN_FIRST)
        return;
    memmove(d->in, d->in + d->start, have);
    if (d->saved_at != PG_NOWHERE)
        d->saved_at -= d->start;
    d->start = 0;
    d->end = have;
    char *less = realloc(d->in, PG_IN_USUAL + 1);
    d->in = less ? less : d->in;
    d->capacity = less ? PG_IN_USUAL : d->capacity;
}

void pg_direct_give_back(tn_driver_conn *conn, char *in, size_t capacity)
{
    pg_direct *d = &conn->direct;

    if (d->spare || capacity > PG_IN_USUAL) {
        free(in);
        return;
    }
    d->spare = in;
    d->spare_capacity = capacity;
}

/* All that is complete is taken; an end of the session that is told there counts. */
static void take_unasked(tn_driver_conn *conn)
{
    pg_message message;

    while (pg_direct_peek(conn, &message) == PG_TAKEN) {
        pg_report report = {.body = message.body, .len = message.len};
        if (message.type == 'E')
            pg_note(conn, &report);
        else
            pg_direct_lost(conn, "the server answered what nobody asked");
        pg_direct_skip(conn, &message);
    }
}

tn_status pg_direct_yield(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    pg_direct *d = &conn->direct;

    take_unasked(conn);
    while (!conn->broken && d->start != d->end) {
        /* Exactly that message: what comes behind it is libpq's. */
        size_t whole = pg_direct_wanted(d), got = 0;
        size_t left = (whole ? whole : PG_MESSAGE_HEADER) - (d->end - d->start);
        if (d->reader && !pg_direct_lend(conn))
            return kit_nomem(conn->host, err, TN_PHASE_NONE);
        if (d->end + left > d->capacity && !pg_direct_make_room(d))
            return kit_nomem(conn->host, err, TN_PHASE_NONE);
        if (!d->tls) {
            tn_status status = pg_wait(conn, TN_WAIT_READ, TN_PHASE_NONE, deadline_ns, err);
            if (status != TN_OK)
                return status;
        }
        pg_io how = pg_direct_get(conn, d->in + d->end, left, &got);
        d->end += got;
        if (how != PG_IO_SOME && how != PG_IO_LOST && d->tls) {
            tn_status status = pg_wait(conn, TN_WAIT_READ, TN_PHASE_NONE, deadline_ns, err);
            if (status != TN_OK)
                return status;
        }
        take_unasked(conn);
    }
    return conn->broken ? pg_fail_lost(conn, TN_PHASE_NONE, err) : TN_OK;
}

bool pg_direct_alive(tn_driver_conn *conn)
{
    char byte;

    /* TLS has messages of its own there, which takes a reader to tell. */
    if (!conn->direct.tls) {
        ssize_t got = recv(PQsocket(conn->pg), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        if (got == 0)
            return false;
    }
    if (conn->direct.reader && !pg_direct_lend(conn))
        return true;
    for (int i = 0; i < LOOKS_MAX && pg_direct_receive_at_hand(conn); i++)
        take_unasked(conn);
    return !conn->broken;
}
