/* SPDX-License-Identifier: MIT */
#include "lite_test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define MODULE (&tn_driver_module)

void (*lite_test_aside)(bool aside);

static tn_wait_result interrupted(tn_host_conn *conn, int64_t deadline_ns)
{
    if (conn && conn->interrupted)
        return TN_WAIT_INTERRUPTED;
    return tn__now_ns() >= deadline_ns ? TN_WAIT_TIMEOUT : TN_WAIT_READY;
}

void (*lite_test_meanwhile)(lite_test *t);
static lite_test *current;

static tn_wait_result host_wait(tn_host_conn *conn, int fd, int events, int64_t deadline_ns)
{
    if (lite_test_meanwhile)
        lite_test_meanwhile(current);
    return driver_host.wait(conn, fd, events, deadline_ns);
}

/* The shared host, which takes an interruption as well. */
static const tn_host *host(void)
{
    static tn_host own;

    own = driver_host;
    own.interrupted = interrupted;
    own.wait = host_wait;
    return &own;
}

int lite_test_begin(void **state)
{
    lite_test *t = calloc(1, sizeof *t);

    if (!t)
        return -1;
    t->deadline = TN_NO_DEADLINE;
    (void)strcpy(t->directory, "/tmp/tenon-lite-XXXXXX");
    if (!mkdtemp(t->directory)) {
        free(t);
        return -1;
    }
    (void)snprintf(t->url, sizeof t->url, "sqlite:%s/test.db", t->directory);
    *state = t;
    current = t;
    return 0;
}

void lite_test_close_source(lite_test *t)
{
    for (int i = 0; i < LITE_TEST_CONNS; i++) {
        MODULE->conn->close(t->conns[i]);
        t->conns[i] = NULL;
    }
    MODULE->conn->close_source(t->source);
    t->source = NULL;
    t->conn = NULL;
}

int lite_test_end(void **state)
{
    lite_test *t = *state;
    char path[400];
    DIR *dir;

    lite_test_close_source(t);
    dir = opendir(t->directory);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s/%s", t->directory, entry->d_name);
        if (entry->d_name[0] != '.' && unlink(path) != 0)
            (void)rmdir(path);
    }
    if (dir)
        (void)closedir(dir);
    (void)rmdir(t->directory);
    free(t);
    return 0;
}

tn_status lite_test_source(lite_test *t, const char *url, const char *settings)
{
    char copy[256];
    tn_driver_setting list[8];
    size_t n = 0;
    char *rest = copy;

    (void)snprintf(copy, sizeof copy, "%s", settings);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL && n < 8; n++) {
        char *value = strchr(word, '=');
        *value++ = '\0';
        list[n] = (tn_driver_setting){tn_str_from(word), tn_str_from(value)};
    }
    tn_source_config config = {
        .size = sizeof config,
        .scheme = tn_str_from("sqlite"),
        .url = tn_str_from(url),
        .settings = list,
        .n_settings = n,
        .application_name = tn_str_from("tenon-test"),
        .max_connections = 4,
        .connect_timeout_ms = 10000,
    };
    lite_test_close_source(t);
    tn_error_clear(&t->err);
    return MODULE->conn->open_source(host(), &config, &t->source, &t->err);
}

tn_driver_conn *lite_test_connect(lite_test *t, int i)
{
    tn_status status = MODULE->conn->open(t->source, &t->hosts[i], TN_NO_DEADLINE, &t->conns[i],
                                          &t->err);

    if (status != TN_OK)
        fail_msg("connection: %s", t->err.message);
    if (i == 0)
        t->conn = t->conns[0];
    return t->conns[i];
}

void lite_test_open(lite_test *t)
{
    if (lite_test_source(t, t->url, "") != TN_OK)
        fail_msg("source: %s", t->err.message);
    (void)lite_test_connect(t, 0);
}

