/* SPDX-License-Identifier: MIT */
/* What the server and libpq say, into the host's error and log. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "kit/kit.h"
#include "postgres/pg.h"

/* The body is a row of fields, each a letter and a text with its NUL, and a NUL at the end. */
static const char *body_field(const char *body, size_t len, int code)
{
    while (len > 1 && *body) {
        size_t size = strnlen(body + 1, len - 1) + 2;
        if (size > len)
            return NULL;
        if (*body == code)
            return body + 1;
        body += size;
        len -= size;
    }
    return NULL;
}

static const char *raw_field(const pg_report *report, int code)
{
    return report->result ? PQresultErrorField(report->result, code)
                          : body_field(report->body, report->len, code);
}

static tn_str field(const pg_report *report, int code)
{
    return kit_str(raw_field(report, code));
}

static int32_t number_field(const pg_report *report, int code)
{
    int64_t number;

    if (!tn__parse_int64(field(report, code), &number) || number < 0 || number > INT32_MAX)
        return 0;
    return (int32_t)number;
}

/* These end the session whatever comes behind them. */
bool pg_report_ends_session(const pg_report *report)
{
    tn_str severity = field(report, PG_DIAG_SEVERITY_NONLOCALIZED);

    return tn_str_equal(severity, TN__STR("FATAL")) || tn_str_equal(severity, TN__STR("PANIC"));
}

bool pg_report_has_sqlstate(const pg_report *report, const char *sqlstate)
{
    return tn_str_equal(field(report, PG_DIAG_SQLSTATE), kit_str(sqlstate));
}

bool pg_has_sqlstate(const PGresult *result, const char *sqlstate)
{
    return pg_report_has_sqlstate(&(pg_report){.result = result}, sqlstate);
}

/* The text is translated, the function's name is not. The second one: not as many columns as
 * formats were told of, see direct_send.c. */
bool pg_report_is_stale_plan(const pg_report *report)
{
    tn_str function = field(report, PG_DIAG_SOURCE_FUNCTION);

    return (pg_report_has_sqlstate(report, "0A000") &&
            tn_str_equal(function, TN__STR("RevalidateCachedQuery"))) ||
           (pg_report_has_sqlstate(report, "08P01") &&
            tn_str_equal(function, TN__STR("PortalSetResultFormat")));
}

bool pg_is_stale_plan(const PGresult *result)
{
    return pg_report_is_stale_plan(&(pg_report){.result = result});
}

/* Words of libpq's own, as one line and without the password. */
static void own_words(const tn_driver_conn *conn, const char *text, char *buf, size_t size)
{
    tn_str line = tn__str_trim(kit_str(text));

    tn__copy_text(buf, size, line);
    for (char *p = buf; *p; p++)
        if (*p == '\n' || *p == '\r' || *p == '\t')
            *p = ' ';
    pg_scrub(buf, size, conn->source->password);
}

void pg_last_words(tn_driver_conn *conn, const pg_report *report)
{
    if (!pg_report_ends_session(report) || conn->fatal[0])
        return;
    own_words(conn, raw_field(report, PG_DIAG_MESSAGE_PRIMARY), conn->fatal, sizeof(conn->fatal));
    tn__copy_text(conn->fatal_sqlstate, sizeof(conn->fatal_sqlstate),
                  field(report, PG_DIAG_SQLSTATE));
}

