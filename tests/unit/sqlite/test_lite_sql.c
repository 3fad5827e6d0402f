/* SPDX-License-Identifier: MIT */
/* What stands between the caller's text and SQLite: placeholders, quotes, casts, refusals, tags. */
#include "lite_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite/lite.h"

static void placeholders_by_number(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    assert_string_equal(LITE_QP(t, "select $2, $1", lite_int(1), lite_int(2)), "2|1\n");
    assert_string_equal(LITE_QP(t, "select $2, $2, $1", lite_int(1), lite_int(2)), "2|2|1\n");
    assert_string_equal(LITE_QP(t, "select $10, $9, $8, $7, $6, $5, $4, $3, $2, $1", lite_int(1),
                                lite_int(2), lite_int(3), lite_int(4), lite_int(5), lite_int(6),
                                lite_int(7), lite_int(8), lite_int(9), lite_int(10)),
                        "10|9|8|7|6|5|4|3|2|1\n");
    /* Not placeholders: in strings, quoted names, comments, dollar quotes, within a word. */
    assert_string_equal(LITE_QP(t, "select '$2', $1 /* $3 */ as \"$4\" -- $5", lite_int(7)),
                        "$2|7\n");
    assert_string_equal(lite_q(t, "select $$a '$1' b$$, $q$ $$ $q$"), "a '$1' b| $$ \n");
    assert_string_equal(lite_q(t, "select a$1 from (select 3 as a$1)"), "3\n");
}

static void count_of_placeholders(void **state)
{
    lite_test *t = *state;
    tn_value values[2] = {lite_int(1), lite_int(2)};

    lite_test_open(t);
    lite_fails(t, "select $1, $3", "42P18");
    assert_string_equal(t->err.message, "could not determine data type of parameter $2");
    lite_fails(t, "select $0", "42P02");
    lite_fails(t, "select $1", "08P01");
    assert_int_equal(lite_try(t, t->conn, "select $1", values, 2), TN_PROTOCOL);
    assert_int_equal(t->err.phase, TN_PHASE_BIND);
}

/* In their order they are given to SQLite without a number: with one it looks each up in a list of
 * all of them. */
static void many_placeholders(void **state)
{
    enum { N = 65535 };
    lite_test *t = *state;
    char *sql = malloc((size_t)N * 9 + 64);
    tn_value *values = malloc(N * sizeof *values);
    size_t len;

    assert_non_null(sql);
    assert_non_null(values);
    lite_test_open(t);
    (void)lite_q(t, "create table t (id integer primary key, a integer)");
    len = (size_t)sprintf(sql, "insert into t (a) values ");
    for (int i = 1; i <= N; i++) {
        len += (size_t)sprintf(sql + len, "%s($%d)", i > 1 ? "," : "", i);
        values[i - 1] = lite_int(i * 2);
    }
    (void)lite_qp(t, sql, values, N);
    assert_string_equal(lite_q(t, "select count(*), sum(a = id * 2) from t"), "65535|65535\n");
    free(values);
    free(sql);
}

static void given_to_sqlite(void **state)
{
    static const struct {
        const char *sql;
        const char *given;
    } cases[] = {
        {"select $1,$2, $3", "select ? ,? , ? "},
        {"select $2, $1, $3, $3, $1", "select ?2, ?1, ? , ?3, ?1"},
        {"select $1, $1, $2", "select ? , ?1, ? "},
        {"select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10-$11, $10",
         "select ? , ? , ? , ? , ? , ? , ? , ? , ? , ?  -?  , ?10"},
    };
    lite_test *t = *state;

    lite_test_open(t);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lite_statement statement;
        tn__arena arena;

        tn__arena_init(&arena, TN__BUF_MAX);
        assert_int_equal(
            lite_dialect_translate(t->conn, tn_str_from(cases[i].sql), &arena, &statement, &t->err),
            TN_OK);
        assert_int_equal(statement.sql.len, strlen(cases[i].given));
        assert_memory_equal(statement.sql.ptr, cases[i].given, statement.sql.len);
        tn__arena_free(&arena);
    }
    assert_string_equal(
        LITE_QP(t, "select $2, $1, $3, $3, $1", lite_int(1), lite_int(2), lite_int(3)),
        "2|1|3|3|1\n");
    assert_string_equal(LITE_QP(t, "select $1, (select $1 + $2), $3 where $2 = 2", lite_int(1),
                                lite_int(2), lite_int(3)),
                        "1|3|3\n");
    lite_fails(t, "select 1 'ä' $1", "42601");
    assert_string_equal(t->err.message, "syntax error at or near \"$1\"");
    assert_int_equal(t->err.position, 14);
}

