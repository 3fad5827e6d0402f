/* SPDX-License-Identifier: MIT */
/*
 * Text that nobody meant, by a fixed seed: what reads outside data must end, stay within its input
 * (each text is copied to memory of its own size, which sanitizers watch) and keep its promises.
 */
#include "unit.h"

#include "base/arena.h"
#include "base/decimal.h"
#include "base/lexer.h"
#include "base/str.h"
#include "base/text.h"
#include "config/envfile.h"
#include "config/text.h"
#include "config/url.h"

enum { ROUNDS = 20000, MOST = 96 };

static uint64_t seed = 20261123;

static uint32_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

/* Pieces that mean something, and bytes that do not. */
static tn_str make_text(const char *const *pieces, size_t n_pieces)
{
    char room[MOST * 2];
    size_t len = 0, want = next_random() % MOST;

    while (len < want) {
        const char *piece = pieces[next_random() % n_pieces];
        if (next_random() % 8 == 0) {
            room[len++] = (char)next_random();
        } else {
            memcpy(room + len, piece, strlen(piece));
            len += strlen(piece);
        }
    }
    return exact_copy(tn__str(room, len));
}

static void test_lexer(void **state)
{
    static const char *const pieces[] = {
        "'",      "''", "\"", "$",   "$$", "$a$",   "$1",       "--",  "/*",   "*/",     "\n",
        " ",      ";",  "e'", "U&'", "\\", "begin", "atomic",   "end", "case", "create", "trigger",
        "select", "(",  ")",  "1",   "0x", ".",     "..",       "1e",  "+",    "-",      "@",
        "<",      "=",  ":",  "::",  "_",  "x",     "\xc3\xa4", "{",
    };

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        tn_str text = make_text(pieces, COUNT_OF(pieces)), part;
        tn__script script = {.rest = text, .line = 1};
        uint32_t line = 0, last = 0;
        tn__lexer lexer;
        size_t total = 0;
        tn__tok tok;

        tn__lexer_init(&lexer, text);
        while ((tok = tn__lexer_next(&lexer)).kind != TN__TOK_END) {
            assert_true(tok.text.len > 0 && tok.text.ptr == text.ptr + total);
            total += tok.text.len;
            assert_true(tok.kind != TN__TOK_ERROR || total == text.len);
        }
        assert_int_equal(total, text.len);
        for (size_t n = 0; tn__script_next(&script, &part, &line); n++) {
            assert_true(n <= text.len && part.len > 0 && line >= last);
            assert_true(part.ptr >= text.ptr && part.ptr + part.len <= text.ptr + text.len);
            last = line;
        }
        (void)tn__sql_first_word(text);
        free((char *)text.ptr);
    }
}

static void test_values(void **state)
{
    static const char *const pieces[] = {
        "1",        "0",    "9",         "-",    "+",          ".",        ":",        "e",
        "E",        " ",    "T",         "Z",    "BC",         "{",        "}",        ",",
        "\"",       "\\",   "\\x",       "NULL", "2026-11-23", "09:00:00", "infinity", "nan",
        "P",        "Y",    "M",         "D",    "1 year",     "2 mons",   "days",     "ago",
        "a0eebc99", "true", "999999999", "e-9",  "24:00:00",
    };
    tn__arena arena;
    tn__buf out, again;

    (void)state;
    tn__arena_init(&arena, 1 << 20);
    tn__buf_init(&out, TN__BUF_MAX);
    tn__buf_init(&again, TN__BUF_MAX);
    for (int round = 0; round < ROUNDS; round++) {
        tn_str text = make_text(pieces, COUNT_OF(pieces));
        tn_type type = (tn_type)(next_random() % (TN_TYPE_OTHER + 2));
        tn_type element = (tn_type)(next_random() % (TN_TYPE_OTHER + 2));
        tn_value value, back;

        tn__arena_reset(&arena);
        tn__buf_reset(&out);
        tn__buf_reset(&again);
        if (tn__value_parse(type, element, text, &arena, &value)) {
            /* What was read is printed, and what was printed is read, the same. */
            assert_true(tn__value_append(&out, &value));
            tn__buf_append(&out, "", 0);
            if (!tn__value_parse(type, element, tn__str(out.ptr, out.len), &arena, &back))
                fail_msg("%s from %.*s: %s", tn_type_name(type), (int)text.len, text.ptr, out.ptr);
            assert_true(tn__value_append(&again, &back) && again.len == out.len);
            tn__buf_append(&again, "", 0);
            assert_memory_equal(again.ptr, out.ptr, out.len);
        }
        free((char *)text.ptr);
    }
    tn__buf_free(&out);
    tn__buf_free(&again);
    tn__arena_free(&arena);
}

