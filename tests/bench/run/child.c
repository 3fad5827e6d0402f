/* SPDX-License-Identifier: MIT */
#include "run/child.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Reads what the child writes until it closes the pipe; false at the deadline. */
static bool read_all(int fd, char *buf, size_t size, int64_t deadline_ms)
{
    size_t length = 0;
    for (;;) {
        char spill[512];
        size_t room = size - 1 - length;
        int64_t left = deadline_ms - now_ms();
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&poll_fd, 1, left > 1000 ? 1000 : (int)left) < 0)
            return false;
        if (poll_fd.revents == 0)
            continue;
        ssize_t n = read(fd, room ? buf + length : spill, room ? room : sizeof(spill));
        if (n <= 0) {
            buf[length] = '\0';
            return n == 0;
        }
        if (room)
            length += (size_t)n;
    }
}

static bool reap(pid_t pid, const char *name)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return false;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFSIGNALED(status))
        fprintf(stderr, "bench: %s: ended by signal %d\n", name, WTERMSIG(status));
    return false;
}

/* Runs argv and keeps what it writes to one stream: standard output, or standard error, with which
 * the other one then goes nowhere. */
static bool run(const char *const argv[], int stream, int timeout_s, char *buf, size_t size)
{
    int ends[2];
    pid_t pid;
    bool whole;

    if (pipe(ends) != 0)
        return false;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        if (stream == STDERR_FILENO && !freopen("/dev/null", "w", stdout))
            _exit(127);
        dup2(ends[1], stream);
        close(ends[0]);
        close(ends[1]);
        execvp(argv[0], (char *const *)argv);
        fprintf(stderr, "bench: %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return false;
    }
    whole = read_all(ends[0], buf, size, now_ms() + timeout_s * INT64_C(1000));
    close(ends[0]);
    if (!whole) {
        fprintf(stderr, "bench: %s: not finished after %d s, ended\n", argv[0], timeout_s);
        kill(pid, SIGKILL);
    }
    return reap(pid, argv[0]) && whole;
}

struct words {
    char operations[32], rows[32];
};

static void write_words(const struct job *job, struct words *ret)
{
    snprintf(ret->operations, sizeof(ret->operations), "%" PRId64, job->operations);
    snprintf(ret->rows, sizeof(ret->rows), "%" PRId64, job->rows);
}

/* Some libraries write to standard output, too. */
static const char *last_line(char *text)
{
    char *end = text + strlen(text), *before;
    while (end > text && end[-1] == '\n')
        *--end = '\0';
    before = strrchr(text, '\n');
    return before ? before + 1 : text;
}

bool child_measure(const struct job *job, struct sample *ret)
{
    struct sample sample = {.offered = true};
    struct words words;
    char text[16384];
    const char *line;
    bool ran;

    write_words(job, &words);
    const char *const argv[] = {job->program, job->workload, words.operations, words.rows, NULL};
    if (job->preload)
        setenv("LD_PRELOAD", job->preload, 1);
    ran = run(argv, STDOUT_FILENO, job->timeout_s, text, sizeof(text));
    if (job->preload)
        unsetenv("LD_PRELOAD");
    if (!ran) {
        fprintf(stderr, "bench: %s %s failed\n", job->program, job->workload);
        return false;
    }
    line = last_line(text);
    if (strcmp(line, "not offered") == 0) {
        *ret = (struct sample){.offered = false};
        return true;
    }
    if (sscanf(line, "%" SCNd64 " %" SCNd64 " %" SCNu64 " %" SCNd64 " %" SCNd64 " %" SCNd64,
               &sample.operations, &sample.ns, &sample.checksum, &sample.growth_kib,
               &sample.allocations, &sample.ours) != 6) {
        fprintf(stderr, "bench: %s %s: unexpected answer\n", job->program, job->workload);
        return false;
    }
    *ret = sample;
    return true;
}

bool child_count(const struct job *job, uint64_t *ret_instructions)
{
    struct words words;
    char text[8192];
    const char *total;

    write_words(job, &words);
    const char *const argv[] = {
        "valgrind",   "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null",
        job->program, job->workload,      words.operations,     words.rows,
        NULL};
    if (!run(argv, STDERR_FILENO, job->timeout_s, text, sizeof(text))) {
        fputs(text, stderr);
        return false;
    }
    total = strstr(text, "Collected : ");
    if (!total || sscanf(total, "Collected : %" SCNu64, ret_instructions) != 1) {
        fprintf(stderr, "bench: %s %s: valgrind gave no count\n", job->program, job->workload);
        return false;
    }
    return true;
}
