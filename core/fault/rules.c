/* SPDX-License-Identifier: MIT */
/* Rules, counts and waiting calls of one tn_fault, all under its lock. */
#define _GNU_SOURCE /* memmem */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "fault/fault.h"

#define AT(place)   (UINT32_C(1) << TN_FAULT_AT_##place)
#define EVERYWHERE  ((UINT32_C(1) << TN_FAULT_AT_COUNT) - 1 - AT(ANY))
#define FULL_CHANCE (UINT64_C(1) << 53)

/* Where an effect is possible. */
static const uint32_t possible[] = {
    [TN_FAULT_ERROR] = EVERYWHERE,
    [TN_FAULT_DELAY] = EVERYWHERE,
    [TN_FAULT_HANG] = EVERYWHERE,
    [TN_FAULT_LOST] = EVERYWHERE,
    [TN_FAULT_LOST_AFTER] = EVERYWHERE,
    [TN_FAULT_STALE] = AT(EXECUTE),
    [TN_FAULT_ROLLED_BACK] = AT(COMMIT),
    [TN_FAULT_ROW_MISSING] = AT(EXECUTE) | AT(FETCH),
    [TN_FAULT_VALUE_NULL] = AT(EXECUTE) | AT(FETCH),
    [TN_FAULT_COUNT_WRONG] = AT(EXECUTE) | AT(FETCH),
};

#define EFFECTS  (sizeof(possible) / sizeof(possible[0]))
#define WITH_SQL (AT(PREPARE) | AT(EXECUTE) | AT(FETCH) | AT(DETACH))
/* What a failed transaction refuses by itself. */
#define REFUSED_IN_FAILED (AT(PREPARE) | AT(EXECUTE) | AT(SAVEPOINT) | AT(RELEASE))

/* ---- adding ---------------------------------------------------------------------------------- */

static tn_status misuse(tn_error *err, const char *what)
{
    return tn_error_set(err, TN_MISUSE, NULL, "tn_fault_add: %s", what);
}

/* What the error will be by status and SQLSTATE: it must not be one that ends a connection, nor
 * none. */
static tn_status check_error(const tn_fault_rule *rule, tn_error *err)
{
    tn_status status = rule->status;

    if (rule->sqlstate && strlen(rule->sqlstate) != 5)
        return misuse(err, "sqlstate is not five characters long");
    if ((int)status < TN_OK || status > TN_FAILED)
        return misuse(err, "status is none of tn_status");
    if (status == TN_OK && rule->sqlstate)
        status = tn_status_from_sqlstate(rule->sqlstate);
    if (status == TN_LOST || status == TN_OUTCOME_UNKNOWN)
        return misuse(err, "status or sqlstate says that the connection broke; the effects "
                           "TN_FAULT_LOST and TN_FAULT_LOST_AFTER do that");
    return TN_OK;
}

static tn_status check_rule(const tn_fault_rule *rule, tn_error *err)
{
    if ((unsigned)rule->at >= TN_FAULT_AT_COUNT)
        return misuse(err, "at is none of tn_fault_at");
    if ((unsigned)rule->effect >= EFFECTS)
        return misuse(err, "effect is none of tn_fault_effect");
    if (rule->at != TN_FAULT_AT_ANY && !(possible[rule->effect] & UINT32_C(1) << rule->at))
        return misuse(err, "the effect is not possible at this operation");
    if (rule->sql && rule->at != TN_FAULT_AT_ANY && !(WITH_SQL & UINT32_C(1) << rule->at))
        return misuse(err, "sql is given for an operation that has no statement");
    if (!(rule->probability >= 0 && rule->probability <= 1))
        return misuse(err, "probability is not within 0 and 1");
    if (rule->probability > 0 && rule->seed == 0)
        return misuse(err, "probability needs a seed other than 0");
    if ((rule->sql && strlen(rule->sql) >= TN__FAULT_TEXT) ||
        (rule->message && strlen(rule->message) >= TN__FAULT_TEXT))
        return tn_error_set(err, TN_LIMIT, NULL,
                            "tn_fault_add: sql or message is longer than %d "
                            "bytes",
                            TN__FAULT_TEXT - 1);
    return check_error(rule, err);
}

