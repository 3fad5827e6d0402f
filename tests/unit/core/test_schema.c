/* SPDX-License-Identifier: MIT */
/* core/session: a schema's text taken apart, and two of them compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <tenon/tenon.h>

#include "base/cleanup.h"
#include "base/str.h"

static const char text[] = "-- type: mood\ncreate type mood as enum (\n    'sad'\n);\n\n"
                           "-- table: users\ncreate table users (\n    id bigint not null,\n"
                           "    email text,\n    constraint users_pkey PRIMARY KEY (id)\n);\n\n"
                           "-- function: f()\ncreate function f() returns int language sql as $$\n"
                           "-- table: none\nselect 1;\n-- table: neither\nselect 2;\n$$;\n\n"
                           "-- operator: public.===(text,text)\n-- (not in this text as SQL)\n\n";

static tn_schema *parse(const char *from)
{
    tn_error err = TN_ERROR_INIT;
    tn_schema *schema = NULL;

    assert_int_equal(tn_schema_parse(tn_str_from(from), &schema, &err), TN_OK);
    return schema;
}

static void assert_str(tn_str is, const char *expected)
{
    char copy[512];

    assert_true(is.len < sizeof(copy));
    memcpy(copy, is.ptr, is.len);
    copy[is.len] = '\0';
    assert_string_equal(copy, expected);
}

static void objects_are_found(void **state)
{
    tn_schema_object object;
    tn_schema *schema = parse(text);

    (void)state;
    assert_int_equal(tn_schema_count(schema), 4);
    assert_true(tn_schema_at(schema, 0, &object));
    assert_str(object.kind, "type");
    assert_str(object.name, "mood");
    assert_str(object.sql, "create type mood as enum (\n    'sad'\n);");
    assert_true(tn_schema_at(schema, 2, &object));
    assert_str(object.name, "f()");
    assert_true(tn__str_ends(object.sql, TN__STR("$$;")));
    assert_true(tn_schema_at(schema, 3, &object));
    assert_str(object.kind, "operator");
    assert_false(tn_schema_at(schema, 4, &object));
    assert_false(tn_schema_is_complete(schema));
    tn_schema_free(schema);
    tn_schema_free(NULL);
}

/* With another preface and other ends of lines. */
static void a_file_has_the_fingerprint_of_its_schema(void **state)
{
    static const char preface[] = "-- Written by a tool, to be read.\n\nset local x = off;\n\n";
    tn_schema *schema = parse(text);
    char file[2048];
    size_t n = 0;

    (void)state;
    for (const char *part = preface; part; part = part == preface ? text : NULL)
        for (const char *c = part; *c; c++) {
            if (*c == '\n')
                file[n++] = '\r';
            file[n++] = *c;
        }
    file[n] = '\0';
    tn_schema *other = parse(file);
    assert_string_equal(tn_schema_fingerprint(other), tn_schema_fingerprint(schema));
    tn_schema_free(other);
    tn_schema_free(schema);
}

/* Where not all ends of lines are CR LF, those that are belong to what they are in. */
static void a_body_keeps_its_ends_of_lines(void **state)
{
    static const char with[] = "-- function: f()\ncreate function f() as $$a\r\nb$$;\n";
    tn_schema *schema = parse(with);

    (void)state;
    assert_non_null(strstr(tn_schema_text(schema).ptr, "a\r\nb"));
    tn_schema *other = parse("-- function: f()\ncreate function f() as $$a\nb$$;\n");
    assert_string_not_equal(tn_schema_fingerprint(other), tn_schema_fingerprint(schema));
    tn_schema_free(other);
    tn_schema_free(schema);
}

