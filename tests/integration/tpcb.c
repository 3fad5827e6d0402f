/* SPDX-License-Identifier: MIT */
#include "tpcb.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_THREADS = 64, SHOWN_FAILURES = 5 };

struct worker {
    struct tpcb *tpcb;
    pthread_t thread;
    uint64_t random;
    int rounds;
    int64_t attempts;
    int64_t failures;
};

struct transfer {
    struct worker *worker;
    int32_t account, teller, branch, delta;
};

static int32_t pick(struct worker *worker, int32_t least, int32_t most)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return least + (int32_t)(worker->random % (uint64_t)(most - least + 1));
}

static tn_status add(tn_db *tx, const char *sql, int32_t delta, int32_t id, tn_error *err)
{
    int64_t changed;
    tn_status status = tn_exec(tx, sql, tn_args(delta, id), &changed, err);
    if (status == TN_OK && changed != 1)
        status = tn_error_set(err, TN_FAILED, NULL, "%lld rows changed by %s", (long long)changed,
                              sql);
    return status;
}

static tn_status transfer(tn_db *tx, void *arg, tn_error *err)
{
    const struct transfer *t = arg;
    int32_t balance;
    tn_status status;

    t->worker->attempts++;
    status = add(tx, "update pgbench_accounts set abalance = abalance + $1 where aid = $2",
                 t->delta, t->account, err);
    if (status == TN_OK)
        status = tn_get(tx, "select abalance from pgbench_accounts where aid = $1",
                        tn_args(t->account), tn_into(&balance), err);
    if (status == TN_OK)
        status = add(tx, "update pgbench_tellers set tbalance = tbalance + $1 where tid = $2",
                     t->delta, t->teller, err);
    if (status == TN_OK)
        status = add(tx, "update pgbench_branches set bbalance = bbalance + $1 where bid = $2",
                     t->delta, t->branch, err);
    if (status == TN_OK)
        status = tn_exec(tx,
                         "insert into pgbench_history (tid, bid, aid, delta, mtime)"
                         " values ($1, $2, $3, $4, current_timestamp)",
                         tn_args(t->teller, t->branch, t->account, t->delta), NULL, err);
    return status;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    const struct tpcb *tpcb = worker->tpcb;

    for (int i = 0; i < worker->rounds; i++) {
        tn_error err = TN_ERROR_INIT;
        struct transfer t = {
            .worker = worker,
            .account = pick(worker, 1, tpcb->accounts),
            .teller = pick(worker, 1, tpcb->tellers),
            .branch = pick(worker, 1, tpcb->branches),
            .delta = pick(worker, -5000, 5000),
        };
        if (tn_transaction(tpcb->db, &tpcb->options, transfer, &t, &err) != TN_OK &&
            ++worker->failures <= SHOWN_FAILURES)
            tn_error_print(stderr, &err);
    }
    return NULL;
}

tn_db *tpcb_open(const char *url, int connections)
{
    tn_error err = TN_ERROR_INIT;
    char number[16];
    tn_db *db = NULL;
    tn_config *config = tn_config_from_url(url, &err);

    snprintf(number, sizeof(number), "%d", connections);
    if (config && tn_config_set(config, "max_connections", number, &err) == TN_OK)
        db = tn_open(config, &err);
    if (!db) {
        tn_error_print(stderr, &err);
        exit(EXIT_FAILURE);
    }
    tn_config_free(config);
    return db;
}

void tpcb_close(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    if (tn_db_close(db, &err) != TN_OK) {
        tn_error_print(stderr, &err);
        exit(EXIT_FAILURE);
    }
}

bool tpcb_run(struct tpcb *tpcb)
{
    static struct worker workers[MAX_THREADS];
    int started = 0;
    bool whole;

    for (; started < tpcb->threads && started < MAX_THREADS; started++) {
        struct worker *worker = &workers[started];
        *worker = (struct worker){
            .tpcb = tpcb,
            .random = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(started + 1),
            .rounds = tpcb->rounds / tpcb->threads + (started < tpcb->rounds % tpcb->threads),
        };
        if (pthread_create(&worker->thread, NULL, work, worker) != 0)
            break;
    }
    whole = started == tpcb->threads;
    for (int i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
        tpcb->attempts += workers[i].attempts;
        tpcb->failures += workers[i].failures;
    }
    return whole;
}
