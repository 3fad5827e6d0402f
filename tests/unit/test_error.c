/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <tenon/error.h>

static void test_set(void **state)
{
    tn_error err;

    (void)state;
    memset(&err, 0xff, sizeof(err)); /* nothing of what was there may be left */
    assert_int_equal(tn_error_set(&err, TN_CONSTRAINT, "23505", "key %d exists", 7), TN_CONSTRAINT);
    assert_int_equal(err.status, TN_CONSTRAINT);
    assert_string_equal(err.sqlstate, "23505");
    assert_string_equal(err.message, "key 7 exists");
    assert_int_equal(err.retry, TN_RETRY_NO);
    assert_int_equal(err.outcome, TN_OUTCOME_NOT_APPLIED);
    assert_int_equal(err.phase, TN_PHASE_NONE);
    assert_string_equal(err.detail, "");
    assert_string_equal(err.source, "");
    assert_false(err.discarded);
    assert_int_equal(tn_error_set(NULL, TN_DATA, NULL, "x"), TN_DATA);
}

static void test_sqlstate_of_the_class(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_error_set(&err, TN_UNAVAILABLE, NULL, "x");
    assert_string_equal(err.sqlstate, "08001");
    assert_int_equal(err.retry, TN_RETRY_STATEMENT);
    tn_error_set(&err, TN_CONFIG, NULL, "x");
    assert_string_equal(err.sqlstate, "");
    tn_error_set(&err, TN_FAILED, "P0001", "x");
    assert_string_equal(err.sqlstate, "P0001");
    tn_error_set(&err, TN_FAILED, "toolong", "x");
    assert_string_equal(err.sqlstate, "");
    tn_error_set(&err, TN_FAILED, "abc", "x");
    assert_string_equal(err.sqlstate, "");
    /* Success cannot be an error. */
    assert_int_equal(tn_error_set(&err, TN_OK, NULL, "x"), TN_FAILED);
    assert_int_equal(tn_error_set(NULL, TN_OK, NULL, "x"), TN_FAILED);
}

/* Arguments may point into the error itself. */
static void test_set_from_itself(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_error_set(&err, TN_DATA, "22003", "too large");
    tn_error_set_hint(&err, "smaller");
    tn_error_set(&err, TN_FAILED, err.sqlstate, "%s: %s (%s)", "outer", err.message, err.hint);
    assert_string_equal(err.message, "outer: too large (smaller)");
    assert_string_equal(err.sqlstate, "22003");
    tn_error_set_hint(&err, "not %s", err.message);
    assert_string_equal(err.hint, "not outer: too large (smaller)");
}

static void test_long_texts_are_cut(void **state)
{
    char text[2000];
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (size_t len = 500; len < 520; len++) {
        /* Two-byte characters at every offset: the cut must not halve one. */
        memset(text, 'x', len % 2);
        for (size_t i = len % 2; i + 1 < 1000; i += 2)
            memcpy(text + i, "\xc3\xa4", 2);
        tn_error_set(&err, TN_DATA, NULL, "%.*s", 1000 - (int)(len % 2), text);
        size_t got = strlen(err.message);
        assert_true(got < sizeof(err.message) && got > 500);
        assert_string_equal(err.message + got - 3, "...");
        assert_int_equal((unsigned char)err.message[got - 4], 0xa4);
    }
    memset(text, 'y', 511);
    text[511] = '\0';
    tn_error_set(&err, TN_DATA, NULL, "%s", text);
    assert_string_equal(err.message, text); /* just fits */
    tn_error_set_hint(&err, "%s", text);
    assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
    assert_string_equal(err.hint + sizeof(err.hint) - 4, "...");
}

