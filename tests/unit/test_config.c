/* SPDX-License-Identifier: MIT */
/* In a directory of its own, with an environment of its own. */
#define _GNU_SOURCE
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/db.h>

#include "config/config.h"

static char home[64];
static int started_in = -1;

static void put_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(name, 0600), 0);
}

static int set_up(void **state)
{
    (void)state;
    for (int id = 0; id < TN__OPT_COUNT; id++)
        unsetenv(tn__options[id].environment);
    unsetenv("TENON_NO_ENV");
    unsetenv("OUTSIDE");
    strcpy(home, "/tmp/tenon-config-XXXXXX");
    started_in = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return started_in < 0 || !mkdtemp(home) || chdir(home);
}

static int tear_down(void **state)
{
    static const char *const names[] = {".env", ".env.local", "secret", "other.env"};
    int bad;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (unlink(names[i]))
            (void)rmdir(names[i]);
    bad = fchdir(started_in) | close(started_in) | rmdir(home);
    for (int id = 0; id < TN__OPT_COUNT; id++)
        unsetenv(tn__options[id].environment);
    return bad;
}

static tn_config_entry entry(const tn_config *config, tn__option_id id)
{
    tn_config_entry e;

    assert_true(tn_config_entry_at(config, id, &e));
    assert_ptr_equal(e.option, &tn__options[id]);
    return e;
}

static tn_config *load(void)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = tn_config_load(&err);

    if (!config)
        fail_msg("%s", err.message);
    return config;
}

static void check_load_fails(const char *message)
{
    tn_error err = TN_ERROR_INIT;

    assert_null(tn_config_load(&err));
    assert_int_equal(err.status, TN_CONFIG);
    assert_int_equal(err.phase, TN_PHASE_CONFIG);
    check_str(tn_str_from(err.message), message);
}

static void test_precedence(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config;

    (void)state;
    put_file(".env", "DATABASE_URL=sqlite:a\nDB_MAX_CONNECTIONS=1\nDB_POOL_TIMEOUT=11\n"
                     "DB_CONNECT_RETRIES=1\nDB_STATEMENT_CACHE=1\n");
    put_file(".env.local", "DB_POOL_TIMEOUT=22\nDB_CONNECT_RETRIES=2\nDB_STATEMENT_CACHE=2\n");
    setenv("DB_CONNECT_RETRIES", "33", 1);
    setenv("DB_STATEMENT_CACHE", "33", 1);
    config = load();
    assert_int_equal(tn_config_set(config, "statement_cache", "44", &err), TN_OK);
    assert_string_equal(tn__config_text(config, TN__OPT_URL), "sqlite:a");
    assert_int_equal(tn_config_integer(config, "max_connections"), 1);
    assert_int_equal(tn_config_integer(config, "DB_POOL_TIMEOUT"), 22);
    assert_int_equal(tn__config_number(config, TN__OPT_CONNECT_RETRIES), 33);
    assert_int_equal(tn__config_number(config, TN__OPT_STATEMENT_CACHE), 44);
    assert_int_equal(tn__config_number(config, TN__OPT_CONNECTION_TIMEOUT), 30000);

    assert_int_equal(entry(config, TN__OPT_MAX_CONNECTIONS).source, TN_SOURCE_ENV_FILE);
    assert_string_equal(entry(config, TN__OPT_MAX_CONNECTIONS).file, ".env");
    assert_int_equal(entry(config, TN__OPT_MAX_CONNECTIONS).line, 2);
    assert_string_equal(entry(config, TN__OPT_POOL_TIMEOUT).file, ".env.local");
    assert_int_equal(entry(config, TN__OPT_CONNECT_RETRIES).source, TN_SOURCE_ENVIRONMENT);
    assert_null(entry(config, TN__OPT_CONNECT_RETRIES).file);
    assert_int_equal(entry(config, TN__OPT_STATEMENT_CACHE).source, TN_SOURCE_SET);
    assert_int_equal(entry(config, TN__OPT_CONNECTION_TIMEOUT).source, TN_SOURCE_DEFAULT);
    assert_string_equal(entry(config, TN__OPT_CONNECTION_TIMEOUT).value, "30000");
    assert_int_equal(entry(config, TN__OPT_APPLICATION_NAME).source, TN_SOURCE_NONE);
    assert_null(entry(config, TN__OPT_APPLICATION_NAME).value);
    assert_string_equal(tn_config_warnings(config), "");

    /* Back to the default, not to a lower source. */
    assert_int_equal(tn_config_set(config, "statement_cache", NULL, &err), TN_OK);
    assert_int_equal(tn__config_number(config, TN__OPT_STATEMENT_CACHE), 128);
    assert_int_equal(entry(config, TN__OPT_STATEMENT_CACHE).source, TN_SOURCE_DEFAULT);
    tn_config_free(config);
}

