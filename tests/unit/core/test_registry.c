/* SPDX-License-Identifier: MIT */
/*
 * core/driver: where drivers are looked for, in which order, and the three ways not to find one.
 * What the process has loaded it keeps, so each test has a scheme of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tenon/drivers.h>

#include "driver/registry.h"
#include "driver/search.h"
#include "scratch.h"
#include "support/mock_client.h"

static int setup(void **state)
{
    (void)state;
    scratch_make();
    setenv("TENON_DRIVER_PATH", scratch_path(""), 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unsetenv("TENON_DRIVER_PATH");
    scratch_remove();
    return 0;
}

static tn_error not_found(const char *scheme)
{
    tn_error err = TN_ERROR_INIT;
    const tn__driver *driver = NULL;

    assert_status(tn__registry_find(tn_str_from(scheme), &driver, &err), TN_DRIVER);
    assert_null(driver);
    assert_int_equal(err.phase, TN_PHASE_LOAD);
    assert_int_equal(scratch_marks(), 0);
    return err;
}

/* ---- directories
 * -------------------------------------------------------------------------------------------- */

struct list {
    unsigned count, existing;
    char text[4096];
};

static void add_directory(void *arg, const char *directory, bool exists)
{
    struct list *list = arg;

    list->count++;
    list->existing += exists;
    snprintf(list->text + strlen(list->text), sizeof(list->text) - strlen(list->text), "%s\n",
             directory);
}

static void directories_of_the_environment_come_first(void **state)
{
    char path[SCRATCH_PATH_MAX * 2];
    struct list list = {0};

    (void)state;
    snprintf(path, sizeof(path), "%s:/nowhere/at-all", scratch_path(""));
    setenv("TENON_DRIVER_PATH", path, 1);
    tn_driver_directories(add_directory, &list);
    assert_int_equal(list.count, 4); /* two of ours, beside the program, where it is installed to */
    assert_ptr_equal(strstr(list.text, scratch_path("")), list.text);
    assert_contains(list.text, "\n/nowhere/at-all\n");
    assert_contains(list.text, "tenon/drivers\n");
    assert_true(list.existing >= 1 && list.existing <= 2);
}

static void parts_that_are_not_absolute_are_passed_over_and_told(void **state)
{
    struct list list = {0};

    (void)state;
    setenv("TENON_DRIVER_PATH", ":relative::./here:../up:", 1);
    tn_driver_directories(add_directory, &list);
    assert_int_equal(list.count, 2);
    tn_error err = not_found("nosuch");
    assert_contains(err.message, "not absolute were passed over");
    unsetenv("TENON_DRIVER_PATH");
    err = not_found("nosuch");
    assert_null(strstr(err.message, "passed over"));
}

static void the_number_of_directories_is_bounded(void **state)
{
    struct list list = {0};
    char path[1024] = "";

    (void)state;
    for (int i = 0; i < 40; i++)
        snprintf(path + strlen(path), sizeof(path) - strlen(path), "/nowhere/%d:", i);
    setenv("TENON_DRIVER_PATH", path, 1);
    tn_driver_directories(add_directory, &list);
    assert_int_equal(list.count, TN__DIRECTORIES_MAX);
}

/* ---- finding
 * --------------------------------------------------------------------------------------------------
 */

static void the_first_directory_wins(void **state)
{
    char path[SCRATCH_PATH_MAX * 2];
    tn_error err = TN_ERROR_INIT;
    tn_driver_info info;

    (void)state;
    scratch_mkdir("a");
    scratch_mkdir("b");
    scratch_mkdir("empty");
    scratch_copy("a/order.so", "first");
    scratch_copy("b/order.so", "second");
    snprintf(path, sizeof(path), "%s:%s:%s", scratch_path("empty"), scratch_path("b"),
             scratch_path("a"));
    setenv("TENON_DRIVER_PATH", path, 1);
    assert_ok(tn_driver_inspect("order", &info, NULL, &err), err);
    assert_string_equal(info.version, "2");
    assert_int_equal(scratch_marks(), 1);
    /* It stays, whatever the environment says later. */
    setenv("TENON_DRIVER_PATH", scratch_path("a"), 1);
    assert_ok(tn_driver_inspect("order", &info, NULL, &err), err);
    assert_string_equal(info.version, "2");
}