/* What only SQLite reads as a placeholder. */
static void foreign_placeholders(void **state)
{
    static const char *const texts[] = {"select ?",  "select ?1",   "select :x",   "select @x",
                                        "select #x", "select 1+@a", "select a<@b", "select 1 :x"};
    lite_test *t = *state;

    lite_test_open(t);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        lite_fails(t, texts[i], "42601");
        assert_non_null(strstr(t->err.message, "$1"));
        assert_true(t->err.position > 0);
    }
    lite_fails(t, "select 1::int", "0A000");
    assert_non_null(strstr(t->err.message, "cast("));
    assert_int_equal(t->err.position, 9);
    lite_fails(t, "select $1::int", "0A000");
}

static void quotes(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    lite_fails(t, "select E'\\n'", "0A000");
    lite_fails(t, "select U&'x'", "0A000");
    lite_fails(t, "select 'abc", "42601");
    lite_fails(t, "select \"abc", "42601");
    lite_fails(t, "select 1 /* never ends", "42601");
    lite_fails(t, "select $x$ never ends", "42601");
    lite_fails(t, "select [abc", "42601");
    lite_fails(t, "select `abc", "42601");
    assert_string_equal(lite_q(t, "select x'0aff'"), "\\x0aff\n");
    assert_string_equal(lite_q(t, "select 'it''s', 'a\nb'"), "it's|a\nb\n");
    assert_string_equal(lite_q(t, "select 1 /* a /* nested */ comment */ + 1"), "2\n");
    assert_string_equal(lite_q(t, "select [it's $1], `also ``$2`  from (select 5 as [it's $1], 6 "
                                  "as `also ``$2`)"),
                        "5|6\n");
}

static void one_statement(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    assert_string_equal(lite_q(t, "select 1 ; ; -- end\n ;"), "1\n");
    assert_string_equal(lite_q(t, ""), "");
    assert_string_equal(lite_q(t, " -- nothing\n /* at all */ ;"), "");
    assert_string_equal(t->tag, "");
    assert_int_equal(t->last.affected, -1);
    lite_fails(t, "select 1; select 2", "42601");
    assert_string_equal(t->err.message,
                        "cannot insert multiple commands into a prepared statement");
    lite_fails(t, "begin; select 1", "42601");
    (void)lite_q(t, "create table t (a integer)");
    (void)lite_q(t, "create trigger g after insert on t begin delete from t; select 1; end;");
}

static tn_status describe(lite_test *t, const char *sql, tn_stmt_info *info, tn_driver_stmt **ret)
{
    tn_status status = tn_driver_module.stmt->prepare(t->conn, tn_str_from(sql), TN_NO_DEADLINE,
                                                      ret, &t->err);

    if (status == TN_OK)
        tn_driver_module.stmt->describe(*ret, info);
    return status;
}

static void flags_of(lite_test *t, const char *sql, uint32_t flags)
{
    tn_stmt_info info = {.size = sizeof info};
    tn_driver_stmt *stmt = NULL;

    assert_int_equal(describe(t, sql, &info, &stmt), TN_OK);
    if (info.flags != flags)
        fail_msg("%s: flags %u, expected %u", sql, info.flags, flags);
    tn_driver_module.stmt->close(stmt);
}

static void flags(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table t (a integer)");
    flags_of(t, "select a from t", TN_STMT_ROWS | TN_STMT_READ_ONLY);
    flags_of(t, "with q as (select 1) select * from q", TN_STMT_ROWS | TN_STMT_READ_ONLY);
    flags_of(t, "insert into t values (1)", 0);
    flags_of(t, "insert into t values (1) returning a", TN_STMT_ROWS);
    flags_of(t, "with q as (select 1) insert into t select * from q", 0);
    flags_of(t, "explain insert into t values (1)", TN_STMT_ROWS | TN_STMT_READ_ONLY);
    flags_of(t, "begin", 0);
    flags_of(t, "-- nothing", TN_STMT_EMPTY | TN_STMT_READ_ONLY);
}

