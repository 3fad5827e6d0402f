/* SPDX-License-Identifier: MIT */
/*
 * core/observe/stats and prometheus, and tn_stats(): what is counted where, that sums are sums, and
 * that the text is what Prometheus' exposition format 0.0.4 allows, held against a strict reader.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/observe.h"
#include "observe/stats.h"
#include "support/mock_client.h"

/* ---- a reader of the format ------------------------------------------------------------------ */

enum { SAMPLES_MAX = 256, LABELS_MAX = 4 };

struct sample {
    char name[80];
    char family[80]; /* of the TYPE that it stands under */
    char type[16];
    char labels[LABELS_MAX][2][600]; /* name, value without escapes */
    size_t n_labels;
    char value[40];
};

static struct sample samples[SAMPLES_MAX];
static size_t n_samples;

static bool take(const char **at, const char *word)
{
    if (strncmp(*at, word, strlen(word)) != 0)
        return false;
    *at += strlen(word);
    return true;
}

/* [a-zA-Z_:][a-zA-Z0-9_:]* */
static bool take_name(const char **at, char *out, size_t size)
{
    size_t len = 0;

    while ((isalpha((unsigned char)**at) || **at == '_' || (len && isdigit((unsigned char)**at))) &&
           len + 1 < size)
        out[len++] = *(*at)++;
    out[len] = '\0';
    return len > 0;
}

