/* SPDX-License-Identifier: MIT */
/*
 * A small page builder, run from start to end once: it waits for a healthy database, registers
 * people, fails to register others, imports and publishes pages, lists them and shuts down.
 * DATABASE_URL chooses the database; nothing in here knows which one it is.
 */
#include <stdlib.h>

#include "schema.h"
#include "store.h"

static const struct registration ada = {
    .email = "ada@example.com",
    .name = "Ada Lovelace",
    .slug = "engine-notes",
    .title = "Notes on the Engine",
    .content = "{\"blocks\": [{\"type\": \"heading\", \"text\": \"Note G\"},"
               " {\"type\": \"text\", \"text\": \"It can do whatever we know how to order it.\"}]}",
};

static const struct registration grace = {
    .email = "grace@example.com",
    .name = "Grace Hopper",
    .slug = "nanoseconds",
    .title = "How long is a nanosecond?",
    .content = "{\"blocks\": [{\"type\": \"text\", \"text\": \"About 30 centimetres.\"}]}",
};

static const struct draft drafts[] = {
    {"about", "About us", "{\"blocks\": [{\"type\": \"text\", \"text\": \"We build pages.\"}]}"},
    {"engine-notes", "The same slug again", "{\"blocks\": []}"},
    {"contact", "Contact", "{\"blocks\": [{\"type\": \"form\", \"fields\": [\"email\"]}]}"},
};
enum { N_DRAFTS = sizeof(drafts) / sizeof(drafts[0]) };

/* Nothing is served before the database answers. */
static tn_status check_health(tn_db *db, tn_error *err)
{
    const tn_health health = tn_health_check(db, 2000);
    if (health.status != TN_HEALTHY) {
        if (err)
            *err = health.error;
        return health.error.status;
    }
    printf("driver      %s %s (%s)\n", health.driver, health.driver_version, health.client);
    printf("database    %s at %s\n", health.server, health.endpoint);
    printf("health      healthy, latency %.3f ms\n", (double)health.latency_us / 1000.0);
    return TN_OK;
}

/* Does nothing where `tenon migrate deploy` was there before. */
static tn_status migrate(tn_db *db, tn_error *err)
{
    int64_t count;
    char *newest = NULL;
    tn_status status = schema_create(db, err);

    if (status == TN_OK)
        status = tn_get(db, "select count(*), max(version) from _tenon_migrations", NULL,
                        tn_into(&count, &newest), err);
    if (status == TN_OK)
        printf("schema      %d migrations, at %s\n", (int)count, newest);
    free(newest);
    return status;
}

/* What an earlier run left in a database that keeps it. */
static tn_status remove_leftovers(tn_db *db, tn_error *err)
{
    bool removed;
    tn_status status = store_remove_user(db, ada.email, &removed, err);
    return status == TN_OK ? store_remove_user(db, grace.email, &removed, err) : status;
}

static tn_status register_one(tn_db *db, tn_error *err)
{
    tn_uuid id;
    char text[TN_UUID_TEXT_SIZE];
    tn_status status = store_register(db, &ada, 1, err);
    if (status == TN_OK)
        status = store_find_user(db, ada.email, &id, err);
    if (status == TN_OK)
        printf("committed   registration of %s: user %s, profile and page\n", ada.email,
               tn_uuid_format(id, text));
    return status;
}

/* Grace is new and is written first; the second one has an address that is taken. Neither stays. */
static tn_status register_two(tn_db *db, tn_error *err)
{
    const struct registration people[] = {grace, ada};
    tn_error refused = TN_ERROR_INIT;
    struct page page;
    tn_uuid id;

    if (store_register(db, people, 2, &refused) != TN_CONSTRAINT)
        return tn_error_set(err, TN_FAILED, NULL, "an address could be registered twice");
    if (store_find_user(db, grace.email, &id, err) != TN_NOT_FOUND ||
        store_get_page(db, grace.slug, &page, err) != TN_NOT_FOUND)
        return tn_error_set(err, TN_FAILED, NULL, "half a registration was left behind");
    printf("rolled back registration of %s and %s: %s is violated (SQLSTATE %s),"
           " nothing of either is left\n",
           grace.email, ada.email, refused.constraint, refused.sqlstate);
    return TN_OK;
}

static tn_status import_and_publish(tn_db *db, tn_error *err)
{
    tn_uuid author;
    size_t added;
    tn_status status = store_find_user(db, ada.email, &author, err);
    if (status == TN_OK)
        status = store_import_pages(db, author, drafts, N_DRAFTS, &added, err);
    if (status == TN_OK)
        status = store_publish_page(db, ada.slug, err);
    if (status == TN_OK)
        printf("imported    %zu of %d pages; those whose slug is taken were undone by savepoints\n",
               added, (int)N_DRAFTS);
    return status;
}

static tn_status list_pages(tn_db *db, tn_error *err)
{
    struct page_line line;
    char published[TN_TIME_TEXT_SIZE];
    tn_rows *rows = store_list_pages(db);

    while (store_next_page(rows, &line)) {
        if (line.published_at.has)
            tn_time_format(line.published_at.value, published);
        printf("page        /%-13s %-20s by %-13s %d block%s, %s%s\n", line.slug.ptr,
               line.title.ptr, line.author.ptr, (int)line.blocks, line.blocks == 1 ? "" : "s",
               line.published_at.has ? "published " : "draft",
               line.published_at.has ? published : "");
    }
    return tn_close(rows, err);
}

static tn_status show_page(tn_db *db, tn_error *err)
{
    struct page page;
    tn_status status = store_get_page(db, ada.slug, &page, err);
    if (status == TN_OK) {
        printf("content     %s\n", page.content);
        store_page_free(&page);
    }
    return status;
}

static tn_status run(tn_error *err)
{
    static tn_status (*const steps[])(tn_db *, tn_error *) = {
        check_health,       migrate,    remove_leftovers, register_one, register_two,
        import_and_publish, list_pages, show_page,
    };
    tn_db *db = tn_client(err);
    tn_status status = db ? TN_OK : TN_FAILED;

    for (size_t i = 0; status == TN_OK && i < sizeof(steps) / sizeof(steps[0]); i++)
        status = steps[i](db, err);
    return status;
}

int main(void)
{
    tn_error err = TN_ERROR_INIT;
    tn_status status = run(&err);

    if (status != TN_OK)
        tn_error_print(stderr, &err);
    if (tn_client_shutdown(5000, &err) != TN_OK) {
        tn_error_print(stderr, &err);
        return EXIT_FAILURE;
    }
    if (status != TN_OK)
        return EXIT_FAILURE;
    puts("shutdown    clean");
    return EXIT_SUCCESS;
}
