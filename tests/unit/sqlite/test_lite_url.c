/* SPDX-License-Identifier: MIT */
/* URLs and parameters: what is taken, what is refused and with which words. */
#include "lite_test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void refused(lite_test *t, const char *url, const char *settings, const char *part)
{
    tn_status status = lite_test_source(t, url, settings);

    if (status == TN_OK)
        fail_msg("%s was taken", url);
    assert_int_equal(status, t->err.status);
    assert_true(status == TN_CONFIG || status == TN_UNSUPPORTED);
    if (!strstr(t->err.message, part))
        fail_msg("%s: \"%s\" does not say \"%s\"", url, t->err.message, part);
}

static void bad_urls(void **state)
{
    lite_test *t = *state;

    refused(t, "sqlite:", "", "path");
    refused(t, "sqlite://", "", "sqlite:///path");
    refused(t, "sqlite://host/path.db", "", "no host");
    refused(t, "sqlite://data.db", "", "sqlite:path");
    refused(t, "sqlite::memory", "", "sqlite::memory:");
    refused(t, "sqlite:///:memory:", "", "sqlite::memory:");
    refused(t, "sqlite:a%00b", "", "NUL");
    refused(t, "sqlite:a%zz", "", "%25");
    refused(t, "sqlite:a%4", "", "%25");
    refused(t, "sqlite:a#b", "", "%23");
    refused(t, "sqlite:dir/", "", "directory");
    refused(t, "sqlite:a.db?journal=off", "", "\"journal\"");
    refused(t, "sqlite:a.db?journal=off", "", "busy_timeout");
    refused(t, "sqlite:a.db", "dialect=postgresql", "postgresql");
    refused(t, "sqlite::memory:", "mode=ro", "mode=ro");
    refused(t, "sqlite:a.db", "busy_timeout=-1", "busy_timeout");
    refused(t, "sqlite:a.db", "busy_timeout=soon", "busy_timeout");
}

/* Opens, writes, and looks for the file. */
static void makes(lite_test *t, const char *url, const char *file)
{
    struct stat st;

    if (lite_test_source(t, url, "dialect=native mode=rwc synchronous=off") != TN_OK)
        fail_msg("%s: %s", url, t->err.message);
    (void)lite_test_connect(t, 0);
    (void)lite_q(t, "create table t (a integer)");
    assert_int_equal(stat(file, &st), 0);
    lite_test_close_source(t);
    assert_int_equal(unlink(file), 0);
}

static void good_urls(void **state)
{
    lite_test *t = *state;
    char url[160], file[160], before[512];

    (void)snprintf(url, sizeof url, "sqlite:%s/a.db", t->directory);
    (void)snprintf(file, sizeof file, "%s/a.db", t->directory);
    makes(t, url, file);
    (void)snprintf(url, sizeof url, "sqlite://%s/a.db", t->directory);
    makes(t, url, file);
    (void)snprintf(url, sizeof url, "sqlite:%s/a%%20%%3F%%23%%25b.db", t->directory);
    (void)snprintf(file, sizeof file, "%s/a ?#%%b.db", t->directory);
    makes(t, url, file);

    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(t->directory), 0);
    (void)snprintf(file, sizeof file, "%s/rel.db", t->directory);
    makes(t, "sqlite:rel.db", file);
    makes(t, "sqlite:./rel.db", file);
    (void)snprintf(file, sizeof file, "%s/file:rel.db", t->directory);
    makes(t, "sqlite:file:rel.db", file);
    (void)snprintf(file, sizeof file, "%s/:odd", t->directory);
    makes(t, "sqlite:./:odd", file);
    assert_int_equal(chdir(before), 0);
}

/* A relative path is that of the moment of opening, not of each connection. */
static void relative_path_stays(void **state)
{
    lite_test *t = *state;
    char before[512];

    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(t->directory), 0);
    assert_int_equal(lite_test_source(t, "sqlite:rel.db", ""), TN_OK);
    (void)lite_test_connect(t, 0);
    (void)lite_q(t, "create table t (a integer)");
    assert_int_equal(chdir("/"), 0);
    (void)lite_test_connect(t, 1);
    assert_int_equal(lite_try(t, t->conns[1], "select count(*) from t", NULL, 0), TN_OK);
    assert_int_equal(chdir(before), 0);
}

