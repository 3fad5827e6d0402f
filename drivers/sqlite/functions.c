/* SPDX-License-Identifier: MIT */
/*
 * SQL functions that SQLite lacks and that mean exactly what PostgreSQL's do: now(),
 * transaction_timestamp(), clock_timestamp(), gen_random_uuid(), pg_sleep(); and tn_cast(value,
 * 'type'), which the dialect writes for CAST to a type that SQLite does not know.
 */
#include "sqlite/lite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/text.h"

#define SLEEP_NS (5 * TN__NS_PER_MS) /* between two looks at the deadline */

static void give_time(sqlite3_context *ctx, int64_t us)
{
    char text[TN_TIME_TEXT_SIZE];

    sqlite3_result_text(ctx, tn_time_format((tn_time){us}, text), -1, SQLITE_TRANSIENT);
}

/* The start of the transaction, of the statement outside one. */
static void f_now(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    tn_driver_conn *conn = sqlite3_user_data(ctx);

    (void)argc;
    (void)argv;
    if (!conn->now_set) {
        conn->now_us = tn_time_now().us;
        conn->now_set = true;
    }
    give_time(ctx, conn->now_us);
}

static void f_clock_timestamp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    give_time(ctx, tn_time_now().us);
}

static void f_gen_random_uuid(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    char text[TN_UUID_TEXT_SIZE];

    (void)argc;
    (void)argv;
    sqlite3_result_text(ctx, tn_uuid_format(tn_uuid_random(), text), 36, SQLITE_TRANSIENT);
}

static void f_pg_sleep(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    tn_driver_conn *conn = sqlite3_user_data(ctx);
    double seconds = sqlite3_value_double(argv[0]);
    int64_t now = conn->host->now();
    int64_t end;

    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    end = seconds > 0 ? now + (int64_t)(fmin(seconds, 1e9) * 1e9) : now;
    while (now < end) {
        int64_t pause = end - now < SLEEP_NS ? end - now : SLEEP_NS;
        conn->stopped = conn->host->interrupted(conn->host_conn, conn->deadline);
        if (conn->stopped != TN_WAIT_READY || !lite_pause(conn, pause)) {
            sqlite3_result_error_code(ctx, SQLITE_INTERRUPT);
            return;
        }
        now = conn->host->now();
    }
    sqlite3_result_text(ctx, "", 0, SQLITE_STATIC);
}

/* ---- tn_cast -------------------------------------------------------------------------------- */

static void raise_error(sqlite3_context *ctx, const char *sqlstate, const char *message)
{
    tn_driver_conn *conn = sqlite3_user_data(ctx);

    conn->raised.set = true;
    tn__copy_text(conn->raised.sqlstate, sizeof conn->raised.sqlstate, kit_str(sqlstate));
    tn__copy_text(conn->raised.message, sizeof conn->raised.message, kit_str(message));
    sqlite3_result_error(ctx, message, -1);
}

static void give(sqlite3_context *ctx, const tn_value *value)
{
    tn__buf out;

    if (value->type == TN_TYPE_BOOL) {
        sqlite3_result_int(ctx, value->as.i != 0);
        return;
    }
    if (value->type == TN_TYPE_BYTES) {
        sqlite3_result_blob64(ctx, value->len ? value->as.ptr : "", value->len, SQLITE_TRANSIENT);
        return;
    }
    tn__buf_init(&out, TN__BUF_MAX);
    if (lite_value_text(value, &out))
        sqlite3_result_text64(ctx, out.ptr, out.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    else
        sqlite3_result_error_nomem(ctx);
    tn__buf_free(&out);
}

static void cast_text(sqlite3_context *ctx, sqlite3_value *from, const lite_type *type)
{
    tn_driver_conn *conn = sqlite3_user_data(ctx);
    const char *ptr = (const char *)sqlite3_value_text(from);
    tn_str text = {ptr, ptr ? (size_t)sqlite3_value_bytes(from) : 0};
    tn_value value = {.type = TN_TYPE_NULL};
    char message[256];
    const char *wrong;

    if (!ptr) {
        sqlite3_result_error_nomem(ctx);
        return;
    }
    tn__arena_reset(&conn->function_arena);
    wrong = lite_text_parse(conn, type, text, &conn->function_arena, &value, message,
                            sizeof message);
    if (wrong)
        raise_error(ctx, wrong, message);
    else
        give(ctx, &value);
}

static void f_cast(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    lite_type *type = sqlite3_get_auxdata(ctx, 1);
    lite_type local;
    int storage = sqlite3_value_type(argv[0]);
    char message[160];

    (void)argc;
    if (storage == SQLITE_NULL)
        return;
    if (!type) {
        const char *word = (const char *)sqlite3_value_text(argv[1]);
        if (!word || !lite_decltype(kit_str(word), &local)) {
            raise_error(ctx, "42704", "tn_cast: unknown type");
            return;
        }
        type = malloc(sizeof *type);
        if (type) {
            *type = local;
            sqlite3_set_auxdata(ctx, 1, type, free);
        }
        type = &local; /* SQLite may have freed the other one at once */
    }
    if (storage == SQLITE_TEXT) {
        cast_text(ctx, argv[0], type);
    } else if (storage == SQLITE_INTEGER && type->type == TN_TYPE_BOOL) {
        sqlite3_result_int(ctx, sqlite3_value_int64(argv[0]) != 0);
    } else if (storage == SQLITE_BLOB && type->type == TN_TYPE_BYTES) {
        sqlite3_result_value(ctx, argv[0]);
    } else {
        (void)snprintf(message, sizeof message, "cannot cast type %s to %s",
                       storage == SQLITE_INTEGER ? "bigint"
                       : storage == SQLITE_FLOAT ? "double precision"
                                                 : "bytea",
                       type->sql);
        raise_error(ctx, "42846", message);
    }
}

int lite_functions_install(tn_driver_conn *conn)
{
    static const struct {
        const char *name;
        int args;
        int flags;
        void (*fn)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        /* Innocuous: allowed in DEFAULT and CHECK although the schema is not trusted. */
        {"now", 0, SQLITE_INNOCUOUS, f_now},
        {"transaction_timestamp", 0, SQLITE_INNOCUOUS, f_now},
        {"clock_timestamp", 0, SQLITE_INNOCUOUS, f_clock_timestamp},
        {"gen_random_uuid", 0, SQLITE_INNOCUOUS, f_gen_random_uuid},
        {"pg_sleep", 1, SQLITE_DIRECTONLY, f_pg_sleep},
        {"tn_cast", 2, SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC, f_cast},
    };

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        int rc = sqlite3_create_function_v2(conn->db, functions[i].name, functions[i].args,
                                            SQLITE_UTF8 | functions[i].flags, conn, functions[i].fn,
                                            NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_OK;
}
