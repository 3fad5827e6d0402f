/* SPDX-License-Identifier: MIT */
/* Reading CSV and NDJSON, names and the line of progress: each by itself, through a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "csv_reader.h"
#include "file_kind.h"
#include "json_lines.h"
#include "names.h"
#include "progress.h"

/* A source that gives this text: a file without a name. */
static source source_of(const char *text, size_t len)
{
    char path[] = "/tmp/tenon-readers-XXXXXX";
    source s;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(close(fd), 0);
    assert_true(source_open(&s, path));
    assert_int_equal(unlink(path), 0);
    return s;
}

/* All records as one text: fields in <>, unquoted ones in (), records on lines with their number.
 */
static const char *read_csv(const char *text, size_t len, char separator)
{
    static char all[4096];
    source s = source_of(text, len);
    source_status status;
    csv_reader r;
    size_t n = 0;

    csv_init(&r, &s, separator);
    all[0] = '\0';
    while ((status = csv_next(&r)) == SOURCE_OK) {
        n += (size_t)snprintf(all + n, sizeof(all) - n, "%d:", (int)r.line);
        for (size_t i = 0; i < r.count; i++)
            n += (size_t)snprintf(all + n, sizeof(all) - n,
                                  r.fields[i].quoted ? "<%.*s>" : "(%.*s)",
                                  (int)r.fields[i].text.len, r.fields[i].text.ptr);
        n += (size_t)snprintf(all + n, sizeof(all) - n, "\n");
    }
    if (status == SOURCE_WRONG)
        snprintf(all + n, sizeof(all) - n, "%d.%d %s", (int)r.line, (int)r.wrong_at, r.wrong);
    else
        assert_int_equal(status, SOURCE_END);
    csv_free(&r);
    source_close(&s);
    return all;
}
#define CSV(text) read_csv("" text, sizeof(text) - 1, ',')

static void csv_that_is(void **state)
{
    (void)state;
    assert_string_equal(CSV(""), "");
    assert_string_equal(CSV("a"), "1:(a)\n");
    assert_string_equal(CSV("a\n"), "1:(a)\n");
    assert_string_equal(CSV("a,b\r\nc,d\r\n"), "1:(a)(b)\n2:(c)(d)\n");
    assert_string_equal(CSV("a,b\rc,d"), "1:(a)(b)\n2:(c)(d)\n");
    assert_string_equal(CSV(",\n,,"), "1:()()\n2:()()()\n");
    assert_string_equal(CSV("\"\",\"\"\"\"\n"), "1:<><\">\n");
    assert_string_equal(CSV("\"a\nb\r\nc\",d\n\"e\"\n"), "1:<a\nb\r\nc>(d)\n4:<e>\n");
    assert_string_equal(CSV("\"x\"\"y\"\"z\",\"a,b\""), "1:<x\"y\"z><a,b>\n");
    assert_string_equal(CSV("\n\nx\n"), "1:()\n2:()\n3:(x)\n");
    assert_string_equal(CSV("\xef\xbb\xbf"
                            "a,b\n"),
                        "1:(a)(b)\n");
    assert_string_equal(CSV(" a , b \n"), "1:( a )( b )\n");
    assert_string_equal(read_csv("a\tb;c\n", 6, '\t'), "1:(a)(b;c)\n");
    assert_string_equal(read_csv("a;\"b;c\"\n", 8, ';'), "1:(a)<b;c>\n");
}

static void csv_that_is_not(void **state)
{
    (void)state;
    assert_string_equal(CSV("a\nb,\"c\nd"), "1:(a)\n2.2 the quote that begins here is not closed");
    assert_string_equal(CSV("\""), "1.0 the quote that begins here is not closed");
    assert_string_equal(CSV("\"a\"b"), "1.3 text behind a closing quote");
    assert_string_equal(CSV("a\"b\",c"), "1.1 a quote within a field without quotes");
    assert_string_equal(CSV("a,b\"c\n"), "1.3 a quote within a field without quotes");
}