tn_status pg_fail_lost(tn_driver_conn *conn, tn_phase phase, tn_error *err)
{
    char text[256], said[256];

    own_words(conn, conn->direct.lost[0] ? conn->direct.lost : PQerrorMessage(conn->pg), said,
              sizeof(said));
    conn->broken = true;
    snprintf(text, sizeof(text), "%s%.200s",
             conn->committing ? "COMMIT was sent and no answer came: "
                              : "the connection was lost: ",
             conn->fatal[0] ? conn->fatal
             : said[0]      ? said
                            : "no reason given");
    tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = conn->committing            ? TN_OUTCOME_UNKNOWN
                  : phase == TN_PHASE_CONNECT ? TN_UNAVAILABLE
                                              : TN_LOST,
        .phase = conn->committing ? TN_PHASE_COMMIT : phase,
        .outcome = conn->committing ? TN_OUTCOME_IN_DOUBT : conn->if_lost,
        .sqlstate = kit_str(conn->committing            ? "08007"
                            : conn->fatal_sqlstate[0]   ? conn->fatal_sqlstate
                            : phase == TN_PHASE_CONNECT ? "08001"
                                                        : "08006"),
        .message = kit_str(text),
    };
    return conn->host->fail(err, &diagnostic);
}

tn_status pg_fail_protocol(tn_driver_conn *conn, tn_phase phase, tn_error *err, const char *what)
{
    bool committing = conn->committing;
    tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = committing ? TN_OUTCOME_UNKNOWN : TN_PROTOCOL,
        .phase = committing ? TN_PHASE_COMMIT : phase,
        .outcome = committing ? TN_OUTCOME_IN_DOUBT : conn->if_lost,
        .sqlstate = committing ? TN__STR("08007") : TN__STR("08P01"),
        .message = kit_str(what),
    };

    conn->broken = true;
    return conn->host->fail(err, &diagnostic);
}

/* An error that libpq made itself: it gives no SQLSTATE. */
static tn_status fail_without_sqlstate(tn_driver_conn *conn, const pg_report *report,
                                       tn_phase phase, tn_error *err)
{
    char said[256];

    if (PQstatus(conn->pg) != CONNECTION_OK)
        return pg_fail_lost(conn, phase, err);
    own_words(conn, report->result ? PQresultErrorMessage(report->result) : "", said, sizeof(said));
    if (strstr(said, "out of memory")) {
        conn->broken = true;
        return kit_nomem(conn->host, err, phase);
    }
    return pg_fail_protocol(conn, phase, err,
                            said[0] ? said : "the server's answer has no meaning");
}

/* The server's own hint, or what these two mean when nobody here did it. */
static tn_str hint_of(const pg_report *report)
{
    tn_str hint = field(report, PG_DIAG_MESSAGE_HINT);

    if (!hint.len &&
        (pg_report_has_sqlstate(report, "42P05") || pg_report_has_sqlstate(report, "26000")))
        hint = TN__STR("behind a pooler that hands out connections by the transaction, put "
                       "prepare=off into the URL");
    if (!hint.len && pg_report_is_stale_plan(report))
        hint = TN__STR("a table was changed since the statement was prepared; nothing was run");
    return hint;
}

/* 57014 is what statement_timeout and somebody's pg_cancel_backend() have in common; only the
 * words, which may be translated, would tell them apart. What the host itself gave up is never seen
 * here, so it counts as the former, which is the usual one. */
static tn_status status_of(const pg_report *report, bool fatal, tn_phase phase)
{
    if (fatal)
        return phase == TN_PHASE_CONNECT ? TN_UNAVAILABLE : TN_LOST;
    return pg_report_has_sqlstate(report, "57014") ? TN_TIMEOUT : TN_OK;
}

static tn_outcome outcome_of(const tn_driver_conn *conn, bool fatal)
{
    if (fatal)
        return conn->if_lost;
    /* COMMIT that is refused has rolled back. */
    return conn->committing ? TN_OUTCOME_NOT_APPLIED : TN_OUTCOME_NONE;
}

static void source_of(const pg_report *report, char *buf, size_t size)
{
    const char *file = raw_field(report, PG_DIAG_SOURCE_FILE);
    const char *line = raw_field(report, PG_DIAG_SOURCE_LINE);
    const char *function = raw_field(report, PG_DIAG_SOURCE_FUNCTION);

    snprintf(buf, size, "%.48s:%.8s %.64s", file ? file : "", line ? line : "",
             function ? function : "");
}

