/* SPDX-License-Identifier: MIT */
/* Bytes of the direct path: the buffers of what was received and of what is to be sent. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/direct_io.h"

enum { OUT_KEPT = 1 << 20, ERROR_MAX = 1 << 20 /* what is kept of one */ };

void pg_direct_open(tn_driver_conn *conn)
{
    pg_direct *d = &conn->direct;

    tn__buf_init(&d->out, TN__BUF_MAX);
    tn__buf_init(&d->error, ERROR_MAX);
    tn__buf_init(&d->begin, ERROR_MAX);
    tn__buf_init(&d->ask, ERROR_MAX);
    d->saved_at = PG_NOWHERE;
    d->tls = pg_direct_tls_of(conn->pg);
    d->possible = conn->source->direct && !PQgssEncInUse(conn->pg) &&
                  (d->tls || !PQsslInUse(conn->pg));
}

void pg_direct_close(tn_driver_conn *conn)
{
    pg_direct *d = &conn->direct;

    tn__buf_free(&d->out);
    tn__buf_free(&d->error);
    tn__buf_free(&d->begin);
    tn__buf_free(&d->ask);
    free(d->in);
    free(d->spare);
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* How many bytes the message that begins at start has, 0 while that has not come. */
size_t pg_direct_wanted(const pg_direct *d)
{
    return d->end - d->start < PG_MESSAGE_HEADER
               ? 0
               : (size_t)pg_direct_length_at(d->in + d->start + 1) + 1;
}

/* Room behind end, for what is left of a message that has begun. What was read is given up: nobody
 * looks at it any more. Memory grows with what comes, not with what is announced. */
bool pg_direct_make_room(pg_direct *d)
{
    size_t have = d->end - d->start, need = pg_direct_wanted(d);

    if (d->start && d->saved_at != PG_NOWHERE)
        d->saved_at -= d->start;
    if (d->start && have)
        memmove(d->in, d->in + d->start, have);
    d->start = 0;
    d->end = have;
    if (need > d->capacity * 2)
        need = d->capacity * 2;
    if (need < (d->full ? PG_IN_USUAL : PG_IN_FIRST))
        need = d->full ? PG_IN_USUAL : PG_IN_FIRST;
    if (need <= d->capacity)
        return true;
    char *grown = realloc(d->in, need + 1);
    if (!grown)
        return false;
    d->in = grown;
    d->capacity = need;
    return true;
}

/* Everything was read: the next bytes go to the front. */
static pg_io receive(tn_driver_conn *conn)
{
    pg_direct *d = &conn->direct;
    size_t got = 0;

    if (d->start == d->end)
        d->start = d->end = 0;
    if ((d->full || d->capacity - d->end < PG_IN_FIRST / 2 ||
         d->start + pg_direct_wanted(d) > d->capacity) &&
        !pg_direct_make_room(d))
        return pg_direct_lost(conn, "out of memory");
    size_t room = d->capacity - d->end;
    pg_io how = pg_direct_get(conn, d->in + d->end, room, &got);
    d->end += got;
    d->full = got == room;
    return how;
}

static tn_status fail_lost(tn_driver_conn *conn, tn_phase phase, tn_error *err)
{
    /* The last words may stand in what was received. */
    pg_message message;
    while (pg_direct_peek(conn, &message) == PG_TAKEN) {
        if (message.type == 'E') {
            pg_report report = {.body = message.body, .len = message.len};
            pg_last_words(conn, &report);
        }
        pg_direct_skip(conn, &message);
    }
    return pg_fail_lost(conn, phase, err);
}

tn_status pg_direct_receive(tn_driver_conn *conn, tn_phase phase, int64_t deadline_ns,
                            tn_error *err)
{
    int events = TN_WAIT_READ;
    bool look = conn->direct.tls != NULL; /* it may hold bytes that the socket does not */

    for (;;) {
        if (!look) {
            tn_status status = pg_wait(conn, events, phase, deadline_ns, err);
            if (status != TN_OK)
                return status;
        }
        look = false;
        switch (receive(conn)) {
        case PG_IO_SOME: return TN_OK;
        case PG_IO_LATER_READ: events = TN_WAIT_READ; break;
        case PG_IO_LATER_WRITE: events = TN_WAIT_WRITE; break;
        case PG_IO_LOST: return fail_lost(conn, phase, err);
        }
    }
}

/* Room behind what stands there, all of which is kept. */
static bool make_more_room(pg_direct *d)
{
    size_t have = d->end - d->start, most = d->capacity - d->capacity / 4;

    if (have < most)
        return true;
    if (d->capacity > SIZE_MAX / 4 || (d->start && !pg_direct_make_room(d)))
        return false;
    char *grown = realloc(d->in, d->capacity * 2 + 1);
    if (!grown)
        return false;
    d->in = grown;
    d->capacity *= 2;
    return true;
}

/* From *at on, counted from start, to the end of what is whole. true: there an answer ends, or what
 * stands there is for those to judge who take it. */
static bool look_for_end(const pg_direct *d, size_t *at, bool *ret_failed)
{
    size_t have = d->end - d->start;

    while (have - *at >= PG_MESSAGE_HEADER) {
        const char *message = d->in + d->start + *at;
        uint32_t length = pg_direct_length_at(message + 1);
        if (length < 4 || length > INT32_MAX || message[0] == 'Z')
            return true;
        if (have - *at - 1 < length)
            return false;
        *ret_failed = message[0] == 'E';
        if (*ret_failed)
            return true;
        *at += 1 + (size_t)length;
    }
    return false;
}

tn_status pg_direct_receive_whole(tn_driver_conn *conn, bool *ret_failed, tn_phase phase,
                                  int64_t deadline_ns, tn_error *err)
{
    size_t at = 0;

    *ret_failed = false;
    while (!look_for_end(&conn->direct, &at, ret_failed)) {
        if (!make_more_room(&conn->direct))
            return kit_nomem(conn->host, err, phase);
        tn_status status = pg_direct_receive(conn, phase, deadline_ns, err);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

bool pg_direct_receive_at_hand(tn_driver_conn *conn)
{
    return receive(conn) == PG_IO_SOME;
}

/* ---- sending --------------------------------------------------------------------------------- */

static void forget_sent(pg_direct *d)
{
    d->sent = 0;
    if (d->out.cap > OUT_KEPT) {
        tn__buf_free(&d->out);
        tn__buf_init(&d->out, TN__BUF_MAX);
    } else {
        tn__buf_reset(&d->out);
    }
}

int pg_direct_flush_some(tn_driver_conn *conn)
{
    pg_direct *d = &conn->direct;

    while (d->sent < d->out.len) {
        size_t put = 0;
        pg_io how = pg_direct_put(conn, d->out.ptr + d->sent, d->out.len - d->sent, &put);
        d->sent += put;
        if (how == PG_IO_LOST)
            return -1;
        if (how != PG_IO_SOME)
            return how == PG_IO_LATER_READ ? TN_WAIT_READ : TN_WAIT_READ | TN_WAIT_WRITE;
    }
    forget_sent(d);
    return 0;
}

/* The server may be writing too, and wait for us to read. */
tn_status pg_direct_flush(tn_driver_conn *conn, tn_phase phase, int64_t deadline_ns, tn_error *err)
{
    pg_direct *d = &conn->direct;

    while (d->sent < d->out.len) {
        size_t put = 0;
        pg_io how = pg_direct_put(conn, d->out.ptr + d->sent, d->out.len - d->sent, &put);
        d->sent += put;
        if (how == PG_IO_SOME)
            continue;
        if (how != PG_IO_LOST) {
            int events = how == PG_IO_LATER_READ ? TN_WAIT_READ : TN_WAIT_READ | TN_WAIT_WRITE;
            tn_status status = pg_wait(conn, events, phase, deadline_ns, err);
            if (status != TN_OK)
                return status;
            how = receive(conn);
        } else {
            (void)receive(conn); /* what it said before */
        }
        if (how == PG_IO_LOST)
            return fail_lost(conn, phase, err);
    }
    forget_sent(d);
    return TN_OK;
}
