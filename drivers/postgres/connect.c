/* SPDX-License-Identifier: MIT */
/*
 * Connecting without blocking: libpq says what it waits for, the host waits. libpq looks up names
 * in the middle of it, which does block.
 *
 * libpq leaves timeouts to its caller here, so a host that does not answer would take the time of
 * those behind it. Each gets a share; one that used it up is left out and the attempt starts over
 * with the others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "kit/kit.h"
#include "postgres/pg.h"

enum { PARAMS_MAX = 24, HOSTS_MAX = 64 };

typedef struct params {
    const char *keywords[PARAMS_MAX];
    const char *values[PARAMS_MAX];
    size_t count;
} params;

static void add(params *p, const char *keyword, const char *value)
{
    p->keywords[p->count] = keyword;
    p->values[p->count++] = value;
}

/* What stands before the URL are defaults, what stands behind it counts more. */
static void common_params(const tn_driver_source *source, params *p)
{
    if (source->application)
        add(p, "fallback_application_name", source->application);
    /* A peer that vanished is noticed in about a minute, not in hours. */
    add(p, "keepalives_idle", "30");
    add(p, "keepalives_interval", "10");
    add(p, "keepalives_count", "3");
    add(p, "tcp_user_timeout", "60000");
    add(p, "dbname", source->url);
    add(p, "client_encoding", "UTF8");
    if (source->gssencmode_off)
        add(p, "gssencmode", "disable");
    if (source->sslmode)
        add(p, "sslmode", source->sslmode);
    if (source->refuse_password)
        add(p, "require_auth", "!password");
}

/* ---- one attempt ----------------------------------------------------------------------------- */

typedef struct attempt {
    const tn_driver_source *source;
    tn_host_conn *host_conn;
    PGconn *pg;
    int64_t whole_ns;    /* the deadline of all hosts */
    int64_t deadline_ns; /* of the one that libpq is at */
    const char *name, *port;
    size_t shares; /* in which the time that is left is cut, this host's with it */
    pg_connect_failure failure;
} attempt;

/* A host's share of the time begins when libpq comes to it. The texts are its own, one for each
 * entry of the list. */
static void watch_host(attempt *a)
{
    const tn_driver_source *source = a->source;
    const char *name = PQhost(a->pg), *port = PQport(a->pg);
    int64_t now = source->host->now();

    if (name == a->name && port == a->port)
        return;
    if (a->name && a->shares > 1)
        a->shares--;
    a->name = name;
    a->port = port;
    a->deadline_ns = a->whole_ns;
    if (source->host_timeout_ms)
        a->deadline_ns = tn__deadline_min(a->whole_ns,
                                          tn__deadline_after_ms(now, source->host_timeout_ms));
    else if (a->shares > 1 && a->whole_ns != TN_NO_DEADLINE && a->whole_ns > now)
        a->deadline_ns = now + (a->whole_ns - now) / (int64_t)a->shares;
}

