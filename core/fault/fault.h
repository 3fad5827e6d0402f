/* SPDX-License-Identifier: MIT */
/*
 * The wrapper driver of <tenon/fault.h>, between its files. Each operation is the same three steps:
 * tn__fault_enter() counts the call and lets happen what a rule has for it, the inner driver's
 * operation, tn__fault_leave() takes the answer away again where a rule says so.
 */
#ifndef TENON_FAULT_FAULT_H
#define TENON_FAULT_FAULT_H

#include <pthread.h>
#include <stdbool.h>

#include <tenon/fault.h>

#include "driver/driver.h"

enum {
    TN__FAULT_RULES = 64,
    TN__FAULT_TEXT = 256,
    TN__FAULT_SCHEMES = 17, /* 16 and NULL */
    TN__FAULT_NAME = 32
};

#define TN__FAULT_PREFIX "fault+"

/* A rule with copies of its texts. */
typedef struct tn__fault_rule {
    uint32_t places; /* bits: 1 << tn_fault_at */
    tn_fault_effect effect;
    uint32_t skip, left; /* calls until it is due; hits that are left, TN_FAULT_ALWAYS for ever */
    uint64_t chance;     /* of 2^53; 0 is certain */
    uint64_t random;     /* xorshift64* */
    uint32_t delay_ms;
    tn_status status;
    char sqlstate[6];
    char sql[TN__FAULT_TEXT];
    char message[TN__FAULT_TEXT];
} tn__fault_rule;

/* A call that waits; on the stack of its thread. */
typedef struct tn__fault_sleeper {
    int fd; /* a timer */
    struct tn__fault_sleeper *next;
} tn__fault_sleeper;

struct tn_fault {
    const tn__driver *inner;
    tn_module module;
    tn_txn_ops txn; /* without what the inner driver has not, as the next */
    tn_catalog_ops catalog;
    tn_notify_ops notify;
    char name[TN__FAULT_NAME];
    char scheme_texts[TN__FAULT_SCHEMES][TN__FAULT_NAME];
    const char *schemes[TN__FAULT_SCHEMES];
    tn_fault *next;

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t changed;
    tn__fault_rule rules[TN__FAULT_RULES];
    size_t n_rules;
    uint64_t counts[TN_FAULT_AT_COUNT]; /* [TN_FAULT_AT_ANY]: all */
    uint64_t hits;
    uint32_t connections;
    tn__fault_sleeper *sleepers;
    uint32_t n_sleepers;
};

struct tn_driver_source {
    tn_fault *fault;
    const tn_host *host;
    tn_driver_source *inner;
};

struct tn_driver_conn {
    tn_fault *fault;
    const tn__driver *driver; /* the inner one */
    const tn_host *host;
    tn_host_conn *host_conn;
    tn_driver_conn *inner;
    bool lost;     /* broken by a rule; the inner one is still there, for what was read from it */
    bool failed;   /* the transaction was failed by a rule, and the inner driver does not know */
    bool given_up; /* a call was, by a rule: state() is TN_CONN_BUSY */
    bool unsent;   /* the last COMMIT never reached the inner driver */
    tn_fault_at given_up_at;   /* which call */
    tn_outcome given_up_after; /* what became of its statement */
};

struct tn_driver_stmt {
    tn_driver_conn *conn;
    tn_driver_stmt *inner;
    tn_str sql;
    bool read_only;
};

/* What is wrong with an answer and was not seen yet. */
enum { TN__FAULT_NO_ROW = 1, TN__FAULT_NULL = 2, TN__FAULT_COUNT = 4 };

struct tn_driver_cursor {
    tn_driver_conn *conn;
    tn_driver_stmt *stmt;    /* NULL: not of a statement, and only to be read */
    tn_driver_cursor *inner; /* NULL: ended by a rule */
    bool detached;           /* its rows are in memory */
    unsigned wrong;
    tn_value *values; /* a changed copy of a batch */
    size_t capacity;
};

