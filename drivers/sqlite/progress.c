/* SPDX-License-Identifier: MIT */
/*
 * How a call ends in time. SQLite has no socket to wait for: it asks back, from its progress
 * handler while it computes and from its busy handler while another connection holds a lock. The
 * pauses in between are the host's, so that the thread of a program with fibers may run another
 * one: perhaps the one that holds the lock.
 */
#include "sqlite/lite.h"

#include <sys/timerfd.h>
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

/* Readable when the pause is over; -1: there is none to be had. */
static int set_timer(tn_driver_conn *conn, int64_t pause_ns)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(pause_ns / TN__NS_PER_S),
                                           .tv_nsec = (long)(pause_ns % TN__NS_PER_S)}};

    if (conn->timer < 0)
        conn->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (conn->timer >= 0 && timerfd_settime(conn->timer, 0, &when, NULL) != 0)
        return -1;
    return conn->timer;
}

bool lite_pause(tn_driver_conn *conn, int64_t pause_ns)
{
    int timer = pause_ns > 0 ? set_timer(conn, pause_ns) : -1;
    tn_wait_result result = TN_WAIT_FAILED;
    struct timespec ts = {.tv_sec = 0, .tv_nsec = (long)pause_ns};

    if (pause_ns <= 0)
        return may_go_on(conn);
    if (timer >= 0)
        result = conn->host->wait(conn->host_conn, timer, TN_WAIT_READ, conn->deadline);
    if (result == TN_WAIT_FAILED) /* no descriptor left: the thread waits */
        (void)nanosleep(&ts, NULL);
    if (result == TN_WAIT_INTERRUPTED)
        conn->stopped = result;
    return result != TN_WAIT_INTERRUPTED;
}

bool lite_busy_wait(tn_driver_conn *conn, int attempt)
{
    static const int64_t pauses_us[] = {50, 100, 200, 500, 1000, 2000, 5000, 10000, 15000, 20000};
    int last = (int)(sizeof pauses_us / sizeof pauses_us[0]) - 1;
    int64_t now = conn->host->now();
    int64_t pause = pauses_us[attempt < last ? attempt : last] * 1000;
    int64_t end = conn->deadline;

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
    return lite_pause(conn, pause < end - now ? pause : end - now);
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