/* Records and their line ends lie across the borders of what is read at once. */
static void records_across_borders(void **state)
{
    enum { COUNT = 30000 };
    size_t size = (size_t)COUNT * 64, n = 0;
    char *text = malloc(size), expected[64];
    source s;
    csv_reader r;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < COUNT; i++)
        n += (size_t)snprintf(text + n, size - n, "%d,\"a \"\"%d\"\"\r\nb\",%.*s\r\n", i, i, i % 20,
                              "xxxxxxxxxxxxxxxxxxxx");
    s = source_of(text, n);
    csv_init(&r, &s, ',');
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(csv_next(&r), SOURCE_OK);
        assert_int_equal(r.count, 3);
        assert_int_equal(r.line, 2 * i + 1);
        snprintf(expected, sizeof(expected), "a \"%d\"\r\nb", i);
        assert_int_equal(r.fields[1].text.len, strlen(expected));
        assert_memory_equal(r.fields[1].text.ptr, expected, strlen(expected));
        assert_int_equal(r.fields[2].text.len, i % 20);
    }
    assert_int_equal(csv_next(&r), SOURCE_END);
    assert_true(s.size < 1 << 20); /* not the whole file */
    assert_true(source_rewind(&s));
    csv_free(&r);
    csv_init(&r, &s, ',');
    assert_int_equal(csv_next(&r), SOURCE_OK);
    assert_int_equal(r.fields[0].text.len, 1);
    csv_free(&r);
    source_close(&s);
    free(text);
}

static void a_record_larger_than_the_buffer(void **state)
{
    enum { SIZE = 3 << 20 };
    char *text = malloc(SIZE + 4);
    source s;
    csv_reader r;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', SIZE);
    memcpy(text + SIZE, ",y\n", 4);
    s = source_of(text, SIZE + 3);
    csv_init(&r, &s, ',');
    assert_int_equal(csv_next(&r), SOURCE_OK);
    assert_int_equal(r.fields[0].text.len, SIZE);
    assert_int_equal(r.fields[1].text.len, 1);
    csv_free(&r);
    source_close(&s);
    free(text);
}

/* ---- NDJSON ---------------------------------------------------------------------------------- */

static const char *read_json(const char *text)
{
    static const char *const kinds = "ntpoa";
    static char all[4096];
    source s = source_of(text, strlen(text));
    source_status status;
    json_lines r;
    size_t n = 0;

    json_lines_init(&r, &s);
    all[0] = '\0';
    while ((status = json_lines_next(&r)) == SOURCE_OK) {
        n += (size_t)snprintf(all + n, sizeof(all) - n, "%d:", (int)r.line);
        for (size_t i = 0; i < r.count; i++) {
            const json_member *m = &r.members[i];
            tn_str value = m->kind == JSON_TEXT && !m->half ? json_lines_text(m) : m->text;
            if (m->half)
                n += (size_t)snprintf(all + n, sizeof(all) - n, "!%zu ", m->half);
            assert_true(r.halves || !m->half);
            n += (size_t)snprintf(all + n, sizeof(all) - n, "%.*s=%c<%.*s>", (int)m->key.len,
                                  m->key.ptr, kinds[m->kind], (int)value.len, value.ptr);
        }
        n += (size_t)snprintf(all + n, sizeof(all) - n, "\n");
    }
    if (status == SOURCE_WRONG)
        snprintf(all + n, sizeof(all) - n, "%d.%d %s", (int)r.line, (int)r.wrong_at, r.wrong);
    else
        assert_int_equal(status, SOURCE_END);
    json_lines_free(&r);
    source_close(&s);
    return all;
}

static void objects_a_line(void **state)
{
    (void)state;
    assert_string_equal(read_json(""), "");
    assert_string_equal(read_json("{}\n \n{ }"), "1:\n3:\n");
    assert_string_equal(read_json(" { \"a\" : 1 , \"b\":null}\r\n"), "1:a=p<1>b=n<null>\n");
    assert_string_equal(read_json("{\"a\":\"x\\ny\",\"b\\\"c\":true}"),
                        "1:a=t<x\ny>b\"c=p<true>\n");
    assert_string_equal(read_json("{\"a\":{\"b\":[1,\"}\"]},\"c\":[[]]}"),
                        "1:a=o<{\"b\":[1,\"}\"]}>c=a<[[]]>\n");
    assert_string_equal(read_json("{\"a\":\"\\u00e9\\ud83d\\ude00\\/\"}"),
                        "1:a=t<\xc3\xa9\xf0\x9f\x98\x80/>\n");
    assert_string_equal(read_json("\xef\xbb\xbf{\"a\":-1.5e3}"), "1:a=p<-1.5e3>\n");
}

