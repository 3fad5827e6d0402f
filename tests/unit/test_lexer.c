/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/lexer.h"
#include "base/str.h"

/* Kinds as letters, in the order of the enum. */
static const char letters[] = ".scwqtdnpou;!";

static const struct {
    const char *name;
    const char *kinds;
    const char *tokens; /* joined by '|'; NULL: as many as kinds says, whatever they are */
} rows[] = {
    {"", "", ""},
    {"select 1", "wsn", "select| |1"},
    {"a;b", "w;w", "a|;|b"},
    {"x1_$y gr\xc3\xb6\xc3\x9f"
     "e",
     "wsw",
     "x1_$y| |gr\xc3\xb6\xc3\x9f"
     "e"},
    {" \t\r\n\f\v", "s", NULL},
    /* strings */
    {"'a''b'", "t", "'a''b'"},
    {"'a\\'b", "tw", "'a\\'|b"},
    {"E'a\\'b'", "t", "E'a\\'b'"},
    {"e'\\\\'x", "tw", "e'\\\\'|x"},
    {"N'a' b'1' X'ff' u&'\\0061'", "tststst", NULL},
    {"U&'a'", "t", "U&'a'"},
    {"u & 'a'", "wsost", NULL},
    {"fooE'x'", "wt", "fooE|'x'"},
    {"'a'\n'b'", "t", "'a'\n'b'"},
    {"'a' 'b'", "tst", "'a'| |'b'"},
    {"'a' -- c\n 'b'", "t", NULL},
    {"'a' -- c", "tsc", NULL},
    {"E'a'\n'\\''", "t", NULL},
    {"'a'\n'\\''", "!", NULL},
    {"'open", "!", "'open"},
    {"E'open\\", "!", "E'open\\"},
    {"'", "!", "'"},
    /* identifiers in quotes */
    {"\"a\"\"b\"", "q", "\"a\"\"b\""},
    {"U&\"a\"", "q", "U&\"a\""},
    {"\"a;--b\"", "q", NULL},
    {"\"open", "!", "\"open"},
    {"\"a\"\n\"b\"", "qsq", NULL},
    /* dollar quotes */
    {"$$a;b$$", "d", "$$a;b$$"},
    {"$x$a$$b$y$c$x$d", "dw", "$x$a$$b$y$c$x$|d"},
    {"$x$a$X$b$x$", "d", NULL},
    {"$\xc3\xa4$a$\xc3\xa4$", "d", NULL},
    {"a$$b$$", "w", "a$$b$$"},
    {"a $$b$$", "wsd", NULL},
    {"$$open", "!", NULL},
    {"$a$open$a", "!", NULL},
    {"$a$x$a$a$", "dw", NULL},
    {"$", "!", NULL},
    {"$ a", "!", NULL},
    {"$x", "!", NULL},
    {"$a$$a$", "d", NULL},
    {"$$$$", "d", NULL},
    {"$$$", "!", NULL},
    {"$a$ $a$a$ $a$", "dws!", NULL},
    /* parameters */
    {"$1", "p", "$1"},
    {"$12+$3", "pop", "$12|+|$3"},
    {"$1$2", "pp", "$1|$2"},
    {"$1a", "!", "$1a"},
    {"$1;", "p;", "$1|;"},
    {"a$1", "w", "a$1"},
    /* numbers */
    {"1.5", "n", "1.5"},
    {".5", "n", ".5"},
    {"5.", "n", "5."},
    {"1..2", "non", "1|..|2"},
    {"1.5.2", "nn", "1.5|.2"},
    {"1e5 1E+5 1.e-5", "nsnsn", NULL},
    {"1e", "!", NULL},
    {"1e+", "!", NULL},
    {"1foo", "!", NULL},
    {"0x1F 0b01 0o17 1_000", "nsnsnsn", NULL},
    {"0xg", "!", NULL},
    {"1-1", "non", "1|-|1"},
    {"a.b", "wuw", "a|.|b"},
    {"a.5", "wn", NULL},
    {"-1", "on", "-|1"},
    /* comments */
    {"a--b\nc", "wcsw", "a|--b|\n|c"},
    {"--", "c", "--"},
    {"/*a/*b*/c*/d", "cw", "/*a/*b*/c*/|d"},
    {"/* -- */x", "cw", NULL},
    {"/*/*/", "!", NULL},
    {"/**/", "c", "/**/"},
    {"/*open", "!", NULL},
    {"-- /*\nx */", "cswso", NULL},
    {"'--' \"/*\" $$--$$", "tsqsd", NULL},
    /* operators */
    {"a::int", "wow", "a|::|int"},
    {"a:=b", "wow", "a|:=|b"},
    {"a:b", "wuw", "a|:|b"},
    {"f(a=>1)", "wuwonu", "f|(|a|=>|1|)"},
    {"1=-1", "noon", "1|=|-|1"},
    {"a@-b", "wow", "a|@-|b"},
    {"a*-+-b", "woooow", "a|*|-|+|-|b"},
    {"<=>=<>!=", "o", NULL},
    {"a<>-1", "woon", "a|<>|-|1"},
    {"a||b", "wow", "a||||b"}, /* the operator between two bars */
    {"a->>'b'", "wot", NULL},
    {"a?&b", "wow", NULL},
    {"a+/*c*/b", "wocw", "a|+|/*c*/|b"},
    {"a*--c\nb", "wocsw", NULL},
    {"a@/*c*/b", "wocw", NULL},
    {"a---b", "wc", "a|---b"},
    {"a-/**/b", "wocw", NULL},
    {"+-", "oo", "+|-"},
    {"[1:2]", "ununu", "[|1|:|2|]"},
    {"(a,b)", "uwuwu", NULL},
    /* not allowed */
    {"{", "!", "{"},
    {"select \\d", "ws!", "select| |\\d"},
    {"a\x01", "w!", NULL},
};

