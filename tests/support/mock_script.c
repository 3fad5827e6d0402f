/* SPDX-License-Identifier: MIT */
/* The half of the mock driver that tests talk to: making, scripting, counting, checking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <fcntl.h>

#include <cmocka.h>

#include <tenon/drivers.h>

#include "support/mock_internal.h"

enum { AWAIT_S = 20 };

static mock mocks[MOCKS_MAX];
static size_t n_mocks;

static const char *const names[MOCK_OPS] = {
    [MOCK_OPEN_SOURCE] = "open_source",
    [MOCK_CLOSE_SOURCE] = "close_source",
    [MOCK_OPEN] = "open",
    [MOCK_CLOSE] = "close",
    [MOCK_PING] = "ping",
    [MOCK_CANCEL] = "cancel",
    [MOCK_RESET] = "reset",
    [MOCK_PREPARE] = "prepare",
    [MOCK_STMT_CLOSE] = "stmt_close",
    [MOCK_EXECUTE] = "execute",
    [MOCK_FETCH] = "fetch",
    [MOCK_DETACH] = "detach",
    [MOCK_CURSOR_CLOSE] = "cursor_close",
    [MOCK_BEGIN] = "begin",
    [MOCK_COMMIT] = "commit",
    [MOCK_ROLLBACK] = "rollback",
    [MOCK_SAVEPOINT] = "savepoint",
    [MOCK_RELEASE] = "release",
    [MOCK_ROLLBACK_TO] = "rollback_to",
    [MOCK_ALIVE] = "alive",
    [MOCK_OUTCOME] = "outcome",
};

static const char *client(void)
{
    return "libmock 1.2";
}

mock *mock_new(const char *scheme, uint64_t capabilities)
{
    tn_error err = TN_ERROR_INIT;

    assert_true(n_mocks < MOCKS_MAX);
    mock *m = &mocks[n_mocks++];
    snprintf(m->scheme, sizeof(m->scheme), "%s", scheme);
    m->schemes[0] = m->scheme;
    m->module = (tn_module){
        .magic = TN_DRIVER_MAGIC,
        .size = sizeof(tn_module),
        .abi_major = TN_DRIVER_ABI_MAJOR,
        .abi_minor = TN_DRIVER_ABI_MINOR,
        .capabilities = capabilities,
        .name = m->scheme,
        .version = "1.0.0",
        .schemes = m->schemes,
        .conn = capabilities & TN_CAP_REMOTE ? &mock__remote_conn_ops : &mock__conn_ops,
        .stmt = &mock__stmt_ops,
        .cursor = &mock__cursor_ops,
        .txn = capabilities & TN_CAP_REMOTE       ? &mock__remote_txn_ops
               : capabilities & TN_CAP_SAVEPOINTS ? &mock__txn_ops
                                                  : &mock__flat_txn_ops,
        .client = client,
    };
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    assert_int_equal(pipe2(m->wake, O_CLOEXEC | O_NONBLOCK), 0);
    mock_reset(m);
    if (tn_driver_register(&m->module, &err) != TN_OK)
        fail_msg("the mock driver was refused: %s", err.message);
    return m;
}

const tn_module *mock_module(const mock *m)
{
    return &m->module;
}

mock *mock__find(tn_str scheme)
{
    for (size_t i = 0; i < n_mocks; i++)
        if (scheme.len == strlen(mocks[i].scheme) &&
            memcmp(scheme.ptr, mocks[i].scheme, scheme.len) == 0)
            return &mocks[i];
    return NULL;
}

void mock_reset(mock *m)
{
    static const tn_conn_info info = {.size = sizeof(info),
                                      .server = "Mock 9",
                                      .dialect = "mock",
                                      .endpoint = "nowhere",
                                      .note = ""};
    char byte;

    pthread_mutex_lock(&m->lock);
    m->answers = NULL;
    m->n_answers = 0;
    m->n_faults = 0;
    m->violation[0] = '\0';
    m->generation++;
    m->sources = m->conns = m->peak_conns = m->stmts = m->cursors = 0;
    m->n_last_params = 0;
    m->info = info;
    m->txn_id = "";
    m->n_outcomes = 0;
    m->prompt = false;
    while (read(m->wake[0], &byte, 1) == 1)
        ;
    pthread_mutex_unlock(&m->lock);
    mock_clear(m);
}

void mock_clear(mock *m)
{
    pthread_mutex_lock(&m->lock);
    memset(m->counts, 0, sizeof(m->counts));
    m->trace[0] = '\0';
    m->trace_len = 0;
    pthread_mutex_unlock(&m->lock);
}

void mock__violation(mock *m, const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&m->lock);
    if (!m->violation[0]) {
        va_start(args, format);
        vsnprintf(m->violation, sizeof(m->violation), format, args);
        va_end(args);
    }
    pthread_mutex_unlock(&m->lock);
}

void mock_check_contract(mock *m)
{
    char violation[sizeof(m->violation)];

    pthread_mutex_lock(&m->lock);
    memcpy(violation, m->violation, sizeof(violation));
    m->violation[0] = '\0';
    pthread_mutex_unlock(&m->lock);
    if (violation[0])
        fail_msg("the host broke the driver contract: %s", violation);
}

/* Threads that connect, and that nobody waits for any more, may close what they have a little later
 * than the client. */
static void await_all_closed(mock *m)
{
    const struct timespec pause = {.tv_nsec = 200000};

    for (int i = 0; i < AWAIT_S * 5000 && !mock_all_closed(m); i++)
        nanosleep(&pause, NULL);
}

