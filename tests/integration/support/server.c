/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* pipe2, nftw */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SETTINGS = 16, WAIT_MS = 10000 };

static int run_script(const test_server *server, const char *command, const char *const more[])
{
    const char *argv[MAX_SETTINGS + 6] = {"sh", TEST_SERVER_SCRIPT, command, server->dir};
    size_t n = 4;
    int status;
    pid_t pid;

    for (; more && *more && n < sizeof(argv) / sizeof(argv[0]) - 1; more++)
        argv[n++] = *more;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        execvp("sh", (char *const *)argv);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void clear_away(const test_server *server)
{
    static const char *const immediate[] = {"immediate", NULL};
    run_script(server, "stop", immediate);
    run_script(server, "unmount", NULL);
    nftw(server->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void test_close_others(int fd)
{
    enum { FDS = 1024 };

    for (int other = STDERR_FILENO + 1; other < FDS; other++)
        if (other != fd)
            close(other);
}

/* Waits for the end of the test, which closes the pipe whatever happens to it. */
static bool start_guard(test_server *server)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) /* the server must not hold it open */
        return false;
    fflush(NULL);
    server->guard = fork();
    if (server->guard == 0) {
        char byte;
        test_close_others(ends[0]);
        setsid();
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
            continue;
        clear_away(server);
        _exit(EXIT_SUCCESS);
    }
    close(ends[0]);
    server->guard_pipe = ends[1];
    return server->guard > 0;
}

_Noreturn static void give_up(const test_server *server, const char *what)
{
    fprintf(stderr, "test server in %s: %s failed\n", server->dir, what);
    exit(EXIT_FAILURE);
}

static void make_place(test_server *server)
{
    snprintf(server->dir, sizeof(server->dir), "/tmp/tenon-test-XXXXXX");
    if (!mkdtemp(server->dir) || !start_guard(server))
        give_up(server, "making its folder");
    server->port = test_free_port();
}

static void run_with_settings(test_server *server, const char *command, const char *arguments[],
                              size_t n, const char *const settings[])
{
    int status;

    for (; settings && *settings && n < MAX_SETTINGS; settings++)
        arguments[n++] = *settings;
    arguments[n] = NULL;
    status = run_script(server, command, arguments);
    if (status == TEST_SKIPPED) {
        test_server_remove(server);
        exit(TEST_SKIPPED);
    }
    if (status != 0)
        give_up(server, "starting (its log is gone with it)");
}

static void create_cluster(test_server *server, const char *const settings[])
{
    const char *arguments[MAX_SETTINGS + 2];
    char port[16];

    snprintf(port, sizeof(port), "%d", server->port);
    arguments[0] = port;
    run_with_settings(server, "create", arguments, 1, settings);
}

static void create_app(test_server *server, const char *app_password)
{
    char sql[512];
    PGconn *conn = test_server_connect(server, "postgres");
    char *quoted = PQescapeLiteral(conn, app_password, strlen(app_password));

    snprintf(sql, sizeof(sql), "create role app login password %s", quoted);
    test_server_run(conn, sql);
    PQfreemem(quoted);
    test_server_run(conn, "create role trusty login");
    test_server_run(conn, "create database app owner app");
    PQfinish(conn);
}

void test_server_create(test_server *server, const char *const settings[], const char *address,
                        const char *app_password)
{
    make_place(server);
    if (address)
        setenv("TEST_SERVER_ADDRESS", address, 1);
    create_cluster(server, settings);
    create_app(server, app_password);
}

bool test_server_create_small(test_server *server, int megabytes, const char *const settings[],
                              const char *app_password)
{
    char size[16];
    const char *const arguments[] = {size, NULL};

    snprintf(size, sizeof(size), "%d", megabytes);
    make_place(server);
    if (run_script(server, "mount", arguments) != 0) {
        test_server_remove(server);
        return false;
    }
    setenv("TEST_SERVER_INITDB", "--wal-segsize=1", 1);
    create_cluster(server, settings);
    unsetenv("TEST_SERVER_INITDB");
    create_app(server, app_password);
    return true;
}

void test_server_remove(test_server *server)
{
    int status;
    if (server->guard <= 0)
        return;
    close(server->guard_pipe);
    while (waitpid(server->guard, &status, 0) < 0 && errno == EINTR)
        continue;
    server->guard = 0;
}

void test_server_create_standby(test_server *standby, const test_server *primary)
{
    test_server_create_standby_with(standby, primary, NULL);
}

void test_server_create_standby_with(test_server *standby, const test_server *primary,
                                     const char *const settings[])
{
    const char *arguments[MAX_SETTINGS + 2];
    char port[16];

    make_place(standby);
    snprintf(port, sizeof(port), "%d", standby->port);
    arguments[0] = port;
    arguments[1] = primary->dir;
    run_with_settings(standby, "standby", arguments, 2, settings);
}

bool test_server_promote(const test_server *standby)
{
    return run_script(standby, "promote", NULL) == 0;
}

bool test_server_start(const test_server *server)
{
    return run_script(server, "start", NULL) == 0;
}

bool test_server_stop(const test_server *server, bool immediately)
{
    const char *const mode[] = {immediately ? "immediate" : "fast", NULL};
    return run_script(server, "stop", mode) == 0;
}

bool test_server_reload(const test_server *server)
{
    return run_script(server, "reload", NULL) == 0;
}

static pid_t first_process(const test_server *server)
{
    char path[128];
    int pid = 0;

    snprintf(path, sizeof(path), "%s/data/postmaster.pid", server->dir);
    FILE *file = fopen(path, "re");
    if (!file || fscanf(file, "%d", &pid) != 1 || pid <= 1)
        give_up(server, "finding its process");
    fclose(file);
    return pid;
}

void test_server_kill_first(const test_server *server)
{
    kill(first_process(server), SIGKILL);
}

/* Its children by the kernel's list of them. They are stopped first, so that none can start another
 * or end on its own meanwhile and its number be somebody else's. */
void test_server_kill_all(const test_server *server)
{
    char path[64];
    int child;
    pid_t first = first_process(server);

    kill(first, SIGSTOP);
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)first, (int)first);
    FILE *file = fopen(path, "re");
    while (file && fscanf(file, "%d", &child) == 1)
        kill(child, SIGKILL);
    if (file)
        fclose(file);
    kill(first, SIGKILL);
}

