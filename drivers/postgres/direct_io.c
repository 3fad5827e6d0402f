/* SPDX-License-Identifier: MIT */
/* Bytes of the direct path: sending, receiving, taking messages apart. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifdef PG_HAVE_OPENSSL
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/pg.h"

enum {
    HEADER = 5,
    IN_FIRST = 16 << 10,
    IN_USUAL = 64 << 10, /* more does not come at once */
    IN_KEPT = 1 << 20,
    OUT_KEPT = 1 << 20,
    LOOKS_MAX = 8,
    MESSAGE_MAX = 0x3fffffff, /* the server's own limit */
    SHORT_MAX = 30000,        /* of those that hold no text or row; libpq's limit as well */
    ERROR_MAX = 1 << 20       /* what is kept of one */
};

#define NOWHERE SIZE_MAX

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

/* ---- the socket ------------------------------------------------------------------------------ */

typedef enum io { IO_SOME = 0, IO_LATER_READ, IO_LATER_WRITE, IO_LOST } io;

static io lost(tn_driver_conn *conn, const char *why)
{
    conn->broken = true;
    if (!conn->direct.lost[0])
        snprintf(conn->direct.lost, sizeof(conn->direct.lost), "%s", why);
    return IO_LOST;
}

#ifdef PG_HAVE_OPENSSL
static io tls_result(tn_driver_conn *conn, int got)
{
    switch (SSL_get_error(conn->direct.tls, got)) {
    case SSL_ERROR_WANT_READ: return IO_LATER_READ;
    case SSL_ERROR_WANT_WRITE: return IO_LATER_WRITE;
    case SSL_ERROR_ZERO_RETURN: return lost(conn, "the server closed the connection");
    case SSL_ERROR_SYSCALL:
        return lost(conn, errno ? strerror(errno) : "the server closed the connection");
    default: return lost(conn, "TLS failed");
    }
}

static io tls_put(tn_driver_conn *conn, const char *ptr, size_t len, size_t *ret)
{
    errno = 0;
    ERR_clear_error();
    int n = SSL_write(conn->direct.tls, ptr, len > INT_MAX ? INT_MAX : (int)len);
    if (n <= 0)
        return tls_result(conn, n);
    *ret = (size_t)n;
    return IO_SOME;
}

static io tls_get(tn_driver_conn *conn, char *ptr, size_t size, size_t *ret)
{
    errno = 0;
    ERR_clear_error();
    int n = SSL_read(conn->direct.tls, ptr, size > INT_MAX ? INT_MAX : (int)size);
    if (n <= 0)
        return tls_result(conn, n);
    *ret = (size_t)n;
    return IO_SOME;
}

static void *tls_of(PGconn *pg)
{
    return PQsslInUse(pg) ? PQsslStruct(pg, "OpenSSL") : NULL;
}
#else
static io tls_put(tn_driver_conn *conn, const char *ptr, size_t len, size_t *ret)
{
    (void)ptr, (void)len, (void)ret;
    return lost(conn, "TLS is not built in");
}

static io tls_get(tn_driver_conn *conn, char *ptr, size_t size, size_t *ret)
{
    (void)ptr, (void)size, (void)ret;
    return lost(conn, "TLS is not built in");
}

static void *tls_of(PGconn *pg)
{
    (void)pg;
    return NULL;
}
#endif

static io system_result(tn_driver_conn *conn, io later)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return later;
    return lost(conn, strerror(errno));
}