static void test_no_env(void **state)
{
    (void)state;
    put_file(".env", "DATABASE_URL=sqlite:a\n");
    setenv("TENON_NO_ENV", "1", 1);
    check_load_fails("DATABASE_URL is not set; e.g. DATABASE_URL=sqlite::memory: or "
                     "DATABASE_URL=postgresql://user@host/db, or "
                     "DATABASE_URL_FILE=/run/secrets/database_url");
    setenv("TENON_NO_ENV", "0", 1);
    tn_config_free(load());
}

static void test_load_file(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config;

    (void)state;
    put_file(".env", "DATABASE_URL=sqlite:wrong\n");
    put_file("other.env", "DATABASE_URL=sqlite:right\n");
    setenv("TENON_NO_ENV", "1", 1); /* the file was asked for by name */
    config = tn_config_load_file("other.env", &err);
    assert_non_null(config);
    assert_string_equal(tn__config_text(config, TN__OPT_URL), "sqlite:right");
    assert_string_equal(entry(config, TN__OPT_URL).file, "other.env");
    tn_config_free(config);

    assert_null(tn_config_load_file("missing.env", &err));
    assert_int_equal(err.status, TN_CONFIG);
    assert_string_equal(err.message, "missing.env cannot be opened: No such file or directory");
    assert_null(tn_config_read("missing.env", &err));
    assert_null(tn_config_load_file(".", &err));
    assert_string_equal(err.message, ". is not a regular file");
}

static void test_empty_means_not_set(void **state)
{
    tn_config *config;

    (void)state;
    put_file(".env", "DATABASE_URL=sqlite:a\nDB_MAX_CONNECTIONS=5\nDB_POOL_TIMEOUT=\n");
    setenv("DB_MAX_CONNECTIONS", "", 1);
    config = load();
    assert_int_equal(tn__config_number(config, TN__OPT_MAX_CONNECTIONS), 10);
    assert_int_equal(entry(config, TN__OPT_MAX_CONNECTIONS).source, TN_SOURCE_DEFAULT);
    assert_int_equal(tn__config_number(config, TN__OPT_POOL_TIMEOUT), 30000);
    assert_int_equal(tn_config_set(config, "url", "", NULL), TN_OK);
    assert_int_equal(tn_config_check(config, NULL), TN_CONFIG);
    tn_config_free(config);
}

/* All of it in one message, each with where it stands. */
static void test_all_faults_at_once(void **state)
{
    (void)state;
    put_file(".env", "DB_MAX_CONNECTIONS=abc\nDB_POOL_TIMEOUT = 5\nDB_LOG_LEVEL=loud\n");
    setenv("DB_CONNECT_RETRIES", "-1", 1);
    check_load_fails(
        "DB_POOL_TIMEOUT: not KEY=value (no blank in front of the =) (.env:2)\n"
        "DB_MAX_CONNECTIONS: \"abc\" is not a whole number from 1 to 10000 (.env:1)\n"
        "DB_CONNECT_RETRIES: \"-1\" is not a whole number from 0 to 100 (environment)\n"
        "DB_LOG_LEVEL: \"loud\" is not one of off|error|warn|info|query|debug (.env:3)\n"
        "DATABASE_URL is not set");
}

static void test_components_have_names(void **state)
{
    (void)state;
    setenv("DATABASE_URL", "sqlite::memory:", 1);
    setenv("DB_LOG_COMPONENTS", "all,-pol", 1);
    check_load_fails(
        "DB_LOG_COMPONENTS: \"all,-pol\" has a name that is none of all, config, driver, connect, "
        "pool, query, slow, txn, health, listen, shutdown, server (environment)");
    setenv("DB_LOG_COMPONENTS", "all, -pool", 1);
    tn_config_free(load());
}

