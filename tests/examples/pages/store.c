/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <string.h>

/* ---- users ---------------------------------------------------------------------------------- */

struct people {
    const struct registration *items;
    size_t count;
};

static tn_status add_person(tn_db *tx, const struct registration *person, tn_error *err)
{
    const struct draft first = {person->slug, person->title, person->content};
    tn_uuid id;
    tn_status status = tn_get(tx, "insert into users (email) values ($1) returning id",
                              tn_args(person->email), tn_into(&id), err);
    if (status == TN_OK)
        status = tn_exec(tx, "insert into profiles (user_id, name) values ($1, $2)",
                         tn_args(id, person->name), NULL, err);
    if (status == TN_OK)
        status = store_add_page(tx, id, &first, err);
    return status;
}

/* The body of a transaction: whatever it returns but TN_OK undoes all of it. */
static tn_status add_people(tn_db *tx, void *arg, tn_error *err)
{
    const struct people *people = arg;
    for (size_t i = 0; i < people->count; i++) {
        tn_status status = add_person(tx, &people->items[i], err);
        if (status != TN_OK) {
            tn_error_prepend(err, "register %s", people->items[i].email);
            return status;
        }
    }
    return TN_OK;
}

tn_status store_register(tn_db *db, const struct registration *people, size_t count, tn_error *err)
{
    struct people all = {people, count};
    return tn_transaction(db, NULL, add_people, &all, err);
}

tn_status store_find_user(tn_db *db, const char *email, tn_uuid *ret_id, tn_error *err)
{
    return tn_get(db, "select id from users where email = $1", tn_args(email), tn_into(ret_id),
                  err);
}

tn_status store_remove_user(tn_db *db, const char *email, bool *ret_removed, tn_error *err)
{
    int64_t removed;
    tn_status status = tn_exec(db, "delete from users where email = $1", tn_args(email), &removed,
                               err);
    if (status == TN_OK)
        *ret_removed = removed > 0;
    return status;
}

tn_status store_count_users(tn_db *db, int64_t *ret_count, tn_error *err)
{
    return tn_get(db, "select count(*) from users", NULL, tn_into(ret_count), err);
}

/* ---- pages ---------------------------------------------------------------------------------- */

tn_status store_add_page(tn_db *db, tn_uuid author, const struct draft *draft, tn_error *err)
{
    return tn_exec(db, "insert into pages (user_id, slug, title, content) values ($1, $2, $3, $4)",
                   tn_args(author, draft->slug, draft->title, tn_json_from(draft->content)), NULL,
                   err);
}

struct import {
    tn_uuid author;
    const struct draft *drafts;
    size_t count;
    const struct draft *next; /* the one that add_next() adds */
    size_t added;
};

static tn_status add_next(tn_db *tx, void *arg, tn_error *err)
{
    const struct import *import = arg;
    return store_add_page(tx, import->author, import->next, err);
}

/* A transaction within a transaction is a savepoint: a draft that fails undoes itself, not those
 * before it, and the outer transaction goes on. */
static tn_status add_drafts(tn_db *tx, void *arg, tn_error *err)
{
    struct import *import = arg;
    import->added = 0;
    for (size_t i = 0; i < import->count; i++) {
        tn_error refused = TN_ERROR_INIT;
        import->next = &import->drafts[i];
        if (tn_transaction(tx, NULL, add_next, import, &refused) == TN_OK) {
            import->added++;
        } else if (strcmp(refused.constraint, "pages_slug_key") != 0) {
            if (err)
                *err = refused;
            return refused.status;
        }
    }
    return TN_OK;
}

tn_status store_import_pages(tn_db *db, tn_uuid author, const struct draft *drafts, size_t count,
                             size_t *ret_added, tn_error *err)
{
    struct import import = {.author = author, .drafts = drafts, .count = count};
    tn_status status = tn_transaction(db, NULL, add_drafts, &import, err);
    if (status == TN_OK)
        *ret_added = import.added;
    return status;
}

tn_status store_publish_page(tn_db *db, const char *slug, tn_error *err)
{
    int64_t published;
    tn_status status = tn_exec(db,
                               "update pages set published_at = $2"
                               " where slug = $1 and published_at is null",
                               tn_args(slug, tn_time_now()), &published, err);
    if (status == TN_OK && published == 0)
        status = tn_error_set(err, TN_NOT_FOUND, NULL, "no draft with the slug \"%s\"", slug);
    return status;
}

tn_status store_get_page(tn_db *db, const char *slug, struct page *ret_page, tn_error *err)
{
    return tn_get(
        db, "select id, title, content, published_at from pages where slug = $1", tn_args(slug),
        tn_into(&ret_page->id, &ret_page->title, &ret_page->content, &ret_page->published_at), err);
}

void store_page_free(struct page *page)
{
    tn_free(page->title);
    tn_free(page->content);
    *page = (struct page){.title = NULL};
}

tn_rows *store_list_pages(tn_db *db)
{
    return tn_query(db,
                    "select pages.slug, pages.title, profiles.name,"
                    " coalesce(json_array_length(pages.content -> 'blocks'), 0), pages.published_at"
                    " from pages join profiles on profiles.user_id = pages.user_id"
                    " order by pages.slug",
                    NULL);
}

bool store_next_page(tn_rows *rows, struct page_line *ret_line)
{
    return tn_next(rows) && tn_scan(rows, &ret_line->slug, &ret_line->title, &ret_line->author,
                                    &ret_line->blocks, &ret_line->published_at) == TN_OK;
}