static void test_prepend(void **state)
{
    char text[600];
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_error_set(&err, TN_LOST, "08006", "refused");
    tn_error_prepend(&err, "host %s", "h");
    assert_int_equal(err.status, TN_LOST);
    tn_error_prepend(&err, "connect");
    assert_int_equal(err.status, TN_LOST);
    assert_string_equal(err.message, "connect: host h: refused");
    assert_string_equal(err.sqlstate, "08006");
    tn_error_prepend(NULL, "x");
    tn_error_prepend(&err, "%s", err.message);
    assert_string_equal(err.message, "connect: host h: refused: connect: host h: refused");
    memset(text, 'p', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    tn_error_prepend(&err, "%s", text);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    tn_error_clear(&err);
    tn_error_prepend(&err, "alone");
    assert_string_equal(err.message, "alone");
}

static void test_clear(void **state)
{
    tn_error err, fresh;

    (void)state;
    /* Padding counts in the comparison, and an assignment need not copy it. */
    memset(&fresh, 0, sizeof(fresh));
    memset(&err, 0, sizeof(err));
    (void)tn_error_set(&err, TN_CONSTRAINT, "23505", "a message");
    tn_error_set_hint(&err, "a hint");
    memcpy(err.table, "a table", sizeof("a table"));
    err.discarded = true;
    err.native = err.position = err.internal_position = 7;
    tn_error_clear(&err);
    assert_memory_equal(&err, &fresh, sizeof(err));
    tn_error_clear(NULL);
}

static void test_format(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char buf[1024], small[16];

    (void)state;
    tn_error_set(&err, TN_CONSTRAINT, "23505", "duplicate key");
    strcpy(err.detail, "Key (a)=(1) exists.");
    strcpy(err.constraint, "t_a_key");
    strcpy(err.transaction, "pg:1");
    tn_error_set_hint(&err, "take another");
    const char *want = "duplicate key (SQLSTATE 23505)\ndetail: Key (a)=(1) exists.\n"
                       "hint: take another\nconstraint: t_a_key\ntransaction: pg:1";
    assert_int_equal(tn_error_format(&err, buf, sizeof(buf)), strlen(want));
    assert_string_equal(buf, want);
    /* As snprintf: the whole length, and what fits. */
    assert_int_equal(tn_error_format(&err, NULL, 0), strlen(want));
    assert_int_equal(tn_error_format(&err, small, sizeof(small)), strlen(want));
    assert_string_equal(small, "duplicate key (");
    assert_int_equal(tn_error_format(&err, small, 1), strlen(want));
    assert_string_equal(small, "");

    tn_error_set(&err, TN_CONFIG, NULL, "A: bad\nB: worse");
    tn_error_format(&err, buf, sizeof(buf));
    assert_string_equal(buf, "A: bad\nB: worse");
    tn_error_clear(&err);
    err.status = TN_SHUTDOWN;
    tn_error_format(&err, buf, sizeof(buf));
    assert_string_equal(buf, "shutting down");
}

/* What a server sends must not move a terminal's cursor, nor break its encoding. */
static void test_format_escapes(void **state)
{
    static const struct {
        const char *name;
        const char *want;
    } rows[] = {
        {"\x1b[31mred", "\\x1b[31mred"},
        {"a\tb\rc\x07", "a\\x09b\\x0dc\\x07"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b"
         "31m",
         "\\xc2\\x9b31m"}, /* the C1 form of ESC [ */
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"\xff\xfe", "\\xff\\xfe"},
        {"cut \xe2\x82", "cut \\xe2\\x82"},
        {"%s%n\\", "%s%n\\"},
    };
    char buf[256];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_error err = TN_ERROR_INIT;
        err.status = TN_FAILED;
        strcpy(err.message, rows[i].name);
        tn_error_format(&err, buf, sizeof(buf));
        check_row(strcmp(buf, rows[i].want) == 0, i);
        strcpy(err.message, "m");
        strcpy(err.detail, rows[i].name);
        tn_error_format(&err, buf, sizeof(buf));
        check_row(strcmp(buf + strlen("m\ndetail: "), rows[i].want) == 0, i);
    }
}

static void test_print(void **state)
{
    tn_error err = TN_ERROR_INIT;
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);

    (void)state;
    assert_non_null(stream);
    /* The longest there is: every byte of every text escaped. */
    err.status = TN_FAILED;
    memset(err.message, 0x1b, sizeof(err.message) - 1);
    memset(err.detail, 0x1b, sizeof(err.detail) - 1);
    memset(err.hint, 0x1b, sizeof(err.hint) - 1);
    memset(err.constraint, 0x1b, sizeof(err.constraint) - 1);
    tn_error_print(stream, &err);
    fclose(stream);
    assert_int_equal(len, tn_error_format(&err, NULL, 0) + 1);
    assert_int_equal(text[len - 1], '\n');
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_sqlstate_of_the_class),
        cmocka_unit_test(test_set_from_itself),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_prepend),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_format_escapes),
        cmocka_unit_test(test_print),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
