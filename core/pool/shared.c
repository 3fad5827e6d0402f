/* SPDX-License-Identifier: MIT */
/* The one client of the process. */
#include <pthread.h>

#include "base/clock.h"
#include "pool/pool.h"

/* Opened by one of concurrent first users, the others wait for it. The lock is not held meanwhile:
 * a shutdown does not have to wait for a database that is away. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool opening;
static unsigned shutdowns; /* so far */
static tn_db *shared;
static tn_db *ended; /* the last one that was shut down, or is being shut down */

/* Handles of it may be in use on any thread when it is shut down: its pool stays, as something that
 * answers TN_SHUTDOWN. A list, so that they are reachable. */
static tn__pool *retired;

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The thread that held the lock, or was opening, is not in the child. The clients are the parent's,
 * memory and all. */
static void in_child(void)
{
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&opened, NULL);
    opening = false;
    shared = ended = NULL;
}

static void watch_forks(void)
{
    /* Failure (no memory) leaves the guard off; nothing else depends on it. */
    (void)pthread_atfork(NULL, NULL, in_child);
}

static void keep(tn_db *db)
{
    tn__pool *pool = tn__pool_of(db);

    pthread_mutex_lock(&pool->lock);
    pool->kept = true;
    pool->retired = retired;
    pthread_mutex_unlock(&pool->lock);
    retired = pool;
}

static tn_db *open_one(tn_error *err)
{
    tn_config *config = tn_config_load(err);
    tn_db *db = config ? tn_open(config, err) : NULL;

    tn_config_free(config);
    return db;
}

tn_db *tn_client(tn_error *err)
{
    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&lock);
    while (opening)
        pthread_cond_wait(&opened, &lock);
    tn_db *db = shared;
    if (db) {
        pthread_mutex_unlock(&lock);
        return db;
    }
    unsigned before = shutdowns;
    opening = true;
    pthread_mutex_unlock(&lock);
    db = open_one(err);
    pthread_mutex_lock(&lock);
    opening = false;
    bool wanted = before == shutdowns;
    if (db && wanted) {
        keep(db);
        shared = db;
    }
    pthread_cond_broadcast(&opened);
    pthread_mutex_unlock(&lock);
    if (!db || wanted)
        return db;
    /* Shut down before it was there. */
    (void)tn_db_close(db, NULL);
    tn__shutting_down(err);
    return NULL;
}

tn_status tn_client_shutdown(int64_t timeout_ms, tn_error *err)
{
    pthread_mutex_lock(&lock);
    shutdowns++;
    if (shared)
        ended = shared;
    shared = NULL;
    /* Somebody else may be at it still: then both wait. */
    tn_db *db = ended;
    pthread_mutex_unlock(&lock);
    return tn_db_shutdown(db, timeout_ms, err);
}
