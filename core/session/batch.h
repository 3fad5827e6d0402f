/* SPDX-License-Identifier: MIT */
/*
 * The inside of a batch: what was asked for lives in one arena, what was answered in others, all of
 * them used again. batch.c collects and tells, batch_run.c runs, batch_take.c takes answers,
 * batch_serial.c is for drivers that have no pipelining.
 */
#ifndef TENON_SESSION_BATCH_H
#define TENON_SESSION_BATCH_H

#include <tenon/batch.h>

#include "session/handle.h"
#include "session/rows.h"

/* A text that statements of the batch have in common. */
typedef struct tn__batch_text {
    const char *sql;
    size_t len;
    uint64_t hash;
    tn__cached *stmt;   /* while it runs */
    bool old;           /* the cache had it: its description may be older than the tables */
    bool anew;          /* it turned out to be: not to be used again */
    bool keeps;         /* one of its statements keeps rows */
    tn_column *columns; /* a copy, for those */
    size_t n_columns;
} tn__batch_text;

typedef enum tn__batch_state {
    TN__BATCH_UNTOLD = 0, /* not run, or nobody knows */
    TN__BATCH_DONE,       /* it ran; status says whether its answer could be taken */
    TN__BATCH_FAILED
} tn__batch_state;

typedef struct tn__batch_item {
    uint32_t text;
    uint32_t n_args, n_into;
    bool keeps; /* rows are kept for tn_batch_rows() */
    bool owns;  /* a target gets memory of its own */
    const tn_arg *args;
    const tn_target *into;
    /* what became of it */
    uint8_t state;   /* tn__batch_state */
    uint8_t outcome; /* tn_outcome, of one that failed */
    bool stale;      /* it failed because its statement was prepared too long ago */
    tn_status status;
    int64_t affected; /* as tn_exec() has it */
    int64_t counted;  /* as tn_rows_affected() has it */
    uint64_t rows;
    const char *tag;
    tn__kept *first, *last;
    tn_error *error; /* NULL: only the status is known */
} tn__batch_item;

struct tn_batch_t {
    tn__arena asked;
    tn__arena notes;          /* errors, tags, what views point to */
    tn__arena kept;           /* rows, within DB_ROW_BUFFER */
    tn__arena_mark kept_from; /* where those of the statement begin whose rows are coming */
    tn__arena log;            /* arguments once more, for the query log */
    tn__batch_item *items;
    size_t count, capacity;
    tn__batch_text *texts;
    size_t n_texts, texts_capacity;

    /* What runs: indices of items, and their statements. */
    uint32_t *order;
    tn_driver_stmt **stmts;
    size_t n_order, order_capacity;

    tn_outcome outcome; /* of those that went well and have no transaction of their own */
    bool independent;   /* the last run was */
    bool ran;
    unsigned open_rows;
    bool freed;      /* but for the rows that are open */
    tn__rows *spare; /* a closed rows object */
    tn_error *last;  /* in notes, the one that was kept last */
    tn_error broken; /* by an add() that failed */
    tn_error error;  /* the driver's, for fail() */
};

/* The place of a statement before its error's message. */
void tn__batch_place(const tn_batch_t *batch, size_t index, tn_error *err);
/* Keeps an error for a statement that failed. */
void tn__batch_note(tn_batch_t *batch, tn__batch_item *item, tn_status status, const tn_error *err);

/* Rows of a statement, into its targets or into memory. What is wrong with them is the statement's
 * status; it has run all the same. columns are the statement's. */
void tn__batch_take(tn_batch_t *batch, tn__batch_item *item, const tn_stmt_info *info,
                    const tn_batch *rows);
/* They cannot be read, as err says. Only the first such error counts. */
void tn__batch_refuse(tn_batch_t *batch, tn__batch_item *item, tn_status status, tn_error *err);
/* Frees what targets own, because the statement runs again. */
void tn__batch_untake(tn__batch_item *item);

/* tn_batch_ops.run() for a driver without it. */
tn_status tn__batch_serial(tn__conn *conn, const tn_batch_work *work, int64_t deadline_ns,
                           tn_error *err);

#endif
