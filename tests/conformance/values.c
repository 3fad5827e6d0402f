/* SPDX-License-Identifier: MIT */
#include "values.h"

#include <inttypes.h>
#include <string.h>

#include "frame.h"

static bool same_array(const tn_value *value, const tn_array *given)
{
    const tn_array *array = value->as.array;

    if (value->type != TN_TYPE_ARRAY || array->count != given->count ||
        (given->count > 0 && array->element != given->element))
        return false;
    for (size_t i = 0; i < given->count; i++) {
        tn_arg item = {.kind = given->items[i].type};
        switch ((tn_type)given->items[i].type) {
        case TN_TYPE_NULL:
            if (array->items[i].type != TN_TYPE_NULL)
                return false;
            continue;
        case TN_TYPE_FLOAT4:
        case TN_TYPE_FLOAT8: item.as.f = given->items[i].as.f; break;
        case TN_TYPE_UUID: item.as.uuid = *given->items[i].as.uuid; break;
        case TN_TYPE_INTERVAL: item.as.interval = *given->items[i].as.interval; break;
        case TN_TYPE_TEXT:
        case TN_TYPE_JSON:
        case TN_TYPE_NUMERIC:
        case TN_TYPE_OTHER:
        case TN_TYPE_BYTES:
            item.as.view.ptr = given->items[i].as.ptr;
            item.as.view.len = given->items[i].len;
            break;
        default: item.as.i = given->items[i].as.i; break;
        }
        if (!value_is(&array->items[i], &item))
            return false;
    }
    return true;
}

bool value_is(const tn_value *value, const tn_arg *given)
{
    if (!value)
        return false;
    if (given->kind == TN_TYPE_ARRAY)
        return same_array(value, given->as.array);
    if (value->type != given->kind)
        return false;
    switch ((tn_type)given->kind) {
    case TN_TYPE_NULL: return true;
    case TN_TYPE_BOOL:
    case TN_TYPE_INT16:
    case TN_TYPE_INT32:
    case TN_TYPE_INT64:
    case TN_TYPE_TIMESTAMPTZ:
    case TN_TYPE_TIMESTAMP:
    case TN_TYPE_DATE:
    case TN_TYPE_TIME: return value->as.i == given->as.i;
    case TN_TYPE_FLOAT4:
    case TN_TYPE_FLOAT8:
        return (value->as.f != value->as.f && given->as.f != given->as.f) ||
               memcmp(&value->as.f, &given->as.f, sizeof(value->as.f)) == 0;
    case TN_TYPE_TEXT:
    case TN_TYPE_JSON:
    case TN_TYPE_NUMERIC:
    case TN_TYPE_OTHER:
        if (value->as.ptr[value->len] != '\0')
            return false;
        __attribute__((fallthrough));
    case TN_TYPE_BYTES:
        return value->len == given->as.view.len &&
               (value->len == 0 || memcmp(value->as.ptr, given->as.view.ptr, value->len) == 0);
    case TN_TYPE_UUID: return memcmp(value->as.uuid, &given->as.uuid, sizeof(tn_uuid)) == 0;
    case TN_TYPE_INTERVAL:
        return value->as.interval->us == given->as.interval.us &&
               value->as.interval->days == given->as.interval.days &&
               value->as.interval->months == given->as.interval.months;
    case TN_TYPE_ARRAY: break;
    }
    return false;
}

static void print_value(const tn_value *value, char *buf, size_t size)
{
    if (!value || value->type == TN_TYPE_NULL)
        snprintf(buf, size, "NULL");
    else
        tn_value_format(value, buf, size);
}

static void require(fixture *f, const char *where, const char *type, size_t i,
                    const tn_value *value, const tn_arg *given)
{
    char text[200];

    if (value_is(value, given))
        return;
    print_value(value, text, sizeof(text));
    suite_fail(f, "value %zu of type %s %s comes back as %s %s", i, type, where,
               value ? tn_type_name((tn_type)value->type) : "nothing", text);
}

