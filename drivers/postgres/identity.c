/* SPDX-License-Identifier: MIT */
/*
 * Under which name the server knows a transaction, so that another connection can ask what became
 * of it when the answer to COMMIT was lost.
 *
 * The number alone is not enough: after a crash, or on a standby that took over, a number whose
 * traces were lost is given again to somebody else. So the name also says on which cluster and
 * in which incarnation of the server it was given; the latter is when the server's statistics
 * began, which a crash throws away and which no other server shares. That a transaction was not
 * committed is certain in any incarnation; that it was, only in its own, or when the checkpoint
 * with which the server came up knew the number.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/pg.h"

enum { NEW_NAMES = 130000, BINARY = 1 };

/* ---- the question ---------------------------------------------------------------------------- */

/* PostgreSQL 13 gave the functions new names. The place is asked for until it is known: a server
 * that gives numbers keeps both while it runs. */
#define INCARNATION "pg_catalog.pg_stat_get_bgwriter_stat_reset_time()"
#define CLUSTER     "(select system_identifier from pg_catalog.pg_control_system())"
#define PLACED(number)                                                                    \
    "select " number ", case when " number " is not null then " INCARNATION " end, case " \
    "when " number " is not null then " CLUSTER " end"
#define NEW_NUMBER "pg_catalog.pg_current_xact_id_if_assigned()"
#define OLD_NUMBER "pg_catalog.txid_current_if_assigned()"

/* Behind a pooler each transaction may be on another server. */
static bool place_wanted(const tn_driver_conn *conn)
{
    return (conn->found & PG_PLACES) && (!conn->id.open.cluster || (conn->found & PG_POOLED));
}

const char *pg_identity_question(const tn_driver_conn *conn)
{
    if (place_wanted(conn))
        return PLACED(NEW_NUMBER);
    return PQserverVersion(conn->pg) >= NEW_NAMES ? "select " NEW_NUMBER : "select " OLD_NUMBER;
}

/* In a text of many commands answers are texts, and a time's depends on settings. */
#define PLACED_TEXT                                                                     \
    "select " NEW_NUMBER ", pg_catalog.encode(pg_catalog.timestamptz_send(" INCARNATION \
    "), 'hex'), " CLUSTER
enum { HEX_COLUMN = 1 };

const char *pg_identity_question_as_text(const tn_driver_conn *conn)
{
    return place_wanted(conn) ? PLACED_TEXT : pg_identity_question(conn);
}

static uint64_t parse_number(const char *text, int column)
{
    char *end;
    uint64_t value = strtoull(text, &end, column == HEX_COLUMN ? 16 : 10);

    return *end ? 0 : value;
}

/* Eight bytes in binary, or a text; 0 for NULL and for what is not there. */
static uint64_t number_at(const PGresult *result, int column)
{
    if (column >= PQnfields(result))
        return 0;
    const char *value = PQgetvalue(result, 0, column);
    if (PQfformat(result, column) == 0)
        return parse_number(value, column);
    return PQgetlength(result, 0, column) == 8 ? pg_get64((const unsigned char *)value) : 0;
}

static uint32_t fold(uint64_t system)
{
    return (uint32_t)(system ^ system >> 32);
}

void pg_identity_learn(tn_driver_conn *conn, const PGresult *result)
{
    if (!PQntuples(result))
        return;
    const uint64_t fields[] = {number_at(result, 0), number_at(result, 1), number_at(result, 2)};
    pg_identity_learned(conn, fields, (size_t)PQnfields(result));
}

void pg_identity_learned(tn_driver_conn *conn, const uint64_t *fields, size_t n)
{
    /* What ran before has not written, if there is no number yet. */
    conn->id.may_write = false;
    conn->id.open.xid = fields[0];
    if (!fields[0] || n < 3)
        return;
    conn->id.open.incarnation = fields[1];
    conn->id.open.cluster = fold(fields[2]);
}

/* ---- a transaction's life -------------------------------------------------------------------- */

void pg_identity_begin(tn_driver_conn *conn, bool read_only)
{
    conn->id.open.xid = 0;
    conn->id.may_write = false;
    conn->id.read_only = read_only;
}

void pg_identity_commit(tn_driver_conn *conn)
{
    conn->id.committed = conn->id.open;
    pg_identity_begin(conn, false);
}

void pg_identity_statement(const tn_driver_stmt *stmt, bool inside)
{
    tn_driver_conn *conn = stmt->conn;

    /* Ended by a text, with another one behind it perhaps (AND CHAIN). */
    if (!inside || stmt->rolls_back)
        pg_identity_begin(conn, false);
    else if (stmt->commits)
        pg_identity_commit(conn);
    else if (stmt->writes != PG_READS)
        conn->id.may_write = true;
}

/* Where the server says that it is a standby, nobody writes. */
bool pg_identity_unknown(const tn_driver_conn *conn)
{
    const char *standby = PQparameterStatus(conn->pg, "in_hot_standby");

    return !conn->id.open.xid && conn->id.may_write && !conn->id.read_only &&
           (conn->found & PG_IDENTIFIES) && !(standby && strcmp(standby, "on") == 0);
}

