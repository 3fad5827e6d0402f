/* SPDX-License-Identifier: MIT */
/* The supervisor of an ephemeral server: makes the cluster, runs it, and clears everything away. */
#define _GNU_SOURCE /* pipe2, closefrom */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pg_cluster.h"

enum { STOP_SECONDS = 10, READY_SECONDS = 60, MAX_ARGUMENTS = 24 };

typedef struct supervisor {
    const pg_server_task *task;
    int signals;
    pid_t self;
    char data[160];
} supervisor;

typedef enum wait_end { WAIT_ENDED, WAIT_STOP, WAIT_TIMEOUT, WAIT_CHANGED } wait_end;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void say(const supervisor *s, char what)
{
    ssize_t n = write(s->task->status, &what, 1);
    (void)n; /* nobody listens any more: then the control pipe tells */
}

static void __attribute__((format(printf, 2, 3)))
say_failed(const supervisor *s, const char *format, ...)
{
    char text[512];
    va_list args;

    text[0] = PG_SAYS_FAILED;
    va_start(args, format);
    vsnprintf(text + 1, sizeof(text) - 1, format, args);
    va_end(args);
    ssize_t n = write(s->task->status, text, strlen(text));
    (void)n;
}

/* What PG programs must not inherit: the caller's own server and its language. */
static void clean_environment(void)
{
    static const char *const names[] = {
        "PGDATA",        "PGHOST",       "PGHOSTADDR", "PGPORT",    "PGUSER", "PGDATABASE",
        "PGPASSWORD",    "PGOPTIONS",    "PGSERVICE",  "PGSSLMODE", "PGTZ",   "PGDATESTYLE",
        "NOTIFY_SOCKET", "DATABASE_URL", "LC_ALL",     "LANGUAGE"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
    setenv("LC_MESSAGES", "C", 1);
}

/* Starts a program as the owner, its output into the log. It dies with this process. */
static pid_t spawn(const supervisor *s, const char *const argv[], int input)
{
    pid_t child = fork();

    if (child != 0)
        return child;
    sigset_t none;
    sigemptyset(&none);
    umask(077);
    if (!pg_owner_become(&s->task->owner))
        _exit(126);
    /* After the change of user, which clears it. The parent may be gone already. */
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (getppid() != s->self || chdir(s->task->directory) != 0)
        _exit(126);
    dup2(input, STDIN_FILENO);
    dup2(s->task->log, STDOUT_FILENO);
    dup2(s->task->log, STDERR_FILENO);
    closefrom(3);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    clean_environment();
    execv(argv[0], (char *const *)argv); /* which does not write to them */
    _exit(127);
}

/* Empties the signal descriptor. true if one of the signals asks to stop. */
static bool stop_signalled(const supervisor *s)
{
    struct signalfd_siginfo info;
    bool stop = false;

    while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        stop |= info.ssi_signo != SIGCHLD;
    return stop;
}

/* Waits for the child's end, for a reason to stop, or for something on extra (-1: nothing). */
static wait_end wait_child(const supervisor *s, pid_t child, int extra, int64_t deadline,
                           int *ret_status)
{
    for (;;) {
        pid_t ended = waitpid(child, ret_status, WNOHANG);
        if (ended == child || (ended < 0 && errno == ECHILD))
            return WAIT_ENDED;

        int64_t left = deadline - now_ms();
        if (left <= 0)
            return WAIT_TIMEOUT;
        struct pollfd fds[] = {{.fd = s->task->control, .events = POLLIN},
                               {.fd = s->signals, .events = POLLIN},
                               {.fd = extra, .events = POLLIN}};
        if (poll(fds, 3, left > INT_MAX ? INT_MAX : (int)left) < 0 && errno != EINTR)
            return WAIT_STOP;
        if (fds[0].revents || (fds[1].revents && stop_signalled(s)))
            return WAIT_STOP;
        if (fds[2].revents) {
            char buf[4096];
            while (read(extra, buf, sizeof(buf)) > 0)
                ;
            return WAIT_CHANGED;
        }
    }
}

/* Every process that is ours: children, and what they left behind (we are its reaper). */
static void kill_children(void)
{
    char path[64];
    unsigned pid;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *list = fopen(path, "re");
    if (!list)
        return;
    while (fscanf(list, "%u", &pid) == 1)
        kill((pid_t)pid, SIGKILL);
    fclose(list);
}

/* Waits until no child is left. false at the deadline. */
static bool reap_all(const supervisor *s, int64_t deadline)
{
    for (;;) {
        pid_t ended = waitpid(-1, NULL, WNOHANG);
        if (ended > 0)
            continue;
        if (ended < 0)
            return true;
        int64_t left = deadline - now_ms();
        if (left <= 0)
            return false;
        struct pollfd fd = {.fd = s->signals, .events = POLLIN};
        poll(&fd, 1, (int)left);
        stop_signalled(s);
    }
}

/* A server that was killed leaves its System V segment; its lock file says which. */
static void remove_shared_memory(const supervisor *s)
{
    char path[PATH_MAX], line[256];
    unsigned long key;
    int id;

    snprintf(path, sizeof(path), "%s/postmaster.pid", s->data);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (!file) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (int number = 1; fgets(line, sizeof(line), file) != NULL; number++) {
        struct shmid_ds segment;
        /* Line 7: key and id. Only a segment of the owner's that nobody uses any more. */
        if (number == 7 && sscanf(line, "%lu %d", &key, &id) == 2 &&
            shmctl(id, IPC_STAT, &segment) == 0 && segment.shm_nattch == 0 &&
            segment.shm_perm.uid == s->task->owner.uid)
            shmctl(id, IPC_RMID, NULL);
    }
    fclose(file);
}

/* Ends whatever runs, removes the directory, and ends this process. */
static _Noreturn void finish(const supervisor *s, pid_t child)
{
    if (child > 0)
        kill(child, SIGQUIT);
    if (!reap_all(s, now_ms() + STOP_SECONDS * 1000)) {
        if (child > 0)
            kill(child, SIGKILL);
        /* Orphans come to us one after the other. */
        for (int i = 0; i < 100; i++) {
            kill_children();
            if (reap_all(s, now_ms() + 100))
                break;
        }
    }
    remove_shared_memory(s);
    _exit(pg_directory_remove(s->task->directory) ? 0 : 1);
}

/* One program to its end. Fails, says why and finishes on anything but exit 0. */
static void run(const supervisor *s, const char *const argv[], int input, const char *what)
{
    int status = 0;
    pid_t child = spawn(s, argv, input);

    if (child < 0) {
        say_failed(s, "%s: cannot start a process: %s", what, strerror(errno));
        finish(s, -1);
    }
    switch (wait_child(s, child, -1, now_ms() + READY_SECONDS * 1000, &status)) {
    case WAIT_ENDED: break;
    case WAIT_TIMEOUT:
        say_failed(s, "%s did not end within %d s", what, READY_SECONDS);
        finish(s, child);
    case WAIT_STOP:
    case WAIT_CHANGED: finish(s, child);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    if (WIFSIGNALED(status))
        say_failed(s, "%s was ended by signal %d", what, WTERMSIG(status));
    else if (WEXITSTATUS(status) == 126 && s->task->owner.change)
        say_failed(s, "%s could not be run as user %s", what, s->task->owner.name);
    else
        say_failed(s, "%s failed (exit %d)", what, WEXITSTATUS(status));
    finish(s, -1);
}

/* Writes a file that the owner may read. */
static void write_file(const supervisor *s, const char *name, int flags, const char *text)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", s->task->directory, name);
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
    size_t len = strlen(text);
    bool done = fd >= 0 && write(fd, text, len) == (ssize_t)len;
    if (done && (flags & O_CREAT) && s->task->owner.change)
        done = fchown(fd, s->task->owner.uid, s->task->owner.gid) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (!done) {
        say_failed(s, "cannot write %s: %s", path, strerror(error));
        finish(s, -1);
    }
}

static void make_cluster(const supervisor *s)
{
    const char *argv[MAX_ARGUMENTS];
    char data[200], password[200];
    size_t n = 0;
    locale_t unicode = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);

    snprintf(data, sizeof(data), "--pgdata=%s", s->data);
    argv[n++] = s->task->programs.initdb;
    argv[n++] = data;
    argv[n++] = (char[]){"--username=" PG_SUPERUSER};
    argv[n++] = "--encoding=UTF8";
    argv[n++] = unicode ? "--locale=C.UTF-8" : "--locale=C";
    argv[n++] = "--lc-messages=C";
    argv[n++] = "--no-sync";
    if (unicode)
        freelocale(unicode);
    if (s->task->password) {
        char line[1100];
        snprintf(line, sizeof(line), "%s\n", s->task->password);
        write_file(s, "password", O_CREAT | O_EXCL, line);
        explicit_bzero(line, sizeof(line));
        snprintf(password, sizeof(password), "--pwfile=%s/password", s->task->directory);
        argv[n++] = "--auth=scram-sha-256";
        argv[n++] = password;
    } else {
        argv[n++] = "--auth=trust";
    }
    argv[n] = NULL;

    int none = open("/dev/null", O_RDONLY | O_CLOEXEC);
    run(s, argv, none, "initdb");
    close(none);
    if (s->task->password) {
        char path[200];
        snprintf(path, sizeof(path), "%s/password", s->task->directory);
        unlink(path);
    }
}