static void what_is_no_text_is_refused(void **state)
{
    static const char *const wrong[] = {"-- table: t\ncreate table t (a text default 'x);\n",
                                        "-- table: t\n/* never closed\n"};

    (void)state;
    for (size_t i = 0; i < TN__COUNT_OF(wrong); i++) {
        tn_error err = TN_ERROR_INIT;
        tn_schema *schema = NULL;
        assert_int_equal(tn_schema_parse(tn_str_from(wrong[i]), &schema, &err), TN_SYNTAX);
        assert_null(schema);
        assert_non_null(strstr(err.message, "line 2"));
    }
    tn_schema *empty = parse("");
    assert_int_equal(tn_schema_count(empty), 0);
    assert_true(tn_schema_is_complete(empty));
    assert_string_equal(tn_schema_fingerprint(empty),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    tn_schema_free(empty);
}

/* ---- comparing ------------------------------------------------------------------------------- */

typedef struct told {
    char lines[20][300];
    size_t n;
} told;

static void take(void *arg, const tn_schema_change *c)
{
    static const char signs[] = "?+-~";
    told *t = arg;

    assert_true(t->n < TN__COUNT_OF(t->lines));
    snprintf(t->lines[t->n++], sizeof(t->lines[0]), "%c %.*s %.*s|%.*s|%.*s|%.*s", signs[c->what],
             (int)c->kind.len, c->kind.ptr, (int)c->name.len, c->name.ptr, (int)c->part.len,
             c->part.ptr, (int)c->before.len, c->before.ptr, (int)c->after.len, c->after.ptr);
}

static void compare(const char *before, const char *after, told *ret)
{
    tn_schema *a = parse(before), *b = parse(after);

    *ret = (told){.n = 0};
    size_t n = tn_schema_compare(a, b, take, ret);
    assert_int_equal(n, ret->n);
    assert_int_equal(tn_schema_compare(a, b, NULL, NULL), ret->n);
    tn_schema_free(a);
    tn_schema_free(b);
}

static void differences_name_the_line(void **state)
{
    static const char before[] =
        "-- table: t\ncreate table t (\n    a int,\n    \"b c\" text default ' , ' not null,\n"
        "    gone int,\n    constraint k CHECK ((a > 0))\n);\n\n-- index: i\ncreate index i on t "
        "(a);\n\n-- view: v\ncreate view v as\n select 1;\n\n";
    static const char after[] =
        "-- table: t\ncreate table t (\n    a bigint,\n    \"b c\" text default ' , ' not null,\n"
        "    d int,\n    constraint k CHECK ((a > 1))\n) STRICT;\n\n-- view: v\ncreate view v as\n "
        "select 2;\n\n-- index: j\ncreate index j on t (d);\n\n";
    told t;

    (void)state;
    compare(before, after, &t);
    assert_string_equal(t.lines[0], "~ table t|a|a int|a bigint");
    assert_string_equal(t.lines[1], "- table t|gone|gone int|");
    assert_string_equal(
        t.lines[2],
        "~ table t|constraint k|constraint k CHECK ((a > 0))|constraint k CHECK ((a > 1))");
    assert_string_equal(t.lines[3], "+ table t|d||d int");
    assert_string_equal(t.lines[4], "+ table t|)||) STRICT;");
    assert_string_equal(t.lines[5], "- index i||create index i on t (a);|");
    assert_string_equal(t.lines[6],
                        "~ view v||create view v as\n select 1;|create view v as\n select 2;");
    assert_string_equal(t.lines[7], "+ index j|||create index j on t (d);");
    assert_int_equal(t.n, 8);
}

static void nothing_differs_from_itself(void **state)
{
    told t;

    (void)state;
    compare(text, text, &t);
    assert_int_equal(t.n, 0);
    compare("", "", &t);
    assert_int_equal(t.n, 0);
}

static void an_order_alone_is_a_difference(void **state)
{
    told t;

    (void)state;
    compare("-- table: t\ncreate table t (\n    a int,\n    b int\n);\n\n",
            "-- table: t\ncreate table t (\n    b int,\n    a int\n);\n\n", &t);
    assert_int_equal(t.n, 1);
    assert_true(strncmp(t.lines[0], "~ table t||create", 17) == 0);
    compare("-- view: a\na;\n\n-- view: b\nb;\n\n", "-- view: b\nb;\n\n-- view: a\na;\n\n", &t);
    assert_int_equal(t.n, 1);
    assert_string_equal(t.lines[0], "~ schema |||");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_found),
        cmocka_unit_test(a_file_has_the_fingerprint_of_its_schema),
        cmocka_unit_test(a_body_keeps_its_ends_of_lines),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(differences_name_the_line),
        cmocka_unit_test(nothing_differs_from_itself),
        cmocka_unit_test(an_order_alone_is_a_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
