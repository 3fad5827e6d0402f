/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* pipe2 */
#include "pooler.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 10000 };

static const char *const files[] = {"pgbouncer.ini", "users.txt", "log"};

static const char *program(void)
{
    static const char *const places[] = {"/usr/sbin/pgbouncer", "/usr/bin/pgbouncer",
                                         "/usr/local/bin/pgbouncer"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    printf("skipped: PgBouncer is not installed (Debian package pgbouncer)\n");
    exit(TEST_SKIPPED);
}

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "test pooler: %s failed\n", what);
    exit(EXIT_FAILURE);
}

static FILE *open_file(const test_pooler *pooler, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", pooler->dir, name);
    FILE *file = fopen(path, "we");
    if (!file)
        give_up("writing its configuration");
    return file;
}

static void configure(const test_pooler *pooler, const test_server *server, const char *mode,
                      int size, const char *app_password)
{
    FILE *file = open_file(pooler, "users.txt");
    fprintf(file, "\"app\" \"%s\"\n", app_password);
    fclose(file);
    file = open_file(pooler, "pgbouncer.ini");
    fprintf(file,
            "[databases]\n"
            "app = host=127.0.0.1 port=%d dbname=app\n"
            "[pgbouncer]\n"
            "listen_addr = 127.0.0.1\n"
            "listen_port = %d\n"
            "unix_socket_dir =\n"
            "auth_type = scram-sha-256\n"
            "auth_file = %s/users.txt\n"
            "admin_users = app\n"
            "pool_mode = %s\n"
            "default_pool_size = %d\n"
            "server_login_retry = 1\n"
            "logfile = %s/log\n",
            server->port, pooler->port, pooler->dir, mode, size, pooler->dir);
    fclose(file);
}

/* It refuses to run as root, and reads its files as who it then is. */
static const char *servant(const test_pooler *pooler)
{
    static const char *const names[] = {"postgres", "nobody"};

    if (geteuid() != 0)
        return NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct passwd *user = getpwnam(names[i]);
        if (!user)
            continue;
        if (chown(pooler->dir, user->pw_uid, user->pw_gid) != 0)
            give_up("giving its folder away");
        for (size_t k = 0; k < 2; k++) {
            char path[128];
            snprintf(path, sizeof(path), "%s/%s", pooler->dir, files[k]);
            if (chown(path, user->pw_uid, user->pw_gid) != 0)
                give_up("giving its files away");
        }
        return names[i];
    }
    give_up("finding a user for it");
}

static pid_t start(const test_pooler *pooler, const char *path, const char *user)
{
    char config[128];
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    snprintf(config, sizeof(config), "%s/pgbouncer.ini", pooler->dir);
    if (user)
        execl(path, path, "-q", "-u", user, config, (char *)NULL);
    else
        execl(path, path, "-q", config, (char *)NULL);
    _exit(127);
}

/* Waits for the end of the test, which closes the pipe whatever happens to it. */
static void guard(const test_pooler *pooler, const char *path, const char *user, int end)
{
    char byte, file[128];

    test_close_others(end);
    setsid();
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    pid_t pid = start(pooler, path, user);
    while (read(end, &byte, 1) < 0 && errno == EINTR)
        continue;
    if (pid > 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(file, sizeof(file), "%s/%s", pooler->dir, files[i]);
        unlink(file);
    }
    rmdir(pooler->dir);
    _exit(EXIT_SUCCESS);
}

static void wait_until_it_answers(const test_pooler *pooler, const char *app_password)
{
    static const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    char port[16];
    const char *const names[] = {"host", "port", "user", "password", "dbname", "gssencmode", NULL};
    const char *const values[] = {"127.0.0.1", port, "app", app_password, "app", "disable", NULL};

    snprintf(port, sizeof(port), "%d", pooler->port);
    for (int waited = 0; waited < WAIT_MS; waited += 20) {
        PGconn *conn = PQconnectdbParams(names, values, 0);
        bool answers = PQstatus(conn) == CONNECTION_OK;
        PQfinish(conn);
        if (answers)
            return;
        nanosleep(&pause, NULL);
    }
    give_up("starting");
}

void test_pooler_create(test_pooler *pooler, const test_server *server, const char *mode, int size,
                        const char *app_password)
{
    const char *path = program();
    int ends[2];

    snprintf(pooler->dir, sizeof(pooler->dir), "/tmp/tenon-test-XXXXXX");
    if (!mkdtemp(pooler->dir) || pipe2(ends, O_CLOEXEC) != 0)
        give_up("making its folder");
    pooler->port = test_free_port();
    configure(pooler, server, mode, size, app_password);
    const char *user = servant(pooler);
    fflush(NULL);
    pooler->guard = fork();
    if (pooler->guard == 0)
        guard(pooler, path, user, ends[0]);
    close(ends[0]);
    pooler->guard_pipe = ends[1];
    if (pooler->guard < 0)
        give_up("starting");
    wait_until_it_answers(pooler, app_password);
}

void test_pooler_remove(test_pooler *pooler)
{
    if (pooler->guard <= 0)
        return;
    close(pooler->guard_pipe);
    while (waitpid(pooler->guard, NULL, 0) < 0 && errno == EINTR)
        continue;
    pooler->guard = 0;
}

void test_pooler_command(const test_pooler *pooler, const char *command)
{
    char url[128];

    /* Whoever may use it may also command it, in these tests. */
    snprintf(url, sizeof(url), "host=127.0.0.1 port=%d user=app password=apppw dbname=pgbouncer",
             pooler->port);
    PGconn *conn = PQconnectdb(url);
    PGresult *result = PQexec(conn, command);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s: %s", command, PQerrorMessage(conn));
        give_up(command);
    }
    PQfinish(conn);
}

char *test_pooler_url(const test_pooler *pooler, const char *user_password, const char *more,
                      char *buf, size_t size)
{
    snprintf(buf, size, "postgresql://%s@127.0.0.1:%d/app%s%s", user_password, pooler->port,
             more ? "?" : "", more ? more : "");
    return buf;
}
