/* SPDX-License-Identifier: MIT */
/*
 * The inside of the direct path's bytes: direct_socket.c reads and writes what goes at once,
 * direct_io.c fills and empties the buffers, direct_message.c takes them apart, direct_turns.c
 * passes the socket, and the buffer, from one to the other.
 */
#ifndef TENON_DRIVERS_POSTGRES_DIRECT_IO_H
#define TENON_DRIVERS_POSTGRES_DIRECT_IO_H

#include "postgres/pg.h"

enum {
    PG_MESSAGE_HEADER = 5,
    PG_IN_FIRST = 16 << 10,
    PG_IN_USUAL = 64 << 10 /* more does not come at once */
};

#define PG_NOWHERE SIZE_MAX

typedef enum pg_io { PG_IO_SOME = 0, PG_IO_LATER_READ, PG_IO_LATER_WRITE, PG_IO_LOST } pg_io;

/* ---- direct_socket.c ------------------------------------------------------------------------- */

/* OpenSSL's session, or NULL. */
void *pg_direct_tls_of(PGconn *pg);
/* The connection is broken; the first reason is kept. */
pg_io pg_direct_lost(tn_driver_conn *conn, const char *why);
pg_io pg_direct_put(tn_driver_conn *conn, const char *ptr, size_t len, size_t *ret);
pg_io pg_direct_get(tn_driver_conn *conn, char *ptr, size_t size, size_t *ret);

/* A message's length, which stands behind its type. */
static inline uint32_t pg_direct_length_at(const char *ptr)
{
    return pg_get32((const unsigned char *)ptr);
}

/* ---- direct_io.c ----------------------------------------------------------------------------- */

/* The length of the message that stands at start; 0: that is not here yet. */
size_t pg_direct_wanted(const pg_direct *d);
/* What is unread goes to the front of a buffer that has room for more. */
bool pg_direct_make_room(pg_direct *d);

#endif
