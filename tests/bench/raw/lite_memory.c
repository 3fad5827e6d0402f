/* SPDX-License-Identifier: MIT */
/* Databases in memory that live for a moment, as those of tests do. */
#include "raw/lite.h"

#include <stdio.h>

static void fill_table(sqlite3 *db, int table)
{
    char sql[256];
    sqlite3_stmt *stmt;

    bench_small_insert(table, sql, sizeof(sql));
    stmt = lite_prepare(db, sql);
    for (int i = 0; i < BENCH_SMALL_ROWS; i++) {
        sqlite3_bind_int64(stmt, 1, i);
        sqlite3_bind_text(stmt, 2, "a name", 6, SQLITE_STATIC);
        sqlite3_bind_double(stmt, 3, i * 0.5);
        lite_step(stmt, SQLITE_DONE);
        sqlite3_reset(stmt);
    }
    sqlite3_finalize(stmt);
}

void lite_w9(struct bench_run *run)
{
    char sql[256];

    bench_start(run);
    for (int64_t n = 0; n < run->operations; n++) {
        sqlite3 *db = lite_open_path(":memory:");
        for (int i = 0; i < BENCH_SMALL_TABLES; i++) {
            bench_small_table(i, sql, sizeof(sql));
            lite_command(db, sql);
        }
        lite_command(db, "begin");
        for (int i = 0; i < BENCH_SMALL_TABLES; i++)
            fill_table(db, i);
        lite_command(db, "commit");
        run->checksum += (uint64_t)sqlite3_total_changes64(db);
        lite_finish(db);
    }
    bench_stop(run);
}

static unsigned char *make_template(sqlite3_int64 *ret_size)
{
    sqlite3 *db = lite_open_path(":memory:");
    unsigned char *image;
    char sql[256];

    for (int i = 0; i < BENCH_CLONE_TABLES; i++) {
        bench_small_table(i, sql, sizeof(sql));
        lite_command(db, sql);
    }
    image = sqlite3_serialize(db, "main", ret_size, 0);
    if (!image)
        bench_die("serialize", sqlite3_errmsg(db));
    lite_finish(db);
    return image;
}

/* Each clone has a copy of the template's pages, and answers one query. */
static int64_t clone(const unsigned char *image, sqlite3_int64 size)
{
    sqlite3 *db = lite_open_path(":memory:");
    unsigned char *copy = sqlite3_malloc64((sqlite3_uint64)size);
    sqlite3_stmt *stmt;
    int64_t count;

    if (!copy)
        bench_die("clone", "no memory");
    memcpy(copy, image, (size_t)size);
    if (sqlite3_deserialize(db, "main", copy, size, size,
                            SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) !=
        SQLITE_OK)
        bench_die("deserialize", sqlite3_errmsg(db));
    stmt = lite_prepare(db, "select count(*) from small_0");
    lite_step(stmt, SQLITE_ROW);
    count = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    lite_finish(db);
    return count + 1;
}

void lite_w9c(struct bench_run *run)
{
    sqlite3_int64 size;
    unsigned char *image = make_template(&size);

    bench_start(run);
    for (int64_t n = 0; n < run->operations; n++)
        run->checksum += (uint64_t)clone(image, size);
    bench_stop(run);
    sqlite3_free(image);
}