static void a_refused_one_hides_those_behind_it(void **state)
{
    char path[SCRATCH_PATH_MAX * 2];

    (void)state;
    scratch_mkdir("a");
    scratch_mkdir("b");
    scratch_copy("a/good.so", "major");
    scratch_copy("b/good.so", "good");
    snprintf(path, sizeof(path), "%s:%s", scratch_path("a"), scratch_path("b"));
    setenv("TENON_DRIVER_PATH", path, 1);
    tn_error err = not_found("good");
    assert_contains(err.message, "/a/good.so: built for driver ABI 2.2");
}

static void an_alias_is_the_same_driver(void **state)
{
    tn_error err = TN_ERROR_INIT;
    const tn__driver *one, *other;

    (void)state;
    scratch_copy("alias.so", "alias");
    assert_int_equal(symlink("alias.so", scratch_path("aka.so")), 0);
    assert_ok(tn__registry_find(tn_str_from("aka"), &other, &err), err);
    assert_ok(tn__registry_find(tn_str_from("alias"), &one, &err), err);
    assert_ptr_equal(one, other);
    assert_int_equal(scratch_marks(), 1);
}

static void a_file_that_does_not_serve_its_name_is_refused(void **state)
{
    tn_error err = TN_ERROR_INIT;
    const tn__driver *driver;

    (void)state;
    scratch_copy("liar.so", "liar");
    assert_status(tn__registry_find(tn_str_from("liar"), &driver, &err), TN_DRIVER);
    assert_contains(err.message, "does not serve scheme \"liar\"");
}

/* ---- not finding
 * ---------------------------------------------------------------------------------------------- */

static void an_unknown_scheme_names_the_known_ones_and_the_paths(void **state)
{
    (void)state;
    tn_error err = not_found("mysql");
    assert_contains(err.message, "scheme \"mysql\": unknown");
    assert_contains(err.message, "mock");
    assert_contains(err.message, scratch_path(""));
    assert_contains(err.message, "tenon/drivers");
}

static void a_refused_one_is_named_with_its_reason(void **state)
{
    (void)state;
    scratch_copy("bad.so", "rollback");
    tn_error err = not_found("bad");
    assert_contains(err.message, scratch_path("bad.so"));
    assert_contains(err.message, "txn.begin without txn.rollback");
    assert_null(strstr(err.message, "unknown"));
}

static void odd_schemes_find_nothing(void **state)
{
    static const char *const odd[] = {"..", ".", "", "-", "%s%n", "a b", "x.so", "good\n"};
    static char huge[5000];
    tn_error err = TN_ERROR_INIT;

    (void)state;
    scratch_copy("good.so", "major");
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_status(tn_driver_inspect(odd[i], NULL, NULL, &err), TN_DRIVER);
    memset(huge, 'a', sizeof(huge) - 1);
    assert_status(tn_driver_inspect(huge, NULL, NULL, &err), TN_DRIVER);
}

/* A long scheme's file name is not cut: what is then found was not asked for. */
static void a_long_scheme_is_not_taken_for_a_shorter_file(void **state)
{
    char scheme[101], file[64];

    (void)state;
    memset(scheme, 'a', sizeof(scheme) - 1);
    scheme[100] = '\0';
    memcpy(file, scheme, 63);
    file[63] = '\0';
    scratch_copy(file, "major");
    tn_error err = TN_ERROR_INIT;
    assert_status(tn_driver_inspect(scheme, NULL, NULL, &err), TN_DRIVER);
    assert_null(strstr(err.message, "built for driver ABI"));
}

/* ---- a driver of this project that is not there: in a program that stands alone
 * ---------------------------------- */

static int tell_about(const char *scheme)
{
    tn_error err = TN_ERROR_INIT;
    tn_status status = tn_driver_inspect(scheme, NULL, NULL, &err);

    printf("%s\n", err.message);
    return status == TN_DRIVER ? 0 : 1;
}

static void copy_program(const char *name)
{
    char bytes[65536];
    size_t n;

    FILE *from = fopen("/proc/self/exe", "rb"), *to = fopen(scratch_path(name), "wb");
    assert_non_null(from);
    assert_non_null(to);
    while ((n = fread(bytes, 1, sizeof(bytes), from)) > 0)
        assert_int_equal(fwrite(bytes, 1, n, to), n);
    fclose(from);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(chmod(scratch_path(name), 0755), 0);
}

