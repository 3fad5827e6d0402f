/* SPDX-License-Identifier: MIT */
/*
 * The inside of batches: batch_send.c decides what is sent, batch.c what becomes of answers; there
 * are two ways to the server, libpq's pipeline (batch_pq.c) and messages of our own
 * (batch_direct.c).
 */
#ifndef TENON_DRIVERS_POSTGRES_BATCH_H
#define TENON_DRIVERS_POSTGRES_BATCH_H

#include "postgres/pg.h"

/* Those that queue return 0 when nothing was taken. */
typedef struct pg_batch_wire {
    int (*begin)(tn_driver_conn *conn);
    int (*statement)(tn_driver_stmt *stmt, size_t n_params);
    /* now: its answer is not to wait for what comes behind it */
    int (*question)(tn_driver_conn *conn, bool now);
    int (*commit)(tn_driver_conn *conn);
    int (*end)(tn_driver_conn *conn);
    /* Sends what goes without waiting, and says in blocked whether that was all. */
    tn_status (*flush)(tn_driver_conn *conn, tn_error *err);
    /* Takes the answers that have come. */
    tn_status (*read)(tn_driver_conn *conn, tn_error *err);
    /* Waits until something has come, or can be sent, and receives it. */
    tn_status (*wait)(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
} pg_batch_wire;

extern const pg_batch_wire pg_batch_by_libpq, pg_batch_directly;

struct pg_batch {
    tn_batch_work work;
    const pg_batch_wire *wire;
    bool active;                  /* run() has begun and not everything was read */
    bool each;                    /* a pipeline's end behind every statement */
    bool stopped;                 /* no further statement is sent */
    bool failed;                  /* one failed, and takes those behind it along */
    bool bad;                     /* the next to be sent cannot be; those before it come first */
    bool closed;                  /* everything was sent */
    bool blocked;                 /* not everything that is queued could be sent */
    bool begin, question, commit; /* were queued, their answers have not ended */
    bool commits;                 /* COMMIT was queued */
    bool told;                    /* the statement that is read has failed, or cannot be read */
    bool changes;                 /* one of them changes the session */
    bool wrote;                   /* one of them has given the transaction a number */
    bool skipping;                /* directly: an error was read, up to the end nothing comes */
    bool complete;                /* directly: the statement's tag has come */
    bool gone;                    /* directly: the connection has ended, behind what was received */
    size_t sent, answered;        /* of the statements */
    size_t unflushed;             /* bytes, about */
    const tn_value *params;       /* of the bad one */
    size_t n_params;
    size_t rows;       /* directly: in reader->values, not handed over yet */
    PGresult *held;    /* by libpq: the answer of a statement whose commit is not known yet */
    PGresult *refusal; /* what refused BEGIN, the question or COMMIT; or, directly: */
    bool refused;      /* the report in conn->direct.error */
    char commit_tag[64];
    tn_driver_cursor *reader;
};

/* The connection has ended; what is on the wire is nothing that may come. */
tn_status pg_batch_lost(tn_driver_conn *conn, tn_error *err);
tn_status pg_batch_confused(tn_driver_conn *conn, tn_error *err, const char *what);
/* Is there an answer that has not come? */
bool pg_batch_expects(const tn_driver_conn *conn);
/* The statement that is read failed; not TN_OK: the session ended with that. */
tn_status pg_batch_refused(tn_driver_conn *conn, const pg_report *report, tn_error *err);
/* Its rows cannot be read, work.error says why. */
void pg_batch_unreadable(tn_driver_conn *conn, tn_status status);
void pg_batch_next_statement(pg_batch *batch);

/* ---- batch_send.c ---------------------------------------------------------------------------- */

/* As much as goes without waiting. */
tn_status pg_batch_send_some(tn_driver_conn *conn, tn_error *err);
/* Nothing more is sent but the end. */
tn_status pg_batch_close_pipeline(tn_driver_conn *conn, tn_error *err);

#endif
