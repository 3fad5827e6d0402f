/* SPDX-License-Identifier: MIT */
/* Messages of the direct path: taken apart, checked, and what comes unasked among them. */
#include <string.h>

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/direct_io.h"

enum {
    MESSAGE_MAX = 0x3fffffff, /* the server's own limit */
    SHORT_MAX = 30000         /* of those that hold no text or row; libpq's limit as well */
};

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
    pg_direct_lost(conn, "what the server sent is not its protocol");
    return false;
}

static pg_taken look(tn_driver_conn *conn, pg_message *ret)
{
    pg_direct *d = &conn->direct;

    if (d->end - d->start < PG_MESSAGE_HEADER)
        return PG_INCOMPLETE;
    char type = d->saved_at == d->start ? d->saved : d->in[d->start];
    uint32_t length = pg_direct_length_at(d->in + d->start + 1);
    if (!looks_right(conn, type, length))
        return PG_BAD;
    if (d->end - d->start < (size_t)length + 1)
        return PG_INCOMPLETE;
    *ret = (pg_message){
        .type = type, .body = d->in + d->start + PG_MESSAGE_HEADER, .len = length - 4};
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
            pg_direct_lost(conn, "a message of the server has no end");
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
    if (d->saved_at != PG_NOWHERE && d->saved_at < d->start)
        d->saved_at = PG_NOWHERE;
}