/* format with @ replaced. */
static const char *with(fixture *f, const char *format, const char *word)
{
    size_t size = strlen(format) + strlen(word) + 1;
    char *text = room(f, size);
    const char *at = strchr(format, '@');

    snprintf(text, size, "%.*s%s%s", (int)(at - format), format, word, at + 1);
    return text;
}

/* Makes {t} anew with a column of that type, whose name no statement has met: what is cached for
 * a text of before would not fit. (That this does no harm is a case of its own: stmt/...) */
static const char *column_of(fixture *f, const char *type)
{
    char *name = room(f, 16);

    snprintf(name, 16, "v%u", ++f->frame->columns);
    suite_exec(f, f->db, "drop table if exists {t}", NULL);
    suite_exec(f, f->db, with(f, with(f, "create table {t} (k integer, @ @)", name), type), NULL);
    return name;
}

static void through_column(fixture *f, const char *type, const tn_arg *values, size_t count)
{
    tn_arg null_arg = tn_arg_null(tn_null);
    const char *column = column_of(f, type);
    const char *insert = with(f, "insert into {t} (k, @) values ($1, $2)", column);

    for (size_t i = 0; i <= count; i++) {
        tn_arg args[2] = {tn_arg_int32((int32_t)i), i < count ? values[i] : null_arg};
        suite_exec(f, f->db, insert, &(tn_arglist){.items = args, .count = 2});
    }
    tn_rows *rows = query(f, f->db, with(f, "select @ from {t} order by k", column), NULL);
    if (tn_rows_columns(rows) == 1)
        suite_check_int(f, "the type of the column", tn_rows_column(rows, 0)->type, values[0].kind);
    for (size_t i = 0; i <= count; i++) {
        suite_next(f, rows);
        require(f, "in a column", type, i, tn_row_value(rows, 0),
                i < count ? &values[i] : &null_arg);
    }
    suite_close(f, rows);
}

static void through_cast(fixture *f, const char *type, const tn_arg *values, size_t count)
{
    const char *text = with(f, "select cast($1 as @)", type);

    for (size_t i = 0; i < count; i++) {
        tn_rows *rows = query(f, f->db, text, &(tn_arglist){.items = &values[i], .count = 1});
        suite_next(f, rows);
        if (has(f, TN_CAP_SQL))
            suite_check_int(f, "the type of a cast's column", tn_rows_column(rows, 0)->type,
                            values[0].kind);
        require(f, "in a cast", type, i, tn_row_value(rows, 0), &values[i]);
        suite_close(f, rows);
    }
}

void suite_round_trips(fixture *f, const char *type, const tn_arg *values, size_t count)
{
    if (has(f, TN_CAP_SQL))
        through_column(f, type, values, count);
    through_cast(f, type, values, count);
}

static void require_text(fixture *f, const char *where, const tn_rows *rows, tn_type type,
                         const char *expected)
{
    char text[512];
    const tn_value *value = tn_row_value(rows, 0);

    print_value(value, text, sizeof(text));
    if (!value || value->type != type || strcmp(text, expected) != 0)
        suite_fail(f, "%s comes back as %s \"%s\", expected %s \"%s\"", where,
                   value ? tn_type_name((tn_type)value->type) : "nothing", text, tn_type_name(type),
                   expected);
}

void suite_text_becomes(fixture *f, const char *type, tn_type expected_type, const char *text,
                        const char *expected)
{
    const char *column = column_of(f, type);

    suite_exec(f, f->db, with(f, "insert into {t} (@) values ($1)", column), tn_args(text));
    tn_rows *rows = query(f, f->db, with(f, "select @ from {t}", column), NULL);
    suite_next(f, rows);
    require_text(f, "the column", rows, expected_type, expected);
    suite_close(f, rows);
    rows = query(f, f->db, with(f, "select cast($1 as @)", type), tn_args(text));
    suite_next(f, rows);
    require_text(f, "the cast", rows, expected_type, expected);
    suite_close(f, rows);
}

void suite_text_refused(fixture *f, const char *type, const char *text, const char *sqlstate)
{
    suite_exec_fails(f, f->db, with(f, "select cast($1 as @)", type), tn_args(text), TN_DATA,
                     sqlstate, NULL);
}
