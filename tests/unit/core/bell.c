/* SPDX-License-Identifier: MIT */
#include "bell.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* the host has a service of that name */

#include <tenon/drivers.h>

#include "support/mock_internal.h"

enum { LINES = 16, CHANNELS = 8, TEXT = 64, RINGS = 64 };

typedef struct ring {
    char channel[TEXT], payload[TEXT];
} ring;

/* One connection. */
typedef struct line {
    tn_driver_conn *conn; /* NULL: free */
    tn_host_conn *host_conn;
    int fd;
    char channels[CHANNELS][TEXT];
    unsigned n_channels;
    ring rings[RINGS];
    unsigned first, next;
    bool lost, mute, unanswered;
    ring taken;
} line;

static mock *m;
static const tn_host *host;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static line lines[LINES];
static unsigned probes, waiting;
static tn_status refusal;
static const char *refusal_sqlstate;

static line *line_of(const tn_driver_conn *conn)
{
    for (unsigned i = 0; i < LINES; i++)
        if (lines[i].conn == conn)
            return &lines[i];
    return NULL;
}

static void wake(const line *l)
{
    const uint64_t one = 1;

    if (write(l->fd, &one, sizeof(one)) < 0) {
        /* Full: it is readable. */
    }
}

static bool listens(const line *l, const char *channel)
{
    for (unsigned i = 0; i < l->n_channels; i++)
        if (strcmp(l->channels[i], channel) == 0)
            return true;
    return false;
}

static tn_status answer(tn_status status, const char *sqlstate, const char *message, tn_error *err)
{
    const tn_diagnostic diagnostic = {.size = sizeof(diagnostic),
                                      .status = status,
                                      .sqlstate = tn_str_from(sqlstate),
                                      .message = tn_str_from(message)};

    return host->fail(err, &diagnostic);
}

/* ---- the driver ------------------------------------------------------------------------------ */

static tn_status open_source(const tn_host *theirs, const tn_source_config *config,
                             tn_driver_source **ret, tn_error *err)
{
    tn_source_config ours = *config;

    if (!host) /* there is one host, and threads read it */
        host = theirs;
    ours.scheme = tn_str_from(mock_module(m)->name);
    return mock_module(m)->conn->open_source(theirs, &ours, ret, err);
}

static tn_status open_conn(tn_driver_source *source, tn_host_conn *host_conn, int64_t deadline_ns,
                           tn_driver_conn **ret, tn_error *err)
{
    tn_status status = mock_module(m)->conn->open(source, host_conn, deadline_ns, ret, err);

    if (status != TN_OK)
        return status;
    pthread_mutex_lock(&lock);
    line *l = line_of(NULL);
    if (!l) {
        pthread_mutex_unlock(&lock);
        mock_module(m)->conn->close(*ret);
        return answer(TN_RESOURCE, "53000", "no line is free", err);
    }
    *l = (line){.conn = *ret, .host_conn = host_conn, .fd = eventfd(0, EFD_NONBLOCK)};
    pthread_mutex_unlock(&lock);
    return TN_OK;
}

static void close_conn(tn_driver_conn *conn)
{
    pthread_mutex_lock(&lock);
    line *l = conn ? line_of(conn) : NULL;
    if (l) {
        close(l->fd);
        l->conn = NULL;
    }
    pthread_mutex_unlock(&lock);
    mock_module(m)->conn->close(conn);
}

static tn_conn_state state_of(const tn_driver_conn *conn)
{
    pthread_mutex_lock(&lock);
    bool lost = line_of(conn)->lost;
    pthread_mutex_unlock(&lock);
    return lost ? TN_CONN_BROKEN : mock_module(m)->conn->state(conn);
}

static bool alive(tn_driver_conn *conn)
{
    return state_of(conn) != TN_CONN_BROKEN;
}

static tn_status listen_to(tn_driver_conn *conn, const tn_str *channels, size_t count,
                           int64_t deadline_ns, tn_error *err)
{
    tn_status status = TN_OK;

    (void)deadline_ns;
    pthread_mutex_lock(&lock);
    line *l = line_of(conn);
    if (l->lost)
        status = answer(TN_LOST, "08006", "the line was cut", err);
    else if (refusal != TN_OK)
        status = answer(refusal, refusal_sqlstate, "refused to listen", err);
    refusal = TN_OK;
    for (size_t i = 0; status == TN_OK && i < count && l->n_channels < CHANNELS; i++)
        snprintf(l->channels[l->n_channels++], TEXT, "%.*s", (int)channels[i].len, channels[i].ptr);
    pthread_mutex_unlock(&lock);
    return status;
}

static tn_status unlisten(tn_driver_conn *conn, tn_str channel, int64_t deadline_ns, tn_error *err)
{
    tn_status status = TN_OK;

    (void)deadline_ns;
    pthread_mutex_lock(&lock);
    line *l = line_of(conn);
    if (l->lost)
        status = answer(TN_LOST, "08006", "the line was cut", err);
    for (unsigned i = 0; status == TN_OK && i < l->n_channels; i++)
        if (tn_str_equal(tn_str_from(l->channels[i]), channel))
            memmove(l->channels[i], l->channels[--l->n_channels], TEXT);
    pthread_mutex_unlock(&lock);
    return status;
}