static tn_status connect_fails(lite_test *t, const char *url, const char *settings)
{
    tn_driver_conn *conn = NULL;
    tn_status status = lite_test_source(t, url, settings);

    assert_int_equal(status, TN_OK);
    status = tn_driver_module.conn->open(t->source, &t->hosts[0], TN_NO_DEADLINE, &conn, &t->err);
    assert_int_not_equal(status, TN_OK);
    assert_null(conn);
    return status;
}

static void files_that_cannot_be(void **state)
{
    lite_test *t = *state;
    char url[160], path[160];
    FILE *file;

    assert_int_equal(connect_fails(t, t->url, "mode=rw"), TN_AUTH);
    assert_string_equal(t->err.sqlstate, "3D000");
    assert_non_null(strstr(t->err.message, "does not exist"));
    assert_int_equal(connect_fails(t, t->url, "mode=ro"), TN_AUTH);
    (void)snprintf(url, sizeof url, "sqlite:%s/none/a.db", t->directory);
    assert_int_equal(connect_fails(t, url, ""), TN_CONFIG);
    assert_non_null(strstr(t->err.message, "/none\""));
    (void)snprintf(url, sizeof url, "sqlite:%s", t->directory);
    assert_int_equal(connect_fails(t, url, ""), TN_CONFIG);
    assert_non_null(strstr(t->err.message, "a directory"));

    (void)snprintf(path, sizeof path, "%s/text.db", t->directory);
    (void)snprintf(url, sizeof url, "sqlite:%s", path);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 200; i++)
        (void)fputs("this is no database\n", file);
    assert_int_equal(fclose(file), 0);
    (void)connect_fails(t, url, "");
    assert_string_equal(t->err.sqlstate, "XX001");
    assert_non_null(strstr(t->err.message, "not a SQLite database"));
}

static void modes(void **state)
{
    lite_test *t = *state;
    tn_conn_info info = {.size = sizeof info};

    lite_test_open(t);
    (void)lite_q(t, "create table t (a integer)");
    tn_driver_module.conn->info(t->conn, &info);
    assert_false(info.read_only);
    assert_true(info.verified);
    assert_string_equal(info.dialect, "sqlite");
    assert_non_null(strstr(info.server, "SQLite 3."));
    assert_string_equal(info.server, tn_driver_module.client());
    assert_string_equal(info.endpoint, t->url + strlen("sqlite:"));

    assert_int_equal(lite_test_source(t, t->url, "mode=rw"), TN_OK);
    (void)lite_test_connect(t, 0);
    (void)lite_q(t, "insert into t values (1)");

    assert_int_equal(lite_test_source(t, t->url, "mode=ro"), TN_OK);
    (void)lite_test_connect(t, 0);
    tn_driver_module.conn->info(t->conn, &info);
    assert_true(info.read_only);
    assert_string_equal(lite_q(t, "select a from t"), "1\n");
    lite_fails(t, "insert into t values (2)", "25006");
    assert_int_equal(t->err.status, TN_READ_ONLY);
    assert_non_null(strstr(t->err.message, "INSERT"));
}

/* What every connection is set to. */
static void profile(void **state)
{
    lite_test *t = *state;

    lite_test_open(t);
    assert_string_equal(lite_q(t, "pragma journal_mode"), "wal\n");
    assert_string_equal(lite_q(t, "pragma foreign_keys"), "1\n");
    assert_string_equal(lite_q(t, "pragma trusted_schema"), "0\n");
    assert_string_equal(lite_q(t, "pragma synchronous"), "1\n");
    assert_string_equal(lite_q(t, "pragma cell_size_check"), "1\n");
    lite_fails(t, "select \"no string\"", "42703");
    lite_fails(t, "select load_extension('x')", "XX000");

    assert_int_equal(lite_test_source(t, t->url, "synchronous=full"), TN_OK);
    (void)lite_test_connect(t, 0);
    assert_string_equal(lite_q(t, "pragma synchronous"), "2\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lite_test_begin, lite_test_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bad_urls), TEST(good_urls), TEST(relative_path_stays), TEST(files_that_cannot_be),
        TEST(modes),    TEST(profile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
