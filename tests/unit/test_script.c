/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/lexer.h"

static void test_first_word(void **state)
{
    static const struct {
        const char *name;
        tn__stmt_word want;
    } rows[] = {
        {"", TN__STMT_EMPTY},
        {"  -- nothing\n /* at all */ ;; ", TN__STMT_EMPTY},
        {"begin", TN__STMT_BEGIN},
        {"BEGIN ISOLATION LEVEL SERIALIZABLE", TN__STMT_BEGIN},
        {"/* x */ Start  -- y\n Transaction", TN__STMT_BEGIN},
        {"start", TN__STMT_OTHER},
        {"commit", TN__STMT_COMMIT},
        {"commit and chain", TN__STMT_COMMIT},
        {"commit prepared 'x'", TN__STMT_OTHER},
        {"prepare transaction 'x'", TN__STMT_COMMIT},
        {"prepare x as select 1", TN__STMT_OTHER},
        {"end", TN__STMT_COMMIT},
        {"end transaction;", TN__STMT_COMMIT},
        {"rollback", TN__STMT_ROLLBACK},
        {"rollback work", TN__STMT_ROLLBACK},
        {"abort", TN__STMT_ROLLBACK},
        {"abort transaction", TN__STMT_ROLLBACK},
        {"rollback to x", TN__STMT_ROLLBACK_TO},
        {"rollback work to savepoint x", TN__STMT_ROLLBACK_TO},
        {"rollback transaction to x", TN__STMT_ROLLBACK_TO},
        {"rollback prepared 'x'", TN__STMT_OTHER},
        {"savepoint x", TN__STMT_SAVEPOINT},
        {"release savepoint x", TN__STMT_RELEASE},
        {"select 'begin'", TN__STMT_OTHER},
        {"\"begin\"", TN__STMT_OTHER},
        {"begins", TN__STMT_OTHER},
        {";begin", TN__STMT_BEGIN},
        {"'open", TN__STMT_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(tn__sql_first_word(tn_str_from(rows[i].name)) == rows[i].want, i);
}

static const struct {
    const char *name;
    const char *want[4];
    uint32_t lines[4];
} rows[] = {
    {"", {0}, {0}},
    {"  ; ;\n-- only a comment\n;", {0}, {0}},
    {"-- only a comment", {0}, {0}},
    {"select 1", {"select 1"}, {1}},
    {"select 1;", {"select 1"}, {1}},
    {" a ; b;\nc \n; ", {"a", "b", "c"}, {1, 1, 2}},
    {"a;;\n;b", {"a", "b"}, {1, 2}},
    {"-- first\n\n/* x\n*/ a; -- behind\nb", {"-- first\n\n/* x\n*/ a", "-- behind\nb"}, {4, 5}},
    {"/* gone */; a", {"a"}, {1}},
    {"select ';' , \";\", $$;$$ -- ;\n ; b", {"select ';' , \";\", $$;$$ -- ;", "b"}, {1, 2}},
    {"a -- trailing", {"a -- trailing"}, {1}},
    {"select 'open; b", {"select 'open; b"}, {1}},
    {"a; select 'open; b", {"a", "select 'open; b"}, {1, 1}},
    {"create function f() returns int begin atomic select 1; select 2; end; b",
     {"create function f() returns int begin atomic select 1; select 2; end", "b"},
     {1, 1}},
    {"create function f() begin atomic select case when 1=1 then case 2 when 2 then 3 end end; "
     "select 4; end; b",
     {"create function f() begin atomic select case when 1=1 then case 2 when 2 then 3 end end; "
      "select 4; end",
      "b"},
     {1, 1}},
    {"create procedure p() language sql begin /* x */ atomic\nend;\nb",
     {"create procedure p() language sql begin /* x */ atomic\nend", "b"},
     {1, 3}},
    {"begin; atomic; end;", {"begin", "atomic", "end"}, {1, 1, 1}},
    {"begin atomic; end", {"begin atomic", "end"}, {1, 1}}, /* no body without CREATE */
    {"create table begin(a int); b", {"create table begin(a int)", "b"}, {1, 1}},
    {"create function f() as 'begin; end;' language x; b",
     {"create function f() as 'begin; end;' language x", "b"},
     {1, 1}},
    {"create function f() as $f$ begin a; b; end $f$ language plpgsql; c",
     {"create function f() as $f$ begin a; b; end $f$ language plpgsql", "c"},
     {1, 1}},
    {"create rule r as on insert to t do also (insert into u values (1); select 2); b",
     {"create rule r as on insert to t do also (insert into u values (1); select 2)", "b"},
     {1, 1}},
    {"select (1)); b", {"select (1))", "b"}, {1, 1}},
    {"create trigger t after insert on a begin update b set c = case when 1 then 2 end; "
     "delete from d; end; e",
     {"create trigger t after insert on a begin update b set c = case when 1 then 2 end; "
      "delete from d; end",
      "e"},
     {1, 1}},
    {"create temp trigger if not exists t before delete on a begin select 1; end; e",
     {"create temp trigger if not exists t before delete on a begin select 1; end", "e"},
     {1, 1}},
    {"create trigger t before update of begin on a execute function f(); b",
     {"create trigger t before update of begin on a execute function f()", "b"},
     {1, 1}},
    {"\xef\xbb\xbfselect 1; b", {"\xef\xbb\xbfselect 1", "b"}, {1, 1}},
};

static void test_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_str text = exact_copy(tn_str_from(rows[i].name)), got;
        tn__script script = {.rest = text, .line = 1};
        uint32_t line;
        size_t n = 0;

        while (tn__script_next(&script, &got, &line)) {
            check_row(n < 4 && rows[i].want[n], i);
            check_str(got, rows[i].want[n]);
            check_row(line == rows[i].lines[n], i);
            n++;
        }
        check_row(n == 4 || !rows[i].want[n], i);
        check_row(!tn__script_next(&script, &got, &line), i);
        free((char *)text.ptr);
    }
}

static void test_empty_view(void **state)
{
    tn__script script = {.line = 1};
    tn_str got = S("untouched");
    uint32_t line = 7;

    (void)state;
    assert_false(tn__script_next(&script, &got, &line));
    check_str(got, "untouched");
    assert_int_equal(line, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_word),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_empty_view),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
