/* SPDX-License-Identifier: MIT */
/* What fibers may do to each other, and what they may not. Each on a fiber, with fibers of its own;
 * TN_OK when it went as it should, else err tells what did not. */
#ifndef EVENTLOOP_NEIGHBOURS_H
#define EVENTLOOP_NEIGHBOURS_H

#include <tenon/tenon.h>

#include "loop.h"

struct street {
    struct loop *loop;
    tn_db *db;
};

/* One fiber ends the statement of another with tn_cancel(). Its session is as good as before. Wants
 * a database whose statements wait. */
tn_status street_cancel(const struct street *street, tn_error *err);

/* A statement whose deadline passes is ended; *ret_ms is how long it was at work. */
tn_status street_deadline(const struct street *street, int64_t timeout_ms, int64_t *ret_ms,
                          tn_error *err);

/* One of several fibers fails within its transaction; the work of the others stays. */
tn_status street_failure(const struct street *street, tn_error *err);

/* So many fibers add one to the same row, serializable: who is refused tries again after a pause,
 * in which the others run. */
tn_status street_retries(const struct street *street, int fibers, tn_error *err);

#endif
