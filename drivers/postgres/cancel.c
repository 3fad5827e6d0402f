/* SPDX-License-Identifier: MIT */
/*
 * Ending the statement that was given up, fenced: the connection is free again only after the
 * request has been dealt with by the server and the statement's own answer has been read to its
 * end, so a late request finds nothing to hit.
 *
 * How the request travels: by libpq 17's own non-blocking calls, which encrypt as the connection
 * does. Before that PQcancel() is all there is, which blocks and is plain text. So a plain session
 * uses it on a thread that lives for that call; a session under TLS opens a second one with the
 * same parameters and asks by SQL.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "kit/kit.h"
#include "postgres/pg.h"

static tn_status fail_request(tn_driver_conn *conn, tn_error *err, const char *why)
{
    char text[192];

    snprintf(text, sizeof(text), "the cancel request failed: %.128s", why);
    for (char *p = text; *p; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    pg_scrub(text, sizeof(text), conn->source->password);
    return kit_fail(conn->host, err, TN_LOST, TN_PHASE_NONE, "08006", "%s", text);
}

static tn_status wait_fd(tn_driver_conn *conn, int fd, int events, int64_t deadline_ns,
                         tn_error *err)
{
    tn_wait_result result = conn->host->wait(conn->host_conn, fd, events, deadline_ns);

    return result == TN_WAIT_READY ? TN_OK
                                   : kit_wait_failed(conn->host, err, TN_PHASE_NONE, result);
}

#ifdef LIBPQ_HAS_ASYNC_CANCEL

static tn_status poll_request(tn_driver_conn *conn, PGcancelConn *request, int64_t deadline_ns,
                              tn_error *err)
{
    if (!PQcancelStart(request))
        return fail_request(conn, err, PQcancelErrorMessage(request));
    for (;;) {
        int events = TN_WAIT_READ;
        switch (PQcancelPoll(request)) {
        case PGRES_POLLING_OK: return TN_OK;
        case PGRES_POLLING_FAILED: return fail_request(conn, err, PQcancelErrorMessage(request));
        case PGRES_POLLING_WRITING: events = TN_WAIT_WRITE; break;
        default: break;
        }
        tn_status status = wait_fd(conn, PQcancelSocket(request), events, deadline_ns, err);
        if (status != TN_OK)
            return status;
    }
}

static tn_status send_request(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    PGcancelConn *request = PQcancelCreate(conn->pg);

    if (!request)
        return kit_nomem(conn->host, err, TN_PHASE_NONE);
    tn_status status = poll_request(conn, request, deadline_ns, err);
    PQcancelFinish(request);
    return status;
}

#else

/* ---- plain: PQcancel() on a thread ----------------------------------------------------------- */

/* Shared by the thread and the waiter; whoever lets go last frees it. */
typedef struct helper {
    PGcancel *request;
    int done_fd;
    atomic_int holders;
    atomic_bool delivered;
    char why[160];
} helper;

static void helper_release(helper *h)
{
    if (atomic_fetch_sub(&h->holders, 1) != 1)
        return;
    PQfreeCancel(h->request);
    close(h->done_fd);
    free(h);
}

static void *helper_run(void *arg)
{
    helper *h = arg;
    const uint64_t one = 1;

    if (PQcancel(h->request, h->why, sizeof(h->why)))
        atomic_store(&h->delivered, true);
    if (write(h->done_fd, &one, sizeof(one)) < 0) {
        /* The counter cannot be full: this is the only write. */
    }
    helper_release(h);
    return NULL;
}

static helper *helper_new(tn_driver_conn *conn)
{
    helper *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    h->request = PQgetCancel(conn->pg);
    h->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_init(&h->holders, 2);
    atomic_init(&h->delivered, false);
    if (h->request && h->done_fd >= 0)
        return h;
    PQfreeCancel(h->request);
    if (h->done_fd >= 0)
        close(h->done_fd);
    free(h);
    return NULL;
}

/* Signals are the application's: none is delivered to this thread. */
static bool helper_start(helper *h)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, &attributes, helper_run, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return !failed;
}

static tn_status request_by_libpq(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    helper *h = helper_new(conn);

    if (!h)
        return kit_nomem(conn->host, err, TN_PHASE_NONE);
    if (!helper_start(h)) {
        atomic_store(&h->holders, 1);
        helper_release(h);
        return fail_request(conn, err, "no thread could be started");
    }
    tn_status status = wait_fd(conn, h->done_fd, TN_WAIT_READ, deadline_ns, err);
    if (status == TN_OK && !atomic_load(&h->delivered))
        status = fail_request(conn, err, h->why);
    helper_release(h);
    return status;
}

/* ---- under TLS: a second session asks -------------------------------------------------------- */

/* Only a session of the same role and name is hit: behind a pooler or a balancer the process id may
 * be another's. */
static const char question[] =
    "select pg_catalog.pg_cancel_backend(a.pid) from pg_catalog.pg_stat_activity a"
    " where a.pid operator(pg_catalog.=) $1::pg_catalog.int4"
    " and a.usename operator(pg_catalog.=) current_user"
    " and a.application_name operator(pg_catalog.=) $2::pg_catalog.text";