tn_status pg_identity_ask(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    PGresult *result = NULL;

    if (!pg_identity_unknown(conn) || pg_txn(conn) != PQTRANS_INTRANS)
        return TN_OK;
    pg_expect_nothing(conn);
    tn_status status = pg_sent(
        conn,
        PQsendQueryParams(conn->pg, pg_identity_question(conn), 0, NULL, NULL, NULL, NULL, BINARY),
        TN_PHASE_COMMIT, deadline_ns, err);
    if (status == TN_OK)
        status = pg_finish(conn, TN_PHASE_COMMIT, deadline_ns, &result, err);
    if (status == TN_OK)
        pg_identity_learn(conn, result);
    PQclear(result);
    return status;
}

/* ---- the name -------------------------------------------------------------------------------- */

#define SCHEME "pg:"

/* pg:number, or pg:number.incarnation.cluster, these two in hexadecimal. */
void pg_identity_print(const pg_identity_name *name, char *buf, size_t size)
{
    int length = 0;

    if (!size)
        return;
    buf[0] = '\0';
    if (name->xid && name->incarnation && name->cluster)
        length = snprintf(buf, size, SCHEME "%" PRIu64 ".%" PRIx64 ".%" PRIx32, name->xid,
                          name->incarnation, name->cluster);
    else if (name->xid)
        length = snprintf(buf, size, SCHEME "%" PRIu64, name->xid);
    /* One that is cut would name another. */
    if (length < 0 || (size_t)length >= size)
        buf[0] = '\0';
}

/* A number without sign or leading zero, to the end or a dot. */
static bool parse_part(tn_str part, unsigned base, uint64_t most, uint64_t *ret)
{
    uint64_t value = 0;

    if (!part.len || part.ptr[0] == '0')
        return false;
    for (size_t i = 0; i < part.len; i++) {
        int digit = tn__hex_digit(part.ptr[i]);
        if (digit < 0 || (unsigned)digit >= base || value > (most - (unsigned)digit) / base)
            return false;
        value = value * base + (unsigned)digit;
    }
    *ret = value;
    return true;
}

bool pg_identity_parse(tn_str text, pg_identity_name *ret)
{
    pg_identity_name name = {.xid = 0};
    tn_str rest = text, number, incarnation, cluster;
    uint64_t place = 0;

    if (!tn__str_starts(text, TN__STR(SCHEME)))
        return false;
    rest = tn__str(text.ptr + sizeof(SCHEME) - 1, text.len - (sizeof(SCHEME) - 1));
    bool placed = rest.len && memchr(rest.ptr, '.', rest.len);
    if (!tn__str_split(&rest, '.', &number) || !parse_part(number, 10, UINT64_MAX, &name.xid))
        return false;
    if (placed &&
        (!tn__str_split(&rest, '.', &incarnation) ||
         !parse_part(incarnation, 16, UINT64_MAX, &name.incarnation) ||
         !tn__str_split(&rest, '.', &cluster) || !parse_part(cluster, 16, UINT32_MAX, &place) ||
         rest.len || text.ptr[text.len - 1] == '.'))
        return false;
    name.cluster = (uint32_t)place;
    *ret = name;
    return true;
}

void pg_identify(const tn_driver_conn *conn, char *buf, size_t size)
{
    pg_identity_print(&conn->id.committed, buf, size);
}

/* ---- what became of it ----------------------------------------------------------------------- */

/* What the server says: its word about the number, and where it is itself. */
typedef struct testimony {
    char word[16]; /* "" for NULL: too long ago */
    bool standby;
    bool future; /* the number was not given yet */
    uint64_t incarnation;
    uint32_t cluster;
    uint64_t first; /* no number from here on was given before this incarnation; 0: not known */
} testimony;

#define SELF   "select pg_catalog.pg_is_in_recovery()"
#define UNLESS "case when not pg_catalog.pg_is_in_recovery() then "
#define ORIGIN ", " INCARNATION ", " CLUSTER
/* A checkpoint with nothing between its start and its record was made while nobody worked: with it
 * the server came up. */
#define STARTED                                                  \
    ", (select next_xid from pg_catalog.pg_control_checkpoint()" \
    " where redo_lsn operator(pg_catalog.=) checkpoint_lsn"      \
    " and pg_catalog.current_setting('wal_level') operator(pg_catalog.<>) 'minimal')"
#define NEW_WORD ", " UNLESS "pg_catalog.pg_xact_status($1::pg_catalog.xid8) end"
#define OLD_WORD ", " UNLESS "pg_catalog.txid_status($1::pg_catalog.int8) end"

static const char *outcome_question(const tn_driver_conn *conn, bool word)
{
    bool new_names = PQserverVersion(conn->pg) >= NEW_NAMES;

    if (conn->found & PG_PLACES)
        return word ? SELF NEW_WORD ORIGIN STARTED : SELF ", null::pg_catalog.text" ORIGIN;
    if (!word)
        return SELF;
    return new_names ? SELF NEW_WORD : SELF OLD_WORD;
}

