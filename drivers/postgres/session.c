/* SPDX-License-Identifier: MIT */
/* What is set in a session: what every one gets, what may not be changed, and how it is made as new
 * for the next user. */
#include <string.h>

#include "base/buf.h"
#include "kit/kit.h"
#include "postgres/pg.h"

enum { WISHES_MAX = 3 };

bool pg_reported_as(const tn_driver_conn *conn, const char *name, const char *start)
{
    const char *value = PQparameterStatus(conn->pg, name);

    return !value || strncmp(value, start, strlen(start)) == 0;
}

static tn_status refuse_schema(tn_driver_conn *conn, tn_error *err)
{
    tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = TN_CONFIG,
        .phase = TN_PHASE_CONNECT,
        .outcome = TN_OUTCOME_NOT_APPLIED,
        .message = kit_str("DATABASE_URL: parameter schema does not hold behind a pooler, which "
                           "may give each transaction another session"),
        .hint = kit_str("give it to the role: ALTER ROLE name SET search_path = schema; or, if "
                        "the pooler keeps sessions, put prepare=on into the URL"),
    };
    return conn->host->fail(err, &diagnostic);
}

/* ---- what is set in every session ------------------------------------------------------------ */

typedef struct wish {
    const char *names[WISHES_MAX];
    const char *values[WISHES_MAX];
    size_t count;
} wish;

static void add(wish *w, const char *name, const char *value)
{
    w->names[w->count] = name;
    w->values[w->count++] = value;
}

/* Only what differs. Dates and intervals are read as text in answers that hold a type without a
 * known binary form. */
static void collect(const tn_driver_conn *conn, wish *w)
{
    if (conn->source->search_path)
        add(w, "search_path", conn->source->search_path);
    if (!pg_reported_as(conn, "DateStyle", "ISO"))
        add(w, "datestyle", "ISO");
    if (!pg_reported_as(conn, "IntervalStyle", "postgres"))
        add(w, "intervalstyle", "postgres");
}

/* All in one round trip. Where it is not known yet whether sessions stay (ask), it is asked in the
 * same statement, and nothing is set where they do not: it would hit somebody else's. */
static void write_settings(const tn_driver_conn *conn, const wish *w, bool ask, tn__buf *sql)
{
    bool sure = !ask || conn->source->prepare == PG_PREPARE_ON;

    tn__buf_puts(sql, ask ? "select pg_catalog.pg_backend_pid()" : "select null");
    for (size_t i = 0; i < w->count; i++) {
        if (sure)
            tn__buf_puts(sql, ", ");
        else
            tn__buf_printf(
                sql, ", case when pg_catalog.pg_backend_pid() operator(pg_catalog.=) %d then ",
                PQbackendPID(conn->pg));
        tn__buf_printf(sql, "pg_catalog.set_config('%s', $%zu, false)%s", w->names[i], i + 1,
                       sure ? "" : " end");
    }
}

static tn_status send_settings(tn_driver_conn *conn, const wish *w, bool ask, int64_t deadline_ns,
                               PGresult **ret, tn_error *err)
{
    enum { BINARY = 1 };
    tn__buf sql;

    tn__buf_init(&sql, TN__BUF_MAX);
    write_settings(conn, w, ask, &sql);
    if (sql.failed) {
        tn__buf_free(&sql);
        return kit_nomem(conn->host, err, TN_PHASE_CONNECT);
    }
    pg_expect_nothing(conn);
    tn_status status = pg_sent(
        conn,
        PQsendQueryParams(conn->pg, sql.ptr, (int)w->count, NULL, w->values, NULL, NULL, BINARY),
        TN_PHASE_CONNECT, deadline_ns, err);
    tn__buf_free(&sql);
    return status == TN_OK ? pg_finish(conn, TN_PHASE_CONNECT, deadline_ns, ret, err) : status;
}

tn_status pg_session_setup(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    bool ask = !pg_probe_knows(conn, PG_PROBED);
    const char *schema = conn->source->search_path;
    PGresult *result = NULL;
    wish w = {.count = 0};

    if (conn->passing)
        return schema ? refuse_schema(conn, err) : TN_OK;
    collect(conn, &w);
    if (!w.count)
        return TN_OK;
    tn_status status = send_settings(conn, &w, ask, deadline_ns, &result, err);
    if (status == TN_OK && ask && pg_probe_learn(conn, result, PG_PROBED) && conn->passing &&
        schema)
        status = refuse_schema(conn, err);
    PQclear(result);
    return status;
}

