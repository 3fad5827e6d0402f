/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/buf.h"
#include "base/str.h"
#include "config/envfile.h"

/* What was reported, as text: "KEY=value@line" and "!key:why@line", one a line. The last pair of a
 * key is known to ${...}, and so are the words below. */
typedef struct seen {
    tn__buf log;
    char keys[32][64];
    char values[32][256];
    size_t n;
} seen;

static void on_pair(void *arg, const char *key, const char *value, int line)
{
    seen *s = arg;

    tn__buf_printf(&s->log, "%s=%s@%d\n", key, value, line);
    if (s->n < 32) {
        snprintf(s->keys[s->n], sizeof(s->keys[0]), "%s", key);
        snprintf(s->values[s->n++], sizeof(s->values[0]), "%s", value);
    }
}

static void on_fault(void *arg, int line, const char *key, const char *why)
{
    tn__buf_printf(&((seen *)arg)->log, "!%s:%s@%d\n", key ? key : "", why, line);
}

static const char *look_up(void *arg, const char *name)
{
    const seen *s = arg;

    for (size_t i = s->n; i-- > 0;)
        if (strcmp(s->keys[i], name) == 0)
            return s->values[i];
    return strcmp(name, "KNOWN") == 0 ? "known" : strcmp(name, "BLANK") == 0 ? "" : NULL;
}

static const struct {
    const char *name;
    const char *want;
} rows[] = {
    {"", ""},
    {"\n\n  \n", ""},
    {"# comment\n  # another\nA=1", "A=1@3\n"},
    {"A=1", "A=1@1\n"},
    {"A=1\nB=2\n", "A=1@1\nB=2@2\n"},
    {"A=\nB=", "A=@1\nB=@2\n"},
    {"export A=1\nexport\tB=2", "A=1@1\nB=2@2\n"},
    {"  A=1  ", "A=1@1\n"},
    {"A=  padded value  ", "A=padded value@1\n"},
    {"A=1\r\nB=2\r\n", "A=1@1\nB=2@2\n"},
    {"\xef\xbb\xbf"
     "A=1",
     "A=1@1\n"},
    {"A=1\nA=2", "A=1@1\nA=2@2\n"},
    /* comments behind values */
    {"URL=postgres://u:p#w@h/d", "URL=postgres://u:p#w@h/d@1\n"},
    {"A=abc #c", "A=abc@1\n"},
    {"A=abc\t# c", "A=abc@1\n"},
    {"A=#abc", "A=#abc@1\n"},
    {"A= #abc", "A=@1\n"},
    {"A=a#b #c", "A=a#b@1\n"},
    /* quotes */
    {"A='single $X \\n ${Y} #x'", "A=single $X \\n ${Y} #x@1\n"},
    {"A=\"a\\nb\\tc\"", "A=a\nb\tc@1\n"},
    {"A=\"q\\\"q \\\\ \\$ \\x\"", "A=q\"q \\ $ \\x@1\n"},
    {"A=\"a # b\" # c", "A=a # b@1\n"},
    {"A='a'", "A=a@1\n"},
    {"A=''\nB=\"\"", "A=@1\nB=@2\n"},
    {"A=\"line one\nline two\"\nB=1", "A=line one\nline two@1\nB=1@3\n"},
    {"A='x\r\ny'\r\nB=1", "A=x\ny@1\nB=1@3\n"},
    {"A= 'x' ", "A=x@1\n"},
    {"A=it's", "A=it's@1\n"},
    {"A=back\\slash", "A=back\\slash@1\n"},
    /* what is known */
    {"A=${KNOWN}", "A=known@1\n"},
    {"A=x${KNOWN}y${KNOWN}z", "A=xknownyknownz@1\n"},
    {"A=\"<${KNOWN}>\"", "A=<known>@1\n"},
    {"B=base\nA=${B}/x", "B=base@1\nA=base/x@2\n"},
    {"A=${NONE:-default}", "A=default@1\n"},
    {"A=${BLANK:-default}|${BLANK}", "A=default|@1\n"},
    {"A=${KNOWN:-default}", "A=known@1\n"},
    {"A=${NONE:-}", "A=@1\n"},
    {"A=${NONE:-a b} ", "A=a b@1\n"},
    {"A=${KNOWN} ", "A=known@1\n"},
    {"A=$KNOWN $5 $(date) `date`", "A=$KNOWN $5 $(date) `date`@1\n"},
    {"A=\"\\${KNOWN}\"", "A=${KNOWN}@1\n"},
    {"A=$", "A=$@1\n"},
    /* bad lines: the next one is fine again */
    {"A: 1\nB=2", "!A:not KEY=value@1\nB=2@2\n"},
    {"A = 1\nB=2", "!A:not KEY=value (no blank in front of the =)@1\nB=2@2\n"},
    {"nonsense\nB=2", "!nonsense:not KEY=value@1\nB=2@2\n"},
    {"=x\nB=2", "!:not KEY=value@1\nB=2@2\n"},
    {"1A=x", "!:not KEY=value@1\n"},
    {"A-B=x", "!A:not KEY=value@1\n"},
    {"export\nB=2", "!export:not KEY=value@1\nB=2@2\n"},
    {"export =x", "!:not KEY=value@1\n"},
    {"A='open\nB=2\nC=3", "!A:the quote is not closed@1\nB=2@2\nC=3@3\n"},
    {"A=\"open\nB=2", "!A:the quote is not closed@1\nB=2@2\n"},
    {"A=\"open\\", "!A:the quote is not closed@1\n"},
    {"A='x'y\nB=2", "!A:text behind the closing quote@1\nB=2@2\n"},
    {"A='x'#y", "!A:text behind the closing quote@1\n"},
    {"A=\"x\" y", "!A:text behind the closing quote@1\n"},
    {"A=${NONE}\nB=2",
     "!A:${...} names what is not set; write ${NAME:-} if that is meant@1\nB=2@2\n"},
    {"A=${\nB=2", "!A:${...} wants a name@1\nB=2@2\n"},
    {"A=${}\nB=2", "!A:${...} wants a name@1\nB=2@2\n"},
    {"A=${KNOWN\nB=2}", "!A:${...} is not closed@1\nB=2}@2\n"},
    {"A=${KNOWN-x}", "!A:${...} wants a name, or ${NAME:-default}@1\n"},
    {"A=\"${1}\"", "!A:${...} wants a name@1\n"},
};

