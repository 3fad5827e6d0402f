/* SPDX-License-Identifier: MIT */
/*
 * The page store: users with a profile, and pages that they build out of blocks (json).
 *
 * Every function takes a tn_db *: the client, or a transaction, in which it then takes part. None
 * knows which database is behind it.
 */
#ifndef PAGES_STORE_H
#define PAGES_STORE_H

#include <tenon/tenon.h>

/* What somebody fills in to register: an account and a first page. */
struct registration {
    const char *email;
    const char *name;
    const char *slug;
    const char *title;
    const char *content; /* json */
};

/* A page that is to be made. */
struct draft {
    const char *slug;
    const char *title;
    const char *content; /* json */
};

/* A line of the list of pages; texts are valid until the next one is asked for. */
struct page_line {
    tn_str slug;
    tn_str title;
    tn_str author;
    int32_t blocks;
    tn_opt_time published_at;
};

/* A whole page, released with store_page_free(). */
struct page {
    tn_uuid id;
    char *title;
    char *content;
    tn_opt_time published_at;
};

/* Registers people together: all of them or, when one cannot be, none. */
tn_status store_register(tn_db *db, const struct registration *people, size_t count, tn_error *err);

tn_status store_find_user(tn_db *db, const char *email, tn_uuid *ret_id, tn_error *err);

/* Removes a user with all that is theirs; *ret_removed tells if there was one. */
tn_status store_remove_user(tn_db *db, const char *email, bool *ret_removed, tn_error *err);

tn_status store_count_users(tn_db *db, int64_t *ret_count, tn_error *err);

tn_status store_add_page(tn_db *db, tn_uuid author, const struct draft *draft, tn_error *err);

/* Adds those drafts whose slug is free, in one transaction; *ret_added tells how many. */
tn_status store_import_pages(tn_db *db, tn_uuid author, const struct draft *drafts, size_t count,
                             size_t *ret_added, tn_error *err);

/* TN_NOT_FOUND when there is no such page, or it is public already. */
tn_status store_publish_page(tn_db *db, const char *slug, tn_error *err);

tn_status store_get_page(tn_db *db, const char *slug, struct page *ret_page, tn_error *err);
void store_page_free(struct page *page);

/* The pages in order of their slugs. They are streamed: any number of them needs no memory. The
 * caller closes the rows with tn_close(), which tells about every error. */
tn_rows *store_list_pages(tn_db *db);
bool store_next_page(tn_rows *rows, struct page_line *ret_line);

#endif
