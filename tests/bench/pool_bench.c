/* SPDX-License-Identifier: MIT */
/*
 * The pool alone, against the plainest one that can be written: a mutex, a condition variable and
 * an array.
 *
 *     DATABASE_URL=... pool_bench WORKLOAD CONTENDER THREADS CONNECTIONS OPERATIONS
 *
 * WORKLOAD is w6e (acquire and release, nothing else) or w6q (acquire, SELECT 1, release),
 * CONTENDER is raw or tenon. OPERATIONS is the number of all threads together. Prints
 *
 *     operations nanoseconds checksum most
 *
 * where most is the longest that one operation took, in nanoseconds (w6q only).
 *
 * All work is done on threads, also when there is but one: a mutex of a process without threads
 * costs half. The connections are open, and the statement is prepared, before the time begins.
 */
#include <inttypes.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tenon/tenon.h>

enum { THREADS_MAX = 256, CONNECTIONS_MAX = 256 };

struct plan {
    const char *url;
    bool query;
    int threads;
    int connections;
    int64_t operations; /* of each thread */
    pthread_barrier_t start;
};

struct worker {
    struct plan *plan;
    pthread_t thread;
    uint64_t checksum;
    int64_t most_ns;
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

_Noreturn static void die(const char *what, const char *text)
{
    fprintf(stderr, "pool_bench: %s: %s\n", what, text);
    exit(EXIT_FAILURE);
}

/* ---- raw ------------------------------------------------------------------------------------- */

struct raw_conn {
    PGconn *pg;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct raw_conn *idle[CONNECTIONS_MAX];
    int n;
} raw = {.lock = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER};

static struct raw_conn raw_conns[CONNECTIONS_MAX];

static struct raw_conn *raw_acquire(void)
{
    pthread_mutex_lock(&raw.lock);
    while (raw.n == 0)
        pthread_cond_wait(&raw.freed, &raw.lock);
    struct raw_conn *conn = raw.idle[--raw.n];
    pthread_mutex_unlock(&raw.lock);
    return conn;
}

static void raw_release(struct raw_conn *conn)
{
    pthread_mutex_lock(&raw.lock);
    raw.idle[raw.n++] = conn;
    pthread_cond_signal(&raw.freed);
    pthread_mutex_unlock(&raw.lock);
}

static uint64_t raw_select(struct raw_conn *conn)
{
    PGresult *result = PQexecPrepared(conn->pg, "one", 0, NULL, NULL, NULL, 1);
    unsigned char bytes[4];
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        die("select 1", PQerrorMessage(conn->pg));
    memcpy(bytes, PQgetvalue(result, 0, 0), sizeof(bytes));
    PQclear(result);
    return (uint64_t)bytes[3];
}

static void raw_open(const struct plan *plan)
{
    for (int i = 0; i < plan->connections; i++) {
        if (plan->query) {
            raw_conns[i].pg = PQconnectdb(plan->url);
            if (PQstatus(raw_conns[i].pg) != CONNECTION_OK)
                die("connect", PQerrorMessage(raw_conns[i].pg));
            PQclear(PQprepare(raw_conns[i].pg, "one", "select 1", 0, NULL));
        }
        raw_release(&raw_conns[i]);
    }
}

static void *raw_work(void *arg)
{
    struct worker *self = arg;
    pthread_barrier_wait(&self->plan->start);
    for (int64_t i = 0; i < self->plan->operations; i++) {
        int64_t from = self->plan->query ? now_ns() : 0;
        struct raw_conn *conn = raw_acquire();
        self->checksum += self->plan->query ? raw_select(conn) : 1;
        raw_release(conn);
        int64_t took = self->plan->query ? now_ns() - from : 0;
        self->most_ns = took > self->most_ns ? took : self->most_ns;
    }
    return NULL;
}

static void raw_close(const struct plan *plan)
{
    for (int i = 0; plan->query && i < plan->connections; i++)
        PQfinish(raw_conns[i].pg);
}

/* ---- tenon ----------------------------------------------------------------------------------- */

static tn_db *client;

_Noreturn static void fail(const char *what, const tn_error *err)
{
    char text[2048];
    tn_error_format(err, text, sizeof(text));
    die(what, text);
}

static uint64_t tenon_select(tn_db *session)
{
    tn_error err;
    int32_t one;
    if (tn_get(session, "select 1", NULL, tn_into(&one), &err) != TN_OK)
        fail("select 1", &err);
    return (uint64_t)one;
}

static void tenon_open(const struct plan *plan)
{
    static tn_db *sessions[CONNECTIONS_MAX];
    tn_error err = TN_ERROR_INIT;
    char most[16];
    tn_config *config = tn_config_from_url(plan->url, &err);
    snprintf(most, sizeof(most), "%d", plan->connections);
    if (!config || tn_config_set(config, "max_connections", most, &err) != TN_OK ||
        tn_config_set(config, "min_connections", "0", &err) != TN_OK ||
        !(client = tn_open(config, &err)))
        fail("open", &err);
    tn_config_free(config);
    for (int i = 0; i < plan->connections; i++) {
        if (tn_acquire(client, &sessions[i], &err) != TN_OK)
            fail("acquire", &err);
        (void)tenon_select(sessions[i]);
    }
    for (int i = 0; i < plan->connections; i++)
        tn_release(sessions[i]);
}

static void *tenon_work(void *arg)
{
    struct worker *self = arg;
    tn_error err;
    pthread_barrier_wait(&self->plan->start);
    for (int64_t i = 0; i < self->plan->operations; i++) {
        int64_t from = self->plan->query ? now_ns() : 0;
        tn_db *session;
        if (tn_acquire(client, &session, &err) != TN_OK)
            fail("acquire", &err);
        self->checksum += self->plan->query ? tenon_select(session) : 1;
        tn_release(session);
        int64_t took = self->plan->query ? now_ns() - from : 0;
        self->most_ns = took > self->most_ns ? took : self->most_ns;
    }
    return NULL;
}

static void tenon_close(const struct plan *plan)
{
    tn_error err = TN_ERROR_INIT;
    (void)plan;
    if (tn_db_close(client, &err) != TN_OK)
        fail("close", &err);
}

/* ---- both ------------------------------------------------------------------------------------ */

static int64_t number(const char *text, int64_t most)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (*end || value < 1 || value > most)
        die("not a number that is possible", text);
    return value;
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS_MAX];
    struct plan plan = {.url = getenv("DATABASE_URL")};

    if (argc != 6 || !plan.url) {
        fputs("usage: DATABASE_URL=... pool_bench w6e|w6q raw|tenon THREADS CONNECTIONS "
              "OPERATIONS\n",
              stderr);
        return 2;
    }
    bool tenon = strcmp(argv[2], "tenon") == 0;
    plan.query = strcmp(argv[1], "w6q") == 0;
    plan.threads = (int)number(argv[3], THREADS_MAX);
    plan.connections = (int)number(argv[4], CONNECTIONS_MAX);
    plan.operations = number(argv[5], INT64_MAX) / plan.threads;
    (tenon ? tenon_open : raw_open)(&plan);
    pthread_barrier_init(&plan.start, NULL, (unsigned)plan.threads + 1);
    for (int i = 0; i < plan.threads; i++) {
        workers[i].plan = &plan;
        if (pthread_create(&workers[i].thread, NULL, tenon ? tenon_work : raw_work, &workers[i]))
            die("thread", "cannot be started");
    }
    int64_t began = now_ns();
    pthread_barrier_wait(&plan.start);
    struct worker sum = {0};
    for (int i = 0; i < plan.threads; i++) {
        pthread_join(workers[i].thread, NULL);
        sum.checksum += workers[i].checksum;
        sum.most_ns = workers[i].most_ns > sum.most_ns ? workers[i].most_ns : sum.most_ns;
    }
    int64_t spent = now_ns() - began;
    (tenon ? tenon_close : raw_close)(&plan);
    printf("%" PRId64 " %" PRId64 " %" PRIu64 " %" PRId64 "\n", plan.operations * plan.threads,
           spent, sum.checksum, sum.most_ns);
    return EXIT_SUCCESS;
}
