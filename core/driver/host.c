/* SPDX-License-Identifier: MIT */
/*
 * Cancellation is a phase and a descriptor. The phase decides: a cancel that comes when nothing
 * runs finds the phase idle and does nothing, so it cannot hit the next statement. The descriptor
 * only wakes a waiter; a stale byte in it (the canceller was slower than the statement) is read and
 * forgotten, because the phase then says that nobody asked for this statement.
 */
#include "driver/host.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sqlstate.h"
#include "base/str.h"
#include "observe/log.h"

enum { OVERRUN_NS = 50 * 1000 * 1000 };

enum phase { PHASE_IDLE = 0, PHASE_RUNNING, PHASE_CANCELLED };

void tn__host_conn_init(tn_host_conn *conn, tn_wait_fn *wait, void *wait_arg)
{
    *conn = (tn_host_conn){.wait = wait, .wait_arg = wait_arg};
    atomic_init(&conn->cancel_fd, -1);
    atomic_init(&conn->phase, PHASE_IDLE);
}

void tn__host_conn_close(tn_host_conn *conn)
{
    int fd = atomic_exchange(&conn->cancel_fd, -1);

    if (fd >= 0)
        close(fd);
}

void tn__host_begin(tn_host_conn *conn)
{
    atomic_store_explicit(&conn->phase, PHASE_RUNNING, memory_order_seq_cst);
}

void tn__host_end(tn_host_conn *conn)
{
    atomic_store_explicit(&conn->phase, PHASE_IDLE, memory_order_release);
}

void tn__host_cancel(tn_host_conn *conn)
{
    int running = PHASE_RUNNING;
    const uint64_t one = 1;

    if (!atomic_compare_exchange_strong(&conn->phase, &running, PHASE_CANCELLED))
        return;
    int fd = atomic_load(&conn->cancel_fd);
    if (fd >= 0 && write(fd, &one, sizeof(one)) < 0) {
        /* EAGAIN: the counter is full, so it is readable, which is all that is wanted. */
    }
}

bool tn__host_cancelled(const tn_host_conn *conn)
{
    return atomic_load_explicit(&conn->phase, memory_order_relaxed) == PHASE_CANCELLED ||
           tn__host_stopping(conn);
}

void tn__host_stop(tn_host_conn *conn)
{
    atomic_store(&conn->stopping, true);
    tn__host_cancel(conn);
}

/* The descriptor is made before the phase is looked at, and a canceller changes the phase before it
 * looks for the descriptor: one of the two sees the other. */
static int cancel_descriptor(tn_host_conn *conn)
{
    int fd = atomic_load(&conn->cancel_fd);

    if (fd >= 0)
        return fd;
    fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_store(&conn->cancel_fd, fd);
    return fd;
}

static tn_wait_result poll_wait(void *arg, int fd, int cancel_fd, int events, int64_t deadline_ns)
{
    struct pollfd fds[2] = {{.fd = fd}, {.fd = cancel_fd, .events = POLLIN}};

    (void)arg;
    if (events & TN_WAIT_READ)
        fds[0].events |= POLLIN;
    if (events & TN_WAIT_WRITE)
        fds[0].events |= POLLOUT;
    for (;;) {
        int64_t now = deadline_ns == TN_NO_DEADLINE ? 0 : tn__now_ns();
        int ready = poll(fds, cancel_fd >= 0 ? 2 : 1, tn__deadline_poll_ms(deadline_ns, now));
        if (ready > 0 && cancel_fd >= 0 && fds[1].revents)
            return TN_WAIT_INTERRUPTED;
        /* What came just in time is taken, but a peer that never stops sending does not keep
         * anybody beyond the deadline. */
        if (ready > 0)
            return deadline_ns != TN_NO_DEADLINE && now - deadline_ns > OVERRUN_NS ? TN_WAIT_TIMEOUT
                                                                                   : TN_WAIT_READY;
        if (ready < 0 && errno != EINTR)
            return TN_WAIT_FAILED;
        if (ready == 0 && tn__now_ns() >= deadline_ns)
            return TN_WAIT_TIMEOUT;
    }
}

static _Thread_local bool own_thread;

void tn__host_own_thread(void)
{
    own_thread = true;
}

tn_wait_fn *tn__host_wait_here(tn_wait_fn *wait)
{
    return own_thread ? NULL : wait;
}