tn_status pg_fail_report(tn_driver_conn *conn, const pg_report *report, tn_phase phase,
                         tn_error *err)
{
    tn_str sqlstate = field(report, PG_DIAG_SQLSTATE);
    tn_str severity = field(report, PG_DIAG_SEVERITY_NONLOCALIZED);
    bool fatal = pg_report_ends_session(report);
    char source[128];

    if (!sqlstate.ptr)
        return fail_without_sqlstate(conn, report, phase, err);
    if (fatal)
        conn->broken = true;
    if (fatal && conn->committing) {
        pg_last_words(conn, report);
        return pg_fail_lost(conn, phase, err);
    }
    source_of(report, source, sizeof(source));
    tn_diagnostic diagnostic = {
        .size = sizeof(diagnostic),
        .status = status_of(report, fatal, phase),
        .phase = phase,
        .outcome = outcome_of(conn, fatal),
        .position = number_field(report, PG_DIAG_STATEMENT_POSITION),
        .internal_position = number_field(report, PG_DIAG_INTERNAL_POSITION),
        .sqlstate = sqlstate,
        .message = field(report, PG_DIAG_MESSAGE_PRIMARY),
        .detail = field(report, PG_DIAG_MESSAGE_DETAIL),
        .hint = hint_of(report),
        .severity = severity.ptr ? severity : field(report, PG_DIAG_SEVERITY),
        .context = field(report, PG_DIAG_CONTEXT),
        .schema = field(report, PG_DIAG_SCHEMA_NAME),
        .table = field(report, PG_DIAG_TABLE_NAME),
        .column = field(report, PG_DIAG_COLUMN_NAME),
        .datatype = field(report, PG_DIAG_DATATYPE_NAME),
        .constraint = field(report, PG_DIAG_CONSTRAINT_NAME),
        .internal_query = field(report, PG_DIAG_INTERNAL_QUERY),
        .source = kit_str(source),
    };
    return conn->host->fail(err, &diagnostic);
}

tn_status pg_fail_result(tn_driver_conn *conn, const PGresult *result, tn_phase phase,
                         tn_error *err)
{
    return pg_fail_report(conn, &(pg_report){.result = result}, phase, err);
}

/* ---- notices --------------------------------------------------------------------------------- */

static tn_log_level level_of(tn_str severity)
{
    if (tn_str_equal(severity, TN__STR("WARNING")))
        return TN_LOG_WARN;
    if (tn__str_starts(severity, TN__STR("DEBUG")))
        return TN_LOG_DEBUG;
    if (tn_str_equal(severity, TN__STR("ERROR")) || tn_str_equal(severity, TN__STR("FATAL")) ||
        tn_str_equal(severity, TN__STR("PANIC")))
        return TN_LOG_ERROR;
    return TN_LOG_INFO;
}

void pg_note(tn_driver_conn *conn, const pg_report *report)
{
    tn_str severity = field(report, PG_DIAG_SEVERITY_NONLOCALIZED);
    tn_log_level level = level_of(severity);
    char text[512];

    /* The server's last words to a session that was idle come as a notice. */
    if (pg_report_ends_session(report)) {
        pg_last_words(conn, report);
        conn->broken = true;
    }
    if (!conn->host->log_wanted(level))
        return;
    const char *primary = raw_field(report, PG_DIAG_MESSAGE_PRIMARY);
    if (primary)
        snprintf(text, sizeof(text), "%.16s: %.480s", severity.ptr ? severity.ptr : "NOTICE",
                 primary);
    else
        own_words(conn, report->result ? PQresultErrorMessage(report->result) : "", text,
                  sizeof(text));
    conn->host->log(conn->host_conn, level, "server", kit_str(text));
}

void pg_notice(void *arg, const PGresult *result)
{
    pg_note(arg, &(pg_report){.result = result});
}