static io put_some(tn_driver_conn *conn, const char *ptr, size_t len, size_t *ret)
{
    ssize_t put;

    if (conn->direct.tls)
        return tls_put(conn, ptr, len, ret);
    do
        put = send(PQsocket(conn->pg), ptr, len, MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    if (put < 0)
        return system_result(conn, IO_LATER_WRITE);
    *ret = (size_t)put;
    return IO_SOME;
}

static io get_some(tn_driver_conn *conn, char *ptr, size_t size, size_t *ret)
{
    ssize_t got;

    if (conn->direct.tls)
        return tls_get(conn, ptr, size, ret);
    do
        got = recv(PQsocket(conn->pg), ptr, size, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return system_result(conn, IO_LATER_READ);
    if (got == 0)
        return lost(conn, "the server closed the connection");
    *ret = (size_t)got;
    return IO_SOME;
}

void pg_direct_open(tn_driver_conn *conn)
{
    pg_direct *d = &conn->direct;

    tn__buf_init(&d->out, TN__BUF_MAX);
    tn__buf_init(&d->error, ERROR_MAX);
    tn__buf_init(&d->begin, ERROR_MAX);
    tn__buf_init(&d->ask, ERROR_MAX);
    d->saved_at = NOWHERE;
    d->tls = tls_of(conn->pg);
    d->possible = conn->source->direct && !PQgssEncInUse(conn->pg) &&
                  (d->tls || !PQsslInUse(conn->pg));
}

/* ---- receiving ------------------------------------------------------------------------------- */

static uint32_t length_at(const char *ptr)
{
    return pg_get32((const unsigned char *)ptr);
}

/* How many bytes the message that begins at start has, 0 while that has not come. */
static size_t wanted(const pg_direct *d)
{
    return d->end - d->start < HEADER ? 0 : (size_t)length_at(d->in + d->start + 1) + 1;
}

/* Room behind end, for what is left of a message that has begun. What was read is given up: nobody
 * looks at it any more. Memory grows with what comes, not with what is announced. */
static bool make_room(pg_direct *d)
{
    size_t have = d->end - d->start, need = wanted(d);

    if (d->start && d->saved_at != NOWHERE)
        d->saved_at -= d->start;
    if (d->start && have)
        memmove(d->in, d->in + d->start, have);
    d->start = 0;
    d->end = have;
    if (need > d->capacity * 2)
        need = d->capacity * 2;
    if (need < (d->full ? IN_USUAL : IN_FIRST))
        need = d->full ? IN_USUAL : IN_FIRST;
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
static io receive(tn_driver_conn *conn)
{
    pg_direct *d = &conn->direct;
    size_t got = 0;

    if (d->start == d->end)
        d->start = d->end = 0;
    if ((d->full || d->capacity - d->end < IN_FIRST / 2 || d->start + wanted(d) > d->capacity) &&
        !make_room(d))
        return lost(conn, "out of memory");
    size_t room = d->capacity - d->end;
    io how = get_some(conn, d->in + d->end, room, &got);
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
        case IO_SOME: return TN_OK;
        case IO_LATER_READ: events = TN_WAIT_READ; break;
        case IO_LATER_WRITE: events = TN_WAIT_WRITE; break;
        case IO_LOST: return fail_lost(conn, phase, err);
        }
    }
}

bool pg_direct_receive_at_hand(tn_driver_conn *conn)
{
    return receive(conn) == IO_SOME;
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
        io how = put_some(conn, d->out.ptr + d->sent, d->out.len - d->sent, &put);
        d->sent += put;
        if (how == IO_LOST)
            return -1;
        if (how != IO_SOME)
            return how == IO_LATER_READ ? TN_WAIT_READ : TN_WAIT_READ | TN_WAIT_WRITE;
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
        io how = put_some(conn, d->out.ptr + d->sent, d->out.len - d->sent, &put);
        d->sent += put;
        if (how == IO_SOME)
            continue;
        if (how != IO_LOST) {
            int events = how == IO_LATER_READ ? TN_WAIT_READ : TN_WAIT_READ | TN_WAIT_WRITE;
            tn_status status = pg_wait(conn, events, phase, deadline_ns, err);
            if (status != TN_OK)
                return status;
            how = receive(conn);
        } else {
            (void)receive(conn); /* what it said before */
        }
        if (how == IO_LOST)
            return fail_lost(conn, phase, err);
    }
    forget_sent(d);
    return TN_OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

static bool looks_right(tn_driver_conn *conn, char type, uint32_t length)
{
    /* By type, from '1' on: the most that such a message has; 0: there is none. */
    static const uint32_t most[] = {
        ['1' - '1'] = SHORT_MAX,   ['2' - '1'] = SHORT_MAX,   ['A' - '1'] = MESSAGE_MAX,
        ['C' - '1'] = SHORT_MAX,   ['D' - '1'] = MESSAGE_MAX, ['E' - '1'] = MESSAGE_MAX,
        ['G' - '1'] = SHORT_MAX,   ['H' - '1'] = SHORT_MAX,   ['I' - '1'] = SHORT_MAX,
        ['N' - '1'] = MESSAGE_MAX, ['S' - '1'] = SHORT_MAX,   ['T' - '1'] = MESSAGE_MAX,
        ['W' - '1'] = SHORT_MAX,   ['Z' - '1'] = SHORT_MAX,   ['n' - '1'] = SHORT_MAX,
    };
    size_t number = (size_t)(unsigned char)type - '1';

    if (number < sizeof(most) / sizeof(most[0]) && length >= 4 && length <= most[number])
        return true;
    lost(conn, "what the server sent is not its protocol");
    return false;
}

static pg_taken look(tn_driver_conn *conn, pg_message *ret)
{
    pg_direct *d = &conn->direct;

    if (d->end - d->start < HEADER)
        return PG_INCOMPLETE;
    char type = d->saved_at == d->start ? d->saved : d->in[d->start];
    uint32_t length = length_at(d->in + d->start + 1);
    if (!looks_right(conn, type, length))
        return PG_BAD;
    if (d->end - d->start < (size_t)length + 1)
        return PG_INCOMPLETE;
    *ret = (pg_message){.type = type, .body = d->in + d->start + HEADER, .len = length - 4};
    return PG_TAKEN;
}

/* The setting's place among those that are not as libpq knows them; n_foreign: it is none. */
static size_t find_foreign(const pg_direct *d, const char *name)
{
    size_t i = 0;

    while (i < d->n_foreign && strncmp(d->foreign[i], name, sizeof(d->foreign[i]) - 1) != 0)
        i++;
    return i;
}

/* A setting changed, and libpq is not told: until it is as before, the connection is good for its
 * present user only. */
static void note_parameter(tn_driver_conn *conn, const char *name, const char *value)
{
    pg_direct *d = &conn->direct;
    const char *known = PQparameterStatus(conn->pg, name);
    size_t at = find_foreign(d, name);

    if (strcmp(name, "client_encoding") == 0)
        conn->foreign_encoding = strcmp(value, "UTF8") != 0;
    if (known && strcmp(known, value) == 0) {
        if (at < d->n_foreign)
            memmove(d->foreign[at], d->foreign[--d->n_foreign], sizeof(d->foreign[at]));
    } else if (at == PG_FOREIGN_MAX) {
        conn->misencoded = true;
    } else if (at == d->n_foreign) {
        tn__copy_text(d->foreign[d->n_foreign++], sizeof(d->foreign[0]), kit_str(name));
    }
}

/* Are these so many texts, each with its NUL? */
static bool holds_texts(const char *body, size_t len, int count)
{
    const char *end = body + len;

    for (; count > 0; count--) {
        const char *nul = memchr(body, '\0', (size_t)(end - body));
        if (!nul)
            return false;
        body = nul + 1;
    }
    return body == end;
}

/* Reports and what comes unasked are looked through here, so that whoever reads them need not. */
static bool is_whole(const pg_message *message)
{
    switch (message->type) {
    case 'S': return holds_texts(message->body, message->len, 2);
    case 'A': return message->len > 4 && holds_texts(message->body + 4, message->len - 4, 2);
    case 'N':
    case 'E':
        /* the last field's end and the end of all */
        return message->len == 1
                   ? !message->body[0]
                   : message->len > 1 && !memcmp(message->body + message->len - 2, "\0\0", 2);
    default: return true;
    }
}

/* What comes unasked, in any place. */
static bool is_unasked(tn_driver_conn *conn, const pg_message *message)
{
    switch (message->type) {
    case 'N': pg_note(conn, &(pg_report){.body = message->body, .len = message->len}); return true;
    case 'S':
        note_parameter(conn, message->body, message->body + strlen(message->body) + 1);
        return true;
    case 'A': return true; /* nobody listens here */
    default: return false;
    }
}

pg_taken pg_direct_peek(tn_driver_conn *conn, pg_message *ret)
{
    for (;;) {
        pg_taken taken = look(conn, ret);
        if (taken != PG_TAKEN)
            return taken;
        if (!is_whole(ret)) {
            lost(conn, "a message of the server has no end");
            return PG_BAD;
        }
        if (!is_unasked(conn, ret))
            return PG_TAKEN;
        pg_direct_skip(conn, ret);
    }
}

void pg_direct_skip(tn_driver_conn *conn, const pg_message *message)
{
    pg_direct *d = &conn->direct;

    d->start = (size_t)(message->body - d->in) + message->len;
    if (d->saved_at != NOWHERE && d->saved_at < d->start)
        d->saved_at = NOWHERE;
}

/* ---- turns ----------------------------------------------------------------------------------- */

bool pg_direct_lend(tn_driver_conn *conn)
{
    pg_direct *d = &conn->direct;
    size_t have = d->end - d->start, capacity = d->spare ? d->spare_capacity : IN_FIRST;
    char *fresh = d->spare;

    d->spare = NULL;
    if (!fresh || have > capacity) {
        free(fresh);
        capacity = have > IN_FIRST ? have : IN_FIRST;
        fresh = malloc(capacity + 1);
        if (!fresh)
            return false;
    }
    if (have)
        memcpy(fresh, d->in + d->start, have);
    if (d->saved_at == d->start)
        fresh[0] = d->saved;
    d->saved_at = NOWHERE;
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

    if (d->capacity <= IN_KEPT || d->reader || have > IN_FIRST)
        return;
    memmove(d->in, d->in + d->start, have);
    if (d->saved_at != NOWHERE)
        d->saved_at -= d->start;
    d->start = 0;
    d->end = have;
    char *less = realloc(d->in, IN_USUAL + 1);
    d->in = less ? less : d->in;
    d->capacity = less ? IN_USUAL : d->capacity;
}

void pg_direct_give_back(tn_driver_conn *conn, char *in, size_t capacity)
{
    pg_direct *d = &conn->direct;

    if (d->spare || capacity > IN_USUAL) {
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
            lost(conn, "the server answered what nobody asked");
        pg_direct_skip(conn, &message);
    }
}

tn_status pg_direct_yield(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    pg_direct *d = &conn->direct;

    take_unasked(conn);
    while (!conn->broken && d->start != d->end) {
        /* Exactly that message: what comes behind it is libpq's. */
        size_t whole = wanted(d), got = 0;
        size_t left = (whole ? whole : HEADER) - (d->end - d->start);
        if (d->reader && !pg_direct_lend(conn))
            return kit_nomem(conn->host, err, TN_PHASE_NONE);
        if (d->end + left > d->capacity && !make_room(d))
            return kit_nomem(conn->host, err, TN_PHASE_NONE);
        if (!d->tls) {
            tn_status status = pg_wait(conn, TN_WAIT_READ, TN_PHASE_NONE, deadline_ns, err);
            if (status != TN_OK)
                return status;
        }
        io how = get_some(conn, d->in + d->end, left, &got);
        d->end += got;
        if (how != IO_SOME && how != IO_LOST && d->tls) {
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
