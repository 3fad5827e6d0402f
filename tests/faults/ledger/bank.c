/* SPDX-License-Identifier: MIT */
#include "bank.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ASK_AGAIN_MS = 10000, RETRIES = 10 };

typedef struct teller {
    ledger_bank *bank;
    pthread_t thread;
    uint64_t random;
    uint32_t number; /* of the operation */
    unsigned index;
    int fd;
    PGconn *conn; /* a naive one's */
    bool good;
} teller;

typedef struct movement {
    int64_t id;
    int32_t from, to, amount;
} movement;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Steele, Lea, Flood: SplitMix64. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* One write, so that a line is there whole or not at all. */
static void note(teller *t, char what, int64_t id)
{
    char line[32];
    int length = snprintf(line, sizeof(line), "%c %lld\n", what, (long long)id);

    if (write(t->fd, line, (size_t)length) != length)
        t->good = false;
}

/* ---- the careful client --------------------------------------------------------------------- */

static tn_status move(tn_db *tx, void *arg, tn_error *err)
{
    static const char change[] = "update accounts set balance = balance + $2 where id = $1";
    const movement *m = arg;

    tn_status status = tn_exec(tx, "insert into operations values ($1, $2, $3, $4)",
                               tn_args(m->id, m->from, m->to, m->amount), NULL, err);
    if (status == TN_OK)
        status = tn_exec(tx, change, tn_args(m->from, -m->amount), NULL, err);
    if (status == TN_OK)
        status = tn_exec(tx, change, tn_args(m->to, m->amount), NULL, err);
    return status;
}

/* What the library could not learn in the operation's own time is asked for once more. */
static void ask_again(teller *t, const movement *m, const tn_error *why)
{
    tn_outcome outcome = TN_OUTCOME_IN_DOUBT;

    note(t, 'U', m->id);
    if (!why->transaction[0] ||
        tn_commit_outcome(t->bank->db, why->transaction, ASK_AGAIN_MS, &outcome, NULL) != TN_OK)
        outcome = TN_OUTCOME_IN_DOUBT;
    if (outcome == TN_OUTCOME_APPLIED)
        note(t, 'R', m->id);
    else if (outcome == TN_OUTCOME_NOT_APPLIED)
        note(t, 'N', m->id);
    else
        atomic_fetch_add(&t->bank->unknown, 1);
}

static void move_carefully(teller *t, movement *m)
{
    tn_error err = TN_ERROR_INIT;
    tn_txn_options options = TN_TXN_OPTIONS_INIT;

    options.timeout_ms = t->bank->timeout_ms;
    options.retries = RETRIES;
    options.retry_lost = t->index % 2;
    tn_status status = tn_transaction(t->bank->db, &options, move, m, &err);
    if (status == TN_OK) {
        note(t, 'A', m->id);
        atomic_fetch_add(&t->bank->done, 1);
    } else if (err.outcome == TN_OUTCOME_IN_DOUBT) {
        ask_again(t, m, &err);
    } else {
        note(t, 'F', m->id);
        atomic_fetch_add(&t->bank->failed, 1);
    }
}

/* ---- the naive client ----------------------------------------------------------------------- */

static bool run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);

    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static bool try_naively(teller *t, const movement *m)
{
    char sql[512];

    if (PQstatus(t->conn) != CONNECTION_OK) {
        PQfinish(t->conn);
        t->conn = PQconnectdb(t->bank->url);
    }
    if (PQstatus(t->conn) != CONNECTION_OK)
        return false;
    snprintf(sql, sizeof(sql),
             "insert into operations values (%lld, %d, %d, %d);"
             " update accounts set balance = balance - %d where id = %d;"
             " update accounts set balance = balance + %d where id = %d",
             (long long)m->id, m->from, m->to, m->amount, m->amount, m->from, m->amount, m->to);
    bool good = run(t->conn, "BEGIN") && run(t->conn, sql);
    if (good)
        return run(t->conn, "COMMIT"); /* "connection lost": then it was not done, was it? */
    (void)run(t->conn, "ROLLBACK");
    return false;
}

