/* SPDX-License-Identifier: MIT */
/*
 * SIGINT and SIGTERM close the shared client. The handler does nothing but write a byte; a thread
 * reads it, closes, and lets the signal do what it would have done. The second signal finds the
 * first handler gone and does it at once.
 */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "observe/log.h"
#include "pool/connector.h"
#include "pool/pool.h"

static const int signals[] = {SIGINT, SIGTERM};
enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };

static struct sigaction before[SIGNALS];
static int pipe_ends[2] = {-1, -1};
static pid_t owner;
static int64_t limit_ms;
static atomic_flag installed = ATOMIC_FLAG_INIT;
static atomic_bool seen;

static int index_of(int number)
{
    return number == signals[0] ? 0 : 1;
}

/* What the signal meant before, for the whole process: its handler, or its end. */
static void pass_on(int number)
{
    sigset_t set;

    sigaction(number, &before[index_of(number)], NULL);
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    kill(getpid(), number);
}

/* Asynchronous-signal-safe calls only. A child of fork has the handler and the pipe, but not the
 * thread: there the signal is what it was. */
static void on_signal(int number)
{
    const unsigned char byte = (unsigned char)number;
    int error = errno;

    if (getpid() != owner || atomic_exchange(&seen, true) || write(pipe_ends[1], &byte, 1) != 1)
        pass_on(number);
    errno = error;
}

static void *watch(void *arg)
{
    tn_error err = TN_ERROR_INIT;
    unsigned char byte = 0;
    ssize_t got;

    (void)arg;
    do
        got = read(pipe_ends[0], &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1)
        return NULL;
    tn__log(TN_LOG_INFO, "shutdown", "signal %d: the client is closed, within %lld ms", byte,
            (long long)limit_ms);
    if (tn_client_shutdown(limit_ms, &err) != TN_OK)
        tn__log(TN_LOG_ERROR, "shutdown", "%s: %s", err.message, err.detail);
    pass_on(byte);
    return NULL;
}

static tn_status fail_resource(int error, const char *what, tn_error *err)
{
    atomic_flag_clear(&installed);
    return tn_error_set(err, TN_RESOURCE, NULL, "tn_client_on_signals: no %s could be had: %s",
                        what, strerror(error));
}

tn_status tn_client_on_signals(int64_t timeout_ms, tn_error *err)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    pthread_t thread;

    if (atomic_flag_test_and_set(&installed))
        return tn_error_set(err, TN_MISUSE, NULL, "tn_client_on_signals: it was called before");
    if (pipe2(pipe_ends, O_CLOEXEC) != 0)
        return fail_resource(errno, "pipe", err);
    owner = getpid();
    limit_ms = timeout_ms;
    int error = tn__thread_start(&thread, true, watch, NULL);
    if (error) {
        close(pipe_ends[0]);
        close(pipe_ends[1]);
        return fail_resource(error, "thread", err);
    }
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
    return TN_OK;
}