static void tags(void **state)
{
    static const struct {
        const char *sql;
        const char *tag;
        int64_t affected;
    } cases[] = {
        {"create table t (a integer primary key, b text)", "CREATE TABLE", -1},
        {"create unique index i on t (b)", "CREATE INDEX", -1},
        {"create temp table z (a integer)", "CREATE TABLE", -1},
        {"insert into t values (1, 'x'), (2, 'y')", "INSERT 0 2", 2},
        {"insert into t values (1, 'x') on conflict do nothing", "INSERT 0 0", 0},
        {"insert into t values (3, 'z') returning a", "INSERT 0 1", 1},
        {"update t set b = b || 'a' where a < 3", "UPDATE 2", 2},
        {"update t set b = 'q' where a > 100", "UPDATE 0", 0},
        {"with q as (select 2 as a) delete from t where a in (select a from q)", "DELETE 1", 1},
        {"select * from t", "SELECT 2", 2},
        {"values (1), (2), (3)", "SELECT 3", 3},
        {"create view w as select 1", "CREATE VIEW", -1},
        {"alter table t add column c integer", "ALTER TABLE", -1},
        {"drop view w", "DROP VIEW", -1},
        {"drop table t", "DROP TABLE", -1},
        {"begin", "BEGIN", -1},
        {"savepoint a", "SAVEPOINT", -1},
        {"release a", "RELEASE", -1},
        {"commit", "COMMIT", -1},
    };
    lite_test *t = *state;

    lite_test_open(t);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)lite_q(t, cases[i].sql);
        if (strcmp(t->tag, cases[i].tag) != 0 || t->last.affected != cases[i].affected)
            fail_msg("%s: \"%s\", %d", cases[i].sql, t->tag, (int)t->last.affected);
    }
}

/* CAST to a type that SQLite would make a number of. */
static void casts(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    assert_string_equal(lite_q(t, "select cast('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11' as uuid)"),
                        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\n");
    assert_string_equal(lite_q(t, "select cast('yes' as boolean), cast(1 as bool), cast(null as "
                                  "uuid)"),
                        "t|t|-\n");
    assert_string_equal(lite_q(t, "select cast('2026-11-23' as timestamptz)"),
                        "2026-11-23 00:00:00+00\n");
    assert_string_equal(lite_q(t, "select cast('1969-12-31 23:00:00-02' as date)"), "1970-01-01\n");
    assert_string_equal(lite_q(t, "select cast(cast('1969-12-31 23:00' as timestamp) as date)"),
                        "1969-12-31\n");
    assert_string_equal(lite_q(t, "select cast('\\x00ff' as bytea), cast('{1,2}' as integer[])"),
                        "\\x00ff|{1,2}\n");
    assert_string_equal(lite_q(t, "select cast('[1]' as json)"), "[1]\n");
    assert_string_equal(lite_q(t, "select cast((select 'x' as uuid) as text)"), "x\n");
    assert_string_equal(lite_q(t, "select cast('00012' as integer), cast(12 as text)"), "12|12\n");
    lite_fails(t, "select cast('x' as uuid)", "22P02");
    assert_string_equal(t->err.message, "invalid input syntax for type uuid: \"x\"");
    lite_fails(t, "select cast('{' as json)", "22P02");
    lite_fails(t, "select cast('{1' as integer[])", "22P02");
    lite_fails(t, "select cast('2026-02-30' as date)", "22008");
    lite_fails(t, "select cast('x' as interval)", "22007");
    lite_fails(t, "select cast(1 as uuid)", "42846");
    lite_fails(t, "select cast(1.5 as boolean)", "42846");
}

/* A cast gives its placeholder a type: what is bound is converted and checked. */
static void typed_placeholders(void **state)
{
    lite_test *t = *state;
    tn_stmt_info info = {.size = sizeof info};
    tn_driver_stmt *stmt = NULL;
    tn_value bad = lite_text("12x"), big = lite_text("2147483648");

    lite_test_open(t);
    assert_int_equal(describe(t,
                              "select cast($1 as integer), $2, cast($3 as uuid[]), cast($4 as "
                              "text), cast($4 as date)",
                              &info, &stmt),
                     TN_OK);
    assert_int_equal(info.n_params, 4);
    assert_int_equal(info.params[0].type, TN_TYPE_INT32);
    assert_int_equal(info.params[1].type, TN_TYPE_NULL);
    assert_int_equal(info.params[2].type, TN_TYPE_ARRAY);
    assert_int_equal(info.params[2].element, TN_TYPE_UUID);
    assert_int_equal(info.params[3].type, TN_TYPE_NULL); /* two casts that disagree */
    tn_driver_module.stmt->close(stmt);

    assert_string_equal(LITE_QP(t, "select cast($1 as integer)", lite_text(" 7 ")), "7\n");
    assert_string_equal(LITE_QP(t, "select cast($1 as timestamptz)", lite_text("2026-11-23")),
                        "2026-11-23 00:00:00+00\n");
    assert_int_equal(lite_try(t, t->conn, "select cast($1 as integer)", &bad, 1), TN_DATA);
    assert_string_equal(t->err.sqlstate, "22P02");
    assert_string_equal(t->err.message, "invalid input syntax for type integer: \"12x\"");
    assert_int_equal(lite_try(t, t->conn, "select cast($1 as integer)", &big, 1), TN_DATA);
    assert_string_equal(t->err.sqlstate, "22003");
    /* Also where no row is touched. */
    (void)lite_q(t, "create table e (a integer)");
    assert_int_equal(lite_try(t, t->conn, "select a from e where a = cast($1 as integer)", &bad, 1),
                     TN_DATA);
}

/* The schema is read by others, who lack our functions. */
static void schema_text_stays_plain(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table t (a text, b integer check (cast(a as uuid) is not null))");
    (void)lite_q(t, "create view w as select cast(a as timestamptz) as at from t");
    assert_string_equal(lite_q(t, "select count(*) from sqlite_schema where sql like '%tn_cast%'"),
                        "0\n");
    (void)lite_q(t, "insert into t values ('1e5', 1)");
    assert_string_equal(lite_q(t, "select at from w"), "1e5\n");
}

static void functions(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    (void)lite_q(t, "create table t (id uuid primary key default (gen_random_uuid()), at "
                    "timestamptz not null default (now()))");
    (void)lite_q(t, "insert into t default values");
    (void)lite_q(t, "insert into t default values");
    assert_string_equal(lite_q(t, "select count(distinct id), min(length(id)) from t"), "2|36\n");
    assert_string_equal(lite_q(t, "select count(*) from t where at <= now()"), "2\n");
    /* Fixed within a statement and a transaction. */
    assert_string_equal(lite_q(t, "select now() = now(), clock_timestamp() >= now()"), "1|1\n");
    (void)lite_q(t, "begin");
    (void)lite_q(t, "create table n (at timestamptz)");
    (void)lite_q(t, "insert into n values (now())");
    (void)lite_q(t, "select pg_sleep(0.002)");
    assert_string_equal(lite_q(t, "select at = now() and at = transaction_timestamp() from n"),
                        "1\n");
    (void)lite_q(t, "commit");
    assert_string_equal(lite_q(t, "select at < now() from n"), "1\n");
    assert_string_equal(lite_q(t, "select pg_sleep(null)"), "-\n");
}

static void positions(void **state)
{
    static const struct {
        const char *sql;
        int position;
    } cases[] = {
        {"selec 1", 1},
        {"select 'äöü', nosuch", 15},
        {"select $$it's$$, cast($1 as uuid), nosuch from (select 1)", 36},
        {"select * from nosuch", 15},
        {"select 1 from", 14},
        {"/* a /* b */ c */ select nosuch", 26},
        {"select cast(cast('x' as uuid) as json) +", 41},
    };
    lite_test *t = *state;

    lite_test_open(t);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_not_equal(lite_try(t, t->conn, cases[i].sql, NULL, 0), TN_OK);
        if (t->err.position != cases[i].position)
            fail_msg("%s: %s: position %d, expected %d", cases[i].sql, t->err.message,
                     t->err.position, cases[i].position);
    }
}

