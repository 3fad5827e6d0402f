/* SPDX-License-Identifier: MIT */
/* Every type from the server, in binary and in text answers, and back as a parameter. */
#include "pg_session.h"

#include <stdio.h>

static const struct {
    const char *type, *text;
    tn_type expected;
} samples[] = {
    {"bool", "t", TN_TYPE_BOOL},
    {"int2", "-32768", TN_TYPE_INT16},
    {"int4", "2147483647", TN_TYPE_INT32},
    {"int8", "-9223372036854775808", TN_TYPE_INT64},
    {"oid", "4294967295", TN_TYPE_INT64},
    {"float4", "0.1", TN_TYPE_FLOAT4},
    {"float4", "3.4028235e+38", TN_TYPE_FLOAT4},
    {"float8", "0.1", TN_TYPE_FLOAT8},
    {"float8", "5e-324", TN_TYPE_FLOAT8},
    {"float8", "NaN", TN_TYPE_FLOAT8},
    {"float8", "-Infinity", TN_TYPE_FLOAT8},
    {"numeric", "0", TN_TYPE_NUMERIC},
    {"numeric", "-0.00010", TN_TYPE_NUMERIC},
    {"numeric", "99999999999999999999999999999999.000000000000000000000001", TN_TYPE_NUMERIC},
    {"numeric", "NaN", TN_TYPE_NUMERIC},
    {"numeric", "-Infinity", TN_TYPE_NUMERIC},
    {"numeric(8,2)", "12345.60", TN_TYPE_NUMERIC},
    {"text", "", TN_TYPE_TEXT},
    {"text", "gr\xc3\xbc\xc3\x9f'\"\\ \t", TN_TYPE_TEXT},
    {"varchar(20)", "abc", TN_TYPE_TEXT},
    {"char(3)", "a  ", TN_TYPE_TEXT},
    {"name", "a_name", TN_TYPE_TEXT},
    {"\"char\"", "x", TN_TYPE_TEXT},
    {"\"char\"", "", TN_TYPE_TEXT},
    {"bytea", "\\x", TN_TYPE_BYTES},
    {"bytea", "\\x00ff5c27", TN_TYPE_BYTES},
    {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", TN_TYPE_UUID},
    {"timestamptz", "2026-11-23 09:00:00.123456+00", TN_TYPE_TIMESTAMPTZ},
    {"timestamptz", "infinity", TN_TYPE_TIMESTAMPTZ},
    {"timestamptz", "0044-03-15 12:00:00+00 BC", TN_TYPE_TIMESTAMPTZ},
    {"timestamp", "1969-12-31 23:59:59.999999", TN_TYPE_TIMESTAMP},
    {"timestamp", "-infinity", TN_TYPE_TIMESTAMP},
    {"timestamp", "294246-12-31 23:59:59", TN_TYPE_TIMESTAMP},
    {"date", "1970-01-01", TN_TYPE_DATE},
    {"date", "4713-01-01 BC", TN_TYPE_DATE},
    {"date", "5874897-12-31", TN_TYPE_DATE},
    {"date", "infinity", TN_TYPE_DATE},
    {"time", "00:00:00", TN_TYPE_TIME},
    {"time", "24:00:00", TN_TYPE_TIME},
    {"time", "12:34:56.789", TN_TYPE_TIME},
    {"interval", "1 year 2 mons -3 days +04:05:06.7", TN_TYPE_INTERVAL},
    {"interval", "00:00:00", TN_TYPE_INTERVAL},
    {"json", "{\"a\":  [1,null]}", TN_TYPE_JSON},
    {"jsonb", "{\"a\": [1, null]}", TN_TYPE_JSON},
    {"bool[]", "{t,f,NULL}", TN_TYPE_ARRAY},
    {"int2[]", "{1,-2}", TN_TYPE_ARRAY},
    {"int4[]", "{}", TN_TYPE_ARRAY},
    {"int8[]", "{NULL}", TN_TYPE_ARRAY},
    {"float8[]", "{0.1,NaN}", TN_TYPE_ARRAY},
    {"numeric[]", "{1.50,-2}", TN_TYPE_ARRAY},
    {"text[]", "{a,\"b c\",\"\",NULL,\"NULL\",\"q\\\"\\\\\"}", TN_TYPE_ARRAY},
    {"varchar[]", "{a}", TN_TYPE_ARRAY},
    {"bytea[]", "{\"\\\\x00\",\"\\\\x\"}", TN_TYPE_ARRAY},
    {"uuid[]", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", TN_TYPE_ARRAY},
    {"timestamptz[]", "{\"2026-11-23 09:00:00+00\"}", TN_TYPE_ARRAY},
    {"date[]", "{2026-11-23}", TN_TYPE_ARRAY},
    {"interval[]", "{\"1 day\"}", TN_TYPE_ARRAY},
    {"jsonb[]", "{\"{\\\"a\\\": 1}\"}", TN_TYPE_ARRAY},
    {"inet", "10.0.0.0/8", TN_TYPE_OTHER},
    {"point", "(1,2)", TN_TYPE_OTHER},
    {"timetz", "12:00:00+02", TN_TYPE_OTHER},
    {"int4range", "[1,5)", TN_TYPE_OTHER},
    {"money", "$1.50", TN_TYPE_OTHER},
    {"bit(3)", "101", TN_TYPE_OTHER},
    {"tn_mood", "happy", TN_TYPE_OTHER},
    {"tn_mood[]", "{sad,happy}", TN_TYPE_OTHER},
    {"tn_positive", "7", TN_TYPE_INT32},
    {"tn_pair", "(1,x)", TN_TYPE_OTHER},
};

static void setup_types(session *s)
{
    session_open(s, "tn_types", NULL);
    must(s, "set client_min_messages = warning");
    must(s, "drop schema if exists tn_types cascade");
    must(s, "create schema tn_types");
    must(s, "create type tn_mood as enum ('sad', 'happy')");
    must(s, "create domain tn_positive as int4 check (value > 0)");
    must(s, "create type tn_pair as (a int, b text)");
    must(s, "set timezone = 'UTC'");
    must(s, "set lc_monetary = 'C'");
}

static void drop_types(session *s)
{
    must(s, "drop schema tn_types cascade");
    session_close(s);
}

static bool text_goes_into(const char *type)
{
    return strcmp(type, "money") != 0;
}

/* The text is given as a text parameter and comes back as a value; the value is given as a
 * parameter and comes back as the same text. extra makes the answer binary or text. */
static void round_trip(session *s, const char *type, const char *text, tn_type expected,
                       const char *extra)
{
    char sql[256], seen[512];
    tn_stmt_info info = {.size = sizeof(info)};
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof(batch)};
    tn_value param = text_value(text);

    snprintf(sql, sizeof(sql), "select $1::%s%s", type, extra);
    tn_driver_stmt *stmt = prepare(s, sql);
    PG->stmt->describe(stmt, &info);
    assert_int_equal(info.n_params, 1);
    assert_int_equal(info.columns[0].type, expected);
    assert_int_equal(info.params[0].type, expected);
    for (int pass = 0; pass < 2; pass++) {
        if (PG->cursor->execute(stmt, &param, 1, 0, soon(), &cursor, &s->err) != TN_OK ||
            PG->cursor->fetch(cursor, soon(), &batch, &s->err) != TN_OK)
            fail_msg("%s '%s': %s", type, text, s->err.message);
        assert_int_equal(batch.rows, 1);
        assert_int_equal(batch.values[0].type, expected);
        tn_value_format(&batch.values[0], seen, sizeof(seen));
        if (strcmp(seen, text) != 0)
            fail_msg("%s%s, pass %d: '%s' instead of '%s'", type, extra, pass, seen, text);
        if (pass == 0) {
            /* The value, whose memory is the cursor's, as a parameter of another statement. */
            tn_driver_cursor *second = NULL;
            if (PG->cursor->execute(stmt, batch.values, 1, 0, soon(), &second, &s->err) != TN_OK)
                fail_msg("%s '%s' as a parameter: %s", type, text, s->err.message);
            PG->cursor->close(cursor);
            cursor = second;
            tn_batch again = {.size = sizeof(again)};
            assert_int_equal(PG->cursor->fetch(cursor, soon(), &again, &s->err), TN_OK);
            tn_value_format(&again.values[0], seen, sizeof(seen));
            assert_string_equal(seen, text);
        }
        PG->cursor->close(cursor);
        cursor = NULL;
    }
    PG->stmt->close(stmt);
}

static void every_type_goes_both_ways(void **state)
{
    session s;

    (void)state;
    setup_types(&s);
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        if (!text_goes_into(samples[i].type))
            continue;
        round_trip(&s, samples[i].type, samples[i].text, samples[i].expected, "");
        round_trip(&s, samples[i].type, samples[i].text, samples[i].expected,
                   ", null::point"); /* the whole answer comes as text */
    }
    drop_types(&s);
}

