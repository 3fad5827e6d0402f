/* SPDX-License-Identifier: MIT */
#include "secrets_child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/tenon.h>

/* As text, and byte by byte: what no text shows must not be in there either. */
static void show_error(const char *what, const tn_error *err)
{
    printf("%s: %s: ", what, tn_status_name(err->status));
    tn_error_print(stdout, err);
    fwrite(err, 1, sizeof(*err), stdout);
    puts("");
}

static void show_config(const tn_config *config)
{
    tn_config_entry entry;
    for (size_t i = 0; tn_config_entry_at(config, i, &entry); i++)
        printf("%s = %s (%s)\n", entry.option->environment, entry.value ? entry.value : "-",
               entry.file ? entry.file : "");
    printf("warnings: %s\n", tn_config_warnings(config));
}

static void read_configuration(void)
{
    tn_error err = TN_ERROR_INIT;
    tn_config *config = tn_config_load(&err);
    if (!config)
        show_error("tn_config_load", &err);
    else
        show_config(config);
    tn_config_free(config);

    config = tn_config_read(NULL, &err);
    if (!config) {
        show_error("tn_config_read", &err);
        return;
    }
    show_config(config);
    if (tn_config_check(config, &err) != TN_OK)
        show_error("tn_config_check", &err);
    tn_config_free(config);
}

static void take_url_by_hand(const char *url)
{
    tn_error err = TN_ERROR_INIT;
    tn_driver_info info;
    const struct tn_driver_module *module;
    char text[1024];
    tn_config *config = tn_config_from_url(url, &err);

    if (!config)
        show_error("tn_config_from_url", &err);
    else
        show_config(config);
    tn_config_free(config);

    config = tn_config_new(&err);
    if (config && tn_config_set(config, "url", url, &err) != TN_OK)
        show_error("tn_config_set", &err);
    if (config && tn_config_set(config, "max_connections", url, &err) != TN_OK)
        show_error("tn_config_set of a number", &err);
    tn_config_free(config);

    tn_url_redact(url, text, sizeof(text));
    printf("redacted: %s\n", text);
    if (tn_driver_inspect(url, &info, &module, &err) != TN_OK) {
        show_error("tn_driver_inspect", &err);
        fwrite(&err, 1, sizeof(err), stdout);
    }
}

static tn_status fail_within(tn_db *tx, void *arg, tn_error *err)
{
    (void)arg;
    return tn_exec(tx, "select * from no_such_table", NULL, NULL, err);
}

static void work(tn_db *db)
{
    tn_error err = TN_ERROR_INIT;
    int32_t one;
    tn_health health = tn_health_check(db, 2000);

    puts(CHILD_OPENED);
    printf("%s %s %s\n", tn_db_driver(db), tn_db_url(db), health.endpoint);
    fwrite(&health, 1, sizeof(health), stdout);
    if (tn_get(db, "select 1", NULL, tn_into(&one), &err) != TN_OK)
        show_error("tn_get", &err);
    if (tn_exec(db, "selct 1", NULL, NULL, &err) != TN_OK)
        show_error("tn_exec", &err);
    if (tn_transaction(db, NULL, fail_within, NULL, &err) != TN_OK)
        show_error("tn_transaction", &err);
    if (tn_get(db, "select cast(current_setting('application_name') as integer)", NULL,
               tn_into(&one), &err) != TN_OK)
        show_error("tn_get", &err);
}

static void use_client(const char *url)
{
    tn_error err = TN_ERROR_INIT;
    tn_db *db = tn_client(&err);
    bool reached = db || err.status != TN_UNAVAILABLE;
    if (db) {
        work(db);
    } else {
        puts(CHILD_REFUSED);
        show_error("tn_client", &err);
    }
    if (tn_client_shutdown(5000, &err) != TN_OK)
        show_error("tn_client_shutdown", &err);

    /* This one would wait for a server that is not there: it does not ask the environment. */
    if (!url || !reached)
        return;
    db = tn_open_url(url, &err);
    if (!db) {
        show_error("tn_open_url", &err);
        return;
    }
    tn_db *left;
    if (tn_acquire(db, &left, &err) == TN_OK) {
        if (tn_db_close(db, &err) != TN_OK) /* something is still in use: a report */
            show_error("tn_db_close", &err);
        tn_release(left);
    }
}

static void show_command_line(void)
{
    char text[4096];
    FILE *file = fopen("/proc/self/cmdline", "re");
    size_t n = file ? fread(text, 1, sizeof(text), file) : 0;
    if (file)
        fclose(file);
    printf("command line: ");
    fwrite(text, 1, n, stdout);
    puts("");
}

int secrets_child(void)
{
    const char *url = getenv("DATABASE_URL");
    read_configuration();
    if (url)
        take_url_by_hand(url);
    use_client(url);
    show_command_line();
    puts(CHILD_DONE);
    return EXIT_SUCCESS;
}

int secrets_leak(void)
{
    const char *url = getenv("DATABASE_URL");
    printf("%s\n%s\n", url ? url : "", CHILD_DONE);
    return EXIT_SUCCESS;
}
