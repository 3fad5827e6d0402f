/* SPDX-License-Identifier: MIT */
/*
 * The TLS policy, pure: what sslmode a connection is asked for when the URL does not say. A host
 * that is not local is never talked to in plain text unless somebody wrote that.
 */
#ifndef TENON_DRIVERS_POSTGRES_TLS_H
#define TENON_DRIVERS_POSTGRES_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/types.h>

/* The hosts of a URL: comma-separated lists as libpq has them; NULL or "" for none. */
typedef struct pg_hosts {
    char *host;
    char *hostaddr;
    char *port;
    size_t count;
} pg_hosts;

typedef struct pg_tls_request {
    const char *host;        /* list */
    const char *hostaddr;    /* list; judged in the place of host where given */
    const char *sslmode;     /* as written in the URL, NULL: not written */
    const char *sslrootcert; /* in the URL or the environment */
    const char *environment; /* PGSSLMODE */
    bool elsewhere;          /* the host comes from a service file: nobody knows it here */
} pg_tls_request;

/* The sslmode to add; NULL: what is written, or libpq's default, counts. Static storage, or
 * request->environment. */
const char *pg_tls_mode(const pg_tls_request *request);

/* Is everything in the lists local: a Unix socket, localhost, a loopback address? */
bool pg_hosts_local(const char *host, const char *hostaddr);
bool pg_host_local(tn_str host);

/* Item i of a comma-separated list, "" when it has none. */
tn_str pg_list_item(const char *list, size_t i);
size_t pg_list_count(const char *list);

#endif