void mock_check(mock *m)
{
    mock_check_contract(m);
    if (m->module.capabilities & TN_CAP_REMOTE)
        await_all_closed(m);
    if (m->sources || m->conns || m->stmts || m->cursors)
        fail_msg("left open: %u sources, %u connections, %u statements, %u cursors", m->sources,
                 m->conns, m->stmts, m->cursors);
}

/* ---- script ---------------------------------------------------------------------------------- */

void mock_answers(mock *m, const mock_answer *answers, size_t count)
{
    pthread_mutex_lock(&m->lock);
    m->answers = answers;
    m->n_answers = count;
    pthread_mutex_unlock(&m->lock);
}

const mock_answer *mock__answer(mock *m, tn_str sql)
{
    static const mock_answer other = {.affected = 1};
    const mock_answer *found = &other;

    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->n_answers && found == &other; i++)
        if (strlen(m->answers[i].sql) == sql.len &&
            memcmp(m->answers[i].sql, sql.ptr, sql.len) == 0)
            found = &m->answers[i];
    pthread_mutex_unlock(&m->lock);
    return found;
}

void mock_fail(mock *m, mock_fault fault)
{
    pthread_mutex_lock(&m->lock);
    assert_true(m->n_faults < FAULTS_MAX);
    if (fault.nth == 0)
        fault.nth = 1;
    if (fault.times == 0)
        fault.times = 1;
    m->seen[m->n_faults] = 0;
    m->faults[m->n_faults++] = fault;
    pthread_mutex_unlock(&m->lock);
}

void mock_forget_faults(mock *m)
{
    pthread_mutex_lock(&m->lock);
    m->n_faults = 0;
    pthread_mutex_unlock(&m->lock);
}

static void trace(mock *m, mock_op op, int64_t detail)
{
    char word[64];
    int len = detail < 0 ? snprintf(word, sizeof(word), "%s%s", m->trace_len ? " " : "", names[op])
                         : snprintf(word, sizeof(word), "%s%s(%lld)", m->trace_len ? " " : "",
                                    names[op], (long long)detail);

    if (m->trace_len + (size_t)len >= sizeof(m->trace))
        return;
    memcpy(m->trace + m->trace_len, word, (size_t)len + 1);
    m->trace_len += (size_t)len;
}

bool mock__called(mock *m, const char *url, mock_op op, int64_t detail, mock_fault *ret)
{
    bool due = false;

    pthread_mutex_lock(&m->lock);
    m->counts[op]++;
    trace(m, op, detail);
    for (size_t i = 0; i < m->n_faults; i++) {
        const mock_fault *fault = &m->faults[i];
        if (fault->op != op || (fault->url && !(url && strstr(url, fault->url))))
            continue;
        unsigned seen = ++m->seen[i];
        if (!due && seen >= fault->nth && seen - fault->nth < fault->times) {
            *ret = *fault;
            due = true;
        }
    }
    pthread_mutex_unlock(&m->lock);
    return due;
}

void mock__add(mock *m, unsigned generation, unsigned *counter, int step)
{
    pthread_mutex_lock(&m->lock);
    if (generation == m->generation)
        *counter += (unsigned)step;
    if (m->conns > m->peak_conns)
        m->peak_conns = m->conns;
    pthread_mutex_unlock(&m->lock);
}

unsigned mock__generation(mock *m)
{
    pthread_mutex_lock(&m->lock);
    unsigned generation = m->generation;
    pthread_mutex_unlock(&m->lock);
    return generation;
}

/* ---- waiting --------------------------------------------------------------------------------- */

void mock_wake(mock *m)
{
    assert_int_equal(write(m->wake[1], "", 1), 1);
}

bool mock_await(mock *m, unsigned n)
{
    struct timespec until;
    int error = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += AWAIT_S;
    pthread_mutex_lock(&m->lock);
    while (m->waiting != n && error == 0)
        error = pthread_cond_timedwait(&m->changed, &m->lock, &until);
    bool there = m->waiting == n;
    pthread_mutex_unlock(&m->lock);
    return there;
}

/* ---- what happened --------------------------------------------------------------------------- */

static unsigned read_counter(mock *m, const unsigned *counter)
{
    pthread_mutex_lock(&m->lock);
    unsigned n = *counter;
    pthread_mutex_unlock(&m->lock);
    return n;
}

unsigned mock_count(mock *m, mock_op op)
{
    return read_counter(m, &m->counts[op]);
}

unsigned mock_open_connections(mock *m)
{
    return read_counter(m, &m->conns);
}

unsigned mock_peak_connections(mock *m)
{
    return read_counter(m, &m->peak_conns);
}

bool mock_all_closed(mock *m)
{
    pthread_mutex_lock(&m->lock);
    bool closed = !m->sources && !m->conns && !m->stmts && !m->cursors;
    pthread_mutex_unlock(&m->lock);
    return closed;
}

unsigned mock_open_statements(mock *m)
{
    return read_counter(m, &m->stmts);
}

const char *mock_trace(mock *m)
{
    return m->trace;
}

const tn_value *mock_last_params(mock *m, size_t *ret_count)
{
    *ret_count = m->n_last_params;
    return m->last_params;
}

const tn_txn_request *mock_last_request(mock *m)
{
    return &m->last_request;
}

int64_t mock_last_deadline(mock *m)
{
    return m->last_deadline;
}

void mock_outcomes(mock *m, const char *id, const tn_outcome *outcomes, size_t count)
{
    pthread_mutex_lock(&m->lock);
    m->txn_id = id;
    m->outcomes = outcomes;
    m->n_outcomes = count;
    pthread_mutex_unlock(&m->lock);
}

void mock_set_info(mock *m, const tn_conn_info *info)
{
    pthread_mutex_lock(&m->lock);
    m->info = *info;
    pthread_mutex_unlock(&m->lock);
}