/* Nobody reports that setting, so it is asked and set in one, once a connection; within a
 * transaction, which may take it back, each time. Where sessions do not stay, the transaction's own
 * is all that can be set. */
tn_status pg_want_digits(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
#define WANT_DIGITS(local)                                                     \
    "select pg_catalog.set_config('extra_float_digits', '1', " local ")"       \
    " where pg_catalog.current_setting('extra_float_digits')::pg_catalog.int4" \
    " operator(pg_catalog.<) 1"
    PGTransactionStatusType txn = pg_txn(conn);

    if (conn->exact || txn == PQTRANS_INERROR || (conn->passing && txn == PQTRANS_IDLE))
        return TN_OK;
    tn_status begun = pg_begin_now(conn, deadline_ns, err);
    if (begun != TN_OK)
        return begun;
    pg_expect_nothing(conn);
    const char *sql = conn->passing ? WANT_DIGITS("true") : WANT_DIGITS("false");
    tn_status status = pg_command(conn, sql, TN_PHASE_EXECUTE, deadline_ns, NULL, err);
    conn->exact = status == TN_OK && txn == PQTRANS_IDLE;
    return status;
}

tn_status pg_check_encoding(tn_driver_conn *conn, bool ran, tn_error *err)
{
    if (PQclientEncoding(conn->pg) == conn->encoding && !conn->foreign_encoding)
        return TN_OK;
    bool applied = ran && pg_txn(conn) == PQTRANS_IDLE;
    conn->misencoded = true;
    tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = TN_UNSUPPORTED,
        .phase = TN_PHASE_EXECUTE,
        .outcome = applied ? TN_OUTCOME_APPLIED
                   : ran   ? TN_OUTCOME_NONE
                           : TN_OUTCOME_NOT_APPLIED,
        .sqlstate = kit_str("0A000"),
        .message = kit_str("client_encoding must stay UTF8"),
        .hint = kit_str("set it back, or reset client_encoding"),
    };
    return conn->host->fail(err, &diagnostic);
}

/* DISCARD ALL but for the prepared statements, which are ours and named by their text. */
static const char clean[] = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *;"
                            " SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD SEQUENCES;"
                            " DISCARD TEMP";

static tn_status reset_session(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    conn->exact = false;
    pg_expect(conn, TN_OUTCOME_NONE);
    tn_status status = pg_command(conn, clean, TN_PHASE_NONE, deadline_ns, NULL, err);
    if (status == TN_OK && conn->dirty_statements)
        status = pg_command(conn, "DEALLOCATE ALL", TN_PHASE_NONE, deadline_ns, NULL, err);
    if (status == TN_OK && conn->dirty_statements)
        pg_forget_statements(conn);
    if (status == TN_OK)
        status = pg_session_setup(conn, deadline_ns, err);
    if (status != TN_OK)
        return status;
    pg_drop_notifications(conn);
    conn->dirty = conn->dirty_statements = false;
    return TN_OK;
}

tn_status pg_reset(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    tn_status status = pg_ready(conn, TN_PHASE_NONE, err);

    if (status == TN_OK && (conn->misencoded || conn->direct.n_foreign ||
                            PQclientEncoding(conn->pg) != conn->encoding)) {
        conn->broken = true;
        return kit_fail(conn->host, err, TN_UNSUPPORTED, TN_PHASE_NONE, "0A000",
                        "a setting of the session was changed: the connection is not used again");
    }
    if (status == TN_OK && pg_txn(conn) != PQTRANS_IDLE)
        status = pg_rollback(conn, deadline_ns, err);
    /* Behind a pooler it would hit whichever session comes next. */
    if (conn->passing)
        conn->dirty = conn->dirty_statements = false;
    if (status == TN_OK && conn->dirty)
        status = reset_session(conn, deadline_ns, err);
    if (status == TN_OK && pg_state(conn) != TN_CONN_IDLE)
        status = pg_fail_protocol(conn, TN_PHASE_NONE, err, "the session is not idle after reset");
    return status;
}
