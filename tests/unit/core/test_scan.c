/* SPDX-License-Identifier: MIT */
/* core/session/scan: every type of value into every target, and tn_get() and rows on top of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "session/scan.h"
#include "support/mock_client.h"

static mock *m;

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mock", MOCK_CAPABILITIES);
    return 0;
}

static const tn_uuid uuid = {{0xde, 0xad, 0xbe, 0xef}};
static const tn_interval interval = {1, 2, 3};
static const tn_value items[] = {{.type = TN_TYPE_INT32, .as.i = 5}};
static const tn_array array = {items, 1, TN_TYPE_INT32};

/* One value of each type; of the numbers one that fits everywhere. */
static const tn_value values[] = {
    [TN_TYPE_NULL] = {.type = TN_TYPE_NULL},
    [TN_TYPE_BOOL] = {.type = TN_TYPE_BOOL, .as.i = 1},
    [TN_TYPE_INT16] = {.type = TN_TYPE_INT16, .as.i = 1},
    [TN_TYPE_INT32] = {.type = TN_TYPE_INT32, .as.i = 1},
    [TN_TYPE_INT64] = {.type = TN_TYPE_INT64, .as.i = 1},
    [TN_TYPE_FLOAT4] = {.type = TN_TYPE_FLOAT4, .as.f = 1.5},
    [TN_TYPE_FLOAT8] = {.type = TN_TYPE_FLOAT8, .as.f = 1.5},
    [TN_TYPE_NUMERIC] = {.type = TN_TYPE_NUMERIC, .as.ptr = "1", .len = 1},
    [TN_TYPE_TEXT] = {.type = TN_TYPE_TEXT, .as.ptr = "abc", .len = 3},
    [TN_TYPE_BYTES] = {.type = TN_TYPE_BYTES, .as.ptr = "a\0b", .len = 3},
    [TN_TYPE_UUID] = {.type = TN_TYPE_UUID, .as.uuid = &uuid},
    [TN_TYPE_TIMESTAMPTZ] = {.type = TN_TYPE_TIMESTAMPTZ, .as.i = 5},
    [TN_TYPE_TIMESTAMP] = {.type = TN_TYPE_TIMESTAMP, .as.i = 5},
    [TN_TYPE_DATE] = {.type = TN_TYPE_DATE, .as.i = 5},
    [TN_TYPE_TIME] = {.type = TN_TYPE_TIME, .as.i = 5},
    [TN_TYPE_INTERVAL] = {.type = TN_TYPE_INTERVAL, .as.interval = &interval},
    [TN_TYPE_JSON] = {.type = TN_TYPE_JSON, .as.ptr = "{}", .len = 2},
    [TN_TYPE_ARRAY] = {.type = TN_TYPE_ARRAY, .as.array = &array},
    [TN_TYPE_OTHER] = {.type = TN_TYPE_OTHER, .as.ptr = "(1,2)", .len = 5},
};
enum { TYPES = TN_TYPE_OTHER + 1 };

/* ---- the table: value x target
 * ---------------------------------------------------------------------------- */

/* One letter a type of value, in the order of tn_type: = goes, p is text that is parsed and was not
 * of the form (22P02), 0 is NULL and refused (22002), . refused (42804). */
static const struct {
    const char *name;
    uint8_t kind;
    const char *answers;
} targets[] = {
    /*                                N B 2 4 8 f d n t b u z s D T I J A O */
    {"bool", TN_TYPE_BOOL, "0====.............."},
    {"int16_t", TN_TYPE_INT16, "0.===..=..........."},
    {"int32_t", TN_TYPE_INT32, "0.===..=..........."},
    {"int64_t", TN_TYPE_INT64, "0.===..=..........."},
    {"float", TN_TYPE_FLOAT4, "0.======..........."},
    {"double", TN_TYPE_FLOAT8, "0.======..........."},
    {"tn_numeric", TN_TYPE_NUMERIC, "0.===..=..........."},
    {"tn_str", TN_TYPE_TEXT, "0......==.......=.="},
    {"tn_bytes", TN_TYPE_BYTES, "0........=........."},
    {"tn_uuid", TN_TYPE_UUID, "0.......p.=........"},
    {"tn_time", TN_TYPE_TIMESTAMPTZ, "0.......p..=......."},
    {"tn_timestamp", TN_TYPE_TIMESTAMP, "0.......p...=......"},
    {"tn_date", TN_TYPE_DATE, "0.......p....=....."},
    {"tn_timeofday", TN_TYPE_TIME, "0.......p.....=...."},
    {"tn_interval", TN_TYPE_INTERVAL, "0.......p......=..."},
    {"tn_json", TN_TYPE_JSON, "0.......=.......=.."},
    {"tn_array", TN_TYPE_ARRAY, "0................=."},
    {"char *", TN_TARGET_CHARP, "=......==.......=.="},
    {"tn_textbuf", TN_TARGET_BUFFER, "0......==.......=.="},
    {"?", TN_TARGET_IGNORE, "==================="},
};