static tn_wait_result host_wait(tn_host_conn *conn, int fd, int events, int64_t deadline_ns)
{
    tn_wait_fn *given = tn__host_wait_here(conn->wait);
    tn_wait_fn *wait = given ? given : poll_wait;
    int cancel_fd = conn->shielded ? -1 : cancel_descriptor(conn);
    uint64_t stale;

    for (;;) {
        if (!conn->shielded && tn__host_cancelled(conn))
            return TN_WAIT_INTERRUPTED;
        tn_wait_result result = wait(conn->wait_arg, fd, cancel_fd, events, deadline_ns);
        if (result != TN_WAIT_INTERRUPTED || conn->shielded)
            return result;
        /* The byte is taken; the phase decides at the top of the loop. A waiter that says so
         * without a byte is wrong: the driver looks at its socket and waits again. */
        if (read(cancel_fd, &stale, sizeof(stale)) < 0 && !tn__host_cancelled(conn))
            return errno == EAGAIN || errno == EINTR ? TN_WAIT_READY : TN_WAIT_FAILED;
    }
}

static tn_wait_result host_interrupted(tn_host_conn *conn, int64_t deadline_ns)
{
    if (!conn->shielded && tn__host_cancelled(conn))
        return TN_WAIT_INTERRUPTED;
    if (deadline_ns != TN_NO_DEADLINE && tn__now_ns() >= deadline_ns)
        return TN_WAIT_TIMEOUT;
    return TN_WAIT_READY;
}

/* The message becomes one line; everything else keeps its newlines. */
static void copy_line(char *dst, size_t size, tn_str src)
{
    while (src.len && (src.ptr[src.len - 1] == '\n' || src.ptr[src.len - 1] == ' '))
        src.len--;
    tn__copy_text(dst, size, src);
    for (char *p = dst; *p; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
}

static bool good_sqlstate(tn_str code)
{
    if (code.len != 5)
        return false;
    for (size_t i = 0; i < 5; i++) {
        char c = code.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')))
            return false;
    }
    return true;
}

static tn_status status_of(const tn_diagnostic *diagnostic)
{
    char code[6] = "";

    if (diagnostic->status != TN_OK)
        return diagnostic->status;
    if (!good_sqlstate(diagnostic->sqlstate))
        return TN_FAILED;
    memcpy(code, diagnostic->sqlstate.ptr, 5);
    return tn_status_from_sqlstate(code);
}

static tn_status host_fail(tn_error *err, const tn_diagnostic *theirs)
{
    tn_diagnostic d = {0};

    memcpy(&d, theirs, theirs->size < sizeof(d) ? theirs->size : sizeof(d));
    tn_status status = status_of(&d);
    if (!err)
        return status;

    tn_error_clear(err);
    err->status = status;
    err->phase = d.phase;
    err->native = d.native;
    err->position = d.position;
    err->internal_position = d.internal_position;
    if (good_sqlstate(d.sqlstate))
        memcpy(err->sqlstate, d.sqlstate.ptr, 5);
    else
        tn__copy_text(err->sqlstate, sizeof(err->sqlstate),
                      tn_str_from(tn__status_sqlstate(status)));
    const struct {
        char *dst;
        size_t size;
        tn_str src;
    } texts[] = {
        {err->severity, sizeof(err->severity), d.severity},
        {err->detail, sizeof(err->detail), d.detail},
        {err->hint, sizeof(err->hint), d.hint},
        {err->context, sizeof(err->context), d.context},
        {err->schema, sizeof(err->schema), d.schema},
        {err->table, sizeof(err->table), d.table},
        {err->column, sizeof(err->column), d.column},
        {err->datatype, sizeof(err->datatype), d.datatype},
        {err->constraint, sizeof(err->constraint), d.constraint},
        {err->internal_query, sizeof(err->internal_query), d.internal_query},
        {err->source, sizeof(err->source), d.source},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        tn__copy_text(texts[i].dst, texts[i].size, texts[i].src);
    copy_line(err->message, sizeof(err->message), d.message);
    tn__error_classify(err);
    if (d.outcome != TN_OUTCOME_NONE)
        err->outcome = d.outcome;
    return status;
}

/* Drivers log what the server says. */
static bool host_log_wanted(tn_log_level level)
{
    return tn__log_wanted_in(level, "server");
}

static void host_log(tn_host_conn *conn, tn_log_level level, const char *component, tn_str text)
{
    (void)conn;
    tn__log_text(level, component, text);
}

const tn_host tn__host = {
    .size = sizeof(tn_host),
    .abi_major = TN_DRIVER_ABI_MAJOR,
    .abi_minor = TN_DRIVER_ABI_MINOR,
    .wait = host_wait,
    .interrupted = host_interrupted,
    .fail = host_fail,
    .log_wanted = host_log_wanted,
    .log = host_log,
    .now = tn__now_ns,
};