static void move_naively(teller *t, const movement *m)
{
    static const struct timespec pause = {.tv_nsec = 5000000};

    while (!try_naively(t, m)) {
        if (atomic_load(&t->bank->stop)) {
            note(t, 'U', m->id); /* nobody will know */
            return;
        }
        nanosleep(&pause, NULL);
    }
    note(t, 'A', m->id);
    atomic_fetch_add(&t->bank->done, 1);
}

/* ---- threads -------------------------------------------------------------------------------- */

static movement choose(teller *t)
{
    uint64_t random = next_random(&t->random);
    movement m = {.id = (int64_t)t->index << 32 | t->number++,
                  .from = (int32_t)(random % LEDGER_ACCOUNTS),
                  .amount = (int32_t)(random >> 32 & 63) + 1};

    m.to = (m.from + 1 + (int32_t)(random >> 48) % (LEDGER_ACCOUNTS - 1)) % LEDGER_ACCOUNTS;
    return m;
}

static void measure(ledger_bank *bank, int64_t took_ms)
{
    long long longest = atomic_load(&bank->longest_ms);

    while (took_ms > longest && !atomic_compare_exchange_weak(&bank->longest_ms, &longest, took_ms))
        continue;
}

static void *serve(void *arg)
{
    teller *t = arg;
    static const struct timespec pause = {.tv_nsec = 2000000};

    while (t->good && !atomic_load(&t->bank->stop)) {
        movement m = choose(t);
        unsigned long long failed = atomic_load(&t->bank->failed);
        int64_t start = now_ms();
        note(t, 'S', m.id);
        if (t->bank->client == LEDGER_NAIVE)
            move_naively(t, &m);
        else
            move_carefully(t, &m);
        measure(t->bank, now_ms() - start);
        if (atomic_load(&t->bank->failed) != failed)
            nanosleep(&pause, NULL); /* a server that is away is not asked in a circle */
    }
    PQfinish(t->conn);
    return NULL;
}

static bool open_file(teller *t)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%u.log", t->bank->folder, t->index);
    t->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    return t->fd >= 0;
}

static bool start(ledger_bank *bank, teller *t, unsigned index)
{
    *t = (teller){.bank = bank, .index = index, .good = true, .fd = -1};
    t->random = bank->seed * 1000003 + index;
    if (!open_file(t))
        return false;
    if (pthread_create(&t->thread, NULL, serve, t) == 0)
        return true;
    close(t->fd);
    return false;
}

bool ledger_run(ledger_bank *bank)
{
    teller *tellers = calloc(bank->threads, sizeof(*tellers));
    unsigned started = 0;
    bool good = tellers != NULL;

    while (good && started < bank->threads) {
        good = start(bank, &tellers[started], started);
        started += good ? 1 : 0;
    }
    if (!good)
        atomic_store(&bank->stop, true);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(tellers[i].thread, NULL);
        good = good && tellers[i].good;
        close(tellers[i].fd);
    }
    free(tellers);
    return good;
}

void ledger_create(PGconn *admin)
{
    static const char *const setup[] = {
        "drop table if exists operations, accounts",
        "create table accounts (id int primary key, balance bigint not null)",
        /* no key: what is done twice is to be seen twice */
        ("create table operations (id bigint not null, source int not null, target int not null,"
         " amount bigint not null)"),
        "grant all on accounts, operations to app",
    };
    char sql[160];

    for (size_t i = 0; i < sizeof(setup) / sizeof(setup[0]); i++)
        if (!run(admin, setup[i])) {
            fprintf(stderr, "%s: %s", setup[i], PQerrorMessage(admin));
            exit(EXIT_FAILURE);
        }
    snprintf(sql, sizeof(sql), "insert into accounts select i, %d from generate_series(0, %d) i",
             LEDGER_BALANCE, LEDGER_ACCOUNTS - 1);
    if (!run(admin, sql)) {
        fputs(PQerrorMessage(admin), stderr);
        exit(EXIT_FAILURE);
    }
}
