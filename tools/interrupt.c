/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* pipe2 */
#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"
#include "whole_file.h"

/* A signal has no argument, so this one thing is the process's. */
static struct {
    atomic_int count;
    int pipe[2];
    tn_db *session;
    pthread_t thread;
    struct sigaction before;
} state;

static void on_signal(int number)
{
    int saved = errno;

    (void)number;
    if (atomic_fetch_add(&state.count, 1) > 0) {
        whole_file_abandon();
        _exit(TOOL_EXIT_INTERRUPTED);
    }
    ssize_t n = write(state.pipe[1], "c", 1);
    (void)n;
    errno = saved;
}

static void *cancel_thread(void *arg)
{
    char what;

    (void)arg;
    for (;;) {
        ssize_t n = read(state.pipe[0], &what, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n != 1 || what != 'c')
            return NULL;
        tn_cancel(state.session);
    }
}

bool interrupt_begin(tn_db *session)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t all, before;

    if (pipe2(state.pipe, O_CLOEXEC) != 0)
        return false;
    atomic_store(&state.count, 0);
    state.session = session;
    /* The thread must not take the signal: whoever waits may want to be woken by it. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&state.thread, NULL, cancel_thread, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        close(state.pipe[0]);
        close(state.pipe[1]);
        errno = error;
        return false;
    }
    sigaction(SIGINT, &action, &state.before);
    return true;
}

bool interrupt_seen(void)
{
    return atomic_load(&state.count) > 0;
}

void interrupt_end(void)
{
    sigaction(SIGINT, &state.before, NULL);
    ssize_t n = write(state.pipe[1], "q", 1);
    (void)n;
    pthread_join(state.thread, NULL);
    close(state.pipe[0]);
    close(state.pipe[1]);
}