static tn_status ask(tn_driver_conn *conn, PGconn *beside, int64_t deadline_ns, tn_error *err)
{
    char pid[16];
    const char *name = PQparameterStatus(conn->pg, "application_name");
    const char *values[2] = {pid, name ? name : ""};
    bool hit = false;
    PGresult *result;

    snprintf(pid, sizeof(pid), "%d", PQbackendPID(conn->pg));
    if (!PQsendQueryParams(beside, question, 2, NULL, values, NULL, NULL, 0))
        return fail_request(conn, err, PQerrorMessage(beside));
    do {
        while (PQflush(beside) > 0 || PQisBusy(beside)) {
            tn_status status = wait_fd(conn, PQsocket(beside), TN_WAIT_READ, deadline_ns, err);
            if (status != TN_OK)
                return status;
            if (!PQconsumeInput(beside))
                return fail_request(conn, err, PQerrorMessage(beside));
        }
        result = PQgetResult(beside);
        if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
            hit = PQgetvalue(result, 0, 0)[0] == 't';
        PQclear(result);
    } while (result);
    return hit ? TN_OK : fail_request(conn, err, "the server does not know the session");
}

static tn_status request_by_sql(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    PGconn *beside = NULL;

    /* The process behind it is not known here: somebody else's statement would be ended. */
    if (!pg_probe_knows(conn, PG_PROBED) || (conn->found & PG_POOLED))
        return fail_request(conn, err, "a pooler stands between");
    tn_status status = pg_connect_beside(conn, deadline_ns, &beside, err);
    if (status == TN_OK)
        status = ask(conn, beside, deadline_ns, err);
    PQfinish(beside);
    return status;
}

static tn_status send_request(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    return PQsslInUse(conn->pg) ? request_by_sql(conn, deadline_ns, err)
                                : request_by_libpq(conn, deadline_ns, err);
}

#endif

/* Is the answer complete already? Then there is nothing to cancel. */
static bool answered(tn_driver_conn *conn)
{
    if (pg_batch_runs(conn))
        return false;
    if (conn->direct.stage)
        return pg_direct_end_at_hand(conn);
    if (!PQconsumeInput(conn->pg))
        conn->broken = true;
    PGresult *result = NULL;
    bool prepares = PQpipelineStatus(conn->pg) != PQ_PIPELINE_OFF && !conn->tail;
    while (!conn->broken && conn->pending && !prepares && pg_result_at_hand(conn, &result)) {
        ExecStatusType kind = PQresultStatus(result);
        if (PQstatus(conn->pg) != CONNECTION_OK)
            conn->broken = true;
        PQclear(result);
        if (kind == PGRES_COPY_IN || kind == PGRES_COPY_OUT || kind == PGRES_COPY_BOTH)
            break;
    }
    return !conn->pending;
}

enum { PATIENCE_MS = 25, PATIENCE_MOST_MS = 1000 };

/* A batch sends while it is drained. */
static tn_status send_rest(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    if (pg_batch_runs(conn))
        return TN_OK;
    return conn->direct.stage ? pg_direct_flush(conn, TN_PHASE_NONE, deadline_ns, err)
                              : pg_sent(conn, 1, TN_PHASE_NONE, deadline_ns, err);
}

/* A request that finds the server reading is ignored. So what is half sent goes out first, and
 * where the answer does not end soon, the server may not have begun, and is asked again: while the
 * statement has no answer a request can hit nothing else. */
static tn_status end_statement(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    int64_t patience = PATIENCE_MS;

    tn_status status = send_rest(conn, deadline_ns, err);
    while (status == TN_OK) {
        status = send_request(conn, deadline_ns, err);
        if (status != TN_OK)
            break;
        int64_t soon = tn__deadline_after_ms(conn->host->now(), patience);
        if (soon >= deadline_ns)
            return pg_drain(conn, deadline_ns, err);
        tn_status drained = pg_drain(conn, soon, NULL);
        if (drained == TN_OK)
            break;
        if (drained != TN_TIMEOUT || conn->broken)
            return pg_drain(conn, deadline_ns, err);
        patience = patience * 2 < PATIENCE_MOST_MS ? patience * 2 : PATIENCE_MOST_MS;
    }
    return status;
}

tn_status pg_cancel(tn_driver_conn *conn, int64_t deadline_ns, tn_outcome *ret_outcome,
                    tn_error *err)
{
    conn->committing = false;
    if (!conn->broken && conn->pending && !answered(conn)) {
        tn_status status = end_statement(conn, deadline_ns, err);
        if (status != TN_OK) {
            /* Nobody knows what a request under way would hit: never used again. */
            conn->broken = true;
            return status;
        }
    }
    if (conn->broken)
        return pg_fail_lost(conn, TN_PHASE_NONE, err);
    if (ret_outcome)
        *ret_outcome = conn->failed || conn->applies_nothing ? TN_OUTCOME_NOT_APPLIED
                                                             : TN_OUTCOME_APPLIED;
    return TN_OK;
}
