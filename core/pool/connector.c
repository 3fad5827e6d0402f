/* SPDX-License-Identifier: MIT */
#include "pool/connector.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pool/queue.h"
#include "session/fork.h"

int tn__thread_start(pthread_t *ret, bool detached, void *(*run)(void *), void *arg)
{
    pthread_attr_t attributes;
    sigset_t all, before;

    int error = pthread_attr_init(&attributes);
    if (error)
        return error;
    if (detached)
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    /* Signals are the application's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(ret, &attributes, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

/* ---- one attempt on a thread ----------------------------------------------------------------- */

typedef struct job {
    tn__conn *conn;
    int64_t deadline_ns;
    tn__connected_fn *fn;
    void *arg;
    pthread_t thread;
    unsigned fork_generation;
} job;

/* The last one that came to an end. Client libraries keep memory for each thread, which goes when
 * the thread has gone for good: so each joins the one before, and closing a client joins the last.
 */
static _Atomic(job *) finished;

static void join(job *work)
{
    if (work && work->fork_generation == tn__fork_generation())
        pthread_join(work->thread, NULL);
    free(work);
}

void tn__connector_reap(void)
{
    join(atomic_exchange(&finished, NULL));
}

static void *run(void *arg)
{
    job *work = arg, copy = *work;
    tn_error why = TN_ERROR_INIT;

    tn__host_own_thread();
    tn_status status = tn__conn_connect(copy.conn, copy.deadline_ns, &why);
    /* Before anybody is told, so that who is told finds it. */
    work->thread = pthread_self();
    work->fork_generation = tn__fork_generation();
    job *before = atomic_exchange(&finished, work);
    /* The callee closes what failed: until it knows, others may look at the connection. */
    if (status == TN_OK)
        copy.fn(copy.arg, copy.conn, NULL);
    else
        copy.fn(copy.arg, copy.conn, &why);
    join(before);
    return NULL;
}

tn_status tn__connector_check(const tn__source *source, tn_error *err)
{
    unsigned stuck = atomic_load(&source->stuck);

    if (stuck < TN__STUCK_MAX)
        return TN_OK;
    return tn_error_set(err, TN_RESOURCE, "08001",
                        "%u attempts to connect were given up and have not come back from the "
                        "client library",
                        stuck);
}

tn_status tn__connector_start(tn__conn *conn, int64_t deadline_ns, tn__connected_fn *fn, void *arg,
                              tn_error *err)
{
    job *work = malloc(sizeof(*work));
    pthread_t thread;

    if (!work)
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    *work = (job){.conn = conn, .deadline_ns = deadline_ns, .fn = fn, .arg = arg};
    int error = tn__thread_start(&thread, false, run, work);
    if (error == 0)
        return TN_OK;
    free(work);
    tn_error_set(err, TN_RESOURCE, NULL, "no thread could be started to connect on: %s",
                 strerror(error));
    if (err)
        err->phase = TN_PHASE_CONNECT;
    return TN_RESOURCE;
}

/* ---- and somebody who waits for it ----------------------------------------------------------- */

/* Shared by the waiter and the connector; whoever lets go last frees it. */
typedef struct meeting {
    pthread_mutex_t lock;
    tn__queue queue;
    tn__conn *conn;
    tn_error why;
    bool over;
    bool left; /* the waiter has gone: what comes is closed */
} meeting;

static void free_meeting(meeting *m)
{
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static void arrive(void *arg, tn__conn *conn, const tn_error *why)
{
    meeting *m = arg;

    pthread_mutex_lock(&m->lock);
    bool left = m->left;
    m->over = true;
    if (why)
        m->why = *why;
    else if (!left)
        m->conn = conn;
    (void)tn__queue_wake(&m->queue);
    pthread_mutex_unlock(&m->lock);
    if (left)
        atomic_fetch_sub(&conn->source->stuck, 1);
    if (why || left)
        tn__conn_close(conn);
    if (left)
        free_meeting(m);
}

static tn_status meet(meeting *m, tn__conn *going, tn__source *source, int64_t deadline_ns,
                      tn__conn **ret, tn_error *err)
{
    tn__waiter waiter = {0};

    pthread_mutex_lock(&m->lock);
    tn_status status = tn__waiter_init(&waiter, source, err);
    if (status == TN_OK) {
        tn__queue_put(&m->queue, &waiter, false);
        bool over = m->over;
        pthread_mutex_unlock(&m->lock);
        if (!over)
            (void)tn__waiter_sleep(&waiter, deadline_ns);
        pthread_mutex_lock(&m->lock);
        tn__queue_remove(&m->queue, &waiter);
        tn__waiter_finish(&waiter);
    }
    bool over = m->over;
    m->left = !over;
    if (!over) {
        atomic_fetch_add(&source->stuck, 1);
        tn__host_stop(&going->host);
    }
    pthread_mutex_unlock(&m->lock);
    if (!over)
        return status != TN_OK
                   ? status
                   : tn_error_set(err, TN_TIMEOUT, "08001", "connecting took longer than it may");
    status = m->why.status;
    if (status != TN_OK && err)
        *err = m->why;
    else if (status == TN_OK)
        *ret = m->conn;
    free_meeting(m);
    return status;
}

tn_status tn__connect_by(tn__source *source, int64_t deadline_ns, tn__conn **ret, tn_error *err)
{
    tn__conn *conn;

    if (!tn__source_remote(source))
        return tn__conn_open(source, deadline_ns, ret, err);
    tn_status status = tn__connector_check(source, err);
    if (status == TN_OK)
        status = tn__conn_new(source, &conn, err);
    if (status != TN_OK)
        return status;
    meeting *m = calloc(1, sizeof(*m));
    if (!m) {
        tn__conn_close(conn);
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    }
    pthread_mutex_init(&m->lock, NULL);
    status = tn__connector_start(conn, deadline_ns, arrive, m, err);
    if (status == TN_OK)
        return meet(m, conn, source, deadline_ns, ret, err);
    tn__conn_close(conn);
    free_meeting(m);
    return status;
}
