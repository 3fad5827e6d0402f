/* SPDX-License-Identifier: MIT */
/* Health: true, quick, on a connection of its own, and writing nothing. */
#include <string.h>

#include "suite.h"

static void is_healthy(fixture *f)
{
    int64_t before = tn_time_now().us;
    tn_health health = tn_health_check(f->db, 5000);

    if (health.status != TN_HEALTHY)
        fail(f, "unhealthy: %s", health.error.message);
    check_int(f, health.error.status, TN_OK);
    check(f, health.latency_us > 0 && health.latency_us < 5000000);
    check(f, health.checked_at.us >= before - 1000000 &&
                 health.checked_at.us <= tn_time_now().us + 1000000);
}

static void says_what_it_speaks_to(fixture *f)
{
    tn_health health = tn_health_check(f->db, 5000);

    check_text(f, health.driver, tn_db_driver(f->db));
    check(f, health.driver_version[0] != '\0');
    check(f, health.server[0] != '\0');
    check(f, health.endpoint[0] != '\0');
    if (has(f, TN_CAP_SQL))
        check(f, health.dialect[0] != '\0');
}

static void carries_the_pool_figures(fixture *f)
{
    tn_db *client = open_pool(f, "3", "5000");
    tn_db *session = acquire(f, client);
    tn_health health = tn_health_check(client, 5000);

    check_int(f, health.status, TN_HEALTHY);
    check_int(f, health.pool.max, 3);
    check_int(f, health.pool.in_use, 1);
    release(f, session);
}

static void full_pool_is_not_a_dead_database(fixture *f)
{
    tn_db *client = open_pool(f, "1", "10000");
    tn_db *session = acquire(f, client);
    int64_t started = now_ms();
    tn_health health = tn_health_check(client, 3000);

    check_int(f, health.status, TN_HEALTHY);
    check(f, now_ms() - started < 8000);
    release(f, session);
}

static void default_timeout(fixture *f)
{
    check_int(f, tn_health_check(f->db, 0).status, TN_HEALTHY);
    check_int(f, tn_health_check(f->db, -1).status, TN_HEALTHY);
}

static void on_a_session(fixture *f)
{
    tn_db *session = acquire(f, f->db);

    check_int(f, tn_health_check(session, 5000).status, TN_HEALTHY);
    check_int(f, tn_health_check(session, 5000).status, TN_HEALTHY);
}

static void in_a_transaction_changes_nothing(fixture *f)
{
    exec(f, f->db, "create table {t} (n integer)", NULL);
    tn_db *tx = begin(f, f->db);
    exec(f, tx, "insert into {t} values (1)", NULL);
    check_int(f, tn_health_check(tx, 5000).status, TN_HEALTHY);
    exec(f, tx, "insert into {t} values (2)", NULL);
    commit(f, tx);
    check_int(f, int_of(f, f->db, "select count(*) from {t}", NULL), 2);
}

static void leaves_the_pool_as_it_was(fixture *f)
{
    tn_db *client = open_pool(f, "2", "5000");
    tn_pool_stats before, after;

    tn_db_pool_stats(client, &before);
    for (int i = 0; i < 10; i++)
        check_int(f, tn_health_check(client, 5000).status, TN_HEALTHY);
    tn_db_pool_stats(client, &after);
    check_int(f, after.in_use, 0);
    check(f, after.total <= 2 && before.total <= 2);
}

static void unhealthy_when_the_database_is_gone(fixture *f)
{
    char url[2048];
    tn_error err = TN_ERROR_INIT;
    const answers *declared = f->answers;

    if (!declared->doomed_url || !declared->doom)
        skip(f, "the driver declares no way to take a database away");
    const char *why = declared->doomed_url(f, url, sizeof(url));
    if (why)
        skip(f, "%s", why);
    tn_config *config = tn_config_from_url(url, &err);
    tn_db *client = NULL;
    if (config && tn_config_set(config, "connect_retries", "0", &err) == TN_OK)
        client = tn_open(config, &err);
    tn_config_free(config);
    tn_health alive = {0};
    if (client)
        alive = tn_health_check(client, 5000);
    declared->doom(f);
    int64_t started = now_ms();
    tn_health dead = {0};
    if (client)
        dead = tn_health_check(client, 2000);
    int64_t took = now_ms() - started;
    tn_db_close(client, NULL);
    if (!client)
        fail(f, "the database to be taken away: %s", err.message);
    check_int(f, alive.status, TN_HEALTHY);
    check_int(f, dead.status, TN_UNHEALTHY);
    check(f, dead.error.status != TN_OK && dead.error.message[0]);
    check(f, took < 10000);
}

static const suite_case cases[] = {
    CASE(is_healthy, 0),
    CASE(says_what_it_speaks_to, 0),
    CASE(carries_the_pool_figures, 0),
    CASE(full_pool_is_not_a_dead_database, 0),
    CASE(default_timeout, 0),
    CASE(on_a_session, 0),
    CASE(in_a_transaction_changes_nothing, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(leaves_the_pool_as_it_was, 0),
    CASE(unhealthy_when_the_database_is_gone, 0),
};

GROUP(health);
