/* SPDX-License-Identifier: MIT */
/*
 * How a call ends in time. SQLite has no socket to wait for: it asks back, from its progress
 * handler while it computes and from its busy handler while another connection holds a lock.
 */
#include "sqlite/lite.h"

#include <time.h>

#include "base/clock.h"

/* Instructions of SQLite's machine between two questions: some ten microseconds. */
#define STEPS 1000

static bool may_go_on(tn_driver_conn *conn)
{
    tn_wait_result result = conn->host->interrupted(conn->host_conn, conn->deadline);

    if (result == TN_WAIT_READY)
        return true;
    conn->stopped = result;
    return false;
}

static int on_progress(void *arg)
{
    return !may_go_on(arg);
}

bool lite_busy_wait(tn_driver_conn *conn, int attempt)
{
    static const int64_t pauses_us[] = {50, 100, 200, 500, 1000, 2000, 5000, 10000, 15000, 20000};
    int last = (int)(sizeof pauses_us / sizeof pauses_us[0]) - 1;
    int64_t now = conn->host->now();
    int64_t pause = pauses_us[attempt < last ? attempt : last] * 1000;
    int64_t end = conn->deadline;
    struct timespec ts;

    if (attempt == 0)
        conn->busy_since = now;
    if (!may_go_on(conn))
        return false;
    if (end == TN_NO_DEADLINE) {
        end = conn->busy_since + conn->source->options.busy_timeout_ms * TN__NS_PER_MS;
        if (now >= end) {
            conn->lock_timeout = true;
            return false;
        }
    }
    if (pause > end - now)
        pause = end > now ? end - now : 0;
    ts = (struct timespec){.tv_sec = 0, .tv_nsec = pause};
    (void)nanosleep(&ts, NULL); /* cut short by a signal: then we ask earlier */
    return true;
}

static int on_busy(void *arg, int attempt)
{
    return lite_busy_wait(arg, attempt);
}

void lite_progress_install(tn_driver_conn *conn)
{
    sqlite3_progress_handler(conn->db, STEPS, on_progress, conn);
    (void)sqlite3_busy_handler(conn->db, on_busy, conn);
}
