/* SPDX-License-Identifier: MIT */
/*
 * tn_db: the one handle type. There are three kinds, with the same functions on each:
 *   client       tn_open(), tn_client(): a pool of connections; any thread, any number at once
 *   session      tn_acquire(): one connection of the pool, for state that must stay on it
 *   transaction  tn_begin(), and what tn_transaction() hands to its callback
 * Sessions and transactions are used by one thread at a time. A function written against tn_db *
 * works on all three, and tn_transaction() on a transaction is a savepoint.
 */
#ifndef TENON_DB_H
#define TENON_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/config.h>
#include <tenon/error.h>
#include <tenon/export.h>
#include <tenon/wait.h>

typedef struct tn_db tn_db;

TN_BEGIN_DECLS

/*
 * Loads the driver that the URL's scheme names, connects once to see that it works, and returns a
 * client; NULL on failure with the cause: TN_CONFIG, TN_DRIVER, TN_AUTH, TN_UNAVAILABLE,
 * TN_TIMEOUT. Waits at most DB_CONNECTION_TIMEOUT. The configuration is copied. Closed with
 * tn_db_close().
 */
TN_API TN_NODISCARD tn_db *tn_open(const tn_config *config, tn_error *err);

/* tn_open() with defaults and this URL; the environment is not looked at. */
TN_API TN_NODISCARD tn_db *tn_open_url(const char *url, tn_error *err);

/*
 * Closes a client: no new work is taken, idle connections are closed. TN_MISUSE, with a report of
 * what was still in use, when sessions, transactions or rows were left; those stay usable until
 * they are released, and the last of them frees the client. NULL is fine. Called once for each
 * tn_open(), when no other thread is within a call on the client; tn_db_shutdown() waits.
 */
TN_API tn_status tn_db_close(tn_db *db, tn_error *err);

/*
 * Closes a client that may be in use, within timeout_ms, in three phases. First nothing new is
 * taken: who waits for a connection, and every call that wants one, gets TN_SHUTDOWN; what has a
 * connection goes on. When a tenth of the time (at most a second) is left, what still runs is
 * cancelled, and later statements answer TN_SHUTDOWN; a COMMIT under way is waited for, and
 * transactions may still be committed or rolled back. At the end: TN_OK when everything was given
 * back and closed, TN_TIMEOUT with a report of who holds what since when; the server undoes what is
 * left when the process ends, and what is given back later is closed then.
 *
 * The handle is gone as with tn_db_close() once no thread is in a call on it.
 */
TN_API tn_status tn_db_shutdown(tn_db *client, int64_t timeout_ms, tn_error *err);

/*
 * The process's one client, from tn_config_load(), opened on first use (a failed opening is tried
 * again by the next call). Never closed by the caller. Any thread; first use by many opens once. A
 * child of fork() gets a client of its own; handles that its parent had opened answer TN_FORKED.
 */
TN_API TN_NODISCARD tn_db *tn_client(tn_error *err);

/* tn_db_shutdown() of it; at most so many milliseconds. Any thread may still be using the handle:
 * its calls answer TN_SHUTDOWN. A later tn_client() opens anew. TN_OK when it was never opened. */
TN_API tn_status tn_client_shutdown(int64_t timeout_ms, tn_error *err);

/*
 * From now on SIGINT and SIGTERM close the shared client by tn_client_shutdown(timeout_ms) on a
 * thread of its own; then what the signal meant before happens: the program's earlier handler is
 * called, else the process ends by the signal (a shell sees 130 or 143). A second signal does that
 * at once. An ignored signal stays ignored. Once a process; TN_MISUSE the second time, TN_RESOURCE
 * when no thread or pipe could be had.
 */
TN_API TN_NODISCARD tn_status tn_client_on_signals(int64_t timeout_ms, tn_error *err);

/*
 * Goes over to another configuration without a restart: URL (another password, another server),
 * limits and timeouts. NULL: tn_config_load() anew. One connection is made first; when that fails
 * the error says why and everything stays as it was. Connections of the old URL are closed when
 * they are idle or given back. The driver's name may not change (TN_CONFIG), as long as statements
 * of the program could be written for it.
 */
TN_API TN_NODISCARD tn_status tn_reload(tn_db *client, const tn_config *config, tn_error *err);

/*
 * No connection is handed out any more (callers wait, by their own deadlines) and this returns when
 * none is in use: for maintenance of the database. TN_TIMEOUT when some were still in use after
 * timeout_ms: the client stays suspended. Ended with tn_resume(), by any thread.
 */
TN_API TN_NODISCARD tn_status tn_suspend(tn_db *client, int64_t timeout_ms, tn_error *err);
TN_API void tn_resume(tn_db *client);

/*
 * Takes one connection out of the client for as long as the caller wants: for SET, temporary
 * tables, advisory locks. On a session or transaction: TN_MISUSE. Waits at most DB_POOL_TIMEOUT.
 * Given back with tn_release(), which undoes an open transaction.
 */
TN_API TN_NODISCARD tn_status tn_acquire(tn_db *client, tn_db **ret_session, tn_error *err);

/* Gives a session back; NULL is fine. A connection that cannot be proven clean is closed. */
TN_API void tn_release(tn_db *session);

/*
 * From any thread: ends the statement that runs on this session or transaction (57014,
 * TN_CANCELLED) or, when none runs, nothing. On a client: all that run on it.
 */
TN_API void tn_cancel(tn_db *db);

/* What calls on this handle that set no timeout of their own get, in milliseconds: 0 the client's
 * (DB_STATEMENT_TIMEOUT), -1 none. On a client it does not pass to sessions and transactions. */
TN_API void tn_set_timeout(tn_db *db, int64_t timeout_ms);

/* The driver's name ("postgresql", "sqlite"). Borrowed, lives as long as the process. */
TN_API const char *tn_db_driver(const tn_db *db);

/* The redacted URL. Borrowed until the handle is closed or reloaded. */
TN_API const char *tn_db_url(const tn_db *db);

/* Takes the application's own wait (wait.h) for every connection opened with this configuration. */
TN_API void tn_config_set_wait(tn_config *config, tn_wait_fn *wait, void *arg);

/* Figures of a client's pool, taken at one moment. */
typedef struct tn_pool_stats {
    uint32_t max;     /* hard maximum of connections */
    uint32_t total;   /* open now */
    uint32_t in_use;  /* handed out */
    uint32_t idle;    /* open and free */
    uint32_t waiting; /* callers in the queue */
    uint64_t acquires, timeouts, created, destroyed;
    uint64_t statement_cache_hits, statement_cache_misses;
} tn_pool_stats;
TN_API void tn_db_pool_stats(const tn_db *db, tn_pool_stats *ret);

/* One who holds a connection now. */
typedef struct tn_holder {
    const char *what; /* "session", "transaction", "statement"; static storage */
    int64_t held_ms;
    int64_t thread;   /* that took it: the kernel's number, as ps -T shows it */
    const char *file; /* see site.h; NULL: unknown */
    int line;
} tn_holder;

/* The holders, the longest first; at most n are written to ret. Returns how many there are. */
TN_API size_t tn_db_holders(const tn_db *client, tn_holder *ret, size_t n);

TN_END_DECLS

#endif
