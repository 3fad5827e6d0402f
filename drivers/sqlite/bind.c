/* SPDX-License-Identifier: MIT */
/*
 * From values to SQLite's storage classes: whole numbers and booleans are integers, floats are
 * reals, bytes are blobs, everything else is PostgreSQL's text. What SQLite cannot keep is refused.
 */
#include "sqlite/lite.h"

#include <math.h>
#include <string.h>

#include "base/decimal.h"
#include "base/str.h"
#include "base/text.h"

/* Digits that a double keeps, whatever they are. */
#define EXACT_DIGITS 15

static LITE_SELDOM tn_status bind_failed(tn_driver_stmt *stmt, int rc, tn_error *err)
{
    return lite_error(stmt->conn, rc, &(lite_where){TN_PHASE_BIND, &stmt->info, {NULL, 0}}, err);
}

/* A statement without rows is over when execute() returns: what the caller passed in lives so long.
 * Else SQLite refers to a copy that the statement keeps. NULL: no memory. */
static const char *keep(tn_driver_stmt *stmt, const char *ptr, size_t len)
{
    if (len == 0)
        return "";
    return stmt->n_columns == 0 ? ptr : tn__arena_copy(&stmt->bound, ptr, len);
}

static tn_status bind_text(tn_driver_stmt *stmt, int index, const tn_value *value, tn_error *err)
{
    const char *text;
    int rc;

    if (value->len && memchr(value->as.ptr, '\0', value->len))
        return lite_fail(stmt->conn, TN_PHASE_BIND, "22021", err,
                         "parameter $%d: a text cannot hold a NUL byte", index);
    text = keep(stmt, value->as.ptr, value->len);
    if (!text)
        return kit_nomem(stmt->conn->host, err, TN_PHASE_BIND);
    rc = sqlite3_bind_text64(stmt->stmt, index, text, value->len, SQLITE_STATIC, SQLITE_UTF8);
    return rc == SQLITE_OK ? TN_OK : bind_failed(stmt, rc, err);
}

static tn_status bind_bytes(tn_driver_stmt *stmt, int index, const tn_value *value, tn_error *err)
{
    const char *bytes = keep(stmt, value->as.ptr, value->len);
    int rc;

    if (!bytes)
        return kit_nomem(stmt->conn->host, err, TN_PHASE_BIND);
    rc = sqlite3_bind_blob64(stmt->stmt, index, bytes, value->len, SQLITE_STATIC);
    return rc == SQLITE_OK ? TN_OK : bind_failed(stmt, rc, err);
}

static tn_status bind_double(tn_driver_stmt *stmt, int index, double number, tn_error *err)
{
    int rc;

    if (isnan(number))
        return lite_fail(stmt->conn, TN_PHASE_BIND, "0A000", err,
                         "parameter $%d is NaN, which SQLite would store as NULL", index);
    rc = sqlite3_bind_double(stmt->stmt, index, number);
    return rc == SQLITE_OK ? TN_OK : bind_failed(stmt, rc, err);
}

/* An integer where it is whole and fits, else a real, which is exact to 15 digits. */
static tn_status bind_numeric(tn_driver_stmt *stmt, int index, const tn_value *value, tn_error *err)
{
    tn_driver_conn *conn = stmt->conn;
    tn__buf *buf = &conn->scratch;
    tn_str normal;
    int64_t whole;
    double number;

    tn__buf_reset(buf);
    if (!tn__decimal_normal(tn__str(value->as.ptr, value->len), buf))
        return buf->failed
                   ? kit_nomem(conn->host, err, TN_PHASE_BIND)
                   : lite_fail(conn, TN_PHASE_BIND, "22P02", err,
                               "parameter $%d: invalid input syntax for type numeric", index);
    normal = tn__str(buf->ptr, buf->len);
    if (tn__decimal_to_int64(normal, &whole)) {
        int rc = sqlite3_bind_int64(stmt->stmt, index, whole);
        return rc == SQLITE_OK ? TN_OK : bind_failed(stmt, rc, err);
    }
    if (tn__decimal_digits(normal) == 0)
        return lite_fail(conn, TN_PHASE_BIND, "0A000", err,
                         "parameter $%d: SQLite has no numeric %.*s", index, (int)normal.len,
                         normal.ptr);
    if (tn__decimal_digits(normal) <= EXACT_DIGITS && tn__decimal_to_double(normal, &number) &&
        number != 0)
        return bind_double(stmt, index, number, err);
    return lite_fail(conn, TN_PHASE_BIND, "0A000", err,
                     "parameter $%d: a numeric of %zu digits cannot be kept exactly by SQLite (at "
                     "most %d, or a whole number within bigint); store it as text, or use "
                     "PostgreSQL",
                     index, tn__decimal_digits(normal), EXACT_DIGITS);
}

/* Into buf of TN_TIME_TEXT_SIZE bytes; NULL: an array has no such bound. */
static const char *format_short(const tn_value *value, char *buf)
{
    switch ((tn_type)value->type) {
    case TN_TYPE_UUID: return tn_uuid_format(*value->as.uuid, buf);
    case TN_TYPE_TIMESTAMPTZ: return tn_time_format((tn_time){value->as.i}, buf);
    case TN_TYPE_TIMESTAMP: return tn_timestamp_format((tn_timestamp){value->as.i}, buf);
    case TN_TYPE_DATE: return tn_date_format((tn_date){(int32_t)value->as.i}, buf);
    case TN_TYPE_TIME: return tn_timeofday_format((tn_timeofday){value->as.i}, buf);
    case TN_TYPE_INTERVAL: return tn_interval_format(*value->as.interval, buf);
    default: return NULL;
    }
}

