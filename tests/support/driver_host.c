/* SPDX-License-Identifier: MIT */
#include "support/driver_host.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

static tn_wait_result host_wait(tn_host_conn *conn, int fd, int events, int64_t deadline_ns)
{
    struct pollfd one = {.fd = fd};

    one.events = (short)((events & TN_WAIT_READ ? POLLIN : 0) |
                         (events & TN_WAIT_WRITE ? POLLOUT : 0));
    if (conn)
        conn->waits++;
    if (conn && conn->interrupted)
        return TN_WAIT_INTERRUPTED;
    for (;;) {
        int ready = poll(&one, 1, tn__deadline_poll_ms(deadline_ns, tn__now_ns()));
        if (ready > 0)
            return TN_WAIT_READY;
        if (ready < 0 && errno != EINTR)
            return TN_WAIT_FAILED;
        if (tn__now_ns() >= deadline_ns)
            return TN_WAIT_TIMEOUT;
    }
}

static tn_wait_result host_interrupted(tn_host_conn *conn, int64_t deadline_ns)
{
    (void)conn;
    return tn__now_ns() >= deadline_ns ? TN_WAIT_TIMEOUT : TN_WAIT_READY;
}

static tn_status host_fail(tn_error *err, const tn_diagnostic *d)
{
    char sqlstate[6] = "";

    if (d->sqlstate.len == 5)
        memcpy(sqlstate, d->sqlstate.ptr, 5);
    tn_status status = d->status ? d->status : tn_status_from_sqlstate(sqlstate);
    if (!err)
        return status;
    tn_error_set(err, status, sqlstate[0] ? sqlstate : NULL, "%.*s", (int)d->message.len,
                 d->message.ptr ? d->message.ptr : "");
    err->phase = d->phase;
    err->position = d->position;
    if (d->outcome)
        err->outcome = d->outcome;
    tn__copy_text(err->detail, sizeof(err->detail), d->detail);
    tn__copy_text(err->hint, sizeof(err->hint), d->hint);
    tn__copy_text(err->severity, sizeof(err->severity), d->severity);
    tn__copy_text(err->table, sizeof(err->table), d->table);
    tn__copy_text(err->column, sizeof(err->column), d->column);
    tn__copy_text(err->constraint, sizeof(err->constraint), d->constraint);
    tn__copy_text(err->schema, sizeof(err->schema), d->schema);
    tn__copy_text(err->context, sizeof(err->context), d->context);
    tn__copy_text(err->source, sizeof(err->source), d->source);
    return status;
}

static bool host_log_wanted(tn_log_level level)
{
    return level <= TN_LOG_INFO;
}

static void host_log(tn_host_conn *conn, tn_log_level level, const char *component, tn_str text)
{
    conn->logged++;
    conn->level = level;
    tn__copy_text(conn->component, sizeof(conn->component), tn_str_from(component));
    tn__copy_text(conn->line, sizeof(conn->line), text);
}

const tn_host driver_host = {
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

int64_t driver_host_deadline(int64_t ms)
{
    return tn__deadline_after_ms(tn__now_ns(), ms);
}

tn_status driver_host_source_set(const char *url, const char *const settings_of[][2],
                                 tn_driver_source **ret, tn_error *err)
{
    tn_driver_setting settings[DRIVER_HOST_SETTINGS];
    size_t count = 0;

    for (size_t i = 0; i < DRIVER_HOST_SETTINGS && settings_of[i][0]; i++)
        if (settings_of[i][1])
            settings[count++] = (tn_driver_setting){tn_str_from(settings_of[i][0]),
                                                    tn_str_from(settings_of[i][1])};
    tn_source_config config = {
        .size = sizeof(config),
        .scheme = tn_str_from("postgresql"),
        .url = tn_str_from(url),
        .settings = settings,
        .n_settings = count,
        .application_name = tn_str_from("tenon-test"),
        .max_connections = 4,
        .connect_timeout_ms = 10000,
    };

    return tn_driver_module.conn->open_source(&driver_host, &config, ret, err);
}

tn_status driver_host_source(const char *url, const char *schema, const char *prepare,
                             tn_driver_source **ret, tn_error *err)
{
    const char *const settings[][2] = {{"schema", schema}, {"prepare", prepare}, {NULL, NULL}};

    return driver_host_source_set(url, settings, ret, err);
}