static bool take_quoted(const char **at, char *out, size_t size)
{
    size_t len = 0;

    if (!take(at, "\""))
        return false;
    while (**at && **at != '"' && **at != '\n' && len + 1 < size) {
        char c = *(*at)++;
        if (c == '\\') {
            c = *(*at)++;
            if (c != '\\' && c != '"' && c != 'n')
                return false;
            c = c == 'n' ? '\n' : c;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return take(at, "\"");
}

static bool take_labels(const char **at, struct sample *s)
{
    if (!take(at, "{"))
        return false;
    do {
        if (s->n_labels == LABELS_MAX || !take_name(at, s->labels[s->n_labels][0], 600) ||
            !take(at, "=") || !take_quoted(at, s->labels[s->n_labels][1], 600))
            return false;
        for (size_t i = 0; i < s->n_labels; i++)
            if (strcmp(s->labels[i][0], s->labels[s->n_labels][0]) == 0)
                return false;
        s->n_labels++;
    } while (take(at, ","));
    return take(at, "}");
}

/* Digits, perhaps a point and digits: what we write is never negative nor has an exponent. */
static bool take_number(const char **at, char *out, size_t size)
{
    size_t len = 0, points = 0;

    while ((isdigit((unsigned char)**at) || (len && **at == '.' && points == 0)) &&
           len + 1 < size) {
        points += **at == '.';
        out[len++] = *(*at)++;
    }
    out[len] = '\0';
    return len > 0 && out[len - 1] != '.';
}

static bool known_type(const char *type)
{
    return strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 ||
           strcmp(type, "histogram") == 0;
}

/* A histogram's samples have the family's name and one of three endings, all others just it. */
static bool in_family(const struct sample *s)
{
    size_t len = strlen(s->family);
    const char *ending = s->name + len;

    if (strncmp(s->name, s->family, len) != 0)
        return false;
    if (strcmp(s->type, "histogram") != 0)
        return *ending == '\0' && (strcmp(s->type, "counter") != 0 ||
                                   (len > 6 && strcmp(s->family + len - 6, "_total") == 0));
    return strcmp(ending, "_bucket") == 0 || strcmp(ending, "_sum") == 0 ||
           strcmp(ending, "_count") == 0;
}

static bool same_series(const struct sample *a, const struct sample *b)
{
    if (strcmp(a->name, b->name) != 0 || a->n_labels != b->n_labels)
        return false;
    for (size_t i = 0; i < a->n_labels; i++)
        if (strcmp(a->labels[i][0], b->labels[i][0]) != 0 ||
            strcmp(a->labels[i][1], b->labels[i][1]) != 0)
            return false;
    return true;
}

static const char *read_sample(const char *at, const char *family, const char *type)
{
    struct sample *s = &samples[n_samples];

    assert_true(n_samples < SAMPLES_MAX);
    *s = (struct sample){0};
    strcpy(s->family, family);
    strcpy(s->type, type);
    if (!take_name(&at, s->name, sizeof(s->name)) || !take_labels(&at, s) || !take(&at, " ") ||
        !take_number(&at, s->value, sizeof(s->value)) || !take(&at, "\n"))
        fail_msg("no sample: %.200s", at);
    if (!in_family(s))
        fail_msg("%s does not belong to %s %s", s->name, type, family);
    for (size_t i = 0; i < n_samples; i++)
        if (same_series(&samples[i], s))
            fail_msg("%s is there twice", s->name);
    n_samples++;
    return at;
}

/* Each family once: HELP, TYPE, samples. */
static void read_page(const char *at)
{
    char families[64][80];
    size_t n = 0;

    n_samples = 0;
    while (*at) {
        char name[80], typed[80], type[16];
        assert_true(n < 64);
        if (!take(&at, "# HELP ") || !take_name(&at, name, sizeof(name)) || !take(&at, " "))
            fail_msg("no HELP: %.200s", at);
        size_t help = strcspn(at, "\n");
        assert_true(help > 0 && !memchr(at, '\\', help));
        at += help;
        if (!take(&at, "\n# TYPE ") || !take_name(&at, typed, sizeof(typed)) || !take(&at, " ") ||
            !take_name(&at, type, sizeof(type)) || !take(&at, "\n"))
            fail_msg("no TYPE: %.200s", at);
        assert_string_equal(name, typed);
        assert_true(known_type(type));
        for (size_t i = 0; i < n; i++)
            assert_string_not_equal(families[i], name);
        strcpy(families[n++], name);
        size_t before = n_samples;
        while (*at && *at != '#')
            at = read_sample(at, name, type);
        assert_true(n_samples > before);
    }
}

static const char *label(const struct sample *s, const char *name)
{
    for (size_t i = 0; i < s->n_labels; i++)
        if (strcmp(s->labels[i][0], name) == 0)
            return s->labels[i][1];
    return "";
}

/* The value of the series with this name, and label where one is given. */
static const char *value_of(const char *name, const char *key, const char *word)
{
    for (size_t i = 0; i < n_samples; i++)
        if (strcmp(samples[i].name, name) == 0 &&
            (!key || strcmp(label(&samples[i], key), word) == 0))
            return samples[i].value;
    fail_msg("there is no %s %s=%s", name, key ? key : "", word ? word : "");
    return NULL;
}

static void read_stats(const tn_statistics *stats)
{
    static char page[65536];

    assert_true(tn__stats_prometheus(stats, page, sizeof(page)) < sizeof(page));
    read_page(page);
}

/* ---- buckets --------------------------------------------------------------------------------- */

static void buckets_are_powers_of_two(void **state)
{
    static const struct {
        int64_t ns;
        unsigned bucket;
    } rows[] = {
        {INT64_MIN, 0},
        {-1, 0},
        {0, 0},
        {1, 0},
        {1000, 0},
        {1001, 1},
        {2000, 1},
        {2001, 2},
        {4000, 2},
        {4001, 3},
        {1024000, 10},
        {1024001, 11},
        {INT64_C(33554432) * 1000, 25},
        {INT64_C(33554432) * 1000 + 1, 26},
        {INT64_MAX, 26},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (tn__stats_bucket(rows[i].ns) != rows[i].bucket)
            fail_msg("%lld ns: bucket %u", (long long)rows[i].ns, tn__stats_bucket(rows[i].ns));
}

/* The counters of connections and of sums, field by field, each with a number of its own. */
static void sums_are_complete(void **state)
{
    tn__conn_stats conn = {0};
    tn_statistics one = TN_STATISTICS_INIT, two = TN_STATISTICS_INIT, sum = TN_STATISTICS_INIT;

    (void)state;
    for (int i = 0; i < 7; i++)
        tn__stats_statement(&conn, 1000 << i, 10);
    tn__stats_error(&conn, TN_CONSTRAINT);
    tn__stats_error(&conn, (tn_status)1000);
    tn__stats_transaction(&conn, TN_OUTCOME_APPLIED);
    tn__stats_transaction(&conn, TN_OUTCOME_IN_DOUBT);
    tn__stats_transaction(&conn, TN_OUTCOME_NOT_APPLIED);
    tn__stats_transaction(&conn, TN_OUTCOME_NONE);
    tn__stats_add(&one, &conn);
    tn__stats_add(&one, &conn);
    assert_int_equal(one.statements, 14);
    assert_int_equal(one.rows, 140);
    assert_int_equal(one.latency_ns, 2 * 127000);
    for (int i = 0; i < TN_STATS_BUCKETS; i++)
        assert_int_equal(one.latency[i], i < 7 ? 2 : 0);
    assert_int_equal(one.errors[TN_CONSTRAINT], 2);
    assert_int_equal(one.errors[TN_FAILED], 2);
    assert_int_equal(one.committed, 2);
    assert_int_equal(one.unknown, 2);
    assert_int_equal(one.rolled_back, 4);

    /* Every counter is merged: fill each eight bytes from statements on with a number. */
    unsigned char *bytes = (unsigned char *)&two;
    for (size_t at = offsetof(tn_statistics, statements); at < sizeof(two); at += 8) {
        uint64_t number = at;
        if (at < offsetof(tn_statistics, max) || at >= offsetof(tn_statistics, acquires))
            memcpy(bytes + at, &number, 8);
    }
    tn__stats_merge(&sum, &two);
    tn__stats_merge(&sum, &two);
    for (size_t at = offsetof(tn_statistics, statements); at < sizeof(sum); at += 8) {
        uint64_t a, b;
        memcpy(&a, (unsigned char *)&two + at, 8);
        memcpy(&b, (unsigned char *)&sum + at, 8);
        if (b != 2 * a)
            fail_msg("the counter at %zu is not merged", at);
    }
}

/* ---- the text -------------------------------------------------------------------------------- */

static tn_statistics some(void)
{
    tn_statistics stats = TN_STATISTICS_INIT;

    strcpy(stats.driver, "mock");
    strcpy(stats.client, "app");
    for (unsigned i = 0; i < TN_STATS_BUCKETS; i++) {
        stats.latency[i] = i + 1;
        stats.statements += i + 1;
    }
    stats.latency_ns = 1234567890123;
    stats.errors[TN_CONSTRAINT] = 3;
    stats.committed = 5;
    stats.wait_ns = 1;
    stats.max = 10;
    stats.in_use = 4;
    stats.idle = 2;
    stats.destroyed[TN_CLOSED_BROKEN] = 8;
    stats.rows = UINT64_MAX;
    return stats;
}

static void the_text_is_prometheus(void **state)
{
    tn_statistics stats = some();

    (void)state;
    read_stats(&stats);
    for (size_t i = 0; i < n_samples; i++) {
        assert_string_equal(label(&samples[i], "driver"), "mock");
        assert_string_equal(label(&samples[i], "client"), "app");
        assert_int_equal(strncmp(samples[i].name, "tenon_", 6), 0);
    }
    assert_string_equal(value_of("tenon_rows_total", NULL, NULL), "18446744073709551615");
    assert_string_equal(value_of("tenon_statement_errors_total", "class", "constraint_violation"),
                        "3");
    assert_string_equal(value_of("tenon_transactions_total", "outcome", "committed"), "5");
    assert_string_equal(value_of("tenon_pool_wait_seconds_total", NULL, NULL), "0.000000001");
    assert_string_equal(value_of("tenon_pool_connections", "state", "in_use"), "4");
    assert_string_equal(value_of("tenon_pool_connections_closed_total", "cause", "broken"), "8");
}

static void every_class_and_cause_has_a_series(void **state)
{
    tn_statistics stats = some();
    size_t classes = 0, causes = 0;

    (void)state;
    read_stats(&stats);
    for (size_t i = 0; i < n_samples; i++) {
        classes += strcmp(samples[i].name, "tenon_statement_errors_total") == 0;
        causes += strcmp(samples[i].name, "tenon_pool_connections_closed_total") == 0;
    }
    assert_int_equal(classes, TN_FAILED);
    assert_int_equal(causes, TN_CLOSED_SHUTDOWN + 1);
}

static void the_histogram_is_cumulative(void **state)
{
    tn_statistics stats = some();
    double bound = 0, upper;
    uint64_t last = 0;
    unsigned n = 0;

    (void)state;
    read_stats(&stats);
    for (size_t i = 0; i < n_samples; i++) {
        if (strcmp(samples[i].name, "tenon_statement_duration_seconds_bucket") != 0)
            continue;
        const char *le = label(&samples[i], "le");
        uint64_t count = strtoull(samples[i].value, NULL, 10);
        assert_int_equal(count, last + n + 1);
        if (n == TN_STATS_BUCKETS - 1) {
            assert_string_equal(le, "+Inf");
        } else {
            upper = strtod(le, NULL);
            assert_true(upper > bound);
            assert_true(upper == (double)(UINT64_C(1) << n) / 1e6);
            bound = upper;
        }
        last = count;
        n++;
    }
    assert_int_equal(n, TN_STATS_BUCKETS);
    assert_int_equal(last, stats.statements);
    char count[24];
    snprintf(count, sizeof(count), "%llu", (unsigned long long)stats.statements);
    assert_string_equal(value_of("tenon_statement_duration_seconds_count", NULL, NULL), count);
    assert_string_equal(value_of("tenon_statements_total", NULL, NULL), count);
    assert_string_equal(value_of("tenon_statement_duration_seconds_sum", NULL, NULL),
                        "1234.567890123");
}

static void labels_are_escaped(void **state)
{
    static const char *const names[] = {
        "a\"} 1\nevil{x=\"", "\\", "\\\"", "\n\n", "a\\nb", "", "{},="};
    tn_statistics stats = some();

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        strcpy(stats.client, names[i]);
        read_stats(&stats);
        assert_string_equal(label(&samples[0], "client"), names[i]);
    }
    memset(stats.client, '"', sizeof(stats.client) - 1);
    memset(stats.driver, '\\', sizeof(stats.driver) - 1);
    read_stats(&stats);
    assert_int_equal(strlen(label(&samples[0], "client")), sizeof(stats.client) - 1);
}

static void a_small_buffer_gets_the_beginning(void **state)
{
    static char whole[65536];
    tn_statistics stats = some();

    (void)state;
    size_t len = tn__stats_prometheus(&stats, whole, sizeof(whole));
    assert_int_equal(len, strlen(whole));
    assert_int_equal(tn__stats_prometheus(&stats, NULL, 0), len);
    for (size_t size = 1; size <= len + 1; size += size < 300 ? 1 : 97) {
        char *buf = malloc(size); /* exactly: a sanitizer sees a byte too many */
        assert_non_null(buf);
        assert_int_equal(tn__stats_prometheus(&stats, buf, size), len);
        assert_int_equal(strlen(buf), size - 1);
        assert_memory_equal(buf, whole, size - 1);
        free(buf);
    }
}

/* ---- a client -------------------------------------------------------------------------------- */

static mock *m;
static const tn_value cells[] = {{.type = TN_TYPE_INT64, .as.i = 1},
                                 {.type = TN_TYPE_INT64, .as.i = 2}};
static const tn_column columns[] = {{.name = "n", .type = TN_TYPE_INT64, .type_name = "int8"}};
static const mock_answer answers[] = {
    {.sql = "two", .columns = columns, .n_columns = 1, .values = cells, .rows = 2},
};

static int setup(void **state)
{
    (void)state;
    mock_reset(m);
    mock_answers(m, answers, 1);
    return 0;
}

static uint64_t total(const uint64_t *numbers, size_t n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += numbers[i];
    return sum;
}

static void a_clients_figures_add_up(void **state)
{
    tn_statistics stats = TN_STATISTICS_INIT;
    tn_error err = TN_ERROR_INIT;
    tn_db *session;

    (void)state;
    tn_db *db = mock_open(m, "max_connections=2 application_name=shop");
    for (int i = 0; i < 5; i++)
        assert_ok(tn_close(tn_query(db, "two", NULL), &err), err);
    assert_ok(tn_acquire(db, &session, &err), err);
    tn_rows *rows = tn_query(session, "two", NULL);
    while (tn_next(rows))
        ;
    assert_ok(tn_close(rows, &err), err);
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_CONSTRAINT, .sqlstate = "23505"});
    assert_status(tn_exec(session, "one", NULL, NULL, NULL), TN_CONSTRAINT);
    tn_stats(db, &stats); /* connections in use count as well */
    assert_int_equal(stats.size, sizeof(stats));
    assert_string_equal(stats.driver, "mock");
    assert_string_equal(stats.client, "shop");
    assert_int_equal(stats.statements, 7);
    assert_int_equal(total(stats.latency, TN_STATS_BUCKETS), 7);
    assert_int_equal(stats.rows, 2);
    assert_int_equal(stats.errors[TN_CONSTRAINT], 1);
    assert_int_equal(total(stats.errors, TN_STATS_CLASSES), 1);
    assert_int_equal(stats.max, 2);
    assert_int_equal(stats.in_use, 1);
    assert_int_equal(stats.cache_hits + stats.cache_misses, 7);
    tn_release(session);

    /* A connection that is gone has not taken its figures along. */
    mock_fail(m, (mock_fault){.op = MOCK_EXECUTE, .status = TN_LOST, .sqlstate = "08006"});
    assert_status(tn_exec(db, "one", NULL, NULL, NULL), TN_LOST);
    assert_int_equal(tn_exec(db, "one", NULL, NULL, NULL), TN_OK);
    tn_stats(db, &stats);
    assert_int_equal(stats.statements, 9);
    assert_int_equal(stats.errors[TN_LOST], 1);
    assert_int_equal(stats.created, total(stats.destroyed, TN_STATS_CLOSED) + stats.total);
    static char page[65536];
    assert_true(tn_stats_prometheus(db, page, sizeof(page)) < sizeof(page));
    read_page(page);
    assert_string_equal(value_of("tenon_statements_total", "client", "shop"), "9");
    mock_close(m, db);
}

