/* SPDX-License-Identifier: MIT */
/* Opening, closing, the one client of the process, what is refused. */
#include <stdlib.h>
#include <string.h>

#include "suite.h"

/* Opening this must fail; the client would be closed by the frame. */
static tn_error open_fails(fixture *f, const char *url)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = tn_config_from_url(url, &err);
    tn_db *db = NULL;

    if (config) {
        if (tn_config_set(config, "connection_timeout", "3000", &err) == TN_OK &&
            tn_config_set(config, "connect_retries", "0", &err) == TN_OK)
            db = tn_open(config, &err);
        tn_config_free(config);
    }
    if (db) {
        tn_db_close(db, NULL);
        fail(f, "opening \"%s\" succeeded", url);
    }
    if (err.status == TN_OK || !err.message[0])
        fail(f, "opening \"%s\" failed without a status and a message", url);
    return err;
}

static void open_and_close(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = open_client(f, new_config(f));

    check_ok(f, end_client(f, db, &err), &err);
}

static void open_by_url_alone(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tn_open_url(f->url, &err);

    if (!db)
        fail(f, "tn_open_url(): %s", err.message);
    check_text(f, tn_db_driver(db), tn_db_driver(f->db));
    check_ok(f, tn_db_close(db, &err), &err);
}

static void names_itself(fixture *f)
{
    const char *driver = tn_db_driver(f->db);

    check(f, driver && driver[0] && strlen(driver) < 32);
    check(f, tn_db_url(f->db) && tn_db_url(f->db)[0]);
    check(f, tn_depth(f->db) == 0);
}

static void url_is_redacted(fixture *f)
{
    char redacted[1024];
    size_t length = tn_url_redact(f->url, redacted, sizeof(redacted));

    check(f, length < sizeof(redacted));
    check_text(f, tn_db_url(f->db), redacted);
}

static void handle_outlives_its_configuration(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = tn_config_from_url(f->url, &err);

    if (!config)
        fail(f, "tn_config_from_url(): %s", err.message);
    tn_db *db = tn_open(config, &err);
    tn_config_free(config);
    if (!db)
        fail(f, "tn_open(): %s", err.message);
    tn_health health = tn_health_check(db, 5000);
    tn_db_close(db, NULL);
    check_int(f, health.status, TN_HEALTHY);
}

static void two_clients_at_once(fixture *f)
{
    tn_db *a = open_pool(f, "2", "5000");
    tn_db *b = open_pool(f, "2", "5000");

    check(f, a != b);
    check_int(f, int_of(f, a, "select cast($1 as integer)", tn_args(1)), 1);
    check_int(f, int_of(f, b, "select cast($1 as integer)", tn_args(2)), 2);
    check_int(f, end_client(f, a, NULL), TN_OK);
    check_int(f, int_of(f, b, "select cast($1 as integer)", tn_args(3)), 3);
}

static void reopening_finds_the_data(fixture *f)
{
    if (f->private_data)
        skip(f, "each client of this URL has a database of its own");
    tn_db *a = open_pool(f, "2", "5000");

    exec(f, a, "create table {t} (n integer)", NULL);
    exec(f, a, "insert into {t} values (7)", NULL);
    check_int(f, end_client(f, a, NULL), TN_OK);
    tn_db *b = open_pool(f, "2", "5000");
    check_int(f, int_of(f, b, "select n from {t}", NULL), 7);
}

static void pool_is_one_database(fixture *f)
{
    tn_db *client = open_pool(f, "3", "5000");

    exec(f, client, "create table {t} (n integer)", NULL);
    tn_db *a = acquire(f, client);
    tn_db *b = acquire(f, client);
    exec(f, a, "insert into {t} values (1)", NULL);
    check_int(f, int_of(f, b, "select n from {t}", NULL), 1);
    exec(f, b, "drop table {t}", NULL);
    exec_fails(f, a, "select n from {t}", NULL, TN_SYNTAX, "42P01");
}

static void not_a_url(fixture *f)
{
    static const char *const texts[] = {"", "nonsense", ":", "://", " sqlite:", "a b:c", "1up:x"};

    for (size_t i = 0; i < SUITE_COUNT(texts); i++)
        check_int(f, open_fails(f, texts[i]).status, TN_CONFIG);
}

static void scheme_is_not_a_path(fixture *f)
{
    static const char *const texts[] = {"../../evil://x", "/etc/evil:x", "./evil:x",
                                        "sub/evil:x",     "..:x",        "evil\\x:y"};

    for (size_t i = 0; i < SUITE_COUNT(texts); i++)
        check_int(f, open_fails(f, texts[i]).status, TN_CONFIG);
}