/* One call of an operation. */
typedef struct tn__fault_call {
    tn_fault_at at;
    int64_t deadline_ns;
    tn_str sql;               /* {NULL, 0}: of no statement */
    bool read_only;           /* the statement */
    tn_driver_cursor *cursor; /* the one that occupies the connection, or NULL */
    /* filled by enter: */
    bool lose;      /* the answer */
    unsigned wrong; /* with the answer */
    bool in_txn;    /* before the call */
} tn__fault_call;

/* Counts the call and does what is due before the inner operation. Anything but TN_OK is the
 * operation's result, and the connection is as the contract wants it. */
tn_status tn__fault_enter(tn_driver_conn *conn, tn__fault_call *call, tn_error *err);
/* The inner operation's result, or what a rule makes of it. */
tn_status tn__fault_leave(tn_driver_conn *conn, const tn__fault_call *call, tn_status status,
                          tn_error *err);
/* The same without a connection; *ret_lose: the new connection is to be lost. */
tn_status tn__fault_enter_open(tn_driver_source *source, tn_host_conn *host_conn,
                               int64_t deadline_ns, bool *ret_lose, tn_error *err);
tn_status tn__fault_fail_open(const tn_host *host, tn_error *err);

tn_conn_state tn__fault_state(const tn_driver_conn *conn);
/* TN_OK, or why nothing may be run: broken, or a transaction that a rule has failed. */
tn_status tn__fault_ready(tn_driver_conn *conn, tn_phase phase, tn_error *err);
/* Has the database undo the open transaction; a connection on which that fails is lost. */
void tn__fault_roll_back(tn_driver_conn *conn);
/* Makes a transaction that is open TN_CONN_FAILED. */
void tn__fault_fail_transaction(tn_driver_conn *conn);
/* Gives up the inner cursor and says what became of its statement. */
tn_outcome tn__fault_end_cursor(tn_driver_cursor *cursor);
/* A cursor around the inner one, which is closed on failure. */
tn_status tn__fault_cursor_new(tn_driver_conn *conn, tn_driver_stmt *stmt, tn_driver_cursor *inner,
                               tn_driver_cursor **ret, tn_error *err);
/* Fills err. sqlstate may be NULL. */
tn_status tn__fault_fail(const tn_host *host, tn_error *err, tn_status status, tn_phase phase,
                         tn_outcome outcome, const char *sqlstate, const char *message);

/* Counts a call and finds the rule that is due, which is copied out. failed: in a failed
 * transaction. */
bool tn__fault_due(tn_fault *fault, tn_fault_at at, tn_str sql, bool failed, tn__fault_rule *ret);
void tn__fault_connected(tn_fault *fault, int step);
/* Waits by the host for ms (-1: until tn_fault_clear()). TN_WAIT_READY: go on. */
tn_wait_result tn__fault_wait(tn_fault *fault, const tn_host *host, tn_host_conn *host_conn,
                              int64_t ms, int64_t deadline_ns);

extern const tn_conn_ops tn__fault_conn_ops;
extern const tn_stmt_ops tn__fault_stmt_ops;
extern const tn_cursor_ops tn__fault_cursor_ops;
extern const tn_txn_ops tn__fault_txn_ops;
extern const tn_bulk_ops tn__fault_bulk_ops;
extern const tn_notify_ops tn__fault_notify_ops;

/* The inner catalog may have one of its two operations only. */
tn_status tn__fault_catalog_describe(tn_driver_conn *conn, tn_str schema, int64_t deadline_ns,
                                     void (*out)(void *arg, tn_str piece), void *arg,
                                     tn_error *err);
tn_status tn__fault_catalog_tables(tn_driver_conn *conn, int64_t deadline_ns,
                                   tn_driver_cursor **ret, tn_error *err);

/* Of the source whose scheme it is; NULL: none. */
tn_fault *tn__fault_find(tn_str scheme);

#endif
