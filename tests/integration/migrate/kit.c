/* SPDX-License-Identifier: MIT */
#include "kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

enum { PATH_SIZE = 512, WORDS_MAX = 24 };

void kit_begin(kit *k, const char *command)
{
    char path[PATH_SIZE];

    *k = (kit){.command = command};
    snprintf(k->dir, sizeof(k->dir), "/tmp/tenon-migrate-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    snprintf(path, sizeof(path), "%s/migrations", k->dir);
    assert_int_equal(mkdir(path, 0777), 0);
}

/* The files of one folder; then the folder. */
static void remove_folder(const char *path, bool itself)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    char file[PATH_SIZE];

    while (dir && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(file, sizeof(file), "%.200s/%s", path, entry->d_name);
        if (unlink(file) != 0)
            remove_folder(file, true);
    }
    if (dir)
        closedir(dir);
    if (itself)
        rmdir(path);
}

void kit_end(kit *k)
{
    remove_folder(k->dir, true);
}

void kit_no_files(const kit *k)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/migrations", k->dir);
    remove_folder(path, false);
}

void kit_file(const kit *k, const char *name, const char *format, ...)
{
    char path[PATH_SIZE];
    va_list args;

    snprintf(path, sizeof(path), "%s/migrations/%s", k->dir, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    assert_int_equal(fclose(file), 0);
}

/* ---- processes ------------------------------------------------------------------------------- */

static void become(const kit *k, int number, const char *const words[])
{
    const char *argv[WORDS_MAX + 4] = {k->command};
    char path[PATH_SIZE];
    size_t n = 1;

    for (; *words && n < WORDS_MAX; words++)
        argv[n++] = *words;
    argv[n++] = "--url";
    argv[n++] = k->url;
    snprintf(path, sizeof(path), "%s/out%d", k->dir, number);
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (out < 0 || chdir(k->dir) != 0)
        _exit(99);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    setenv("TENON_NO_ENV", "1", 1);
    execv(k->command, (char *const *)(uintptr_t)argv);
    _exit(99);
}

pid_t kit_start(const kit *k, int number, const char *const words[])
{
    fflush(NULL);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        become(k, number, words);
    return pid;
}

int kit_wait(pid_t pid)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int kit_run(const kit *k, const char *const words[])
{
    return kit_wait(kit_start(k, 0, words));
}

const char *kit_output(const kit *k, int number)
{
    static char text[65536];
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/out%d", k->dir, number);
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    text[n] = '\0';
    if (file)
        fclose(file);
    return text;
}

/* ---- the database ---------------------------------------------------------------------------- */

static tn_db *open_client(const kit *k)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = tn_config_from_url(k->url, &err);
    tn_db *db = NULL;

    if (config && tn_config_set(config, "min_connections", "0", &err) == TN_OK)
        db = tn_open(config, &err);
    tn_config_free(config);
    if (!db)
        fail_msg("%s", err.message);
    return db;
}

long long kit_number(const kit *k, const char *sql)
{
    tn_error err = TN_ERROR_INIT;
    int64_t number = 0;
    tn_db *db = open_client(k);
    tn_status status = tn_get(db, sql, NULL, tn_into(&number), &err);

    tn_db_close(db, NULL);
    if (status != TN_OK)
        fail_msg("%s: %s", sql, err.message);
    return number;
}

void kit_sql(const kit *k, const char *sql)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = open_client(k);
    tn_status status = tn_exec_script(db, sql, &err);

    tn_db_close(db, NULL);
    if (status != TN_OK)
        fail_msg("%s: %s", sql, err.message);
}

/* ---- time ------------------------------------------------------------------------------------ */

int64_t kit_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void kit_sleep_ms(int64_t ms)
{
    struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&nap, NULL);
}

void kit_empty(const kit *k, bool postgres)
{
    char path[128];
    static const char *const ends[] = {"", "-wal", "-shm"};

    if (postgres) {
        kit_sql(k, "drop schema public cascade; create schema public");
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/test.db%s", k->dir, ends[i]);
        remove(path);
    }
}

/* ---- the same on both ------------------------------------------------------------------------ */

typedef struct both {
    const char *command;
    test_server server;
    void (*test)(kit *k, bool postgres);
} both;

static void on_postgresql(void **state)
{
    const both *b = *state;
    kit k;

    kit_begin(&k, b->command);
    test_server_url(&b->server, "app:apppw", "app", "sslmode=disable", k.url, sizeof(k.url));
    b->test(&k, true);
    kit_end(&k);
}

static void on_sqlite(void **state)
{
    const both *b = *state;
    kit k;

    kit_begin(&k, b->command);
    snprintf(k.url, sizeof(k.url), "sqlite:%s/test.db", k.dir);
    b->test(&k, false);
    kit_end(&k);
}

int kit_main(int argc, char **argv, void (*test)(kit *k, bool postgres))
{
    static const char *const settings[] = {"max_connections=30", "fsync=off", NULL};
    static both b;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(on_postgresql, &b),
        cmocka_unit_test_prestate(on_sqlite, &b),
    };

    if (argc < 2)
        return 2;
    b.command = argv[1];
    b.test = test;
    test_server_create(&b.server, settings, NULL, "apppw");
    PGconn *conn = test_server_connect(&b.server, "app");
    test_server_run(conn, "alter schema public owner to app; grant create on database app to app");
    PQfinish(conn);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_server_remove(&b.server);
    return failed;
}
