/* SPDX-License-Identifier: MIT */
/*
 * The direct path: once libpq has connected, statements that are prepared are run by messages of
 * our own on its socket, and values are decoded where they were received. libpq makes results
 * and copies of what here is read in place. Everything else (connecting, preparing, COPY,
 * notifications) stays libpq's.
 *
 * Both take turns on one socket, which is sound under two conditions. libpq is idle, in no pipeline
 * and with nothing to send, whenever a message is sent here. And whoever reads, reads to the end of
 * an answer: what the server sends unasked behind it (a notice, a parameter that changed) is read
 * by whoever reads next, unless only a part of it has come. Here that part is completed before
 * libpq reads again; where libpq has read a part, which it does not tell, the first message that is
 * read here is none that may come, and the connection is given up: what was sent is then in doubt.
 *
 * Messages: "Frontend/Backend Protocol" in PostgreSQL's documentation, version 3.
 */
#ifndef TENON_DRIVERS_POSTGRES_DIRECT_H
#define TENON_DRIVERS_POSTGRES_DIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <endian.h>

#include <tenon/driver.h>

#include "base/arena.h"
#include "base/buf.h"

enum { PG_FOREIGN_MAX = 8 };

/* What of the answer comes next. */
typedef enum pg_stage {
    PG_STAGE_NONE = 0,  /* nothing is under way here */
    PG_STAGE_BEGIN,     /* the answer to BEGIN */
    PG_STAGE_STATEMENT, /* the statement's */
    PG_STAGE_QUESTION,  /* the transaction's number */
    PG_STAGE_SYNC       /* the end */
} pg_stage;

typedef struct pg_direct {
    bool possible; /* the connection can be used in this way */
    void *tls;     /* OpenSSL's SSL, or NULL */

    tn__buf out; /* messages, from sent on they have not left */
    size_t sent;

    char *in; /* received: start to end is to be read, one byte more has room */
    size_t start, end, capacity;
    bool full;       /* the last time all the room was filled */
    size_t saved_at; /* the byte there was overwritten by a NUL; SIZE_MAX: none was */
    char saved;
    char *spare; /* of the same capacity or NULL, see lend */
    size_t spare_capacity;
    tn_driver_cursor *reader; /* whose values point into in */

    tn__buf begin;         /* messages of begin_sql */
    const char *begin_sql; /* static storage; NULL: none were made yet */
    tn__buf ask;           /* and of the question ask_sql */
    const char *ask_sql;

    uint8_t stage;          /* pg_stage */
    bool complete;          /* the statement's tag has come */
    bool misfit;            /* its columns are not those that were described */
    bool no_rows;           /* it says that it has none */
    bool copies;            /* the server began a COPY */
    bool two;               /* the command is two, and the first tag has not come */
    bool question;          /* the number is asked for behind the statement */
    tn_driver_stmt *making; /* is parsed under its name by what is under way; or NULL */
    char status;   /* of the transaction as of the last end that was read here: I, T, E; 0: libpq
                      knows it better */
    tn__buf error; /* the answer's first error, as it came */
    /* Settings that are not as libpq knows them. */
    char foreign[PG_FOREIGN_MAX][32];
    size_t n_foreign;
    char lost[96]; /* why the connection was lost */
} pg_direct;

/* One message, in place. */
typedef struct pg_message {
    char type;
    char *body;
    size_t len;
} pg_message;

typedef enum pg_taken {
    PG_TAKEN = 0,
    PG_INCOMPLETE, /* more has to be received */
    PG_BAD         /* not the protocol; the connection is broken */
} pg_taken;

/* ---- direct_io.c: bytes and messages --------------------------------------------------------- */

void pg_direct_open(tn_driver_conn *conn);
void pg_direct_close(tn_driver_conn *conn);
/* Sends what stands in out. */
tn_status pg_direct_flush(tn_driver_conn *conn, tn_phase phase, int64_t deadline_ns, tn_error *err);
/* Sends what goes at once: 0 all of it, TN_WAIT_ what to wait for, -1 it is lost. */
int pg_direct_flush_some(tn_driver_conn *conn);
/* Waits for bytes and receives some. */
tn_status pg_direct_receive(tn_driver_conn *conn, tn_phase phase, int64_t deadline_ns,
                            tn_error *err);
/* Waits until the answer has come to its end, or to an error, and takes nothing of it. */
tn_status pg_direct_receive_whole(tn_driver_conn *conn, bool *ret_failed, tn_phase phase,
                                  int64_t deadline_ns, tn_error *err);