static const char *sqlstate_of(char answer)
{
    return answer == '0' ? "22002" : answer == 'p' ? "22P02" : answer == '.' ? "42804" : "";
}

static void check_cell(size_t which, int type)
{
    union {
        char bytes[64];
        int64_t align;
        char *text;
    } there, before;
    tn__arena scratch;
    tn__scanned scanned;
    tn_error err = TN_ERROR_INIT;
    char answer = targets[which].answers[type];

    memset(&there, 0x5a, sizeof(there));
    before = there;
    const tn_target target = {.value = &there, .kind = targets[which].kind, .size = 64};
    tn__arena_init(&scratch, 1 << 16);
    tn_status status = tn__scan_convert(&values[type], &target,
                                        (tn__scan_place){.name = "the \"column\"", .index = 2},
                                        &scratch, &scanned, &err);
    if ((status == TN_OK) != (answer == '=') || strcmp(err.sqlstate, sqlstate_of(answer)) != 0)
        fail_msg("%s into %s: status %d, %s \"%s\"", tn_type_name((tn_type)type),
                 targets[which].name, (int)status, err.sqlstate, err.message);
    assert_memory_equal(&there, &before, sizeof(there));
    if (status == TN_OK) {
        tn__scan_store(&scanned, &target);
        if (target.kind == TN_TARGET_CHARP)
            tn_free(there.text);
    } else {
        assert_int_equal(err.phase, TN_PHASE_SCAN);
        assert_contains(err.message, "the \"column\"");
        assert_contains(err.message, targets[which].name);
        assert_string_equal(err.column, "the \"column\"");
    }
    tn__arena_free(&scratch);
}

static void every_value_into_every_target(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        for (int type = 0; type < TYPES; type++)
            check_cell(i, type);
}

static void a_column_without_a_name_is_numbered(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn__scanned scanned;
    int n;
    const tn_target target = tn_target_int32(&n);

    (void)state;
    assert_status(tn__scan_convert(&values[TN_TYPE_TEXT], &target,
                                   (tn__scan_place){.name = "", .index = 2}, NULL, &scanned, &err),
                  TN_DATA);
    assert_contains(err.message, "column 3:");
}

/* ---- NULL
 * -------------------------------------------------------------------------------------------------
 */

static void optionals_take_null(void **state)
{
    tn_opt_int32 number = {.value = 7, .has = true};
    tn_opt_str text = {.has = true};
    tn_error err = TN_ERROR_INIT;
    const tn_target into_number = tn_target_opt_int32(&number),
                    into_text = tn_target_opt_str(&text);

    (void)state;
    assert_ok(tn_value_read(&values[TN_TYPE_NULL], &into_number, &err), err);
    assert_false(number.has);
    assert_ok(tn_value_read(&values[TN_TYPE_NULL], &into_text, &err), err);
    assert_false(text.has);
    assert_ok(tn_value_read(&values[TN_TYPE_INT16], &into_number, &err), err);
    assert_true(number.has);
    assert_int_equal(number.value, 1);
    assert_ok(tn_value_read(&values[TN_TYPE_TEXT], &into_text, &err), err);
    assert_true(text.has);
    assert_int_equal(text.value.len, 3);
    assert_status(tn_value_read(&values[TN_TYPE_UUID], &into_number, &err), TN_DATA);
    assert_true(number.has);
    assert_status(tn_value_read(NULL, &into_number, &err), TN_MISUSE);
    assert_status(tn_value_read(&values[TN_TYPE_NULL], NULL, &err), TN_MISUSE);
}

