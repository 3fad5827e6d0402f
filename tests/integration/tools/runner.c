/* SPDX-License-Identifier: MIT */
/*
 * Runs a command and says what a shell cannot see.
 *
 *   tool_runner rss FILE COMMAND [ARG...]   output into FILE; prints the largest resident set in
 * KiB tool_runner pty COMMAND [ARG...]        on a terminal of its own; prints what came to it
 *
 * Exits with the command's own status.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int status_of(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_rss(const char *path, char **argv)
{
    struct rusage usage = {0};
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
            _exit(125);
        execvp(argv[0], argv);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child)
        return 125;
    printf("%ld\n", usage.ru_maxrss);
    return status_of(status);
}

static int run_pty(char **argv)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    char buf[4096];
    int terminal, status = 0;
    pid_t child = forkpty(&terminal, NULL, NULL, &size);

    if (child == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    if (child < 0)
        return 125;
    for (;;) {
        ssize_t n = read(terminal, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* EIO: the other side is closed */
            break;
        fwrite(buf, 1, (size_t)n, stdout);
    }
    close(terminal);
    if (waitpid(child, &status, 0) != child)
        return 125;
    return status_of(status);
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "rss") == 0)
        return run_rss(argv[2], argv + 3);
    if (argc > 2 && strcmp(argv[1], "pty") == 0)
        return run_pty(argv + 2);
    fprintf(stderr, "usage: %s rss FILE COMMAND... | pty COMMAND...\n", argv[0]);
    return 2;
}