/* name='value' with the quotes of postgresql.conf; the caller has checked the name. */
static void append_setting(FILE *out, const char *setting)
{
    const char *equals = strchr(setting, '=');

    fprintf(out, "%.*s = '", (int)(equals - setting), setting);
    for (const char *c = equals + 1; *c; c++) {
        if (*c == '\'' || *c == '\\')
            putc(*c, out);
        putc(*c, out);
    }
    fputs("'\n", out);
}

static void configure(const supervisor *s)
{
    static const char fixed[] =
        "listen_addresses = ''\n"
        "unix_socket_permissions = 0700\n"
        "max_connections = 100\n"
        "fsync = off\n"
        "synchronous_commit = off\n"
        "full_page_writes = off\n"
        "timezone = 'UTC'\n"
        "log_timezone = 'UTC'\n"
        "log_checkpoints = off\n"
        /* /dev/shm is small in containers, and a killed server would leave files there. */
        "dynamic_shared_memory_type = mmap\n";
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out) {
        say_failed(s, "out of memory");
        finish(s, -1);
    }
    fprintf(out, "\n%sunix_socket_directories = '%s'\n", fixed, s->task->directory);
    for (size_t i = 0; i < s->task->n_settings; i++)
        append_setting(out, s->task->settings[i]);
    if (fclose(out) != 0) {
        say_failed(s, "out of memory");
        finish(s, -1);
    }
    write_file(s, "data/postgresql.conf", O_APPEND, text);
    free(text);
}