static void test_more_faults_than_fit(void **state)
{
    tn_error err = TN_ERROR_INIT;

    (void)state;
    for (int id = 0; id < TN__OPT_COUNT; id++)
        if (tn__options[id].kind == TN_OPTION_INTEGER)
            setenv(tn__options[id].environment, "some long text that is no number at all", 1);
    assert_null(tn_config_load(&err));
    assert_non_null(strstr(err.message, "\nand "));
    assert_non_null(strstr(err.message, " more"));
    assert_true(strlen(err.message) < sizeof(err.message));
    assert_null(strstr(err.message, "..."));
}

static void test_bounds(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        bool ok;
    } rows[] = {
        {"max_connections", "0", false},
        {"max_connections", "1", true},
        {"max_connections", "10000", true},
        {"max_connections", "10001", false},
        {"max_connections", "1.5", false},
        {"max_connections", " 5", false},
        {"max_connections", "-1", false},
        {"max_connections", "99999999999999999999", false},
        {"connection_timeout", "0", false},
        {"connection_timeout", "1", true},
        {"pool_timeout", "0", true},
        {"idle_timeout", "0", true},
        {"log_level", "debug", true},
        {"log_level", "DEBUG", false},
        {"log_level", "bug", false},
        {"log_level", "off|error", false},
        {"application_name", "my app", true},
        {"application_name", "a\nb", false},
        {"application_name", "\xff", false},
        {"application_name", "123456789012345678901234567890123456789012345678901234567890123",
         true},
        {"application_name", "1234567890123456789012345678901234567890123456789012345678901234",
         false},
        {"url", "sqlite:x", true},
        {"url", "../../evil://x", false},
        {"url", "sqlite:a\nb", false},
        {"url", "SQLITE:x", false},
        {"url_file", "/does/not/exist", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_error err = TN_ERROR_INIT;
        tn_config *config = tn_config_new(&err);
        tn__option_id id;

        assert_non_null(config);
        id = 0;
        while (strcmp(tn__options[id].name, rows[i].name) != 0)
            id++;
        check_row(tn_config_set(config, rows[i].name, rows[i].value, &err) ==
                      (rows[i].ok ? TN_OK : TN_CONFIG),
                  i);
        if (rows[i].ok) {
            check_row(strcmp(tn__config_text(config, id), rows[i].value) == 0, i);
        } else {
            check_row(strstr(err.message, tn__options[id].environment) == err.message, i);
            check_row(!strchr(err.message, '\n'), i);
            check_row(entry(config, id).source != TN_SOURCE_SET, i); /* untouched */
        }
        tn_config_free(config);
    }
}

static void test_minimum_and_maximum(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config;

    (void)state;
    setenv("DATABASE_URL", "sqlite:a", 1);
    setenv("DB_MIN_CONNECTIONS", "20", 1);
    check_load_fails("DB_MIN_CONNECTIONS: 20 (environment) is more than DB_MAX_CONNECTIONS, 10");
    put_file(".env", "DB_MAX_CONNECTIONS=3\n");
    check_load_fails(
        "DB_MIN_CONNECTIONS: 20 (environment) is more than DB_MAX_CONNECTIONS, 3 (.env:1)");
    setenv("DB_MAX_CONNECTIONS", "20", 1);
    tn_config_free(load());
    /* Only a maximum: the default minimum follows. */
    unsetenv("DB_MIN_CONNECTIONS");
    setenv("DB_MAX_CONNECTIONS", "1", 1);
    config = load();
    assert_int_equal(tn__config_number(config, TN__OPT_MIN_CONNECTIONS), 1);
    assert_int_equal(tn_config_integer(config, "min_connections"), 1);
    assert_string_equal(entry(config, TN__OPT_MIN_CONNECTIONS).value, "1");
    assert_int_equal(tn_config_set(config, "max_connections", "7", &err), TN_OK);
    assert_int_equal(tn__config_number(config, TN__OPT_MIN_CONNECTIONS), 2);
    assert_string_equal(entry(config, TN__OPT_MIN_CONNECTIONS).value, "2");
    tn_config_free(config);
}