static void run(tn_str text, seen *s)
{
    *s = (seen){0};
    tn__buf_init(&s->log, TN__BUF_MAX);
    tn__buf_append(&s->log, "", 0);
    assert_true(tn__envfile_parse(text, on_pair, on_fault, look_up, s));
}

static void test_table(void **state)
{
    static seen s;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_str copy = exact_copy(tn_str_from(rows[i].name));

        run(copy, &s);
        if (strcmp(s.log.ptr, rows[i].want) != 0)
            fail_msg("row %zu (%s): %s, want %s", i, rows[i].name, s.log.ptr, rows[i].want);
        tn__buf_free(&s.log);
        free((char *)copy.ptr);
    }
}

static void test_nul_bytes(void **state)
{
    static seen s;

    (void)state;
    run(S("A=x\0y\nB=1\nC\0=2\nD='\0'"), &s);
    assert_string_equal(s.log.ptr, "!A:a NUL byte@1\nB=1@2\n!C:not KEY=value@3\n!D:a NUL byte@4\n");
    tn__buf_free(&s.log);
}

static void test_length_is_bounded(void **state)
{
    static char value[40000];
    static seen s;
    tn__buf text;

    (void)state;
    tn__buf_init(&text, TN__BUF_MAX);
    memset(value, 'x', sizeof(value) - 1);
    tn__buf_printf(&text, "A=%s%s\nB=1\nC=%s\n", value, value, value);
    run(tn__str(text.ptr, text.len), &s);
    assert_non_null(strstr(s.log.ptr, "!A:the value is longer than 65536 bytes@1\nB=1@2\nC=xxx"));
    tn__buf_free(&s.log);
    tn__buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_length_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
