/* SPDX-License-Identifier: MIT */
/*
 * Prometheus' text exposition format 0.0.4. Seconds are written from whole nanoseconds and
 * microseconds, never by way of a double, so that equal figures are equal texts.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "observe/stats.h"

/* What is written so far, whether it fits or not. labels: driver and client, escaped. */
struct page {
    char *buf;
    size_t size;
    size_t len;
    const char *labels;
};

TN_PRINTF(2, 3)
static void put(struct page *page, const char *format, ...)
{
    size_t room = page->len < page->size ? page->size - page->len : 0;
    va_list args;

    va_start(args, format);
    int len = vsnprintf(room ? page->buf + page->len : NULL, room, format, args);
    va_end(args);
    page->len += len > 0 ? (size_t)len : 0;
}

/* A label's value: backslash, quote and line end are escaped. */
static void escape(const char *text, char *out)
{
    size_t len = 0;

    for (; *text; text++) {
        if (*text == '\\' || *text == '"' || *text == '\n')
            out[len++] = '\\';
        out[len++] = *text == '\n' ? 'n' : *text;
    }
    out[len] = '\0';
}

static void head(struct page *page, const char *name, const char *type, const char *help)
{
    put(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct page *page, const char *name, const char *type, uint64_t value,
                const char *help)
{
    head(page, name, type, help);
    put(page, "%s{%s} %" PRIu64 "\n", name, page->labels, value);
}

static void labelled(struct page *page, const char *name, const char *label, const char *word,
                     uint64_t value)
{
    put(page, "%s{%s,%s=\"%s\"} %" PRIu64 "\n", name, page->labels, label, word, value);
}

static void seconds(struct page *page, const char *name, uint64_t ns)
{
    put(page, "%s{%s} %" PRIu64 ".%09" PRIu64 "\n", name, page->labels, ns / (uint64_t)TN__NS_PER_S,
        ns % (uint64_t)TN__NS_PER_S);
}

/* "constraint violation" as constraint_violation. */
static void errors(struct page *page, const tn_statistics *stats)
{
    const char *name = "tenon_statement_errors_total";
    char word[64];

    head(page, name, "counter", "Statements that failed, by class of error.");
    for (int status = TN_OK + 1; status <= TN_FAILED; status++) {
        snprintf(word, sizeof(word), "%s", tn_status_name((tn_status)status));
        for (char *p = word; *p; p++)
            if (*p == ' ')
                *p = '_';
        labelled(page, name, "class", word, stats->errors[status]);
    }
}

static void latency(struct page *page, const tn_statistics *stats)
{
    uint64_t sum = 0;

    head(page, "tenon_statement_duration_seconds", "histogram",
         "How long statements took, without waiting for a connection.");
    for (unsigned i = 0; i < TN_STATS_BUCKETS; i++) {
        uint64_t us = UINT64_C(1) << i;
        sum += stats->latency[i];
        put(page, "tenon_statement_duration_seconds_bucket{%s,le=\"", page->labels);
        if (i == TN_STATS_BUCKETS - 1)
            put(page, "+Inf");
        else
            put(page, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
        put(page, "\"} %" PRIu64 "\n", sum);
    }
    seconds(page, "tenon_statement_duration_seconds_sum", stats->latency_ns);
    put(page, "tenon_statement_duration_seconds_count{%s} %" PRIu64 "\n", page->labels, sum);
}

static void statements(struct page *page, const tn_statistics *stats)
{
    one(page, "tenon_statements_total", "counter", stats->statements, "Statements that ended.");
    errors(page, stats);
    latency(page, stats);
    one(page, "tenon_slow_statements_total", "counter", stats->slow,
        "Statements that took DB_SLOW_QUERY or longer.");
    one(page, "tenon_rows_total", "counter", stats->rows, "Rows fetched.");
    one(page, "tenon_statement_cache_hits_total", "counter", stats->cache_hits,
        "Statements that were found prepared.");
    one(page, "tenon_statement_cache_misses_total", "counter", stats->cache_misses,
        "Statements that had to be prepared.");
}

static void transactions(struct page *page, const tn_statistics *stats)
{
    const char *name = "tenon_transactions_total";

    head(page, name, "counter", "Transactions that ended.");
    labelled(page, name, "outcome", "committed", stats->committed);
    labelled(page, name, "outcome", "rolled_back", stats->rolled_back);
    labelled(page, name, "outcome", "unknown", stats->unknown);
    one(page, "tenon_transaction_retries_total", "counter", stats->retries,
        "Transactions that were run again.");
}

static void pool_now(struct page *page, const tn_statistics *stats)
{
    const char *name = "tenon_pool_connections";

    one(page, "tenon_pool_max_connections", "gauge", stats->max, "The most connections.");
    one(page, "tenon_pool_open_connections", "gauge", stats->total,
        "Connections that are open or being opened.");
    head(page, name, "gauge", "Open connections, handed out or free.");
    labelled(page, name, "state", "in_use", stats->in_use);
    labelled(page, name, "state", "idle", stats->idle);
    one(page, "tenon_pool_waiting", "gauge", stats->waiting, "Callers that wait for a connection.");
}

static void pool_ever(struct page *page, const tn_statistics *stats)
{
    const char *name = "tenon_pool_connections_closed_total";

    one(page, "tenon_pool_acquires_total", "counter", stats->acquires,
        "Connections that were handed out.");
    one(page, "tenon_pool_waits_total", "counter", stats->waits,
        "Callers that had to wait for a connection.");
    head(page, "tenon_pool_wait_seconds_total", "counter", "Time that callers waited.");
    seconds(page, "tenon_pool_wait_seconds_total", stats->wait_ns);
    one(page, "tenon_pool_timeouts_total", "counter", stats->timeouts,
        "Callers that got no connection in time.");
    one(page, "tenon_pool_connects_total", "counter", stats->connects,
        "Attempts to make a connection.");
    one(page, "tenon_pool_connect_failures_total", "counter", stats->connect_failures,
        "Attempts that failed.");
    one(page, "tenon_pool_connections_created_total", "counter", stats->created,
        "Connections that were made.");
    head(page, name, "counter", "Connections that were closed, by cause.");
    for (int cause = 0; cause <= TN_CLOSED_SHUTDOWN; cause++)
        labelled(page, name, "cause", tn__closed_word((tn_closed)cause), stats->destroyed[cause]);
}

size_t tn__stats_prometheus(const tn_statistics *stats, char *buf, size_t size)
{
    char driver[2 * sizeof(stats->driver)], client[2 * sizeof(stats->client)];
    char labels[sizeof(driver) + sizeof(client) + 32];
    struct page page = {.buf = buf, .size = size, .labels = labels};

    escape(stats->driver, driver);
    escape(stats->client, client);
    snprintf(labels, sizeof(labels), "driver=\"%s\",client=\"%s\"", driver, client);
    if (size)
        buf[0] = '\0';
    statements(&page, stats);
    transactions(&page, stats);
    pool_now(&page, stats);
    pool_ever(&page, stats);
    return page.len;
}
