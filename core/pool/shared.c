/* SPDX-License-Identifier: MIT */
/* The one client of the process. */
#include <pthread.h>

#include "pool/pool.h"

/* Held while the client is opened, so that concurrent first users open it once and all wait. */
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static tn_db *shared;

/* Handles of it may be in use on any thread when it is shut down: its pool stays, as something that
 * answers TN_SHUTDOWN. A list, so that they are reachable. */
static tn__pool *retired;

static void keep(tn_db *db)
{
    tn__pool *pool = tn__pool_of(db);

    pthread_mutex_lock(&pool->lock);
    pool->kept = true;
    pool->retired = retired;
    pthread_mutex_unlock(&pool->lock);
    retired = pool;
}

tn_db *tn_client(tn_error *err)
{
    pthread_mutex_lock(&shared_lock);
    /* A child of fork leaves its parent's client alone (memory and all) and opens its own. */
    if (shared && tn__provider_check(shared->provider, NULL) != TN_OK)
        shared = NULL;
    tn_db *db = shared;
    if (!db) {
        tn_config *config = tn_config_load(err);
        db = config ? tn_open(config, err) : NULL;
        tn_config_free(config);
        if (db)
            keep(db);
        shared = db;
    }
    pthread_mutex_unlock(&shared_lock);
    return db;
}

tn_status tn_client_shutdown(int64_t timeout_ms, tn_error *err)
{
    pthread_mutex_lock(&shared_lock);
    tn_db *db = shared;
    shared = NULL;
    if (db && tn__provider_check(db->provider, NULL) != TN_OK)
        db = NULL; /* the parent's: nothing was opened here */
    pthread_mutex_unlock(&shared_lock);
    return tn_db_shutdown(db, timeout_ms, err);
}