/* PostgreSQL's text of a value that SQLite has no class for. */
static tn_status bind_formatted(tn_driver_stmt *stmt, int index, const tn_value *value,
                                tn_error *err)
{
    char fixed[TN_TIME_TEXT_SIZE];
    const char *text = format_short(value, fixed);
    size_t len = text ? strlen(text) : 0;
    tn__buf *buf = &stmt->conn->scratch;
    int rc;

    tn__buf_reset(buf);
    if (!text && lite_value_text(value, buf)) {
        text = buf->ptr;
        len = buf->len;
    }
    if (text)
        text = tn__arena_copy(&stmt->bound, text, len);
    if (!text)
        return kit_nomem(stmt->conn->host, err, TN_PHASE_BIND);
    rc = sqlite3_bind_text64(stmt->stmt, index, text, len, SQLITE_STATIC, SQLITE_UTF8);
    return rc == SQLITE_OK ? TN_OK : bind_failed(stmt, rc, err);
}

static tn_status bind_one(tn_driver_stmt *stmt, int index, const tn_value *value, tn_error *err)
{
    int rc;

    switch ((tn_type)value->type) {
    case TN_TYPE_NULL: rc = sqlite3_bind_null(stmt->stmt, index); break;
    case TN_TYPE_BOOL: rc = sqlite3_bind_int(stmt->stmt, index, value->as.i != 0); break;
    case TN_TYPE_INT16:
    case TN_TYPE_INT32:
    case TN_TYPE_INT64: rc = sqlite3_bind_int64(stmt->stmt, index, value->as.i); break;
    case TN_TYPE_FLOAT4:
    case TN_TYPE_FLOAT8: return bind_double(stmt, index, value->as.f, err);
    case TN_TYPE_NUMERIC: return bind_numeric(stmt, index, value, err);
    case TN_TYPE_TEXT:
    case TN_TYPE_JSON:
    case TN_TYPE_OTHER: return bind_text(stmt, index, value, err);
    case TN_TYPE_BYTES: return bind_bytes(stmt, index, value, err);
    case TN_TYPE_UUID:
    case TN_TYPE_TIMESTAMPTZ:
    case TN_TYPE_TIMESTAMP:
    case TN_TYPE_DATE:
    case TN_TYPE_TIME:
    case TN_TYPE_INTERVAL:
    case TN_TYPE_ARRAY: return bind_formatted(stmt, index, value, err);
    default:
        return lite_fail(stmt->conn, TN_PHASE_BIND, "0A000", err,
                         "parameter $%d has a type that the sqlite driver does not know", index);
    }
    return rc == SQLITE_OK ? TN_OK : bind_failed(stmt, rc, err);
}

/* A text for a placeholder of another type. */
static tn_status bind_parsed(tn_driver_stmt *stmt, int index, const tn_value *value,
                             const lite_type *type, tn_error *err)
{
    char message[256];
    tn_value parsed;
    const char *wrong = lite_text_parse(stmt->conn, type, tn__str(value->as.ptr, value->len),
                                        &stmt->bound, &parsed, message, sizeof message);

    if (wrong)
        return lite_fail(stmt->conn, TN_PHASE_BIND, wrong, err, "%s", message);
    return bind_one(stmt, index, &parsed, err);
}

static LITE_SELDOM tn_status wrong_count(tn_driver_stmt *stmt, size_t n_params, tn_error *err)
{
    return lite_fail(stmt->conn, TN_PHASE_BIND, "08P01", err,
                     "the statement has %u parameters, %zu were given", stmt->info.n_params,
                     n_params);
}

/* As the placeholder's type wants it. */
static LITE_SELDOM tn_status bind_typed(tn_driver_stmt *stmt, int index, const tn_value *value,
                                        tn_error *err)
{
    const lite_type *type = stmt->info.param_types[index - 1];

    return type && value->type == TN_TYPE_TEXT && type->type != TN_TYPE_TEXT
               ? bind_parsed(stmt, index, value, type, err)
               : bind_one(stmt, index, value, err);
}

tn_status lite_bind(tn_driver_stmt *stmt, const tn_value *params, size_t n_params, tn_error *err)
{
    int n = (int)n_params;

    if (TN_UNLIKELY(n_params != stmt->info.n_params))
        return wrong_count(stmt, n_params, err);
    if (stmt->bound.used)
        tn__arena_reset(&stmt->bound);
    for (int i = 0; i < n; i++) {
        const tn_value *value = &params[i];
        tn_status status;
        /* The most frequent ones without a call. */
        if (value->type == TN_TYPE_INT64 || value->type == TN_TYPE_INT32) {
            int rc = sqlite3_bind_int64(stmt->stmt, i + 1, value->as.i);
            status = TN_LIKELY(rc == SQLITE_OK) ? TN_OK : bind_failed(stmt, rc, err);
        } else if (stmt->info.param_types) {
            status = bind_typed(stmt, i + 1, value, err);
        } else {
            status = bind_one(stmt, i + 1, value, err);
        }
        if (TN_UNLIKELY(status != TN_OK))
            return status;
    }
    return TN_OK;
}