static void columns_are_described(void **state)
{
    static const struct {
        const char *type, *name;
        int32_t modifier;
    } rows[] = {
        {"int4", "int4", -1},
        {"varchar(10)", "varchar", 10},
        {"char(3)", "bpchar", 3},
        {"numeric(8,2)", "numeric", 8 << 16 | 2},
        {"numeric", "numeric", -1},
        {"int4[]", "int4[]", -1},
        {"timestamptz(3)", "timestamptz", -1},
        {"tn_mood", "tn_mood", -1},
        {"tn_mood[]", "tn_mood[]", -1},
        {"tn_positive", "int4", -1},
        {"inet", "inet", -1},
        {"void", "void", -1},
    };
    session s;

    (void)state;
    setup_types(&s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char sql[128];
        tn_stmt_info info = {.size = sizeof(info)};
        snprintf(sql, sizeof(sql), "select null::%s as \"Col\"", rows[i].type);
        if (strcmp(rows[i].type, "void") == 0)
            strcpy(sql, "select pg_sleep(0) as \"Col\"");
        tn_driver_stmt *stmt = prepare(&s, sql);
        PG->stmt->describe(stmt, &info);
        assert_int_equal(info.n_columns, 1);
        assert_string_equal(info.columns[0].name, "Col");
        assert_string_equal(info.columns[0].type_name, rows[i].name);
        assert_int_equal(info.columns[0].modifier, rows[i].modifier);
        assert_true(info.flags & TN_STMT_ROWS);
        PG->stmt->close(stmt);
    }
    drop_types(&s);
}

