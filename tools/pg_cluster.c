/* SPDX-License-Identifier: MIT */
/* The caller's side of an ephemeral server: prepare, start the supervisor, wait, stop. */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pg_cluster.h"
#include "tool.h"

/* Longer than the supervisor's own patience with the server. */
enum { STOP_PATIENCE_MS = 30000 };

static bool fail(pg_failure *failure, int exit_status, const char *what)
{
    failure->exit = exit_status;
    snprintf(failure->message, sizeof(failure->message), "%s: %s", what, strerror(errno));
    return false;
}

/* Also a file in the private directory is opened here, before the owner can put anything there. */
static bool open_log(const pg_options *options, const char *directory, int *ret_write,
                     int *ret_read, pg_failure *failure)
{
    char path[PATH_MAX];

    if (options->log_file)
        snprintf(path, sizeof(path), "%s", options->log_file);
    else
        snprintf(path, sizeof(path), "%s/log", directory);
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
                   options->log_file ? 0666 : 0600);
    int in = out < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (in < 0) {
        fail(failure, TOOL_EXIT_USAGE, path);
        if (out >= 0)
            close(out);
        return false;
    }
    *ret_write = out;
    *ret_read = in;
    return true;
}

static void find_port(const pg_options *options, char *ret, size_t size)
{
    snprintf(ret, size, "5432");
    for (size_t i = 0; i < options->n_settings; i++)
        if (strncmp(options->settings[i], "port=", 5) == 0)
            snprintf(ret, size, "%s", options->settings[i] + 5);
}

static bool fork_supervisor(const pg_options *options, pg_server_task *task, pg_cluster *cluster,
                            pg_failure *failure)
{
    int control[2] = {-1, -1}, status[2] = {-1, -1};
    int log = -1;

    if (!open_log(options, cluster->directory, &log, &cluster->log, failure))
        return false;
    if (pipe2(control, O_CLOEXEC) != 0 || pipe2(status, O_CLOEXEC) != 0) {
        fail(failure, TOOL_EXIT_CONNECT, "cannot make a pipe");
        goto out;
    }
    fflush(NULL);
    cluster->supervisor = fork();
    if (cluster->supervisor == 0) {
        close(control[1]);
        close(status[0]);
        close(cluster->log);
        task->control = control[0];
        task->status = status[1];
        task->log = log;
        pg_server_supervise(task);
    }
    if (cluster->supervisor < 0) {
        fail(failure, TOOL_EXIT_CONNECT, "cannot start a process");
        goto out;
    }
    close(log);
    close(control[0]);
    close(status[1]);
    cluster->control = control[1];
    cluster->status = status[0];
    return true;

out:
    close(log);
    for (int i = 0; i < 2; i++) {
        if (control[i] >= 0)
            close(control[i]);
        if (status[i] >= 0)
            close(status[i]);
    }
    return false;
}