tn_value lite_int(int64_t i)
{
    return (tn_value){.type = TN_TYPE_INT64, .as.i = i};
}

tn_value lite_of(tn_type type, const char *text)
{
    return (tn_value){.type = (uint8_t)type, .as.ptr = text, .len = (uint32_t)strlen(text)};
}

tn_value lite_text(const char *text)
{
    return lite_of(TN_TYPE_TEXT, text);
}

static void add_rows(lite_test *t, const tn_batch *batch, size_t columns)
{
    size_t len = strlen(t->text);

    for (uint32_t row = 0; row < batch->rows; row++)
        for (size_t i = 0; i < columns && len < sizeof t->text - 1; i++) {
            const tn_value *value = &batch->values[row * columns + i];
            if (value->type == TN_TYPE_NULL)
                len += (size_t)snprintf(t->text + len, sizeof t->text - len, "-");
            else
                len += tn_value_format(value, t->text + len, sizeof t->text - len);
            if (len < sizeof t->text - 1) {
                t->text[len++] = i + 1 < columns ? '|' : '\n';
                t->text[len] = '\0';
            }
        }
}

static tn_status read_all(lite_test *t, tn_driver_cursor *cursor, size_t columns)
{
    for (;;) {
        tn_status status;
        t->last = (tn_batch){.size = sizeof t->last};
        status = MODULE->cursor->fetch(cursor, t->deadline, &t->last, &t->err);
        if (status != TN_OK)
            return status;
        if (lite_test_aside)
            lite_test_aside(true);
        add_rows(t, &t->last, columns);
        if (lite_test_aside)
            lite_test_aside(false);
        if (!t->last.done)
            continue;
        (void)snprintf(t->tag, sizeof t->tag, "%s", t->last.tag);
        return TN_OK;
    }
}

tn_status lite_try(lite_test *t, tn_driver_conn *conn, const char *sql, const tn_value *params,
                   size_t n_params)
{
    tn_stmt_info info = {.size = sizeof info};
    tn_driver_stmt *stmt = NULL;
    tn_driver_cursor *cursor = NULL;
    tn_status status;

    t->text[0] = t->tag[0] = '\0';
    tn_error_clear(&t->err);
    status = MODULE->stmt->prepare(conn, tn_str_from(sql), t->deadline, &stmt, &t->err);
    if (status != TN_OK)
        return status;
    MODULE->stmt->describe(stmt, &info);
    status = MODULE->cursor->execute(stmt, params, n_params, TN_EXECUTE_STREAM, t->deadline,
                                     &cursor, &t->err);
    if (status == TN_OK)
        status = read_all(t, cursor, info.n_columns);
    MODULE->cursor->close(cursor);
    MODULE->stmt->close(stmt);
    return status;
}

const char *lite_qp(lite_test *t, const char *sql, const tn_value *params, size_t n_params)
{
    if (lite_try(t, t->conn, sql, params, n_params) != TN_OK)
        fail_msg("%s: %s: %s", sql, t->err.sqlstate, t->err.message);
    return t->text;
}

const char *lite_q(lite_test *t, const char *sql)
{
    return lite_qp(t, sql, NULL, 0);
}

void lite_fails_on(lite_test *t, tn_driver_conn *conn, const char *sql, const char *sqlstate)
{
    tn_status status = lite_try(t, conn, sql, NULL, 0);

    if (status == TN_OK)
        fail_msg("%s: succeeded, expected %s", sql, sqlstate);
    if (strcmp(t->err.sqlstate, sqlstate) != 0)
        fail_msg("%s: %s (%s), expected %s", sql, t->err.sqlstate, t->err.message, sqlstate);
    assert_int_equal(status, t->err.status);
    assert_true(t->err.message[0] != '\0');
    assert_null(strchr(t->err.message, '\n'));
}

void lite_fails(lite_test *t, const char *sql, const char *sqlstate)
{
    lite_fails_on(t, t->conn, sql, sqlstate);
}
