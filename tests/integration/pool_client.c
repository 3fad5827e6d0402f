/* SPDX-License-Identifier: MIT */
#include "pool_client.h"

#include <time.h>

enum { AWAIT_MS = 20000 };

int64_t pool_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

void pool_pause_ms(int ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&pause, NULL);
}

static void set_all(tn_config *config, const char *settings)
{
    tn_error err = TN_ERROR_INIT;
    char copy[512], *rest = NULL;

    snprintf(copy, sizeof(copy), "%s", settings);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        assert_non_null(value);
        *value++ = '\0';
        expect_ok(tn_config_set(config, word, value, &err));
    }
}

tn_db *pool_try_open(int port, const char *settings, tn_error *err)
{
    char url[256];

    snprintf(url, sizeof(url), "postgresql://app:" POOL_PASSWORD "@127.0.0.1:%d/app", port);
    tn_config *config = tn_config_from_url(url, err);
    assert_non_null(config);
    set_all(config, "log_level=off");
    set_all(config, settings);
    tn_db *db = tn_open(config, err);
    tn_config_free(config);
    return db;
}

tn_db *pool_open(int port, const char *settings)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = pool_try_open(port, settings, &err);

    if (!db)
        tn_error_print(stderr, &err);
    assert_non_null(db);
    return db;
}

tn_pool_stats pool_stats(const tn_db *db)
{
    tn_pool_stats now;

    tn_db_pool_stats(db, &now);
    return now;
}

bool pool_await_waiting(const tn_db *db, unsigned n)
{
    for (int64_t end = pool_now_ms() + AWAIT_MS; pool_now_ms() < end; pool_pause_ms(1))
        if (pool_stats(db).waiting == n)
            return true;
    return false;
}

bool pool_await_idle(const tn_db *db, unsigned n)
{
    for (int64_t end = pool_now_ms() + AWAIT_MS; pool_now_ms() < end; pool_pause_ms(1))
        if (pool_stats(db).idle == n)
            return true;
    return false;
}

/* However short the pool's own time-out: to connect takes what it takes. */
static tn_status acquire_patiently(tn_db *db, tn_db **ret, tn_error *err)
{
    int64_t end = pool_now_ms() + AWAIT_MS;
    tn_status status;

    do
        status = tn_acquire(db, ret, err);
    while (status == TN_TIMEOUT && pool_now_ms() < end);
    return status;
}

void pool_expect_whole(tn_db *db, unsigned n)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *sessions[64];
    int32_t one;
    tn_pool_stats now = pool_stats(db);

    assert_true(n <= 64);
    assert_int_equal(now.in_use, 0);
    assert_int_equal(now.waiting, 0);
    for (unsigned i = 0; i < n; i++) {
        expect_ok(acquire_patiently(db, &sessions[i], &err));
        expect_ok(tn_get(sessions[i], "select 1", NULL, tn_into(&one), &err));
    }
    now = pool_stats(db);
    assert_int_equal(now.in_use, n);
    assert_true(now.total <= now.max);
    for (unsigned i = 0; i < n; i++)
        tn_release(sessions[i]);
    now = pool_stats(db);
    assert_int_equal(now.in_use, 0);
    assert_int_equal(now.total, now.idle);
    assert_int_equal(now.created - now.destroyed, now.total);
}

int32_t pool_backend(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int32_t pid = 0;

    expect_ok(tn_get(db, "select pg_backend_pid()", NULL, tn_into(&pid), &err));
    return pid;
}

static const char sessions[] = "select count(*) from pg_stat_activity where usename = 'app'";

long long pool_sessions(PGconn *admin)
{
    return test_server_number(admin, sessions);
}

void pool_expect_no_sessions(PGconn *admin)
{
    if (!test_server_wait(admin, sessions, 0))
        fail_msg("%lld sessions are left on the server", pool_sessions(admin));
}

int pool_run_tests(test_server *server, PGconn **admin, const struct CMUnitTest *tests,
                   size_t count)
{
    static const char *const settings[] = {"log_min_messages=fatal", "log_connections=off", NULL};

    test_server_create(server, settings, NULL, POOL_PASSWORD);
    *admin = test_server_connect(server, "app");
    int failed = _cmocka_run_group_tests("pool", tests, count, NULL, NULL);
    PQfinish(*admin);
    test_server_remove(server);
    return failed;
}