/* Enums and extensions' texts do not force the answer into text. */
static void a_lookup_is_made_once(void **state)
{
    session s;

    (void)state;
    setup_types(&s);
    PG->stmt->close(prepare(&s, "select 'sad'::tn_mood"));
    int before = s.host.waits;
    PG->stmt->close(prepare(&s, "select 'happy'::tn_mood"));
    int second = s.host.waits - before;
    before = s.host.waits;
    PG->stmt->close(prepare(&s, "select 'happy'::text"));
    assert_true(second <= s.host.waits - before + 1);
    drop_types(&s);
}

static void settings_of_the_session_do_not_matter(void **state)
{
    static const char *const settings[] = {
        "set datestyle = 'SQL, DMY'", "set intervalstyle = 'iso_8601'",
        "set bytea_output = 'escape'", "set timezone = 'America/St_Johns'",
        "set extra_float_digits = 0"};
    session s;

    (void)state;
    setup_types(&s);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        must(&s, settings[i]);
    round_trip(&s, "timestamptz", "2026-11-23 09:00:00.123456+00", TN_TYPE_TIMESTAMPTZ, "");
    round_trip(&s, "interval", "1 year 2 mons -3 days +04:05:06.7", TN_TYPE_INTERVAL, "");
    round_trip(&s, "bytea", "\\x00ff5c27", TN_TYPE_BYTES, ", null::point");
    round_trip(&s, "bytea", "\\x00ff5c27", TN_TYPE_BYTES, "");
    drop_types(&s);
}

static void what_does_not_fit_is_refused_by_column(void **state)
{
    static const struct {
        const char *sql, *sqlstate;
        tn_status status;
    } rows[] = {
        {"select 1 as a, '{{1},{2}}'::int4[] as bad", "0A000", TN_UNSUPPORTED},
        {"select 1 as a, '{{1},{2}}'::int4[] as bad, null::point", "0A000", TN_UNSUPPORTED},
        {"select 1 as a, '294276-12-31'::timestamptz as bad", "22008", TN_DATA},
    };
    session s;

    (void)state;
    session_open(&s, NULL, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(run(&s, rows[i].sql), rows[i].status);
        assert_string_equal(s.err.sqlstate, rows[i].sqlstate);
        assert_non_null(strstr(s.err.message, "\"bad\""));
        if (PG->conn->state(s.conn) == TN_CONN_BUSY)
            assert_int_equal(PG->conn->cancel(s.conn, soon(), NULL, &s.err), TN_OK);
        assert_state(&s, TN_CONN_IDLE);
    }
    assert_string_equal(ask(&s, "select '[2:3]={7,8}'::int4[]"), "{7,8}");
    session_close(&s);
}