static tn__fault_rule copy_rule(const tn_fault_rule *rule)
{
    uint32_t places = possible[rule->effect];
    tn__fault_rule copy = {
        .effect = rule->effect,
        .skip = rule->nth ? rule->nth - 1 : 0,
        .left = rule->times ? rule->times : 1,
        .chance = (uint64_t)(rule->probability * (double)FULL_CHANCE),
        .random = rule->seed,
        .delay_ms = rule->delay_ms,
        .status = rule->status,
    };

    if (rule->sql)
        places &= WITH_SQL;
    copy.places = rule->at == TN_FAULT_AT_ANY ? places : UINT32_C(1) << rule->at;
    if (rule->probability > 0 && copy.chance == 0)
        copy.chance = 1;
    if (copy.status == TN_OK && !rule->sqlstate)
        copy.status = TN_FAILED;
    tn__copy_text(copy.sqlstate, sizeof(copy.sqlstate),
                  tn_str_from(rule->sqlstate          ? rule->sqlstate
                              : rule->status == TN_OK ? "XX000"
                                                      : ""));
    tn__copy_text(copy.sql, sizeof(copy.sql), tn_str_from(rule->sql ? rule->sql : ""));
    tn__copy_text(copy.message, sizeof(copy.message),
                  tn_str_from(rule->message ? rule->message : "injected error"));
    return copy;
}

/* Under the lock: rules that are used up go, the others keep their order. */
static void drop_used(tn_fault *fault)
{
    size_t kept = 0;

    for (size_t i = 0; i < fault->n_rules; i++)
        if (fault->rules[i].left)
            fault->rules[kept++] = fault->rules[i];
    fault->n_rules = kept;
}

tn_status tn_fault_add(tn_fault *fault, const tn_fault_rule *rule, tn_error *err)
{
    tn_fault_rule ours = TN_FAULT_RULE_INIT;
    tn_status status = TN_OK;

    if (!fault || !rule)
        return misuse(err, "the fault or the rule is NULL");
    if (rule->size < sizeof(size_t) + sizeof(tn_fault_at))
        return misuse(err, "size is not set; begin with TN_FAULT_RULE_INIT");
    memcpy(&ours, rule, rule->size < sizeof(ours) ? rule->size : sizeof(ours));
    status = check_rule(&ours, err);
    if (status != TN_OK)
        return status;
    pthread_mutex_lock(&fault->lock);
    drop_used(fault);
    if (fault->n_rules < TN__FAULT_RULES)
        fault->rules[fault->n_rules++] = copy_rule(&ours);
    else
        status = tn_error_set(err, TN_LIMIT, NULL, "tn_fault_add: more than %d rules",
                              TN__FAULT_RULES);
    pthread_mutex_unlock(&fault->lock);
    return status;
}

/* ---- what is due ----------------------------------------------------------------------------- */

static bool contains(tn_str text, const char *part)
{
    size_t len = strlen(part);

    return !len || (text.len >= len && memmem(text.ptr, text.len, part, len));
}

/* xorshift64*: the same on every machine, so that a seed is a run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static bool matches(const tn__fault_rule *rule, tn_fault_at at, tn_str sql, bool failed)
{
    if (!rule->left || !(rule->places & UINT32_C(1) << at) || !contains(sql, rule->sql))
        return false;
    return !failed || !(REFUSED_IN_FAILED & UINT32_C(1) << at) ||
           (rule->effect != TN_FAULT_ERROR && rule->effect != TN_FAULT_STALE);
}

/* A chance is drawn for each call that would be hit, so that one rule's draws do not depend on
 * another's. */
static bool is_due(tn__fault_rule *rule)
{
    if (rule->skip) {
        rule->skip--;
        return false;
    }
    return !rule->chance || next_random(&rule->random) >> 11 < rule->chance;
}

bool tn__fault_due(tn_fault *fault, tn_fault_at at, tn_str sql, bool failed, tn__fault_rule *ret)
{
    tn__fault_rule *hit = NULL;

    pthread_mutex_lock(&fault->lock);
    fault->counts[TN_FAULT_AT_ANY]++;
    fault->counts[at]++;
    for (size_t i = 0; i < fault->n_rules; i++)
        if (matches(&fault->rules[i], at, sql, failed) && is_due(&fault->rules[i]) && !hit)
            hit = &fault->rules[i];
    if (hit) {
        fault->hits++;
        if (hit->left != TN_FAULT_ALWAYS)
            hit->left--;
        *ret = *hit;
    }
    pthread_mutex_unlock(&fault->lock);
    return hit != NULL;
}

