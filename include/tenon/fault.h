/* SPDX-License-Identifier: MIT */
/*
 * For tests: a driver around another driver, which lets things go wrong where it is told to. Tests
 * include this header besides <tenon/tenon.h>; an application needs nothing of it.
 *
 *   tn_fault *fault;
 *   tn_fault_wrap("sqlite", &fault, &err);
 *   tn_db *db = tn_open_url("fault+sqlite::memory:", &err);
 *
 *   // The answer to the next COMMIT is lost on its way.
 *   tn_fault_rule rule = TN_FAULT_RULE_INIT;
 *   rule.at = TN_FAULT_AT_COMMIT;
 *   rule.effect = TN_FAULT_LOST_AFTER;
 *   tn_fault_add(fault, &rule, &err);
 *   assert(transfer(db, 100, &err) == TN_OUTCOME_UNKNOWN);
 *   assert(tn_fault_hits(fault) == 1);
 *
 * Wrapping "sqlite" adds the scheme "fault+sqlite" (and one for each other scheme of that driver).
 * Its URLs are those of the inner driver with "fault+" before them, and so is what it can do. With
 * no rule it answers as the inner driver does. What goes wrong is kept true: a lost connection's
 * transaction is rolled back in the database, and a failed transaction answers 25P02, because tests
 * that look at the database afterwards must find what the error said.
 *
 * Thread rule: any thread, also while connections are in use. A tn_fault lives as long as the
 * process, and is one for all clients of its schemes.
 */
#ifndef TENON_FAULT_H
#define TENON_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/error.h>
#include <tenon/export.h>

typedef struct tn_fault tn_fault;

/* Where: the operation of the driver (driver.h). A query is PREPARE when its text is new to the
 * connection, EXECUTE, and one FETCH or more. */
typedef enum tn_fault_at {
    TN_FAULT_AT_ANY = 0, /* every one at which the effect is possible */
    TN_FAULT_AT_OPEN,    /* connecting */
    TN_FAULT_AT_PING,
    TN_FAULT_AT_CANCEL, /* ending a statement that was given up */
    TN_FAULT_AT_RESET,  /* when a connection is given back to the pool */
    TN_FAULT_AT_PREPARE,
    TN_FAULT_AT_EXECUTE,
    TN_FAULT_AT_FETCH,
    TN_FAULT_AT_DETACH, /* rows are read into memory because another statement comes */
    TN_FAULT_AT_BEGIN,
    TN_FAULT_AT_COMMIT,
    TN_FAULT_AT_ROLLBACK,
    TN_FAULT_AT_SAVEPOINT,
    TN_FAULT_AT_RELEASE,
    TN_FAULT_AT_ROLLBACK_TO,
    TN_FAULT_AT_OUTCOME, /* asking what became of a transaction */
    TN_FAULT_AT_COUNT    /* how many there are; no place */
} tn_fault_at;

/* What. An operation that fails was not done, unless said otherwise. */
typedef enum tn_fault_effect {
    /* The error of status, sqlstate and message. A transaction is failed by it, at COMMIT it is
     * rolled back. A FETCH or DETACH outside a transaction comes when the statement was done
     * already: outcome then says TN_OUTCOME_APPLIED. Within a failed transaction nothing is added
     * to the 25P02 that there is anyway. */
    TN_FAULT_ERROR = 0,

    /* Waits delay_ms, then does it. The deadline and tn_cancel() end the wait as they end HANG. */
    TN_FAULT_DELAY,

    /* Waits for the deadline, tn_cancel() or tn_fault_clear(). By the first two the call fails
     * (TN_TIMEOUT, TN_CANCELLED; at COMMIT TN_OUTCOME_UNKNOWN) and was not done; by the last it
     * goes on. */
    TN_FAULT_HANG,

    /* The connection breaks: TN_LOST, 08006 (at OPEN TN_UNAVAILABLE, 08001). At FETCH and DETACH
     * the outcome of a statement outside a transaction that writes is in doubt: that one is
     * TN_OUTCOME_UNKNOWN, 08007. */
    TN_FAULT_LOST,

    /* It is done, then the connection breaks and the answer is lost: TN_OUTCOME_UNKNOWN, 08007, at
     * COMMIT and where a statement outside a transaction wrote; else TN_LOST. */
    TN_FAULT_LOST_AFTER,

    /* At EXECUTE: the prepared statement is no longer known to the server (26000). */
    TN_FAULT_STALE,

    /* At COMMIT: the server answers that it has rolled back instead. */
    TN_FAULT_ROLLED_BACK,

    /* At EXECUTE or FETCH, a wrong answer without an error: a row is missing; the first value is
     * NULL; one more row is said to be affected. It is seen as soon as the answer has a row, and
     * with the last as soon as it ends. */
    TN_FAULT_ROW_MISSING,
    TN_FAULT_VALUE_NULL,
    TN_FAULT_COUNT_WRONG
} tn_fault_effect;