static void parameters_are_checked_before_they_leave(void **state)
{
    session s;
    tn_value param;

    (void)state;
    session_open(&s, NULL, NULL);
    tn_driver_stmt *small = prepare(&s, "select $1::int2");
    param = int_value(TN_TYPE_INT64, 40000);
    int waits = s.host.waits;
    assert_int_equal(run_stmt(&s, small, &param, 1, 0, NULL), TN_DATA);
    assert_string_equal(s.err.sqlstate, "22003");
    assert_int_equal(s.host.waits, waits);
    assert_state(&s, TN_CONN_IDLE);
    param = (tn_value){.type = TN_TYPE_TEXT, .as.ptr = "1\0002", .len = 3};
    assert_int_equal(run_stmt(&s, small, &param, 1, 0, NULL), TN_DATA);
    assert_string_equal(s.err.sqlstate, "22021");
    param = text_value("seven");
    assert_int_equal(run_stmt(&s, small, &param, 1, 0, NULL), TN_DATA);
    assert_string_equal(s.err.sqlstate, "22P02");
    param = text_value("7");
    assert_int_equal(run_stmt(&s, small, &param, 1, 0, NULL), TN_OK);
    PG->stmt->close(small);
    tn_driver_stmt *text = prepare(&s, "select $1::text");
    param = (tn_value){.type = TN_TYPE_TEXT, .as.ptr = "a\0b", .len = 3};
    assert_int_equal(run_stmt(&s, text, &param, 1, 0, NULL), TN_DATA);
    param = (tn_value){.type = TN_TYPE_TEXT, .as.ptr = "\xff\xfe", .len = 2};
    assert_int_equal(run_stmt(&s, text, &param, 1, 0, NULL), TN_DATA);
    param = (tn_value){.type = TN_TYPE_NULL};
    assert_int_equal(run_stmt(&s, text, &param, 1, 0, NULL), TN_OK);
    PG->stmt->close(text);
    session_close(&s);
}

/* A value that is larger than every buffer on the way. */
static void a_large_value_goes_both_ways(void **state)
{
    enum { SIZE = 20 << 20 };
    session s;
    char *text = test_malloc(SIZE + 1);
    tn_driver_cursor *cursor = NULL;
    tn_batch batch = {.size = sizeof(batch)};

    (void)state;
    session_open(&s, NULL, NULL);
    for (size_t i = 0; i < SIZE; i++)
        text[i] = (char)('a' + i % 23);
    text[SIZE] = '\0';
    tn_value param = {.type = TN_TYPE_TEXT, .as.ptr = text, .len = SIZE};
    tn_driver_stmt *stmt = prepare(&s, "select $1::text");
    assert_int_equal(
        PG->cursor->execute(stmt, &param, 1, TN_EXECUTE_STREAM, soon(), &cursor, &s.err), TN_OK);
    assert_int_equal(PG->cursor->fetch(cursor, soon(), &batch, &s.err), TN_OK);
    assert_int_equal(batch.rows, 1);
    assert_int_equal(batch.values[0].len, SIZE);
    assert_memory_equal(batch.values[0].as.ptr, text, SIZE + 1);
    PG->cursor->close(cursor);
    PG->stmt->close(stmt);
    session_close(&s);
    test_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_goes_both_ways),
        cmocka_unit_test(columns_are_described),
        cmocka_unit_test(a_lookup_is_made_once),
        cmocka_unit_test(settings_of_the_session_do_not_matter),
        cmocka_unit_test(what_does_not_fit_is_refused_by_column),
        cmocka_unit_test(parameters_are_checked_before_they_leave),
        cmocka_unit_test(a_large_value_goes_both_ways),
    };

    return session_run(tests, sizeof(tests) / sizeof(tests[0]));
}