static void test_decimal(void **state)
{
    static const char *const pieces[] = {"0", "1", "9",  "5",  "00",  "99", ".",   "-",
                                         "+", "e", "e-", "e5", "e-7", " ",  "NaN", "inf"};
    tn__buf out, other;

    (void)state;
    tn__buf_init(&out, TN__BUF_MAX);
    tn__buf_init(&other, TN__BUF_MAX);
    for (int round = 0; round < ROUNDS; round++) {
        tn_str text = make_text(pieces, COUNT_OF(pieces)), normal;
        int64_t whole;
        double d;

        tn__buf_reset(&out);
        tn__buf_reset(&other);
        if (tn__decimal_normal(text, &out)) {
            normal = exact_copy(tn__str(out.ptr, out.len));
            assert_true(tn__decimal_digits(normal) <= normal.len);
            (void)tn__decimal_to_int64(normal, &whole);
            (void)tn__decimal_to_double(normal, &d);
            if (tn__decimal_rescale(normal, (int)(next_random() % 40) - 20, &other)) {
                tn__buf_reset(&out);
                assert_true(tn__decimal_normal(tn__str(other.ptr, other.len), &out));
                assert_int_equal(out.len, other.len);
                assert_memory_equal(out.ptr, other.ptr, out.len);
            }
            free((char *)normal.ptr);
        } else {
            assert_int_equal(out.len, 0);
        }
        free((char *)text.ptr);
    }
    tn__buf_free(&out);
    tn__buf_free(&other);
}

static void test_url(void **state)
{
    static const char *const pieces[] = {
        "postgresql", "://", ":",   "@", "/", "?",    "&",      "=",      "%",
        "%4",         "%41", "%00", "#", "[", "]",    "schema", "pass",   "password=",
        "host=",      "'",   "\\",  " ", ",", "5432", "h",      "sqlite", "..",
    };
    static const char *const names[] = {"schema", "password"};
    tn__buf out;

    (void)state;
    tn__buf_init(&out, TN__BUF_MAX);
    for (int round = 0; round < ROUNDS; round++) {
        tn_str text = make_text(pieces, COUNT_OF(pieces));
        char *url = calloc(1, text.len + 1);
        tn__url_parts parts;
        tn_str scheme;

        assert_non_null(url);
        memcpy(url, text.ptr, text.len);
        tn__buf_reset(&out);
        assert_true(tn__url_redact(&out, text)); /* NUL bytes and all */
        assert_true(tn__config_quote(&out, url));
        (void)tn__url_scheme(url, &scheme, NULL);
        if (tn__url_take(url, names, 2, &parts, NULL) == TN_OK) {
            assert_true(strlen(parts.url) <= strlen(url) && parts.n_params <= 2);
            tn__url_parts_free(&parts);
        }
        free(url);
        free((char *)text.ptr);
    }
    tn__buf_free(&out);
}

/* A secret between ':' and '@' never shows, whatever stands around it. */
static void test_redact(void **state)
{
    static const char *const pieces[] = {"/", "?", "#", "@", ":", "=", "&", "%40",      "%",
                                         "[", "]", ",", " ", "1", "x", "h", "password", "'"};
    tn__buf out;

    (void)state;
    tn__buf_init(&out, TN__BUF_MAX);
    for (int round = 0; round < ROUNDS; round++) {
        tn_str a = make_text(pieces, COUNT_OF(pieces)), b = make_text(pieces, COUNT_OF(pieces));
        tn__buf url;

        tn__buf_init(&url, TN__BUF_MAX);
        tn__buf_printf(&url, "postgresql://app:%.*sSECRET%.*s@h/db", (int)(a.len % 5), a.ptr,
                       (int)(b.len % 5), b.ptr);
        tn__buf_reset(&out);
        assert_true(tn__url_redact(&out, tn__str(url.ptr, url.len)));
        if (strstr(out.ptr, "SECRET"))
            fail_msg("%s gives %s", url.ptr, out.ptr);
        tn__buf_free(&url);
        free((char *)a.ptr);
        free((char *)b.ptr);
    }
    tn__buf_free(&out);
}

static void on_pair(void *arg, const char *key, const char *value, int line)
{
    assert_true(*key && strlen(value) <= 65536 && line >= *(int *)arg);
    *(int *)arg = line;
}

static void on_fault(void *arg, int line, const char *key, const char *why)
{
    assert_true(*why && (!key || *key) && line >= *(int *)arg);
    *(int *)arg = line;
}

static const char *look_up(void *arg, const char *name)
{
    (void)arg;
    return name[0] == 'A' ? "${A}'\"#" : NULL;
}

static void test_envfile(void **state)
{
    static const char *const pieces[] = {"A", "KEY",  "=",     "'",  "\"",      "#",
                                         " ", "\n",   "\r\n",  "\\", "\\n",     "${",
                                         "}", "${A}", "${B:-", "$",  "export ", "x"};

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        tn_str text = make_text(pieces, COUNT_OF(pieces));
        int line = 0;

        assert_true(tn__envfile_parse(text, on_pair, on_fault, look_up, &line));
        free((char *)text.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lexer), cmocka_unit_test(test_values), cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_url),   cmocka_unit_test(test_redact), cmocka_unit_test(test_envfile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
