/* SPDX-License-Identifier: MIT */
/* What suite.c and checks.c share: the state of the running case. */
#ifndef TENON_CONFORMANCE_FRAME_H
#define TENON_CONFORMANCE_FRAME_H

#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>

#include "suite.h"

typedef enum kept_kind {
    KEPT_MEMORY = 0,
    KEPT_TENON_MEMORY, /* freed with tn_free() */
    KEPT_ROWS,
    KEPT_TX,
    KEPT_SESSION,
    KEPT_STMT,
    KEPT_CLIENT,
    KEPT_CONFIG,
    KEPT_CANCELLER,
    KEPT_BATCH
} kept_kind;

typedef struct kept {
    kept_kind kind;
    void *ptr;
} kept;

#define FRAME_KEPT_MAX 4096

typedef enum case_outcome { CASE_PASSED = 0, CASE_SKIPPED, CASE_FAILED } case_outcome;

struct suite_frame {
    jmp_buf leave;
    const char *file;
    int line;
    case_outcome outcome;
    char reason[1536]; /* why it failed or was skipped; may have several lines */
    kept *items;
    size_t n_items;
    unsigned serial;     /* of the case, for table names */
    unsigned columns;    /* made so far, for their names */
    bool tables_used[3]; /* t, u, v */
    char table_names[3][40];
};

/* Adds to what is ended with the case. Ends it at once, and the case, when there is no room. */
void frame_keep(fixture *f, kept_kind kind, void *ptr);
/* Takes it out again without ending it. */
void frame_forget(fixture *f, const void *ptr);
/* Ends everything that is kept, last in first out. */
void frame_end_all(fixture *f);

struct canceller {
    tn_db *db;
    pthread_t thread;
    _Atomic bool stop;
};
void frame_canceller_end(canceller *c);

#endif