static void test_unknown_names(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = tn_config_new(&err);

    (void)state;
    assert_non_null(config);
    assert_int_equal(tn_config_set(config, "max_conections", "5", &err), TN_CONFIG);
    assert_string_equal(err.message,
                        "\"max_conections\" is not a setting; did you mean max_connections");
    assert_int_equal(tn_config_set(config, "colour", "5", &err), TN_CONFIG);
    assert_string_equal(err.message, "\"colour\" is not a setting");
    assert_int_equal(tn_config_set(config, "", "5", &err), TN_CONFIG);
    assert_int_equal(tn_config_integer(config, "colour"), 0);
    assert_false(tn_config_entry_at(config, TN__OPT_COUNT, &(tn_config_entry){0}));
    tn_config_free(config);
    tn_config_free(NULL);
}

static void test_warnings(void **state)
{
    tn_config *config;

    (void)state;
    put_file(".env", "DATABASE_URL=sqlite:a\nDB_MAX_CONECTIONS=5\nDB_HOST=h\nOTHER=x\n"
                     "this is no line\nLD_PRELOAD=/tmp/evil.so\nPATH=/tmp\n");
    config = load();
    assert_string_equal(
        tn_config_warnings(config),
        ".env:2: DB_MAX_CONECTIONS is not a setting, ignored; did you mean DB_MAX_CONNECTIONS\n"
        ".env:3: DB_HOST is not a setting, ignored\n"
        ".env:5: not KEY=value (no blank in front of the =), ignored");
    tn_config_free(config);
    assert_null(getenv("LD_PRELOAD"));
    assert_string_not_equal(getenv("PATH"), "/tmp");
}

static void test_references(void **state)
{
    tn_config *config;

    (void)state;
    setenv("OUTSIDE", "outside", 1);
    put_file(".env.local", "HERE=local\nBOTH=local\n");
    put_file(".env",
             "BOTH=env\nOUTSIDE=inside\n"
             "DB_APPLICATION_NAME=${OUTSIDE}-${HERE}-${BOTH}\nDATABASE_URL=sqlite:${X:-d}\n");
    config = load();
    assert_string_equal(tn__config_text(config, TN__OPT_APPLICATION_NAME), "outside-local-local");
    assert_string_equal(tn__config_text(config, TN__OPT_URL), "sqlite:d");
    tn_config_free(config);
    put_file(".env", "DATABASE_URL=sqlite:${UNKNOWN}\n");
    check_load_fails("DATABASE_URL: ${...} names what is not set; write ${NAME:-} if that is meant "
                     "(.env:1)\nDATABASE_URL is not set");
}

static void test_secret_file(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config;

    (void)state;
    put_file("secret", "postgresql://app:hunter2@h/db\n\r\n");
    put_file(".env", "DATABASE_URL_FILE=secret\n");
    config = load();
    assert_string_equal(tn__config_text(config, TN__OPT_URL), "postgresql://app:hunter2@h/db");
    assert_string_equal(entry(config, TN__OPT_URL).value, "postgresql://app:***@h/db");
    assert_int_equal(entry(config, TN__OPT_URL).source, TN_SOURCE_ENV_FILE);
    assert_string_equal(entry(config, TN__OPT_URL_FILE).value, "secret");
    tn_config_free(config);

    /* A higher source wins, whichever spelling it takes. */
    setenv("DATABASE_URL", "sqlite:env", 1);
    config = load();
    assert_string_equal(tn__config_text(config, TN__OPT_URL), "sqlite:env");
    assert_null(entry(config, TN__OPT_URL_FILE).value);
    assert_int_equal(tn_config_set(config, "url_file", "secret", &err), TN_OK);
    assert_string_equal(tn__config_text(config, TN__OPT_URL), "postgresql://app:hunter2@h/db");
    assert_int_equal(tn_config_check(config, &err), TN_OK);
    assert_int_equal(tn_config_set(config, "url", "sqlite:set", &err), TN_OK);
    assert_int_equal(tn_config_check(config, &err), TN_CONFIG);
    assert_string_equal(err.message, "DATABASE_URL and DATABASE_URL_FILE are both set; set one of "
                                     "them (set by the program)");
    tn_config_free(config);

    setenv("DATABASE_URL_FILE", "secret", 1);
    check_load_fails(
        "DATABASE_URL and DATABASE_URL_FILE are both set; set one of them (environment)");
    /* Set to nothing in the environment, the other spelling of the file stands. */
    setenv("DATABASE_URL", "", 1);
    unsetenv("DATABASE_URL_FILE");
    config = load();
    assert_string_equal(tn__config_text(config, TN__OPT_URL), "postgresql://app:hunter2@h/db");
    tn_config_free(config);
}

