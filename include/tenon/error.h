/* SPDX-License-Identifier: MIT */
/*
 * Errors. A tn_error belongs to the caller: fixed size, no heap, no pointer into a driver, so it
 * may be copied and outlives every handle. Every function that can fail returns a tn_status and
 * takes a tn_error * last; NULL there means that the details are not wanted. On success the error
 * is left as it was; on failure it is overwritten as a whole.
 *
 * Decisions belong on status, sqlstate, retry and outcome, never on the text.
 *
 * Thread rule: plain data; the functions keep no state.
 */
#ifndef TENON_ERROR_H
#define TENON_ERROR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <tenon/export.h>
#include <tenon/types.h>

/* The class of an error. New members are added at the end only. */
typedef enum tn_status {
    TN_OK = 0,
    TN_NOT_FOUND,       /* tn_get: no row (SQLSTATE 02000) */
    TN_TOO_MANY_ROWS,   /* tn_get: more than one row (21000) */
    TN_CONSTRAINT,      /* 23xxx, 44000: unique, foreign key, not null, check, exclusion */
    TN_SYNTAX,          /* 42xxx: the SQL or a name in it is wrong */
    TN_DATA,            /* 22xxx: a value is out of range or malformed; a column does not fit */
    TN_SERIALIZATION,   /* 40001, 40P01: nothing applied, the transaction may be tried again */
    TN_ABORTED,         /* 25P02, or COMMIT answered by ROLLBACK: nothing applied */
    TN_LOCKED,          /* 55P03: a lock was not had in time */
    TN_TIMEOUT,         /* 57014 by the deadline or statement_timeout; an acquire's deadline */
    TN_CANCELLED,       /* 57014 on request */
    TN_READ_ONLY,       /* 25006 */
    TN_RESOURCE,        /* 53xxx, 58xxx: disk full, too many connections, system error */
    TN_UNSUPPORTED,     /* 0A000: the driver cannot do this as PostgreSQL would, and says so */
    TN_CONFIG,          /* the configuration is wrong: key, value and mend are named */
    TN_DRIVER,          /* a driver module was not found or was refused */
    TN_AUTH,            /* 28xxx, 3D000, 08004: wrong password, unknown role or database */
    TN_UNAVAILABLE,     /* 08001, 57P03, 53300 at connect: nothing was sent */
    TN_LOST,            /* 08006, 57P01...: the connection broke; an open transaction is undone */
    TN_OUTCOME_UNKNOWN, /* 08007: a COMMIT, or a write without one, was sent and no answer came */
    TN_PROTOCOL,        /* 08P01: the server said what it must not; wrong number of arguments */
    TN_LIMIT,           /* 54xxx: a bound of this library or of the server */
    TN_NOMEM,           /* 53200 in this process */
    TN_MISUSE,          /* a call that the handle's state or thread rule forbids */
    TN_SHUTDOWN,        /* the handle is being closed */
    TN_FORKED,          /* the handle was opened in another process */
    TN_FAILED           /* everything else; what a callback returns for its own failures */
} tn_status;

/* May the same work be tried again? */
typedef enum tn_retry {
    TN_RETRY_NO = 0,
    TN_RETRY_STATEMENT,  /* nothing was sent or applied: the statement alone may be repeated */
    TN_RETRY_TRANSACTION /* the whole transaction may be repeated */
} tn_retry;

/* What became of the work that failed. */
typedef enum tn_outcome {
    TN_OUTCOME_NONE = 0,    /* no work was in question */
    TN_OUTCOME_NOT_APPLIED, /* certainly not applied */
    TN_OUTCOME_APPLIED,     /* certainly applied */
    TN_OUTCOME_IN_DOUBT     /* nobody knows */
} tn_outcome;

/* Where in the life of a call it failed. */
typedef enum tn_phase {
    TN_PHASE_NONE = 0,
    TN_PHASE_CONFIG,
    TN_PHASE_LOAD,
    TN_PHASE_ACQUIRE,
    TN_PHASE_CONNECT,
    TN_PHASE_PREPARE,
    TN_PHASE_BIND,
    TN_PHASE_EXECUTE,
    TN_PHASE_FETCH,
    TN_PHASE_SCAN,
    TN_PHASE_COMMIT
} tn_phase;

/* Texts are UTF-8, NUL-terminated, cut at a character's border with "..." where too long. */
typedef struct tn_error {
    tn_status status;
    tn_retry retry;
    tn_outcome outcome;
    tn_phase phase;
    char sqlstate[6]; /* five characters (ISO 9075, PostgreSQL's appendix A), or "" */
    bool discarded;   /* the connection was given up */
    int32_t native;   /* the client library's own code, 0 if none */
    int32_t position; /* 1-based character in the statement, 0 if unknown */
    int32_t internal_position;
    char severity[16]; /* ERROR, FATAL, PANIC */
    char message[512]; /* one line, no secret in it */
    char detail[512];
    char hint[256];
    char context[512]; /* the server's call stack for functions, triggers */
    char schema[64];
    char table[64];
    char column[64];
    char datatype[64];
    char constraint[64];
    char internal_query[256];
    char source[128];     /* file:line function in the server, for bug reports */
    char transaction[48]; /* of an outcome in doubt: what tn_commit_outcome() asks about */
    uint32_t row;         /* of a bulk (bulk.h), from 1; 0: not known */
    char reserved[76];
} tn_error;

/* clang-format off */
#ifdef __cplusplus
#define TN_ERROR_INIT {}
#else
#define TN_ERROR_INIT {TN_OK, TN_RETRY_NO, TN_OUTCOME_NONE, TN_PHASE_NONE, "", false, 0, 0, 0, "", "", "", "", "", "", "", "", "", "", "", "", "", 0, ""}
#endif
/* clang-format on */

TN_BEGIN_DECLS

/* "not found", "constraint violation" ... Static storage. */
TN_API const char *tn_status_name(tn_status status);

/* The class of a five-character SQLSTATE: exact codes first, then the first two characters. An
 * unknown or malformed one is TN_FAILED. */
TN_API tn_status tn_status_from_sqlstate(const char *sqlstate);

/*
 * Fills *err (when not NULL) and returns status, so that a callback can end with
 * `return tn_error_set(err, TN_FAILED, "P0001", "stock of %s is empty", name)`.
 * sqlstate may be NULL: then it is the class's own, or "". The text should be one line, impersonal,
 * without a final period. retry and outcome follow from status and sqlstate.
 */
TN_API tn_status tn_error_set(tn_error *err, tn_status status, const char *sqlstate,
                              const char *format, ...) TN_PRINTF(4, 5);

/* Puts "text: " before the message, keeping the cause. err may be NULL. */
TN_API void tn_error_prepend(tn_error *err, const char *format, ...) TN_PRINTF(2, 3);

/* Sets the hint: what would mend it. err may be NULL. */
TN_API void tn_error_set_hint(tn_error *err, const char *format, ...) TN_PRINTF(2, 3);

/* Empties it: status TN_OK. */
TN_API void tn_error_clear(tn_error *err);

/*
 * The error as text: "message (SQLSTATE 23505)" and, each on a line of its own, detail, hint,
 * constraint, transaction. Control characters of the server are shown as \xNN. Semantics of
 * snprintf.
 */
TN_API size_t tn_error_format(const tn_error *err, char *buf, size_t size);

/* Prints that and a newline. Returns nothing to check: there is nowhere left to complain. */
TN_API void tn_error_print(FILE *stream, const tn_error *err);

TN_END_DECLS

#endif