static void a_driver_that_is_not_installed_says_so(void **state)
{
    char text[1024] = "";
    int fds[2], status;

    (void)state;
    scratch_mkdir("bin");
    copy_program("bin/program");
    assert_int_equal(pipe(fds), 0);
    fflush(stdout);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        execl(scratch_path("bin/program"), "program", "--tell-about", "postgresql", (char *)NULL);
        _exit(99);
    }
    close(fds[1]);
    ssize_t len = 0, n;
    while ((n = read(fds[0], text + len, sizeof(text) - 1 - (size_t)len)) > 0)
        len += n;
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_contains(text, "driver \"postgresql\": not installed; looked in ");
    assert_contains(text, scratch_path(""));
    assert_contains(text, "bin/../lib/tenon/drivers");
    assert_contains(text, "TENON_DRIVER_PATH");
}

/* ---- looking at all
 * ---------------------------------------------------------------------------------------------- */

struct seen {
    const char *path; /* what to look for */
    tn_driver_info info;
    unsigned found, count;
};

static void look(void *arg, const tn_driver_info *info)
{
    struct seen *seen = arg;

    seen->count++;
    if (strcmp(info->path, seen->path) == 0) {
        seen->info = *info;
        seen->found++;
    }
}

static tn_driver_info entry(const char *path)
{
    struct seen seen = {.path = path};

    tn_driver_list(look, &seen);
    if (seen.found != 1)
        fail_msg("\"%s\" was listed %u times", path, seen.found);
    return seen.info;
}

static void the_list_has_good_ones_and_refused_ones(void **state)
{
    (void)state;
    scratch_copy("a-good.so", "good");
    scratch_copy("b-bad.so", "operation");
    scratch_write("c-text.so", "text", 4);
    scratch_write("readme.txt", "text", 4);
    scratch_copy(".hidden.so", "good");
    assert_int_equal(symlink("a-good.so", scratch_path("d-link.so")), 0);
    tn_driver_info info = entry(scratch_path("a-good.so"));
    assert_true(info.usable && info.loaded);
    assert_string_equal(info.name, "test");
    assert_string_equal(info.link, "");
    info = entry(scratch_path("b-bad.so"));
    assert_false(info.usable);
    assert_false(info.loaded);
    assert_int_equal(info.error.status, TN_DRIVER);
    assert_contains(info.error.message, "conn.ping is missing");
    info = entry(scratch_path("c-text.so"));
    assert_false(info.usable);
    info = entry(scratch_path("d-link.so"));
    assert_true(info.usable);
    assert_string_equal(info.link, "a-good.so");
    info = entry(""); /* the built-in one */
    assert_string_equal(info.name, "mock");
    assert_string_equal(info.client, "libmock 1.2");
    assert_int_equal(scratch_marks(), 1);
}

/* ---- threads
 * ------------------------------------------------------------------------------------------------------
 */

enum { THREADS = 16 };

static void *find_mock(void *arg)
{
    const tn__driver **ret = arg;

    for (int i = 0; i < 50; i++)
        if (tn__registry_find(tn_str_from("mock"), ret, NULL) != TN_OK ||
            tn__registry_find(tn_str_from("nosuch"), ret, NULL) != TN_DRIVER)
            return NULL;
    return arg;
}

static void any_thread_may_look(void **state)
{
    const tn__driver *found[THREADS] = {NULL};
    pthread_t threads[THREADS];
    bool good = true;
    void *ret;

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, find_mock, &found[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &ret);
        good &= ret != NULL;
    }
    assert_true(good);
    for (int i = 1; i < THREADS; i++)
        assert_ptr_equal(found[i], found[0]);
}

static int group_setup(void **state)
{
    (void)state;
    mock_new("mock", MOCK_CAPABILITIES);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(directories_of_the_environment_come_first),
        TEST(parts_that_are_not_absolute_are_passed_over_and_told),
        TEST(the_number_of_directories_is_bounded),
        TEST(a_refused_one_hides_those_behind_it),
        TEST(the_first_directory_wins),
        TEST(an_alias_is_the_same_driver),
        TEST(a_file_that_does_not_serve_its_name_is_refused),
        TEST(an_unknown_scheme_names_the_known_ones_and_the_paths),
        TEST(a_refused_one_is_named_with_its_reason),
        TEST(odd_schemes_find_nothing),
        TEST(a_long_scheme_is_not_taken_for_a_shorter_file),
        TEST(a_driver_that_is_not_installed_says_so),
        TEST(the_list_has_good_ones_and_refused_ones),
        TEST(any_thread_may_look),
    };

    if (argc == 3 && strcmp(argv[1], "--tell-about") == 0)
        return tell_about(argv[2]);
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