/* Is the peer gone, by the socket's word? */
static bool peer_closed(int fd)
{
    char byte;
    ssize_t got = fd < 0 ? -1 : recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* PGRES_POLLING_OK or _FAILED; a wait that ended otherwise is told by *ret_wait. */
static PostgresPollingStatusType drive(attempt *a, tn_wait_result *ret_wait)
{
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;

    *ret_wait = TN_WAIT_READY;
    while (want == PGRES_POLLING_READING || want == PGRES_POLLING_WRITING) {
        int events = want == PGRES_POLLING_READING ? TN_WAIT_READ : TN_WAIT_WRITE;
        /* The socket changes with each address that is tried. */
        watch_host(a);
        *ret_wait = a->source->host->wait(a->host_conn, PQsocket(a->pg), events, a->deadline_ns);
        if (*ret_wait != TN_WAIT_READY)
            return want;
        a->failure.stage = PQstatus(a->pg);
        a->failure.peer_closed = events == TN_WAIT_READ && peer_closed(PQsocket(a->pg));
        want = PQconnectPoll(a->pg);
    }
    return want;
}

static void start(attempt *a, const params *p, void *notice_arg)
{
    a->failure = (pg_connect_failure){.stage = CONNECTION_NEEDED};
    a->name = a->port = NULL;
    a->pg = PQconnectStartParams(p->keywords, p->values, 1);
    if (!a->pg)
        return;
    PQsetErrorVerbosity(a->pg, PQERRORS_VERBOSE);
    PQsetErrorContextVisibility(a->pg, PQSHOW_CONTEXT_NEVER);
    if (notice_arg)
        PQsetNoticeReceiver(a->pg, pg_notice, notice_arg);
}

static void quiet(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

/* ---- the hosts and their share of the time --------------------------------------------------- */

/* Which hosts of the URL are left out, because they did not answer. */
typedef struct rota {
    bool out[HOSTS_MAX];
    size_t left;
    size_t first; /* where to begin: behind the last one that was left out */
} rota;

static bool next_host(const tn_driver_source *source, const rota *r, size_t i, size_t *ret)
{
    size_t count = source->hosts.count;

    *ret = (r->first + i) % count;
    return !r->out[*ret];
}

static tn_str port_of(const tn_driver_source *source, size_t i)
{
    size_t ports = pg_list_count(source->hosts.port);

    return pg_list_item(source->hosts.port, ports == 1 ? 0 : i);
}

/* The list without those that are out, beginning at first. */
static char *list_of(const tn_driver_source *source, const rota *r, const char *list, bool ports)
{
    tn__buf out;
    size_t index, used = 0;

    tn__buf_init(&out, TN__BUF_MAX);
    for (size_t i = 0; i < source->hosts.count; i++) {
        if (!next_host(source, r, i, &index))
            continue;
        if (used++)
            tn__buf_putc(&out, ',');
        tn__buf_str(&out, ports ? port_of(source, index) : pg_list_item(list, index));
    }
    return tn__buf_take(&out);
}

static bool same(tn_str item, const char *text, const char *otherwise)
{
    return tn_str_equal(item.len ? item : kit_str(otherwise), kit_str(text));
}

/* The host that libpq is at, found by what it says of it. */
static size_t host_now(const tn_driver_source *source, const rota *r, const PGconn *pg)
{
    size_t index = 0;

    for (size_t i = 0; i < source->hosts.count; i++) {
        if (!next_host(source, r, i, &index))
            continue;
        tn_str name = pg_list_item(source->hosts.host, index);
        if (!name.len)
            name = pg_list_item(source->hosts.hostaddr, index);
        if (same(name, PQhost(pg), "") && same(port_of(source, index), PQport(pg), "5432"))
            return index;
    }
    return index;
}

/* ---- open ------------------------------------------------------------------------------------ */

typedef struct lists {
    char *host, *hostaddr, *port;
} lists;

static void free_lists(lists *l)
{
    free(l->host);
    free(l->hostaddr);
    free(l->port);
}

static bool narrow(const tn_driver_source *source, const rota *r, params *p, lists *l)
{
    const pg_hosts *hosts = &source->hosts;

    if (r->left == hosts->count)
        return true;
    l->host = hosts->host ? list_of(source, r, hosts->host, false) : NULL;
    l->hostaddr = hosts->hostaddr ? list_of(source, r, hosts->hostaddr, false) : NULL;
    l->port = hosts->port ? list_of(source, r, hosts->port, true) : NULL;
    if ((hosts->host && !l->host) || (hosts->hostaddr && !l->hostaddr) || (hosts->port && !l->port))
        return false;
    if (l->host)
        add(p, "host", l->host);
    if (l->hostaddr)
        add(p, "hostaddr", l->hostaddr);
    if (l->port)
        add(p, "port", l->port);
    return true;
}

static tn_status fail_timeout(const tn_driver_source *source, const PGconn *pg, bool whole,
                              tn_error *err)
{
    const char *host = PQhost(pg), *port = PQport(pg);

    return kit_fail(source->host, err, whole ? TN_TIMEOUT : TN_UNAVAILABLE, TN_PHASE_CONNECT,
                    "08001", "host \"%.128s\" port %.8s: no answer in time",
                    host && host[0] ? host : "local socket", port ? port : "");
}

static tn_status fail_attempt(const tn_driver_source *source, attempt *a, tn_wait_result waited,
                              int64_t deadline_ns, tn_error *err)
{
    if (waited == TN_WAIT_TIMEOUT)
        return fail_timeout(source, a->pg, source->host->now() >= deadline_ns, err);
    if (waited != TN_WAIT_READY)
        return kit_wait_failed(source->host, err, TN_PHASE_CONNECT, waited);
    a->failure.needs_password = PQconnectionNeedsPassword(a->pg);
    a->failure.choosy = source->choosy;
    return pg_connect_diagnose(source, PQerrorMessage(a->pg), &a->failure, err);
}

/* TN_OK with a->pg connected; else err is filled and *ret_again tells whether others are left. */
static tn_status try_hosts(tn_driver_source *source, rota *r, attempt *a, tn_driver_conn *conn,
                           int64_t deadline_ns, bool *ret_again, tn_error *err)
{
    params p = {.count = 0};
    lists l = {NULL, NULL, NULL};
    tn_wait_result waited = TN_WAIT_READY;

    *ret_again = false;
    common_params(source, &p);
    bool narrowed = narrow(source, r, &p, &l);
    if (narrowed) {
        /* Who prefers a standby comes to each host twice. */
        a->shares = r->left + (source->second_pass ? 1 : 0);
        a->whole_ns = deadline_ns;
        start(a, &p, conn);
    }
    free_lists(&l);
    if (!narrowed || !a->pg)
        return kit_nomem(source->host, err, TN_PHASE_CONNECT);
    PostgresPollingStatusType end = PGRES_POLLING_FAILED;
    if (PQstatus(a->pg) != CONNECTION_BAD)
        end = drive(a, &waited);
    if (end == PGRES_POLLING_OK)
        return TN_OK;
    tn_status status = fail_attempt(source, a, waited, deadline_ns, err);
    if (waited == TN_WAIT_TIMEOUT && r->left > 1 && source->host->now() < deadline_ns) {
        size_t silent = host_now(source, r, a->pg);
        r->out[silent] = true;
        r->first = (silent + 1) % source->hosts.count;
        r->left--;
        *ret_again = true;
    }
    PQfinish(a->pg);
    a->pg = NULL;
    return status;
}

static tn_status connect_some_host(tn_driver_source *source, tn_driver_conn *conn,
                                   int64_t deadline_ns, tn_error *err)
{
    attempt a = {.source = source, .host_conn = conn->host_conn};
    rota r = {.left = source->hosts.count};
    tn_status status;
    bool again;

    if (source->hosts.count > HOSTS_MAX)
        return kit_fail(source->host, err, TN_CONFIG, TN_PHASE_CONNECT, NULL,
                        "DATABASE_URL: more than %d hosts", HOSTS_MAX);
    do
        status = try_hosts(source, &r, &a, conn, deadline_ns, &again, err);
    while (status != TN_OK && again);
    conn->pg = a.pg;
    return status;
}

static tn_status finish_open(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    PQsetErrorVerbosity(conn->pg, PQERRORS_DEFAULT);
    PQsetErrorContextVisibility(conn->pg, PQSHOW_CONTEXT_ERRORS);
    if (PQsetnonblocking(conn->pg, 1) != 0)
        return pg_fail_lost(conn, TN_PHASE_CONNECT, err);
    conn->encoding = PQclientEncoding(conn->pg);
    pg_direct_open(conn);
    return pg_session_setup(conn, deadline_ns, err);
}

tn_status pg_open(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                  tn_driver_conn **ret, tn_error *err)
{
    tn_driver_conn *conn = calloc(1, sizeof(*conn));

    if (!conn)
        return kit_nomem(source->host, err, TN_PHASE_CONNECT);
    conn->source = source;
    conn->host = source->host;
    conn->host_conn = host_conn;
    tn__buf_init(&conn->encoder.scratch, TN__BUF_MAX);
    tn_status status = connect_some_host(source, conn, deadline_ns, err);
    if (status == TN_OK)
        status = finish_open(conn, deadline_ns, err);
    if (status != TN_OK) {
        pg_close(conn);
        return status;
    }
    *ret = conn;
    return TN_OK;
}

tn_status pg_connect_beside(const tn_driver_conn *conn, int64_t deadline_ns, PGconn **ret,
                            tn_error *err)
{
    tn_driver_source *source = conn->source;
    attempt a = {
        .source = source, .host_conn = conn->host_conn, .whole_ns = deadline_ns, .shares = 1};
    params p = {.count = 0};
    tn_wait_result waited = TN_WAIT_READY;

    common_params(source, &p);
    add(&p, "host", PQhost(conn->pg));
    add(&p, "hostaddr", PQhostaddr(conn->pg));
    add(&p, "port", PQport(conn->pg));
    add(&p, "target_session_attrs", "any");
    start(&a, &p, NULL);
    if (!a.pg)
        return kit_nomem(source->host, err, TN_PHASE_CONNECT);
    PQsetNoticeReceiver(a.pg, quiet, NULL);
    PostgresPollingStatusType end = PGRES_POLLING_FAILED;
    if (PQstatus(a.pg) != CONNECTION_BAD)
        end = drive(&a, &waited);
    if (end == PGRES_POLLING_OK) {
        PQsetnonblocking(a.pg, 1);
        *ret = a.pg;
        return TN_OK;
    }
    tn_status status = fail_attempt(source, &a, waited, deadline_ns, err);
    PQfinish(a.pg);
    return status;
}