/* ---- counts ---------------------------------------------------------------------------------- */

void tn__fault_connected(tn_fault *fault, int step)
{
    pthread_mutex_lock(&fault->lock);
    fault->connections += (uint32_t)step;
    pthread_mutex_unlock(&fault->lock);
}

static uint64_t read_locked(tn_fault *fault, const uint64_t *number)
{
    pthread_mutex_lock(&fault->lock);
    uint64_t value = *number;
    pthread_mutex_unlock(&fault->lock);
    return value;
}

uint64_t tn_fault_count(tn_fault *fault, tn_fault_at at)
{
    return (unsigned)at < TN_FAULT_AT_COUNT ? read_locked(fault, &fault->counts[at]) : 0;
}

uint64_t tn_fault_hits(tn_fault *fault)
{
    return read_locked(fault, &fault->hits);
}

uint32_t tn_fault_connections(tn_fault *fault)
{
    pthread_mutex_lock(&fault->lock);
    uint32_t value = fault->connections;
    pthread_mutex_unlock(&fault->lock);
    return value;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void set_timer(int fd, int64_t ns)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = ns / TN__NS_PER_S, .tv_nsec = ns % TN__NS_PER_S}};

    (void)timerfd_settime(fd, 0, &when, NULL);
}

void tn_fault_clear(tn_fault *fault)
{
    if (!fault)
        return;
    pthread_mutex_lock(&fault->lock);
    fault->n_rules = 0;
    fault->hits = 0;
    memset(fault->counts, 0, sizeof(fault->counts));
    for (tn__fault_sleeper *sleeper = fault->sleepers; sleeper; sleeper = sleeper->next)
        set_timer(sleeper->fd, 1);
    pthread_mutex_unlock(&fault->lock);
}

static void enlist(tn_fault *fault, tn__fault_sleeper *sleeper, int64_t ms)
{
    pthread_mutex_lock(&fault->lock);
    if (ms >= 0)
        set_timer(sleeper->fd, ms ? ms * TN__NS_PER_MS : 1);
    sleeper->next = fault->sleepers;
    fault->sleepers = sleeper;
    fault->n_sleepers++;
    pthread_cond_broadcast(&fault->changed);
    pthread_mutex_unlock(&fault->lock);
}

static void delist(tn_fault *fault, const tn__fault_sleeper *sleeper)
{
    pthread_mutex_lock(&fault->lock);
    for (tn__fault_sleeper **at = &fault->sleepers; *at; at = &(*at)->next)
        if (*at == sleeper) {
            *at = sleeper->next;
            break;
        }
    fault->n_sleepers--;
    pthread_mutex_unlock(&fault->lock);
}

tn_wait_result tn__fault_wait(tn_fault *fault, const tn_host *host, tn_host_conn *host_conn,
                              int64_t ms, int64_t deadline_ns)
{
    tn__fault_sleeper sleeper = {.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
    tn_wait_result result;
    uint64_t expired;

    if (sleeper.fd < 0)
        return TN_WAIT_FAILED;
    enlist(fault, &sleeper, ms);
    /* The host may say ready when it is not. */
    do
        result = host->wait(host_conn, sleeper.fd, TN_WAIT_READ, deadline_ns);
    while (result == TN_WAIT_READY && read(sleeper.fd, &expired, sizeof(expired)) < 0);
    delist(fault, &sleeper);
    close(sleeper.fd);
    return result;
}

bool tn_fault_await(tn_fault *fault, uint32_t n, uint32_t timeout_ms)
{
    int64_t deadline = tn__deadline_after_ms(tn__now_ns(), timeout_ms);
    const struct timespec until = {.tv_sec = deadline / TN__NS_PER_S,
                                   .tv_nsec = deadline % TN__NS_PER_S};
    int error = 0;

    pthread_mutex_lock(&fault->lock);
    while (fault->n_sleepers < n && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&fault->changed, &fault->lock, &until);
    bool there = fault->n_sleepers >= n;
    pthread_mutex_unlock(&fault->lock);
    return there;
}