static void check_tokens(size_t row, const char *want, const tn__tok *toks, size_t n)
{
    char joined[256] = "";

    for (size_t i = 0; i < n; i++) {
        if (i)
            strcat(joined, "|");
        strncat(joined, toks[i].text.ptr, toks[i].text.len);
    }
    if (strcmp(joined, want) != 0)
        fail_msg("row %zu: %s, want %s", row, joined, want);
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_str sql = exact_copy(tn_str_from(rows[i].name));
        char kinds[64] = "";
        tn__tok toks[64], tok;
        tn__lexer lexer;
        size_t n = 0, total = 0;

        tn__lexer_init(&lexer, sql);
        while ((tok = tn__lexer_next(&lexer)).kind != TN__TOK_END) {
            /* Without a gap. */
            check_row(tok.text.ptr == sql.ptr + total && tok.text.len > 0, i);
            total += tok.text.len;
            kinds[n] = letters[tok.kind];
            toks[n++] = tok;
        }
        check_row(total == sql.len, i);
        if (strcmp(kinds, rows[i].kinds) != 0)
            fail_msg("row %zu (%s): %s, want %s", i, rows[i].name, kinds, rows[i].kinds);
        if (rows[i].tokens)
            check_tokens(i, rows[i].tokens, toks, n);
        check_row(tn__lexer_next(&lexer).kind == TN__TOK_END, i); /* for ever */
        free((char *)sql.ptr);
    }
}

static void test_nul_is_an_error(void **state)
{
    tn__lexer lexer;
    tn__tok tok;

    (void)state;
    tn__lexer_init(&lexer, S("a \0 b"));
    tn__lexer_next(&lexer);
    tn__lexer_next(&lexer);
    tok = tn__lexer_next(&lexer);
    assert_int_equal(tok.kind, TN__TOK_ERROR);
    assert_int_equal(tok.text.len, 3);
    tn__lexer_init(&lexer, S("+\0"));
    assert_int_equal(tn__lexer_next(&lexer).text.len, 1);
    tn__lexer_init(&lexer, S("e\0'"));
    assert_int_equal(tn__lexer_next(&lexer).text.len, 1);
}

static void test_places(void **state)
{
    const struct {
        const char *text;
        uint32_t line, column;
    } want[] = {
        {"select", 1, 1},
        {"gr\xc3\xb6\xc3\x9f"
         "e",
         1, 8},
        {",", 1, 13},
        {"'a\nb'", 1, 15},
        {"c", 2, 4},
        {"d", 3, 3},
        {";", 4, 1},
    };
    tn__lexer lexer;

    (void)state;
    tn__lexer_init(&lexer, S("select gr\xc3\xb6\xc3\x9f"
                             "e, 'a\nb' c\r\n  d\n;"));
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        tn__tok tok = tn__lexer_skip(&lexer);
        check_str(tok.text, want[i].text);
        assert_int_equal(tok.line, want[i].line);
        assert_int_equal(tok.column, want[i].column);
    }
    assert_int_equal(tn__lexer_skip(&lexer).kind, TN__TOK_END);
}

static void test_param_numbers(void **state)
{
    static const struct {
        const char *name;
        uint32_t want;
    } params[] = {
        {"$1", 1},          {"$007", 7}, {"$65535", 65535},
        {"$65536", 0},      {"$0", 0},   {"$99999999999999999999", 0},
        {"$4294967297", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(params); i++) {
        tn__lexer lexer;
        tn__tok tok;
        tn__lexer_init(&lexer, tn_str_from(params[i].name));
        tok = tn__lexer_next(&lexer);
        assert_int_equal(tok.kind, TN__TOK_PARAM);
        assert_int_equal(tok.number, params[i].want);
    }
}

static void test_skip(void **state)
{
    tn__lexer lexer;

    (void)state;
    tn__lexer_init(&lexer, S("  -- x\n /* y */ a"));
    check_str(tn__lexer_skip(&lexer).text, "a");
    assert_int_equal(tn__lexer_skip(&lexer).kind, TN__TOK_END);
    tn__lexer_init(&lexer, (tn_str){NULL, 0});
    assert_int_equal(tn__lexer_skip(&lexer).kind, TN__TOK_END);
}

/* Deep nesting and long texts cost time in proportion, and no stack. */
static void test_large(void **state)
{
    enum { N = 500000 };
    char *text = malloc(4 * N);
    tn__lexer lexer;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < N; i++) {
        memcpy(text + 2 * i, "/*", 2);
        memcpy(text + 2 * N + 2 * i, "*/", 2);
    }
    tn__lexer_init(&lexer, tn__str(text, 4 * N));
    assert_int_equal(tn__lexer_next(&lexer).kind, TN__TOK_COMMENT);
    assert_int_equal(tn__lexer_next(&lexer).kind, TN__TOK_END);
    memset(text, '$', 4 * N);
    memcpy(text, "$tag$", 5);
    tn__lexer_init(&lexer, tn__str(text, 4 * N));
    assert_int_equal(tn__lexer_next(&lexer).kind, TN__TOK_ERROR);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),  cmocka_unit_test(test_nul_is_an_error),
        cmocka_unit_test(test_places), cmocka_unit_test(test_param_numbers),
        cmocka_unit_test(test_skip),   cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