static void test_bad_secret_files(void **state)
{
    char *large = malloc(70000);

    (void)state;
    assert_non_null(large);
    memset(large, 'x', 69999);
    large[69999] = '\0';
    setenv("DATABASE_URL_FILE", "secret", 1);
    check_load_fails("DATABASE_URL_FILE: secret cannot be opened: No such file or directory "
                     "(environment)");
    put_file("secret", "\n");
    check_load_fails("DATABASE_URL_FILE: secret is empty (environment)");
    put_file("secret", large);
    check_load_fails("DATABASE_URL_FILE: secret is larger than 65536 bytes (environment)");
    put_file("secret", "sqlite:a");
    chmod("secret", 0606);
    check_load_fails("DATABASE_URL_FILE: secret is writable by others (mode 0606); chmod o-w it "
                     "(environment)");
    chmod("secret", 0644);
    tn_config_free(load());
    put_file("secret", "../../evil://app:hunter2@h");
    check_load_fails(
        "DATABASE_URL: \"../../evil\" is not a scheme name ([a-z][a-z0-9+.-]*) (secret)");
    put_file("secret", "sqlite:a\nsqlite:b\n");
    check_load_fails(
        "DATABASE_URL: a line break or another control character stands in it (secret)");
    unlink("secret");
    assert_int_equal(mkdir("secret", 0700), 0);
    check_load_fails("DATABASE_URL_FILE: secret is not a regular file (environment)");
    rmdir("secret");
    /* A pipe that nobody writes to must not stop the program. */
    assert_int_equal(mkfifo("secret", 0600), 0);
    check_load_fails("DATABASE_URL_FILE: secret is not a regular file (environment)");
    free(large);
}

static void test_env_file_of_others(void **state)
{
    tn_config *config;

    (void)state;
    put_file(".env", "DATABASE_URL=sqlite:a\n");
    chmod(".env", 0666);
    setenv("DATABASE_URL", "sqlite:b", 1);
    check_load_fails(".env is writable by others (mode 0666); chmod o-w it");
    chmod(".env", 0664);
    tn_config_free(load());
    unlink(".env");
    assert_int_equal(mkdir(".env", 0700), 0); /* as Python's venv may be called */
    config = load();
    assert_string_equal(tn_config_warnings(config), ".env is not a regular file, ignored");
    tn_config_free(config);
}

/* No secret in any message, whatever is wrong with what. */
static void test_secrets_stay_hidden(void **state)
{
    static const char *const values[] = {
        "postgresql://app:hunter2@h/db",
        "../evil://app:hunter2@h/db",
        "POSTGRES://u:hunter2@h",
        "host=h password=hunter2",
        "u ser:hunter2@h/db",
        "postgresql://h/d?password=hunter2",
        "postgresql://app:hunter2@h/db\n",
        "\x01postgresql://app:hunter2@h/db",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++)
        for (int id = 0; id < TN__OPT_COUNT; id++) {
            tn_error err = TN_ERROR_INIT;
            tn_config *config;
            char text[1024];

            setenv(tn__options[id].environment, values[i], 1);
            config = tn_config_load(&err);
            tn_error_format(&err, text, sizeof(text));
            if (strstr(text, "hunter2"))
                fail_msg("%s: %s", tn__options[id].environment, text);
            if (config && strstr(entry(config, (tn__option_id)id).value, "hunter2"))
                fail_msg("%s shows it", tn__options[id].environment);
            tn_config_free(config);
            config = tn_config_new(&err);
            if (tn_config_set(config, tn__options[id].name, values[i], &err) &&
                strstr(err.message, "hunter2"))
                fail_msg("%s", err.message);
            tn_config_free(config);
            config = tn_config_load_file(values[i], &err);
            assert_null(strstr(err.message, "hunter2"));
            tn_config_free(config);
            unsetenv(tn__options[id].environment);
        }
}

