/* SPDX-License-Identifier: MIT */
/* tenon pg run: an ephemeral PostgreSQL around a command. */
#define _GNU_SOURCE /* environ */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "pg_cluster.h"
#include "term.h"
#include "tool.h"

enum {
    EXIT_NOT_EXECUTABLE = 126,
    EXIT_NOT_FOUND = 127,
    EXIT_SIGNAL = 128,
    LONGEST_PASSWORD = 1000
};

static void watch(sigset_t *set, bool children)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

    sigemptyset(set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(set, numbers[i]);
    if (children)
        sigaddset(set, SIGCHLD);
}

/* Everything but letters, digits and -._~ becomes %XX. */
static void percent_encode(const char *text, char *buf, size_t size)
{
    size_t used = 0;

    for (; *text && used + 4 < size; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
                     strchr("-._~", c) != NULL;
        used += (size_t)snprintf(buf + used, size - used, plain ? "%c" : "%%%02X", c);
    }
    buf[used] = '\0';
}

/* What COMMAND finds its database by. Settings for another server must not get in between. */
static void export_database(const pg_cluster *cluster, const char *password)
{
    static const char *const foreign[] = {"DATABASE_URL_FILE", "PGHOSTADDR", "PGSERVICE",
                                          "PGSERVICEFILE",     "PGSSLMODE",  "PGREQUIREPEER",
                                          "PGPASSWORD",        "PGPASSFILE", "PGTARGETSESSIONATTRS",
                                          "PGCHANNELBINDING"};
    char host[400], secret[3 * LONGEST_PASSWORD + 8] = ":", url[4096];
    bool usual_port = strcmp(cluster->port, "5432") == 0;

    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        unsetenv(foreign[i]);
    percent_encode(cluster->directory, host, sizeof(host));
    if (password)
        percent_encode(password, secret + 1, sizeof(secret) - 1);
    snprintf(url, sizeof(url), "postgresql://%s%s@/%s?host=%s%s%s", PG_SUPERUSER,
             password ? secret : "", PG_DATABASE, host,
             usual_port ? "" : "&port=", usual_port ? "" : cluster->port);
    setenv("DATABASE_URL", url, 1);
    setenv("PGHOST", cluster->directory, 1);
    setenv("PGPORT", cluster->port, 1);
    setenv("PGUSER", PG_SUPERUSER, 1);
    setenv("PGDATABASE", PG_DATABASE, 1);
    if (password)
        setenv("PGPASSWORD", password, 1);
    explicit_bzero(secret, sizeof(secret));
    explicit_bzero(url, sizeof(url));
}

/* What execvp() would say, asked before a server is made for nothing. 0: it may be run. */
static int find_command(const char *name)
{
    const char *path = getenv("PATH");
    int error = ENOENT;
    struct stat info;
    char file[PATH_MAX];

    if (strchr(name, '/') || !path)
        path = "";
    do {
        size_t len = strcspn(path, ":");
        int n = strchr(name, '/') ? snprintf(file, sizeof(file), "%s", name)
                : len             ? snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, name)
                                  : snprintf(file, sizeof(file), "./%s", name);
        if (n > 0 && (size_t)n < sizeof(file) && stat(file, &info) == 0) {
            if (S_ISREG(info.st_mode) && access(file, X_OK) == 0)
                return 0;
            error = EACCES;
        }
        path += len;
    } while (*path++ == ':');
    return error;
}

static int command_failed(const char *name, int error)
{
    tool_warn("%s: %s", name, error == ENOENT ? "command not found" : strerror(error));
    return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

static pid_t start_command(char **argv, const sigset_t *mask)
{
    pid_t parent = getpid();

    fflush(NULL);
    pid_t child = fork();
    if (child != 0)
        return child;
    /* Should we be killed, its server is gone: it is told to end. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_NOT_EXECUTABLE);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], argv);
    _exit(command_failed(argv[0], errno));
}

/* Waits for the command, passing signals on. */
static int wait_command(pid_t child, int signals, const pg_cluster *cluster)
{
    bool server_runs = true;
    sigset_t watched;

    watch(&watched, true);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    signalfd(signals, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
    for (;;) {
        struct signalfd_siginfo info;
        struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
                               {.fd = server_runs ? cluster->status : -1, .events = POLLIN}};
        int status;

        if (waitpid(child, &status, WNOHANG) == child)
            return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return TOOL_EXIT_SQL;
        if (fds[1].revents) {
            server_runs = false;
            tool_warn("the PostgreSQL server ended while the command ran");
            pg_cluster_show_log(cluster);
        }
        while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
            /* The terminal sends its signals to the whole group: the command has them already. */
            if (info.ssi_signo != SIGCHLD && info.ssi_code != SI_KERNEL)
                kill(child, (int)info.ssi_signo);
        }
    }
}

/* name=value with a name that a setting may have. */
static bool is_setting(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");

    return len > 0 && !(text[0] >= '0' && text[0] <= '9') && text[len] == '=' &&
           !strpbrk(text, "\r\n");
}

static bool is_port(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);

    return *text >= '0' && *text <= '9' && *end == '\0' && port >= 1 && port <= 65535;
}

/* --set as often as it was given. */
static int collect_settings(const tool *t, const char **settings, size_t *ret_count)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n_given; i++) {
        const char *value = t->given[i].value;
        if (t->given[i].option->id != TOOL_OPT_SET)
            continue;
        if (!is_setting(value))
            return tool_usage(t, "--set %s: not name=value", value);
        if (strncmp(value, "port=", 5) == 0 && !is_port(value + 5))
            return tool_usage(t, "--set %s: not a port (1 to 65535)", value);
        if (strncmp(value, "unix_socket_directories=", 24) == 0)
            return tool_usage(t, "--set unix_socket_directories: the socket's place is given; "
                                 "COMMAND finds it in PGHOST and DATABASE_URL");
        settings[n++] = value;
    }
    *ret_count = n;
    return TOOL_EXIT_FINE;
}