static void unknown_scheme(fixture *f)
{
    tn_error err = open_fails(f, "nosuchdatabase://host/name");

    check_int(f, err.status, TN_DRIVER);
    check(f, strstr(err.message, "nosuchdatabase") != NULL);
}

static void unknown_scheme_is_told_apart(fixture *f)
{
    tn_driver_info info;
    const struct tn_driver_module *module = NULL;
    tn_error err = TN_ERROR_INIT;

    check_error(f, tn_driver_inspect("nosuchdatabase", &info, &module, &err), &err, TN_DRIVER,
                NULL);
    check(f, module == NULL);
}

static void driver_describes_itself(fixture *f)
{
    tn_driver_info info;
    const struct tn_driver_module *module = NULL;
    tn_error err = TN_ERROR_INIT;
    char scheme[64];

    snprintf(scheme, sizeof(scheme), "%.*s", (int)strcspn(f->url, ":"), f->url);
    check_ok(f, tn_driver_inspect(scheme, &info, &module, &err), &err);
    check(f, module != NULL && info.usable);
    check_text(f, info.name, tn_db_driver(f->db));
    check(f, info.version[0] && strstr(info.schemes, scheme));
    check_int(f, info.abi_major, TN_DRIVER_ABI_MAJOR);
}

static void unreachable(fixture *f)
{
    if (!f->answers->unreachable_url)
        skip(f, "the driver declares no URL that cannot be reached");
    int64_t started = now_ms();
    tn_error err = open_fails(f, f->answers->unreachable_url);

    check_int(f, err.status, f->answers->unreachable_status);
    check(f, now_ms() - started < 20000);
}

static void no_secret_in_errors(fixture *f)
{
    char text[4096];

    if (!f->answers->unreachable_url || !strstr(f->answers->unreachable_url, "xyzzy-canary"))
        skip(f, "the driver's URLs hold no password");
    tn_error err = open_fails(f, f->answers->unreachable_url);
    tn_error_format(&err, text, sizeof(text));
    check(f, !strstr(text, "xyzzy-canary"));
    check(f, !strstr(err.context, "xyzzy-canary") && !strstr(err.source, "xyzzy-canary"));
}

static void faulty_parameter(fixture *f)
{
    if (!f->answers->faulty_url)
        skip(f, "the driver declares no URL with a parameter that it refuses");
    check_int(f, open_fails(f, f->answers->faulty_url).status, TN_CONFIG);
}

static void faulty_settings_together(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = new_config(f);

    set_option(f, config, "max_connections", "2");
    set_option(f, config, "min_connections", "5");
    tn_db *db = tn_open(config, &err);
    if (db) {
        tn_db_close(db, NULL);
        fail(f, "a pool with a minimum above its maximum was opened");
    }
    check_int(f, err.status, TN_CONFIG);
}

static void close_of_nothing(fixture *f)
{
    tn_error err = TN_ERROR_INIT;

    check_ok(f, tn_db_close(NULL, &err), &err);
    tn_release(NULL);
    check_ok(f, tn_close(NULL, &err), &err);
    check_ok(f, tn_rollback(NULL, &err), &err);
    tn_stmt_close(NULL);
    tn_config_free(NULL);
    tn_free(NULL);
}

static tn_db *open_impatient(fixture *f)
{
    tn_config *config = new_config(f);

    set_option(f, config, "connection_timeout", "1000");
    return open_client(f, config);
}

static void close_with_session_in_use(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *client = open_impatient(f);
    tn_db *session = acquire(f, client);

    check_error(f, end_client(f, client, &err), &err, TN_MISUSE, NULL);
    check_int(f, int_of(f, session, "select cast($1 as integer)", tn_args(5)), 5);
    release(f, session);
}

static void close_with_rows_in_use(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *client = open_impatient(f);
    tn_call call = TN_CALL_INIT;

    call.fetch = TN_FETCH_STREAM;
    tn_rows *rows = query_with(f, client, &call, COUNT_TO("50000") "select n from s", NULL);
    next(f, rows);
    check_error(f, end_client(f, client, &err), &err, TN_MISUSE, NULL);
    int64_t count = 1;
    while (tn_next(rows))
        count++;
    close_rows(f, rows);
    check_int(f, count, 50000);
}

static void close_with_transaction_in_use(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *client = open_impatient(f);
    tn_db *tx = begin(f, client);

    exec(f, tx, "create table {t} (n integer)", NULL);
    check_error(f, end_client(f, client, &err), &err, TN_MISUSE, NULL);
    exec(f, tx, "insert into {t} values (1)", NULL);
    rollback(f, tx);
}

/* The process's client comes from the environment: this case changes it and puts it back. */
typedef struct environment {
    char *url, *no_env;
} environment;