static void null_into_a_plain_target_says_what_to_do(void **state)
{
    tn_error err = TN_ERROR_INIT;
    int n = 5;
    const tn_target target = tn_target_int32(&n);

    (void)state;
    assert_status(tn_value_read(&values[TN_TYPE_NULL], &target, &err), TN_DATA);
    assert_string_equal(err.sqlstate, "22002");
    assert_contains(err.message, "tn_opt_");
    assert_int_equal(n, 5);
}

/* ---- ranges
 * -------------------------------------------------------------------------------------------------
 */

static void check_range(tn_value value, tn_target target, bool fits)
{
    tn_error err = TN_ERROR_INIT;
    tn_status status = tn_value_read(&value, &target, &err);
    char text[64];

    if ((status == TN_OK) == fits && (fits || strcmp(err.sqlstate, "22003") == 0))
        return;
    tn_value_format(&value, text, sizeof(text));
    fail_msg("%s of type %s: status %d, %s \"%s\"", text, tn_type_name((tn_type)value.type),
             (int)status, err.sqlstate, err.message);
}

static tn_value whole(int64_t i)
{
    return (tn_value){.type = TN_TYPE_INT64, .as.i = i};
}

static tn_value real(double f)
{
    return (tn_value){.type = TN_TYPE_FLOAT8, .as.f = f};
}

static tn_value decimal(const char *text)
{
    return (tn_value){.type = TN_TYPE_NUMERIC, .as.ptr = text, .len = (uint32_t)strlen(text)};
}

static void ranges_are_checked(void **state)
{
    int16_t i16;
    int32_t i32;
    int64_t i64;
    float f4;
    double f8;
    bool b;

    (void)state;
    check_range(whole(INT16_MAX), tn_target_int16(&i16), true);
    check_range(whole(INT16_MAX + 1), tn_target_int16(&i16), false);
    check_range(whole(INT16_MIN - 1), tn_target_int16(&i16), false);
    check_range(whole(INT32_MIN), tn_target_int32(&i32), true);
    check_range(whole((int64_t)INT32_MIN - 1), tn_target_int32(&i32), false);
    check_range(whole((int64_t)INT32_MAX + 1), tn_target_int32(&i32), false);
    check_range(whole(INT64_MIN), tn_target_int64(&i64), true);
    check_range(decimal("9223372036854775807"), tn_target_int64(&i64), true);
    check_range(decimal("9223372036854775808"), tn_target_int64(&i64), false);
    check_range(decimal("1.5"), tn_target_int64(&i64), false);
    check_range(decimal("NaN"), tn_target_int64(&i64), false);
    check_range(decimal("70000"), tn_target_int16(&i16), false);
    check_range(whole(2), tn_target_bool(&b), false);
    check_range(whole(-1), tn_target_bool(&b), false);
    check_range(whole(INT64_C(1) << 53), tn_target_double(&f8), true);
    check_range(whole((INT64_C(1) << 53) + 1), tn_target_double(&f8), false);
    check_range(whole(-(INT64_C(1) << 53) - 1), tn_target_double(&f8), false);
    check_range(whole((1 << 24) + 1), tn_target_float(&f4), false);
    check_range(real(0.1), tn_target_float(&f4), false);
    check_range(real(0.5), tn_target_float(&f4), true);
    check_range(real(1e300), tn_target_float(&f4), false);
    check_range(real((double)NAN), tn_target_float(&f4), true);
    check_range(real(INFINITY), tn_target_float(&f4), true);
}

/* A decimal that no float can hold must not become infinite. */
static void a_decimal_beyond_float_is_refused(void **state)
{
    char text[64] = "1";
    float f4 = 5;

    (void)state;
    memset(text + 1, '0', 45);
    check_range(decimal(text), tn_target_float(&f4), false);
    assert_true(f4 == 5);
}

