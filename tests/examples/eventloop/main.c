/* SPDX-License-Identifier: MIT */
/*
 * A thousand queries at once on one thread: main.c [FIBERS [CONNECTIONS]], 1000 and 50 when not
 * said. DATABASE_URL chooses the database; on an embedded one nothing waits, so each fiber just
 * works until it lets the others go first.
 */
#define _GNU_SOURCE /* gettid */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "crowd.h"
#include "neighbours.h"

enum { ROUNDS = 2, PAUSE_MS = 40, DEADLINE_MS = 100, COUNTING = 20 };

struct program {
    struct loop *loop;
    int32_t fibers;
    const char *connections;
    tn_status status;
    tn_error error;
};

static int threads_of_process(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;

    if (!tasks)
        return -1;
    for (const struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

static tn_status show_crowd(const struct program *p, tn_db *db, tn_error *err)
{
    struct crowd crowd = {
        .loop = p->loop,
        .db = db,
        .fibers = p->fibers,
        .rounds = ROUNDS,
        .pause_s = client_waits(db) ? PAUSE_MS / 1000.0 : 0,
        .error = TN_ERROR_INIT,
    };
    double pauses_s = crowd.pause_s * crowd.fibers * crowd.rounds;

    tn_status status = crowd_run(&crowd, err);
    if (status != TN_OK)
        return status;
    if (crowd.more_threads)
        return tn_error_set(err, TN_FAILED, NULL, "fibers ran on more than one thread");
    struct loop_stats loop = loop_stats(p->loop);
    printf("crowd     %d fibers, %d rounds of a query and a transaction each: all %lld right\n",
           (int)crowd.fibers, (int)crowd.rounds, (long long)crowd.changes);
    printf("at once   %u fibers within a call, %u of them waiting, %u transactions at work\n",
           crowd.most_calls, loop.most_waiting, crowd.most_transactions);
    printf("time      %.2f s; the pauses in the database alone are %.2f s, one after the other\n",
           (double)crowd.elapsed_ms / 1000, pauses_s);
    printf("thread    %ld ran all of them; %d threads in the process; %llu waits on fibers, %llu"
           " elsewhere\n",
           (long)crowd.thread, threads_of_process(), (unsigned long long)loop.waits,
           (unsigned long long)loop.waits_elsewhere);
    printf("heart     %lld beats of a fiber that wakes each 5 ms, at worst %lld ms late\n",
           (long long)crowd.beats, (long long)crowd.late_ms);
    return TN_OK;
}

static tn_status show_neighbours(const struct program *p, tn_db *db, tn_error *err)
{
    const struct street street = {.loop = p->loop, .db = db};
    int64_t ms;

    if (client_waits(db)) {
        tn_status status = street_cancel(&street, err);
        if (status != TN_OK)
            return status;
        puts("cancel    a fiber ended the statement of another, whose session went on");
    }
    tn_status status = street_deadline(&street, DEADLINE_MS, &ms, err);
    if (status != TN_OK)
        return status;
    printf("deadline  of %d ms: the statement was ended after %lld ms\n", DEADLINE_MS,
           (long long)ms);
    status = street_failure(&street, err);
    if (status != TN_OK)
        return status;
    puts("failure   of one fiber: its transaction is gone, those of its neighbours stay");
    status = street_retries(&street, COUNTING, err);
    if (status == TN_OK)
        printf("retries   %d serializable transactions on one row: each counted once\n", COUNTING);
    return status;
}

static void run(void *arg)
{
    struct program *p = arg;
    tn_pool_stats pool;

    tn_db *db = client_open(p->loop, p->connections, &p->error);
    if (!db) {
        p->status = p->error.status;
        return;
    }
    printf("database  %s, at most %s connections\n", tn_db_driver(db), p->connections);
    p->status = show_crowd(p, db, &p->error);
    if (p->status == TN_OK)
        p->status = show_neighbours(p, db, &p->error);
    tn_db_pool_stats(db, &pool);
    printf("pool      %u connections, %u in use, %llu borrowed in all, %llu were given up\n",
           pool.total, pool.in_use, (unsigned long long)pool.acquires,
           (unsigned long long)pool.destroyed);
    tn_status closed = tn_db_close(db, p->status == TN_OK ? &p->error : NULL);
    if (p->status == TN_OK)
        p->status = closed;
}

int main(int argc, char **argv)
{
    struct program program = {
        .fibers = argc > 1 ? (int32_t)strtol(argv[1], NULL, 10) : 1000,
        .connections = argc > 2 ? argv[2] : "50",
        .status = TN_FAILED,
        .error = TN_ERROR_INIT,
    };

    if (program.fibers < 1) {
        fprintf(stderr, "usage: %s [FIBERS [CONNECTIONS]]\n", argv[0]);
        return 2;
    }
    program.loop = loop_new();
    if (!program.loop || !loop_start(program.loop, run, &program) || !loop_run(program.loop)) {
        perror("event loop");
        return EXIT_FAILURE;
    }
    loop_free(program.loop);
    if (program.status != TN_OK) {
        tn_error_print(stderr, &program.error);
        return EXIT_FAILURE;
    }
    puts("closed    clean");
    return EXIT_SUCCESS;
}
