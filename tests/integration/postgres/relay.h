/* SPDX-License-Identifier: MIT */
/* Stands between a client and its server, on a port of its own, and damages what passes. */
#ifndef TENON_TESTS_INTEGRATION_POSTGRES_RELAY_H
#define TENON_TESTS_INTEGRATION_POSTGRES_RELAY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { RELAY_PAIRS = 16 };

typedef enum relay_fault {
    RELAY_PASS = 0,
    RELAY_CUT,     /* both sides end after so many bytes of answers */
    RELAY_FLIP,    /* one byte of the answers is inverted */
    RELAY_SWALLOW, /* what holds the text goes to the server, its answer never to the client */
    RELAY_WITHHOLD /* what holds the text never goes to the server; the client is cut off */
} relay_fault;

typedef struct relay {
    int port, target, listener;
    int wake[2];
    pthread_t thread;
    pthread_mutex_t lock;
    /* under the lock */
    relay_fault fault;
    size_t at;        /* bytes of answers until it happens */
    const char *text; /* in what the client sends */
    bool happened;
    int client[RELAY_PAIRS], server[RELAY_PAIRS];
    bool doomed[RELAY_PAIRS]; /* its answers are swallowed */
} relay;

/* In front of that port of the loopback interface. */
void relay_start(relay *r, int target);
void relay_stop(relay *r);
/* From here on; until it has happened once, or is set again. */
void relay_set(relay *r, relay_fault fault, size_t at, const char *text);
bool relay_happened(relay *r);

#endif
