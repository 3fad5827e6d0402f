/* SPDX-License-Identifier: MIT */
/* The socket of the direct path, under TLS by libpq's own session of OpenSSL: what goes at once. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#ifdef PG_HAVE_OPENSSL
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

#include "postgres/direct_io.h"

pg_io pg_direct_lost(tn_driver_conn *conn, const char *why)
{
    conn->broken = true;
    if (!conn->direct.lost[0])
        snprintf(conn->direct.lost, sizeof(conn->direct.lost), "%s", why);
    return PG_IO_LOST;
}

#ifdef PG_HAVE_OPENSSL
static pg_io tls_result(tn_driver_conn *conn, int got)
{
    switch (SSL_get_error(conn->direct.tls, got)) {
    case SSL_ERROR_WANT_READ: return PG_IO_LATER_READ;
    case SSL_ERROR_WANT_WRITE: return PG_IO_LATER_WRITE;
    case SSL_ERROR_ZERO_RETURN: return pg_direct_lost(conn, "the server closed the connection");
    case SSL_ERROR_SYSCALL:
        return pg_direct_lost(conn, errno ? strerror(errno) : "the server closed the connection");
    default: return pg_direct_lost(conn, "TLS failed");
    }
}

static pg_io tls_put(tn_driver_conn *conn, const char *ptr, size_t len, size_t *ret)
{
    errno = 0;
    ERR_clear_error();
    int n = SSL_write(conn->direct.tls, ptr, len > INT_MAX ? INT_MAX : (int)len);
    if (n <= 0)
        return tls_result(conn, n);
    *ret = (size_t)n;
    return PG_IO_SOME;
}

static pg_io tls_get(tn_driver_conn *conn, char *ptr, size_t size, size_t *ret)
{
    errno = 0;
    ERR_clear_error();
    int n = SSL_read(conn->direct.tls, ptr, size > INT_MAX ? INT_MAX : (int)size);
    if (n <= 0)
        return tls_result(conn, n);
    *ret = (size_t)n;
    return PG_IO_SOME;
}

void *pg_direct_tls_of(PGconn *pg)
{
    return PQsslInUse(pg) ? PQsslStruct(pg, "OpenSSL") : NULL;
}
#else
static pg_io tls_put(tn_driver_conn *conn, const char *ptr, size_t len, size_t *ret)
{
    (void)ptr, (void)len, (void)ret;
    return pg_direct_lost(conn, "TLS is not built in");
}

static pg_io tls_get(tn_driver_conn *conn, char *ptr, size_t size, size_t *ret)
{
    (void)ptr, (void)size, (void)ret;
    return pg_direct_lost(conn, "TLS is not built in");
}

void *pg_direct_tls_of(PGconn *pg)
{
    (void)pg;
    return NULL;
}
#endif

static pg_io system_result(tn_driver_conn *conn, pg_io later)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return later;
    return pg_direct_lost(conn, strerror(errno));
}

pg_io pg_direct_put(tn_driver_conn *conn, const char *ptr, size_t len, size_t *ret)
{
    ssize_t put;

    if (conn->direct.tls)
        return tls_put(conn, ptr, len, ret);
    do
        put = send(PQsocket(conn->pg), ptr, len, MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    if (put < 0)
        return system_result(conn, PG_IO_LATER_WRITE);
    *ret = (size_t)put;
    return PG_IO_SOME;
}

pg_io pg_direct_get(tn_driver_conn *conn, char *ptr, size_t size, size_t *ret)
{
    ssize_t got;

    if (conn->direct.tls)
        return tls_get(conn, ptr, size, ret);
    do
        got = recv(PQsocket(conn->pg), ptr, size, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return system_result(conn, PG_IO_LATER_READ);
    if (got == 0)
        return pg_direct_lost(conn, "the server closed the connection");
    *ret = (size_t)got;
    return PG_IO_SOME;
}