static void test_read_keeps_faults_back(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config;

    (void)state;
    put_file(".env", "DB_MAX_CONNECTIONS=abc\n");
    config = tn_config_read(NULL, &err);
    assert_non_null(config);
    assert_string_equal(entry(config, TN__OPT_MAX_CONNECTIONS).value, "abc");
    assert_int_equal(tn_config_integer(config, "max_connections"), 10); /* the default meanwhile */
    assert_int_equal(tn_config_check(config, &err), TN_CONFIG);
    assert_int_equal(tn_config_set(config, "max_connections", "4", &err), TN_OK);
    assert_int_equal(tn_config_set(config, "url", "sqlite:a", &err), TN_OK);
    assert_int_equal(tn_config_check(config, &err), TN_OK);
    tn_config_free(config);
}

static void test_from_url(void **state)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config;

    (void)state;
    setenv("DB_MAX_CONNECTIONS", "3", 1); /* not looked at */
    config = tn_config_from_url("sqlite::memory:", &err);
    assert_non_null(config);
    assert_int_equal(tn__config_number(config, TN__OPT_MAX_CONNECTIONS), 10);
    tn_config_free(config);
    assert_null(tn_config_from_url("nonsense", &err));
    assert_int_equal(err.status, TN_CONFIG);
    assert_null(tn_config_from_url("", &err));
    assert_null(tn_config_from_url(NULL, &err));
    assert_non_null(strstr(err.message, "DATABASE_URL is not set"));
}

/* For a program that hands it on: with what is hidden elsewhere. */
static void test_url_with_secrets(void **state)
{
    static const char url[] = "postgresql://app:s%40cret@h/d?password=more";
    tn_error err = TN_ERROR_INIT;

    (void)state;
    tn_config *config = tn_config_new(&err);
    assert_non_null(config);
    assert_null(tn_config_url(config));
    assert_int_equal(tn_config_set(config, "url", url, &err), TN_OK);
    assert_string_equal(tn_config_url(config), url);
    assert_null(tn_config_url(NULL));
    tn_config_free(config);
}

static void test_log_level(void **state)
{
    static const struct {
        const char *name;
        const char *level, *app_env;
        tn_log_level want;
    } rows[] = {
        {"production", NULL, NULL, TN_LOG_ERROR},
        {"development", NULL, "development", TN_LOG_QUERY},
        {"another word", NULL, "staging", TN_LOG_ERROR},
        {"level wins", "off", "development", TN_LOG_OFF},
        {"level alone", "debug", NULL, TN_LOG_DEBUG},
        {"info", "info", "production", TN_LOG_INFO},
        {"query", "query", NULL, TN_LOG_QUERY},
        {"warn", "warn", NULL, TN_LOG_WARN},
        {"error", "error", NULL, TN_LOG_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tn_config *config = tn_config_new(NULL);

        assert_int_equal(tn_config_set(config, "log_level", rows[i].level, NULL), TN_OK);
        assert_int_equal(tn_config_set(config, "app_env", rows[i].app_env, NULL), TN_OK);
        check_row(tn__config_log_level(config) == rows[i].want, i);
        tn_config_free(config);
    }
}

static tn_wait_result no_wait(void *arg, int fd, int cancel_fd, int events, int64_t deadline_ns)
{
    (void)arg;
    (void)fd;
    (void)cancel_fd;
    (void)events;
    (void)deadline_ns;
    return TN_WAIT_FAILED;
}

static void test_wait(void **state)
{
    tn_config *config = tn_config_new(NULL);
    void *arg = &arg;
    int mine;

    (void)state;
    assert_null(tn__config_wait(config, &arg));
    assert_null(arg);
    tn_config_set_wait(config, no_wait, &mine);
    assert_true(tn__config_wait(config, &arg) == no_wait);
    assert_ptr_equal(arg, &mine);
    tn_config_free(config);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_precedence),
        CASE(test_no_env),
        CASE(test_load_file),
        CASE(test_empty_means_not_set),
        CASE(test_all_faults_at_once),
        CASE(test_components_have_names),
        CASE(test_more_faults_than_fit),
        CASE(test_bounds),
        CASE(test_minimum_and_maximum),
        CASE(test_unknown_names),
        CASE(test_warnings),
        CASE(test_references),
        CASE(test_secret_file),
        CASE(test_bad_secret_files),
        CASE(test_env_file_of_others),
        CASE(test_secrets_stay_hidden),
        CASE(test_read_keeps_faults_back),
        CASE(test_from_url),
        CASE(test_url_with_secrets),
        CASE(test_log_level),
        CASE(test_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