/* Nothing here may crash, hang or be taken for something else. */
static void odd_texts(void **state)
{
    static const char *const texts[] = {"cast",          "select cast",      "select cast(",
                                        "select cast(1", "select cast(1 as", "select cast(as)",
                                        "with",          "with x as (",      "insert",
                                        "insert or",     "insert into",      "create",
                                        "create temp",   "returning",        "select ,",
                                        "select as",     "select a as",      "select (",
                                        "select )",      "begin (",          "rollback to",
                                        "release",       "savepoint",        "pragma",
                                        "select $",      "select $1$",       ";",
                                        "select case"};
    lite_test *t = *state;
    char *deep = malloc(20001);

    lite_test_open(t);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        (void)lite_try(t, t->conn, texts[i], NULL, 0);
    assert_non_null(deep);
    memset(deep, '(', 20000);
    deep[20000] = '\0';
    memcpy(deep, "select ", 7);
    assert_int_not_equal(lite_try(t, t->conn, deep, NULL, 0), TN_OK);
    for (size_t i = 0; i + 5 <= 20000; i += 5)
        memcpy(deep + i, "cast(", 5);
    memcpy(deep, "select    ", 10);
    assert_int_not_equal(lite_try(t, t->conn, deep, NULL, 0), TN_OK);
    free(deep);
    assert_string_equal(lite_q(t, "select 1"), "1\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lite_test_begin, lite_test_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(placeholders_by_number),
        TEST(count_of_placeholders),
        TEST(many_placeholders),
        TEST(given_to_sqlite),
        TEST(foreign_placeholders),
        TEST(quotes),
        TEST(one_statement),
        TEST(flags),
        TEST(tags),
        TEST(casts),
        TEST(typed_placeholders),
        TEST(schema_text_stays_plain),
        TEST(functions),
        TEST(positions),
        TEST(odd_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
