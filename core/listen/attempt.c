/* SPDX-License-Identifier: MIT */
#include "listen/attempt.h"

#include <stdlib.h>
#include <string.h>

#include "pool/connector.h"

static tn_status subscribe(const tn__attempt *a, tn__conn *conn, tn_error *err)
{
    if (a->n_channels == 0)
        return TN_OK;
    tn__host_begin(&conn->host);
    tn_status status = conn->driver->notify.listen(conn->drv, a->channels, a->n_channels,
                                                   a->deadline_ns, err);
    tn__host_end(&conn->host);
    return status;
}

/* Whoever has left it may not touch it any more; whoever waits for it may until it is over. */
static void arrive(void *arg, tn__conn *conn, const tn_error *why)
{
    tn__attempt *a = arg;
    tn__pool *pool = a->pool;
    tn_error own = TN_ERROR_INIT;

    if (!why && subscribe(a, conn, &own) != TN_OK)
        why = &own;
    pthread_mutex_lock(&pool->lock);
    bool left = a->left, fails = left || why;
    a->over = true;
    if (fails)
        a->conn = NULL;
    if (why)
        a->why = *why;
    if (left)
        atomic_fetch_sub(&conn->source->stuck, 1);
    tn__pool_changed(pool);
    if (fails)
        tn__guest_close(pool, conn);
    if (left)
        free(a);
    pool->pins--;
    tn__pool_unlock_and_free(pool);
}

static tn__attempt *new_attempt(tn__pool *pool, const tn_str *channels, size_t count)
{
    size_t size = sizeof(tn__attempt) + count * sizeof(tn_str), texts = 0;

    for (size_t i = 0; i < count; i++)
        texts += channels[i].len;
    tn__attempt *a = calloc(1, size + texts);
    if (!a)
        return NULL;
    char *text = (char *)a + size;
    for (size_t i = 0; i < count; i++) {
        memcpy(text, channels[i].ptr, channels[i].len);
        a->channels[i] = (tn_str){text, channels[i].len};
        text += channels[i].len;
    }
    a->n_channels = count;
    a->pool = pool;
    return a;
}

static tn_status prepare(tn__source *source, tn__pool *pool, const tn_str *channels, size_t count,
                         tn__attempt **ret, tn_error *err)
{
    tn_status status = tn__connector_check(source, err);
    tn__conn *conn = NULL;

    if (status == TN_OK)
        status = tn__conn_new(source, &conn, err);
    if (status != TN_OK)
        return status;
    *ret = new_attempt(pool, channels, count);
    if (!*ret) {
        tn__conn_close(conn);
        return tn_error_set(err, TN_NOMEM, NULL, "out of memory");
    }
    (*ret)->conn = conn;
    return TN_OK;
}

static tn_status connect(tn__attempt *a, tn_error *err)
{
    tn_error why = TN_ERROR_INIT;

    if (tn__source_remote(a->conn->source))
        return tn__connector_start(a->conn, a->deadline_ns, arrive, a, err);
    arrive(a, a->conn, tn__conn_connect(a->conn, a->deadline_ns, &why) == TN_OK ? NULL : &why);
    return TN_OK;
}

tn_status tn__attempt_start(tn__pool *pool, const tn_str *channels, size_t count,
                            int64_t deadline_ns, tn__attempt **ret, tn_error *err)
{
    tn__source *source = tn__source_ref(pool->source);
    tn__attempt *a = NULL;

    pool->pins++;
    pool->visiting++;
    pthread_mutex_unlock(&pool->lock);
    tn_status status = prepare(source, pool, channels, count, &a, err);
    tn__source_unref(source);
    if (status == TN_OK) {
        a->deadline_ns = deadline_ns;
        status = connect(a, err);
    }
    if (status != TN_OK && a) {
        tn__conn_close(a->conn);
        free(a);
    }
    pthread_mutex_lock(&pool->lock);
    if (status != TN_OK) {
        pool->pins--; /* the caller has one of its own */
        pool->visiting--;
        tn__pool_changed(pool);
        return status;
    }
    *ret = a;
    return TN_OK;
}

tn__conn *tn__attempt_leave(tn__attempt *attempt)
{
    if (!attempt)
        return NULL;
    if (!attempt->over) {
        attempt->left = true;
        atomic_fetch_add(&attempt->conn->source->stuck, 1);
        tn__host_stop(&attempt->conn->host);
        return NULL;
    }
    tn__conn *conn = attempt->conn;
    free(attempt);
    return conn;
}
