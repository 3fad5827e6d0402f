/* SPDX-License-Identifier: MIT */
/* Breaks a server and the way to it, every so often, as a seed chooses. */
#ifndef TENON_FAULTS_LEDGER_CHAOS_H
#define TENON_FAULTS_LEDGER_CHAOS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server.h"
#include "support/proxy.h"

typedef enum chaos_kind {
    CHAOS_TERMINATE = 0, /* one backend, by pg_terminate_backend() */
    CHAOS_RESET,         /* RST on every connection */
    CHAOS_PARTITION,     /* 300 ms of silence */
    CHAOS_CANCEL,        /* whatever runs in one backend */
    CHAOS_STOP,          /* immediate stop, and start */
    CHAOS_CRASH,         /* SIGKILL for the whole server, and start */
    CHAOS_COMMIT_AFTER,  /* the answer to the next COMMIT is lost */
    CHAOS_COMMIT_BEFORE, /* the next COMMIT does not reach the server */
    CHAOS_KINDS
} chaos_kind;

typedef struct chaos {
    const test_server *server;
    test_proxy *proxy;
    uint64_t seed;
    int every_ms;
    pthread_t thread;
    atomic_bool stop;
    atomic_bool failed; /* the server could not be started again */
    unsigned counts[CHAOS_KINDS];
} chaos;

const char *chaos_name(chaos_kind kind);

/* Fills the rest in and starts a thread; false if there is none to be had. */
bool chaos_start(chaos *c);
/* Afterwards the server runs and the proxy forwards everything. False: it does not run. */
bool chaos_stop(chaos *c);

#endif
