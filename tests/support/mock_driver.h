/* SPDX-License-Identifier: MIT */
/*
 * A driver without a database, for tests of the core: it answers from a script, fails where it is
 * told to, waits where it is told to, counts and traces every call, and checks that the host keeps
 * its side of the contract (driver.h). What the host did wrong is kept as text: tests end with
 * mock_check(), because an assertion in the middle of a driver would leave the core half done.
 *
 * Thread rule: scripting before, reading after; the driver itself and the functions that say so may
 * be called from any thread.
 */
#ifndef TENON_TESTS_SUPPORT_MOCK_DRIVER_H
#define TENON_TESTS_SUPPORT_MOCK_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/driver.h>

typedef enum mock_op {
    MOCK_OPEN_SOURCE,
    MOCK_CLOSE_SOURCE,
    MOCK_OPEN,
    MOCK_CLOSE,
    MOCK_PING,
    MOCK_CANCEL,
    MOCK_RESET,
    MOCK_PREPARE,
    MOCK_STMT_CLOSE,
    MOCK_EXECUTE,
    MOCK_FETCH,
    MOCK_DETACH,
    MOCK_CURSOR_CLOSE,
    MOCK_BEGIN,
    MOCK_COMMIT,
    MOCK_ROLLBACK,
    MOCK_SAVEPOINT,
    MOCK_RELEASE,
    MOCK_ROLLBACK_TO,
    MOCK_ALIVE, /* a fault makes it false; remote drivers only, as the next */
    MOCK_OUTCOME,
    MOCK_OPS
} mock_op;

/* A state as the field of a script, where 0 means "as a server would". */
#define MOCK_TO(state) ((int)(state) + 1)

/* What one statement answers. Everything is borrowed until mock_reset(). */
typedef struct mock_answer {
    const char *sql;
    const tn_param *params;
    size_t n_params;
    const tn_column *columns;
    size_t n_columns;
    const tn_value *values; /* rows * n_columns */
    size_t rows;
    size_t batch;    /* rows a fetch; 0: all */
    bool empty_last; /* done comes in an empty batch of its own */
    bool endless;    /* the rows are given again and again */
    bool at_hand;    /* an unfinished answer does not leave the connection busy */
    int64_t affected;
    const char *tag; /* NULL: "MOCK" */
    uint32_t flags;  /* TN_STMT_ */
    int then;        /* MOCK_TO(): the connection's state after execute */
} mock_answer;

/* One call (or several in a row) of one operation that does not go well. */
typedef struct mock_fault {
    mock_op op;
    unsigned nth;   /* counted from now; 0 is 1, the next one */
    unsigned times; /* 0 is 1 */
    tn_status status;
    const char *sqlstate; /* NULL: none */
    const char *message;  /* NULL: "scripted failure" */
    int to;               /* MOCK_TO(): the state it leaves behind */
    const char *url;      /* only of sources whose URL has this in it; NULL: all */
    bool wait; /* first waits for mock_wake(), by host->wait: deadline and cancel count */
    bool deaf; /* the same, but nothing else counts: a client library that is stuck */
} mock_fault;

typedef struct mock mock;

/* A new driver, registered for this scheme. Lives as long as the process; at most 16. With
 * TN_CAP_REMOTE it has what was added in minor 1: alive, identify, outcome. */
mock *mock_new(const char *scheme, uint64_t capabilities);
#define MOCK_CAPABILITIES (TN_CAP_SQL | TN_CAP_SAVEPOINTS | TN_CAP_CANCEL | TN_CAP_STREAM)

/* Its module, for tests of registration. */
const tn_module *mock_module(const mock *m);

/* Forgets script, faults, counts, trace, violations, and what is still open. */
void mock_reset(mock *m);

/* Fails the test when the host broke the contract or left something open. */
void mock_check(mock *m);
/* Only the first: for the middle of a test. */
void mock_check_contract(mock *m);

/* Statements that are not in the list have no parameters, no columns, and affect one row. */
void mock_answers(mock *m, const mock_answer *answers, size_t count);
void mock_fail(mock *m, mock_fault fault);
/* At most 32 faults are kept; this forgets them. */
void mock_forget_faults(mock *m);

/* Lets one waiting call go on. Any thread. */
void mock_wake(mock *m);
/* Returns when n calls are waiting (at most some seconds: then false). Any thread. */
bool mock_await(mock *m, unsigned n);

/* How often an operation was called. Any thread. */
unsigned mock_count(mock *m, mock_op op);
/* The calls in order, "prepare execute fetch cursor_close"; savepoints with their level. */
const char *mock_trace(mock *m);
/* Forgets counts and trace only. */
void mock_clear(mock *m);

/* From now on, until mock_reset(), opening blocks nowhere. Remote drivers only. */
void mock_prompt(mock *m);
/* Was the last one opened by this thread? */
bool mock_opened_here(mock *m);

/* Connections that are open now, and the most that were open at once. Any thread. */
unsigned mock_open_connections(mock *m);
unsigned mock_peak_connections(mock *m);
/* Nothing is open. Any thread. */
bool mock_all_closed(mock *m);
/* Statements that are prepared now. */
unsigned mock_open_statements(mock *m);

/* The parameters of the last execute, at most 8: valid until the next. */
const tn_value *mock_last_params(mock *m, size_t *ret_count);
/* What the last transaction was begun with, and the last deadline of an execute. */
const tn_txn_request *mock_last_request(mock *m);
int64_t mock_last_deadline(mock *m);

/* What identify() says of every transaction, and what outcome() answers in turn, the last one again
 * and again. Borrowed. Any thread. */
void mock_outcomes(mock *m, const char *id, const tn_outcome *outcomes, size_t count);

/* What the next info() says; texts are borrowed. */
void mock_set_info(mock *m, const tn_conn_info *info);

#endif
