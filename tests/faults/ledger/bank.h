/* SPDX-License-Identifier: MIT */
/*
 * The ledger: client threads move money between accounts, and each keeps the truth of what it was
 * told in a file of its own, one line an event, written before anything else happens:
 *
 *   S id   the operation was started
 *   A id   acknowledged: it was said to be done
 *   F id   failed: it was said that nothing was done
 *   U id   unknown
 *   R id   asked later, and was told that it was done
 *   N id   asked later, and was told that nothing was done
 *
 * The transaction that moves the money writes the id into a table. An id is thread << 32 | number.
 */
#ifndef TENON_FAULTS_LEDGER_BANK_H
#define TENON_FAULTS_LEDGER_BANK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include <tenon/tenon.h>

enum { LEDGER_ACCOUNTS = 100, LEDGER_BALANCE = 1000, LEDGER_THREADS_MAX = 512 };

/* How a client behaves when its connection breaks. */
typedef enum ledger_client {
    LEDGER_CAREFUL = 0, /* by this library, which says what is known */
    LEDGER_NAIVE        /* by libpq, and again and again until it is told that it was done */
} ledger_client;

typedef struct ledger_bank {
    const char *folder; /* of the files */
    tn_db *db;          /* of careful clients */
    const char *url;    /* of naive ones */
    ledger_client client;
    unsigned threads;
    uint64_t seed;
    int64_t timeout_ms; /* of each operation */
    atomic_bool stop;
    /* Figures. */
    atomic_ullong done, failed, unknown;
    atomic_llong longest_ms;
} ledger_bank;

/* Tables and accounts; drops what was there. */
void ledger_create(PGconn *admin);

/* Runs the threads until stop is set; returns when all have ended. False: a file or thread could
 * not be had. */
bool ledger_run(ledger_bank *bank);

#endif