/* Receives what is at hand; false: nothing, or it is lost (conn->broken). */
bool pg_direct_receive_at_hand(tn_driver_conn *conn);
/* The next message that belongs to an answer; what comes unasked is dealt with. It is not consumed
 * before pg_direct_skip(). */
pg_taken pg_direct_peek(tn_driver_conn *conn, pg_message *ret);
void pg_direct_skip(tn_driver_conn *conn, const pg_message *message);
/* The buffer of received bytes is the reader's own from here on; false: no memory. */
bool pg_direct_lend(tn_driver_conn *conn);
void pg_direct_give_back(tn_driver_conn *conn, char *in, size_t capacity);
/* What one large row took is not kept for ever. */
void pg_direct_shrink(pg_direct *d);
/* What came unasked and only in part is completed, so that libpq may read. */
tn_status pg_direct_yield(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err);
/* Without waiting: false when the server has ended the connection. */
bool pg_direct_alive(tn_driver_conn *conn);

/* The same for what has come whole, without looking whether it may come. */
static inline bool pg_direct_at_hand(const pg_direct *d, pg_message *ret)
{
    uint32_t length;

    if (d->end - d->start < 5 || d->saved_at == d->start)
        return false;
    memcpy(&length, d->in + d->start + 1, sizeof(length));
    length = be32toh(length);
    if (length < 4 || d->end - d->start - 1 < length)
        return false;
    *ret = (pg_message){.type = d->in[d->start], .body = d->in + d->start + 5, .len = length - 4};
    return true;
}

/* ---- direct_send.c --------------------------------------------------------------------------- */

/* A prepared statement whose parameters stand in conn->encoder; ahead of it a BEGIN that is
 * pending, behind it, where wanted, the question for the transaction's number. */
tn_status pg_direct_send(tn_driver_stmt *stmt, size_t n_params, int64_t deadline_ns, tn_error *err);
/* A command without rows, or two, answered whole; tag has 64 bytes. */
tn_status pg_direct_command(tn_driver_conn *conn, const char *sql, tn_phase phase,
                            int64_t deadline_ns, char *tag, tn_error *err);

/* For batches, queued only: see out.failed. BEGIN is the one that is due. now: its answer is not to
 * wait for what comes behind it. */
void pg_direct_put_begin(tn_driver_conn *conn);
void pg_direct_put_statement(tn_driver_stmt *stmt, size_t n_params);
void pg_direct_put_question(tn_driver_conn *conn, bool now);
void pg_direct_put_text(tn_driver_conn *conn, const char *sql);
void pg_direct_put_sync(tn_driver_conn *conn);

/* ---- direct_answer.c ------------------------------------------------------------------------- */

/* "INSERT 0 5": the last word is the count, where it is a number; else *ret stays. false: it does
 * not fit. */
bool pg_direct_count(const char *tag, int64_t *ret);
/* The answer's beginning, as far as execute() has to know it. whole: all of it is received, and
 * where there is an error in it, no row is handed over. */
tn_status pg_direct_begin_answer(tn_driver_cursor *cursor, bool whole, int64_t deadline_ns,
                                 tn_error *err);
/* Rows into cursor->values, at most limit; with none at hand it waits. */
tn_status pg_direct_rows(tn_driver_cursor *cursor, uint32_t limit, int64_t deadline_ns,
                         uint32_t *ret_rows, tn_error *err);
/* Hands the rows that are left to store(), one after another. */
typedef tn_status pg_store_row(tn_driver_cursor *cursor, const pg_message *message, void *arg,
                               tn_error *err);
tn_status pg_direct_store(tn_driver_cursor *cursor, int64_t deadline_ns, pg_store_row *store,
                          void *arg, tn_error *err);
/* One row, n_columns values. */
tn_status pg_direct_decode(tn_driver_cursor *cursor, const pg_message *message, tn__arena *arena,
                           tn_value *out, tn_error *err);
/* The row with the transaction's number. */
void pg_direct_take_number(tn_driver_conn *conn, const pg_message *message);
/* Is that what the statement was described with? */
bool pg_direct_describes(const tn_driver_stmt *stmt, const pg_message *message);
/* Reads to the end what is at hand; true: it has ended. */
bool pg_direct_end_at_hand(tn_driver_conn *conn);
/* Reads to the end. */
tn_status pg_direct_drain(tn_driver_conn *conn, tn_phase phase, int64_t deadline_ns, tn_error *err);
/* What an answer that has ended says of its command. */
tn_status pg_direct_judge(tn_driver_conn *conn, tn_phase phase, tn_error *err);

#endif
