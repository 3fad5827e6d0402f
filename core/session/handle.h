/* SPDX-License-Identifier: MIT */
/*
 * tn_db: one struct for the three kinds of handle. What stands behind a client (the pool) is seen
 * from here only as a provider of connections.
 */
#ifndef TENON_SESSION_HANDLE_H
#define TENON_SESSION_HANDLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tenon/db.h>
#include <tenon/txn.h>

#include "observe/settings.h"
#include "observe/trace.h"
#include "session/conn.h"

typedef struct tn__provider tn__provider;
struct tn_bulk;

/* What a client's connections come from; the pool embeds it. */
struct tn__provider {
    /* Waits at most for pool_timeout_ms, and not beyond the deadline. */
    tn_status (*acquire)(tn__provider *provider, int64_t deadline_ns, tn__conn **ret,
                         tn_error *err);
    void (*release)(tn__provider *provider, tn__conn *conn);
    /* Ends what runs on all connections that are handed out. */
    void (*cancel_all)(tn__provider *provider);
    /* Asks on another connection what became of a transaction whose COMMIT was not answered.
     * TN_OUTCOME_IN_DOUBT where that could not be learned by the deadline. */
    tn_outcome (*find_outcome)(tn__provider *provider, tn_str id, int64_t deadline_ns);
    /* Where a read-only transaction goes, or NULL: another provider, to be tried first. */
    tn__provider *(*reader)(tn__provider *provider);
    /* A pause that does not block an application's event loop, and ends early at shutdown. */
    void (*pause)(tn__provider *provider, int64_t ns);
    const void *family; /* the same for a client and its replica, which differ in nothing else */
    unsigned fork_generation; /* of the process that opened it */
    /* Settings, which may be changed while others read them. */
    _Atomic int64_t pool_timeout_ms;
    _Atomic int64_t statement_timeout_ms; /* 0: none */
    _Atomic int64_t cancel_timeout_ms;
    _Atomic size_t row_buffer;
    tn__observe_settings observe;
};

typedef enum tn__db_kind { TN__DB_CLIENT = 1, TN__DB_SESSION, TN__DB_TXN } tn__db_kind;

#define TN__DB_MAGIC UINT32_C(0x746e6462)

struct tn_db {
    uint32_t magic;
    tn__db_kind kind;
    tn__provider *provider;
    tn__conn *conn;      /* NULL for a client, and for a transaction that its parent has ended */
    tn_db *parent;       /* of a transaction */
    tn_db *child;        /* a transaction that is open on this session or transaction */
    unsigned depth;      /* 0: client, session; 1: transaction; 2...: savepoints */
    int64_t deadline_ns; /* of the transaction, outer ones included */
    _Atomic int64_t timeout_ms; /* of a call that has none of its own; 0: the client's */
    atomic_bool entered;        /* debug: a call is under way */
    tn__span span;              /* of a transaction, see observe/trace.h */
    struct tn_bulk *bulk;       /* a transaction that is a bulk: cut off when it ends, see bulk.h */
    bool failed;                /* a transaction of which a statement failed, see transaction.h */
    bool call_savepoints;       /* of a transaction, see guard.h */
    bool saved;                 /* and such a savepoint is set */
};

/* The handle is one, and nothing forbids its use now: TN_MISUSE, TN_FORKED, TN_LOST, TN_SHUTDOWN
 * say what. */
tn_status tn__db_check(const tn_db *db, tn_error *err);
/* The same, but for ending a transaction: a shutdown does not forbid that. */
tn_status tn__db_check_ending(const tn_db *db, tn_error *err);
/* tn__db_check(), and it is a client; function is the one that wants one. */
tn_status tn__db_check_client(const tn_db *db, const char *function, tn_error *err);

/* TN_FORKED in a child of the process that opened the client: its connections are the parent's, and
 * nothing may be said on them, not even good-bye. */
tn_status tn__provider_check(const tn__provider *provider, tn_error *err);

/* The one-thread rule of sessions and transactions, checked in debug builds. */
tn_status tn__db_enter(tn_db *db, tn_error *err);
void tn__db_leave(tn_db *db);

/* The deadline of a call: the call's timeout (0: the handle's default, -1: none), cut by the
 * transaction's. */
int64_t tn__db_deadline(const tn_db *db, int64_t timeout_ms);

/* How long a given-up statement may take to be ended before its connection is given up. A caller
 * whose deadline has passed is to be back soon (DB_CANCEL_TIMEOUT). Who cancels, or leaves rows
 * unread, has time until its deadline, at most some seconds: it loses more with a session than by
 * waiting for the fence. */
int64_t tn__db_grace_ms(const tn_db *db, int64_t deadline_ns);

#endif
