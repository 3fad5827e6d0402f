/* SPDX-License-Identifier: MIT */
/*
 * A thousand at once: each fiber of a crowd runs the same code, written as if it had a thread of
 * its own, and checks what it gets. Nothing in it knows of the loop but the line that lets others
 * go first between two rounds.
 */
#ifndef EVENTLOOP_CROWD_H
#define EVENTLOOP_CROWD_H

#include <stdint.h>
#include <sys/types.h>

#include <tenon/tenon.h>

#include "loop.h"

struct crowd {
    struct loop *loop;
    tn_db *db;
    int32_t fibers;
    int32_t rounds; /* of a query and a transaction, in each fiber */
    double pause_s; /* within each transaction, in the server */

    /* What came of it. */
    int32_t failed;  /* fibers */
    tn_error error;  /* of the first that failed */
    int64_t changes; /* rows that the transactions left, counted by the database */
    int64_t elapsed_ms;
    unsigned calls, most_calls;               /* fibers within a call at the same time */
    unsigned transactions, most_transactions; /* between BEGIN and COMMIT */
    int32_t least_begun; /* rounds that each had begun when the first fiber had done all of its */
    pid_t thread;        /* that ran the fibers */
    bool more_threads;   /* or was there another? */
    int64_t beats;       /* of a fiber that wakes each 5 ms all the while ... */
    int64_t late_ms;     /* ... and how late it was at worst */
};

/* On a fiber; fills in what came of it. TN_OK when all fibers were right. */
tn_status crowd_run(struct crowd *crowd, tn_error *err);

#endif
