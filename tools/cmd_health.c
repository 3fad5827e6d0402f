/* SPDX-License-Identifier: MIT */
/* tenon health: is the database there? */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "commands.h"
#include "report.h"
#include "settings.h"
#include "term.h"

enum { DEFAULT_TIMEOUT_MS = 5000, FIRST_PAUSE_MS = 50, LONGEST_PAUSE_MS = 1000 };

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t now_ms(void)
{
    return now_us() / 1000;
}

static const char *yes(bool value)
{
    return value ? "yes" : "no";
}

static void line(out *o, const char *name, const char *text)
{
    char safe[600];

    if (!text[0])
        return;
    term_escape(text, strlen(text), safe, sizeof(safe));
    out_puts(o, "  ");
    out_puts(o, name);
    out_fill(o, ' ', 12 - strlen(name));
    out_puts(o, safe);
    out_putc(o, '\n');
}

static void show_text(out *o, const tn_health *h)
{
    char text[200];

    if (h->status == TN_HEALTHY) {
        out_puts(o, term(stdout, TERM_GOOD));
        out_puts(o, "healthy");
    } else {
        out_puts(o, term(stdout, TERM_BAD));
        out_puts(o, "unhealthy");
    }
    out_puts(o, term(stdout, TERM_PLAIN));
    out_putc(o, '\n');
    if (h->driver[0]) {
        snprintf(text, sizeof(text), "%s %s%s%s%s", h->driver, h->driver_version,
                 h->client[0] ? " (" : "", h->client, h->client[0] ? ")" : "");
        line(o, "driver", text);
    }
    line(o, "endpoint", h->endpoint);
    line(o, "server", h->server);
    line(o, "dialect", h->dialect);
    snprintf(text, sizeof(text), "%" PRId64 ".%03d ms", h->latency_us / 1000,
             (int)(h->latency_us % 1000));
    line(o, "latency", text);
    if (h->status == TN_HEALTHY) {
        line(o, "verified", yes(h->server_verified));
        line(o, "encrypted", yes(h->encrypted));
        line(o, "read-only", yes(h->read_only));
        snprintf(text, sizeof(text),
                 "%" PRIu32 " of %" PRIu32 " connections open, %" PRIu32 " in use, %" PRIu32
                 " waiting",
                 h->pool.total, h->pool.max, h->pool.in_use, h->pool.waiting);
        line(o, "pool", text);
    }
    line(o, "note", h->note);
}

static void show_json(out *o, const tool *t, const tn_health *h)
{
    char checked_at[TN_TIME_TEXT_SIZE];
    json j;

    report_begin(&j, o, t, h->status == TN_HEALTHY);
    json_text(&j, "status", h->status == TN_HEALTHY ? "healthy" : "unhealthy");
    json_milliseconds(&j, "latency_ms", h->latency_us);
    json_text(&j, "checked_at", tn_time_format(h->checked_at, checked_at));
    json_text_opt(&j, "driver", h->driver);
    json_text_opt(&j, "driver_version", h->driver_version);
    json_text_opt(&j, "client", h->client);
    json_text_opt(&j, "endpoint", h->endpoint);
    json_text_opt(&j, "server", h->server);
    json_text_opt(&j, "dialect", h->dialect);
    if (h->status == TN_HEALTHY) {
        json_bool(&j, "server_verified", h->server_verified);
        json_bool(&j, "encrypted", h->encrypted);
        json_bool(&j, "read_only", h->read_only);
        json_object(&j, "pool");
        json_int(&j, "max", h->pool.max);
        json_int(&j, "open", h->pool.total);
        json_int(&j, "in_use", h->pool.in_use);
        json_int(&j, "idle", h->pool.idle);
        json_int(&j, "waiting", h->pool.waiting);
        json_object_end(&j);
    } else {
        json_object(&j, "error");
        report_error_json(&j, &h->error, NULL);
        json_object_end(&j);
    }
    json_text_opt(&j, "note", h->note);
    report_end(&j);
}