void test_server_kill_backend(const test_server *server, int pid)
{
    (void)server;
    if (pid > 1)
        kill(pid, SIGKILL);
}

bool test_server_wait_ready(const test_server *server)
{
    static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    char conninfo[256];

    snprintf(conninfo, sizeof(conninfo), "host=%s port=%d user=postgres dbname=postgres",
             server->dir, server->port);
    for (int waited = 0; waited < WAIT_MS; waited += 10) {
        if (PQping(conninfo) == PQPING_OK)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

PGconn *test_server_connect(const test_server *server, const char *database)
{
    char conninfo[256];
    snprintf(conninfo, sizeof(conninfo), "host=%s port=%d user=postgres dbname=%s", server->dir,
             server->port, database);
    PGconn *conn = PQconnectdb(conninfo);
    if (PQstatus(conn) != CONNECTION_OK) {
        fputs(PQerrorMessage(conn), stderr);
        give_up(server, "connecting");
    }
    return conn;
}

void test_server_run(PGconn *conn, const char *sql)
{
    PGresult *res = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(res);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s: %s", sql, PQerrorMessage(conn));
        exit(EXIT_FAILURE);
    }
    PQclear(res);
}

long long test_server_number(PGconn *conn, const char *sql)
{
    PGresult *res = PQexec(conn, sql);
    long long number = -1;
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s: %s", sql, PQerrorMessage(conn));
        exit(EXIT_FAILURE);
    }
    if (PQntuples(res) > 0 && !PQgetisnull(res, 0, 0))
        number = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    return number;
}

bool test_server_wait(PGconn *conn, const char *sql, long long expected)
{
    static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    for (int waited = 0; waited < WAIT_MS; waited += 10) {
        if (test_server_number(conn, sql) == expected)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

int test_server_log_count(const test_server *server, const char *text)
{
    char path[128], *line = NULL;
    size_t room = 0;
    int count = 0;

    snprintf(path, sizeof(path), "%s/log", server->dir);
    FILE *file = fopen(path, "re");
    while (file && getline(&line, &room, file) > 0)
        count += strstr(line, text) != NULL;
    free(line);
    if (file)
        fclose(file);
    return count;
}

char *test_server_url(const test_server *server, const char *user_password, const char *database,
                      const char *more, char *buf, size_t size)
{
    snprintf(buf, size, "postgresql://%s@127.0.0.1:%d/%s%s%s", user_password, server->port,
             database, more ? "?" : "", more ? more : "");
    return buf;
}

static int listen_somewhere(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        perror("test listener");
        exit(EXIT_FAILURE);
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int test_free_port(void)
{
    int port;
    close(listen_somewhere(&port));
    return port;
}

int test_mute_listener(int *ret_port)
{
    return listen_somewhere(ret_port);
}