static void texts_are_read_into_the_types_that_sqlite_keeps_as_text(void **state)
{
    const struct {
        const char *text;
        uint8_t kind;
    } cases[] = {
        {"deadbeef-0000-0000-0000-000000000000", TN_TYPE_UUID},
        {"2026-11-23 09:00:00+00", TN_TYPE_TIMESTAMPTZ},
        {"2026-11-23 09:00:00", TN_TYPE_TIMESTAMP},
        {"2026-11-23", TN_TYPE_DATE},
        {"09:00:00.5", TN_TYPE_TIME},
        {"1 mon 2 days 00:00:03", TN_TYPE_INTERVAL},
    };
    tn_error err = TN_ERROR_INIT;
    char there[32];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const tn_value value = {
            .type = TN_TYPE_TEXT, .as.ptr = cases[i].text, .len = (uint32_t)strlen(cases[i].text)};
        const tn_target target = {.value = there, .kind = cases[i].kind};
        assert_ok(tn_value_read(&value, &target, &err), err);
    }
}

/* ---- texts that are copied
 * -------------------------------------------------------------------------------------- */

static void a_buffer_is_never_cut(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char text[4] = "xyz";
    const tn_target exact = tn_target_textbuf(tn_textbuf(text, 4)),
                    small = tn_target_textbuf(tn_textbuf(text, 3)),
                    none = tn_target_textbuf(tn_textbuf(text, 0));
    const tn_value empty = {.type = TN_TYPE_TEXT, .as.ptr = "", .len = 0};

    (void)state;
    assert_status(tn_value_read(&values[TN_TYPE_TEXT], &small, &err), TN_DATA);
    assert_string_equal(err.sqlstate, "22001");
    assert_contains(err.message, "3 bytes");
    assert_string_equal(text, "xyz");
    assert_status(tn_value_read(&empty, &none, &err), TN_DATA);
    assert_ok(tn_value_read(&values[TN_TYPE_TEXT], &exact, &err), err);
    assert_string_equal(text, "abc");
    assert_ok(tn_value_read(&empty, &small, &err), err);
    assert_string_equal(text, "");
}

static void a_text_with_a_nul_becomes_no_c_string(void **state)
{
    const tn_value value = {.type = TN_TYPE_TEXT, .as.ptr = "a\0b", .len = 3};
    tn_error err = TN_ERROR_INIT;
    char *text = (char *)&err, buffer[8] = "xyz";
    const tn_target heap = tn_target_charp(&text),
                    buf = tn_target_textbuf(tn_textbuf(buffer, sizeof(buffer)));

    (void)state;
    assert_status(tn_value_read(&value, &heap, &err), TN_DATA);
    assert_string_equal(err.sqlstate, "22021");
    assert_ptr_equal(text, &err);
    assert_status(tn_value_read(&value, &buf, &err), TN_DATA);
    assert_string_equal(err.sqlstate, "22021");
    assert_string_equal(buffer, "xyz");
}

/* ---- tn_get
 * ----------------------------------------------------------------------------------------------------
 */

static const tn_column columns[] = {{.name = "a", .type = TN_TYPE_TEXT},
                                    {.name = "b", .type = TN_TYPE_TEXT},
                                    {.name = "c", .type = TN_TYPE_INT32}};
static const tn_value cells[] = {{.type = TN_TYPE_TEXT, .as.ptr = "abc", .len = 3},
                                 {.type = TN_TYPE_NULL},
                                 {.type = TN_TYPE_INT32, .as.i = 70000}};
static const mock_answer answers[] = {
    {.sql = "at once", .columns = columns, .n_columns = 3, .values = cells, .rows = 1},
    {.sql = "by one",
     .columns = columns,
     .n_columns = 3,
     .values = cells,
     .rows = 1,
     .empty_last = true},
};

