/* SPDX-License-Identifier: MIT */
/* One run of the ledger from beginning to end: a server and a proxy of its own, clients, faults,
 * and what the checker says. */
#ifndef TENON_FAULTS_LEDGER_CAMPAIGN_H
#define TENON_FAULTS_LEDGER_CAMPAIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "bank.h"
#include "chaos.h"
#include "check.h"

typedef struct ledger_options {
    int seconds;
    unsigned threads, pool;
    uint64_t seed;
    int every_ms; /* between two faults; 0: none but those of the client's kind */
    ledger_client client;
    int64_t timeout_ms; /* of an operation */
} ledger_options;

typedef struct ledger_result {
    ledger_verdict verdict;
    tn_pool_stats pool; /* after the last operation */
    unsigned faults[CHAOS_KINDS];
    uint64_t commits_lost; /* whose answer the proxy threw away, of a naive run */
    int64_t longest_ms;    /* of an operation */
    bool usable;           /* every connection of the pool worked afterwards */
    long long sessions;    /* left on the server when the client was closed */
} ledger_result;

#define LEDGER_OPTIONS_INIT                                                   \
    {                                                                         \
        .seconds = 60, .threads = 64, .pool = 10, .seed = 1, .every_ms = 500, \
        .client = LEDGER_CAREFUL, .timeout_ms = 5000                          \
    }

/* False, the reason on stderr, when the run itself could not be made. Ends the process with 77
 * where no server is installed. */
bool ledger_campaign(const ledger_options *options, ledger_result *ret);
/* With the seed, so that it can be done again. */
void ledger_report(FILE *out, const ledger_options *options, const ledger_result *result);

/* Share of the operations whose outcome nobody knows, of 1,000,000. */
uint64_t ledger_unknown_ppm(const ledger_verdict *verdict);

/* An asynchronous standby is promoted while clients work: acknowledged operations are lost, and the
 * checker must see it. */
bool ledger_failover(const ledger_options *options, ledger_verdict *ret);

#endif