static environment environment_set(const char *url)
{
    const char *old_url = getenv("DATABASE_URL");
    const char *old_no_env = getenv("TENON_NO_ENV");
    environment old = {old_url ? strdup(old_url) : NULL, old_no_env ? strdup(old_no_env) : NULL};

    setenv("TENON_NO_ENV", "1", 1);
    if (url)
        setenv("DATABASE_URL", url, 1);
    else
        unsetenv("DATABASE_URL");
    return old;
}

static void restore(const char *name, char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
    free(value);
}

static void environment_restore(environment old)
{
    restore("DATABASE_URL", old.url);
    restore("TENON_NO_ENV", old.no_env);
}

static void client_from_environment(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    environment old = environment_set(f->url);
    tn_db *first = tn_client(&err);
    tn_db *second = tn_client(NULL);
    tn_health_status health = first ? tn_health_check(first, 5000).status : TN_UNHEALTHY;
    tn_status shut = tn_client_shutdown(5000, &err);
    tn_status again = tn_client_shutdown(5000, NULL);
    environment_restore(old);

    check(f, first != NULL && first == second);
    check_int(f, health, TN_HEALTHY);
    check_ok(f, shut, &err);
    check_int(f, again, TN_OK);
}

static void client_after_a_failure(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    environment old = environment_set(NULL);
    tn_db *without = tn_client(&err);

    setenv("DATABASE_URL", f->url, 1);
    tn_db *with = tn_client(NULL);
    tn_status shut = tn_client_shutdown(5000, NULL);
    environment_restore(old);
    check(f, without == NULL);
    check_int(f, err.status, TN_CONFIG);
    check(f, strstr(err.message, "DATABASE_URL") != NULL);
    check(f, with != NULL);
    check_int(f, shut, TN_OK);
}

static tn_status client_worker(worker *w)
{
    tn_db **seen = w->arg;

    seen[w->index] = tn_client(NULL);
    return TN_OK; /* failures are looked at when the environment is as it was */
}

static void client_opened_once_by_many(fixture *f)
{
    tn_db **seen = room(f, 16 * sizeof(seen[0]));
    environment old = environment_set(f->url);

    on_threads(f, 16, client_worker, seen);
    tn_status shut = tn_client_shutdown(5000, NULL);
    environment_restore(old);
    for (size_t i = 0; i < 16; i++)
        check(f, seen[i] != NULL && seen[i] == seen[0]);
    check_int(f, shut, TN_OK);
}

static void schemas_as_declared(fixture *f)
{
    tn_error err = TN_ERROR_INIT;
    char url[2048];
    tn_db *db = NULL;

    snprintf(url, sizeof(url), "%s%cschema=pg_catalog", f->url, strchr(f->url, '?') ? '&' : '?');
    tn_config *config = tn_config_from_url(url, &err);
    if (config) {
        db = tn_open(config, &err);
        tn_config_free(config);
    }
    if (!has(f, TN_CAP_SCHEMAS)) {
        tn_db_close(db, NULL);
        check(f, db == NULL);
        check(f, err.status == TN_CONFIG || err.status == TN_UNSUPPORTED);
        return;
    }
    if (!db)
        fail(f, "with ?schema=: %s", err.message);
    char path[128] = "";
    tn_status status = tn_get(db, "select current_schema()", NULL,
                              tn_into(tn_textbuf(path, sizeof(path))), &err);
    tn_db_close(db, NULL);
    check_ok(f, status, &err);
    check_text(f, path, "pg_catalog");
}

static const suite_case cases[] = {
    CASE(open_and_close, 0),
    CASE(open_by_url_alone, 0),
    CASE(names_itself, 0),
    CASE(url_is_redacted, 0),
    CASE(handle_outlives_its_configuration, 0),
    CASE(two_clients_at_once, 0),
    CASE(reopening_finds_the_data, TN_CAP_SQL | TN_CAP_PERSISTENT),
    CASE(pool_is_one_database, TN_CAP_SQL),
    CASE(not_a_url, 0),
    CASE(scheme_is_not_a_path, 0),
    CASE(unknown_scheme, 0),
    CASE(unknown_scheme_is_told_apart, 0),
    CASE(driver_describes_itself, 0),
    CASE(unreachable, 0),
    CASE(no_secret_in_errors, 0),
    CASE(faulty_parameter, 0),
    CASE(faulty_settings_together, 0),
    CASE(close_of_nothing, 0),
    CASE(close_with_session_in_use, 0),
    CASE(close_with_rows_in_use, TN_CAP_SQL),
    CASE(close_with_transaction_in_use, TN_CAP_SQL | TN_CAP_TRANSACTIONS),
    CASE(client_from_environment, 0),
    CASE(client_after_a_failure, 0),
    CASE(client_opened_once_by_many, 0),
    CASE(schemas_as_declared, 0),
};

GROUP(connect);
