/* SPDX-License-Identifier: MIT */
/* What the two halves of the mock driver share: the script (mock_script.c), the operations. */
#ifndef TENON_TESTS_SUPPORT_MOCK_INTERNAL_H
#define TENON_TESTS_SUPPORT_MOCK_INTERNAL_H

#include <pthread.h>

#include "support/mock_driver.h"

enum { MOCKS_MAX = 16, FAULTS_MAX = 32, TRACE_MAX = 4096, PARAMS_KEPT = 8 };

struct mock {
    tn_module module;
    const char *schemes[2];
    char scheme[32];
    const tn_host *host;

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t changed;
    const mock_answer *answers;
    size_t n_answers;
    mock_fault faults[FAULTS_MAX];
    unsigned seen[FAULTS_MAX];
    size_t n_faults;
    unsigned counts[MOCK_OPS];
    char trace[TRACE_MAX];
    size_t trace_len;
    char violation[512]; /* the first one */
    int wake[2];         /* a pipe: what waiting calls wait for */
    unsigned waiting;
    unsigned generation; /* what a failed test left open does not count in the next */
    unsigned sources, conns, peak_conns, stmts, cursors;
    tn_value last_params[PARAMS_KEPT];
    size_t n_last_params;
    tn_txn_request last_request;
    int64_t last_deadline;
    tn_conn_info info;
    const char *txn_id;
    const tn_outcome *outcomes;
    size_t n_outcomes;
    bool prompt;
    pthread_t opener; /* the thread of the last open() */
};

/* The operations, for the module. */
extern const tn_conn_ops mock__conn_ops;
extern const tn_conn_ops mock__remote_conn_ops;
extern const tn_stmt_ops mock__stmt_ops;
extern const tn_cursor_ops mock__cursor_ops;
extern const tn_txn_ops mock__txn_ops;
extern const tn_txn_ops mock__flat_txn_ops;   /* without savepoints */
extern const tn_txn_ops mock__remote_txn_ops; /* with what became of a commit */

/* The mock of a scheme; NULL if there is none. */
mock *mock__find(tn_str scheme);

/* Counts and traces a call (detail: -1 or a level) on a source of this URL (NULL: none yet). True
 * if a fault is due, which is copied out. */
bool mock__called(mock *m, const char *url, mock_op op, int64_t detail, mock_fault *ret);

/* The host did what the contract forbids. The first one is kept. */
void mock__violation(mock *m, const char *format, ...) TN_PRINTF(2, 3);

/* Adds to one of the counters of open things, unless they were made before mock_reset(). */
void mock__add(mock *m, unsigned generation, unsigned *counter, int step);
unsigned mock__generation(mock *m);

const mock_answer *mock__answer(mock *m, tn_str sql);

#endif
