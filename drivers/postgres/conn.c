/* SPDX-License-Identifier: MIT */
/* A connection's life besides statements: state, ping, what health shows, close. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/pg.h"

enum { PEEKS_MAX = 8 };

tn_conn_state pg_state(const tn_driver_conn *conn)
{
    if (conn->broken || PQstatus(conn->pg) != CONNECTION_OK)
        return TN_CONN_BROKEN;
    if (conn->pending)
        return TN_CONN_BUSY;
    switch (pg_txn(conn)) {
    case PQTRANS_IDLE: return TN_CONN_IDLE;
    case PQTRANS_INTRANS: return TN_CONN_IN_TXN;
    case PQTRANS_INERROR: return TN_CONN_FAILED;
    case PQTRANS_ACTIVE: return TN_CONN_BUSY;
    case PQTRANS_UNKNOWN: break;
    }
    return TN_CONN_BROKEN;
}

void pg_close(tn_driver_conn *conn)
{
    if (!conn)
        return;
    pg_batch_free(conn->batch);
    pg_cursor_free(conn->spare);
    pg_encoder_free(&conn->encoder);
    pg_direct_close(conn);
    pg_type_cache_free(&conn->types);
    free(conn->doomed);
    PQfreemem(conn->notified);
    PQfinish(conn->pg);
    free(conn);
}

/* What stands in the socket (the server's last words, then its end) tells. */
bool pg_alive(tn_driver_conn *conn)
{
    char byte;

    if (conn->direct.possible)
        return pg_direct_alive(conn);
    for (int i = 0; i < PEEKS_MAX; i++) {
        ssize_t got = recv(PQsocket(conn->pg), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        if (got == 0 || !PQconsumeInput(conn->pg))
            return false;
        (void)PQisBusy(conn->pg); /* parses: a FATAL goes to pg_notice() */
        if (conn->broken)
            return false;
    }
    return true;
}

tn_status pg_ping(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn_status status = pg_ready(conn, TN_PHASE_NONE, err);

    if (status != TN_OK)
        return status;
    if (!pg_probe_knows(conn, PG_PROBED))
        return pg_probe(conn, PG_PROBED, TN_PHASE_NONE, deadline_ns, err);
    pg_expect(conn, TN_OUTCOME_NONE);
    return pg_command(conn, "", TN_PHASE_NONE, deadline_ns, NULL, err);
}

/* ---- what health shows ----------------------------------------------------------------------- */

void pg_describe_server(tn_driver_conn *conn)
{
    const char *version = PQparameterStatus(conn->pg, "server_version");

    snprintf(conn->server, sizeof(conn->server), "PostgreSQL %.*s",
             version ? (int)strcspn(version, " ") : 0, version ? version : "");
}

static void effective_sslmode(tn_driver_conn *conn, char *ret, size_t size)
{
    PQconninfoOption *options = PQconninfo(conn->pg);

    tn__copy_text(ret, size, TN__STR("prefer"));
    for (PQconninfoOption *o = options; o && o->keyword; o++) {
        if (strcmp(o->keyword, "sslmode") == 0 && o->val)
            tn__copy_text(ret, size, kit_str(o->val));
        if (strcmp(o->keyword, "password") == 0 && o->val)
            tn__wipe(o->val, strlen(o->val));
    }
    PQconninfoFree(options);
}

static void describe_verification(tn_driver_conn *conn, bool local)
{
    bool encrypted = PQsslInUse(conn->pg);
    char mode[16];

    effective_sslmode(conn, mode, sizeof(mode));
    conn->verified = local || (encrypted && strcmp(mode, "verify-full") == 0);
    if (conn->verified)
        return;
    if (!encrypted)
        snprintf(conn->note, sizeof(conn->note),
                 "server not verified: no TLS (sslmode=%s); sslmode=verify-full with sslrootcert "
                 "would verify it",
                 mode);
    else
        snprintf(conn->note, sizeof(conn->note),
                 "server not verified: sslmode=%s does not check its name; sslmode=verify-full "
                 "with sslrootcert would",
                 mode);
}

static void describe_pooler(tn_driver_conn *conn)
{
    size_t used = strlen(conn->note);

    if (conn->found & PG_POOLED)
        snprintf(conn->note + used, sizeof(conn->note) - used, "%s%s", used ? "; " : "",
                 conn->passing ? "behind a pooler: no session state, no named statements "
                                 "(prepare=on for one that keeps sessions)"
                               : "behind a pooler that, by prepare=on, keeps sessions");
}

static void describe_endpoint(tn_driver_conn *conn)
{
    const char *host = PQhost(conn->pg), *address = PQhostaddr(conn->pg);
    const char *port = PQport(conn->pg), *database = PQdb(conn->pg);
    bool socket = !address || !address[0];

    conn->note[0] = '\0';
    if (socket)
        snprintf(conn->endpoint, sizeof(conn->endpoint), "%.128s/.s.PGSQL.%.8s/%.100s",
                 host ? host : "", port ? port : "", database ? database : "");
    else
        snprintf(conn->endpoint, sizeof(conn->endpoint),
                 host && strchr(host, ':') ? "[%.128s]:%.8s/%.100s" : "%.128s:%.8s/%.100s",
                 host ? host : address, port ? port : "", database ? database : "");
    describe_verification(conn, socket || pg_host_local(kit_str(address)));
    describe_pooler(conn);
}

static bool is_on(const tn_driver_conn *conn, const char *name)
{
    const char *value = PQparameterStatus(conn->pg, name);

    return value && strcmp(value, "on") == 0;
}

void pg_info(tn_driver_conn *conn, tn_conn_info *ret)
{
    size_t size = ret->size < sizeof(*ret) ? ret->size : sizeof(*ret);

    (void)pg_probe_knows(conn, PG_PROBED);
    pg_describe_server(conn);
    describe_endpoint(conn);
    tn_conn_info info = {
        .size = ret->size,
        .server = conn->server,
        .dialect = "postgresql",
        .endpoint = conn->endpoint,
        .note = conn->note,
        .verified = conn->verified,
        .encrypted = PQsslInUse(conn->pg),
        .read_only = is_on(conn, "in_hot_standby") || is_on(conn, "default_transaction_read_only"),
        .pooled = (conn->found & PG_POOLED) != 0,
    };

    memcpy(ret, &info, size);
}
