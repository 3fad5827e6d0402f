/* SPDX-License-Identifier: MIT */
/* pgbench's TPC-B transaction, written once against the API and run by many threads. */
#ifndef TENON_TEST_TPCB_H
#define TENON_TEST_TPCB_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/tenon.h>

struct tpcb {
    tn_db *db;
    tn_txn_options options;
    int threads;
    int rounds; /* of all threads together */
    int branches, tellers, accounts;
    int64_t attempts; /* out: calls of the transaction, retries included */
    int64_t failures; /* out: transactions that did not come about */
};

/* A client with so many connections; fails the test when it cannot be opened. */
tn_db *tpcb_open(const char *url, int connections);
void tpcb_close(tn_db *db);

/* Runs all rounds; false if a thread could not be started. Failures are printed. */
bool tpcb_run(struct tpcb *tpcb);

#endif
