/* SPDX-License-Identifier: MIT */
/*
 * SIGINT and SIGTERM close the shared client. The handler does nothing but write a byte; a thread
 * reads it, closes, and lets the signal do what it would have done. The second signal does that at
 * once.
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
static atomic_int writing_end = -1;
static atomic_int owner; /* the process that all this is of; 0: none */
static int64_t limit_ms;
static atomic_flag installing = ATOMIC_FLAG_INIT;
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

    if (getpid() != atomic_load(&owner) || atomic_exchange(&seen, true) ||
        write(atomic_load(&writing_end), &byte, 1) != 1)
        pass_on(number);
    errno = error;
}

static void *watch(void *arg)
{
    int end = (int)(intptr_t)arg;
    tn_error err = TN_ERROR_INIT;
    unsigned char byte = 0;
    ssize_t got;

    tn__host_own_thread();
    do
        got = read(end, &byte, 1);
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

/* In a child of fork what stands there is the parent's: what came before that counts. */
static void install(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    struct sigaction now;

    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(signals[i], NULL, &now);
        if (now.sa_handler != on_signal)
            before[i] = now;
        if (now.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
}

static tn_status fail_resource(int error, const char *what, tn_error *err)
{
    return tn_error_set(err, TN_RESOURCE, NULL, "tn_client_on_signals: no %s could be had: %s",
                        what, strerror(error));
}

static tn_status start(int64_t timeout_ms, tn_error *err)
{
    pthread_t thread;
    int ends[2];

    if (atomic_load(&owner) == getpid())
        return tn_error_set(err, TN_MISUSE, NULL, "tn_client_on_signals: it was called before");
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail_resource(errno, "pipe", err);
    limit_ms = timeout_ms;
    int error = tn__thread_start(&thread, true, watch, (void *)(intptr_t)ends[0]);
    if (error) {
        close(ends[0]);
        close(ends[1]);
        return fail_resource(error, "thread", err);
    }
    atomic_store(&writing_end, ends[1]);
    atomic_store(&seen, false);
    atomic_store(&owner, getpid());
    install();
    return TN_OK;
}

tn_status tn_client_on_signals(int64_t timeout_ms, tn_error *err)
{
    if (atomic_flag_test_and_set(&installing))
        return tn_error_set(err, TN_MISUSE, NULL,
                            "tn_client_on_signals: another thread is calling it");
    tn_status status = start(timeout_ms, err);
    atomic_flag_clear(&installing);
    return status;
}
