/* SPDX-License-Identifier: MIT */
#include "pg_session.h"

#include <stdio.h>
#include <stdlib.h>

const char *session_url(void)
{
    const char *url = getenv("TENON_TEST_POSTGRES_URL");

    if (!url || !*url) {
        printf("skipped: TENON_TEST_POSTGRES_URL names no server\n");
        exit(77);
    }
    return url;
}

int session_run(const struct CMUnitTest *tests, size_t count)
{
    session_url();
    return _cmocka_run_group_tests("postgresql driver", tests, count, NULL, NULL);
}

int64_t soon(void)
{
    return driver_host_deadline(60000);
}

static void open_set(session *s, const char *const settings[][2])
{
    *s = (session){.err = TN_ERROR_INIT};
    if (driver_host_source_set(session_url(), settings, &s->source, &s->err) != TN_OK ||
        PG->conn->open(s->source, &s->host, soon(), &s->conn, &s->err) != TN_OK)
        fail_msg("open: %s", s->err.message);
}

void session_open(session *s, const char *schema, const char *prepare_option)
{
    const char *const settings[][2] = {
        {"schema", schema}, {"prepare", prepare_option}, {NULL, NULL}};

    open_set(s, settings);
}

void session_open_by(session *s, const char *direct, const char *prepare_option)
{
    const char *const settings[][2] = {
        {"direct", direct}, {"prepare", prepare_option}, {NULL, NULL}};

    open_set(s, settings);
}

void session_close(session *s)
{
    PG->conn->close(s->conn);
    PG->conn->close_source(s->source);
}

tn_driver_stmt *prepare(session *s, const char *sql)
{
    tn_driver_stmt *stmt = NULL;

    if (PG->stmt->prepare(s->conn, tn_str_from(sql), soon(), &stmt, &s->err) != TN_OK)
        fail_msg("%s: %s", sql, s->err.message);
    return stmt;
}

tn_status run_stmt(session *s, tn_driver_stmt *stmt, const tn_value *params, size_t n,
                   uint32_t flags, int64_t *ret_rows)
{
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof(batch)};
    int64_t rows = 0;

    tn_status status = PG->cursor->execute(stmt, params, n, flags, soon(), &cursor, &s->err);
    while (status == TN_OK && !batch.done) {
        status = PG->cursor->fetch(cursor, soon(), &batch, &s->err);
        if (status == TN_OK)
            rows += batch.rows;
    }
    PG->cursor->close(cursor);
    if (status == TN_OK && ret_rows)
        *ret_rows = rows;
    return status;
}

tn_status run(session *s, const char *sql)
{
    tn_driver_stmt *stmt = NULL;

    tn_status status = PG->stmt->prepare(s->conn, tn_str_from(sql), soon(), &stmt, &s->err);
    if (status == TN_OK)
        status = run_stmt(s, stmt, NULL, 0, TN_EXECUTE_STREAM, NULL);
    PG->stmt->close(stmt);
    return status;
}

void must(session *s, const char *sql)
{
    if (run(s, sql) != TN_OK)
        fail_msg("%s: %s %s", sql, s->err.sqlstate, s->err.message);
}

const char *ask(session *s, const char *sql)
{
    static char text[4096];
    tn_driver_stmt *stmt = prepare(s, sql);
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof(batch)};

    if (PG->cursor->execute(stmt, NULL, 0, 0, soon(), &cursor, &s->err) != TN_OK ||
        PG->cursor->fetch(cursor, soon(), &batch, &s->err) != TN_OK || batch.rows < 1)
        fail_msg("%s: %s", sql, s->err.message);
    if (batch.values[0].type == TN_TYPE_NULL)
        strcpy(text, "(null)");
    else
        tn_value_format(&batch.values[0], text, sizeof(text));
    PG->cursor->close(cursor);
    PG->stmt->close(stmt);
    return text;
}

tn_value text_value(const char *text)
{
    return (tn_value){.type = TN_TYPE_TEXT, .as.ptr = text, .len = (uint32_t)strlen(text)};
}

tn_value int_value(tn_type type, int64_t i)
{
    return (tn_value){.type = (uint8_t)type, .as.i = i};
}
