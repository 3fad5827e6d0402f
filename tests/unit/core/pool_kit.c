/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pool_kit.h"

/* ---- figures --------------------------------------------------------------------------------- */

tn_pool_stats kit_stats(const tn_db *client)
{
    tn_pool_stats now;

    tn_db_pool_stats(client, &now);
    return now;
}

uint32_t kit_slots(const tn_db *client, tn__slot slot)
{
    tn__pool *pool = tn__pool_of(client);

    tn__pool_lock(pool);
    uint32_t n = pool->n[slot];
    tn__pool_unlock(pool);
    return n;
}

uint32_t kit_failures(const tn_db *client)
{
    tn__pool *pool = tn__pool_of(client);

    tn__pool_lock(pool);
    uint32_t n = pool->gate.failures;
    tn__pool_unlock(pool);
    return n;
}

uint64_t kit_destroyed(const tn_db *client, tn__why why)
{
    tn__pool *pool = tn__pool_of(client);

    tn__pool_lock(pool);
    uint64_t n = pool->destroyed[why];
    tn__pool_unlock(pool);
    return n;
}

/* Upkeep sets the due time to none when it begins to look, and to a later one when it has. */
void kit_look(tn_db *client)
{
    tn__pool *pool = tn__pool_of(client);
    int64_t now = tn__now_ns(), due = 0;

    tn__pool_lock(pool);
    tn__upkeep_by(pool, now);
    tn__pool_unlock(pool);
    while (due <= now) {
        const struct timespec pause = {.tv_nsec = 200000};
        nanosleep(&pause, NULL);
        tn__pool_lock(pool);
        due = pool->upkeep_due_ns;
        tn__pool_unlock(pool);
    }
}

/* ---- borrowers ------------------------------------------------------------------------------- */

static void *borrow(void *arg)
{
    borrower *b = arg;
    int64_t start = tn__now_ns();

    b->status = tn_acquire(b->client, &b->session, &b->err);
    b->took_ms = (tn__now_ns() - start) / TN__NS_PER_MS;
    if (b->keeps)
        return NULL;
    tn_release(b->session);
    b->session = NULL;
    return NULL;
}

static void start(borrower *b, tn_db *client, bool keeps)
{
    *b = (borrower){.client = client, .keeps = keeps};
    assert_int_equal(pthread_create(&b->thread, NULL, borrow, b), 0);
}

void kit_borrow(borrower *b, tn_db *client)
{
    start(b, client, true);
}

void kit_use(borrower *b, tn_db *client)
{
    start(b, client, false);
}

tn_db *kit_join_and_keep(borrower *b)
{
    pthread_join(b->thread, NULL);
    return b->session;
}

void kit_join(borrower *b)
{
    tn_release(kit_join_and_keep(b));
    b->session = NULL;
}

void kit_exec(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;

    assert_ok(tn_exec(db, "a", NULL, NULL, &err), err);
}

tn_db *kit_acquire(tn_db *client)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *session = NULL;

    assert_ok(tn_acquire(client, &session, &err), err);
    return session;
}

/* ---- the log --------------------------------------------------------------------------------- */

enum { LINES = 256, LINE = 256 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[LINES][LINE];
static unsigned n_lines;

static void keep(void *arg, tn_log_level level, const char *component, tn_str line)
{
    (void)arg;
    (void)level;
    pthread_mutex_lock(&lock);
    if (n_lines < LINES)
        snprintf(lines[n_lines++], LINE, "%s: %.*s", component, (int)line.len, line.ptr);
    pthread_mutex_unlock(&lock);
}

void kit_log_begin(tn_log_level level)
{
    pthread_mutex_lock(&lock);
    n_lines = 0;
    pthread_mutex_unlock(&lock);
    tn_log_set(keep, NULL);
    tn_log_set_level(level);
}

void kit_log_end(void)
{
    tn_log_set_level(TN_LOG_OFF);
    tn_log_set(NULL, NULL);
}

unsigned kit_log_count(const char *part)
{
    unsigned n = 0;

    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < n_lines; i++)
        n += strstr(lines[i], part) != NULL;
    pthread_mutex_unlock(&lock);
    return n;
}
