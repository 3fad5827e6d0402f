/* SPDX-License-Identifier: MIT */
/* Compares what the clients were told with what the table holds. Knows nothing of how either came
 * to be. */
#ifndef TENON_FAULTS_LEDGER_CHECK_H
#define TENON_FAULTS_LEDGER_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <libpq-fe.h>

typedef struct ledger_verdict {
    uint64_t started, acknowledged, failed;
    uint64_t unknown;         /* nobody could say, not even later */
    uint64_t unknown_applied; /* of them, those in the table */
    uint64_t resolved;        /* unknown first, and learned later */
    uint64_t silent;          /* started, and nothing noted since: the client was ended */
    uint64_t applied;         /* ids in the table */
    /* What must not be: */
    uint64_t lost;       /* acknowledged and absent */
    uint64_t duplicates; /* in the table more than once */
    uint64_t ghosts;     /* failed and present */
    uint64_t strangers;  /* in the table and never started */
    uint64_t unbalanced; /* accounts whose balance is not what the table's operations make */
    int64_t missing;     /* of the sum of all balances */
} ledger_verdict;

/* False, the reason on stderr, when the files or the table cannot be read. */
bool ledger_check(const char *folder, PGconn *admin, ledger_verdict *ret);

/* Nothing of what must not be. Unknown ones are not counted. */
bool ledger_good(const ledger_verdict *verdict);
void ledger_print(FILE *out, const ledger_verdict *verdict);

#endif