/* By a stand-alone backend: no client, no password, and done before anyone can connect. */
static void create_database(const supervisor *s)
{
    static const char sql[] = "create database " PG_DATABASE "\n";
    const char *argv[] = {s->task->programs.postgres,
                          "--single",
                          "-F",
                          "-c",
                          "exit_on_error=on",
                          "-D",
                          s->data,
                          "template1",
                          NULL};
    int pipe_fds[2];

    if (pipe2(pipe_fds, O_CLOEXEC) != 0 ||
        write(pipe_fds[1], sql, sizeof(sql) - 1) != (ssize_t)sizeof(sql) - 1) {
        say_failed(s, "cannot talk to the server: %s", strerror(errno));
        finish(s, -1);
    }
    close(pipe_fds[1]);
    run(s, argv, pipe_fds[0], "the server's first start (create database " PG_DATABASE ")");
    close(pipe_fds[0]);
}

/* Line 8 of the lock file says when connections are taken, as pg_ctl reads it. */
static bool is_ready(const supervisor *s)
{
    char path[PATH_MAX], line[256];
    bool ready = false;

    snprintf(path, sizeof(path), "%s/postmaster.pid", s->data);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    for (int number = 1; fgets(line, sizeof(line), file) != NULL; number++)
        ready |= number == 8 && strncmp(line, "ready", 5) == 0;
    fclose(file);
    return ready;
}

static pid_t start_server(const supervisor *s)
{
    const char *argv[] = {s->task->programs.postgres, "-D", s->data, NULL};
    int status = 0;
    int64_t deadline = now_ms() + READY_SECONDS * 1000;
    int changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (changes >= 0)
        inotify_add_watch(changes, s->data, IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE);
    int none = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_t server = spawn(s, argv, none);
    close(none);
    if (server < 0) {
        say_failed(s, "postgres: cannot start a process: %s", strerror(errno));
        finish(s, -1);
    }
    while (!is_ready(s)) {
        /* Without inotify, and should it miss a change, look again by and by. */
        int64_t soon = now_ms() + (changes < 0 ? 20 : 250);
        wait_end end = wait_child(s, server, changes, soon < deadline ? soon : deadline, &status);
        if (end == WAIT_STOP)
            finish(s, server);
        if (end == WAIT_ENDED) {
            say_failed(s, "postgres ended while it started");
            finish(s, -1);
        }
        if (end == WAIT_TIMEOUT && now_ms() >= deadline) {
            say_failed(s, "postgres took no connections within %d s", READY_SECONDS);
            finish(s, server);
        }
    }
    if (changes >= 0)
        close(changes);
    return server;
}

void pg_server_supervise(const pg_server_task *task)
{
    supervisor s = {.task = task, .self = getpid()};
    sigset_t watched;
    int status = 0;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    /* Pipes of the caller must not stay open through us; a terminal's signals are not for us. */
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigemptyset(&watched);
    for (size_t i = 0; i < 5; i++)
        sigaddset(&watched, (const int[]){SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT}[i]);
    sigprocmask(SIG_SETMASK, &watched, NULL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    s.signals = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
    snprintf(s.data, sizeof(s.data), "%s/data", task->directory);

    say(&s, PG_SAYS_INITDB);
    make_cluster(&s);
    configure(&s);
    create_database(&s);
    say(&s, PG_SAYS_STARTING);
    pid_t server = start_server(&s);
    say(&s, PG_SAYS_READY);
    if (wait_child(&s, server, -1, INT64_MAX, &status) == WAIT_ENDED) {
        say(&s, PG_SAYS_ENDED);
        finish(&s, -1);
    }
    finish(&s, server);
}
