/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>

enum { MOST = 64, WARM_UP = 16 };

struct crew {
    pthread_barrier_t ready, go;
    uint64_t (*work)(void *arg, int64_t n);
    void *arg;
    int64_t each;
};

struct worker {
    pthread_t thread;
    struct crew *crew;
    uint64_t sum;
};

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct crew *crew = worker->crew;

    crew->work(crew->arg, WARM_UP);
    pthread_barrier_wait(&crew->ready);
    pthread_barrier_wait(&crew->go);
    worker->sum = crew->work(crew->arg, crew->each);
    return NULL;
}

void bench_threads(struct bench_run *run, int threads, uint64_t (*work)(void *arg, int64_t n),
                   void *arg)
{
    struct crew crew = {.work = work, .arg = arg, .each = run->operations / threads};
    struct worker workers[MOST] = {0};

    if (threads < 1 || threads > MOST || crew.each < 1)
        bench_die(run->workload, "too many threads for so few operations");
    run->operations = crew.each * threads;
    pthread_barrier_init(&crew.ready, NULL, (unsigned)threads + 1);
    pthread_barrier_init(&crew.go, NULL, (unsigned)threads + 1);
    for (int i = 0; i < threads; i++) {
        workers[i].crew = &crew;
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0)
            bench_die(run->workload, "no thread");
    }
    pthread_barrier_wait(&crew.ready);
    bench_start(run);
    pthread_barrier_wait(&crew.go);
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        run->checksum += workers[i].sum;
    }
    bench_stop(run);
    pthread_barrier_destroy(&crew.ready);
    pthread_barrier_destroy(&crew.go);
}

int bench_threads_of(const struct bench_run *run)
{
    const char *digits = run->workload + strcspn(run->workload, "0123456789") + 1;
    return atoi(digits + strcspn(digits, "0123456789"));
}
