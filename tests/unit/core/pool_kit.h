/* SPDX-License-Identifier: MIT */
/* What the tests of core/pool share: threads that borrow, waiting for what is seen, the log. */
#ifndef TENON_TESTS_UNIT_CORE_POOL_KIT_H
#define TENON_TESTS_UNIT_CORE_POOL_KIT_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "base/clock.h"
#include "pool/pool.h"
#include "support/mock_client.h"

/* Until it is so; fails the test after very long. */
#define await_that(condition)                                                \
    do {                                                                     \
        const struct timespec pause_ = {.tv_nsec = 200000};                  \
        int64_t until_ = tn__now_ns() + 20 * TN__NS_PER_S;                   \
        while (!(condition) && tn__now_ns() < until_)                        \
            nanosleep(&pause_, NULL);                                        \
        if (!(condition))                                                    \
            fail_msg("%s:%d: never so: %s", __FILE__, __LINE__, #condition); \
    } while (0)

tn_pool_stats kit_stats(const tn_db *client);

/* A figure of the pool, under its lock. */
uint32_t kit_slots(const tn_db *client, tn__slot slot);
uint32_t kit_failures(const tn_db *client);
uint64_t kit_destroyed(const tn_db *client, tn__why why);

/* One thread that takes a connection, and keeps it as a session when it gets one. */
typedef struct borrower {
    tn_db *client;
    bool keeps; /* what it gets, until it is joined */
    pthread_t thread;
    tn_db *session;
    tn_status status;
    tn_error err;
    int64_t took_ms;
} borrower;

void kit_borrow(borrower *b, tn_db *client);
/* One that gives it back at once. */
void kit_use(borrower *b, tn_db *client);
/* Waits for it; gives back what it got. */
void kit_join(borrower *b);
/* The same and keeps it. */
tn_db *kit_join_and_keep(borrower *b);

/* The same on this thread; must go well. */
tn_db *kit_acquire(tn_db *client);
/* A statement, after which the connection is made as new: one that nothing was said on is not. */
void kit_exec(tn_db *db);

/* Has upkeep look, and returns when it has begun to sleep again. */
void kit_look(tn_db *client);

/* From now on lines are counted, down to this level; others are not written. */
void kit_log_begin(tn_log_level level);
void kit_log_end(void);
/* How many lines had this in them. */
unsigned kit_log_count(const char *part);

#endif
