/* SPDX-License-Identifier: MIT */
/* Two requests of a small service, and all that the database does for them, as spans on standard
 * output: DATABASE_URL=sqlite::memory: tenon_example_trace */
#include <stdio.h>

#include "exporter.h"

static tn_status order(tn_db *tx, void *arg, tn_error *err)
{
    const char *who = arg;

    if (tn_exec(tx, "update stock set n = n - 1 where item = 'tea'", NULL, NULL, err) != TN_OK)
        return err->status;
    return tn_exec(tx, "insert into orders (who, item) values ($1, 'tea')", tn_args(who), NULL,
                   err);
}

static tn_status handle(tn_db *db, const char *who, tn_error *err)
{
    span request;

    span_begin(&request, "POST /orders");
    tn_status status = tn_transaction(db, NULL, order, (void *)(uintptr_t)who, err);
    span_end(&request);
    return status;
}

int main(void)
{
    tn_error err = TN_ERROR_INIT;

    exporter_start(stdout);
    tn_db *db = tn_client(&err);
    if (!db || tn_exec_script(db,
                              "drop table if exists orders; drop table if exists stock;"
                              "create table stock (item text primary key,"
                              " n integer check (n >= 0));"
                              "create table orders (who text, item text);"
                              "insert into stock values ('tea', 1)",
                              &err) != TN_OK)
        return tn_error_print(stderr, &err), 1;
    tn_status first = handle(db, "Ada", &err), second = handle(db, "Bob", &err);
    if (first != TN_OK || second != TN_CONSTRAINT) /* there was one left */
        return tn_error_print(stderr, &err), 1;
    if (tn_exec_script(db, "drop table orders; drop table stock", &err) != TN_OK)
        return tn_error_print(stderr, &err), 1;
    exporter_stop();
    return tn_client_shutdown(10000, &err) != TN_OK;
}
