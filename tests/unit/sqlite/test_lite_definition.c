/* SPDX-License-Identifier: MIT */
/* The constraints of a table, read out of its CREATE TABLE. */
#include "lite_test.h"

#include <stdio.h>
#include <string.h>

#include "sqlite/lite.h"

static char read_as[1024];

static bool note(void *arg, const lite_constraint *constraint)
{
    static const char *const kinds[] = {"primary", "unique", "check", "foreign"};
    size_t *len = arg;

    *len += (size_t)snprintf(read_as + *len, sizeof read_as - *len, "%s%s %s(", *len ? "; " : "",
                             kinds[constraint->kind], constraint->name);
    for (uint32_t i = 0; i < constraint->n_columns && i < LITE_KEY_COLUMNS; i++)
        *len += (size_t)snprintf(read_as + *len, sizeof read_as - *len, "%s%s", i ? "," : "",
                                 constraint->columns[i]);
    *len += (size_t)snprintf(read_as + *len, sizeof read_as - *len, ")%.*s",
                             (int)constraint->expression.len,
                             constraint->expression.ptr ? constraint->expression.ptr : "");
    return true;
}

static const char *definition(const char *sql)
{
    size_t len = 0;

    read_as[0] = '\0';
    lite_definition_read(tn_str_from(sql), note, &len);
    return read_as;
}

static void column_constraints(void **state)
{
    (void)state;
    assert_string_equal(
        definition("create table t (a integer primary key, b text unique not null)"),
        "primary (a); unique (b)");
    assert_string_equal(definition("create table t (a integer constraint pos check (a > 0) check "
                                   "( a<9 ), b int references p (x) on delete cascade)"),
                        "check pos(a)a > 0; check (a)a<9; foreign (b)");
    assert_string_equal(definition("create table t (a int constraint n not null unique, b int "
                                   "default (1 + (2)) constraint u unique, c int collate nocase)"),
                        "unique (a); unique u(b)");
    assert_string_equal(definition("create table \"T t\" (\"A b\" varchar(10) constraint \"My u\" "
                                   "unique, C numeric(10,2) check (C in (1,2)))"),
                        "unique My u(A b); check (c)C in (1,2)");
}

static void table_constraints(void **state)
{
    (void)state;
    assert_string_equal(definition("create table t (a int, b int, primary key (a, b desc), "
                                   "constraint u unique (b collate nocase), constraint f foreign "
                                   "key (a, b) references p (x, y) deferrable initially deferred, "
                                   "check (a < b))"),
                        "primary (a,b); unique u(b); foreign f(a,b); check ()a < b");
}

static void odd_texts(void **state)
{
    static const char *const texts[] = {
        "",
        "create table t",
        "create table t (",
        "create table t (a",
        "create table t (a check",
        "create table t (a check (",
        "create table t (constraint",
        "create table t (unique (",
        "create table t (foreign key (a",
        "create table t as select 1",
        "create table t (a references",
        "create table t (,,,)",
        "create table t (a check ((((",
        "create table t ('quoted' int, b int)",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        (void)definition(texts[i]); /* ends, and reads nothing out of bounds */
    assert_string_equal(definition("create table t (a int) strict, without rowid"), "");
}

static bool stop_at_once(void *arg, const lite_constraint *constraint)
{
    (void)constraint;
    ++*(int *)arg;
    return false;
}

static void stops_when_told(void **state)
{
    int calls = 0;

    (void)state;
    lite_definition_read(tn_str_from("create table t (a int unique, b int unique)"), stop_at_once,
                         &calls);
    assert_int_equal(calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(column_constraints),
        cmocka_unit_test(table_constraints),
        cmocka_unit_test(odd_texts),
        cmocka_unit_test(stops_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
