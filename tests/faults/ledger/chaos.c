/* SPDX-License-Identifier: MIT */
#include "chaos.h"

#include <stdio.h>
#include <time.h>

enum { PARTITION_MS = 300, LEAST_PAUSE_MS = 50 };

static void pause_ms(int ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&pause, NULL);
}

const char *chaos_name(chaos_kind kind)
{
    static const char *const names[CHAOS_KINDS] = {
        [CHAOS_TERMINATE] = "backend terminated",
        [CHAOS_RESET] = "all reset",
        [CHAOS_PARTITION] = "partition",
        [CHAOS_CANCEL] = "cancelled",
        [CHAOS_STOP] = "immediate stop",
        [CHAOS_CRASH] = "crash",
        [CHAOS_COMMIT_AFTER] = "COMMIT's answer lost",
        [CHAOS_COMMIT_BEFORE] = "COMMIT cut off before",
    };

    return names[kind];
}

/* Signals one backend of the clients. A server that is just going away refuses, which is fine. */
static void signal_one(const chaos *c, const char *function)
{
    char conninfo[256], sql[256];

    snprintf(conninfo, sizeof(conninfo),
             "host=%s port=%d user=postgres dbname=app connect_timeout=2", c->server->dir,
             c->server->port);
    snprintf(sql, sizeof(sql),
             "select %s(pid) from pg_stat_activity where usename = 'app'"
             " order by state <> 'active', random() limit 1",
             function);
    PGconn *admin = PQconnectdb(conninfo);
    PQclear(PQexec(admin, sql));
    PQfinish(admin);
}

static void start_again(chaos *c)
{
    if (!test_server_start(c->server))
        atomic_store(&c->failed, true);
}

static void strike(chaos *c, chaos_kind kind)
{
    switch (kind) {
    case CHAOS_TERMINATE: signal_one(c, "pg_terminate_backend"); break;
    case CHAOS_CANCEL: signal_one(c, "pg_cancel_backend"); break;
    case CHAOS_RESET: test_proxy_break(c->proxy, PROXY_RST); break;
    case CHAOS_PARTITION:
        test_proxy_hold(c->proxy);
        pause_ms(PARTITION_MS);
        test_proxy_release(c->proxy);
        break;
    case CHAOS_STOP:
        (void)test_server_stop(c->server, true);
        start_again(c);
        break;
    case CHAOS_CRASH:
        test_server_kill_all(c->server);
        start_again(c);
        break;
    case CHAOS_COMMIT_AFTER:
        test_proxy_on(c->proxy, PROXY_C2S, "COMMIT", PROXY_AFTER, PROXY_RST, 1, 1);
        break;
    case CHAOS_COMMIT_BEFORE:
        test_proxy_on(c->proxy, PROXY_C2S, "COMMIT", PROXY_BEFORE, PROXY_RST, 1, 1);
        break;
    case CHAOS_KINDS: break;
    }
}

/* Steele, Lea, Flood: SplitMix64. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void *rage(void *arg)
{
    chaos *c = arg;
    uint64_t random = c->seed;

    for (int64_t next = test_proxy_now() + c->every_ms; !atomic_load(&c->failed);) {
        /* A restart takes longer than a step: the next fault then follows close behind. */
        int64_t left = next - test_proxy_now();
        pause_ms(left > LEAST_PAUSE_MS ? (int)left : LEAST_PAUSE_MS);
        next = test_proxy_now() + c->every_ms;
        if (atomic_load(&c->stop))
            break;
        chaos_kind kind = (chaos_kind)(next_random(&random) % CHAOS_KINDS);
        c->counts[kind]++;
        strike(c, kind);
    }
    return NULL;
}

bool chaos_start(chaos *c)
{
    return pthread_create(&c->thread, NULL, rage, c) == 0;
}

bool chaos_stop(chaos *c)
{
    atomic_store(&c->stop, true);
    pthread_join(c->thread, NULL);
    test_proxy_pass(c->proxy);
    return !atomic_load(&c->failed);
}
