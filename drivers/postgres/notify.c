/* SPDX-License-Identifier: MIT */
/*
 * LISTEN and NOTIFY. What libpq has read it keeps in order; the socket is read when nothing of that
 * is left. The sign of life is an empty statement, whose answer is read on the way: a connection
 * that waits for nothing hears of a peer that vanished only by the kernel, after a minute.
 */
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "kit/kit.h"
#include "postgres/pg.h"

void pg_drop_notifications(tn_driver_conn *conn)
{
    PGnotify *notification;

    while ((notification = PQnotifies(conn->pg)) != NULL)
        PQfreemem(notification);
}

/* ---- which channels -------------------------------------------------------------------------- */

static tn_status refuse_pooler(tn_driver_conn *conn, tn_error *err)
{
    tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = TN_UNSUPPORTED,
        .phase = TN_PHASE_EXECUTE,
        .outcome = TN_OUTCOME_NOT_APPLIED,
        .sqlstate = kit_str("0A000"),
        .message = kit_str("LISTEN does not hold behind a pooler, which may give each transaction "
                           "another session"),
        .hint = kit_str("listen on a client of its own whose URL leads to the server itself; or, "
                        "if the pooler keeps sessions, put prepare=on into the URL"),
    };
    return conn->host->fail(err, &diagnostic);
}

static bool append(tn_driver_conn *conn, tn__buf *sql, const char *verb, tn_str channel)
{
    char *quoted = PQescapeIdentifier(conn->pg, channel.ptr, channel.len);

    if (quoted)
        tn__buf_printf(sql, "%s %s;", verb, quoted);
    PQfreemem(quoted);
    return quoted && !sql->failed;
}

/* All in one text: one round trip, and one transaction. */
static tn_status run(tn_driver_conn *conn, const char *verb, const tn_str *channels, size_t count,
                     int64_t deadline_ns, tn_error *err)
{
    tn__buf sql;
    bool fits = true;

    /* The answer to a probe may be on its way. */
    tn_status status = conn->pending ? pg_drain(conn, deadline_ns, err) : TN_OK;
    if (status == TN_OK)
        status = pg_ready(conn, TN_PHASE_EXECUTE, err);
    if (status != TN_OK || count == 0)
        return status;
    tn__buf_init(&sql, TN__BUF_MAX);
    for (size_t i = 0; i < count && fits; i++)
        fits = append(conn, &sql, verb, channels[i]);
    pg_expect(conn, TN_OUTCOME_NOT_APPLIED);
    status = fits ? pg_command(conn, sql.ptr, TN_PHASE_EXECUTE, deadline_ns, NULL, err)
                  : kit_nomem(conn->host, err, TN_PHASE_EXECUTE);
    tn__buf_free(&sql);
    return status;
}

static tn_status listen_to(tn_driver_conn *conn, const tn_str *channels, size_t count,
                           int64_t deadline_ns, tn_error *err)
{
    tn_status status = conn->pending
                           ? TN_OK
                           : pg_probe(conn, PG_PROBED, TN_PHASE_EXECUTE, deadline_ns, err);
    if (status != TN_OK)
        return status;
    if (conn->passing)
        return refuse_pooler(conn, err);
    return run(conn, "LISTEN", channels, count, deadline_ns, err);
}

static tn_status unlisten(tn_driver_conn *conn, tn_str channel, int64_t deadline_ns, tn_error *err)
{
    return run(conn, "UNLISTEN", &channel, 1, deadline_ns, err);
}

/* ---- what comes ------------------------------------------------------------------------------ */

static bool take(tn_driver_conn *conn, tn_notification *ret)
{
    PQfreemem(conn->notified);
    conn->notified = PQnotifies(conn->pg);
    if (!conn->notified)
        return false;
    tn_notification notification = {
        .size = ret->size,
        .channel = kit_str(conn->notified->relname),
        .payload = kit_str(conn->notified->extra),
        .sender = conn->notified->be_pid,
    };
    memcpy(ret, &notification, ret->size < sizeof(notification) ? ret->size : sizeof(notification));
    return true;
}

/* Of a probe, as far as it is here. */
static void read_answer(tn_driver_conn *conn)
{
    PGresult *result = NULL;

    while (conn->pending && pg_result_at_hand(conn, &result))
        PQclear(result);
}

static tn_status wait_for(tn_driver_conn *conn, int64_t deadline_ns, tn_notification *ret,
                          tn_error *err)
{
    for (;;) {
        if (take(conn, ret))
            return TN_OK;
        read_answer(conn);
        int left = conn->broken ? -1 : PQflush(conn->pg);
        if (left < 0 || PQstatus(conn->pg) != CONNECTION_OK)
            return take(conn, ret) ? TN_OK : pg_fail_lost(conn, TN_PHASE_FETCH, err);
        int events = left ? TN_WAIT_READ | TN_WAIT_WRITE : TN_WAIT_READ;
        tn_status status = pg_wait(conn, events, TN_PHASE_FETCH, deadline_ns, err);
        if (status != TN_OK)
            return status;
        if (!PQconsumeInput(conn->pg))
            return take(conn, ret) ? TN_OK : pg_fail_lost(conn, TN_PHASE_FETCH, err);
    }
}

/* ---- signs of life --------------------------------------------------------------------------- */

static tn_status probe(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn_status status = pg_ready(conn, TN_PHASE_FETCH, err);

    if (status != TN_OK)
        return status;
    pg_expect(conn, TN_OUTCOME_NONE);
    return pg_sent(conn, PQsendQuery(conn->pg, ""), TN_PHASE_FETCH, deadline_ns, err);
}

static bool answered(const tn_driver_conn *conn)
{
    return !conn->pending;
}

const tn_notify_ops pg_notify_ops = {
    .size = sizeof(pg_notify_ops),
    .listen = listen_to,
    .unlisten = unlisten,
    .wait = wait_for,
    .probe = probe,
    .answered = answered,
    .sql = "select pg_catalog.pg_notify($1, $2)",
};