/* "epoch:number" */
static uint64_t parse_next(const char *text)
{
    char *end;
    uint64_t epoch = strtoull(text, &end, 10);

    return *end == ':' ? epoch << 32 | strtoull(end + 1, NULL, 10) : 0;
}

static void take_testimony(const PGresult *result, testimony *t)
{
    t->standby = PQgetlength(result, 0, 0) == 1 && PQgetvalue(result, 0, 0)[0] != 0;
    if (PQnfields(result) > 1)
        tn__copy_text(t->word, sizeof(t->word), kit_str(PQgetvalue(result, 0, 1)));
    t->incarnation = number_at(result, 2);
    t->cluster = fold(number_at(result, 3));
    if (PQnfields(result) > 4 && !PQgetisnull(result, 0, 4))
        t->first = parse_next(PQgetvalue(result, 0, 4));
}

/* An answer of one row, or the refusal of a number that was never given. */
static tn_status read_testimony(tn_driver_conn *conn, int64_t deadline_ns, testimony *t,
                                tn_error *err)
{
    PGresult *result = NULL;

    tn_status status = pg_result(conn, TN_PHASE_EXECUTE, deadline_ns, &result, err);
    if (status != TN_OK)
        return status;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        take_testimony(result, t);
    else if (pg_has_sqlstate(result, "22023"))
        t->future = true;
    else if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        status = pg_fail_result(conn, result, TN_PHASE_EXECUTE, err);
    else
        status = pg_fail_protocol(conn, TN_PHASE_EXECUTE, err,
                                  "the server's answer about a transaction is not one row");
    PQclear(result);
    if (conn->broken)
        return status;
    tn_status end = pg_finish(conn, TN_PHASE_EXECUTE, deadline_ns, NULL, status ? NULL : err);
    return status ? status : end;
}

static tn_status hear(tn_driver_conn *conn, const pg_identity_name *name, bool word,
                      int64_t deadline_ns, testimony *t, tn_error *err)
{
    char number[24];
    const char *values[1] = {number};

    snprintf(number, sizeof(number), "%" PRIu64, name->xid);
    pg_expect(conn, TN_OUTCOME_NONE);
    tn_status status = pg_sent(conn,
                               PQsendQueryParams(conn->pg, outcome_question(conn, word),
                                                 word ? 1 : 0, NULL, values, NULL, NULL, BINARY),
                               TN_PHASE_EXECUTE, deadline_ns, err);
    return status == TN_OK ? read_testimony(conn, deadline_ns, t, err) : status;
}

static void note(tn_driver_conn *conn, const char *what)
{
    if (conn->host->log_wanted(TN_LOG_WARN))
        conn->host->log(conn->host_conn, TN_LOG_WARN, "postgresql", kit_str(what));
}

static tn_outcome judge(tn_driver_conn *conn, const pg_identity_name *name, const testimony *t)
{
    bool placed = name->cluster && t->cluster;
    bool same = !placed || name->incarnation == t->incarnation;

    /* What a standby has not heard of may come yet. */
    if (t->standby)
        return TN_OUTCOME_IN_DOUBT;
    if (placed && name->cluster != t->cluster) {
        note(conn, "a transaction is not known: the server is of another cluster than it was");
        return TN_OUTCOME_NONE;
    }
    if (t->future) {
        note(conn, "a transaction is not applied: this server never gave its number, which was "
                   "lost with another timeline or in a crash");
        return TN_OUTCOME_NOT_APPLIED;
    }
    if (strcmp(t->word, "aborted") == 0)
        return TN_OUTCOME_NOT_APPLIED;
    if (strcmp(t->word, "in progress") == 0)
        return TN_OUTCOME_IN_DOUBT;
    if (strcmp(t->word, "committed") != 0)
        return TN_OUTCOME_NONE;
    if (same || name->xid < t->first)
        return TN_OUTCOME_APPLIED;
    note(conn, "a transaction is not known: the server crashed or another one took over since, "
               "and may have given its number again");
    return TN_OUTCOME_NONE;
}

tn_status pg_outcome(tn_driver_conn *conn, tn_str id, int64_t deadline_ns, tn_outcome *ret_outcome,
                     tn_error *err)
{
    pg_identity_name name;
    testimony t = {.word = ""};

    tn_status status = pg_ready(conn, TN_PHASE_EXECUTE, err);
    if (status == TN_OK)
        status = pg_probe(conn, PG_PROBED | PG_ASKED, TN_PHASE_EXECUTE, deadline_ns, err);
    if (status != TN_OK)
        return status;
    if (!pg_identity_parse(id, &name))
        return kit_fail(conn->host, err, TN_MISUSE, TN_PHASE_EXECUTE, NULL,
                        "this is not the name of a transaction of PostgreSQL");
    if (!(conn->found & PG_IDENTIFIES)) {
        *ret_outcome = TN_OUTCOME_NONE;
        return TN_OK;
    }
    status = hear(conn, &name, true, deadline_ns, &t, err);
    /* The refusal told nothing of the place. */
    if (status == TN_OK && t.future)
        status = hear(conn, &name, false, deadline_ns, &t, err);
    if (status != TN_OK)
        return status;
    *ret_outcome = judge(conn, &name, &t);
    return TN_OK;
}