/* The text behind PG_SAYS_FAILED, as far as it came with it; the supervisor writes it at once. */
static void read_failure(const pg_cluster *cluster, const char *begun, size_t len,
                         pg_failure *failure)
{
    snprintf(failure->message, sizeof(failure->message), "%.*s", (int)len, begun);
    size_t have = strlen(failure->message);
    while (have + 1 < sizeof(failure->message)) {
        ssize_t n = read(cluster->status, failure->message + have,
                         sizeof(failure->message) - 1 - have);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    failure->message[have] = '\0';
}

/* Waits for the supervisor's word. */
static bool wait_ready(const pg_options *options, const pg_cluster *cluster, pg_failure *failure)
{
    const char *what = "making a PostgreSQL cluster";
    time_t begin = time(NULL);

    failure->exit = TOOL_EXIT_CONNECT;
    for (;;) {
        struct pollfd fds[] = {{.fd = cluster->status, .events = POLLIN},
                               {.fd = options->signals, .events = POLLIN}};
        int ready = poll(fds, 2, options->progress ? 500 : -1);

        if (ready < 0 && errno != EINTR)
            return fail(failure, TOOL_EXIT_CONNECT, "poll");
        if (ready > 0 && fds[1].revents) {
            snprintf(failure->message, sizeof(failure->message), "interrupted");
            failure->exit = TOOL_EXIT_INTERRUPTED;
            return false;
        }
        if (options->progress && time(NULL) > begin)
            options->progress(what, (int)(time(NULL) - begin));
        if (ready <= 0 || !fds[0].revents)
            continue;

        char said[512];
        ssize_t n = read(cluster->status, said, sizeof(said));
        if (n <= 0) {
            snprintf(failure->message, sizeof(failure->message), "the server's supervisor died");
            return false;
        }
        for (ssize_t i = 0; i < n; i++) {
            if (said[i] == PG_SAYS_READY)
                return true;
            if (said[i] == PG_SAYS_STARTING)
                what = "starting PostgreSQL";
            if (said[i] == PG_SAYS_FAILED) {
                read_failure(cluster, said + i + 1, (size_t)(n - i - 1), failure);
                return false;
            }
        }
    }
}

bool pg_cluster_start(const pg_options *options, pg_cluster *ret, pg_failure *failure)
{
    pg_cluster cluster = PG_CLUSTER_INIT;
    pg_server_task task = {.password = options->password,
                           .settings = options->settings,
                           .n_settings = options->n_settings};

    memset(failure, 0, sizeof(*failure));
    if (!pg_programs_find(options->bindir, &task.programs, failure) ||
        !pg_owner_find(&task.owner, failure) ||
        !pg_directory_make(&task.owner, cluster.directory, sizeof(cluster.directory), failure))
        return false;
    task.directory = cluster.directory;
    find_port(options, cluster.port, sizeof(cluster.port));
    bool ready = fork_supervisor(options, &task, &cluster, failure) &&
                 wait_ready(options, &cluster, failure);
    if (!ready) {
        pg_cluster_stop(&cluster);
        ret->log = cluster.log;
        return false;
    }
    if (options->progress)
        options->progress(NULL, 0);
    *ret = cluster;
    return true;
}

/* The status pipe closes when the supervisor ends, whatever ends it. */
static bool wait_supervisor(const pg_cluster *cluster)
{
    char ignored[64];
    struct pollfd fd = {.fd = cluster->status, .events = POLLIN};

    for (int rounds = 0; rounds < 64; rounds++) {
        int ready = poll(&fd, 1, STOP_PATIENCE_MS);
        if (ready == 0)
            return false;
        if (ready > 0 && read(cluster->status, ignored, sizeof(ignored)) <= 0)
            return true;
    }
    return false;
}

void pg_cluster_stop(pg_cluster *cluster)
{
    if (cluster->control >= 0)
        close(cluster->control);
    cluster->control = -1;
    if (cluster->supervisor > 0) {
        if (!wait_supervisor(cluster))
            kill(cluster->supervisor, SIGKILL);
        while (waitpid(cluster->supervisor, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    cluster->supervisor = -1;
    if (cluster->status >= 0)
        close(cluster->status);
    cluster->status = -1;
    /* What a supervisor that was killed could not do any more. */
    if (cluster->directory[0] && !pg_directory_remove(cluster->directory))
        tool_warn("could not remove %s", cluster->directory);
    cluster->directory[0] = '\0';
}

void pg_cluster_show_log(const pg_cluster *cluster)
{
    enum { LINES = 15, BYTES = 4096 };
    char text[BYTES + 1];
    struct stat info;

    if (cluster->log < 0 || fstat(cluster->log, &info) != 0)
        return;
    off_t from = info.st_size > BYTES ? info.st_size - BYTES : 0;
    ssize_t n = pread(cluster->log, text, BYTES, from);
    if (n <= 0)
        return;
    text[n] = '\0';
    const char *start = text + n;
    for (int lines = 0; start > text; start--)
        if (start[-1] == '\n' && start < text + n && ++lines == LINES)
            break;
    fprintf(stderr, "  the server's log ends with:\n");
    while (*start) {
        size_t len = strcspn(start, "\n");
        fprintf(stderr, "  | %.*s\n", (int)len, start);
        start += len + (start[len] == '\n');
    }
}

void pg_cluster_close_log(pg_cluster *cluster)
{
    if (cluster->log >= 0)
        close(cluster->log);
    cluster->log = -1;
}