static void lines_that_are_no_objects(void **state)
{
    (void)state;
    assert_string_equal(read_json("{}\n[1]"), "1:\n2.0 the line is not an object");
    assert_string_equal(read_json("{\"a\":1"), "1.6 the object does not end here as it should");
    assert_string_equal(read_json("{\"a\":1} x"), "1.8 text behind the object");
    assert_string_equal(read_json("{\"a\" 1}"), "1.5 a colon is expected here");
    assert_string_equal(read_json("{a:1}"), "1.1 a string in double quotes is expected here");
    assert_string_equal(read_json("{\"a\":1,}"), "1.7 a string in double quotes is expected here");
    assert_string_equal(read_json("{\"a\":01}"), "1.5 this is not a JSON value");
    assert_string_equal(read_json("{\"a\":}"), "1.5 this is not a JSON value");
    assert_string_equal(read_json("{\"a\":\"x}"), "1.5 this is not a JSON value");
    assert_string_equal(read_json("{\"a\":\"\\q\"}"), "1.5 this is not a JSON value");
    assert_string_equal(read_json("{\"a\":[1}"), "1.5 this is not a JSON value");
}

/* An escape of one half alone, the wrong one first, two of one kind; not what only looks like it.
 */
static void halves_of_pairs(void **state)
{
    (void)state;
    assert_string_equal(read_json("{\"a\":\"\\ud83d\"}"), "1:!6 a=t<\"\\ud83d\">\n");
    assert_string_equal(read_json("{\"a\":\"x\\uDE00y\"}"), "1:!7 a=t<\"x\\uDE00y\">\n");
    assert_string_equal(read_json("{\"a\":\"\\ude00\\ud83d\"}"), "1:!6 a=t<\"\\ude00\\ud83d\">\n");
    assert_string_equal(read_json("{\"a\":\"\\ud83d\\ud83d\\ude00\"}"),
                        "1:!6 a=t<\"\\ud83d\\ud83d\\ude00\">\n");
    assert_string_equal(read_json("{\"a\":\"\\ud83d\\n\"}"), "1:!6 a=t<\"\\ud83d\\n\">\n");
    assert_string_equal(read_json("{\"a\":[1,\"\\ud83d\"],\"b\":\"\\n\"}"),
                        "1:!9 a=a<[1,\"\\ud83d\"]>b=t<\n>\n");
    assert_string_equal(read_json("{\"a\":\"\\\\ud83d\"}\n{}"), "1:a=t<\\ud83d>\n2:\n");
    assert_string_equal(read_json("{\"a\":\"\\ud83d\\ude00\\ud83d\\ude00\"}"),
                        "1:a=t<\xf0\x9f\x98\x80\xf0\x9f\x98\x80>\n");
    assert_string_equal(read_json("{\"\\ud83d\":1}"),
                        "1.2 half of a surrogate pair is no character");
}

static void array(const char *json, const char *expected)
{
    char *copy = strdup(json), *buf = NULL;
    size_t size = 0, len = 0;

    assert_non_null(copy);
    bool good = json_array_text((tn_str){copy, strlen(copy)}, &buf, &size, &len);
    assert_int_equal(good, expected != NULL);
    if (good) {
        assert_int_equal(len, strlen(expected));
        assert_memory_equal(buf, expected, len);
    }
    free(buf);
    free(copy);
}