#define TN_FAULT_ALWAYS UINT32_MAX

/* Texts are copied. TN_FAULT_RULE_INIT gives a rule that hits the next operation, whatever it is;
 * fields are only added at the end. */
typedef struct tn_fault_rule {
    size_t size;
    tn_fault_at at;
    tn_fault_effect effect;
    uint32_t nth;   /* which of the matching calls from now on, 1 is the next; 0 is 1 */
    uint32_t times; /* how many from that one on; 0 is 1, TN_FAULT_ALWAYS has no end */

    /* Only calls of statements whose text has this in it (PREPARE, EXECUTE, FETCH, DETACH). NULL:
     * all. At most 255 bytes. */
    const char *sql;

    /* A call that would be hit is hit by this chance, above 0 to 1; 0 is certain. Chances come from
     * seed, which must not be 0 then: print it, and a run can be repeated. */
    double probability;
    uint64_t seed;

    uint32_t delay_ms; /* of TN_FAULT_DELAY */

    /* Of TN_FAULT_ERROR. Without a status it follows from the SQLSTATE, without both it is
     * TN_FAILED, XX000. What says that a connection broke is not for this effect. */
    tn_status status;
    const char *sqlstate; /* NULL: the status's own */
    const char *message;  /* NULL: "injected error"; at most 255 bytes */
} tn_fault_rule;
/* clang-format off */
#define TN_FAULT_RULE_INIT {sizeof(tn_fault_rule), TN_FAULT_AT_ANY, TN_FAULT_ERROR, 0, 0, NULL, 0, 0, 0, TN_OK, NULL, NULL}
/* clang-format on */

TN_BEGIN_DECLS

/*
 * Wraps the driver of this scheme, which is found and loaded as for a URL. The same driver again
 * gives the same tn_fault. TN_DRIVER: there is no such driver; TN_LIMIT: a scheme or the name
 * with "fault+" before it is longer than 31 characters.
 */
TN_API TN_NODISCARD tn_status tn_fault_wrap(const char *inner_scheme, tn_fault **ret,
                                            tn_error *err);

/*
 * Adds a rule behind those that are there. Each counts its own matching calls; a call is hit by one
 * rule only, the first that is due, and one that was due as well hits the next. TN_MISUSE names the
 * field that is wrong, TN_LIMIT: 64 rules that are not used up, or a text that is too long.
 */
TN_API TN_NODISCARD tn_status tn_fault_add(tn_fault *fault, const tn_fault_rule *rule,
                                           tn_error *err);

/* Forgets all rules, sets counts and hits to 0, lets waiting calls go on. NULL is fine. */
TN_API void tn_fault_clear(tn_fault *fault);

/* Calls of one operation since then, of all with TN_FAULT_AT_ANY. Rows that are in memory already
 * (behind DETACH) are read without a FETCH. */
TN_API uint64_t tn_fault_count(tn_fault *fault, tn_fault_at at);

/* Calls that were hit by a rule since then. */
TN_API uint64_t tn_fault_hits(tn_fault *fault);

/* Connections that are open now; one that broke counts until its owner has closed it. */
TN_API uint32_t tn_fault_connections(tn_fault *fault);

/* Returns as soon as n calls or more wait by TN_FAULT_HANG or TN_FAULT_DELAY; false when that has
 * not come within timeout_ms. For a test that cancels from another thread. */
TN_API bool tn_fault_await(tn_fault *fault, uint32_t n, uint32_t timeout_ms);

TN_END_DECLS

#endif