static void get_writes_all_or_nothing(void **state)
{
    static const char *const texts[] = {"at once", "by one"};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    mock_reset(m);
    mock_answers(m, answers, 2);
    tn_db *db = mock_open(m, "");
    for (int i = 0; i < 2; i++) {
        char *a = (char *)&err, *b = (char *)&err;
        int16_t small = 5;
        int32_t fits = 0;
        assert_status(tn_get(db, texts[i], NULL, tn_into(&a, &b, &small), &err), TN_DATA);
        assert_string_equal(err.column, "c");
        assert_ptr_equal(a, &err);
        assert_ptr_equal(b, &err);
        assert_int_equal(small, 5);
        assert_ok(tn_get(db, texts[i], NULL, tn_into(&a, &b, &fits), &err), err);
        assert_string_equal(a, "abc");
        assert_null(b);
        assert_int_equal(fits, 70000);
        tn_free(a);
        tn_free(b);
    }
    mock_close(m, db);
}

static void rows_give_every_type(void **state)
{
    static tn_column names[TYPES];
    static const char *const letters[TYPES] = {"null", "bool", "i2", "i4",   "i8",   "f4", "f8",
                                               "num",  "text", "by", "uuid", "tz",   "ts", "date",
                                               "time", "iv",   "js", "arr",  "other"};
    mock_answer answer = {
        .sql = "types", .columns = names, .n_columns = TYPES, .values = values, .rows = 1};
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (int i = 0; i < TYPES; i++)
        names[i] = (tn_column){.name = letters[i], .type = (tn_type)i};
    mock_reset(m);
    mock_answers(m, &answer, 1);
    tn_db *db = mock_open(m, "");
    tn_rows *all = tn_query(db, "types", NULL);
    assert_true(tn_next(all));
    assert_true(tn_row_is_null(all, 0));
    assert_true(tn_row_bool(all, TN_TYPE_BOOL));
    assert_int_equal(tn_row_int32(all, TN_TYPE_INT16), 1);
    assert_int_equal(tn_row_int64(all, TN_TYPE_INT64), 1);
    assert_true(tn_row_double(all, TN_TYPE_FLOAT4) == 1.5);
    assert_string_equal(tn_row_numeric(all, TN_TYPE_NUMERIC).ptr, "1");
    assert_string_equal(tn_row_numeric(all, TN_TYPE_INT32).ptr, "1");
    assert_string_equal(tn_row_str(all, tn_col(all, "text")).ptr, "abc");
    assert_int_equal(tn_row_bytes(all, TN_TYPE_BYTES).len, 3);
    assert_memory_equal(tn_row_uuid(all, TN_TYPE_UUID).bytes, uuid.bytes, 16);
    assert_int_equal(tn_row_time(all, TN_TYPE_TIMESTAMPTZ).us, 5);
    assert_int_equal(tn_row_timestamp(all, TN_TYPE_TIMESTAMP).us, 5);
    assert_int_equal(tn_row_date(all, TN_TYPE_DATE).days, 5);
    assert_int_equal(tn_row_timeofday(all, TN_TYPE_TIME).us, 5);
    assert_int_equal(tn_row_interval(all, TN_TYPE_INTERVAL).months, 3);
    assert_string_equal(tn_row_json(all, TN_TYPE_JSON).ptr, "{}");
    assert_int_equal(tn_row_array(all, TN_TYPE_ARRAY).items[0].as.i, 5);
    assert_string_equal(tn_row_str(all, TN_TYPE_OTHER).ptr, "(1,2)");
    assert_int_equal(tn_rows_status(all), TN_OK);
    assert_int_equal(tn_row_int32(all, 0), 0); /* NULL */
    assert_status(tn_close(all, &err), TN_DATA);
    assert_string_equal(err.sqlstate, "22002");
    mock_close(m, db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_into_every_target),
        cmocka_unit_test(a_column_without_a_name_is_numbered),
        cmocka_unit_test(optionals_take_null),
        cmocka_unit_test(null_into_a_plain_target_says_what_to_do),
        cmocka_unit_test(ranges_are_checked),
        cmocka_unit_test(a_decimal_beyond_float_is_refused),
        cmocka_unit_test(texts_are_read_into_the_types_that_sqlite_keeps_as_text),
        cmocka_unit_test(a_buffer_is_never_cut),
        cmocka_unit_test(a_text_with_a_nul_becomes_no_c_string),
        cmocka_unit_test(get_writes_all_or_nothing),
        cmocka_unit_test(rows_give_every_type),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