/* Under the lock. */
static bool take(line *l, tn_notification *ret)
{
    if (l->first == l->next)
        return false;
    l->taken = l->rings[l->first++ % RINGS];
    ret->channel = tn_str_from(l->taken.channel);
    ret->payload = tn_str_from(l->taken.payload);
    ret->sender = 4711;
    return true;
}

static tn_wait_result sleep_on(line *l, int64_t deadline_ns)
{
    uint64_t count;

    waiting++;
    pthread_mutex_unlock(&lock);
    tn_wait_result result = host->wait(l->host_conn, l->fd, TN_WAIT_READ, deadline_ns);
    if (result == TN_WAIT_READY && read(l->fd, &count, sizeof(count)) < 0) {
        /* Woken early. */
    }
    pthread_mutex_lock(&lock);
    waiting--;
    return result;
}

static tn_status wait_for(tn_driver_conn *conn, int64_t deadline_ns, tn_notification *ret,
                          tn_error *err)
{
    tn_wait_result result = TN_WAIT_READY;
    tn_status status = TN_OK;

    pthread_mutex_lock(&lock);
    line *l = line_of(conn);
    while (!take(l, ret) && status == TN_OK) {
        if (l->lost)
            status = answer(TN_LOST, "08006", "the line was cut", err);
        else if ((result = sleep_on(l, deadline_ns)) == TN_WAIT_TIMEOUT)
            status = answer(TN_TIMEOUT, "57014", "the deadline passed", err);
        else if (result == TN_WAIT_INTERRUPTED)
            status = answer(TN_CANCELLED, "57014", "cancelled on request", err);
    }
    pthread_mutex_unlock(&lock);
    return status;
}

static tn_status probe(tn_driver_conn *conn, int64_t deadline_ns, tn_error *err)
{
    (void)deadline_ns;
    (void)err;
    pthread_mutex_lock(&lock);
    line *l = line_of(conn);
    probes++;
    l->unanswered = l->mute;
    pthread_mutex_unlock(&lock);
    return TN_OK;
}

static bool answered(const tn_driver_conn *conn)
{
    pthread_mutex_lock(&lock);
    bool yes = !line_of(conn)->unanswered;
    pthread_mutex_unlock(&lock);
    return yes;
}

static const tn_notify_ops notify_ops = {.size = sizeof(notify_ops),
                                         .listen = listen_to,
                                         .unlisten = unlisten,
                                         .wait = wait_for,
                                         .probe = probe,
                                         .answered = answered,
                                         .sql = "ring $1 $2"};

void bell_register(mock *inner)
{
    static const char *const schemes[] = {"bell", NULL};
    static tn_conn_ops conn_ops;
    static tn_module module;
    tn_error err = TN_ERROR_INIT;

    m = inner;
    module = *mock_module(m);
    conn_ops = *module.conn;
    conn_ops.open_source = open_source;
    conn_ops.open = open_conn;
    conn_ops.close = close_conn;
    conn_ops.state = state_of;
    conn_ops.alive = alive;
    module.name = "bell";
    module.schemes = schemes;
    module.conn = &conn_ops;
    module.notify = &notify_ops;
    tn_status status = tn_driver_register(&module, &err);
    if (status != TN_OK)
        tn_error_print(stderr, &err);
    assert_int_equal(status, TN_OK);
}

/* ---- the test's side ------------------------------------------------------------------------- */

void bell_reset(void)
{
    pthread_mutex_lock(&lock);
    memset(lines, 0, sizeof(lines));
    probes = waiting = 0;
    refusal = TN_OK;
    pthread_mutex_unlock(&lock);
}

unsigned bell_ring(const char *channel, const char *payload)
{
    unsigned heard = 0;

    pthread_mutex_lock(&lock);
    for (line *l = lines; l < lines + LINES; l++) {
        if (!l->conn || l->lost || l->mute || !listens(l, channel))
            continue;
        ring *next = &l->rings[l->next++ % RINGS];
        snprintf(next->channel, TEXT, "%s", channel);
        snprintf(next->payload, TEXT, "%s", payload);
        wake(l);
        heard++;
    }
    pthread_mutex_unlock(&lock);
    return heard;
}

unsigned bell_listeners(const char *channel)
{
    unsigned n = 0;

    pthread_mutex_lock(&lock);
    for (line *l = lines; l < lines + LINES; l++)
        n += l->conn && !l->lost && listens(l, channel);
    pthread_mutex_unlock(&lock);
    return n;
}

void bell_cut(void)
{
    pthread_mutex_lock(&lock);
    for (line *l = lines; l < lines + LINES; l++)
        if (l->conn) {
            l->lost = true;
            wake(l);
        }
    pthread_mutex_unlock(&lock);
}

void bell_mute(void)
{
    pthread_mutex_lock(&lock);
    for (line *l = lines; l < lines + LINES; l++)
        l->mute = l->conn != NULL;
    pthread_mutex_unlock(&lock);
}

static unsigned read_under_lock(const unsigned *number)
{
    pthread_mutex_lock(&lock);
    unsigned n = *number;
    pthread_mutex_unlock(&lock);
    return n;
}

unsigned bell_probes(void)
{
    return read_under_lock(&probes);
}

unsigned bell_waiting(void)
{
    return read_under_lock(&waiting);
}

void bell_refuse(tn_status status, const char *sqlstate)
{
    pthread_mutex_lock(&lock);
    refusal = status;
    refusal_sqlstate = sqlstate;
    pthread_mutex_unlock(&lock);
}