static void arrays(void **state)
{
    (void)state;
    array("[]", "{}");
    array("[ 1 , 2.5,null ,true]", "{1,2.5,null,true}");
    array("[\"a b\",\"\",\"null\",\"\\\"\\\\\",\"{,}\"]",
          "{\"a b\",\"\",\"null\",\"\\\"\\\\\",\"{,}\"}");
    array("[[1]]", NULL);
    array("[1,{}]", NULL);
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static const char *kind(const char *bytes, size_t len)
{
    const file_kind *k = file_kind_find(bytes, len);

    return !k ? "text" : k->reader ? k->reader : k->what;
}
#define KIND(bytes) kind(bytes, sizeof(bytes) - 1)

static void kinds_of_files(void **state)
{
    (void)state;
    assert_string_equal(KIND(""), "text");
    assert_string_equal(KIND("a"), "text");
    assert_string_equal(KIND("id,name\n1,a\n"), "text");
    assert_string_equal(KIND("\xef\xbb\xbfid"), "text");
    assert_string_equal(KIND("PK,BZh,PGDUMP\n"), "text");
    assert_string_equal(KIND("BZh9,name,and more\n"), "text");
    assert_string_equal(KIND("\x1f\x8b\x08"), "zcat");
    assert_string_equal(KIND("\x28\xb5\x2f\xfd\x24"), "zstdcat");
    assert_string_equal(KIND("\xfd\x37\x7a\x58\x5a\0"), "xzcat");
    assert_string_equal(KIND("BZh91AY&SY\0"), "bzcat");
    assert_string_equal(KIND("BZh11AY&SY\0"), "bzcat");
    assert_string_equal(KIND("\x04\x22\x4d\x18"), "lz4cat");
    assert_string_equal(KIND("PK\x03\x04\x14"), "a zip archive or a spreadsheet");
    assert_string_equal(KIND("SQLite format 3\0"), "a database of SQLite");
    assert_string_equal(KIND("\xff\xfei\0d\0"), "iconv -f UTF-16 -t UTF-8");
    assert_string_equal(KIND("\xfe\xff\0i\0d"), "iconv -f UTF-16 -t UTF-8");
    assert_string_equal(KIND("\xff\xfe\0\0i\0\0\0"), "iconv -f UTF-32 -t UTF-8");
    assert_string_equal(KIND("i\0d\0"), "iconv -f UTF-16LE -t UTF-8");
    assert_string_equal(KIND("\0i\0d"), "iconv -f UTF-16BE -t UTF-8");
}

static void json_by_its_beginning(void **state)
{
    (void)state;
    assert_true(file_kind_is_object(" {\n\"a", 6));
    assert_false(file_kind_is_object("{a,b\n", 5));
    assert_false(file_kind_is_object("{", 1));
    assert_false(file_kind_is_object("[{\"a\"", 5));
    assert_true(file_kind_is_array("[\n  { \"a", 9));
    assert_false(file_kind_is_array("[{", 2));
    assert_false(file_kind_is_array("[a,{b\n", 6));
}

/* ---- names, progress ------------------------------------------------------------------------- */

static void lists_of_names(void **state)
{
    static const char *const bad[] = {"", ",", "a,", "a b", "\"a", "a,,b", "\"\"", "a.b"};
    names n = {0};
    char *quoted;

    (void)state;
    assert_true(names_read(&n, " A , \"B \"\"c\" ,d"));
    assert_int_equal(n.count, 3);
    assert_string_equal(n.items[0], "a");
    assert_string_equal(n.items[1], "B \"c");
    assert_int_equal(names_find(&n, "d"), 2);
    assert_int_equal(names_find(&n, "D"), -1);
    assert_int_equal(names_find_str(&n, (tn_str){"dx", 1}), 2);
    quoted = names_quoted(&n);
    assert_string_equal(quoted, "\"a\",\"B \"\"c\",\"d\"");
    free(quoted);
    names_free(&n);
    assert_true(names_read_dotted(&n, "App.\"a.B\" "));
    assert_int_equal(n.count, 2);
    assert_string_equal(n.items[0], "app");
    assert_string_equal(n.items[1], "a.B");
    names_free(&n);
    assert_false(names_read_dotted(&n, "a,b"));
    names_free(&n);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(names_read(&n, bad[i]));
        names_free(&n);
    }
}

static void a_line_of_progress(void **state)
{
    const progress known = {.what = "a.csv", .whole = 200000000},
                   unknown = {.what = "standard input"};
    char line[160];

    (void)state;
    progress_line(&known, 50000000, 600000, 2, line, sizeof(line));
    assert_string_equal(line,
                        "a.csv  [######------------------]  25 % of 200MB  300k rows/s  6 s left");
    progress_line(&known, 0, 0, 0, line, sizeof(line));
    assert_string_equal(line, "a.csv  [------------------------]   0 % of 200MB");
    progress_line(&unknown, 1500, 12, 3, line, sizeof(line));
    assert_string_equal(line, "standard input  1.5kB  4 rows/s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_that_is),
        cmocka_unit_test(csv_that_is_not),
        cmocka_unit_test(records_across_borders),
        cmocka_unit_test(a_record_larger_than_the_buffer),
        cmocka_unit_test(objects_a_line),
        cmocka_unit_test(lines_that_are_no_objects),
        cmocka_unit_test(halves_of_pairs),
        cmocka_unit_test(arrays),
        cmocka_unit_test(kinds_of_files),
        cmocka_unit_test(json_by_its_beginning),
        cmocka_unit_test(lists_of_names),
        cmocka_unit_test(a_line_of_progress),
    };

    return cmocka_run_group_tests_name("tool readers", tests, NULL, NULL);
}
