/* SPDX-License-Identifier: MIT */
/*
 * The fault matrix as data (matrix.tsv) and the runner that makes a cmocka case of each of its rows
 * that is marked "auto". A program runs the rows of one family (S, N, C, Q) and has a table that
 * tells which function plays which cell.
 */
#ifndef TENON_TEST_MATRIX_H
#define TENON_TEST_MATRIX_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/tenon.h>

#include <cmocka.h>

/* One row. Words may be several, joined by "|"; "-" is not judged. */
struct row {
    const char *id; /* S1 */
    const char *fault;
    const char *moment; /* "in query" */
    const char *status; /* OK, LOST, ... as in tn_status */
    const char *sqlstate;
    const char *outcome; /* none, not_applied, applied, in_doubt */
    const char *fate;    /* of the connection: kept, destroyed */
    const char *applied; /* how often the write is there afterwards: 0, 1 */
    const char *how;     /* auto; test FILE CASE; none REASON */
    char name[48];       /* "S1 in query" */
};

/* Who plays a cell. fault is whatever run() wants. */
struct automated {
    const char *id, *moment;
    void (*run)(const struct row *row, const void *fault);
    const void *fault;
};

/* What a cell saw. -1: it cannot tell. */
struct seen {
    tn_status status;
    const tn_error *err; /* looked at when status is not TN_OK */
    int destroyed;
    int applied;
};

/* Fails the case when what was seen is not what the row says. */
void matrix_judge(const struct row *row, const struct seen *seen);

/*
 * Runs the family's cells, and first one case that proves that each row of the family is played or
 * has a reason. argv[1], when given, is a pattern for the names of the cases. Returns what main()
 * returns.
 */
int matrix_run(char family, const struct automated table[], size_t n, CMFixtureFunction set_up,
               CMFixtureFunction tear_down, CMFixtureFunction after_each, int argc, char **argv);

#endif