/* Opens and asks once; a failure to open is an unhealthy answer, too. */
static tn_health ask(tn_config *config, int64_t timeout_ms)
{
    tn_health h = {.status = TN_UNHEALTHY, .checked_at = tn_time_now(), .error = TN_ERROR_INIT};
    int64_t begin = now_us();
    tn_db *db = NULL;

    if (settings_number(config, "connection_timeout", timeout_ms, &h.error) == TN_OK)
        db = tn_open(config, &h.error);
    if (!db) {
        h.latency_us = now_us() - begin;
        return h;
    }
    h = tn_health_check(db, timeout_ms);
    tn_db_close(db, NULL);
    return h;
}

/* Waiting mends no setting and no driver. */
static bool is_final(const tn_health *h)
{
    return h->status == TN_HEALTHY || h->error.status == TN_CONFIG ||
           h->error.status == TN_DRIVER || h->error.status == TN_NOMEM;
}

static tn_health ask_until(tn_config *config, int64_t timeout_ms, int64_t wait_ms, bool progress)
{
    int64_t begin = now_ms(), deadline = begin + wait_ms;
    int64_t pause = FIRST_PAUSE_MS;

    for (;;) {
        int64_t left = deadline - now_ms();
        tn_health h = ask(config,
                          wait_ms && left < timeout_ms ? (left > 1 ? left : 1) : timeout_ms);

        left = deadline - now_ms();
        if (is_final(&h) || left <= 0)
            return h;
        if (progress && now_ms() - begin > 1000)
            term_show_progress(h.error.message, (int)((now_ms() - begin) / 1000));
        int64_t nap = pause < left ? pause : left;
        nanosleep(&(struct timespec){.tv_sec = nap / 1000, .tv_nsec = nap % 1000 * 1000000}, NULL);
        pause = pause * 2 < LONGEST_PAUSE_MS ? pause * 2 : LONGEST_PAUSE_MS;
    }
}

static int run(tool *t)
{
    static out o;
    const char *wait = tool_value(t, TOOL_OPT_WAIT);
    int64_t wait_ms = 0, timeout_ms = t->timeout_ms ? t->timeout_ms : DEFAULT_TIMEOUT_MS;
    tn_error err = TN_ERROR_INIT;

    if (wait && !tool_parse_duration(wait, &wait_ms))
        return tool_usage(t, "--wait %s: not a time; write 500ms, 30s or 2min", wait);
    tn_config *config = settings_load(t, &err);
    if (!config)
        return report_error(t, &err, NULL);
    tn_health h = ask_until(config, timeout_ms, wait_ms, !t->quiet);
    term_show_progress(NULL, 0);
    tn_config_free(config);

    out_init(&o, STDOUT_FILENO);
    if (t->json)
        show_json(&o, t, &h);
    else if (h.status == TN_HEALTHY ? !t->quiet : report_exit_code(&h.error) != TOOL_EXIT_USAGE)
        show_text(&o, &h);
    int status = report_finish(&o, TOOL_EXIT_FINE);
    if (h.status == TN_HEALTHY)
        return status;
    if (!t->json)
        report_error(t, &h.error, NULL);
    /* An answer was asked for and none came: whatever else it was, there is no connection. */
    return report_exit_code(&h.error) == TOOL_EXIT_USAGE ? TOOL_EXIT_USAGE : TOOL_EXIT_CONNECT;
}

static const tool_option options[] = {
    {TOOL_OPT_WAIT, 0, "wait", "TIME", NULL, "ask again until it is healthy, at most so long"},
    {.name = NULL},
};

static const tool_exit exits[] = {
    {0, "healthy"},
    {2, "usage or configuration: never waited for"},
    {6, "unhealthy: no connection, or no answer in time"},
    {130, "interrupted"},
    {0, NULL},
};

const tool_command tool_command_health = {
    .noun = "health",
    .summary = "asks whether the database is there, and what it is",
    .usage = "[--wait TIME] [--timeout TIME]",
    .text = "Connects, asks, and shows driver, server, latency, whether the server proved who\n"
            "it is, and what an operator should know. Writes nothing to the database.\n"
            "--timeout bounds one try (5 s unless given). With -q only an unhealthy answer\n"
            "is shown.",
    .options = options,
    .examples = {"tenon health", "tenon health --wait 30s && ./server",
                 "tenon health --url sqlite:app.db --json"},
    .exits = exits,
    .run = run,
};