/* Without a name the client is its URL, without its password. */
static void a_client_without_a_name_is_its_url(void **state)
{
    tn_statistics stats = TN_STATISTICS_INIT;
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_db *db = mock_try_open("mock://u:hunter2@host/db", "", &err);
    assert_non_null(db);
    tn_stats(db, &stats);
    assert_contains(stats.client, "host/db");
    assert_null(strstr(stats.client, "hunter2"));
    mock_close(m, db);
}

/* Another configuration changes what is watched, not under which name. */
static void settings_follow_the_configuration(void **state)
{
    tn__observe_settings settings = {0};
    tn_error err = TN_ERROR_INIT;
    tn_config *config = tn_config_from_url("mock://host/db", &err);

    (void)state;
    assert_non_null(config);
    assert_ok(tn_config_set(config, "application_name", "shop", &err), err);
    tn__observe_configure(&settings, config, "first");
    assert_int_equal(settings.slow_query_ns, INT64_C(1000000000));
    assert_false(settings.values);
    assert_string_equal(settings.client, "shop");
    assert_ok(tn_config_set(config, "application_name", "other", &err), err);
    assert_ok(tn_config_set(config, "slow_query", "0", &err), err);
    assert_ok(tn_config_set(config, "log_values", "on", &err), err);
    tn__observe_configure(&settings, config, "second");
    assert_true(settings.slow_query_ns == INT64_MAX);
    assert_true(settings.values);
    assert_string_equal(settings.client, "shop");
    tn_config_free(config);
}

