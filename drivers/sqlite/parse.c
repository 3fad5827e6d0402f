/* SPDX-License-Identifier: MIT */
/* Texts as PostgreSQL's input functions read them, with its errors. TimeZone is UTC. */
#include "sqlite/lite.h"

#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/str.h"
#include "base/text.h"

#define SHOWN 100 /* bytes of a faulty text that a message shows */

/* From the text of one of the date types to another, as PostgreSQL takes it. */
static bool parse_date_type(tn_type type, tn_str text, tn_value *ret)
{
    static const int64_t day = INT64_C(86400000000);
    tn_time time;
    tn_timestamp timestamp;
    tn_date date;
    int64_t us;

    if (tn_time_parse(text, &time))
        us = time.us;
    else if (tn_timestamp_parse(text, &timestamp))
        us = timestamp.us;
    else if (type != TN_TYPE_DATE && tn_date_parse(text, &date))
        us = date.days == TN_DATE_INFINITY            ? TN_TIME_INFINITY
             : date.days == TN_DATE_NEGATIVE_INFINITY ? TN_TIME_NEGATIVE_INFINITY
                                                      : date.days * day;
    else
        return false;
    *ret = (tn_value){.type = (uint8_t)type, .as.i = us};
    if (type == TN_TYPE_DATE)
        ret->as.i = us == TN_TIME_INFINITY            ? TN_DATE_INFINITY
                    : us == TN_TIME_NEGATIVE_INFINITY ? TN_DATE_NEGATIVE_INFINITY
                                                      : us / day - (us % day < 0);
    return true;
}

static bool valid_json(tn_driver_conn *conn, tn_str text)
{
    int64_t valid = 0;
    int rc = lite_fixed_run(conn, LITE_JSON_VALID, NULL); /* prepares it; NULL is its answer */

    if (rc != SQLITE_OK)
        return false;
    (void)sqlite3_bind_text64(conn->fixed[LITE_JSON_VALID], 1, text.ptr, text.len, SQLITE_STATIC,
                              SQLITE_UTF8);
    rc = lite_fixed_run(conn, LITE_JSON_VALID, &valid);
    (void)sqlite3_bind_null(conn->fixed[LITE_JSON_VALID], 1);
    return rc == SQLITE_OK && valid != 0;
}

/* ---- errors --------------------------------------------------------------------------------- */

static bool whole_number(tn_str text)
{
    size_t i = 0;

    text = tn__str_trim(text);
    if (text.len && (text.ptr[0] == '-' || text.ptr[0] == '+'))
        i = 1;
    if (i == text.len)
        return false;
    while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
        i++;
    return i == text.len;
}

static bool decimal_number(tn_str text)
{
    tn__buf buf;
    bool ok;

    tn__buf_init(&buf, TN__BUF_MAX);
    ok = tn__decimal_normal(tn__str_trim(text), &buf);
    tn__buf_free(&buf);
    return ok;
}

/* Nothing but what dates and times consist of: then a field is out of range, not the syntax wrong.
 */
static bool date_like(tn_str text)
{
    text = tn__str_trim(text);
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789-:.+ TZBCtzbc", text.ptr[i]))
            return false;
    return text.len > 0 && text.ptr[0] >= '0' && text.ptr[0] <= '9';
}

static const char *fault(const lite_type *type, tn_str text, char *message, size_t size)
{
    int shown = (int)tn__utf8_cut(text.ptr, text.len, SHOWN);
    bool range = false;

    switch (type->type) {
    case TN_TYPE_ARRAY:
        (void)snprintf(message, size, "malformed array literal: \"%.*s\"", shown, text.ptr);
        return "22P02";
    case TN_TYPE_TIMESTAMPTZ:
    case TN_TYPE_TIMESTAMP:
    case TN_TYPE_DATE:
    case TN_TYPE_TIME:
        if (date_like(text)) {
            (void)snprintf(message, size, "date/time field value out of range: \"%.*s\"", shown,
                           text.ptr);
            return "22008";
        }
        break;
    case TN_TYPE_INT16:
    case TN_TYPE_INT32:
    case TN_TYPE_INT64: range = whole_number(text); break;
    case TN_TYPE_FLOAT4:
    case TN_TYPE_FLOAT8: range = decimal_number(text); break;
    default: break;
    }
    if (range) {
        (void)snprintf(message, size, "value \"%.*s\" is out of range for type %s", shown, text.ptr,
                       type->sql);
        return "22003";
    }
    (void)snprintf(message, size, "invalid input syntax for type %s: \"%.*s\"", type->sql, shown,
                   text.ptr);
    switch (type->type) {
    case TN_TYPE_TIMESTAMPTZ:
    case TN_TYPE_TIMESTAMP:
    case TN_TYPE_DATE:
    case TN_TYPE_TIME:
    case TN_TYPE_INTERVAL: return "22007";
    default: return "22P02";
    }
}

const char *lite_text_parse(tn_driver_conn *conn, const lite_type *type, tn_str text,
                            tn__arena *arena, tn_value *ret, char *message, size_t size)
{
    bool ok = tn__value_parse(type->type, type->element, text, arena, ret);

    if (!ok && (type->type == TN_TYPE_TIMESTAMPTZ || type->type == TN_TYPE_TIMESTAMP ||
                type->type == TN_TYPE_DATE))
        ok = parse_date_type(type->type, text, ret);
    if (ok && type->type == TN_TYPE_JSON)
        ok = valid_json(conn, text);
    return ok ? NULL : fault(type, text, message, size);
}
