/* SPDX-License-Identifier: MIT */
/* What running statements (cursor.c) and reading rows (row.c) share. */
#ifndef TENON_DRIVERS_SQLITE_CURSOR_H
#define TENON_DRIVERS_SQLITE_CURSOR_H

#include "sqlite/lite.h"

#define LITE_FIRST_BATCH  16    /* rows of the first batch: many answers are short */
#define LITE_BATCH        64    /* rows of the others */
#define LITE_BATCH_VALUES 4096  /* most values of a batch (one row at least) */
#define LITE_BATCH_BYTES  65536 /* texts of a batch, about */
#define LITE_OWN_TEXT     2048  /* bytes of texts that a cursor has room for by itself */

/* Room for the texts of some rows: a piece of memory, and where more of it comes from. */
typedef struct lite_room {
    char *at;
    char *end;
    tn__arena *arena;
    size_t piece; /* how much to take at once; 0: what is asked for */
} lite_room;

/* Rows that detach() read. */
typedef struct lite_chunk {
    struct lite_chunk *next;
    tn_value *values;
    uint32_t rows;
} lite_chunk;

struct tn_driver_cursor {
    tn_driver_conn *conn;
    tn_driver_stmt *stmt;   /* NULL: nothing is running for it any more */
    tn_driver_cursor *next; /* in the connection's list of spare ones */
    tn_value *values;
    size_t cap_values;
    lite_room room;  /* of the batch */
    tn__arena arena; /* what own_text has no room for */
    uint32_t n_columns;
    uint32_t batch;        /* rows of the next batch */
    uint32_t wrong_column; /* the one that could not be read */
    int step;              /* what sqlite3_step() said last */
    int64_t rows;
    int64_t affected;
    bool detached;
    bool has_rest; /* the arena of detached rows was used */
    tn__arena rest;
    lite_chunk *chunks;
    const char *tag_words; /* tag was made of these, static, and of this number */
    int64_t tag_count;
    char tag[48];
    char own_text[LITE_OWN_TEXT];
};

/* The statement is over: its locks go, its parameters need not live any more. */
void lite_cursor_let_go(tn_driver_cursor *cursor);
/* SQLITE_DONE: what is to be told at the end. */
void lite_cursor_finish(tn_driver_cursor *cursor);

/* The statement failed in a step; the cursor is over. */
tn_status lite_step_failed(tn_driver_cursor *cursor, tn_phase phase, tn_error *err);

/* How a column of the type is stored. */
lite_plain lite_plain_of(const lite_type *type);

#endif