/* An application that was built for fewer fields gets those. */
static void an_older_struct_is_filled_as_far_as_it_goes(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_statistics stats;

    (void)state;
    tn_db *db = mock_open(m, "");
    assert_ok(tn_exec(db, "one", NULL, NULL, &err), err);
    memset(&stats, 0xee, sizeof(stats));
    stats.size = offsetof(tn_statistics, slow);
    tn_stats(db, &stats);
    assert_int_equal(stats.size, offsetof(tn_statistics, slow));
    assert_int_equal(stats.statements, 1);
    assert_true(stats.slow == UINT64_C(0xeeeeeeeeeeeeeeee));
    mock_close(m, db);
    stats.size = sizeof(stats);
    tn_stats(NULL, &stats);
    assert_int_equal(stats.size, sizeof(stats));
    assert_int_equal(stats.statements, 0);
    assert_true(tn_stats_prometheus(NULL, NULL, 0) > 0);
}

static int group_setup(void **state)
{
    (void)state;
    m = mock_new("mock", MOCK_CAPABILITIES);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(buckets_are_powers_of_two),
        TEST(sums_are_complete),
        TEST(the_text_is_prometheus),
        TEST(every_class_and_cause_has_a_series),
        TEST(the_histogram_is_cumulative),
        TEST(labels_are_escaped),
        TEST(a_small_buffer_gets_the_beginning),
        TEST(a_clients_figures_add_up),
        TEST(a_client_without_a_name_is_its_url),
        TEST(settings_follow_the_configuration),
        TEST(an_older_struct_is_filled_as_far_as_it_goes),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
