/* SPDX-License-Identifier: MIT */
/* The inside of the direct path's answers: direct_answer.c goes through them, direct_rows.c reads
 * their rows. */
#ifndef TENON_DRIVERS_POSTGRES_DIRECT_ANSWER_H
#define TENON_DRIVERS_POSTGRES_DIRECT_ANSWER_H

#include "postgres/pg.h"

typedef enum pg_step {
    PG_STEP_ROW,  /* a row of the statement stands there */
    PG_STEP_WAIT, /* more has to be received */
    PG_STEP_HELD, /* an error stands there */
    PG_STEP_ENDED,
    PG_STEP_BAD
} pg_step;

/* Takes messages until one is reached that somebody has to look at. stmt NULL: a command, or rows
 * that nobody wants. */
pg_step pg_direct_advance(tn_driver_conn *conn, const tn_driver_stmt *stmt, bool hold_error,
                          pg_message *message);
/* The answer has ended: what it says of its statement. */
tn_status pg_direct_finish(tn_driver_cursor *cursor, tn_phase phase, tn_error *err);
/* What came may not come there. */
tn_status pg_direct_fail_bad(tn_driver_conn *conn, tn_phase phase, tn_error *err);

#endif