static int find_password(const tool *t, const char **ret)
{
    const char *name = tool_value(t, TOOL_OPT_PASSWORD_ENV);
    const char *password = name ? getenv(name) : NULL;

    if (name && (!password || !*password))
        return tool_usage(t, "--password-env %s: that variable is not set", name);
    if (password && (strlen(password) > LONGEST_PASSWORD || strpbrk(password, "\r\n")))
        return tool_usage(t,
                          "--password-env %s: the password is longer than %d bytes or has more "
                          "than one line",
                          name, LONGEST_PASSWORD);
    *ret = password;
    return TOOL_EXIT_FINE;
}

/* The signal that ended the start. */
static int interrupted_by(int signals)
{
    struct signalfd_siginfo info;
    int number = SIGINT;

    while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo != SIGCHLD)
            number = (int)info.ssi_signo;
    return EXIT_SIGNAL + number;
}

static int run_with(const tool *t, const pg_options *options, const sigset_t *mask)
{
    pg_cluster cluster = PG_CLUSTER_INIT;
    pg_failure failure;
    int result;

    if (!pg_cluster_start(options, &cluster, &failure)) {
        term_show_progress(NULL, 0);
        result = failure.exit;
        if (result == TOOL_EXIT_INTERRUPTED) {
            result = interrupted_by(options->signals);
        } else {
            tool_warn("pg run: %s", failure.message);
            if (failure.hint[0])
                tool_hint("%s", failure.hint);
            pg_cluster_show_log(&cluster);
        }
        pg_cluster_close_log(&cluster);
        return result;
    }
    export_database(&cluster, options->password);
    pid_t child = start_command(t->words, mask);
    if (child < 0) {
        tool_warn("pg run: cannot start a process: %s", strerror(errno));
        result = EXIT_NOT_EXECUTABLE;
    } else {
        result = wait_command(child, options->signals, &cluster);
    }
    pg_cluster_stop(&cluster);
    pg_cluster_close_log(&cluster);
    return result;
}

static int run(tool *t)
{
    const char *settings[TOOL_MAX_GIVEN];
    pg_options options = {.bindir = tool_value(t, TOOL_OPT_PG_BINDIR),
                          .log_file = tool_value(t, TOOL_OPT_KEEP_LOG),
                          .settings = settings,
                          .progress = term_progress() && !t->quiet ? term_show_progress : NULL};
    sigset_t watched, mask;
    int status = collect_settings(t, settings, &options.n_settings);

    if (status == TOOL_EXIT_FINE)
        status = find_password(t, &options.password);
    if (status != TOOL_EXIT_FINE)
        return status;
    int error = find_command(t->words[0]);
    if (error)
        return command_failed(t->words[0], error);

    watch(&watched, false);
    /* An inherited SIG_IGN for it would lose the children's ends. */
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_BLOCK, &watched, &mask);
    /* While the cluster starts, readable means "give up"; see wait_command(). */
    options.signals = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
    if (options.signals < 0) {
        tool_warn("pg run: signalfd: %s", strerror(errno));
        return TOOL_EXIT_CONNECT;
    }
    status = run_with(t, &options, &mask);
    close(options.signals);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return status;
}

static const tool_option options_of_run[] = {
    {TOOL_OPT_KEEP_LOG, 0, "keep-log", "FILE", "@file",
     "write the server's log there, and keep it"},
    {TOOL_OPT_PG_BINDIR, 0, "pg-bindir", "DIR", "@file", "where initdb and postgres are"},
    {TOOL_OPT_SET, 0, "set", "NAME=VALUE", NULL, "a server setting; may be given often"},
    {TOOL_OPT_PASSWORD_ENV, 0, "password-env", "VAR", NULL,
     "ask for the password that VAR holds (scram-sha-256)"},
    {.name = NULL},
};

static const tool_exit exits_of_run[] = {
    {0, "COMMAND's own exit code; 128 + n when signal n ended it"},
    {2, "usage, or no PostgreSQL server is installed"},
    {6, "the server did not start; the end of its log is shown"},
    {126, "COMMAND cannot be executed; 127: it was not found"},
    {130, "interrupted before COMMAND began"},
    {0, NULL},
};

const tool_command tool_command_pg_run = {
    .noun = "pg",
    .verb = "run",
    .summary = "an ephemeral PostgreSQL around a command",
    .usage = "[OPTIONS] -- COMMAND [ARG...]",
    .text = "Makes a cluster in a private directory, with a database \"tenon\", reached only by a\n"
            "Unix socket there; runs COMMAND with DATABASE_URL and PGHOST, PGPORT, PGUSER,\n"
            "PGDATABASE pointing to it; stops the server and removes everything, whatever\n"
            "happens. The server trades durability for speed (fsync off) and is for tests.\n"
            "As root it runs as user postgres (else nobody), COMMAND as the caller.",
    .options = options_of_run,
    .examples =
        {"tenon pg run -- ctest --preset dev",
         "tenon pg run -- sh -c 'pgbench -i -q -s 10 && tenon sql \"table pgbench_tellers\"'",
         "tenon pg run --set log_statement=all --keep-log pg.log -- ./my_tests"},
    .exits = exits_of_run,
    .least_words = 1,
    .most_words = (size_t)-1,
    .rest = true,
    .run = run,
};
