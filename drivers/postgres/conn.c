/* SPDX-License-Identifier: MIT */
/* A connection's life besides statements: state, ping, reset, what health shows, close. */
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
    pg_expect(conn, TN_OUTCOME_NONE);
    return pg_command(conn, "", TN_PHASE_NONE, deadline_ns, NULL, err);
}

/* ---- session --------------------------------------------------------------------------------- */

static tn_status set_parameter(tn_driver_conn *conn, const char *name, const char *value,
                               int64_t deadline_ns, tn_error *err)
{
    static const char sql[] = "select pg_catalog.set_config($1, $2, false)";
    const char *values[2] = {name, value};

    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    tn_status status = pg_sent(conn,
                               PQsendQueryParams(conn->pg, sql, 2, NULL, values, NULL, NULL, 0),
                               TN_PHASE_CONNECT, deadline_ns, err);
    return status == TN_OK ? pg_finish(conn, TN_PHASE_CONNECT, deadline_ns, NULL, err) : status;
}

bool pg_reported_as(const tn_driver_conn *conn, const char *name, const char *start)
{
    const char *value = PQparameterStatus(conn->pg, name);

    return !value || strncmp(value, start, strlen(start)) == 0;
}

static tn_status refuse_schema(tn_driver_conn *conn, tn_error *err)
{
    tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = TN_CONFIG,
        .phase = TN_PHASE_CONNECT,
        .outcome = TN_OUTCOME_NOT_APPLIED,
        .message = kit_str("DATABASE_URL: parameter schema does not hold behind a pooler, which "
                           "may give each transaction another session"),
        .hint = kit_str("give it to the role: ALTER ROLE name SET search_path = schema; or, if "
                        "the pooler keeps sessions, put prepare=on into the URL"),
    };
    return conn->host->fail(err, &diagnostic);
}

/* A round trip only where something differs. Dates and intervals are read as text in answers that
 * hold a type without a known binary form. */
tn_status pg_session_setup(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    const char *schema = conn->source->search_path;
    tn_status status = TN_OK;

    if (conn->passing)
        return schema ? refuse_schema(conn, err) : TN_OK;
    if (schema)
        status = set_parameter(conn, "search_path", schema, deadline_ns, err);
    if (status == TN_OK && !pg_reported_as(conn, "DateStyle", "ISO"))
        status = set_parameter(conn, "datestyle", "ISO", deadline_ns, err);
    if (status == TN_OK && !pg_reported_as(conn, "IntervalStyle", "postgres"))
        status = set_parameter(conn, "intervalstyle", "postgres", deadline_ns, err);
    return status;
}

/* Nobody reports that setting, so it is asked and set in one, once a connection; within a
 * transaction, which may take it back, each time. Where sessions do not stay, the transaction's own
 * is all that can be set. */
tn_status pg_want_digits(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
#define WANT_DIGITS(local)                                                     \
    "select pg_catalog.set_config('extra_float_digits', '1', " local ")"       \
    " where pg_catalog.current_setting('extra_float_digits')::pg_catalog.int4" \
    " operator(pg_catalog.<) 1"
    PGTransactionStatusType txn = pg_txn(conn);

    if (conn->exact || txn == PQTRANS_INERROR || (conn->passing && txn == PQTRANS_IDLE))
        return TN_OK;
    tn_status begun = pg_begin_now(conn, deadline_ns, err);
    if (begun != TN_OK)
        return begun;
    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    const char *sql = conn->passing ? WANT_DIGITS("true") : WANT_DIGITS("false");
    tn_status status = pg_command(conn, sql, TN_PHASE_EXECUTE, deadline_ns, NULL, err);
    conn->exact = status == TN_OK && txn == PQTRANS_IDLE;
    return status;
}

tn_status pg_check_encoding(tn_driver_conn *conn, bool ran, tn_error *err)
{
    if (PQclientEncoding(conn->pg) == conn->encoding && !conn->foreign_encoding)
        return TN_OK;
    bool applied = ran && pg_txn(conn) == PQTRANS_IDLE;
    conn->misencoded = true;
    tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = TN_UNSUPPORTED,
        .phase = TN_PHASE_EXECUTE,
        .outcome = applied ? TN_OUTCOME_APPLIED
                   : ran   ? TN_OUTCOME_NONE
                           : TN_OUTCOME_NOT_APPLIED,
        .sqlstate = kit_str("0A000"),
        .message = kit_str("client_encoding must stay UTF8"),
        .hint = kit_str("set it back, or reset client_encoding"),
    };
    return conn->host->fail(err, &diagnostic);
}

/* DISCARD ALL but for the prepared statements, which are ours and named by their text. */
static const char clean[] = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *;"
                            " SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD SEQUENCES;"
                            " DISCARD TEMP";

static tn_status reset_session(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    conn->exact = false;
    pg_expect(conn, TN_OUTCOME_NONE);
    tn_status status = pg_command(conn, clean, TN_PHASE_NONE, deadline_ns, NULL, err);
    if (status == TN_OK && conn->dirty_statements)
        status = pg_command(conn, "DEALLOCATE ALL", TN_PHASE_NONE, deadline_ns, NULL, err);
    if (status == TN_OK && conn->dirty_statements)
        pg_forget_statements(conn);
    if (status == TN_OK)
        status = pg_session_setup(conn, deadline_ns, err);
    if (status != TN_OK)
        return status;
    pg_drop_notifications(conn);
    conn->dirty = conn->dirty_statements = false;
    return TN_OK;
}

tn_status pg_reset(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn_status status = pg_ready(conn, TN_PHASE_NONE, err);

    if (status == TN_OK && (conn->misencoded || conn->direct.n_foreign ||
                            PQclientEncoding(conn->pg) != conn->encoding)) {
        conn->broken = true;
        return kit_fail(conn->host, err, TN_UNSUPPORTED, TN_PHASE_NONE, "0A000",
                        "a setting of the session was changed: the connection is not used again");
    }
    if (status == TN_OK && pg_txn(conn) != PQTRANS_IDLE)
        status = pg_rollback(conn, deadline_ns, err);
    /* Behind a pooler it would hit whichever session comes next. */
    if (conn->passing)
        conn->dirty = conn->dirty_statements = false;
    if (status == TN_OK && conn->dirty)
        status = reset_session(conn, deadline_ns, err);
    if (status == TN_OK && pg_state(conn) != TN_CONN_IDLE)
        status = pg_fail_protocol(conn, TN_PHASE_NONE, err, "the session is not idle after reset");
    return status;
}

/* ---- what health shows ----------------------------------------------------------------------- */

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

void pg_describe_endpoint(tn_driver_conn *conn)
{
    const char *host = PQhost(conn->pg), *address = PQhostaddr(conn->pg);
    const char *port = PQport(conn->pg), *database = PQdb(conn->pg);
    const char *version = PQparameterStatus(conn->pg, "server_version");
    bool socket = !address || !address[0];

    snprintf(conn->server, sizeof(conn->server), "PostgreSQL %.*s",
             version ? (int)strcspn(version, " ") : 0, version ? version : "");
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
